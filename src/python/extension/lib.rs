//! What Python calls: the program's functions, on bytes and paths. `papilla/*.py` gives it the face that users see.

#![warn(unreachable_pub)]

mod error;
mod given;
mod network;
mod outcome;
mod training;
mod worker;

use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use papilla::data::mask::{CUP, RIM};
use papilla::data::overlay::draw_outlines;
use papilla::gpu::{adapters, without_device_selection};
use papilla::metrics::Masks;
use papilla::prediction::Place;
use papilla::report::{LogLines, Run};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes};
use serde_json::{Value, json};

use error::{in_words, without_gil};
use given::{Given, Pixels};

/// Status of a program that a panic has ended.
const PANICKED: u8 = 101;

/// Runs the program with these arguments, the first of which is its name; gives its exit status.
#[pyfunction]
fn run_program(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| {
        // What it panics about it has said.
        let code = catch_unwind(AssertUnwindSafe(|| papilla::cli::main(arguments)));
        // Whoever has stopped reading stdout has what was wanted.
        let _ = std::io::stdout().flush();
        match code {
            Ok(code) => (0..=u8::MAX).find(|status| ExitCode::from(*status) == code).unwrap_or(PANICKED),
            Err(_) => PANICKED,
        }
    })
}

/// The adapters there are, as JSON.
#[pyfunction]
fn devices(py: Python<'_>) -> PyResult<String> {
    without_gil(py, || {
        let list: Vec<Value> = adapters().iter().map(|(description, _)| description.as_json()).collect();
        Ok(Value::from(list).to_string())
    })
}

/// Where the disc of a whole photograph lies, as JSON.
#[pyfunction]
fn find_disc(py: Python<'_>, image: Given) -> PyResult<String> {
    without_gil(py, move || {
        let named = image.name(0);
        let photograph = image.read()?;
        let place = Place::find(&photograph.image).map_err(|error| format!("cannot use `{named}`: {error}"))?;
        let (disc, square) = (place.finding.disc, place.square);
        let document = json!({
            "centre": [disc.centre.0, disc.centre.1],
            "diameter": disc.diameter,
            "confidence": place.finding.confidence,
            "region": [square.left, square.top, i64::from(square.side)],
        });
        Ok(document.to_string())
    })
}

/// The settings and the log of a run, as JSON.
#[pyfunction]
fn read_run(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    without_gil(py, move || {
        let run = Run::read(&path, Masks::Postprocessed).map_err(|error| in_words(&*error))?;
        let log = LogLines::read(&path).map_err(|error| in_words(&*error))?;
        let settings = run.config.to_toml().map_err(|error| in_words(&error))?;
        let settings: Value = toml::from_str(&settings).map_err(|error| error.to_string())?;
        let document = json!({
            "settings": settings,
            "steps": log.steps,
            "validations": log.validations,
            "marks": run.marks(),
            "notes": run.notes,
        });
        Ok(document.to_string())
    })
}

/// The outlines of a mask drawn on its image, as pixels.
#[pyfunction]
fn overlay(py: Python<'_>, image: Pixels, mask: PyBackedBytes) -> PyResult<Bound<'_, PyByteArray>> {
    let drawn = without_gil(py, move || {
        let mut image = image.image()?;
        if mask.len() != image.pixels().len() {
            return Err("a mask has the size of its image".to_string());
        }
        let [cup, disc] = [CUP, RIM].map(|most| mask.iter().map(|level| *level <= most).collect::<Vec<bool>>());
        draw_outlines(&mut image, &cup, &disc);
        Ok(image.into_raw())
    })?;
    Ok(PyByteArray::new(py, &drawn))
}

/// An image as a PNG file.
#[pyfunction]
fn png(py: Python<'_>, image: Pixels) -> PyResult<Bound<'_, PyBytes>> {
    let file = without_gil(py, move || {
        let (image, mut file) = (image.image()?, std::io::Cursor::new(Vec::new()));
        image.write_to(&mut file, image::ImageFormat::Png).map_err(|error| error.to_string())?;
        Ok(file.into_inner())
    })?;
    Ok(PyBytes::new(py, &file))
}

#[pymodule]
mod _papilla {
    #[pymodule_export]
    use super::error::PapillaError;
    #[pymodule_export]
    use super::network::Network;
    #[pymodule_export]
    use super::training::{adapt_run, begin_run, resume_run};
    #[pymodule_export]
    use super::{devices, find_disc, overlay, png, read_run, run_program};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // SAFETY: the interpreter's lock is held, under which other threads of Python look at the environment; nothing of this
        // library runs yet.
        unsafe { without_device_selection() };
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
