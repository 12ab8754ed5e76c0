//! `papilla bench compare`: two adapters side by side.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bench::{Drift, Portability};
use crate::cli::{Global, output};
use crate::input_file;

/// Steps of the short runs after which they are compared.
const STEPS: [usize; 8] = [1, 2, 5, 10, 20, 50, 100, 1000];

/// Compare what `bench --portability` wrote of two adapters, or of one with two drivers
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Measured of the first
    #[arg(value_name = "A.json")]
    a: PathBuf,
    /// Measured of the second
    #[arg(value_name = "B.json")]
    b: PathBuf,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let [a, b] = [read(&arguments.a)?, read(&arguments.b)?];
    if global.json {
        output::json(&document(&a, &b))?;
    } else {
        print(&a, &b)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Portability> {
    let text = input_file::read_text(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not what `papilla bench --portability` writes", path.display()))
}

/// Layers and directions that both have measured in the same shape: name, and milliseconds of each.
fn layers<'p>(a: &'p Portability, b: &'p Portability) -> impl Iterator<Item = (&'p str, f64, f64)> {
    a.kernels.iter().filter_map(|own| {
        let other = b.kernels.iter().find(|other| (&other.name, &other.shape) == (&own.name, &own.shape))?;
        Some((own.name.as_str(), own.ms, other.ms))
    })
}

/// How far the losses are apart: step and `|a − b| / |a|`.
fn drift(a: &Drift, b: &Drift) -> Vec<(usize, f64)> {
    if !a.is_comparable(b) {
        return Vec::new();
    }
    STEPS.into_iter().filter_map(|step| Some((step, a.apart(b, step)?))).collect()
}

fn document(a: &Portability, b: &Portability) -> Value {
    let layers: Vec<Value> =
        layers(a, b).map(|(name, a, b)| json!({ "name": name, "a_ms": a, "b_ms": b, "ratio": b / a })).collect();
    let wrong = |p: &Portability| p.wrong_operators().map(|operator| operator.name.clone()).collect::<Vec<_>>();
    let drift: Vec<Value> =
        drift(&a.training, &b.training).iter().map(|(step, apart)| json!({ "step": step, "apart": apart })).collect();
    json!({
        "a": a.adapter,
        "b": b.adapter,
        "wrong_operators": { "a": wrong(a), "b": wrong(b) },
        "layers": layers,
        "step_ms": { "a": a.step.ms, "b": b.step.ms, "same_step": a.step.what == b.step.what },
        "same_batches": a.training.batches_crc32c == b.training.batches_crc32c,
        "drift": drift,
    })
}

fn print(a: &Portability, b: &Portability) -> Result<()> {
    for (name, p) in [("A", a), ("B", b)] {
        let id = &p.adapter;
        output::line(format_args!(
            "{name}: {}, {}, {} {} ({})",
            id.name, id.backend, id.driver, id.driver_info, p.date
        ))?;
        output::line(format_args!(
            "   {:.1} GFLOP/s, copies {:.2} GB/s, cold start {:.1} s",
            p.ceiling_gflops,
            p.ceiling_gbs,
            p.step.cold_start_ms * 1e-3
        ))?;
        for wrong in p.wrong_operators() {
            let why = wrong.failure.clone().unwrap_or_else(|| format!("{} is wrong", wrong.value));
            output::line(format_args!("   {} fails: {why}", wrong.name))?;
        }
    }
    output::line(format_args!("\n{:40} {:>10} {:>10} {:>7}", "", "A ms", "B ms", "B / A"))?;
    for (name, a, b) in layers(a, b) {
        output::line(format_args!("{name:40} {a:10.3} {b:10.3} {:7.2}", b / a))?;
    }
    if a.step.what == b.step.what {
        let (what, a, b) = (format!("step: {}", a.step.what), a.step.ms, b.step.ms);
        output::line(format_args!("{what:40} {a:10.1} {b:10.1} {:7.2}", b / a))?;
    } else {
        output::line(format_args!("the steps cannot be compared: {} and {}", a.step.what, b.step.what))?;
    }
    let same = if a.training.batches_crc32c == b.training.batches_crc32c { "the same" } else { "not the same" };
    output::line(format_args!("\nfirst batches: {same} to the last bit"))?;
    for (step, apart) in drift(&a.training, &b.training) {
        output::line(format_args!("losses after {step:4} steps: {:.1e} of their value apart", apart))?;
    }
    Ok(())
}
