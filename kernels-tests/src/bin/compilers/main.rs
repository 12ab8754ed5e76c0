//! `compilers FOLDER [--record]`: every variant of every shader through GPUs' compilers and Chrome's WGSL compiler, which
//! `.ci/compilers` has unpacked into FOLDER. Figures are held against `data/compilers/`, or recorded there.

#![allow(clippy::disallowed_methods, reason = "files are temporary or under version control")]

mod ask;
mod sheets;
mod unpacked;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use kernels_tests::compilers::{COMPILERS, Compiler, Record, held, known_spill};

use self::sheets::Sheets;
use self::unpacked::Unpacked;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--ask", questions] => ask::ask(Path::new(questions)).map(|()| true),
        [folder] => check(Path::new(folder), false),
        [folder, "--record"] => check(Path::new(folder), true),
        _ => Err("use: compilers FOLDER [--record]".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every compiler takes every variant, none worse than recorded.
fn check(folder: &Path, record: bool) -> Result<bool, Box<dyn Error>> {
    let unpacked = Unpacked::find(folder)?;
    let sheets = Sheets::write()?;
    let mut wrong = sheets.refused_by_browsers(&unpacked)?;
    println!("{} variants as a browser takes them: {} refused", sheets.browsers(), wrong.len());
    let answers = sheets.ask(&unpacked)?;
    for (compiler, answers) in COMPILERS.iter().zip(answers) {
        let now = Record { version: answers.version, figures: answers.figures };
        wrong.extend(
            answers.failed.into_iter().map(|(variant, error)| format!("`{variant}` on {}: {error}", compiler.name)),
        );
        let before = if record { now.clone() } else { Record::read(compiler.name)? };
        let complaints = held(compiler, &now, &before);
        let spilling = now.figures.values().filter(|figures| figures.spills()).count();
        println!(
            "{}: {}; {} variants, {spilling} spilling{}, {} with matrices that the chip lacks, {} worse than recorded",
            compiler.title,
            now.version,
            now.figures.len(),
            excuses(compiler, &now),
            answers.lacking,
            complaints.len()
        );
        if now.version != before.version {
            println!("    recorded of {}: registers and waves are not held against it", before.version);
        }
        let new = now.figures.keys().filter(|variant| !before.figures.contains_key(*variant)).count();
        let gone = before.figures.keys().filter(|variant| !now.figures.contains_key(*variant)).count();
        if new + gone > 0 {
            println!("    {new} variants are new and {gone} gone; `.ci/compilers --record` records them");
        }
        wrong.extend(complaints.into_iter().map(|(variant, why)| format!("`{variant}` on {}: {why}", compiler.title)));
        if record {
            now.write(compiler.name)?;
        }
    }
    if record {
        sheets::write_tables()?;
    }
    for line in wrong.iter().take(40) {
        eprintln!("{line}");
    }
    if wrong.len() > 40 {
        eprintln!("and {} more", wrong.len() - 40);
    }
    Ok(wrong.is_empty())
}

/// Why kernels may spill, with how many of their variants do.
fn excuses(compiler: &Compiler, now: &Record) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (variant, _) in now.figures.iter().filter(|(_, figures)| figures.spills()) {
        if let Some(known) = known_spill(compiler.name, variant) {
            *reasons.entry(known.reason).or_default() += 1;
        }
    }
    let listed: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if listed.is_empty() { String::new() } else { format!(" ({})", listed.join("; ")) }
}
