//! Results on stdout, and everything else on stderr. What cannot be said is lost; work is not.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::Result;
use serde_json::Value;

use crate::data::names::{is_command, printable};

/// Says something on stderr. A log whose disk is full, or a terminal that is gone, is no reason to stop. What the terminal would
/// take for commands, here and in [`line`], is spelt out.
pub(super) fn say(text: impl Display) {
    // One write, so that lines of several threads stay apart.
    let _ = std::io::stderr().write_all((printable(&text.to_string()) + "\n").as_bytes());
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
    writeln!(std::io::stdout(), "{}", printable(&text.to_string()))
}

/// Prints bytes as they are.
pub(super) fn bytes(content: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(content)?;
    stdout.flush()
}

/// Prints a JSON document.
pub(super) fn json(document: &Value) -> Result<()> {
    Ok(line(in_ascii_where_needed(&serde_json::to_string_pretty(document)?))?)
}

/// JSON with escapes of its own where [`line`] would spell characters out: they can only be in strings.
fn in_ascii_where_needed(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        match is_command(c) && c != '\n' {
            true => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => text.push(c),
        }
        text
    })
}

/// Whether an error says that nobody reads stdout any more, which is no news to anybody.
pub(super) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_commands_no_terminal_and_reads_back_as_it_was() {
        let document = json!({ "na\u{9b}2Jme": ["\u{1b}[31m\u{7f}\n\t", "é眼\u{202e}gnp"] });
        let text = in_ascii_where_needed(&serde_json::to_string_pretty(&document).expect("it is text"));
        assert_eq!(printable(&text), text);
        assert!(text.contains("é眼\\u202egnp"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("it stays JSON"), document);
    }
}
