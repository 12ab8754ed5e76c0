//! Locks of what an adapter's threads share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder panicked still guards sound data here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
