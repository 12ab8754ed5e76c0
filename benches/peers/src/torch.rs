//! PyTorch's part of the comparison: a Python process that reads commands and answers them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use papilla::bench::Layer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::task::{Pass, Peer, Task};

/// The worker's program.
const WORKER: &str = include_str!("../peers.py");

/// PyTorch on the CPU.
pub struct Torch {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub versions: Versions,
}

/// What computes.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    pub torch: String,
    pub python: String,
    pub threads: usize,
}

/// What the worker says; which fields are there depends on the command.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    error: Option<String>,
    torch: String,
    python: String,
    threads: usize,
    parameters: Option<usize>,
    loss: Option<f32>,
}

impl Torch {
    /// Starts the worker with a Python interpreter that has torch.
    pub fn open(python: &str, threads: usize) -> Result<Torch> {
        let mut process = Command::new(python)
            .args(["-c", WORKER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{python}` cannot be started; name a Python that has torch with --python"))?;
        let commands = process.stdin.take().context("the worker has no input")?;
        let answers = process.stdout.take().context("the worker has no output")?;
        let mut torch = Torch { process, commands, answers: BufReader::new(answers), versions: Versions::default() };
        let Answer { torch: version, python: own, threads, .. } =
            torch.ask(json!({ "do": "start", "threads": threads })).context(
                "PyTorch cannot be measured; name a Python that has torch with --python, or use --without torch",
            )?;
        torch.versions = Versions { torch: version, python: own, threads };
        Ok(torch)
    }

    fn ask(&mut self, command: Value) -> Result<Answer> {
        // A worker that has ended still may have said why.
        let written = writeln!(self.commands, "{command}").and_then(|()| self.commands.flush());
        let mut line = String::new();
        self.answers.read_line(&mut line).context("the answer of Python cannot be read")?;
        if line.is_empty() {
            written.context("the Python process has ended")?;
            bail!("the Python process has ended without an answer");
        }
        let answer: Answer = serde_json::from_str(&line)
            .with_context(|| format!("Python said `{}`, which is no answer", line.trim()))?;
        match answer.error {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It may have ended already, and nothing is lost with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer for Torch {
    fn name(&self) -> &'static str {
        "torch"
    }

    fn prepare(&mut self, task: &Task) -> Result<Option<usize>> {
        let command = match *task {
            Task::Layer { layer, pass } => {
                let Layer { input, outputs, kernel, stride, padding, dilation, groups, .. } = layer;
                json!({
                    "do": "layer",
                    "input": input,
                    "outputs": outputs,
                    "kernel": kernel,
                    "stride": stride,
                    "padding": padding,
                    "dilation": dilation,
                    "groups": groups,
                    "backward": pass == Pass::ForwardBackward,
                })
            }
            Task::Step { size, batch } => json!({ "do": "step", "size": size, "batch": batch }),
        };
        Ok(self.ask(command)?.parameters)
    }

    fn run(&mut self) -> Result<Option<f32>> {
        Ok(self.ask(json!({ "do": "run" }))?.loss)
    }
}
