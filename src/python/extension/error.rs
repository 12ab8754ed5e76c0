//! Errors as Python shows them: the sentences of the library, in the words of Python's calls.

use std::error::Error;

use papilla::causes::with_causes;
use papilla::data::guard::{caught, defect};
use papilla::data::names::shown;
use papilla::device::DeviceError;
use papilla::gpu::GpuError;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(papilla, PapillaError, PyException, "What papilla cannot do, in one sentence.");

/// What a call gives, or a sentence on why it gives nothing.
pub(crate) type Answer<T> = Result<T, String>;

/// An error and its causes in one sentence.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    shown(&with_causes(error, with_arguments))
}

/// What the library says is wrong, and which argument would change it.
fn with_arguments(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref()? {
        DeviceError::Gpu(error @ GpuError::NoAdapter) => Some(format!("{error} or pass device=\"cpu\"")),
        _ => None,
    }
}

/// What some work gives, which must not end the interpreter.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    caught(work).unwrap_or_else(|message| Err(shown(&defect(&message))))
}

/// The exception of a sentence.
pub(crate) fn told(sentence: String) -> PyErr {
    PapillaError::new_err(sentence)
}

/// Does some work while other threads of Python run.
pub(crate) fn without_gil<T: Send>(py: Python<'_>, work: impl FnOnce() -> Answer<T> + Send) -> PyResult<T> {
    py.detach(|| guarded(work)).map_err(told)
}
