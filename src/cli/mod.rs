//! The command line: one file for each verb.
//!
//! Results go to stdout, everything else to stderr; neither has to be read for the work to be done. Exit status: 0 done, 1 failed,
//! 2 wrong flags, 130 or 143 stopped by Ctrl-C or SIGTERM; 101 a defect of the program.

mod adapt;
mod architecture;
mod bench;
mod check;
mod config;
mod conformance;
mod convert;
mod defects;
mod demo;
mod devices;
mod error;
mod evaluate;
mod examples;
mod families;
mod global;
mod interrupt;
mod limits;
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
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;

use architecture::Architecture;
use error::{WrongFlags, of_defect, sentence};
use global::{Global, Uses};
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

/// Defines the verbs from one list: the arguments of each, what runs it, what it uses of the machine, and what it is given beside
/// its arguments.
macro_rules! verbs {
    ($($verb:ident($arguments:ty) runs $run:path, uses $uses:ident $(, given $given:ident)?;)+) => {
        #[derive(Subcommand)]
        enum Verb {
            $($verb($arguments)),+
        }

        /// What each verb uses of the machine, by its name without regard to case.
        const USES: &[(&str, Uses)] = &[$((stringify!($verb), Uses::$uses)),+];

        impl Verb {
            fn run(&self, global: &Global) -> Result<ExitCode> {
                match self {
                    $(Verb::$verb(arguments) => $run(global, arguments $(, $given())?)),+
                }
            }
        }
    };
}

verbs! {
    Prepare(Box<prepare::Arguments>) runs prepare::run, uses Nothing;
    Check(check::Arguments) runs check::run, uses Nothing;
    Train(Box<train::Arguments>) runs train::run, uses Kernels;
    Adapt(adapt::Arguments) runs adapt::run, uses Kernels;
    Evaluate(evaluate::Arguments) runs evaluate::run, uses Kernels;
    Predict(predict::Arguments) runs predict::run, uses Kernels;
    Report(report::Arguments) runs report::run, uses Kernels;
    Convert(convert::Arguments) runs convert::run, uses Nothing;
    Config(Box<config::Arguments>) runs config::run, uses Nothing;
    Synth(synth::Arguments) runs synth::run, uses Nothing;
    Demo(demo::Arguments) runs demo::run, uses Kernels;
    Devices(devices::Arguments) runs devices::run, uses Nothing;
    Plan(Box<plan::Arguments>) runs plan::run, uses Device;
    Bench(bench::Arguments) runs bench::run, uses Kernels;
    Conformance(conformance::Arguments) runs conformance::run, uses Device;
    Shaders(shaders::Arguments) runs shaders::run, uses Nothing;
    Completions(shell::Completions) runs shell::completions, uses Nothing, given command;
    Man(shell::Man) runs shell::man, uses Nothing, given command;
}

/// The whole command line, for help, completions and manual pages.
fn command() -> Command {
    let command = USES.iter().fold(Cli::command(), |command, (verb, uses)| {
        command.mut_subcommand(verb.to_lowercase(), |verb| uses.without_the_rest(verb))
    });
    examples::with_examples(words::alike_everywhere(command))
}

/// Runs the program with these arguments, the first of which is its name: parses them, runs the verb, and turns an error into one
/// sentence.
pub fn main(given: Vec<OsString>) -> ExitCode {
    let command = command();
    let parsed = command.clone().try_get_matches_from(&given).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let error = words::with_tip(error, &command, &given);
            if error.use_stderr() && given.iter().any(|word| word == "--json") {
                tell_in_json(&words::in_one_line(&error));
            }
            words::exit(error)
        }
    };
    show_warnings(cli.global.quiet);
    defects::tell();
    limits::fail_beyond_file_limit();
    if let Err(error) = interrupt::watch() {
        cli.global.note(&format!("signals cannot be caught ({error}): Ctrl-C ends a training without a checkpoint, and a prediction without its table"));
    }
    if let Some(note) = limits::start_threads() {
        cli.global.note(&note);
    }
    match words::refuse_foreign_paths(&given).and_then(|()| cli.verb.run(&cli.global)) {
        Ok(code) => code,
        // Whoever stops reading has what was wanted; everything else that a verb does comes before.
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let stopped = error.downcast_ref::<interrupt::Stopped>();
            let told = stopped.map_or_else(|| sentence(&error), ToString::to_string);
            if cli.global.json {
                tell_in_json(&told);
            }
            if let Some(stopped) = stopped {
                output::say(&told);
                return stopped.exit_code();
            }
            output::problem(&told);
            if error.is::<WrongFlags>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// The document of a call with `--json` that has failed.
fn tell_in_json(error: &str) {
    // Whoever has stopped reading stdout still has the status.
    let _ = output::json(&json!({ "error": error }));
}

/// What the engine warns of (a kernel that computes wrongly on this adapter, say) goes to stderr.
fn show_warnings(quiet: bool) {
    let level = if quiet { tracing::Level::ERROR } else { tracing::Level::WARN };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        // Of a warning that cannot be written, which it would write to the same place.
        .log_internal_errors(false)
        .with_target(false)
        .without_time()
        .with_ansi(false)
        .init();
}
