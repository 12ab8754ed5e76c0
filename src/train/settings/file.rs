//! Settings in a file: what a user writes by hand, so what is wrong in it is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::error::ConfigFileError;
use super::setting::Setting;
use super::table::{Config, SETTINGS};

/// How alike (Jaro-Winkler, 1 is equal) a name must be to be offered instead of an unknown one.
const ALIKE: f64 = 0.75;

/// Columns of the comments.
const WIDTH: usize = 100;

impl Config {
    /// Parses settings; names, which may be spelt like the flags, have their defaults where they are left out. Without a
    /// `source` the path is empty.
    ///
    /// # Errors
    /// What cannot be read, the first in alphabetical order; unknown names before values.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, ConfigFileError> {
        let written: Table = text.parse().map_err(|error| not_toml(&error, text, path))?;
        let mut given: Vec<(&Setting<Config>, Value)> = Vec::new();
        for (spelt, value) in written {
            let name = spelt.replace('-', "_");
            let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
                let instead = instead_of(&name);
                return Err(ConfigFileError::Unknown { path: path.to_path_buf(), name: spelt, instead });
            };
            if given.iter().any(|(other, _)| other.name == name) {
                return Err(ConfigFileError::Twice { path: path.to_path_buf(), setting: setting.name });
            }
            given.push((setting, value));
        }
        let mut config = Config::new(PathBuf::new());
        for (setting, value) in &given {
            (setting.read)(&mut config, value.clone()).map_err(|error| ConfigFileError::Unusable {
                path: path.to_path_buf(),
                setting: setting.name,
                value: shown(value),
                problem: in_words(error.message()),
            })?;
        }
        if !given.iter().any(|(setting, _)| setting.name == "output_stride") {
            config.output_stride = config.backbone.output_strides()[0];
        }
        Ok(config)
    }

    /// The settings as TOML, each on a line of its own.
    ///
    /// # Errors
    /// Values that TOML cannot hold: paths that are not UTF-8, and numbers that are too large.
    pub fn to_toml(&self) -> Result<String, ConfigFileError> {
        let mut copy = self.clone();
        for setting in &SETTINGS {
            if let Some(path) = (setting.path)(&mut copy).filter(|path| path.to_str().is_none()) {
                return Err(ConfigFileError::NotUtf8 { path: path.clone() });
            }
        }
        Ok(toml::to_string(self)?)
    }

    /// The same with what each setting is, in parts. Those without a value are commented out, with an example of one.
    ///
    /// # Errors
    /// As [`Config::to_toml`].
    pub fn to_commented_toml(&self) -> Result<String, ConfigFileError> {
        let (own, example) = (self.to_toml()?, Config::example().to_toml()?);
        let (values, examples) = (lines(&own), lines(&example));
        let (mut text, mut part) = (String::new(), "");
        for setting in &SETTINGS {
            if part != setting.part {
                part = setting.part;
                text += &format!("\n# ---- {part} ----\n");
            }
            text.push('\n');
            for line in explanation(setting) {
                text += &format!("# {line}\n");
            }
            match values.get(setting.name).filter(|line| !line.ends_with("= \"\"")) {
                Some(line) => text += &format!("{line}\n"),
                None => text += &format!("# {}\n", examples[setting.name]),
            }
        }
        Ok(text)
    }
}

/// The lines of settings by their names.
fn lines(toml: &str) -> BTreeMap<&str, &str> {
    toml.lines().filter_map(|line| Some((line.split_once(" = ")?.0, line))).collect()
}

