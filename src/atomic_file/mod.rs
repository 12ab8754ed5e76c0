//! Files that are either whole or absent.

#![allow(clippy::disallowed_methods, reason = "the one place")]

mod error;
mod lock;
mod temporary;
mod write;

pub use error::WriteError;
pub use lock::{FolderLock, lock_folder};
pub use temporary::{Unfinished, abandon, is_temporary, remove_abandoned};
pub(crate) use write::{Written, write_rows};
pub use write::{write_atomically, write_in_new_folder};
