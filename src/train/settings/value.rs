//! What a setting can hold, and how a flag writes it.

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use bytesize::ByteSize;

use crate::named::Named;

/// A name that a setting can have, and its help.
pub(super) type NameAndHelp = (&'static str, Option<&'static str>);

/// Kinds of values, as far as what offers them to users must tell them apart.
#[derive(Clone, Copy)]
pub enum Kind {
    /// a number
    Number,
    /// bytes, with a unit
    Bytes,
    /// a file or a folder
    Path,
    /// one of a few names
    Name(fn() -> Vec<NameAndHelp>),
}

impl Kind {
    /// The names, where it is one of a few.
    pub fn names(self) -> Vec<NameAndHelp> {
        match self {
            Kind::Name(names) => names(),
            _ => Vec::new(),
        }
    }
}

/// A value that a setting can hold.
pub(super) trait Value: Clone + Send + Sync + Sized + 'static {
    /// of all such values
    const KIND: Kind;

    /// Reads what a flag was given.
    ///
    /// # Errors
    /// Why it is no such value.
    fn parse(text: &OsStr) -> Result<Self, String>;

    /// As a flag is given it.
    fn text(&self) -> String;

    /// Why a settings file cannot hold the value, as a sentence about it ends.
    fn unwritable(&self) -> Option<String> {
        None
    }

    /// The value, if it is a path.
    fn as_path(&mut self) -> Option<&mut PathBuf> {
        None
    }
}

/// What a field of the settings can be: a value, or one that may be absent.
pub(super) trait Held: Sized {
    /// the value
    type Value: Value;

    /// The value, unless it is absent.
    fn value(&self) -> Option<&Self::Value>;

    /// The same, to be changed.
    fn value_mut(&mut self) -> Option<&mut Self::Value>;

    /// With a value.
    fn holding(value: Self::Value) -> Self;

    /// Whether it may be, and is, absent.
    fn is_absent(&self) -> bool {
        self.value().is_none()
    }
}

impl<T: Value> Held for T {
    type Value = T;

    fn value(&self) -> Option<&T> {
        Some(self)
    }

    fn value_mut(&mut self) -> Option<&mut T> {
        Some(self)
    }

    fn holding(value: T) -> T {
        value
    }
}

impl<T: Value> Held for Option<T> {
    type Value = T;

    fn value(&self) -> Option<&T> {
        self.as_ref()
    }

    fn value_mut(&mut self) -> Option<&mut T> {
        self.as_mut()
    }

    fn holding(value: T) -> Option<T> {
        Some(value)
    }
}

/// Reads a value of a type of the standard library's way.
fn from_str<T: FromStr<Err: Display>>(text: &OsStr) -> Result<T, String> {
    let text = text.to_str().ok_or("it is not valid UTF-8")?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

macro_rules! numbers {
    ($($type:ty: $what:literal, $unwritable:expr;)+) => {
        $(impl Value for $type {
            const KIND: Kind = Kind::Number;

            fn parse(text: &OsStr) -> Result<Self, String> {
                from_str(text).map_err(|_| concat!($what, " is needed").to_string())
            }

            fn text(&self) -> String {
                self.to_string()
            }

            fn unwritable(&self) -> Option<String> {
                $unwritable(*self)
            }
        })+
    };
}

numbers! {
    usize: "a whole number, 0 or more,", |value| beyond_toml(value as u64);
    u64: "a whole number, 0 or more,", beyond_toml;
    i64: "a whole number", |_| None;
    f32: "a number", |_| None;
    f64: "a number", |_| None;
}

/// TOML's whole numbers are signed.
fn beyond_toml(value: u64) -> Option<String> {
    (value > i64::MAX as u64).then(|| format!("larger than {}", i64::MAX))
}

impl Value for ByteSize {
    const KIND: Kind = Kind::Bytes;

    fn parse(text: &OsStr) -> Result<Self, String> {
        from_str(text)
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::Path;

    fn parse(text: &OsStr) -> Result<Self, String> {
        if text.is_empty() { Err("a path is needed".to_string()) } else { Ok(text.into()) }
    }

    fn text(&self) -> String {
        self.display().to_string()
    }

    fn as_path(&mut self) -> Option<&mut PathBuf> {
        Some(self)
    }
}

impl<T: Named> Value for T {
    const KIND: Kind = Kind::Name(|| T::VALUES.iter().map(|value| (value.name(), value.help())).collect());

    fn parse(text: &OsStr) -> Result<Self, String> {
        text.to_str().and_then(T::named).ok_or_else(|| {
            let names: Vec<&str> = T::VALUES.iter().map(|value| value.name()).collect();
            format!("there are {}", names.join(", "))
        })
    }

    fn text(&self) -> String {
        self.name().to_string()
    }
}
