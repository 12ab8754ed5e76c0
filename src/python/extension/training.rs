//! Runs: trained on a thread of their own, and watched from Python.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use papilla::device::Device;
use papilla::gpu::GpuOptions;
use papilla::train::{
    ChangedData, Config, Event, Length, Observer, Outcome, Resume, ResumeFrom, Session, checkpoint_at, trained_at,
};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::error::{Answer, guarded, in_words, told};
use crate::worker::{LOOK, STACK};

/// What a run is made of.
enum Begin {
    New(Box<Config>, Vec<String>),
    Resume(Resume),
}

/// Where to train, and who watches.
#[derive(FromPyObject)]
pub(crate) struct Place {
    #[pyo3(item)]
    out: PathBuf,
    #[pyo3(item)]
    device: Option<String>,
    /// takes each event as JSON
    #[pyo3(item)]
    callback: Option<Py<PyAny>>,
}

/// Hands on what happens, and whether Ctrl-C was pressed.
struct Watch {
    events: Sender<String>,
    stop: Arc<AtomicBool>,
}

impl Observer for Watch {
    fn event(&mut self, event: Event<'_>) {
        let event = match event {
            Event::Note(text) => json!({ "event": "note", "text": text }),
            Event::Begin { step, steps, batch } => {
                json!({ "event": "begin", "step": step, "steps": steps, "batch": batch })
            }
            Event::Compiled { device_bytes } => json!({ "event": "compiled", "device_bytes": device_bytes }),
            Event::Step(record) => named("step", record.as_json()),
            Event::Validated(record) => named("validation", record.as_json()),
            Event::Reopened { device, reason, step } => {
                json!({ "event": "reopened", "device": device.name(), "reason": in_words(reason), "step": step })
            }
        };
        // Whoever is gone wants to hear nothing.
        let _ = self.events.send(event.to_string());
    }

    fn asks_to_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// A record under the name of its event.
fn named(event: &str, mut record: Value) -> Value {
    record["event"] = event.into();
    record
}

/// Trains to the end of a run, or until Ctrl-C is pressed: the step under way is then finished and a checkpoint written before
/// `KeyboardInterrupt` is raised, as the program does; when it is pressed again, it is raised at once.
fn run(
    py: Python<'_>,
    Place { out, device, callback }: Place,
    begin: impl FnOnce() -> Answer<Begin> + Send + 'static,
) -> PyResult<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let (events, mut happened) = channel();
    let (done, mut outcome) = channel();
    let (watch, folder) = (Watch { events, stop: stop.clone() }, out.clone());
    let work = move || {
        let _ = done.send(guarded(|| train(begin()?, &folder, device.as_deref(), watch)));
    };
    let thread = thread::Builder::new().name("papilla".to_string()).stack_size(STACK).spawn(work);
    thread.map_err(|error| told(format!("no thread can be started: {error}")))?;
    let mut raised = None;
    loop {
        let event;
        (event, happened) = py.detach(move || (happened.recv_timeout(LOOK), happened));
        let looked = match event {
            Ok(event) => match (&callback, &raised) {
                (Some(callback), None) => callback.call1(py, (event,)).map(drop),
                _ => Ok(()),
            },
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Err(error) = looked.and_then(|()| py.check_signals()) {
            if raised.is_some() {
                return Err(error);
            }
            stop.store(true, Ordering::SeqCst);
            raised = Some(error);
        }
    }
    let ended;
    (ended, outcome) = py.detach(move || (outcome.recv(), outcome));
    drop(outcome);
    let ended = ended.map_err(|_| told("the run ended without a word".to_string()))?;
    match (ended, raised) {
        (Err(sentence), _) => Err(told(sentence)),
        (Ok(Outcome { complete: false, steps, .. }), Some(error))
            if error.is_instance_of::<PyKeyboardInterrupt>(py) =>
        {
            let run = out.display();
            Err(PyKeyboardInterrupt::new_err(format!(
                "stopped after step {steps}, with a checkpoint; papilla.resume(\"{run}\") goes on"
            )))
        }
        (Ok(_), Some(error)) => Err(error),
        (Ok(_), None) => Ok(()),
    }
}

fn train(begin: Begin, run: &Path, device: Option<&str>, mut watch: Watch) -> Answer<Outcome> {
    let options = GpuOptions { tune: true, ..GpuOptions::default() };
    let device = Device::open(device, options).map_err(|error| in_words(&error))?;
    let session = match begin {
        Begin::New(config, notes) => {
            notes.iter().for_each(|note| watch.event(Event::Note(note)));
            Session::begin(&device, *config, run, &mut watch)
        }
        Begin::Resume(how) => Session::resume(&device, run, how, &mut watch),
    };
    session.and_then(|mut session| session.train(&mut watch)).map_err(|error| in_words(&error))
}

/// Settings whose paths are those that are meant.
fn located(mut config: Config) -> Answer<Begin> {
    if config.source.as_os_str().is_empty() {
        return Err("no labelled dataset is named; `source` names it".to_string());
    }
    let notes = config.take_datasets().map_err(|error| in_words(&error))?;
    config.make_paths_absolute().map_err(|error| in_words(&error))?;
    Ok(Begin::New(Box::new(config), notes))
}

/// Trains a new run with the settings of a TOML file, or of the same as JSON.
#[pyfunction]
pub(crate) fn begin_run(py: Python<'_>, settings: String, file: Option<PathBuf>, place: Place) -> PyResult<()> {
    run(py, place, move || {
        let (text, path) = match file {
            Some(path) => {
                let text = papilla::input_file::read_text(&path);
                (text.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?, path)
            }
            None => {
                let given: Value = serde_json::from_str(&settings).map_err(|error| error.to_string())?;
                (toml::to_string(&given).map_err(|error| error.to_string())?, PathBuf::from("config"))
            }
        };
        located(Config::from_toml(&text, &path).map_err(|error| in_words(&error))?)
    })
}

/// Goes on with a run.
#[pyfunction]
pub(crate) fn resume_run(py: Python<'_>, epochs: Option<u64>, steps: Option<u64>, place: Place) -> PyResult<()> {
    let length = Length { epochs, steps };
    let how = Resume { from: ResumeFrom::default(), data: ChangedData::Refuse, length };
    run(py, place, move || Ok(Begin::Resume(how)))
}

/// Adapts a trained network by the recipe.
#[pyfunction]
pub(crate) fn adapt_run(
    py: Python<'_>,
    checkpoint: PathBuf,
    datasets: (PathBuf, PathBuf),
    steps: Option<u64>,
    seed: u64,
    place: Place,
) -> PyResult<()> {
    run(py, place, move || {
        let path = checkpoint_at(&checkpoint).map_err(|error| in_words(&error))?.path;
        let trained = trained_at(&path, &Config::new(PathBuf::new())).map_err(|error| in_words(&error))?;
        let (config, own, _) = trained;
        let steps = steps.unwrap_or(Config::RECIPE_STEPS);
        located(Config { seed, ..config.recipe(path, own, datasets.into(), steps) })
    })
}
