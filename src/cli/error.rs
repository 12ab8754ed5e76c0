//! Errors as the terminal shows them: what the library says is wrong, and the flags that would change it.

use std::error::Error;
use std::path::Path;

use anyhow::anyhow;
use bytesize::ByteSize;

use super::resume::resume_command;
use crate::atomic_file::WriteError;
use crate::causes::with_causes;
use crate::conformance::CaseError;
use crate::data::guard::defect;
use crate::data::names::{counted, several, shown, shown_path};
use crate::data::prepare::{MaskValue, OptionError, PrepareError, Reason, Remedy, fitting};
use crate::data::{DataError, no_folder, other_split};
use crate::device::DeviceError;
use crate::gpu::GpuError;
use crate::inference::InferenceError;
use crate::own_file::Refusal;
use crate::train::{
    CheckpointError, ConfigError, MemoryLimit, MemoryShortage, PredictorError, Spelling, TrainError, WeightsError,
    runs_in,
};

/// Flags that do not go together, or a value that a flag cannot have.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct WrongFlags(pub(crate) anyhow::Error);

impl WrongFlags {
    /// Settings that cannot be used, told in the words of their flags.
    pub(crate) fn of(error: ConfigError) -> Self {
        WrongFlags(anyhow!(error.spelt(Spelling::Flags)))
    }
}

/// An error and its causes in one line, in the words of flags; a cause is left out where the text before already says it.
/// Names of files that would break the line are spelt out.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    shown(&in_words(error.as_ref()))
}

/// The same of an error of the library.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    with_causes(error, with_flags)
}

/// A panic about one image, of which the others go on.
pub(crate) fn of_defect(image: &Path, message: &str) -> String {
    format!("`{}` cannot be used: {}", shown_path(image), shown(&defect(message)))
}

/// What the library says is wrong, and which flags would change it.
fn with_flags(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(WrongFlags(error)) = error.downcast_ref() {
        return with_flags(error.as_ref());
    }
    // Causes that an error of their own kind holds are boxed.
    let training = error.downcast_ref::<TrainError>().or(error.downcast_ref::<Box<TrainError>>().map(|error| &**error));
    if let Some(error) = training {
        return of_training(error);
    }
    if let Some(error) = error.downcast_ref::<PrepareError>() {
        return of_preparation(error);
    }
    if let Some(error) = error.downcast_ref::<WriteError>() {
        return of_refusal(error);
    }
    if let Some(error) = error.downcast_ref::<DataError>() {
        return of_data(error);
    }
    if let Some(error @ PredictorError::Classifier(_)) = error.downcast_ref() {
        return Some(format!("{error}; `papilla train --init` begins with them"));
    }
    of_adapter(adapter_error(error)?)
}

/// What an adapter refused, in whichever error it is told.
fn adapter_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a GpuError> {
    let of = |device: &'a DeviceError| match device {
        DeviceError::Gpu(error) => Some(error),
        _ => None,
    };
    if let Some(error) = error.downcast_ref::<DeviceError>() {
        return of(error);
    }
    match error.downcast_ref::<InferenceError>() {
        Some(InferenceError::Device(error)) => return of(error),
        Some(_) => return None,
        None => {}
    }
    match error.downcast_ref::<WeightsError>() {
        Some(WeightsError::Device(error)) => return of(error),
        Some(_) => return None,
        None => {}
    }
    match error.downcast_ref::<CheckpointError>() {
        Some(CheckpointError::Device(error)) => return of(error),
        Some(_) => return None,
        None => {}
    }
    match error.downcast_ref::<PredictorError>() {
        Some(PredictorError::Inference(error)) => return adapter_error(error),
        Some(PredictorError::Weights(error)) => return adapter_error(error),
        Some(PredictorError::Checkpoint(error)) => return adapter_error(error),
        Some(_) => return None,
        None => {}
    }
    let case = error.downcast_ref::<CaseError>().or(error.downcast_ref::<Box<CaseError>>().map(|error| &**error));
    match case {
        Some(CaseError::Device(error)) => return of(error),
        Some(_) => return None,
        None => {}
    }
    error.downcast_ref()
}

/// Why a file is not written, and what would write it.
fn of_refusal(error: &WriteError) -> Option<String> {
    match Refusal::of(error)? {
        Refusal::Foreign(_) => Some(format!("{error}; choose another place, or pass --force if it may be lost")),
        Refusal::Read | Refusal::Checkpoint => Some(format!("{error}; choose another place")),
        Refusal::Link(_) | Refusal::NotAFile(_) => None,
    }
}

