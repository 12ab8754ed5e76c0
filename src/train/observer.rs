//! What a run tells whoever watches it.

use super::error::TrainError;
use super::logs::{StepRecord, ValidationRecord};
use crate::device::Device;

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
    /// the training step of the run, or of its next stage, is ready
    Compiled {
        /// memory of the adapter that it takes by plan; the reference has none
        device_bytes: Option<u64>,
    },
    /// a step is done and logged
    Step(&'a StepRecord),
    /// the device was lost and is open again; the run goes back to its checkpoint after so many steps
    Reopened {
        /// as it was opened again
        device: &'a Device,
        /// what the driver said
        reason: &'a TrainError,
        /// steps done at the checkpoint
        step: u64,
    },
    /// a validation is done and logged
    Validated(&'a ValidationRecord),
}

/// Somebody who watches a run.
pub trait Observer {
    /// Called in the run's own thread, which waits for it, as soon as the event has happened.
    fn event(&mut self, event: Event<'_>);

    /// Whether the run is to stop after the step under way, with a checkpoint.
    fn asks_to_stop(&self) -> bool {
        false
    }
}
