//! Where the time of a training step goes, by the adapter's own timestamps.
//!
//! `cargo run --release --example profile_step [SIZE] [BATCH] [METHOD] [BACKBONE]`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use papilla::device::{Device, Program};
use papilla::gpu::{GpuOptions, KernelTime};
use papilla::method::step::{GENERATOR, adam_correction, trace};
use papilla::nn::deeplab::Backbone;
use papilla::train::{Config, Method, initialise};

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| match given.get(index) {
        Some(text) => text.parse().with_context(|| format!("`{text}` is not a number")),
        None => Ok(default),
    };
    let mut config = Config::new(PathBuf::new());
    (config.size, config.batch) = (number(0, 128)?, number(1, 8)?);
    if let Some(name) = given.get(2) {
        config.method = Method::from_str(name, false).map_err(|_| anyhow!("`{name}` is not a method"))?;
    }
    if let Some(name) = given.get(3) {
        config.set_backbone(Backbone::from_str(name, false).map_err(|_| anyhow!("`{name}` is not a backbone"))?);
    }

    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let device = Device::open(wanted.as_deref(), GpuOptions { timestamps: true, ..GpuOptions::default() })?;
    let traced = trace(&config.step_settings(true))?;
    let states = device.states();
    let program = device.compile(&traced.graph, &states)?;
    initialise(&states, GENERATOR, &traced.tensors, 0)?;
    for (prefix, tensors) in &traced.discriminators {
        initialise(&states, prefix, tensors, 0)?;
    }
    for image in ["image_s", "image_t", "image_t_aug"].into_iter().filter(|name| program.has_input(name)) {
        program.write(image, &vec![0.1; config.batch * 3 * config.size * config.size])?;
    }
    program.write("lr", &[1e-3])?;
    program.write("adam_correction", &adam_correction(config.adam(), 1))?;

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
