//! The command line: one file for each verb.
//!
//! Results go to stdout, everything else to stderr. Exit status: 0 done, 1 failed, 2 wrong flags, 130 or 143 a training
//! stopped by Ctrl-C or SIGTERM.

mod bench;
mod config;
mod conformance;
mod convert;
mod demo;
mod devices;
mod evaluate;
mod examples;
mod interrupt;
mod output;
mod plan;
mod predict;
mod prepare;
mod progress;
mod report;
mod settings;
mod shaders;
mod shell;
mod synth;
mod train;

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::device::Device;
use crate::gpu::GpuOptions;
use crate::nn::deeplab::Backbone;
use crate::train::Config;

/// Optic disc and cup segmentation in fundus photographs, trained on one camera and adapted to another, on any GPU.
#[derive(Parser)]
#[command(name = "papilla", version, about, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Flags that every verb takes.
#[derive(Args, Clone)]
pub(crate) struct Global {
    /// Adapter: its index or part of its name, or `cpu` for the slow exact reference
    #[arg(long, global = true, env = "PAPILLA_DEVICE", value_name = "D")]
    device: Option<String>,
    /// Measure the convolution kernels on an adapter's first run, or keep to the table
    #[arg(long, global = true, value_enum, default_value_t = Tune::Auto, value_name = "WHEN")]
    tune: Tune,
    /// Print no progress and no warnings
    #[arg(long, global = true)]
    quiet: bool,
    /// Print exactly one JSON document on stdout
    #[arg(long, global = true)]
    json: bool,
}

/// Whether kernels are measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Tune {
    /// on hardware adapters, for shapes not seen before
    Auto,
    /// never
    Off,
    /// the same with kernels that multiply in the adapter's cooperative matrices, which round factors to 16 bits
    Matrices,
}

#[derive(Subcommand)]
enum Verb {
    Devices(devices::Arguments),
    Conformance(conformance::Arguments),
    Synth(synth::Arguments),
    Train(Box<train::Arguments>),
    Evaluate(evaluate::Arguments),
    Prepare(Box<prepare::Arguments>),
    Predict(predict::Arguments),
    Convert(convert::Arguments),
    Demo(demo::Arguments),
    Bench(bench::Arguments),
    Plan(Box<plan::Arguments>),
    Config(Box<config::Arguments>),
    Completions(shell::Completions),
    Man(shell::Man),
    Shaders(shaders::Arguments),
    Report(report::Arguments),
}

/// Architecture of weights whose file does not name it; a checkpoint of a run does.
#[derive(Args, Clone, Default)]
pub(crate) struct Architecture {
    /// Backbone of weights that are no checkpoint of a run [default: the one that their names tell]
    #[arg(long, value_enum)]
    backbone: Option<Backbone>,
    /// Output stride of weights that are no checkpoint of a run [default: 16, with drn 8]
    #[arg(long, value_name = "N")]
    output_stride: Option<usize>,
    /// Rows and columns to which images are brought for such weights [default: 512]
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
}

impl Architecture {
    /// Settings with this architecture, unless the network cannot have it.
    pub(crate) fn config(&self) -> Result<Config> {
        let mut config = Config::new(Default::default());
        config.set_backbone(self.backbone.unwrap_or(config.backbone));
        config.output_stride = self.output_stride.unwrap_or(config.output_stride);
        config.size = self.size.unwrap_or(config.size);
        config.check_network().map_err(WrongFlags)?;
        Ok(config)
    }

    /// Refuses flags that contradict what a checkpoint says of itself.
    pub(crate) fn agree(&self, config: &Config, checkpoint: &Path) -> Result<()> {
        let contradiction = |flag: &str, given: &dyn Display, own: &dyn Display| {
            anyhow!("{flag} {given} contradicts `{}`, which has {own}; leave the flag out", checkpoint.display())
        };
        match self {
            Architecture { backbone: Some(b), .. } if *b != config.backbone => {
                Err(contradiction("--backbone", &b.name(), &config.backbone.name()))
            }
            Architecture { output_stride: Some(stride), .. } if *stride != config.output_stride => {
                Err(contradiction("--output-stride", stride, &config.output_stride))
            }
            Architecture { size: Some(size), .. } if *size != config.size => {
                Err(contradiction("--size", size, &config.size))
            }
            _ => Ok(()),
        }
    }
}

