//! `papilla convert`: weights in the file formats of others.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;

use super::{Architecture, Global, Overwrite, WrongFlags, output};
use crate::export::to_onnx;
use crate::formats::{
    BATCH_COUNTER, DISCRIMINATOR_ENTRIES, Fact, Facts, GENERATOR_ENTRY, Object, StateDict, Stored, StoredState,
    Weights, published_alias, write_pytorch,
};
use crate::own_file::{Overwriting, Purpose};
use crate::train::{
    Checkpoint, CheckpointTaken, Config, architecture_of, backbone_of, checkpoint_at, last_epoch, stated,
};

/// Convert weights between PyTorch (`.pth`, `.pth.tar`) and `.safetensors`, and to `.onnx`
///
/// IN is a checkpoint of a run, weights, or a published checkpoint; what OUT is, its extension says: `.pth` a state dict
/// of the segmentation network, `.pth.tar` a checkpoint in the published layout, with the discriminators if there are any,
/// `.safetensors` weights for --checkpoint and --init, `.onnx` a network from `image` [batch,3,S,S] in [-1,1] to the
/// probabilities `mask` (cup, disc) and `boundary`. Numbers are 32-bit floats throughout; what cannot be kept is named on
/// stderr.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Weights to read; of the folder of a run its best checkpoint, or of an adaptation the last
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// File to write
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// In PyTorch files, name the tensors of MobileNetV2 a second time as published checkpoints do
    #[arg(long)]
    aliases: bool,
    #[command(flatten)]
    architecture: Architecture,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// What OUT is to be.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    StateDict,
    Published,
    Safetensors,
    Onnx,
}

/// Extensions, longer ones before those that they end with.
const EXTENSIONS: [(&str, Format); 4] = [
    (".pth.tar", Format::Published),
    (".pth", Format::StateDict),
    (".safetensors", Format::Safetensors),
    (".onnx", Format::Onnx),
];

