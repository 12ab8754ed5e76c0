//! What every test program needs: a list of what was skipped and why, the golden cases, and no file that is forgotten.
#![warn(missing_docs)]
#![allow(clippy::disallowed_methods, reason = "tests write files as others do")]

mod golden;
mod modules;
mod skipped;

pub use golden::golden;
pub use modules::forgotten_modules;
pub use skipped::{LIST, shared, skip};
