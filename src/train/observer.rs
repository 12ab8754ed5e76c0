//! What a run tells whoever watches it.

use super::logs::{StepRecord, ValidationRecord};
use crate::device::Device;

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
    /// the device was lost and is open again; the run goes back to its checkpoint after so many steps
    Reopened {
        device: &'a Device,
        reason: &'a anyhow::Error,
        step: u64,
    },
    Validated(&'a ValidationRecord),
}

/// Somebody who watches a run.
pub trait Observer {
    fn event(&mut self, event: Event<'_>);

    /// Whether the run is to stop after the step under way, with a checkpoint.
    fn asks_to_stop(&self) -> bool {
        false
    }
}
