//! An error and its causes in one line.

use std::error::Error;

/// An error and its causes in one line, each as `told` says it or else as it says itself; a cause is left out where the text before
/// already says it.
pub fn with_causes(error: &(dyn Error + 'static), told: impl Fn(&(dyn Error + 'static)) -> Option<String>) -> String {
    let mut text = String::new();
    let mut causes = Some(error);
    while let Some(cause) = causes {
        causes = cause.source();
        let cause = told(cause).unwrap_or_else(|| cause.to_string());
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
