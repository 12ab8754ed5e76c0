//! What a run is trained and validated on, checked before anything is computed.

use std::path::Path;
use std::sync::Arc;

use super::data_record::DataRecord;
use super::error::TrainError;
use super::observer::{Event, Observer};
use super::overlaps::overlaps;
use super::settings::{AugmentSetting, ColourMatch, Config, Selection};
use super::validation::Validation;
use crate::data::colours::Colours;
use crate::data::content::FileContents;
use crate::data::{
    Augment, DataError, Dataset, Labels, Loader, LoaderOptions, PhotometricCopy, Split, default_workers,
};
use crate::nn::Domain;

type Result<T> = std::result::Result<T, TrainError>;

/// Bytes of decoded regions kept in memory.
const CACHE_BYTES: usize = 512 << 20;

/// The datasets that a run trains on.
pub(super) struct TrainingData {
    pub source: Arc<Dataset>,
    pub target: Option<Arc<Dataset>>,
    /// the files of all of them, and of those to validate on
    pub record: DataRecord,
}

impl TrainingData {
    /// The colours that the settings ask for: those of the source regions that are trained on, at the network's size.
    pub(super) fn colours(&self, config: &Config) -> Result<Option<Colours>> {
        match config.match_colours {
            ColourMatch::Off => Ok(None),
            ColourMatch::Source => Ok(Colours::of_regions(self.source.regions(), config.size as u32, || ())?),
        }
    }

    /// Batches in a pass over the source.
    pub(super) fn batches_per_epoch(&self, batch: usize) -> u64 {
        (self.source.len() / batch) as u64
    }
}

/// How the source becomes batches, brought to colours if there are some.
pub(super) fn loader_options(config: &Config, colours: Option<Colours>) -> LoaderOptions {
    LoaderOptions {
        size: config.size as u32,
        batch: config.batch,
        seed: config.seed,
        domain: Domain::Source,
        workers: default_workers(),
        colours,
        augment: match config.augment {
            AugmentSetting::Full => Augment::Full,
            AugmentSetting::Strong => Augment::Strong,
            AugmentSetting::Light => Augment::Light,
            AugmentSetting::None => Augment::None,
        },
        shuffle: config.shuffle.is_on(),
        labels: true,
        photometric_copy: PhotometricCopy::None,
        cache_bytes: CACHE_BYTES,
    }
}

/// How the target becomes batches, with photometric copies or without.
pub(super) fn target_loader_options(
    config: &Config,
    colours: Option<Colours>,
    photometric_copy: PhotometricCopy,
) -> LoaderOptions {
    LoaderOptions { domain: Domain::Target, labels: false, photometric_copy, ..loader_options(config, colours) }
}

/// The regions to train on, and those to validate on.
pub(super) fn open_data(config: &Config, observer: &mut dyn Observer) -> Result<(TrainingData, Vec<Validation>)> {
    let all = Dataset::open_split(&config.source, Split::Train, Labels::Required)?;
    note(observer, [all.passed_over(), all.check()?].concat());
    let contents = FileContents::default();
    note(observer, overlaps(config, &all, &contents));
    let (train, held_out) = match config.select {
        Selection::Source => all.hold_out_every_tenth(),
        Selection::Target => (all.clone(), all.hold_out_every_tenth().1),
    };
    if config.select == Selection::Source && held_out.is_empty() {
        let directory = all.directory().to_path_buf();
        return Err(TrainError::NothingHeldOut { directory, regions: all.len() });
    }
    let mut validations = Vec::new();
    if let Some(target) = &config.target
        && let Some(test) = target_test(target, config.select, observer)?
    {
        validations.push(Validation::new(Domain::Target, test));
    }
    if config.select == Selection::Source {
        validations.push(Validation::new(Domain::Source, held_out));
    }
    let target = match config.target.as_ref().filter(|_| config.adapts()) {
        Some(target) => {
            let target = Dataset::open_split(target, Split::Train, Labels::Ignored)?;
            note(observer, [target.passed_over(), target.check_readable()?].concat());
            Some(Arc::new(target))
        }
        None => None,
    };
    // Held-out regions of the source have been read above.
    for validation in validations.iter().filter(|validation| validation.domain() == Domain::Target) {
        note(observer, [validation.dataset().passed_over(), validation.dataset().check_readable()?].concat());
    }
    let mut record = DataRecord::default();
    record.add("training on the source", &all, &contents)?;
    if let Some(target) = &target {
        record.add("training on the target", target, &contents)?;
    }
    for validation in validations.iter().filter(|validation| validation.domain() == Domain::Target) {
        record.add("validating on the target", validation.dataset(), &contents)?;
    }
    let data = TrainingData { source: Arc::new(train), target, record };
    // Refused now rather than when the stage begins that needs it.
    let (regions, batch) = (data.source.len(), config.batch);
    if regions < batch {
        let (directory, held_out) = (all.directory().to_path_buf(), all.len() - regions);
        return Err(TrainError::TooFewRegions { directory, regions, held_out, batch });
    }
    Loader::new(data.source.clone(), loader_options(config, None))?;
    if let Some(target) = &data.target {
        Loader::new(target.clone(), target_loader_options(config, None, PhotometricCopy::None))?;
    }
    Ok((data, validations))
}

/// Says each sentence.
fn note(observer: &mut dyn Observer, sentences: Vec<String>) {
    for sentence in &sentences {
        observer.event(Event::Note(sentence));
    }
}

/// The target's test regions, if all of them have masks; otherwise says so. Choosing the best checkpoint by them needs that.
fn target_test(target: &Path, select: Selection, observer: &mut dyn Observer) -> Result<Option<Dataset>> {
    if select == Selection::Target {
        return Ok(Some(Dataset::open_split(target, Split::Test, Labels::Required)?));
    }
    let reason = match Dataset::open_split(target, Split::Test, Labels::Optional) {
        Ok(test) => {
            let labelled = test.regions().iter().filter(|region| region.mask.is_some()).count();
            if labelled == test.len() {
                return Ok(Some(test));
            }
            format!("{labelled} of {} test regions of `{}` have masks, not all", test.len(), target.display())
        }
        Err(DataError::MissingFolder { missing, .. }) => {
            format!("`{}` has no labelled test regions: `{}` does not exist", target.display(), missing.display())
        }
        Err(error) => return Err(error.into()),
    };
    observer.event(Event::Note(&format!("{reason}; the target is not validated on")));
    Ok(None)
}
