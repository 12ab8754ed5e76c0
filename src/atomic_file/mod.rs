//! Files that are either whole or absent.

mod error;
mod temporary;
mod write;

pub use error::WriteError;
pub use temporary::{Unfinished, abandon, remove_abandoned};
pub(crate) use write::{Written, write_rows};
pub use write::{write_atomically, write_in_new_folder};
