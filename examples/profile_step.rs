//! Where the time of a training step goes, by the adapter's own timestamps.
//!
//! `cargo run --release --example profile_step [SIZE] [BATCH]`

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use papilla::device::{Device, Program};
use papilla::gpu::{GpuOptions, KernelTime};
use papilla::graph::AdamSettings;
use papilla::method::step::{StepSettings, adam_correction, source_only};
use papilla::nn::Norm;
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::init::initial_values;

fn main() -> Result<()> {
    let number = |text: String| text.parse::<usize>().with_context(|| format!("`{text}` is not a number"));
    let given = std::env::args().skip(1).map(number).collect::<Result<Vec<_>>>()?;
    let (size, batch) = (given.first().copied().unwrap_or(128), given.get(1).copied().unwrap_or(8));

    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let device = Device::open(wanted.as_deref(), GpuOptions { timestamps: true, ..GpuOptions::default() })?;
    let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };
    let adam = AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8 };
    let traced = source_only(&StepSettings { network, batch, size: [size; 2], dropout: true, adam })?;
    let states = device.states();
    let program = device.compile(&traced.graph, &states)?;
    for spec in &traced.tensors {
        states.write(&format!("generator.{}", spec.name), &initial_values(spec, 0))?;
    }
    program.write("image_s", &vec![0.1; batch * 3 * size * size])?;
    program.write("lr", &[1e-3])?;
    program.write("adam_correction", &adam_correction(adam, 1))?;

    for step in 0..3 {
        let begun = Instant::now();
        program.run()?;
        let loss = program.read(&["total"])?;
        println!("step {step}: {:.3} s, loss {}", begun.elapsed().as_secs_f64(), loss[0][0]);
    }
    let Program::Gpu(program) = &program else { bail!("only an adapter has timestamps; choose one") };
    println!("{} launches, {} MiB for the values of a step", program.dispatches(), program.peak_bytes() >> 20);
    print_table(&program.run_profiled()?);
    Ok(())
}

/// Time and launches of each operator and kernel, the dearest first.
fn print_table(times: &[KernelTime]) {
    let mut total: BTreeMap<(&str, &str), (f64, usize)> = BTreeMap::new();
    for time in times {
        let entry = total.entry((time.label, time.shader)).or_default();
        *entry = (entry.0 + time.milliseconds, entry.1 + 1);
    }
    let mut rows: Vec<_> = total.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    println!("{:>10} {:>8}  operator, kernel", "ms", "launches");
    for ((label, shader), (milliseconds, launches)) in rows {
        println!("{milliseconds:10.1} {launches:8}  {label}, {shader}");
    }
}
