//! Ctrl-C and SIGTERM: the first lets a training finish its step and save, and a prediction its images; the second, and the first
//! at any other time, ends the program, which removes what it has not finished.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::atomic_file::abandon;

/// Whether the next signal ends the program at once, as it does by default.
static AT_ONCE: AtomicBool = AtomicBool::new(true);
/// The signal that came while there was work to be kept, or 0.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

/// What a shell adds to the number of a signal that ended a program.
const SIGNALLED: i32 = 128;

/// The signals that come while there is work to be kept.
#[derive(Clone)]
pub(super) struct Interrupts(());

impl Interrupts {
    /// From now on the first signal is kept for [`signal`](Self::signal), and only the second ends the program.
    pub(super) fn heed() -> Self {
        CAUGHT.store(0, Ordering::SeqCst);
        AT_ONCE.store(false, Ordering::SeqCst);
        Interrupts(())
    }

    /// From now on the first signal ends the program.
    pub(super) fn pass(self) {
        AT_ONCE.store(true, Ordering::SeqCst);
    }

    /// The signal that came.
    pub(super) fn signal(&self) -> Option<i32> {
        Some(CAUGHT.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }
}

/// Waits for signals for as long as the program runs. Where that cannot be done, they end it as they do by default.
pub(super) fn watch() -> io::Result<()> {
    let (ready, begun) = channel();
    thread::Builder::new().name("signals".to_string()).spawn(move || {
        let signals = Signals::new([SIGINT, SIGTERM]);
        let failed = signals.as_ref().err().map(|error| io::Error::new(error.kind(), error.to_string()));
        let _ = ready.send(failed);
        let Ok(mut signals) = signals else { return };
        for signal in signals.forever() {
            if AT_ONCE.swap(true, Ordering::SeqCst) {
                end(signal);
            }
            CAUGHT.store(signal, Ordering::SeqCst);
        }
    })?;
    begun.recv().ok().flatten().map_or(Ok(()), Err)
}

/// Ends the program as a signal does; one that had been asked to stop before ends with the status that it would have had.
fn end(signal: i32) {
    abandon();
    if CAUGHT.load(Ordering::SeqCst) == 0 {
        let _ = emulate_default_handler(signal);
    }
    exit(SIGNALLED + signal);
}

/// Work that a signal has stopped. What was done is kept.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
pub(super) struct Stopped {
    pub signal: i32,
    /// how far it came, and how it goes on
    pub told: String,
}

impl Stopped {
    /// What a shell would report had the signal ended the program.
    pub(super) fn exit_code(&self) -> ExitCode {
        u8::try_from(SIGNALLED + self.signal).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}