fn of_adapter(error: &GpuError) -> Option<String> {
    let advice = match error {
        GpuError::NoAdapter => return Some(format!("{error} or pass `--device cpu`")),
        GpuError::NoHalf { adapter } => {
            return Some(format!("--precision f16 is not supported by `{adapter}`: its shaders have no 16-bit floats"));
        }
        GpuError::SampleTooLarge { .. } => "use a smaller --size",
        GpuError::TooLarge { .. } | GpuError::OutOfMemory { .. } | GpuError::MemoryFull { .. } => {
            "use a smaller --batch or --size"
        }
        GpuError::Wrong { .. } => "update its driver, or choose another --device",
        GpuError::NoMatrices { .. } => "choose another --tune",
        GpuError::MatricesOff { .. } => "pass --tune matrices",
        _ => return None,
    };
    Some(format!("{error}; {advice}"))
}

fn of_training(error: &TrainError) -> Option<String> {
    let advice = match error {
        TrainError::Settings(error) => return Some(error.spelt(Spelling::Flags)),
        TrainError::Data(error) => return of_data(error),
        TrainError::TooFewRegions { .. } => "use a smaller --batch, or more regions",
        TrainError::Memory(shortage) => return Some(of_memory(shortage)),
        TrainError::Stopped { step, saved, run, .. } => {
            let command = resume_command(run);
            return Some(format!(
                "the run stopped after step {step}, and `{command}` goes on from step {saved} once the cause is gone"
            ));
        }
        TrainError::DamagedCheckpoint { whole: Some((checkpoint, _)), run, .. } => {
            let (command, name) = (resume_command(run), checkpoint.name());
            return Some(format!("{error}: `{command} --from {name}` goes on from there"));
        }
        TrainError::DataChanged { .. } => return Some(format!("{error}, or go on with them by --changed-data")),
        TrainError::OnlyWarmup { .. } => "give --warmup-epochs (-1: no warm-up), or let the run have more --steps",
        TrainError::NoRun { run, .. } => {
            let inside = runs_in(run);
            let (count, names) = (
                counted(inside.len(), "run"),
                several(&inside.iter().map(|run| run.display().to_string()).collect::<Vec<_>>()),
            );
            return (!inside.is_empty())
                .then(|| format!("{error}; it holds {count}, of which one is to be given: {names}"));
        }
        TrainError::NotLonger { .. } => "--epochs and --steps count from the beginning of the run, not from here",
        TrainError::InUse { .. } => "wait for its end or stop it, or choose another --out",
        TrainError::HoldsRun(_) => "continue it with --resume or choose another --out",
        TrainError::InTheWay { .. } => "move it or choose another --out",
        TrainError::NotFinite { .. } => "try a smaller --lr",
        TrainError::Device(error) => return with_flags(error),
        TrainError::Inference(error) => return with_flags(error),
        TrainError::Weights(error) => return with_flags(error),
        TrainError::Checkpoint(error) => return with_flags(error),
        _ => return None,
    };
    Some(format!("{error}; {advice}"))
}

/// What of a dataset cannot be used, and the verb that would bring it into its form.
fn of_data(error: &DataError) -> Option<String> {
    let split = |mask: &Path| mask.ancestors().nth(2).unwrap_or(mask).display().to_string();
    let levels = |mask: &Path| {
        format!(
            "{error}; `papilla prepare --layout pairs --input {} --out NEW` tells what the levels seem to mean, and makes a \
             dataset of them",
            split(mask)
        )
    };
    match error {
        DataError::MaskLevels(mask) | DataError::NoDisc(mask) => Some(levels(mask)),
        DataError::ColouredMask { path, .. } => Some(levels(path)),
        DataError::MissingFolder { directory, .. } if other_split(directory).is_none() => {
            Some(format!("{error}; `papilla prepare` brings other folders of images and masks into this form"))
        }
        _ => None,
    }
}

