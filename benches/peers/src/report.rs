//! Medians, spreads and ratios, for readers and as JSON.

use std::fmt::Write;

use jiff::Zoned;
use serde_json::{Map, Value, json};

use crate::burn_peer::Burn;
use crate::task::{Sample, Task};
use crate::torch::Versions;

/// Where and with what was measured.
pub struct Surroundings {
    pub adapter: String,
    pub driver: String,
    /// version, and the adapter as Burn names it
    pub burn: Option<(String, String)>,
    pub torch: Option<Versions>,
    pub threads: usize,
    pub rounds: usize,
}

/// What the peers took for a task, papilla first.
pub struct Row {
    pub task: Task,
    /// of the trained tensors, the same for all peers
    pub parameters: Option<usize>,
    pub times: Vec<(&'static str, Vec<Sample>)>,
}

/// Milliseconds.
struct Summary {
    median: f64,
    min: f64,
    max: f64,
}

impl Summary {
    fn of(samples: &[Sample]) -> Summary {
        let mut sorted: Vec<f64> = samples.iter().map(|sample| sample.seconds * 1e3).collect();
        sorted.sort_by(f64::total_cmp);
        let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Summary { median: (below + above) / 2.0, min: sorted[0], max: sorted[sorted.len() - 1] }
    }
}

impl Row {
    fn summaries(&self) -> Vec<(&'static str, Summary)> {
        self.times.iter().map(|(name, samples)| (*name, Summary::of(samples))).collect()
    }

    /// Median time of each other peer over papilla's.
    fn ratios(&self) -> Vec<(&'static str, f64)> {
        let summaries = self.summaries();
        let Some((ours, others)) = summaries.split_first() else { return Vec::new() };
        others.iter().map(|(name, other)| (*name, other.median / ours.1.median)).collect()
    }

    /// A few lines for readers.
    pub fn text(&self) -> String {
        let mut text = format!("{} {}\n", self.task.name(), self.task.shape());
        if let Some(parameters) = self.parameters {
            let names: Vec<&str> = self.times.iter().map(|(name, _)| *name).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {parameters} trained parameters in each of {}", names.join(", "));
        }
        let ratios = self.ratios();
        for ((name, summary), (_, samples)) in self.summaries().iter().zip(&self.times) {
            let Summary { median, min, max } = summary;
            let _ = write!(text, "  {name:8} {median:11.3} ms ({min:.3}..{max:.3})");
            if let Some((_, ratio)) = ratios.iter().find(|(peer, _)| peer == name) {
                let _ = write!(text, "   papilla is {ratio:.2} times as fast");
            }
            if let Some(loss) = samples.last().and_then(|sample| sample.loss) {
                let _ = write!(text, "   loss {loss:.4}");
            }
            text.push('\n');
        }
        text
    }

    fn json(&self) -> Value {
        let mut peers = Map::new();
        for ((name, summary), (_, samples)) in self.summaries().into_iter().zip(&self.times) {
            let each: Vec<f64> = samples.iter().map(|sample| sample.seconds * 1e3).collect();
            let mut entry = json!({
                "median_ms": summary.median,
                "min_ms": summary.min,
                "max_ms": summary.max,
                "samples_ms": each,
            });
            let losses: Vec<f32> = samples.iter().filter_map(|sample| sample.loss).collect();
            if !losses.is_empty() {
                entry["losses"] = json!(losses);
            }
            peers.insert(name.to_string(), entry);
        }
        let ratios: Map<String, Value> =
            self.ratios().into_iter().map(|(name, ratio)| (format!("{name}_over_papilla"), json!(ratio))).collect();
        let mut row = json!({ "name": self.task.name(), "shape": self.task.shape(), "peers": peers, "ratios": ratios });
        if let Some(parameters) = self.parameters {
            row["parameters"] = json!(parameters);
        }
        row
    }
}

/// One line of where and with what is measured.
pub fn heading(surroundings: &Surroundings) -> String {
    let Surroundings { adapter, driver, burn, torch, threads, rounds } = surroundings;
    let mut text = format!("papilla on {adapter} ({driver})");
    if let Some((version, own)) = burn {
        let _ = write!(text, ", Burn {version} on {own}");
    }
    if let Some(versions) = torch {
        let Versions { torch, python, threads } = versions;
        let _ = write!(text, ", PyTorch {torch} (Python {python}) with {threads} threads");
    }
    let _ = write!(text, "; {threads} cores, {rounds} rounds, medians (fastest..slowest)");
    text
}

/// The whole comparison as one document.
pub fn json(surroundings: &Surroundings, rows: &[Row]) -> Value {
    let Surroundings { adapter, driver, burn, torch, threads, rounds } = surroundings;
    let command: Vec<String> = std::env::args().skip(1).collect();
    let mut document = json!({
        "date": Zoned::now().strftime("%Y-%m-%d").to_string(),
        "command": format!("peers {}", command.join(" ")),
        "adapter": adapter,
        "driver": driver,
        "threads": threads,
        "rounds": rounds,
    });
    if let Some((version, own)) = burn {
        let level = std::env::var("CUBECL_AUTOTUNE_LEVEL").unwrap_or_else(|_| "balanced".to_string());
        document["burn"] =
            json!({ "version": version, "adapter": own, "autotune_level": level, "shaders": Burn::language() });
    }
    if let Some(Versions { torch, python, threads }) = torch {
        document["torch"] = json!({ "version": torch, "python": python, "threads": threads });
    }
    document["rows"] = rows.iter().map(Row::json).collect();
    document
}
