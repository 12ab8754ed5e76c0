//! TIFF, with its true depth and palette.

mod decode;
mod directory;

pub(super) use decode::{decode, header};
