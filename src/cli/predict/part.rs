//! The files that an image may give.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::own_file::{Overwriting, Purpose};

/// One of the files of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Mask,
    Overlay,
    Uncertainty,
    Logits,
}

impl Part {
    pub(crate) const ALL: [Part; 4] = [Part::Mask, Part::Overlay, Part::Uncertainty, Part::Logits];

    /// What it adds to the name of the image.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Part::Mask => "_mask.png",
            Part::Overlay => "_overlay.png",
            Part::Uncertainty => "_uncertainty.png",
            Part::Logits => ".safetensors",
        }
    }

    pub(crate) fn purpose(self) -> Purpose<'static> {
        match self {
            Part::Mask => Purpose::Mask,
            Part::Overlay => Purpose::Overlay,
            Part::Uncertainty => Purpose::Uncertainty,
            Part::Logits => Purpose::Logits,
        }
    }

    /// Where that of an image lies.
    pub(crate) fn path(self, out: &Path, name: &str) -> PathBuf {
        out.join(format!("{name}{}", self.suffix()))
    }
}

/// Removes all that an image may have given.
pub(super) fn remove_parts(overwriting: &Overwriting, out: &Path, name: &str) -> Result<()> {
    for part in Part::ALL {
        overwriting.remove(&part.path(out, name), part.purpose())?;
    }
    Ok(())
}