impl Format {
    fn of(path: &Path) -> Result<Format> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let known =
            EXTENSIONS.into_iter().find(|(extension, _)| name.len() > extension.len() && name.ends_with(extension));
        let list = "`.pth`, `.pth.tar`, `.safetensors` or `.onnx`";
        let instead = match path.extension() {
            Some(extension) if extension == "pt" => "; what others call `.pt` is `.pth` here",
            _ => "",
        };
        known.map(|(_, format)| format).ok_or_else(|| anyhow!("`{}` does not end in {list}{instead}", path.display()))
    }

    fn purpose(self) -> Purpose<'static> {
        match self {
            Format::StateDict | Format::Published => Purpose::PyTorch,
            Format::Safetensors => Purpose::Weights,
            Format::Onnx => Purpose::Onnx,
        }
    }

    fn is_pytorch(self) -> bool {
        matches!(self, Format::StateDict | Format::Published)
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { input: given, output, .. } = arguments;
    let format = Format::of(output)?;
    if arguments.aliases && !format.is_pytorch() {
        return Err(
            WrongFlags(anyhow!("--aliases is for `.pth` and `.pth.tar`, not for `{}`", output.display())).into()
        );
    }
    let fallback = arguments.architecture.config()?;
    let CheckpointTaken { path: input, note: which } = checkpoint_at(given)?;
    let input = &input;
    if matches!(Format::of(input), Ok(Format::Onnx)) {
        bail!("`{}` cannot be read: ONNX is written only", input.display());
    }
    let overwriting = arguments.overwrite.reading([input]);
    overwriting.check(output, format.purpose())?;
    let (mut weights, config) = read(input, &fallback)?;
    arguments.architecture.agree(&config, input)?;
    state_flags(&arguments.architecture, &mut weights.facts);
    weights.generator = in_published_order(weights.generator, &config)?;
    let dropped = dropped(&weights, format);
    let is_known = format != Format::Onnx || weights.facts.count(Facts::SIZE).is_some();
    let notes = [which, weights.wrapper_note(input), arguments.architecture.assumption(is_known, &config, input)];
    notes.iter().flatten().for_each(|note| global.note(note));
    let tensors = match format {
        Format::Safetensors => {
            let file = weights.to_tensor_file();
            let count = file.tensors.len();
            file.write_as(&overwriting, output, format.purpose())?;
            count
        }
        Format::Onnx => {
            let model = to_onnx(weights.generator, input, &config, &weights.facts).with_context(|| {
                format!("cannot make a {} network of `{}`", config.backbone.name(), input.display())
            })?;
            model.write(&overwriting, output)?;
            model.graph.map_or(0, |graph| graph.initializer.len())
        }
        Format::StateDict | Format::Published => {
            write_state(&overwriting, &weights, output, format, arguments.aliases)?
        }
    };
    for what in &dropped {
        global.note(&format!("not kept: {what}"));
    }
    let bytes = std::fs::metadata(output).with_context(|| format!("cannot read `{}`", output.display()))?.len();
    if global.json {
        let facts: serde_json::Map<_, _> =
            weights.facts.iter().map(|(name, fact)| (name.to_owned(), as_json(fact))).collect();
        output::json(&json!({
            "in": input.display().to_string(), "out": output.display().to_string(), "tensors": tensors, "bytes": bytes,
            "facts": facts, "not_kept": dropped, "prefix": weights.wrapper,
        }))?;
    } else {
        let mebibytes = bytes as f64 / f64::from(1 << 20);
        output::line(format_args!("{}: {tensors} tensors, {mebibytes:.1} MiB", output.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Weights with their facts, and settings with their architecture.
pub(super) fn read(path: &Path, fallback: &Config) -> Result<(Weights, Config)> {
    if !Checkpoint::recognises(path) {
        let weights = Weights::read(path)?;
        let config = architecture_of(&weights, path, fallback)?;
        return Ok((weights, config));
    }
    let Checkpoint { config, progress, .. } = Checkpoint::read(path)?;
    let mut weights = Weights::read(path)?;
    let facts = &mut weights.facts;
    *facts = Facts::default();
    let epoch = last_epoch(path, progress.step, progress.log_bytes);
    if let Some(epoch) = epoch {
        facts.push("epoch", Fact::Whole(epoch as i64));
        facts.push("learning_rate_gen", real(config.learning_rate(epoch)));
    }
    if let Some(last) = progress.step.checked_sub(1) {
        facts.push("iteration", Fact::Whole(last as i64));
    }
    // The class in the published code.
    facts.push("arch", Fact::Text("DeepLab".to_owned()));
    if weights.boundary_discriminator.is_some() {
        facts.push("learning_rate_dis", real(config.lr_discriminator));
        facts.push("learning_rate_dis2", real(config.lr_discriminator));
    }
    if let Some(dice) = progress.best_mean_dice {
        facts.push("best_mean_dice", Fact::Real(dice));
    }
    stated(&config).into_iter().for_each(|(name, fact)| facts.push(name, fact));
    if let Some(colours) = progress.colours {
        facts.push(Facts::COLOURS, Fact::Text(colours.to_string()));
    }
    if let Some(calibration) = progress.calibration {
        facts.push(Facts::THRESHOLDS, Fact::Text(calibration.to_string()));
    }
    Ok((weights, config))
}

/// What the flags say of weights that do not.
pub(super) fn state_flags(architecture: &Architecture, facts: &mut Facts) {
    for (name, flag) in [(Facts::OUTPUT_STRIDE, architecture.output_stride), (Facts::SIZE, architecture.size)] {
        if let Some(value) = flag.filter(|_| facts.get(name).is_none()) {
            facts.push(name, Fact::Whole(value as i64));
        }
    }
}

/// A rate as the user wrote it: the shortest decimal of its 32 bits.
fn real(rate: f32) -> Fact {
    Fact::Real(rate.to_string().parse().unwrap_or_else(|_| f64::from(rate)))
}

/// Tensors in the order of the network that has them; others at the end.
fn in_published_order(state: StateDict, config: &Config) -> Result<StateDict> {
    if backbone_of(&state).is_none() {
        return Ok(state);
    }
    let mut ordered = StateDict::default();
    let wanted = config.network().tensors()?;
    let places: HashMap<&str, usize> =
        wanted.iter().enumerate().map(|(place, spec)| (spec.name.as_str(), place)).collect();
    let mut list: Vec<_> = state.into_iter().collect();
    list.sort_by_key(|(name, _)| places.get(name.as_str()).copied().unwrap_or(usize::MAX));
    for (name, tensor) in list {
        ordered.insert(name, tensor).map_err(|(name, _)| anyhow!("`{name}` is there twice"))?;
    }
    Ok(ordered)
}

/// What OUT does not hold of what IN holds.
fn dropped(weights: &Weights, format: Format) -> Vec<String> {
    let mut dropped = weights.left_out.clone();
    if !weights.not_used.is_empty() {
        let (count, first) = (weights.not_used.len(), &weights.not_used[0]);
        dropped.push(format!("{count} tensors of an ImageNet classifier (`{first}`, …)"));
    }
    let has_discriminators = weights.boundary_discriminator.is_some() || weights.entropy_discriminator.is_some();
    if has_discriminators && matches!(format, Format::StateDict | Format::Onnx) {
        dropped.push("the discriminators (`.pth.tar` and `.safetensors` keep them)".to_owned());
    }
    if let Some(colours) = weights.facts.get(Facts::COLOURS).filter(|_| format == Format::Onnx) {
        dropped.push(format!(
            "the colours that images are brought to, but in the metadata (`colours`): whoever runs it moves and stretches red, \
             green and blue to these means and deviations first ({colours})"
        ));
    }
    if let Some(scales) = weights.facts.get(Facts::SCALES).filter(|_| format == Format::Onnx) {
        dropped.push(format!(
            "the scales at which images are seen, but in the metadata (`scales`): whoever runs it averages the logits of squares of \
             these sides around the middle ({scales})"
        ));
    }
    if format == Format::StateDict && weights.facts.iter().len() > 0 {
        let names: Vec<String> = weights.facts.iter().map(|(name, _)| format!("`{name}`")).collect();
        dropped.push(format!("{} (`.pth.tar` keeps them)", names.join(", ")));
    }
    dropped
}

/// Writes a PyTorch file; gives the number of tensors.
fn write_state(
    overwriting: &Overwriting,
    weights: &Weights,
    path: &Path,
    format: Format,
    aliases: bool,
) -> Result<usize> {
    let generator = stored(&weights.generator, aliases);
    let mut tensors = generator.len();
    if format == Format::StateDict {
        write_pytorch(overwriting, path, &Object::State(generator))?;
        return Ok(tensors);
    }
    let mut entries: Vec<_> = weights.facts.iter().map(|(name, fact)| (name, Object::Fact(fact))).collect();
    entries.push((GENERATOR_ENTRY, Object::State(generator)));
    for (entry, state) in
        DISCRIMINATOR_ENTRIES.into_iter().zip([&weights.boundary_discriminator, &weights.entropy_discriminator])
    {
        if let Some(state) = state {
            let state = stored(state, false);
            tensors += state.len();
            entries.push((entry, Object::State(state)));
        }
    }
    write_pytorch(overwriting, path, &Object::Dictionary(entries))?;
    Ok(tensors)
}

/// A state dict as PyTorch loads it strictly: every normalisation counts the batches that it has seen. How many is not
/// known, and nothing depends on it.
fn stored(state: &StateDict, aliases: bool) -> StoredState<'_> {
    let mut stored = Vec::new();
    for (name, tensor) in state.iter() {
        stored.push((name.to_owned(), Stored::Tensor(tensor)));
        let norm = ["running_var", "running_var_target"].iter().find_map(|last| name.strip_suffix(last));
        if let Some(norm) = norm {
            stored.push((format!("{norm}{BATCH_COUNTER}"), Stored::Counter(0)));
        }
    }
    if aliases {
        let again: Vec<_> =
            stored.iter().filter_map(|(name, tensor)| Some((published_alias(name)?, *tensor))).collect();
        stored.extend(again);
    }
    stored
}

fn as_json(fact: &Fact) -> serde_json::Value {
    match fact {
        Fact::Whole(value) => json!(value),
        Fact::Real(value) => json!(value),
        Fact::Text(text) => json!(text),
    }
}
