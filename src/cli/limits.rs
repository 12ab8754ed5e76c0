//! What a system may grant less of than usual: threads, and room in files.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread;

use rayon::ThreadPoolBuilder;

/// Threads that others need beside those which compute: the driver, loaders of regions, a ticking bar.
const BESIDE: usize = 8;

/// Threads that the system starts for this program, of as many as are wanted.
fn granted(wanted: usize) -> usize {
    let mut waiting = Vec::new();
    for _ in 0..wanted {
        let (release, released) = mpsc::channel::<()>();
        match thread::Builder::new().stack_size(1 << 16).spawn(move || released.recv()) {
            Ok(thread) => waiting.push((release, thread)),
            Err(_) => break,
        }
    }
    let count = waiting.len();
    for (release, thread) in waiting {
        drop(release);
        let _ = thread.join();
    }
    count
}

/// Computing threads where as many were granted of those that are wanted: all, or half of what there is.
fn computing(wanted: usize, granted: usize) -> usize {
    if granted >= wanted + BESIDE { wanted } else { (granted / 2).clamp(1, wanted) }
}

/// Starts the threads that compute, fewer where the system grants few; gives a sentence on that.
pub(super) fn start_threads() -> Option<String> {
    let given = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok()).filter(|count| *count > 0);
    let wanted = given.unwrap_or_else(|| thread::available_parallelism().map_or(1, |count| count.get()));
    let granted = granted(wanted + BESIDE);
    let threads = computing(wanted, granted);
    let builder = ThreadPoolBuilder::new().num_threads(threads);
    // Without any other thread this one computes.
    let builder = if granted == 0 { builder.use_current_thread() } else { builder };
    // A pool that somebody has started already is as good.
    let _ = builder.build_global();
    (threads < wanted).then(|| format!("the system grants few threads: {threads} of {wanted} compute"))
}

/// Lets a write beyond the limit on the sizes of files fail with an error, where it would end the program.
pub(super) fn fail_beyond_file_limit() {
    #[cfg(unix)]
    {
        // What a handler does is of no concern; without one the signal kills.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_threads_are_shared_with_those_beside() {
        assert_eq!([16 + BESIDE, 16, 3, 1, 0].map(|granted| computing(16, granted)), [16, 8, 1, 1, 1]);
        assert_eq!(granted(3), 3);
    }
}
