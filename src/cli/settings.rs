//! Flags that are settings of a run, made from the table of all settings.

use std::ffi::OsStr;
use std::marker::PhantomData;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, ValueHint};

use super::named::possible_value;
use crate::train::{Change, Config, Kind, SETTINGS, Scope, Setting};

/// The settings that a verb takes together.
pub(super) trait Chosen {
    /// What they fix.
    const SCOPES: &'static [Scope];
}

/// All settings, in the order of the table.
pub(super) struct All;

impl Chosen for All {
    const SCOPES: &'static [Scope] = &[Scope::Data, Scope::Network, Scope::Step, Scope::Run];
}

/// What fixes a training step.
pub(super) struct OfStep;

impl Chosen for OfStep {
    const SCOPES: &'static [Scope] = &[Scope::Network, Scope::Step];
}

/// Flags of settings; what is left out keeps its default, or the value of `--config`.
pub(super) struct Flags<C> {
    given: Vec<(&'static str, Change<Config>)>,
    chosen: PhantomData<C>,
}

impl<C: Chosen> Flags<C> {
    /// Whether a setting was given on the command line.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// Replaces what was given on the command line.
    pub(super) fn apply(&self, config: &mut Config) {
        self.given.iter().for_each(|(_, change)| change.apply(config));
    }

    fn settings() -> impl Iterator<Item = &'static Setting<Config>> {
        SETTINGS.iter().filter(|setting| C::SCOPES.contains(&setting.scope))
    }
}

impl<C: Chosen> Args for Flags<C> {
    fn augment_args(command: Command) -> Command {
        command.args(Self::settings().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<C: Chosen> FromArgMatches for Flags<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = Self::settings()
            .filter_map(|setting| Some((setting.name, matches.get_one::<Change<Config>>(setting.name)?.clone())));
        Ok(Flags { given: given.collect(), chosen: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flag of a setting.
fn flag(setting: &'static Setting<Config>) -> Arg {
    let help = match (setting.default)() {
        Some(default) => format!("{} [default: {default}]", setting.help),
        None => setting.help.to_string(),
    };
    let placeholder = setting.placeholder.map_or(setting.name.to_uppercase(), str::to_string);
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .value_name(placeholder)
        .help(help)
        .help_heading(setting.part)
        .value_parser(parser(setting));
    match setting.kind {
        Kind::Path => arg.value_hint(ValueHint::AnyPath),
        // One that is too small is told by what the setting needs.
        Kind::Number => arg.allow_negative_numbers(true),
        Kind::Bytes | Kind::Name(_) => arg,
    }
}

/// Turns a flag's value into a change of the settings.
fn parser(setting: &'static Setting<Config>) -> ValueParser {
    match setting.kind {
        Kind::Name(names) => {
            let names = names().into_iter().map(|(name, help)| possible_value(name, help));
            PossibleValuesParser::new(names).try_map(|name| (setting.parse)(OsStr::new(&name))).into()
        }
        _ => OsStringValueParser::new().try_map(|text| (setting.parse)(&text)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The settings with these flags, of all verbs.
    fn parsed(flags: &[&str]) -> Result<Config, Error> {
        let command = Command::new("papilla").no_binary_name(true);
        let matches = Flags::<All>::augment_args(command).try_get_matches_from(flags)?;
        let mut config = Config::new(PathBuf::new());
        Flags::<All>::from_arg_matches(&matches)?.apply(&mut config);
        Ok(config)
    }

    /// A value that is not the default, as a flag is given it.
    fn another(setting: &Setting<Config>) -> String {
        match (setting.kind, (setting.default)()) {
            (Kind::Name(names), Some(default)) => {
                names().into_iter().find(|(name, _)| *name != default).expect("there are two").0.to_string()
            }
            // The other output stride; one in every range but of shares; a share.
            (Kind::Number, Some(_)) if setting.name == "output_stride" => "8".to_string(),
            (Kind::Number, Some(_)) => {
                let is_in_range = |value: &&str| {
                    let mut config = Config::example();
                    (setting.parse)(value.as_ref()).expect("a number").apply(&mut config);
                    (setting.check)(&config).is_ok()
                };
                ["33", "0.25"].into_iter().find(is_in_range).expect("one of them is in the range").to_string()
            }
            _ => setting.example.expect("a setting without a default has an example").to_string(),
        }
    }

    #[test]
    fn every_setting_has_a_flag_and_a_line_that_say_the_same() {
        let mut seen = BTreeSet::new();
        for setting in &SETTINGS {
            let (name, value) = (setting.name, another(setting));
            let by_flag = parsed(&[&format!("--{}", setting.flag()), &value]).expect("the flag takes the value");
            assert_ne!(by_flag, Config::new(PathBuf::new()), "--{} does nothing", setting.flag());
            assert_eq!((setting.check)(&by_flag), Ok(()), "{name} {value}");
            let written = by_flag.to_toml().expect("the value can be written");
            let line = written.lines().find(|line| line.starts_with(&format!("{name} = "))).expect("it has a line");
            // The other output stride comes along with its backbone, from the file too.
            let by_file = Config::from_toml(line, Path::new("run.toml")).expect("the file is valid");
            assert_eq!(by_file, by_flag, "{line}");
            assert!(seen.insert(written), "{name} is another setting");
        }
        let all: Vec<String> =
            SETTINGS.iter().flat_map(|setting| [format!("--{}", setting.flag()), another(setting)]).collect();
        let all = parsed(&all.iter().map(String::as_str).collect::<Vec<_>>()).expect("all flags together");
        let written = all.to_toml().expect("they can be written");
        assert_eq!(Config::from_toml(&written, Path::new("run.toml")).expect("every setting is known"), all);
    }

    #[test]
    fn what_is_no_value_is_refused_with_its_flag() {
        for setting in &SETTINGS {
            let no_value = if matches!(setting.kind, Kind::Path) { "" } else { "?" };
            let flag = format!("--{}", setting.flag());
            let error = parsed(&[&flag, no_value]).expect_err("it is no value").to_string();
            assert!(error.contains(&flag), "{error}");
        }
    }

    #[test]
    fn helps_tell_defaults() {
        let help = |name: &str| {
            let setting = SETTINGS.iter().find(|setting| setting.name == name).expect("a setting");
            flag(setting).get_help().expect("every flag has a help").to_string()
        };
        assert_eq!(help("lr_discriminator"), "Learning rate of the discriminators [default: 0.000025]");
        assert!(help("output_stride").ends_with(" [default: 16, with drn 8]"));
        assert!(help("checkpoint_every").ends_with(" [default: 10]"));
        assert_eq!(help("steps"), "Stop after as many steps");
    }
}
