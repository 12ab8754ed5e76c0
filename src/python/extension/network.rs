//! A trained network on a thread of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use papilla::data::Dataset;
use papilla::data::content::{FileContent, FileContents};
use papilla::data::place::Taken;
use papilla::device::Device;
use papilla::gpu::GpuOptions;
use papilla::inference::InferenceError;
use papilla::metrics::{Calibration, Eye, ImageMetrics, Masking, Masks, as_written, measurable};
use papilla::prediction::{BATCH, Measured, Subject};
use papilla::train::{Config, Origin, TrainedNetwork, checkpoint_at, load_stochastic_predictor};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value, json};

use crate::error::{Answer, in_words};
use crate::given::Given;
use crate::outcome::Outcome;
use crate::worker::{Call, Worker};

/// A file of weights, compiled for a device.
struct Loaded {
    device: Device,
    path: PathBuf,
    content: FileContent,
    /// by the number of passes with dropouts
    networks: BTreeMap<usize, TrainedNetwork>,
}

/// How a prediction is wanted.
#[derive(FromPyObject, Clone)]
struct Wanted {
    #[pyo3(item)]
    find_disc: bool,
    #[pyo3(item)]
    uncertainty: usize,
    #[pyo3(item)]
    masks: String,
    #[pyo3(item)]
    threshold_cup: Option<f32>,
    #[pyo3(item)]
    threshold_disc: Option<f32>,
    #[pyo3(item)]
    eye: Option<String>,
}

impl Wanted {
    fn masking(&self, calibration: Option<Calibration>) -> Answer<Masking> {
        let masks = kind(&self.masks)?;
        let [cup, disc] = Calibration::or_usual(calibration);
        let thresholds = [self.threshold_cup.unwrap_or(cup), self.threshold_disc.unwrap_or(disc)];
        Ok(Masking { masks, thresholds, ..Masking::USUAL })
    }

    fn eye(&self) -> Answer<Option<Eye>> {
        self.eye.as_deref().map(|name| one_of(&Eye::ALL, Eye::name, "eye", name)).transpose()
    }
}

/// The value with this name.
fn one_of<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, what: &str, given: &str) -> Answer<T> {
    let names: Vec<String> = all.iter().map(|value| format!("\"{}\"", name(*value))).collect();
    let found = all.iter().copied().find(|value| name(*value) == given);
    found.ok_or_else(|| format!("{what} is \"{given}\"; it can be {}", names.join(" or ")))
}

fn kind(given: &str) -> Answer<Masks> {
    one_of(&Masks::ALL, Masks::name, "masks", given)
}

fn content_of(path: &Path) -> Answer<FileContent> {
    FileContents::default().of(path).map_err(|error| in_words(&error))
}

impl Loaded {
    /// Opens a device and loads a network; with what is to be told of them, as JSON.
    fn open(given: &Path, device: Option<&str>) -> Answer<(Self, String)> {
        let taken = checkpoint_at(given).map_err(|error| in_words(&error))?;
        let content = content_of(&taken.path)?;
        let options = GpuOptions { tune: true, ..GpuOptions::default() };
        let opened = Device::open(device, options).map_err(|error| in_words(&error))?;
        let mut loaded = Self { device: opened, path: taken.path, content, networks: BTreeMap::new() };
        let (path, name, is_software) =
            (loaded.path.display().to_string(), loaded.device.name(), loaded.device.is_software());
        let network = loaded.network(0)?;
        let mut notes: Vec<String> = taken.note.into_iter().chain(network.notes.iter().cloned()).collect();
        if is_software && device.is_none() {
            notes.push(format!("no hardware adapter found; computing in software on `{name}`"));
        }
        if network.origin == (Origin::Weights { state_size: false }) {
            notes.push(format!(
                "`{path}` does not say at what size it was trained: {} is taken, and at another size it sees less",
                network.config.size
            ));
        }
        let [cup, disc] = Calibration::or_usual(network.calibration).map(as_written);
        let document = json!({
            "checkpoint": path,
            "device": name,
            "steps": network.origin.steps(),
            "size": network.config.size,
            "backbone": network.config.backbone.name(),
            "threshold_cup": cup,
            "threshold_disc": disc,
            "notes": notes,
        });
        Ok((loaded, document.to_string()))
    }

    /// The network with so many passes.
    fn network(&mut self, passes: usize) -> Answer<&TrainedNetwork> {
        if !self.networks.contains_key(&passes) {
            if content_of(&self.path)? != self.content {
                return Err(format!("`{}` was changed since it was loaded; load it again", self.path.display()));
            }
            let fallback = Config::new(PathBuf::new());
            let network = load_stochastic_predictor(&self.device, &self.path, &fallback, BATCH, passes);
            self.networks.insert(passes, network.map_err(|error| in_words(&error))?);
        }
        self.networks.get(&passes).ok_or_else(|| "the network was not kept".to_string())
    }