/// What a setting is and the names that it can have, wrapped.
fn explanation(setting: &Setting<Config>) -> Vec<String> {
    let mut lines = wrapped(&format!("{}.", setting.help), "", "");
    for (name, help) in setting.kind.names() {
        let text = help.map_or(name.to_string(), |help| format!("{name}: {help}"));
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

/// Where a file is no TOML, in one line.
fn not_toml(error: &toml::de::Error, text: &str, path: &Path) -> ConfigFileError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    ConfigFileError::NotToml { path: path.to_path_buf(), line, problem: error.message().to_string() }
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
fn instead_of(unknown: &str) -> String {
    let likeness = |name: &str| strsim::jaro_winkler(unknown, name);
    let names = SETTINGS.each_ref().map(|setting| setting.name);
    match names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) >= ALIKE) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("there are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Config::from_toml(text, Path::new("run.toml")).expect_err("the file is wrong").to_string()
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
        assert_eq!(text.lines().count(), SETTINGS.len(), "a line each");
    }

    #[test]
    fn each_setting_is_read_from_the_line_that_was_written() {
        let example = Config::example().to_toml().expect("paths are UTF-8");
        let names: Vec<&str> = example.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
        assert_eq!(names, SETTINGS.each_ref().map(|setting| setting.name), "in the order of the table");
        for line in example.lines() {
            let alone = Config::from_toml(line, Path::new("run.toml")).expect("every setting is known");
            let written = alone.to_toml().expect("paths are UTF-8");
            assert!(written.lines().any(|own| own == line), "`{line}` is not in {written}");
        }
    }

    #[test]
    fn the_output_stride_is_the_usual_one_of_the_backbone_unless_it_is_given() {
        for (text, expected) in [
            ("", 16),
            ("backbone = 'resnet101'", 16),
            ("backbone = 'drn'", 8),
            ("backbone = 'xception'\noutput_stride = 8", 8),
        ] {
            let config = Config::from_toml(text, Path::new("run.toml")).expect("settings are known");
            assert_eq!(config.output_stride, expected, "{text}");
            assert_eq!(config.check(), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_commented_file_holds_the_defaults_and_explains_every_setting() {
        let defaults = Config::new(PathBuf::new());
        let text = defaults.to_commented_toml().expect("defaults can be written");
        assert_eq!(Config::from_toml(&text, Path::new("run.toml")).expect("it is valid"), defaults);
        let paragraphs: Vec<&str> = text.split("\n\n").filter(|p| !p.starts_with("# ----")).collect();
        for Setting { name, .. } in &SETTINGS {
            let explained = paragraphs.iter().find(|p| {
                let last = p.trim_end().lines().last().unwrap_or_default();
                last.trim_start_matches("# ").starts_with(&format!("{name} = "))
            });
            let explained = explained.unwrap_or_else(|| panic!("`{name}` is missing"));
            assert!(explained.trim().lines().count() > 1, "`{name}` is not explained");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + 2), "wrapped");
    }

    #[test]
    fn uncommented_examples_are_valid_too() {
        let text = Config::new(PathBuf::new()).to_commented_toml().expect("defaults can be written");
        let is_setting =
            |line: &str| SETTINGS.iter().any(|setting| line.starts_with(&format!("# {} = ", setting.name)));
        let uncommented: Vec<&str> =
            text.lines().map(|line| if is_setting(line) { &line[2..] } else { line }).collect();
        let config = Config::from_toml(&uncommented.join("\n"), Path::new("run.toml")).expect("it is valid");
        assert_eq!(config, Config::example());
    }

    #[test]
    #[cfg(unix)]
    fn a_path_that_is_not_utf_8_is_named() {
        use std::os::unix::ffi::OsStrExt;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"clinic\xff"));
        for config in [Config::new(path.clone()), Config { init: Some(path.clone()), ..Config::new("clinic".into()) }] {
            assert_eq!(config.to_toml(), Err(ConfigFileError::NotUtf8 { path: path.clone() }));
        }
    }

    #[test]
    fn files_of_earlier_versions_stay_readable() {
        // As version 0.1.0 wrote it before each setting stood once.
        let earlier = r#"
source = "refuge"
target = "Drishti-GS"
method = "clr"
backbone = "drn"
norm = "trans"
output_stride = 8
size = 512
batch = 8
epochs = 500
steps = 1000
warmup_epochs = -1
lr = 0.002
lr_discriminator = 0.000025
adversarial_weight = 0.01
align_weight = 0.1
discriminative_weight = 0.1
consistency_weight = 0.1
stochastic_passes = 8
precision = "f16"
memory_budget = "6.0 GiB"
seed = 0
init = "w.pth"
augment = "light"
dropout = "off"
shuffle = "on"
validate_every = 10
select = "target"
checkpoint_every = 0.5
pictures_every = 100
"#;
        let config = Config::from_toml(earlier, Path::new("run.toml")).expect("every setting is known");
        assert_eq!(config.check(), Ok(()));
        let written = config.to_toml().expect("paths are UTF-8");
        for line in earlier.lines() {
            assert!(written.contains(line), "`{line}` is not in {written}");
        }
    }
}
