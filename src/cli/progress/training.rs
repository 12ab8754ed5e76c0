//! A training run on the terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::ProgressBar;

use super::super::Global;
use super::super::error::in_words;
use super::super::interrupt::Interrupts;
use super::memory::ResidentMemory;
use super::status::{Dice, Status};
use super::styled;
use crate::data::names::{counted, printable};
use crate::train::{Event, Observer, StepRecord, ValidationRecord};

/// Between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Where the terminal does not tell how wide it is.
const COLUMNS: usize = 80;
/// The bar, the time that is left, and beneath them as many lines as the facts need.
const TEMPLATE: &str = "{prefix} {bar:30.cyan} {pos}/{len}  {msg}";

/// Shows a training run.
pub(in crate::cli) struct TrainingProgress {
    global: Global,
    bar: ProgressBar,
    batch: usize,
    first: u64,
    begun: Instant,
    printed: Option<Instant>,
    status: Status,
    memory: ResidentMemory,
    interrupts: Option<Interrupts>,
    notes: Vec<String>,
}

impl TrainingProgress {
    pub(in crate::cli) fn new(global: &Global) -> Self {
        TrainingProgress {
            global: global.clone(),
            bar: ProgressBar::hidden(),
            batch: 0,
            first: 0,
            begun: Instant::now(),
            printed: None,
            status: Status::default(),
            memory: ResidentMemory::new(),
            interrupts: None,
            notes: Vec::new(),
        }
    }

    /// What the run has said beside its progress.
    pub(in crate::cli) fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// Lets signals stop the run.
    pub(in crate::cli) fn heed(&mut self, interrupts: &Interrupts) {
        self.interrupts = Some(interrupts.clone());
    }

    fn say(&self, message: &str) {
        if self.bar.is_hidden() {
            self.global.note(message);
        } else {
            self.bar.println(printable(message));
        }
    }

    fn begin(&mut self, step: u64, steps: u64, batch: usize) {
        (self.batch, self.first, self.begun) = (batch, step, Instant::now());
        (self.status.done, self.status.steps) = (step, steps);
        self.bar = styled(&self.global, steps, "training", TEMPLATE);
        self.bar.set_position(step);
        if std::io::stderr().is_terminal() {
            self.say("Ctrl-C ends the step, saves a checkpoint and stops; a second one stops at once");
        }
    }

    fn step(&mut self, record: &StepRecord) {
        let status = &mut self.status;
        (status.done, status.epoch, status.phase) = (record.step + 1, record.epoch, record.phase);
        status.losses = record.summands();
        let (here, elapsed) = ((status.done - self.first) as f64, self.begun.elapsed().as_secs_f64());
        status.images_per_second = here * self.batch as f64 / elapsed;
        status.seconds_left = elapsed / here * (status.steps - status.done) as f64;
        status.host_bytes = self.memory.bytes();
        if self.bar.is_hidden() {
            let due = self.printed.is_none_or(|at| at.elapsed() >= LINE_EVERY) || status.done == status.steps;
            if due {
                self.global.note(&status.line());
                self.printed = Some(Instant::now());
            }
            return;
        }
        let columns = Term::stderr().size_checked().map_or(COLUMNS, |(_, columns)| usize::from(columns));
        // A line as wide as the terminal would make some of them begin another.
        let lines = status.lines(columns.saturating_sub(1));
        self.bar.set_position(status.done);
        self.bar.set_message(format!("{}\n{}", status.left(), lines.join("\n")));
    }

    fn validated(&mut self, record: &ValidationRecord) {
        let dice = |dataset: &'static str| {
            let of = |structure: &str| record.value(&format!("{dataset}_{structure}_dice"));
            let (cup, disc) = (of("cup"), of("disc"));
            (cup.is_some() || disc.is_some()).then_some(Dice { dataset, cup, disc })
        };
        let all: Vec<Dice> = ["target", "source"].into_iter().filter_map(dice).collect();
        let over = |dice: &Dice| {
            let count = record.regions.iter().find(|(dataset, _)| *dataset == dice.dataset).map_or(0, |found| found.1);
            format!("{dice} over {}", counted(count, "region"))
        };
        let shown: Vec<String> = all.iter().map(over).collect();
        self.say(&format!("epoch {}: Dice {} ({})", record.epoch, shown.join("; "), record.masks));
        self.status.dice = all.first().copied();
    }
}

impl Observer for TrainingProgress {
    fn asks_to_stop(&self) -> bool {
        self.interrupts.as_ref().is_some_and(|interrupts| interrupts.signal().is_some())
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Note(message) => {
                self.say(message);
                self.notes.push(message.to_string());
            }
            Event::Begin { step, steps, batch } => self.begin(step, steps, batch),
            Event::Compiled { device_bytes } => self.status.device_bytes = device_bytes,
            Event::Step(record) => self.step(record),
            Event::Reopened { device, reason, step } => {
                let reason = in_words(reason);
                self.say(&format!("{reason}; `{}` is open again, and the run goes on from step {step}", device.name()));
            }
            Event::Validated(record) => self.validated(record),
        }
    }
}