fn of_preparation(error: &PrepareError) -> Option<String> {
    let flag = |option: &str| format!("--{}", option.replace('_', "-"));
    Some(match error {
        PrepareError::NoInput(_) => format!("{error}; --input is the folder into which the data set was unpacked"),
        PrepareError::OutputIsFile(path) => {
            format!("`{}` is a file; --out is the folder for the dataset", path.display())
        }
        PrepareError::Layout { other: Some(other), .. } => format!("{error}: --layout {}", other.name()),
        PrepareError::Layout { layout: "pairs", .. } => format!("{error}; --images names another folder"),
        PrepareError::Layout { layout: "RIM-ONE DL", .. } => {
            format!("{error}; --partition chooses the division")
        }
        PrepareError::Data(DataError::NoMaskMatches { .. }) => {
            format!("{error}; --masks, --disc-masks and --cup-masks name other folders")
        }
        PrepareError::SeveralMasks { image, first, second } => format!(
            "the image `{}` has two masks, `{}` and `{}`; name the folder of those that are meant with --masks, or --disc-masks \
             and --cup-masks",
            image.display(),
            first.display(),
            second.display()
        ),
        PrepareError::NothingUsable { input, count, file, reason, other } => {
            let (file, reason) = (file.display().to_string(), of_reason(reason));
            let first = if reason.contains(&file) { "the first".to_string() } else { format!("the first, `{file}`") };
            let photographs = counted(*count, "photograph");
            let fitting =
                other.map_or(String::new(), |other| format!("{}: --layout {}", fitting(Some(other)), other.name()));
            format!("of {photographs} in `{}` none can be used; {first}: {reason}{fitting}", input.display())
        }
        PrepareError::Option(OptionError::OutOfRange { option, value, expected }) => {
            format!("{} {value} is out of range: {expected}", flag(option))
        }
        PrepareError::Option(OptionError::SameLevels) => {
            "two of --cup, --disc and --background are the same value".to_string()
        }
        PrepareError::Option(OptionError::CupWithoutDisc) => "--cup-masks needs --disc-masks".to_string(),
        PrepareError::Option(OptionError::NoFolder { option, path }) => {
            format!("the folder `{}` of {} {}", path.display(), flag(option), no_folder(path))
        }
        _ => return None,
    })
}

/// Why a file was left out, and the flag that would take it in.
pub(crate) fn of_reason(reason: &Reason) -> String {
    let what = &reason.what;
    match reason.remedy {
        Some(Remedy::Side) => format!("{what}; give the region's --side"),
        Some(Remedy::SmallerSide) => format!("{what}; give a smaller --side or --scale"),
        Some(Remedy::Legend) => {
            format!("{what}; say what the levels mean with --layout pairs, --cup, --disc and --background")
        }
        Some(Remedy::LegendOf(legend)) => {
            let value = |value: MaskValue| match value {
                MaskValue::Level(_) => value.to_string(),
                // Shells take what follows a bare `#` for a comment.
                MaskValue::Colour(_) => format!("\"{value}\""),
            };
            let background = legend.background.map_or(String::new(), |b| format!(" --background {}", value(b)));
            let (cup, disc) = (value(legend.cup), value(legend.disc));
            format!(
                "{what}; by what lies within what it seems to be --layout pairs --cup {cup} --disc {disc}{background}, which say what \
                 the values mean"
            )
        }
        Some(Remedy::Masks) => format!("{what}; --masks names a folder of masks, --images that of the photographs"),
        Some(Remedy::DiscMasks) => {
            format!("{what}; if these masks show the disc alone, name their folder with --disc-masks (--layout pairs)")
        }
        Some(Remedy::BothStructures) => {
            format!("{what}; masks of both are named with --masks, and --cup, --disc and --background say what is what")
        }
        Some(Remedy::Validation) => format!("{what} by --validation none"),
        None => what.clone(),
    }
}

