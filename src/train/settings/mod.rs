//! The settings of a run. Each stands once, in `table.rs`; of that are made the struct, its defaults and checks, the settings
//! file with its comments and, by the command line, the flags with their helps.

mod check;
mod choices;
mod error;
mod file;
mod range;
mod setting;
mod table;
mod value;

pub use choices::{AugmentSetting, ColourMatch, Method, NormSetting, Selection, Switch};
pub use error::{ConfigError, ConfigFileError, Given, Spelling};
pub use setting::{Change, Scope, Setting};
pub use table::{Config, SETTINGS};
pub use value::Kind;
