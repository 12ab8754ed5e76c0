//! Results on stdout.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::Result;
use serde_json::Value;

/// Prints a line. Unlike `println!`, a reader that has gone away (`| head`) is an error and no panic.
pub(super) fn line(text: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

/// Prints a JSON document.
pub(super) fn json(document: &Value) -> Result<()> {
    Ok(line(serde_json::to_string_pretty(document)?)?)
}

/// Whether an error says that nobody reads stdout any more, which is no news to anybody.
pub(super) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe))
}
