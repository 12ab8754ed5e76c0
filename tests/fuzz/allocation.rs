//! How much memory a thread asks for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// bytes that this thread holds beyond those at the start of the measurement, the most it held, and the largest
    /// single request
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts.
pub struct Counting;

fn count(bytes: isize) {
    // While a thread ends, its counters may be gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
    if bytes > 0 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(bytes.unsigned_abs())));
    }
}

// SAFETY: every call is the system allocator's, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed());
        count(-layout.size().cast_signed());
        unsafe { System.realloc(block, layout, size) }
    }
}

/// A measurement on this thread.
pub struct Meter(());

impl Meter {
    pub fn start() -> Meter {
        HELD.set(0);
        MOST.set(0);
        LARGEST.set(0);
        Meter(())
    }

    /// The largest single request, and the most that was held at once.
    pub fn stop(self) -> (usize, usize) {
        (LARGEST.get(), MOST.get().max(0).unsigned_abs())
    }
}
