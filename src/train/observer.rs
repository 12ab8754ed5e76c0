//! What a run tells whoever watches it.

use super::logs::{StepRecord, ValidationRecord};

/// What happens in a run, for whoever watches.
pub enum Event<'a> {
    /// something worth saying once
    Note(&'a str),
    /// training begins at a step, of as many
    Begin {
        /// steps done before
        step: u64,
        /// steps of the whole run
        steps: u64,
        /// images of a batch
        batch: usize,
    },
    /// a step is done and logged
    Step(&'a StepRecord),
    /// a validation is done and logged
    Validated(&'a ValidationRecord),
}

/// Somebody who watches a run.
pub trait Observer {
    /// Called in the run's own thread, which waits for it, as soon as the event has happened.
    fn event(&mut self, event: Event<'_>);
}
