//! `papilla adapt` without a choice of its parts: the recipe, a run that trains.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::super::architecture::readable_checkpoint;
use super::super::{Architecture, Global, train};
use crate::data::place::Taken;
use crate::train::{CheckpointTaken, Config, trained_at};

/// What the recipe is told.
pub(super) struct Request<'a> {
    pub checkpoint: &'a Path,
    pub source: &'a Path,
    pub target: &'a Path,
    pub steps: u64,
    pub seed: u64,
    pub architecture: &'a Architecture,
    /// folder of the run
    pub out: &'a Path,
}

/// Trains by the recipe, from the checkpoint on.
pub(super) fn run(global: &Global, request: &Request<'_>) -> Result<ExitCode> {
    let mut notes = Vec::new();
    let mut dataset = |given: &Path| -> Result<PathBuf> {
        let Taken { path, note } = Taken::dataset(given)?;
        notes.extend(note);
        path.canonicalize().with_context(|| format!("`{}` cannot be found", path.display()))
    };
    let (source, target) = (dataset(request.source)?, dataset(request.target)?);
    let CheckpointTaken { path, note } = readable_checkpoint(request.checkpoint)?;
    notes.extend(note);
    let (trained, own, states_size) = trained_at(&path, &request.architecture.config()?)?;
    request.architecture.agree(&trained, &path)?;
    notes.extend(request.architecture.assumption(states_size, &trained, &path));
    let path = path.canonicalize().with_context(|| format!("`{}` cannot be found", path.display()))?;
    let config = Config { seed: request.seed, ..trained.recipe(path, own, [source, target], request.steps) };
    train::new_run(global, config, &notes, request.out)
}
