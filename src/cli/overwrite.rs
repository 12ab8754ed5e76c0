//! `--force`, of verbs that write where they are told to.

use std::path::Path;

use crate::own_file::Overwriting;

/// Whether others' files may be replaced.
#[derive(clap::Args, Clone, Copy, Default)]
pub(crate) struct Overwrite {
    /// Replace files that this program did not write, too; never what is read, a run's checkpoint, links, devices and pipes
    #[arg(long)]
    force: bool,
}

impl Overwrite {
    /// The rule for a verb that reads these files.
    pub(crate) fn reading(self, files: impl IntoIterator<Item: AsRef<Path>>) -> Overwriting {
        Overwriting::forced(self.force).reading(files)
    }

    /// The rule for a verb that reads no files.
    pub(crate) fn rule(self) -> Overwriting {
        Overwriting::forced(self.force)
    }

    /// As if it were given, or not.
    #[cfg(test)]
    pub(crate) fn of(force: bool) -> Self {
        Self { force }
    }

    /// Whether it was given.
    pub(crate) fn is_forced(self) -> bool {
        self.force
    }
}
