//! Reading and writing single image files, with bounds on what a header may ask for.
//!
//! A photograph is read upright, as 8-bit RGB: [`read_photograph`]. A mask is read as it is stored, with the levels that its
//! file holds: [`read_mask`]; [`StoredMask::upright`] turns it. What a user should know about a file that is read all the
//! same is an [`ImageNote`].

mod bmp;
mod bounds;
mod colour;
mod decode;
mod fault;
mod jpeg;
mod note;
mod photograph;
mod png;
mod raster;
mod stored_mask;
mod tiff;
mod turn;
mod webp;
mod write;

pub use bounds::MAX_SIDE;
pub use image::metadata::Orientation;
pub use note::ImageNote;
pub use photograph::{Header, Photograph, read_header, read_photograph, read_rgb};
pub use stored_mask::{MaskValues, StoredMask, read_grey, read_mask};
pub use turn::{quarter_turned, upright, upright_size};
pub use write::write_png;
