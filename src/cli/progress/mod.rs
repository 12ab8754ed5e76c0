//! Progress on the terminal: a bar with what matters of a run beneath it, or plain lines elsewhere.

mod memory;
mod status;
mod training;

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Global;
pub(super) use training::TrainingProgress;

/// A bar over `length` things on stderr, hidden when quiet or not on a terminal.
pub(super) fn bar(global: &Global, length: u64, what: &str) -> ProgressBar {
    styled(global, length, what, "{prefix} {bar:30.cyan} {pos}/{len}  {msg}  {eta_precise} left")
}

/// A spinner with what is being done, hidden likewise.
pub(super) fn spinner(global: &Global) -> ProgressBar {
    if is_hidden(global) {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A bar drawn by a template of indicatif, which leaves the colours out where NO_COLOR is set.
fn styled(global: &Global, length: u64, what: &str, template: &str) -> ProgressBar {
    if is_hidden(global) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the template is valid").progress_chars("━╸ ");
    ProgressBar::new(length).with_style(style).with_prefix(what.to_string())
}

fn is_hidden(global: &Global) -> bool {
    global.quiet || !std::io::stderr().is_terminal()
}
