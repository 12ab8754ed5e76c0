//! Errors as the terminal shows them.

use anyhow::anyhow;

use crate::train::{ConfigError, Spelling};

/// Flags that do not go together, or a value that a flag cannot have.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct WrongFlags(pub(crate) anyhow::Error);

impl WrongFlags {
    /// Settings that cannot be used, told in the words of their flags.
    pub(crate) fn of(error: ConfigError) -> Self {
        WrongFlags(anyhow!(error.spelt(Spelling::Flags)))
    }
}

/// An error and its causes in one line, a cause left out where the text before already says it.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
