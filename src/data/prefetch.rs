//! Worker threads that compute numbered items ahead of their consumer, who gets them in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};

use super::guard::caught;

/// An endless iterator over `produce(first)`, `produce(first + 1)`, ...; an item whose computation panicked is the
/// panic's message. Dropping it stops the threads and waits for them.
pub(super) struct Prefetch<T> {
    shared: Arc<Shared<T>>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    produce: Box<dyn Fn(u64) -> T + Send + Sync>,
    queue: Mutex<Queue<T>>,
    /// Signalled whenever the queue changes in a way that someone may wait for.
    changed: Condvar,
    /// How many items may be under way or waiting at once.
    ahead: u64,
}

struct Queue<T> {
    /// The next item to be computed.
    unclaimed: u64,
    /// The next item to be handed out.
    wanted: u64,
    finished: BTreeMap<u64, Result<T, String>>,
    stopped: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().expect("nothing panics while the queue is locked")
    }

    fn compute(&self, number: u64) -> Result<T, String> {
        caught(|| (self.produce)(number))
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if queue.stopped {
                return;
            }
            if queue.unclaimed >= queue.wanted.saturating_add(self.ahead) {
                queue = self.changed.wait(queue).expect("nothing panics while the queue is locked");
                continue;
            }
            let number = queue.unclaimed;
            queue.unclaimed += 1;
            drop(queue);
            let item = self.compute(number);
            queue = self.lock();
            queue.finished.insert(number, item);
            self.changed.notify_all();
        }
    }
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts `workers` threads (at least one), which hold at most one item each and one more.
    pub(super) fn start(workers: usize, first: u64, produce: impl Fn(u64) -> T + Send + Sync + 'static) -> Self {
        let workers = workers.max(1);
        let queue = Queue { unclaimed: first, wanted: first, finished: BTreeMap::new(), stopped: false };
        let shared = Arc::new(Shared {
            produce: Box::new(produce),
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            ahead: workers as u64 + 1,
        });
        let spawn = |i| {
            let shared = Arc::clone(&shared);
            Builder::new().name(format!("loader-{i}")).spawn(move || shared.work())
        };
        // A system that grants fewer threads than asked for, even none, only makes the iterator slower.
        let workers = (0..workers).map_while(|i| spawn(i).ok()).collect();
        Self { shared, workers }
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = Result<T, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut queue = self.shared.lock();
        let number = queue.wanted;
        if self.workers.is_empty() {
            queue.wanted += 1;
            drop(queue);
            return Some(self.shared.compute(number));
        }
        loop {
            if let Some(item) = queue.finished.remove(&number) {
                queue.wanted += 1;
                self.shared.changed.notify_all();
                return Some(item);
            }
            queue = self.shared.changed.wait(queue).expect("nothing panics while the queue is locked");
        }
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its items, so there is no error to pass on.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn items_come_in_order_and_a_panic_is_one_item() {
        let produce = |n: u64| {
            assert!(n != 12, "item {n} is broken");
            n * n
        };
        let got: Vec<_> = Prefetch::start(3, 10, produce).take(6).collect();
        assert_eq!(got[..2], [Ok(100), Ok(121)]);
        assert!(got[2].as_ref().is_err_and(|message| message.contains("item 12 is broken")), "{:?}", got[2]);
        assert_eq!(got[3..], [Ok(169), Ok(196), Ok(225)]);
    }

    #[test]
    fn work_ahead_is_bounded_and_ends_with_the_iterator() {
        let started = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&started);
        let mut items = Prefetch::start(2, 0, move |n| {
            counter.fetch_add(1, Ordering::SeqCst);
            n
        });
        for n in 0..5 {
            assert_eq!(items.next(), Some(Ok(n)));
        }
        drop(items);
        // Five were handed out; two workers may have three more done or under way.
        assert!((5..=8).contains(&started.load(Ordering::SeqCst)), "{started:?}");
        assert_eq!(Arc::strong_count(&started), 1, "every thread has ended");
    }
}
