//! What every test program needs: a list of what was skipped and why, the golden cases, no file that is forgotten, and tests in
//! processes of their own.
#![warn(missing_docs)]
#![allow(clippy::disallowed_methods, reason = "tests write files as others do")]

mod alone;
mod golden;
mod modules;
mod skipped;

pub use alone::alone;
pub use golden::golden;
pub use modules::forgotten_modules;
pub use skipped::{LIST, shared, skip};
