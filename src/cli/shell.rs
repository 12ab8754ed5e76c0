//! `papilla completions` and `papilla man`: what a shell and its manual want to know.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use serde_json::json;

use super::{Global, Overwrite, output};
use crate::own_file::Purpose;

/// Print completions of verbs, flags and their values for a shell
#[derive(clap::Args)]
pub(super) struct Completions {
    /// Shell that is to complete
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages, one for each verb
#[derive(clap::Args)]
pub(super) struct Man {
    /// Folder for `papilla.1`, `papilla-train.1` and the others
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
}

pub(super) fn completions(global: &Global, arguments: &Completions, mut whole: Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut whole, "papilla", &mut script);
    if global.json {
        output::json(&json!({ "shell": arguments.shell.to_string(), "script": String::from_utf8(script)? }))?;
    } else {
        output::bytes(&script)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(global: &Global, arguments: &Man, mut whole: Command) -> Result<ExitCode> {
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    whole.build();
    let overwriting = arguments.overwrite.rule();
    let verbs = whole.get_subcommands().filter(|verb| verb.get_name() != "help");
    let mut files = Vec::new();
    for page in std::iter::once(&whole).chain(verbs) {
        let page = clap_mangen::Man::new(page.clone());
        let path = out.join(page.get_filename());
        overwriting.write(&path, Purpose::Manual, |file| {
            writeln!(file, ".\\\" {}", Purpose::Manual.mark())?;
            page.render(file)
        })?;
        files.push(path.display().to_string());
    }
    if global.json {
        output::json(&json!({ "files": files }))?;
    } else {
        output::line(format_args!("{} pages in {}; read one with `man {}`", files.len(), out.display(), files[0]))?;
    }
    Ok(ExitCode::SUCCESS)
}
