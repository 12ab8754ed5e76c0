//! How the launches of a run are divided into submissions, so that no desktop's watchdog takes one for a hang.

use std::cell::Cell;
use std::ops::Range;
use std::time::Instant;

use crate::graph::{Graph, NodeId};

/// Seconds that a submission may take; watchdogs wait for two or more.
const LONGEST: f64 = 0.25;
/// Seconds that a launch may take without a warning.
const LONGEST_LAUNCH: f64 = 0.5;
/// Operations and bytes per second of a slow adapter, as long as nothing is measured.
const SLOW: (f64, f64) = (50e9, 5e9);

/// Times of the launches of a run: estimates whose proportions count, and the scale that the last run has shown.
pub(super) struct Pace {
    /// seconds on a slow adapter
    estimates: Vec<f64>,
    /// seconds of this adapter for a second of a slow one
    scale: Cell<f64>,
    begun: Cell<Option<Instant>>,
    warned: Cell<bool>,
}

impl Pace {
    /// Estimates for launches which belong to these steps: positions among the live nodes, or later ones for updates.
    pub fn new(graph: &Graph, live: &[NodeId], steps: &[usize]) -> Pace {
        let mut launches = vec![0u32; steps.iter().max().map_or(0, |last| last + 1)];
        steps.iter().for_each(|&step| launches[step] += 1);
        let states: u64 = graph.states().iter().map(|state| state.shape.bytes()).sum();
        let updates = steps.iter().filter(|&&step| step >= live.len()).count();
        let estimate = |&step: &usize| match live.get(step) {
            Some(&id) => {
                let inputs = graph.node(id).inputs.iter().map(|input| graph.shape(*input).bytes());
                let bytes = graph.shape(id).bytes() + inputs.sum::<u64>();
                seconds(graph.node_flops(id), bytes) / f64::from(launches[step])
            }
            // Updates read and write the states.
            None => seconds(0, 2 * states) / updates as f64,
        };
        let estimates = steps.iter().map(estimate).collect();
        Pace { estimates, scale: Cell::new(1.0), begun: Cell::new(None), warned: Cell::new(false) }
    }

    /// Launches of each submission, in order.
    pub fn submissions(&self) -> Vec<Range<usize>> {
        divide(&self.estimates, LONGEST / self.scale.get())
    }

    /// A run is submitted now.
    pub fn begin(&self) {
        self.begun.set(Some(Instant::now()));
    }

    /// Everything submitted is done. Gives the seconds of the longest launch, should it be too long, once.
    pub fn end(&self) -> Option<f64> {
        let seconds = self.begun.take()?.elapsed().as_secs_f64();
        let estimated: f64 = self.estimates.iter().sum();
        if estimated <= 0.0 {
            return None;
        }
        self.scale.set(seconds / estimated);
        let longest = self.estimates.iter().fold(0.0, |most: f64, estimate| most.max(*estimate)) * self.scale.get();
        (longest > LONGEST_LAUNCH && !self.warned.replace(true)).then_some(longest)
    }
}

fn seconds(flops: u64, bytes: u64) -> f64 {
    flops as f64 / SLOW.0 + bytes as f64 / SLOW.1
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
    use crate::graph::ConvSpec;

    #[test]
    fn launches_are_divided_in_order_and_none_is_left_out() {
        assert_eq!(divide(&[1.0, 2.0, 3.0, 9.0, 1.0, 1.0], 4.0), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(divide(&[1.0, 1.0], 4.0).len(), 1);
        assert_eq!(divide(&[9.0, 9.0], 4.0), [0..1, 1..2]);
        assert!(divide(&[], 4.0).iter().all(Range::is_empty));
    }

    #[test]
    fn the_dearer_launch_is_estimated_longer_and_the_last_run_sets_the_scale() {
        let mut graph = Graph::new();
        let x = graph.input("x", [1, 64, 64, 64]);
        let w = graph.input("w", [64, 64, 3, 3]);
        let y = graph.conv2d(x, w, None, ConvSpec { padding: [1, 1], ..ConvSpec::default() }).expect("shapes fit");
        let y = graph.relu(y).expect("any shape");
        graph.output("y", y);
        let live = graph.live_nodes();
        let pace = Pace::new(&graph, &live, &[live.len() - 2, live.len() - 2, live.len() - 1]);
        assert!(pace.estimates[0] == pace.estimates[1] && pace.estimates[0] > pace.estimates[2]);
        assert_eq!(pace.submissions().len(), 1, "a few milliseconds even on a slow adapter");

        let total: f64 = pace.estimates.iter().sum();
        pace.scale.set(0.6 / total);
        assert_eq!(pace.submissions().len(), 3, "0.28 s each for the halves of the convolution, and the rest");
        pace.begin();
        assert_eq!(pace.end(), None);
        assert!(pace.scale.get() < 0.6 / total, "nothing was waited for");
    }
}