fn of_memory(shortage: &MemoryShortage) -> String {
    let iec = |bytes: u64| ByteSize(bytes).display().iec();
    let allowed = match &shortage.limit {
        MemoryLimit::Budget(bytes) => format!("--memory-budget {}", iec(*bytes)),
        MemoryLimit::Machine { bytes, name } => format!("the {} that `{name}` has", iec(*bytes)),
    };
    let ((batch, smaller_batch), (size, smaller_size)) = (shortage.batch, shortage.size);
    let flags = [
        smaller_batch.map(|batch| format!("--batch {batch}")),
        smaller_size.map(|size| format!("--size {size}")),
        shortage.precision.map(|precision| format!("--precision {}", precision.name())),
    ];
    let flags: Vec<String> = flags.into_iter().flatten().collect();
    let advice = match flags.is_empty() {
        true => format!("use a much smaller --batch (now {batch}) and --size (now {size})"),
        false => format!("it would fit with {} (now --batch {batch} --size {size})", flags.join(", or with ")),
    };
    format!("{}, more than {allowed}; {advice}", shortage.needs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Precision;

    #[test]
    fn what_an_adapter_refuses_names_flags_wherever_it_is_told() {
        let full = || DeviceError::from(GpuError::MemoryFull { adapter: "a GPU".to_string() });
        let want = "`a GPU` reported an error: out of memory; use a smaller --batch or --size";
        let errors: [anyhow::Error; 5] = [
            full().into(),
            TrainError::from(full()).into(),
            TrainError::from(InferenceError::from(full())).into(),
            PredictorError::from(WeightsError::from(full())).into(),
            CaseError::from(full()).into(),
        ];
        for error in errors {
            assert_eq!(sentence(&error), want, "{error:?}");
        }
        let run = "runs/first".into();
        let stopped = TrainError::Stopped { step: 7, saved: 5, run, error: Box::new(TrainError::from(full())) };
        assert_eq!(
            sentence(&stopped.into()),
            format!(
                "the run stopped after step 7, and `papilla train --resume runs/first` goes on from step 5 once the cause is \
                 gone: {want}"
            )
        );
    }

    #[test]
    fn a_dataset_that_lacks_a_split_is_told_from_other_folders() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |path: &str| folder.path().join(path);
        let told = |split: &str, missing: &str| {
            sentence(&DataError::MissingFolder { directory: at(split), missing: at(missing) }.into())
        };
        let (image, mask) = ("data/train/ROIs/image", "data/test/ROIs/mask");
        assert!(
            told("data/train", image)
                .ends_with("`papilla prepare` brings other folders of images and masks into this form")
        );
        std::fs::create_dir_all(at("data/test/ROIs/image")).expect("it is writable");
        let wanted = format!("as in the only split of its dataset, `{}`", at("data/test").display());
        assert!(told("data/train", image).ends_with(&wanted), "{}", told("data/train", image));
        assert!(told("data/test", mask).contains("masks as `ROIs/mask/NAME.png`"), "{}", told("data/test", mask));
    }

    #[test]
    fn a_folder_of_runs_is_no_run_and_names_those_in_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = folder.path().join("first");
        std::fs::create_dir(&run).expect("it is writable");
        std::fs::write(run.join("config.toml"), "").expect("it is writable");
        let told = |run: &Path| sentence(&TrainError::NoRun { run: run.into(), missing: "last".into() }.into());
        let wanted = format!("it holds 1 run, of which one is to be given: `{}`", run.display());
        assert!(told(folder.path()).ends_with(&wanted), "{}", told(folder.path()));
        assert!(!told(&run).contains("it holds"), "{}", told(&run));
    }

    #[test]
    fn one_sample_that_is_too_large_needs_smaller_images() {
        let told = |error: GpuError| sentence(&TrainError::from(DeviceError::from(error)).into());
        let (adapter, bytes, limit) = ("a GPU".to_string(), 512 << 20, 128 << 20);
        let value = GpuError::TooLarge { adapter: adapter.clone(), what: "the value `x`".to_string(), bytes, limit };
        assert_eq!(
            told(GpuError::SampleTooLarge { adapter, operator: "conv2d", bytes, limit }),
            "`a GPU` allows 128.0 MiB for a buffer, but one sample of conv2d needs 512.0 MiB; use a smaller --size"
        );
        assert!(told(value).ends_with("use a smaller --batch or --size"));
    }

    #[test]
    fn memory_that_is_short_names_the_flags_that_need_less() {
        let mut shortage = MemoryShortage {
            recomputing: 3 << 30,
            keeping: 4 << 30,
            validation: 1 << 20,
            limit: MemoryLimit::Budget(2 << 30),
            batch: (8, Some(6)),
            size: (512, None),
            precision: Some(Precision::F16),
        };
        let told = |shortage: &MemoryShortage| sentence(&TrainError::from(Box::new(shortage.clone())).into());
        assert_eq!(
            told(&shortage),
            "the step needs 3.0 GiB (4.0 GiB without recomputing) and its validation 1.0 MiB, more than --memory-budget \
             2.0 GiB; it would fit with --batch 6, or with --precision f16 (now --batch 8 --size 512)"
        );
        (shortage.batch.1, shortage.precision, shortage.validation) = (None, None, 0);
        shortage.limit = MemoryLimit::Machine { bytes: 2 << 30, name: "a GPU".to_string() };
        assert_eq!(
            told(&shortage),
            "the step needs 3.0 GiB (4.0 GiB without recomputing), more than the 2.0 GiB that `a GPU` has; use a much \
             smaller --batch (now 8) and --size (now 512)"
        );
    }
}
