//! TIFF, with its true depth and palette.

mod decode;
mod directory;
mod jpegs;

pub(super) use decode::{decode, header};
