//! What is known of each setting, and how one table becomes the struct, its defaults, its checks, its lines in files and its
//! flags.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::ConfigError;
use super::value::Kind;

/// What a setting fixes: who needs only a part of the settings takes those of some scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// regions
    Data,
    /// the network
    Network,
    /// a training step of the network
    Step,
    /// a run of such steps
    Run,
}

/// A setting among those of `C`.
pub struct Setting<C: 'static> {
    /// name in files and in the struct; flags have dashes for its underscores
    pub name: &'static str,
    /// what it is, without the full stop
    pub help: &'static str,
    /// title of its part of the file
    pub part: &'static str,
    /// what it fixes
    pub scope: Scope,
    /// what its values are
    pub kind: Kind,
    /// what stands for a value where its flag is explained
    pub placeholder: Option<&'static str>,
    /// what a value looks like, of a setting without a default
    pub example: Option<&'static str>,
    /// the default, as its flag is given it; none of a setting that has none
    pub default: fn() -> Option<String>,
    /// reads what its flag was given
    pub parse: fn(&OsStr) -> Result<Change<C>, String>,
    /// takes over what a file has
    pub read: fn(&mut C, toml::Value) -> Result<(), toml::de::Error>,
    /// refuses a value that it cannot have
    pub check: fn(&C) -> Result<(), ConfigError>,
    /// its value, if that is a path
    pub path: fn(&mut C) -> Option<&mut PathBuf>,
}

impl<C> Setting<C> {
    /// Name of its flag, without the dashes before it.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// A setting's new value, still to be taken over.
#[derive(Clone)]
pub struct Change<C>(Arc<dyn Fn(&mut C) + Send + Sync>);

impl<C> Change<C> {
    /// What is done to settings.
    pub fn new(change: impl Fn(&mut C) + Send + Sync + 'static) -> Self {
        Change(Arc::new(change))
    }

    /// Does it.
    pub fn apply(&self, settings: &mut C) {
        (self.0)(settings);
    }
}

/// Defines a struct of settings, its defaults, and the list of all that is known of each, from one table:
///
/// ```text
/// "Title of a part of the file":
///     /// what the setting is
///     Scope name: Type = default, ‹in a range, because "of this",› ‹as "PLACEHOLDER",› ‹example "value",› …;
/// ```
///
/// `set` names a method that takes over the value of a flag in place of an assignment, and `default` gives what the flag's help
/// says of the default where that is more than the value.
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        pub struct $config:ident, listed as $list:ident;
        $($part:literal: $(
            $(#[doc = $help:literal])+
            $scope:ident $name:ident: $type:ty = $default:expr
                $(, in $range:expr $(, because $why:literal)?)?
                $(, as $placeholder:literal)?
                $(, example $example:literal)?
                $(, set $set:path)?
                $(, default $shown:expr)?;
        )+)+
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct $config {
            $($(
                $(#[doc = $help])+
                #[serde(skip_serializing_if = "super::value::Held::is_absent")]
                pub $name: $type,
            )+)+
        }

        impl $config {
            /// Every setting's default.
            fn defaults() -> $config {
                $config { $($($name: $default),+),+ }
            }
        }

        /// All that is known of each setting, in the order of the file.
        pub static $list: [Setting<$config>; [$($(stringify!($name)),+),+].len()] = [$($(Setting {
            name: stringify!($name),
            help: concat!($($help),+).trim_ascii_start(),
            part: $part,
            scope: Scope::$scope,
            kind: <<$type as Held>::Value as Value>::KIND,
            placeholder: settings!(@optional $($placeholder)?),
            example: settings!(@optional $($example)?),
            default: || settings!(@default $type, $default $(, $shown)?),
            parse: |text| {
                let value = <<$type as Held>::Value as Value>::parse(text)?;
                Ok(Change::new(move |config: &mut $config| settings!(@set config.$name: $type, value.clone() $(, $set)?)))
            },
            read: |config, value| {
                config.$name = value.try_into()?;
                Ok(())
            },
            check: |config| {
                let Some(value) = Held::value(&config.$name) else { return Ok(()) };
                let problem = Value::unwritable(value);
                $(let problem = problem.or_else(|| {
                    let problem = Range::problem(&($range), value);
                    $(let problem = problem.map(|problem| format!("{problem}: {}", $why));)?
                    problem
                });)?
                let given = || Given { setting: stringify!($name), value: Value::text(value) };
                problem.map_or(Ok(()), |problem| Err(ConfigError::OutOfRange { given: given(), problem }))
            },
            path: |config| Held::value_mut(&mut config.$name).and_then(Value::as_path),
        }),+),+];
    };
    (@optional) => { None };
    (@optional $value:literal) => { Some($value) };
    (@default $type:ty, $default:expr) => {{
        let value: $type = $default;
        Held::value(&value).map(Value::text).filter(|text| !text.is_empty())
    }};
    (@default $type:ty, $default:expr, $shown:expr) => { Some($shown) };
    (@set $config:ident.$name:ident: $type:ty, $value:expr) => { $config.$name = <$type as Held>::holding($value) };
    (@set $config:ident.$name:ident: $type:ty, $value:expr, $set:path) => { $set($config, $value) };
}
pub(super) use settings;
