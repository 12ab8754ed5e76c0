//! What a run tells whoever watches it.

use super::logs::{StepRecord, ValidationRecord};

/// What happens in a run, for whoever watches.
pub enum Event<'a> {
    /// something worth saying once
    Note(&'a str),
    /// training begins at a step, of as many
    Begin {
        step: u64,
        steps: u64,
        batch: usize,
    },
    Step(&'a StepRecord),
    Validated(&'a ValidationRecord),
}

/// Somebody who watches a run.
pub trait Observer {
    fn event(&mut self, event: Event<'_>);
}
