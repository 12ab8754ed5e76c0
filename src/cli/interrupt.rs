//! Ctrl-C and SIGTERM while a run trains: the first lets it finish its step and save, the second ends the program.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::resume::resume_command;

/// Whether the next signal ends the program at once, as it does by default.
static AT_ONCE: AtomicBool = AtomicBool::new(true);
/// The signal that came while a run trained, or 0.
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

/// What a shell adds to the number of a signal that ended a program.
const SIGNALLED: i32 = 128;

/// The signals that come while a run trains.
#[derive(Clone)]
pub(super) struct Interrupts(());

impl Interrupts {
    /// From now on the first signal is kept for [`signal`](Self::signal), and only the second ends the program.
    pub(super) fn heed() -> io::Result<Self> {
        static REGISTERED: Once = Once::new();
        let mut outcome = Ok(());
        REGISTERED.call_once(|| outcome = register());
        outcome?;
        CAUGHT.store(0, Ordering::SeqCst);
        AT_ONCE.store(false, Ordering::SeqCst);
        Ok(Interrupts(()))
    }

    /// From now on the first signal ends the program.
    pub(super) fn pass(self) {
        AT_ONCE.store(true, Ordering::SeqCst);
    }

    /// The signal that came.
    pub(super) fn signal(&self) -> Option<i32> {
        Some(CAUGHT.load(Ordering::SeqCst) as i32).filter(|signal| *signal != 0)
    }
}

fn register() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: what ends the program looks at the flag before the last action sets it.
        flag::register_conditional_shutdown(signal, SIGNALLED + signal, &AT_ONCE)?;
        flag::register_usize(signal, &CAUGHT, signal as usize)?;
        flag::register(signal, &AT_ONCE)?;
    }
    Ok(())
}

/// A run that a signal has stopped. Everything up to its last step is in its checkpoint.
#[derive(Debug, thiserror::Error)]
#[error("stopped after step {step}, with a checkpoint; `{}` goes on", resume_command(run))]
pub(super) struct Stopped {
    pub signal: i32,
    /// steps done
    pub step: u64,
    pub run: PathBuf,
}

impl Stopped {
    /// What a shell would report had the signal ended the program.
    pub(super) fn exit_code(&self) -> ExitCode {
        u8::try_from(SIGNALLED + self.signal).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}
