//! Why a file is not used.

use std::fmt;

/// Why a file is not used, in a sentence, and which option would change that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// the sentence
    pub what: String,
    /// where an option can
    pub remedy: Option<Remedy>,
}

/// An option with which a file may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// the side of the square that is cut out
    Side,
    /// what the levels of masks mean
    Legend,
    /// where the validation part goes
    Validation,
}

impl Reason {
    /// A reason that an option would change.
    pub(super) fn with(remedy: Remedy, what: impl Into<String>) -> Reason {
        Reason { what: what.into(), remedy: Some(remedy) }
    }
}

impl<T: Into<String>> From<T> for Reason {
    fn from(what: T) -> Reason {
        Reason { what: what.into(), remedy: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = match self.remedy {
            Some(Remedy::Side) => "; give the side of its region",
            Some(Remedy::Legend) => "; say what the levels mean",
            Some(Remedy::Validation) | None => "",
        };
        write!(f, "{}{remedy}", self.what)
    }
}
