//! What is worth knowing while a run goes on, as lines that fit a terminal or as one line of a log.

use std::fmt;

use bytesize::ByteSize;

use crate::train::Phase;

/// Where a run is.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    /// steps done
    pub done: u64,
    /// of so many
    pub steps: u64,
    /// epoch of the last step
    pub epoch: u64,
    /// whether the category-level losses run, of a method that has them
    pub phase: Option<Phase>,
    /// of the last step the total and the terms that it is the sum of, and what is no part of it
    pub losses: [Vec<(&'static str, f32)>; 2],
    /// the last validation, if there was one
    pub dice: Option<Dice>,
    /// since the run began or went on
    pub images_per_second: f64,
    /// if the rest takes as long as what was done
    pub seconds_left: f64,
    /// resident memory of the program
    pub host_bytes: Option<u64>,
    /// memory of the adapter that the step was planned to take
    pub device_bytes: Option<u64>,
}

/// Dice of a validation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice {
    /// `target` or `source`
    pub dataset: &'static str,
    /// of what the masks show
    pub cup: Option<f64>,
    pub disc: Option<f64>,
}

impl fmt::Display for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = [("cup", self.cup), ("disc", self.disc)];
        let told = told.into_iter().filter_map(|(name, dice)| Some(format!("{name} {:.4}", dice?)));
        write!(f, "{} {}", self.dataset, told.collect::<Vec<_>>().join(", "))
    }
}

impl Status {
    /// All of it in one line.
    pub(super) fn line(&self) -> String {
        let place = format!("step {}/{}", self.done, self.steps);
        let facts = [vec![place], self.losses(), self.speed(), vec![self.left()], self.memory()];
        facts.concat().join("  ")
    }

    /// What stands beneath the bar: losses first, then the rest, in lines of at most `columns`.
    pub(super) fn lines(&self, columns: usize) -> Vec<String> {
        let rest = [self.speed(), self.memory()].concat();
        [self.losses(), rest].iter().flat_map(|facts| packed(facts, columns)).collect()
    }

    /// Time that is left.
    pub(super) fn left(&self) -> String {
        format!("{} left", duration(self.seconds_left))
    }

    fn losses(&self) -> Vec<String> {
        let [sum, others] = &self.losses;
        // The total is the sum of what stands behind it.
        let sum = sum.iter().enumerate().map(|(place, (name, value))| match place {
            0 if sum.len() > 1 => format!("{name} {value:.4} ="),
            0 | 1 => format!("{name} {value:.4}"),
            _ => format!("+ {name} {value:.4}"),
        });
        let others = others.iter().map(|(name, value)| match *name {
            "d_same" => format!("discriminators: source {value:.4}"),
            "d_diff" => format!("target {value:.4}"),
            name => format!("{name} {value:.4}"),
        });
        let losses = sum.chain([others.collect::<Vec<_>>().join(", ")].into_iter().filter(|others| !others.is_empty()));
        let epoch = match self.phase {
            Some(Phase::WarmUp) => format!("epoch {} (warm-up)", self.epoch),
            _ => format!("epoch {}", self.epoch),
        };
        std::iter::once(epoch).chain(losses).collect()
    }

    fn speed(&self) -> Vec<String> {
        let dice = self.dice.map(|d| format!("Dice {d}"));
        dice.into_iter().chain([format!("{:.1} images/s", self.images_per_second)]).collect()
    }

    fn memory(&self) -> Vec<String> {
        let shown = |what: &str, bytes: u64| format!("{what} {}", ByteSize(bytes).display().iec());
        let host = self.host_bytes.map(|bytes| shown("program", bytes));
        let device = self.device_bytes.map(|bytes| shown("step on the adapter", bytes));
        let both: Vec<String> = [host, device].into_iter().flatten().collect();
        if both.is_empty() { both } else { vec![format!("memory: {}", both.join(", "))] }
    }
}

/// Puts facts into lines of at most `columns`, two spaces before each; one that is longer has a line of its own.
fn packed(facts: &[String], columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + fact.chars().count() <= columns => {
                line.push_str("  ");
                line.push_str(fact);
            }
            _ => lines.push(format!("  {fact}")),
        }
    }
    lines
}

/// In the two largest units that say something.
fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{minutes} min {} s", whole % 60),
        3600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run with every loss there is.
    fn status() -> Status {
        let names = ["total", "seg", "adv", "align", "discriminative", "consistency"];
        Status {
            done: 1234,
            steps: 18_000,
            epoch: 34,
            phase: Some(Phase::CategoryLevel),
            losses: [names.map(|name| (name, 0.25)).to_vec(), vec![("d_same", 0.25), ("d_diff", 0.25)]],
            dice: Some(Dice { dataset: "target", cup: Some(0.5), disc: Some(0.875) }),
            images_per_second: 123.46,
            seconds_left: 5400.0,
            host_bytes: Some(3 << 29),
            device_bytes: Some(5 << 30),
        }
    }

    const FACTS: [&str; 8] = [
        "epoch 34",
        "total 0.2500 =",
        "  seg 0.2500",
        "+ consistency 0.2500",
        "Dice target cup 0.5000, disc 0.8750",
        "123.5 images/s",
        "memory: program 1.5 GiB, step on the adapter 5.0 GiB",
        "discriminators: source 0.2500, target 0.2500",
    ];

    #[test]
    fn every_fact_stands_in_the_line_of_a_log_and_beneath_the_bar() {
        let line = status().line();
        assert!(line.starts_with("step 1234/18000  epoch 34  total 0.2500 =  seg 0.2500  + adv 0.2500  "), "{line}");
        assert!(line.contains("  1 h 30 min left  "), "{line}");
        for columns in [55, 80, 120] {
            let lines = status().lines(columns);
            assert!(lines.iter().all(|line| line.chars().count() <= columns), "{columns}: {lines:#?}");
            for fact in FACTS {
                assert!(line.contains(fact), "`{fact}` is not in: {line}");
                assert!(lines.iter().any(|line| line.contains(fact)), "`{fact}` is not in: {lines:#?}");
            }
        }
        assert_eq!([80, 120].map(|columns| status().lines(columns).len()), [5, 3]);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let status = Status { phase: Some(Phase::WarmUp), ..status() };
        assert!(status.line().starts_with("step 1234/18000  epoch 34 (warm-up)  total"), "{}", status.line());
        let status = Status { dice: None, host_bytes: None, device_bytes: None, ..status };
        for absent in ["Dice", "memory", "adapter"] {
            assert!(!status.line().contains(absent), "{}", status.line());
        }
    }

    #[test]
    fn a_structure_that_no_mask_shows_has_no_dice() {
        let disc = Dice { dataset: "source", cup: None, disc: Some(0.875) };
        assert_eq!(disc.to_string(), "source disc 0.8750");
        let alone = Status { losses: [vec![("seg", 0.5)], Vec::new()], dice: Some(disc), ..status() };
        assert!(alone.line().contains("  seg 0.5000  Dice source disc 0.8750  "), "{}", alone.line());
    }

    #[test]
    fn durations_have_two_units() {
        let shown = [0.0, 59.4, 59.6, 3599.0, 3600.0, 86_399.0, 90_000.0].map(duration);
        assert_eq!(shown, ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "23 h 59 min", "1 d 1 h"]);
    }
}
