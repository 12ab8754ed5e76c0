//! What somebody should look at before a prediction is used.

use serde::{Deserialize, Serialize};

use crate::data::remarks::Remark;
use crate::metrics::Doubt;
use crate::named::{Named, named_enum};

named_enum! {
    /// Why somebody should look at a prediction, whatever was found.
    pub enum Unfit {
        /// the image looks like a whole photograph, not like a region around a disc
        WholePhotograph = "whole-photograph",
        /// with `--find-disc`: it looks like a region already, and a square in it is a wrong one
        AlreadyRegion = "already-region",
        /// the image looks like a mask, not like a photograph
        LooksLikeMask = "looks-like-mask",
        /// the region has fewer than 64 pixels a side: outlines in it are no more than guesses
        FewPixels = "few-pixels",
        /// with `--find-disc`: its confidence is below 0.3, and the disc may be elsewhere
        UnsurePlace = "unsure-place",
        /// with `--find-disc` and `--eye`: the disc lies where the other eye has it
        OtherEye = "other-eye",
    }
}

/// A reason to look at a prediction. As text it is its name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Flag {
    /// the image is not what a network can make anything of
    Unfit(Unfit),
    /// what was found is empty or implausible
    Doubt(Doubt),
}

impl Flag {
    /// That of a remark on the image, if it is a reason.
    pub fn of(remark: &Remark) -> Option<Self> {
        let unfit = match remark {
            Remark::WholePhotograph => Unfit::WholePhotograph,
            Remark::AlreadyRegion => Unfit::AlreadyRegion,
            Remark::LikeMask => Unfit::LooksLikeMask,
            Remark::FewPixels { .. } => Unfit::FewPixels,
            Remark::NotSquare { .. } | Remark::File(_) | Remark::Mask(_) | Remark::Turned { .. } => return None,
        };
        Some(Self::Unfit(unfit))
    }

    /// Name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unfit(unfit) => unfit.name(),
            Self::Doubt(doubt) => doubt.name(),
        }
    }

    /// What it says.
    pub fn sentence(self) -> &'static str {
        let sentence = match self {
            Self::Unfit(unfit) => unfit.help(),
            Self::Doubt(doubt) => doubt.help(),
        };
        sentence.unwrap_or(self.name())
    }

    /// All of them, in the order in which they are told.
    pub fn all() -> impl Iterator<Item = Self> {
        Unfit::ALL.into_iter().map(Self::Unfit).chain(Doubt::ALL.map(Self::Doubt))
    }
}

/// All flags with their sentences, as they stand under the help of `predict`.
pub fn flags() -> String {
    let width = Flag::all().map(|flag| flag.name().len()).max().unwrap_or(0);
    let line = |flag: Flag| format!("  {:width$}  {}", flag.name(), flag.sentence());
    let lines: Vec<String> = Flag::all().map(line).collect();
    format!("What the column `flag` says:\n{}", lines.join("\n"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::disc_finder::LOW_CONFIDENCE;
    use crate::data::remarks::FEW_PIXELS;

    #[test]
    fn the_readme_and_the_help_list_every_flag() {
        let readme = include_str!("../../README.md");
        let rows = readme.lines().skip_while(|line| *line != "| flag | says |").skip(2);
        let listed: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
        let wanted: Vec<String> =
            Flag::all().map(|flag| format!("| `{}` | {} |", flag.name(), flag.sentence())).collect();
        assert_eq!(listed, wanted, "the table of README.md is to be:\n{}", wanted.join("\n"));
        let help = flags();
        for flag in Flag::all() {
            let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{} ", flag.name())));
            assert!(line.is_some_and(|line| line.ends_with(flag.sentence())), "{help}");
        }
    }

    #[test]
    fn limits_are_told_as_they_are() {
        let says = |unfit, limit: String| Flag::Unfit(unfit).sentence().contains(&limit);
        assert!(says(Unfit::FewPixels, format!("than {FEW_PIXELS} pixels")));
        assert!(says(Unfit::UnsurePlace, format!("below {LOW_CONFIDENCE}")));
    }
}
