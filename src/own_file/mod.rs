//! Files that this program wrote, which alone it may replace. What a file is, its content says: a name is nobody's property.

#![allow(clippy::disallowed_methods, reason = "the one place")]

mod open;
mod png;
mod purpose;
mod rule;
#[cfg(test)]
mod tests;

pub use open::{open_existing, open_to_go_on};
pub use purpose::{CHECKPOINT, Purpose, WRITTEN_BY};
pub use rule::{Overwriting, Refusal};
