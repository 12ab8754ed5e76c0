//! How a run is continued.

use std::path::Path;

/// The command that continues a run, as a shell takes it.
pub(super) fn resume_command(run: &Path) -> String {
    format!("papilla train --resume {}", in_shell(run))
}

/// A path as a shell takes it.
pub(super) fn in_shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=\\".contains(c);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_given_to_a_shell() {
        for (run, expected) in [
            ("runs/first", "runs/first"),
            ("my run", "'my run'"),
            ("it's", r"'it'\''s'"),
            ("$(true)", "'$(true)'"),
            ("-run", "'-run'"),
        ] {
            assert_eq!(resume_command(Path::new(run)), format!("papilla train --resume {expected}"));
        }
    }
}
