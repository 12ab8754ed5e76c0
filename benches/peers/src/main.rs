//! `peers`: the same layers and the same training step in papilla, Burn and PyTorch, taking turns.

mod burn_net;
mod burn_peer;
mod ours;
mod report;
mod task;
mod torch;

use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use clap::{ArgGroup, Parser, ValueEnum};

use crate::burn_peer::Burn;
use crate::ours::Ours;
use crate::report::{Row, Surroundings};
use crate::task::{Peer, Task};
use crate::torch::Torch;

/// Images and pixels a side of a step, and of layers, where the adapter computes on the CPU; as in `papilla bench`
const SOFTWARE_STEP: (usize, usize) = (8, 128);
const SOFTWARE_LAYERS: (usize, usize) = (2, 512);
/// The same on hardware.
const HARDWARE: (usize, usize) = (8, 512);

/// Times the same layers and training step in papilla, Burn and PyTorch, taking turns.
#[derive(Parser)]
#[command(name = "peers", max_term_width = 110, group(ArgGroup::new("what").required(true).multiple(true)))]
struct Arguments {
    /// Single layers, forward and forward with both gradients
    #[arg(long, group = "what")]
    layers: bool,
    /// The whole source-only training step of DeepLabv3+ on MobileNetV2
    #[arg(long, group = "what")]
    step: bool,
    /// Rows and columns of the images [default: as `papilla bench`]
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// Images of a batch [default: as `papilla bench`]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// How often each takes its turn, after a warm-up
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Leave one out; may be repeated
    #[arg(long, value_enum, value_name = "PEER")]
    without: Vec<Other>,
    /// Python interpreter that has torch
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: String,
    /// Print exactly one JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// Who is compared with papilla.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Other {
    Burn,
    Torch,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let threads = available_parallelism().context("the number of cores is not known")?.get();
    let with = |other| !arguments.without.contains(&other);
    // PyTorch first: its absence is the likeliest problem, and soonest found.
    let torch = with(Other::Torch).then(|| Torch::open(&arguments.python, threads)).transpose()?;
    let ours = Ours::open()?;
    let tasks = tasks(arguments, ours.is_software())?;
    let burn = with(Other::Burn).then(|| Burn::open(ours.is_software()));
    let (adapter, driver) = ours.adapter();
    let surroundings = Surroundings {
        adapter,
        driver,
        burn: burn.as_ref().map(|burn| (Burn::version().to_string(), burn.adapter())),
        torch: torch.as_ref().map(|torch| torch.versions.clone()),
        threads,
        rounds: arguments.rounds,
    };
    eprintln!("{}", report::heading(&surroundings));
    if burn.is_some() {
        eprintln!(
            "Burn tunes each shape on first use: minutes on a GPU, up to an hour for a step on a software adapter"
        );
    }
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(ours)];
    peers.extend(burn.map(|burn| Box::new(burn) as Box<dyn Peer>));
    peers.extend(torch.map(|torch| Box::new(torch) as Box<dyn Peer>));

    let mut rows = Vec::new();
    for task in tasks {
        let row = compare(&mut peers, task, arguments.rounds)?;
        if !arguments.json {
            print!("{}", row.text());
        }
        rows.push(row);
    }
    if arguments.json {
        println!("{:#}", report::json(&surroundings, &rows));
    }
    Ok(())
}

/// What was asked for.
fn tasks(arguments: &Arguments, software: bool) -> Result<Vec<Task>> {
    let sizes = |(batch, size): (usize, usize)| (arguments.batch.unwrap_or(batch), arguments.size.unwrap_or(size));
    let mut tasks = Vec::new();
    if arguments.layers {
        let (batch, size) = sizes(if software { SOFTWARE_LAYERS } else { HARDWARE });
        ensure!(batch > 0 && size >= 64, "layers need --batch 1 and --size 64 at least");
        tasks.extend(Task::layers(size, batch));
    }
    if arguments.step {
        let (batch, size) = sizes(if software { SOFTWARE_STEP } else { HARDWARE });
        let fits = batch > 1 && size >= 32 && size.is_multiple_of(16);
        ensure!(fits, "a step needs --batch 2 at least and a --size that is a multiple of 16, 32 at least");
        tasks.push(Task::Step { size, batch });
    }
    Ok(tasks)
}

/// Warms everyone up, then lets them take turns.
fn compare(peers: &mut [Box<dyn Peer>], task: Task, rounds: usize) -> Result<Row> {
    let mut parameters = None;
    for peer in peers.iter_mut() {
        let begun = std::time::Instant::now();
        let own = peer.prepare(&task)?;
        let (wanted, found) = (parameters.or(own), own);
        ensure!(
            wanted == found,
            "the network of {} has {} trained parameters, papilla's {}",
            peer.name(),
            found.unwrap_or(0),
            wanted.unwrap_or(0)
        );
        parameters = wanted;
        peer.run()?;
        eprintln!("{}: {} is warm after {:.1} s", task.name(), peer.name(), begun.elapsed().as_secs_f64());
    }
    let mut times: Vec<_> = peers.iter().map(|peer| (peer.name(), Vec::new())).collect();
    for _ in 0..rounds {
        for (peer, (_, samples)) in peers.iter_mut().zip(&mut times) {
            samples.push(peer.sample()?);
        }
    }
    Ok(Row { task, parameters, times })
}
