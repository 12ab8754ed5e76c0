//! How the launches of a run are divided into submissions, and when launches are too long, so that no desktop's watchdog
//! takes one for a hang.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use crate::gpu::kernel::Work;

/// Seconds that a submission may take; watchdogs wait for two or more.
const LONGEST: f64 = 0.25;
/// Operations and bytes per second of a slow adapter, as long as nothing is measured.
const SLOW: (f64, f64) = (50e9, 5e9);

/// Times of the launches of a run. They are estimates of which the proportions count until launches are measured one by
/// one, as the first run of a program is where there is a watchdog; later runs show the scale.
pub(super) struct Pace {
    /// the step of each launch
    steps: Vec<usize>,
    /// seconds of each launch, those of a slow adapter as long as nothing is measured
    times: RefCell<Vec<f64>>,
    /// what the last run took for a second of `times`
    scale: Cell<f64>,
    begun: Cell<Option<Instant>>,
    /// seconds that a launch may take, while somebody minds
    watchdog: Cell<Option<f64>>,
    /// the next run is to be measured
    due: Cell<bool>,
    /// the last measurement found a launch too long
    suspected: Cell<bool>,
}

/// Launches that are too long.
#[derive(Debug, PartialEq)]
pub(super) struct TooLong {
    /// of the longest
    pub seconds: f64,
    /// each step with such a launch, and how many times shorter its launches ought to be
    pub steps: BTreeMap<usize, usize>,
}

impl Pace {
    /// Estimates for launches, each of a step and with what it takes.
    pub(super) fn new(launches: impl Iterator<Item = (usize, Work)>, watchdog: Option<f64>) -> Pace {
        let estimate = |(step, work): (usize, Work)| (step, seconds(work));
        let (steps, times): (Vec<usize>, Vec<f64>) = launches.map(estimate).unzip();
        let (times, suspected) = (RefCell::new(times), Cell::new(false));
        let (watchdog, due) = (Cell::new(watchdog), Cell::new(watchdog.is_some()));
        Pace { steps, times, scale: Cell::new(1.0), begun: Cell::new(None), watchdog, due, suspected }
    }

    /// Launches of each submission, in order.
    pub(super) fn submissions(&self) -> Vec<Range<usize>> {
        divide(&self.times.borrow(), LONGEST / self.scale.get())
    }

    /// A run is submitted now.
    pub(super) fn begin(&self) {
        self.begun.set(Some(Instant::now()));
    }

    /// Everything submitted is done. Should a launch have become too long, the next run is measured: this one may have been
    /// held up by anything.
    pub(super) fn end(&self) {
        let Some(begun) = self.begun.take() else { return };
        let expected: f64 = self.times.borrow().iter().sum();
        if expected > 0.0 {
            self.scale.set(begun.elapsed().as_secs_f64() / expected);
        }
        let longest = self.times.borrow().iter().fold(0.0, |most: f64, time| most.max(*time)) * self.scale.get();
        self.due.set(self.watchdog.get().is_some_and(|most| longest > most));
    }

    /// Whether the next run is to be measured, launch by launch.
    pub(super) fn is_due(&self) -> bool {
        self.due.get()
    }

    /// Takes the seconds of each launch. Gives those that are too long, if there were such twice in a row: once may be the
    /// driver compiling.
    pub(super) fn measured(&self, times: Vec<f64>) -> Option<TooLong> {
        let most = self.watchdog.get()?;
        let seconds = times.iter().fold(0.0, |most: f64, time| most.max(*time));
        let mut steps = BTreeMap::new();
        for (&step, &time) in self.steps.iter().zip(&times).filter(|(_, time)| **time > most) {
            // Half as long as allowed, so that it need not be done again soon.
            let shorter = (2.0 * time / most).ceil() as usize;
            steps.entry(step).and_modify(|known: &mut usize| *known = shorter.max(*known)).or_insert(shorter);
        }
        *self.times.borrow_mut() = times;
        self.scale.set(1.0);
        let suspected = self.suspected.replace(seconds > most);
        self.due.set(seconds > most && !suspected);
        (seconds > most && suspected).then_some(TooLong { seconds, steps })
    }

    /// Whatever launches take, it is not to be measured again.
    pub(super) fn ignore(&self) {
        self.watchdog.set(None);
    }
}

fn seconds(work: Work) -> f64 {
    work.flops as f64 / SLOW.0 + work.bytes() as f64 / SLOW.1
}

/// Ranges of launches whose sums are within a limit, or that are single launches.
fn divide(estimates: &[f64], limit: f64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut sum) = (0, 0.0);
    for (index, estimate) in estimates.iter().enumerate() {
        if index > start && sum + estimate > limit {
            ranges.push(start..index);
            (start, sum) = (index, 0.0);
        }
        sum += estimate;
    }
    ranges.push(start..estimates.len());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(step: usize, flops: u64) -> (usize, Work) {
        (step, Work { flops, read_bytes: 1 << 20, written_bytes: 1 << 20 })
    }

    #[test]
    fn launches_are_divided_in_order_and_none_is_left_out() {
        assert_eq!(divide(&[1.0, 2.0, 3.0, 9.0, 1.0, 1.0], 4.0), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(divide(&[1.0, 1.0], 4.0).len(), 1);
        assert_eq!(divide(&[9.0, 9.0], 4.0), [0..1, 1..2]);
        assert!(divide(&[], 4.0).iter().all(Range::is_empty));
    }

    #[test]
    fn the_dearer_launch_is_estimated_longer_and_the_last_run_sets_the_scale() {
        let convolution = 150 << 20;
        let pace = Pace::new([launch(2, convolution), launch(2, convolution), launch(3, 1)].into_iter(), Some(0.5));
        let times = pace.times.borrow().clone();
        assert!(times[0] == times[1] && times[0] > times[2]);
        assert_eq!(pace.submissions().len(), 1, "a few milliseconds even on a slow adapter");

        let total: f64 = times.iter().sum();
        pace.scale.set(0.6 / total);
        assert_eq!(pace.submissions().len(), 3, "0.28 s each for the halves of the convolution, and the rest");
        pace.begin();
        pace.end();
        assert!(pace.scale.get() < 0.6 / total, "nothing was waited for");
    }

    #[test]
    fn launches_too_long_are_measured_and_then_shorter() {
        let pace = Pace::new([launch(0, 1), launch(1, 1), launch(1, 1)].into_iter(), Some(0.5));
        assert!(pace.is_due(), "of the first run nothing is known");
        assert_eq!(pace.measured(vec![0.1, 0.1, 0.4]), None);
        assert!(!pace.is_due());
        assert_eq!(pace.submissions(), [0..2, 2..3]);

        // Somebody else takes the adapter, or it runs slower: twice the time.
        pace.scale.set(2.0);
        pace.begun.set(Instant::now().checked_sub(std::time::Duration::from_secs(1)));
        pace.end();
        assert!(pace.is_due());
        assert_eq!(pace.measured(vec![0.2, 0.2, 3.0]), None);
        assert!(pace.is_due(), "once is not enough");
        let found = pace.measured(vec![0.2, 0.6, 1.0]).expect("a second is too long");
        assert_eq!(found, TooLong { seconds: 1.0, steps: BTreeMap::from([(1, 4)]) });
        assert!(!pace.is_due());

        pace.ignore();
        assert_eq!(pace.measured(vec![9.0, 9.0, 9.0]), None);
        let software = Pace::new([launch(1, 1)].into_iter(), None);
        assert!(!software.is_due(), "nothing watches");
    }
}
