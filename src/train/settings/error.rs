//! Why settings cannot be used, told in the words of a settings file or in those of flags.

use std::fmt;
use std::path::PathBuf;

/// How a sentence spells settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// as a settings file does
    File,
    /// as the command line does
    Flags,
}

impl Spelling {
    /// The name of a setting.
    fn name(self, setting: &str) -> String {
        match self {
            Spelling::File => format!("`{setting}`"),
            Spelling::Flags => format!("--{}", setting.replace('_', "-")),
        }
    }

    fn given(self, Given { setting, value }: &Given) -> String {
        format!("{} {value}", self.name(setting))
    }
}

/// A setting and the value that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// name of the setting, as a settings file has it
    pub setting: &'static str,
    /// its value, as a flag is given it
    pub value: String,
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that a setting cannot have.
    OutOfRange {
        /// what was given
        given: Given,
        /// as the sentence ends: "not between 2 and 64"
        problem: String,
    },
    /// An output stride that the backbone does not have.
    OutputStride {
        /// what was given
        stride: Given,
        /// of the network
        backbone: Given,
        /// those that it has
        offered: &'static [usize],
    },
    /// A normalisation of both cameras where a step sees one.
    OneCamera {
        /// the normalisation
        norm: Given,
        /// the method, which does not look at the target
        method: Given,
        /// whether it will, after the warm-up
        before_warm: bool,
    },
    /// A method that adapts, to no other camera.
    NothingToAdaptTo {
        /// the method
        method: Given,
        /// the setting that is missing
        missing: &'static str,
    },
    /// A method that learns from averages of the weights, without such averages.
    NoAverages {
        /// the method
        method: Given,
        /// the setting that makes them
        missing: &'static str,
    },
    /// A selection by a dataset that is not given.
    NothingToSelectBy {
        /// the selection
        select: Given,
        /// the setting that is missing
        missing: &'static str,
    },
}

impl ConfigError {
    /// The sentence, settings spelt as where the reader has written them.
    pub fn spelt(&self, spelling: Spelling) -> String {
        let given = |what: &Given| spelling.given(what);
        match self {
            ConfigError::OutOfRange { given: what, problem } => format!("{} is {problem}", given(what)),
            ConfigError::OutputStride { stride, backbone, offered } => {
                let offered: Vec<String> = offered.iter().map(usize::to_string).collect();
                let [stride, backbone, name] = [given(stride), given(backbone), spelling.name(stride.setting)];
                format!("{stride} does not go with {backbone}: use {name} {}", offered.join(" or "))
            }
            ConfigError::OneCamera { norm, method, before_warm } => format!(
                "{} needs images of both cameras in every step, and {} with these weights has only the source's{}",
                given(norm),
                given(method),
                if *before_warm { " before the warm-up ends" } else { "" }
            ),
            ConfigError::NothingToAdaptTo { method, missing } => {
                format!("{} adapts to another camera and needs its {} dataset", given(method), spelling.name(missing))
            }
            ConfigError::NoAverages { method, missing } => {
                format!("{} needs averages of the weights: use {}, such as 0.99", given(method), spelling.name(missing))
            }
            ConfigError::NothingToSelectBy { select, missing } => {
                format!("{} needs a {} dataset", given(select), spelling.name(missing))
            }
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.spelt(Spelling::File))
    }
}

/// Why a settings file cannot be read, or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFileError {
    /// A file of something else.
    #[error("`{}` is not valid TOML: line {line}: {problem}", path.display())]
    NotToml {
        /// of the file
        path: PathBuf,
        /// first line that is none, counted from 1
        line: usize,
        /// why
        problem: String,
    },
    /// A name that no setting has.
    #[error("`{}` has an unknown setting `{name}`; {instead}", path.display())]
    Unknown {
        /// of the file
        path: PathBuf,
        /// as the file spells it
        name: String,
        /// what to write instead, as the sentence ends
        instead: String,
    },
    /// A setting in two spellings.
    #[error("`{}` has the setting `{setting}` twice", path.display())]
    Twice {
        /// of the file
        path: PathBuf,
        /// its name
        setting: &'static str,
    },
    /// A value of another kind.
    #[error("`{}` has a setting that cannot be used: `{setting} = {value}`: {problem}", path.display())]
    Unusable {
        /// of the file
        path: PathBuf,
        /// its name
        setting: &'static str,
        /// as the file has it, unless it is long
        value: String,
        /// why it cannot be used
        problem: String,
    },
    /// A path that TOML cannot hold.
    #[error("`{}` is not valid UTF-8, which settings cannot hold; rename it, or link to it", path.display())]
    NotUtf8 {
        /// the path
        path: PathBuf,
    },
    /// A value that TOML cannot hold; `Config::check` refuses it.
    #[error("settings cannot be written: {0}")]
    Unwritable(#[from] toml::ser::Error),
}
