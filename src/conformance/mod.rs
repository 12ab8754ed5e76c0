//! Golden cases: expected values of operators, losses, networks and training steps, compared with what a device gives.
//!
//! A case is one safetensors file; its metadata name the operation, its attributes and the tolerance. [`PROBES`] need no
//! file: small graphs whose values are compared with those of the f64 twin.

mod case;
mod images;
mod networks;
mod operators;
mod probe;
mod probes;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use case::{Case, Verdict};
pub use probe::{Deviation, Expected, Probe};
pub use probes::{PROBES, TOLERANCE};

use crate::device::Device;

/// Files of a folder that are golden cases, by name.
pub fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list the cases in `{}`", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list the cases in `{}`", folder.display()))?.path();
        // One that cannot be read is listed: running it says why.
        if path.extension().is_some_and(|e| e == "safetensors") && Case::is_case(&path).unwrap_or(true) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        bail!("`{}` holds no golden cases (`.safetensors` files whose metadata name an `op`)", folder.display());
    }
    paths.sort();
    Ok(paths)
}

/// Runs one case on a device.
pub fn run_case(path: &Path, device: &Device) -> Result<Verdict> {
    let case = Case::read(path)?;
    let got = match case.op.as_str() {
        "decode_mask" => images::decode_mask(&case)?,
        "boundary_target" => images::boundary_target(&case)?,
        "postprocess" => images::postprocess(&case)?,
        "metrics" => images::metrics(&case)?,
        "deeplab_forward" => networks::deeplab_forward(&case, device)?,
        "deeplab_train" => networks::deeplab_train(&case, device)?,
        "discriminator" => networks::discriminator(&case, device)?,
        "train_steps" => networks::train_steps(&case, device)?,
        "adam" | "sgd" => operators::optimiser(&case, device)?,
        _ => operators::operator(&case, device)?,
    };
    case.judge(&got)
}