    fn predict(&mut self, given: &[Given], wanted: &Wanted, call: &Call) -> Answer<Vec<Outcome>> {
        let (network, eye) = (self.network(wanted.uncertainty)?, wanted.eye()?);
        let masking = wanted.masking(network.calibration)?;
        let mut outcomes = Vec::new();
        for (chunk, some) in given.chunks(BATCH).enumerate() {
            if !call.goes_on() {
                break;
            }
            let numbered = || some.iter().enumerate().map(|(index, given)| (chunk * BATCH + index, given));
            let subjects =
                numbered().map(|(index, given)| subject(given, index, wanted)).collect::<Answer<Vec<_>>>()?;
            let seen: Vec<_> = subjects.iter().map(Subject::seen).collect();
            let logits = network.predictor.logits(&seen).map_err(|error| match &error {
                InferenceError::NotFinite { image, .. } => {
                    format!("cannot segment `{}`: {}", some[*image].name(chunk * BATCH + image), in_words(&error))
                }
                _ => in_words(&error),
            })?;
            for ((subject, logits), (index, given)) in subjects.into_iter().zip(logits).zip(numbered()) {
                let segmented = subject.segmented(&given.name(index), &logits, masking, eye);
                let segmented = segmented.map_err(|error| in_words(&error))?;
                outcomes.push(Outcome::of(subject, &segmented, logits));
            }
        }
        Ok(outcomes)
    }

    fn evaluate(&mut self, data: &Path, masks: &str, call: &Call) -> Answer<String> {
        let masks = kind(masks)?;
        let Taken { path: data, note } = Taken::split(data).map_err(|error| in_words(&error))?;
        let dataset = Dataset::open_partly_labelled(&data).map_err(|error| in_words(&error))?;
        let network = self.network(0)?;
        let thresholds = Calibration::or_usual(network.calibration);
        let masking = Masking { masks, thresholds, ..Masking::USUAL };
        let measured = Measured::on(&dataset, &network.predictor, masking, |_| call.goes_on());
        let measured = measured.map_err(|error| in_words(&error))?;
        let left_out: Vec<String> = measured.left_out.iter().map(|error| in_words(error)).collect();
        if let (0, Some(first)) = (measured.names.len(), left_out.first()) {
            let (of, data) = (dataset.len(), data.display());
            return Err(format!("none of the {of} regions of `{data}` can be evaluated; the first: {first}"));
        }
        let metrics = measured.of(masks);
        let shown = measurable(metrics);
        let [threshold_cup, threshold_disc] = thresholds.map(as_written);
        let records: Vec<Value> = measured
            .names
            .iter()
            .zip(metrics)
            .map(|(name, image)| {
                let figures = ImageMetrics::CSV_COLUMNS.into_iter().zip(image.csv_cells(shown));
                let mut record = Map::from_iter([("name".to_string(), Value::from(name.as_str()))]);
                record.extend(figures.map(|(title, cell)| {
                    (title.to_string(), cell.parse::<f64>().ok().map_or(Value::Null, Value::from))
                }));
                record.insert("masks".to_string(), masks.name().into());
                record.insert("threshold_cup".to_string(), threshold_cup.into());
                record.insert("threshold_disc".to_string(), threshold_disc.into());
                Value::Object(record)
            })
            .collect();
        let notes: Vec<String> = note.into_iter().chain(dataset.passed_over()).collect();
        Ok(json!({ "records": records, "left_out": left_out, "notes": notes }).to_string())
    }
}

/// An image as the network is to see it.
fn subject(given: &Given, index: usize, wanted: &Wanted) -> Answer<Subject> {
    let photograph = given.read()?;
    if wanted.find_disc {
        return Subject::photograph(photograph).map_err(|error| format!("cannot use `{}`: {error}", given.name(index)));
    }
    given.check_region(&photograph, index)?;
    Ok(Subject::region(photograph))
}

/// A trained network.
#[pyclass(frozen, module = "papilla._papilla")]
pub(crate) struct Network {
    worker: Worker<Loaded>,
    /// what is to be told of it, as JSON
    #[pyo3(get)]
    facts: String,
}

#[pymethods]
impl Network {
    #[new]
    #[pyo3(signature = (path, device=None))]
    fn new(py: Python<'_>, path: PathBuf, device: Option<String>) -> PyResult<Self> {
        let (worker, facts) = Worker::start(py, move || Loaded::open(&path, device.as_deref()))?;
        Ok(Self { worker, facts })
    }

    fn predict<'py>(&self, py: Python<'py>, images: Vec<Given>, wanted: Wanted) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let outcomes = self.worker.ask(py, move |loaded, call| loaded.predict(&images, &wanted, call))?;
        outcomes.into_iter().map(|outcome| outcome.into_dict(py)).collect()
    }

    fn evaluate(&self, py: Python<'_>, dataset: PathBuf, masks: String) -> PyResult<String> {
        self.worker.ask(py, move |loaded, call| loaded.evaluate(&dataset, &masks, call))
    }

    fn close(&self, py: Python<'_>) {
        self.worker.close(py);
    }
}
