//! What people write on a command line: flags that mean the same everywhere, and help for words that no verb takes.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, anyhow};
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use super::error::WrongFlags;
use super::examples::typical;
use super::output;
use crate::data::names::printable;

/// Flags by which folders and files are given, those first that are more often what was meant.
const PLACES: [&str; 5] = ["source", "data", "input", "checkpoint", "out"];

/// What other programs call verbs, and what these are called here.
const VERBS: [(&str, &str); 16] = [
    ("export", "convert"),
    ("onnx", "convert"),
    ("segment", "predict"),
    ("seg", "predict"),
    ("infer", "predict"),
    ("inference", "predict"),
    ("run", "predict"),
    ("test", "evaluate"),
    ("eval", "evaluate"),
    ("score", "evaluate"),
    ("validate", "evaluate"),
    ("fit", "train"),
    ("finetune", "train"),
    ("preprocess", "prepare"),
    ("crop", "prepare"),
    ("generate", "synth"),
];

/// What other programs call flags, and what these are called here, of which a verb has some.
const FLAGS: [(&str, &[&str]); 16] = [
    ("weights", &["checkpoint", "init"]),
    ("model", &["checkpoint", "backbone"]),
    ("ckpt", &["checkpoint"]),
    ("pretrained", &["init"]),
    ("thresh", &["threshold"]),
    ("data", &["source", "input"]),
    ("dataset", &["data", "source", "input"]),
    ("images", &["data", "source", "input"]),
    ("batch-size", &["batch"]),
    ("learning-rate", &["lr"]),
    ("image-size", &["size"]),
    ("img-size", &["size"]),
    ("output-dir", &["out"]),
    ("save-dir", &["out"]),
    ("gpu", &["device"]),
    ("tta", &["uncertainty"]),
];

/// The command, with every verb's place for results called both `--out` and `--output`, and with negative numbers taken for
/// values, so that a flag can say why it does not take one.
pub(super) fn alike_everywhere(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let takes_values = arg.get_long().is_some() && arg.get_action().takes_values();
        let arg = if takes_values { arg.allow_negative_numbers(true) } else { arg };
        if arg.get_long() == Some("out") { arg.alias("output") } else { arg }
    });
    command.mut_subcommands(alike_everywhere)
}

/// An error of the command line with a tip: a folder without its flag, a flag where none is needed, or what is missing.
pub(super) fn with_tip(mut error: Error, command: &Command, given: &[OsString]) -> Error {
    let Some(verb) = given.iter().skip(1).find_map(|word| command.find_subcommand(word)) else {
        let tip = match error.get(ContextKind::InvalidSubcommand) {
            Some(ContextValue::String(word)) => verb_of(word).map(|verb| format!("that is `papilla {verb}` here")),
            _ => None,
        };
        if let Some(tip) = tip {
            suggest(&mut error, tip);
        }
        return error;
    };
    let tip = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => tip_on_unknown(word, verb, given),
        (ErrorKind::ArgumentConflict, _)
            if verb.get_name() == "train" && given.iter().any(|word| word == "--resume") =>
        {
            Some(
                "a run goes on with the settings that it was begun with; only `--epochs` and `--steps` can be others"
                    .to_string(),
            )
        }
        (ErrorKind::MissingRequiredArgument, _) => typical(verb.get_name()).map(|call| format!("for example `{call}`")),
        _ => None,
    };
    if let Some(tip) = tip {
        suggest(&mut error, tip);
    }
    error
}

/// A tip in the place of those for words that look alike.
fn suggest(error: &mut Error, tip: String) {
    for other in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg] {
        error.remove(other);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
}

/// The verb that does what another program calls so.
fn verb_of(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    VERBS.iter().find(|(other, _)| *other == word).map(|(_, verb)| *verb)
}

