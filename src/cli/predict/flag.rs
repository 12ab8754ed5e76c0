//! What somebody should look at before a prediction is used.

use serde::{Deserialize, Serialize};

use crate::metrics::Doubt;
use crate::named::Named;

/// A reason to look at a prediction. As text it is its name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) enum Flag {
    /// the image looks like a whole photograph
    WholePhotograph,
    Doubt(Doubt),
}

impl Flag {
    /// Name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WholePhotograph => "whole-photograph",
            Self::Doubt(doubt) => doubt.name(),
        }
    }

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::WholePhotograph => "whole photograph",
            Self::Doubt(doubt) => doubt.help().unwrap_or(doubt.name()),
        }
    }

    /// All of them, in the order in which they are told.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::WholePhotograph].into_iter().chain(Doubt::ALL.map(Self::Doubt))
    }
}

impl From<Flag> for String {
    fn from(flag: Flag) -> Self {
        flag.name().to_string()
    }
}

impl TryFrom<String> for Flag {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::all().find(|flag| flag.name() == name).ok_or_else(|| format!("`{name}` is no flag"))
    }
}
