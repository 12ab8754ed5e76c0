//! What somebody should look at before a prediction is used.

use crate::metrics::Doubt;
use crate::named::Named;

/// A reason to look at a prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
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