/// How a word is given that a verb does not take.
fn tip_on_unknown(word: &str, verb: &Command, given: &[OsString]) -> Option<String> {
    let is_given = |flag: &str| given.iter().any(|word| word == format!("--{flag}").as_str());
    let has = |flag: &str| verb.get_arguments().any(|arg| arg.get_long() == Some(flag));
    if !word.starts_with('-') {
        let flag = PLACES.into_iter().find(|flag| has(flag) && !is_given(flag));
        flag.map(|flag| format!("files and folders are given with a flag here: `--{flag} {word}`"))
    } else {
        let place = verb.get_positionals().next().filter(|_| PLACES.iter().any(|flag| word == format!("--{flag}")));
        let name = place.and_then(|place| place.get_value_names()?.first());
        let own = || {
            let (_, flags) = FLAGS.iter().find(|(other, _)| word == format!("--{other}").as_str())?;
            let flags: Vec<String> = flags.iter().filter(|flag| has(flag)).map(|flag| format!("`--{flag}`")).collect();
            (!flags.is_empty()).then(|| format!("that is {} here", flags.join(" or ")))
        };
        name.map(|name| format!("{name} is given without a flag")).or_else(own)
    }
}

/// Ends the program with an error of the command line, or with the help that was asked for.
pub(super) fn exit(error: Error) -> ! {
    let text = error.render().to_string();
    if text != printable(&text) {
        // Words that were given stand in it, as a shell may find them in a folder; its colours are not worth them.
        output::say(text.trim_end());
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// The sentence of an error of the command line, without what stands below it.
pub(super) fn in_one_line(error: &Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

/// Refuses paths that only another shell, or another system, would understand: a folder called `~` would be made.
pub(super) fn refuse_foreign_paths(given: &[OsString]) -> Result<()> {
    for word in given.iter().skip(1).filter_map(|word| word.to_str()) {
        let value = if word.starts_with("--") { word.split_once('=').map_or(word, |(_, value)| value) } else { word };
        if let Some(problem) = problem_of_path(value) {
            return Err(WrongFlags(anyhow!("{problem}")).into());
        }
    }
    Ok(())
}

/// Why nothing is found at a path that only another shell, or another system, would understand.
pub(super) fn problem_of_path(path: &str) -> Option<String> {
    if Path::new(path).exists() {
        return None;
    }
    if path == "~" || path.starts_with("~/") {
        let rest = &path[1..];
        return Some(format!(
            "`{path}` is not found: shells replace `~` only outside quotes and at the beginning of a word; write \"$HOME{rest}\" or \
             the whole path"
        ));
    }
    let [drive, b':', b'\\' | b'/', ..] = path.as_bytes() else { return None };
    let is_foreign = !cfg!(windows) && drive.is_ascii_alphabetic();
    is_foreign.then(|| {
        let (drive, rest) = (drive.to_ascii_lowercase() as char, path[3..].replace('\\', "/"));
        format!(
            "`{path}` is a path of Windows, and this is {}; under WSL it would be `/mnt/{drive}/{rest}`",
            std::env::consts::OS
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;
    use crate::train::SETTINGS;

    fn refusal(line: &str) -> Error {
        let given: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let error = command().try_get_matches_from(&given).expect_err("it is wrong");
        with_tip(error, &command(), &given)
    }

    #[test]
    fn folders_without_their_flag_and_flags_where_none_is_needed_get_a_tip() {
        for (line, tip) in [
            ("papilla synth clinics", "`--out clinics`"),
            ("papilla train refuge --out runs/first", "`--source refuge`"),
            ("papilla evaluate --checkpoint best refuge/test", "`--data refuge/test`"),
            ("papilla --json prepare --layout pairs photographs", "`--input photographs`"),
            ("papilla prepare --input photographs --out clinic", "for example `papilla prepare --layout drishti-gs"),
            ("papilla predict --checkpoint best --data refuge --out masks", "INPUT is given without a flag"),
        ] {
            let told = refusal(line).to_string();
            assert!(told.contains(&format!("tip: {tip}")) || told.contains(tip), "{line}: {told}");
        }
        for (line, tip) in [
            ("papilla export best.pth", "that is `papilla convert` here"),
            ("papilla Segment a.png", "that is `papilla predict` here"),
            ("papilla predict --weights best a.png --out masks", "that is `--checkpoint` here"),
            ("papilla predict --thresh 0.5", "that is `--threshold` here"),
            ("papilla train --dataset refuge", "that is `--source` here"),
        ] {
            let told = refusal(line).to_string();
            assert!(told.contains(&format!("tip: {tip}")) && !told.contains("similar"), "{line}: {told}");
        }
        let told = refusal("papilla train --resume runs/first --lr 0.1").to_string();
        assert!(told.contains("goes on with the settings that it was begun with"), "{told}");
        let told = refusal("papilla train --epoch 3").to_string();
        assert!(told.contains("--epochs") && !told.contains("without a flag"), "{told}");
    }

    #[test]
    fn words_of_other_programs_are_none_of_ours_and_lead_to_some() {
        let command = command();
        for (word, verb) in VERBS {
            assert!(command.find_subcommand(word).is_none() && command.find_subcommand(verb).is_some(), "{word}");
        }
        let has = |flag: &str| {
            let mut verbs = command.get_subcommands();
            verbs.any(|verb| verb.get_arguments().any(|arg| arg.get_long() == Some(flag)))
        };
        for (word, flags) in FLAGS {
            assert!(flags.iter().all(|flag| has(flag)), "{word}");
        }
    }

    #[test]
    fn an_error_is_one_line_in_json() {
        let told = in_one_line(&refusal("papilla train --out runs/first"));
        assert_eq!(told, "the following required arguments were not provided: --source <DIR>");
    }

    #[test]
    fn results_go_to_out_or_output_and_negative_numbers_are_values() {
        for verb in
            command().get_subcommands().filter(|verb| verb.get_arguments().any(|arg| arg.get_long() == Some("out")))
        {
            let out = verb.get_arguments().find(|arg| arg.get_long() == Some("out")).expect("it has one");
            assert_eq!(out.get_all_aliases(), Some(vec!["output"]), "{}", verb.get_name());
        }
        for (line, word) in [
            ("papilla synth --out clinics --size -1", "--size"),
            ("papilla train --source refuge --out runs/first --epochs -1", "0 or more, is needed"),
            ("papilla predict --checkpoint best --out masks --uncertainty -3 a.png", "--uncertainty"),
        ] {
            let told = refusal(line).to_string();
            assert!(told.contains("invalid value '-") && told.contains(word), "{line}: {told}");
        }
        let given = "papilla train --source refuge --out runs/first --lr -1".split(' ');
        assert!(
            command().try_get_matches_from(given).is_ok(),
            "what is wrong with it is told where settings are checked"
        );
    }

    #[test]
    fn flags_that_mean_nothing_to_a_verb_are_taken_and_not_shown() {
        let help = |verb: &str| {
            let mut whole = command();
            whole.build();
            whole.find_subcommand_mut(verb).expect("a verb").render_long_help().to_string()
        };
        for (verb, shown) in
            [("synth", [false; 2]), ("plan", [true, false]), ("train", [true; 2]), ("config", [false; 2])]
        {
            let help = help(verb);
            assert_eq!([help.contains("--device"), help.contains("--tune")], shown, "{verb}: {help}");
            assert!(help.contains("--json"), "{verb}");
        }
        let train = help("train");
        let place = |title: &str| train.find(&format!("\n{title}:")).unwrap_or_else(|| panic!("no {title} in {train}"));
        let mut titles: Vec<&str> = SETTINGS.iter().map(|setting| setting.part).collect();
        titles.dedup();
        titles.extend(["Device", "Output"]);
        assert!(titles.is_sorted_by_key(|title| place(title)), "{train}");
        assert!(command().try_get_matches_from(["papilla", "synth", "--device", "cpu", "--out", "x"]).is_ok());
    }

    #[test]
    fn paths_of_other_shells_and_systems_are_refused() {
        let problem = |path: &str| problem_of_path(path).unwrap_or_default();
        assert!(problem("~/data").contains("\"$HOME/data\""));
        if !cfg!(windows) {
            assert!(
                problem(r"C:\data\a b").contains("path of Windows") && problem(r"C:\data\a").contains("/mnt/c/data/a")
            );
        }
        for path in ["refuge", "~refuge", "a:b", "/", "--lr", "1:/x"] {
            assert_eq!(problem_of_path(path), None);
        }
        for word in ["--out=~/runs", "~/runs"] {
            let told =
                refuse_foreign_paths(&["papilla".into(), "train".into(), word.into()]).expect_err("it is quoted");
            assert!(told.to_string().starts_with("`~/runs`"), "{told}");
        }
    }
}
