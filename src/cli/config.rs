//! `papilla config`: the settings file of a run, every setting explained.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Arg, Args, Command};

use super::settings::{RunSettings, StepSettings};
use super::{Global, WrongFlags, output, train};
use crate::train::Config;

/// Columns of the comments.
const WIDTH: usize = 100;

/// The parts of the file, each by its first setting.
const PARTS: [(&str, &str); 7] = [
    ("source", "Regions"),
    ("method", "Method and network"),
    ("epochs", "Length and learning rates"),
    ("adversarial_weight", "Losses beside the segmentation loss"),
    ("precision", "Memory"),
    ("seed", "Beginning and chance"),
    ("validate_every", "What is validated, kept and shown"),
];

/// Print a settings file for `train --config`, with every setting explained
///
/// Settings given as flags have those values in it, all others their defaults.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Labelled dataset: a folder that holds `train/` and `test/`
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Dataset of the other camera
    #[arg(long, value_name = "DIR")]
    target: Option<PathBuf>,
    #[command(flatten)]
    step: StepSettings,
    #[command(flatten)]
    settings: RunSettings,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let mut config = Config::new(arguments.source.clone().unwrap_or_default());
    config.target = arguments.target.clone();
    arguments.step.apply(&mut config);
    arguments.settings.apply(&mut config);
    config.check_network().map_err(WrongFlags)?;
    if global.json {
        output::json(&serde_json::to_value(&config)?)?;
    } else {
        output::line(commented(&config)?.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings as TOML. Above each stands what its flag's help says; those without a value are commented out, with an
/// example of one.
fn commented(config: &Config) -> Result<String> {
    let flags = train::Arguments::augment_args(Command::new("train"));
    let flag = |key: &str| flags.get_arguments().find(|arg| arg.get_long() == Some(&key.replace('_', "-")));
    let values = lines(&config.to_toml()?);
    let examples = lines(&Config::example().to_toml()?);
    let mut text = String::from(
        "# Settings of a training run: papilla train --config FILE --out RUN\n\
         # Flags of the same names win over them. What is left out keeps the value that stands here.\n",
    );
    for key in Config::keys() {
        if let Some((_, title)) = PARTS.iter().find(|(first, _)| *first == key) {
            write!(text, "\n# ---- {title} ----\n")?;
        }
        text.push('\n');
        for line in flag(&key).into_iter().flat_map(explanation) {
            writeln!(text, "# {line}")?;
        }
        match values.get(&key).filter(|line| !line.ends_with("= \"\"")) {
            Some(line) => writeln!(text, "{line}")?,
            None => writeln!(text, "# {}", examples[&key])?,
        }
    }
    Ok(text)
}

/// The lines of settings by their keys.
fn lines(toml: &str) -> BTreeMap<String, String> {
    let keyed = |line: &str| line.split_once(" = ").map(|(key, _)| (key.to_string(), line.to_string()));
    toml.lines().filter_map(keyed).collect()
}

/// A flag's help and its possible values, wrapped.
fn explanation(flag: &Arg) -> Vec<String> {
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.split(" [default").next().unwrap_or_default();
    let mut lines = wrapped(&format!("{help}."), "", "");
    for value in flag.get_possible_values() {
        let text = match value.get_help() {
            Some(help) => format!("{}: {help}", value.get_name()),
            None => value.get_name().to_string(),
        };
        lines.extend(wrapped(&text, "  ", "    "));
    }
    lines
}

/// Lines of at most `WIDTH` columns, the first and the others indented.
fn wrapped(text: &str, first: &str, others: &str) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), first.to_string());
    for word in text.split(' ') {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, others.to_string()));
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_file_holds_the_defaults_and_explains_every_setting() {
        let text = commented(&Config::new(PathBuf::new())).expect("defaults can be written");
        assert_eq!(Config::from_toml(&text, Path::new("run.toml")).expect("it is valid"), Config::new(PathBuf::new()));
        let paragraphs: Vec<&str> = text.split("\n\n").filter(|p| !p.starts_with("# ----")).collect();
        for key in Config::keys() {
            let explained = paragraphs.iter().find(|p| {
                let last = p.trim_end().lines().last().unwrap_or_default();
                last.trim_start_matches("# ").starts_with(&format!("{key} = "))
            });
            let explained = explained.unwrap_or_else(|| panic!("`{key}` is missing"));
            assert!(explained.lines().count() > 1, "`{key}` is not explained");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + 2), "wrapped");
    }

    #[test]
    fn uncommented_examples_are_valid_too() {
        let text = commented(&Config::new(PathBuf::new())).expect("defaults can be written");
        let is_setting = |line: &str| Config::keys().iter().any(|key| line.starts_with(&format!("# {key} = ")));
        let uncommented: Vec<&str> =
            text.lines().map(|line| if is_setting(line) { &line[2..] } else { line }).collect();
        let config = Config::from_toml(&uncommented.join("\n"), Path::new("run.toml")).expect("it is valid");
        assert_eq!(config, Config::example());
    }

    #[test]
    fn every_part_begins_with_a_setting() {
        for (first, _) in PARTS {
            assert!(Config::keys().iter().any(|key| key == first), "{first}");
        }
    }
}