/// Flags that do not go together, or a value that a flag cannot have.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct WrongFlags(anyhow::Error);

/// A probability among the flags.
pub(crate) fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("a probability between 0 and 1 is needed".to_string()),
    }
}

impl Global {
    /// Opens the device that was asked for, or the best one; says so when that is a software adapter.
    pub(crate) fn open_device(&self) -> Result<Device> {
        self.open_device_with(GpuOptions::default())
    }

    /// The same for work that is long enough to be worth choosing kernels for.
    pub(crate) fn open_tuned(&self) -> Result<Device> {
        self.open_device_with(self.tuned_options())
    }

    pub(crate) fn tuned_options(&self) -> GpuOptions {
        GpuOptions { tune: self.tune != Tune::Off, matrices: self.tune == Tune::Matrices, ..GpuOptions::default() }
    }

    pub(crate) fn open_device_with(&self, options: GpuOptions) -> Result<Device> {
        let device = Device::open(self.device.as_deref(), options)?;
        if device.is_software() && self.device.is_none() {
            self.note(&format!("no hardware adapter found; computing in software on `{}`", device.name()));
        }
        if let Device::Gpu(gpu) = &device
            && gpu.is_untuned()
        {
            self.note(&format!(
                "first run on `{}`: up to a minute goes into choosing kernels (--tune off keeps to the table)",
                device.name()
            ));
        }
        Ok(device)
    }

    /// Says something on stderr, unless asked to be quiet.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            eprintln!("{message}");
        }
    }
}

/// The whole command line, for help, completions and manual pages.
fn command() -> Command {
    examples::with_examples(Cli::command())
}

/// Parses the arguments, runs the verb, and turns an error into one sentence.
pub fn main() -> ExitCode {
    let cli = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    show_warnings(cli.global.quiet);
    keep_caught_panics_quiet();
    let outcome = match cli.verb {
        Verb::Devices(arguments) => devices::run(&cli.global, &arguments),
        Verb::Conformance(arguments) => conformance::run(&cli.global, &arguments),
        Verb::Synth(arguments) => synth::run(&cli.global, &arguments),
        Verb::Train(arguments) => train::run(&cli.global, &arguments),
        Verb::Evaluate(arguments) => evaluate::run(&cli.global, &arguments),
        Verb::Prepare(arguments) => prepare::run(&cli.global, &arguments),
        Verb::Predict(arguments) => predict::run(&cli.global, &arguments),
        Verb::Convert(arguments) => convert::run(&cli.global, &arguments),
        Verb::Demo(arguments) => demo::run(&cli.global, &arguments),
        Verb::Bench(arguments) => bench::run(&cli.global, &arguments),
        Verb::Plan(arguments) => plan::run(&cli.global, &arguments),
        Verb::Config(arguments) => config::run(&cli.global, &arguments),
        Verb::Completions(arguments) => shell::completions(&cli.global, &arguments),
        Verb::Man(arguments) => shell::man(&cli.global, &arguments),
        Verb::Shaders(arguments) => shaders::run(&cli.global, &arguments),
        Verb::Report(arguments) => report::run(&cli.global, &arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if output::is_closed(&error) => ExitCode::FAILURE,
        Err(error) => {
            if let Some(stopped) = error.downcast_ref::<interrupt::Stopped>() {
                eprintln!("{stopped}");
                return stopped.exit_code();
            }
            eprintln!("error: {}", sentence(&error));
            if error.is::<WrongFlags>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// What the engine warns of (a kernel that computes wrongly on this adapter, say) goes to stderr.
fn show_warnings(quiet: bool) {
    let level = if quiet { tracing::Level::ERROR } else { tracing::Level::WARN };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .with_ansi(false)
        .init();
}

/// A panic that becomes an error is told as that error, and not twice.
fn keep_caught_panics_quiet() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !crate::gpu::is_waiting() {
            tell(panic);
        }
    }));
}

/// An error and its causes in one line, a cause left out where the text before already says it.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
