//! Why a file is not used.

use std::fmt;

use super::legend::Legend;

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
    /// the same, smaller
    SmallerSide,
    /// what the values of masks mean
    Legend,
    /// the same, as they lie within each other
    LegendOf(Legend),
    /// where the masks lie
    Masks,
    /// masks of the disc alone
    DiscMasks,
    /// masks of both structures
    BothStructures,
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
        f.write_str(&self.what)?;
        match self.remedy {
            Some(Remedy::Side) => f.write_str("; give the side of its region"),
            Some(Remedy::SmallerSide) => f.write_str("; give a smaller side"),
            Some(Remedy::Legend) => f.write_str("; say what the levels mean"),
            Some(Remedy::LegendOf(legend)) => write!(f, "; say what the levels mean, it seems {legend}"),
            Some(Remedy::Masks) => f.write_str("; name the folder of the masks"),
            Some(Remedy::DiscMasks) => f.write_str("; say that it shows the disc alone"),
            Some(Remedy::BothStructures) => f.write_str("; say that it shows both structures"),
            Some(Remedy::Validation) | None => Ok(()),
        }
    }
}
