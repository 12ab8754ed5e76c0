//! What every test program needs: a list of what was skipped and why, and no file that is forgotten.
#![warn(missing_docs)]

mod modules;
mod skipped;

pub use modules::forgotten_modules;
pub use skipped::{LIST, shared, skip};
