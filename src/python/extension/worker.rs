//! A thread that a network lives on: what it holds of the adapter stays on one thread, whichever threads of Python call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pyo3::prelude::*;

use crate::error::{Answer, guarded, told};

/// Time between two looks at whether Ctrl-C was pressed.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// Bytes of the thread's stack: as many as the program's main thread has.
pub(crate) const STACK: usize = 8 << 20;

const CLOSED: &str = "this model was closed; `papilla.load` loads it again";
const FORKED: &str = "this model was loaded before the process was forked, and its adapter stays with the other one; load it again \
                      here, or start processes by `spawn`";

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// What reaches a thread, and waits for its end.
type Open<T> = (Sender<Job<T>>, JoinHandle<()>);

/// Whether a call goes on; it ends early when Ctrl-C is pressed.
#[derive(Clone, Default)]
pub(crate) struct Call(Arc<AtomicBool>);

impl Call {
    pub(crate) fn goes_on(&self) -> bool {
        !self.0.load(Ordering::SeqCst)
    }

    fn end(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The thread of a `T`.
pub(crate) struct Worker<T> {
    open: Mutex<Option<Open<T>>>,
    /// the call that is under way
    call: Mutex<Call>,
    process: u32,
}

impl<T: 'static> Worker<T> {
    /// Starts a thread that makes a `T` and keeps it; gives what was told of it.
    pub(crate) fn start<R: Send + 'static>(
        py: Python<'_>,
        make: impl FnOnce() -> Answer<(T, R)> + Send + 'static,
    ) -> PyResult<(Self, R)> {
        let (jobs, queue) = channel::<Job<T>>();
        let (made, outcome) = channel();
        let work = move || {
            let mut kept = match guarded(make) {
                Ok((kept, told)) => {
                    let _ = made.send(Ok(told));
                    kept
                }
                Err(error) => {
                    let _ = made.send(Err(error));
                    return;
                }
            };
            while let Ok(job) = queue.recv() {
                job(&mut kept);
            }
            // A driver that panics as it closes has nothing left to spoil.
            let _ = guarded(move || {
                drop(kept);
                Ok(())
            });
        };
        let thread = thread::Builder::new().name("papilla".to_string()).stack_size(STACK).spawn(work);
        let thread = thread.map_err(|error| told(format!("no thread can be started: {error}")))?;
        let call = Call::default();
        let answer = wait(py, outcome, &call)?;
        let worker =
            Worker { open: Mutex::new(Some((jobs, thread))), call: Mutex::new(call), process: std::process::id() };
        Ok((worker, answer))
    }

    /// Has the thread do some work, and waits for it while other threads of Python run. Ctrl-C raises `KeyboardInterrupt` at once.
    pub(crate) fn ask<R: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut T, &Call) -> Answer<R> + Send + 'static,
    ) -> PyResult<R> {
        if std::process::id() != self.process {
            return Err(told(FORKED.to_string()));
        }
        let call = Call::default();
        let (done, outcome) = channel();
        let its = call.clone();
        let job: Job<T> = Box::new(move |kept| {
            let _ = done.send(guarded(|| work(kept, &its)));
        });
        let jobs = self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(jobs, _)| jobs.clone());
        let sent = jobs.is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(told(CLOSED.to_string()));
        }
        *self.call.lock().unwrap_or_else(PoisonError::into_inner) = call.clone();
        wait(py, outcome, &call)
    }

    /// Lets go of what the thread holds.
    pub(crate) fn close(&self, py: Python<'_>) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((jobs, thread)) = open else { return };
        self.call.lock().unwrap_or_else(PoisonError::into_inner).end();
        drop(jobs);
        if std::process::id() == self.process {
            // Its panics are caught.
            let _ = py.detach(|| thread.join());
        }
    }
}

/// Waits for an answer.
fn wait<R: Send>(py: Python<'_>, mut outcome: std::sync::mpsc::Receiver<Answer<R>>, call: &Call) -> PyResult<R> {
    loop {
        let answer;
        (answer, outcome) = py.detach(move || (outcome.recv_timeout(LOOK), outcome));
        match answer {
            Ok(answer) => return answer.map_err(told),
            Err(RecvTimeoutError::Timeout) => py.check_signals().inspect_err(|_| call.end())?,
            Err(RecvTimeoutError::Disconnected) => return Err(told(CLOSED.to_string())),
        }
    }
}
