//! The command line: one file for each verb.
//!
//! Results go to stdout, everything else to stderr. Exit status: 0 done, 1 failed, 2 wrong flags, 130 or 143 a training
//! stopped by Ctrl-C or SIGTERM; 101 a defect of the program.

mod architecture;
mod bench;
mod config;
mod conformance;
mod convert;
mod defects;
mod demo;
mod devices;
mod error;
mod evaluate;
mod examples;
mod global;
mod interrupt;
mod masking;
mod named;
mod output;
mod overwrite;
mod plan;
mod predict;
mod prepare;
mod progress;
mod report;
mod resume;
mod settings;
mod shaders;
mod shell;
mod synth;
mod train;

use std::process::ExitCode;

use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use architecture::Architecture;
use error::{WrongFlags, of_defect, sentence};
use global::Global;
use overwrite::Overwrite;

/// Optic disc and cup segmentation in fundus photographs, trained on one camera and adapted to another, on any GPU.
#[derive(Parser)]
#[command(name = "papilla", version, about, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
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

/// The whole command line, for help, completions and manual pages.
fn command() -> Command {
    examples::with_examples(Cli::command())
}

/// Parses the arguments, runs the verb, and turns an error into one sentence.
pub fn main() -> ExitCode {
    let cli = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    show_warnings(cli.global.quiet);
    defects::tell();
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
        Verb::Completions(arguments) => shell::completions(&cli.global, &arguments, command()),
        Verb::Man(arguments) => shell::man(&cli.global, &arguments, command()),
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
