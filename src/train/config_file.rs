//! Settings in a file: what a user writes by hand, so what is wrong in it is named.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use bytesize::ByteSize;
use toml::{Table, Value};

use super::config::Config;

/// How alike (Jaro-Winkler, 1 is equal) a name must be to be offered instead of an unknown one.
const ALIKE: f64 = 0.75;

/// Flags of `train` that are no settings: they say where and how a run is computed, not which.
const ON_THE_COMMAND_LINE: [&str; 8] = ["out", "resume", "from", "config", "device", "tune", "quiet", "json"];

impl Config {
    /// Parses settings; keys, which may be spelt like the flags, have their defaults where they are left out. Without a
    /// `source` the path is empty.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self> {
        let written: Table = text.parse().map_err(|error| not_toml(&error, text, path))?;
        let keys = Config::keys();
        let mut given = Table::new();
        for (spelt, value) in written {
            let key = spelt.replace('-', "_");
            if !keys.contains(&key) {
                bail!("`{}` has an unknown setting `{spelt}`; {}", path.display(), instead_of(&key, &keys));
            }
            if given.insert(key.clone(), value).is_some() {
                bail!("`{}` has the setting `{key}` twice", path.display());
            }
        }
        let defaults =
            Table::try_from(Config::new(PathBuf::new())).context("settings can always be written as TOML")?;
        let with = |given: &Table| -> Result<Config, toml::de::Error> {
            let mut table = defaults.clone();
            table.extend(given.clone());
            table.try_into()
        };
        // One by one, because the error alone does not say which of them it means.
        for (key, value) in &given {
            with(&Table::from_iter([(key.clone(), value.clone())])).map_err(|error| {
                let reason = in_words(error.message());
                anyhow!("`{}` has a setting that cannot be used: `{key} = {}`: {reason}", path.display(), shown(value))
            })?;
        }
        let mut config = with(&given).map_err(|error| anyhow!("`{}`: {}", path.display(), error.message()))?;
        if !given.contains_key("output_stride") {
            config.output_stride = config.backbone.output_strides()[0];
        }
        Ok(config)
    }

    /// The settings as TOML, each on a line of its own.
    pub fn to_toml(&self) -> Result<String> {
        let paths = [Some(&self.source), self.target.as_ref(), self.init.as_ref()];
        if let Some(path) = paths.into_iter().flatten().find(|path| path.to_str().is_none()) {
            bail!("`{}` is not valid UTF-8, which settings cannot hold; rename it, or link to it", path.display());
        }
        toml::to_string(self).context("settings can always be written as TOML")
    }

    /// Settings in which nothing is left out, to show what each looks like.
    pub fn example() -> Self {
        Config {
            source: "refuge".into(),
            target: Some("Drishti-GS".into()),
            steps: Some(1000),
            memory_budget: Some(ByteSize::gib(6)),
            init: Some("mobilenet_v2-b0353104.pth".into()),
            ..Config::new(PathBuf::new())
        }
    }

    /// The names of all settings, in the order of the file.
    pub fn keys() -> Vec<String> {
        let text = Config::example().to_toml().expect("the example has no path that is not UTF-8");
        text.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key.to_string()).collect()
    }
}

/// Where a file is no TOML, in one line.
fn not_toml(error: &toml::de::Error, text: &str, path: &Path) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    anyhow!("`{}` is not valid TOML: line {line}: {}", path.display(), error.message())
}

/// What was expected, without the names of types.
fn in_words(message: &str) -> String {
    let types =
        [("usize", "a whole number"), ("u64", "a whole number"), ("i64", "a whole number"), ("f32", "a number")];
    let message = message.replace("invalid type: ", "it is ").replace("invalid value: ", "it is ");
    types.iter().fold(message, |message, (name, words)| {
        message.replace(&format!("expected {name}"), &format!("expected {words}"))
    })
}

/// A value as its file has it, unless it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What to write instead of an unknown name.
fn instead_of(unknown: &str, keys: &[String]) -> String {
    if ON_THE_COMMAND_LINE.contains(&unknown) {
        return format!("it is given on the command line alone, as --{unknown}");
    }
    let likeness = |key: &String| strsim::jaro_winkler(unknown, key);
    match keys.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|key| likeness(key) >= ALIKE) {
        Some(key) => format!("did you mean `{key}`?"),
        None => format!("there are {}", keys.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let error = Config::from_toml(text, Path::new("run.toml")).expect_err("the file is wrong");
        format!("{error:#}")
    }

    #[test]
    fn flags_that_are_no_settings_are_told_from_misspelt_ones() {
        assert!(refusal("out = \"runs/first\"").ends_with("on the command line alone, as --out"));
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_nearest_name() {
        for (unknown, nearest) in [
            ("epoch", "epochs"),
            ("warm-up-epochs", "warmup_epochs"),
            ("lr_dis", "lr_discriminator"),
            ("batchsize", "batch"),
            ("outputstride", "output_stride"),
            ("Target", "target"),
        ] {
            let expected = format!("`run.toml` has an unknown setting `{unknown}`; did you mean `{nearest}`?");
            assert_eq!(refusal(&format!("{unknown} = 1")), expected);
        }
        assert!(
            refusal("zzz = 1").starts_with("`run.toml` has an unknown setting `zzz`; there are source, target, method")
        );
        assert!(refusal("[optimizer]\nlr = 1").contains("unknown setting `optimizer`"));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named() {
        for (text, words) in [
            ("size = 'big'", ["`size = \"big\"`", "string"]),
            ("batch = -1", ["`batch = -1`", "-1"]),
            ("batch = 2.5", ["`batch = 2.5`", "2.5"]),
            ("method = 'clrr'", ["`method = \"clrr\"`", "`clr`"]),
            ("memory_budget = 'much'", ["`memory_budget = \"much\"`", "much"]),
            ("dropout = true", ["`dropout = true`", "true"]),
            ("\nsize =", ["not valid TOML: line 2", "string"]),
        ] {
            let said = refusal(text);
            assert!(words.iter().all(|word| said.contains(word)) && !said.contains('\n'), "{text}: {said}");
        }
    }

    #[test]
    fn a_setting_in_two_spellings_is_refused() {
        assert_eq!(
            refusal("output-stride = 8\noutput_stride = 16"),
            "`run.toml` has the setting `output_stride` twice"
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let example = Config::example();
        let text = example.to_toml().expect("paths are UTF-8");
        assert_eq!(Config::from_toml(&text, Path::new("run.toml")).expect("every setting is known"), example);
        assert_eq!(text.lines().count(), Config::keys().len(), "a line each");
    }
}
