//! From published full-field photographs and their annotations to disc regions in the dataset layout.
//!
//! A layout's module lists photographs and where their annotations lie; everything after that is the same for all:
//! the disc is measured in the annotation (or found in the photograph), a square around it is cut out, image and mask
//! are brought to one size, and the result is written with a table and a contact sheet.

mod annotation;
mod classes;
mod contour_file;
mod crop;
mod drishti;
mod error;
mod exchange;
mod fit;
mod hollow;
mod inventory;
mod legend;
mod listing;
mod mat_file;
mod note;
mod options;
mod origa;
mod output;
mod pairs;
mod pieces;
mod pipeline;
mod reason;
mod refuge;
mod rim_one;
mod summary;
#[cfg(test)]
mod tests;
mod tree;
mod unused;

pub use annotation::Annotation;
pub use error::{OptionError, PrepareError, fitting};
pub use legend::{Legend, MaskValue, MaskValueError};
pub use listing::SCALE;
pub use note::{Note, NoteKind};
pub use options::{Division, Layout, Options, ValidationPart};
pub use output::TABLE;
pub use pipeline::prepare;
pub use reason::{Reason, Remedy};
pub use summary::{Found, Prepared, Summary};
pub use unused::{Skipped, Unused, UnusedKind};
