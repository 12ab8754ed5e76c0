//! Progress on the terminal: a bar with loss, images per second and time left, or plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::interrupt::Interrupts;
use super::{Global, sentence};
use crate::train::{Event, Observer};

/// Between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A bar over `length` things on stderr, hidden when quiet or not on a terminal.
pub(super) fn bar(global: &Global, length: u64, what: &str) -> ProgressBar {
    if global.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{prefix} {bar:30} {pos}/{len}  {msg}  {eta_precise} left";
    let style = ProgressStyle::with_template(template).expect("the template is valid").progress_chars("━╸ ");
    ProgressBar::new(length).with_style(style).with_prefix(what.to_string())
}

/// What is being done, on stderr, hidden when quiet or not on a terminal.
pub(super) fn spinner(global: &Global) -> ProgressBar {
    if global.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Shows a training run.
pub(super) struct TrainingProgress {
    global: Global,
    bar: ProgressBar,
    batch: usize,
    first: u64,
    steps: u64,
    begun: Instant,
    printed: Option<Instant>,
    interrupts: Option<Interrupts>,
}

impl TrainingProgress {
    pub(super) fn new(global: &Global) -> Self {
        let (bar, begun) = (ProgressBar::hidden(), Instant::now());
        let global = global.clone();
        TrainingProgress { global, bar, batch: 0, first: 0, steps: 0, begun, printed: None, interrupts: None }
    }

    /// Lets signals stop the run.
    pub(super) fn heed(&mut self, interrupts: &Interrupts) {
        self.interrupts = Some(interrupts.clone());
    }

    fn say(&self, message: &str) {
        if self.bar.is_hidden() {
            self.global.note(message);
        } else {
            self.bar.println(message);
        }
    }
}

impl Observer for TrainingProgress {
    fn asks_to_stop(&self) -> bool {
        self.interrupts.as_ref().is_some_and(|interrupts| interrupts.signal().is_some())
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Note(message) => self.say(message),
            Event::Begin { step, steps, batch } => {
                (self.batch, self.first, self.steps, self.begun) = (batch, step, steps, Instant::now());
                self.bar = bar(&self.global, steps, "training");
                self.bar.set_position(step);
                self.bar.reset_eta();
                if std::io::stderr().is_terminal() {
                    self.say(
                        "Ctrl-C saves a checkpoint after the step under way and stops; a second one stops at once",
                    );
                }
            }
            Event::Step(record) => {
                let done = record.step + 1 - self.first;
                let elapsed = self.begun.elapsed().as_secs_f64();
                let losses: Vec<String> = record.losses.iter().map(|(name, v)| format!("{name} {v:.4}")).collect();
                let rate = (done * self.batch as u64) as f64 / elapsed;
                let message = format!("epoch {}  {}  {rate:.1} images/s", record.epoch, losses.join("  "));
                self.bar.set_position(record.step + 1);
                self.bar.set_message(message.clone());
                let due = self.printed.is_none_or(|at| at.elapsed() >= LINE_EVERY) || record.step + 1 == self.steps;
                if self.bar.is_hidden() && due {
                    let left = elapsed / done as f64 * (self.steps - record.step - 1) as f64;
                    let line = format!("step {}/{}  {message}  {left:.0} s left", record.step + 1, self.steps);
                    self.global.note(&line);
                    self.printed = Some(Instant::now());
                }
            }
            Event::Reopened { device, reason, step } => {
                let reason = sentence(reason);
                self.say(&format!("{reason}; `{}` is open again, and the run goes on from step {step}", device.name()));
            }
            Event::Validated(record) => {
                let dice = |dataset: &str, structure: &str| record.value(&format!("{dataset}_{structure}_dice"));
                let shown = |dataset: &str| {
                    let (cup, disc) = (dice(dataset, "cup")?, dice(dataset, "disc")?);
                    Some(format!("of {dataset} cup {cup:.4}, disc {disc:.4}"))
                };
                let all: Vec<String> = ["target", "source"].into_iter().filter_map(shown).collect();
                self.say(&format!("epoch {}: Dice {}", record.epoch, all.join("; ")));
            }
        }
    }
}
