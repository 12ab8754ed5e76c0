//! Results on stdout, and everything else on stderr. What cannot be said is lost; work is not.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::Result;
use serde_json::Value;

/// Says something on stderr. A log whose disk is full, or a terminal that is gone, is no reason to stop.
pub(super) fn say(text: impl Display) {
    // One write, so that lines of several threads stay apart.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Names a problem on stderr.
pub(super) fn problem(text: impl Display) {
    say(format_args!("error: {text}"));
}

/// What printing came to, for a verb whose work is done by then: that nobody reads it is not worth an error.
pub(super) fn unless_closed(printed: Result<()>) -> Result<()> {
    printed.or_else(|error| if is_closed(&error) { Ok(()) } else { Err(error) })
}

/// Prints a line. Unlike `println!`, a reader that has gone away (`| head`) is an error and no panic.
pub(super) fn line(text: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

/// Prints bytes as they are.
pub(super) fn bytes(content: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(content)?;
    stdout.flush()
}

/// Prints a JSON document.
pub(super) fn json(document: &Value) -> Result<()> {
    Ok(line(serde_json::to_string_pretty(document)?)?)
}

/// Whether an error says that nobody reads stdout any more, which is no news to anybody.
pub(super) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe))
}
