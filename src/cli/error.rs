//! Errors as the terminal shows them.

/// Flags that do not go together, or a value that a flag cannot have.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct WrongFlags(pub(crate) anyhow::Error);

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
