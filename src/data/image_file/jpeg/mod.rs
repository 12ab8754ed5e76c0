//! JPEG: what a file is, whether it is whole, and its pixels.

mod decode;
mod frame;
mod segments;
mod whole;

pub(super) use decode::{Decoded, decode, decode_part, header};
