//! Golden cases: expected values of operators, losses, networks and training steps, compared with what a device gives.
//!
//! A case is one safetensors file; its metadata name the operation, its attributes and the tolerance. [`PROBES`] need no
//! file: small graphs whose values are compared with those of the f64 twin.

mod case;
mod error;
mod images;
mod networks;
mod operation;
mod operators;
mod probe;
mod probes;

use std::path::{Path, PathBuf};

use error::Result;

pub use case::{Case, Verdict};
pub use error::CaseError;
pub use operation::Operation;
pub use probe::{Deviation, Probe};
pub use probes::{PROBES, ROUNDING};

use crate::device::Device;

/// Files of a folder that are golden cases, by name.
pub fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let refused = |error| CaseError::List { folder: folder.to_path_buf(), error };
    let entries = std::fs::read_dir(folder).map_err(refused)?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(refused)?.path();
        // One that cannot be read is listed: running it says why.
        if path.extension().is_some_and(|e| e == "safetensors") && Case::is_case(&path).unwrap_or(true) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(CaseError::None(folder.to_path_buf()));
    }
    paths.sort();
    Ok(paths)
}

/// Runs one case on a device.
pub fn run_case(path: &Path, device: &Device) -> Result<Verdict> {
    let case = Case::read(path)?;
    let got = match case.op {
        Operation::DecodeMask => images::decode_mask(&case)?,
        Operation::BoundaryTarget => images::boundary_target(&case)?,
        Operation::Postprocess => images::postprocess(&case)?,
        Operation::Metrics => images::metrics(&case)?,
        Operation::DeeplabForward => networks::deeplab_forward(&case, device)?,
        Operation::DeeplabTrain => networks::deeplab_train(&case, device)?,
        Operation::Discriminator => networks::discriminator(&case, device)?,
        Operation::TrainSteps => networks::train_steps(&case, device)?,
        Operation::Adam | Operation::Sgd => operators::optimiser(&case, device)?,
        _ => operators::operator(&case, device)?,
    };
    case.judge(&got)
}
