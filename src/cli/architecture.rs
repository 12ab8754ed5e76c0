//! The flags that tell the network of weights whose file does not.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow};
use clap::Args;

use super::error::WrongFlags;
use super::named::named;
use crate::device::Device;
use crate::formats::{FormatError, TensorFile};
use crate::nn::deeplab::Backbone;
use crate::train::{
    CheckpointTaken, Config, Origin, SETTINGS, TrainedNetwork, checkpoint_at, load_stochastic_predictor,
};

/// Architecture of weights whose file does not name it; a checkpoint of a run does.
#[derive(Args, Clone, Default)]
pub(crate) struct Architecture {
    /// Backbone of weights that are no checkpoint of a run [default: the one that their names tell]
    #[arg(long, value_parser = named::<Backbone>())]
    backbone: Option<Backbone>,
    #[arg(long, value_name = "N", help = with_default("Output stride of weights that are no checkpoint of a run", "output_stride"))]
    pub(super) output_stride: Option<usize>,
    #[arg(long, value_name = "PIXELS", help = with_default("Rows and columns to which images are brought for such weights", "size"))]
    pub(super) size: Option<usize>,
}

/// A help that ends with the default of a setting.
fn with_default(help: &str, setting: &str) -> String {
    let setting = SETTINGS.iter().find(|other| other.name == setting).expect("flags of settings are named like them");
    format!("{help} [default: {}]", (setting.default)().unwrap_or_default())
}

impl Architecture {
    /// Settings with this architecture, unless the network cannot have it.
    pub(crate) fn config(&self) -> Result<Config> {
        let mut config = Config::new(Default::default());
        config.set_backbone(self.backbone.unwrap_or(config.backbone));
        config.output_stride = self.output_stride.unwrap_or(config.output_stride);
        config.size = self.size.unwrap_or(config.size);
        config.check_network().map_err(WrongFlags::of)?;
        Ok(config)
    }

    /// The network of a checkpoint or of weights, for so many images at once and with so many further passes. What the file does
    /// not say of it is said.
    pub(crate) fn load(&self, device: &Device, path: &Path, batch: usize, passes: usize) -> Result<TrainedNetwork> {
        let mut network = load_stochastic_predictor(device, path, &self.config()?, batch, passes)?;
        self.agree(&network.config, path)?;
        let is_known = !matches!(network.origin, Origin::Weights { state_size: false });
        network.notes.extend(self.assumption(is_known, &network.config, path));
        Ok(network)
    }

    /// What is said of weights whose file does not tell at what size they were trained, unless a flag does.
    pub(crate) fn assumption(&self, is_known: bool, config: &Config, path: &Path) -> Option<String> {
        (!is_known && self.size.is_none()).then(|| {
            format!(
                "`{}` does not say at what size it was trained: {} is taken, --size says otherwise, and at another size it sees less",
                path.display(),
                config.size
            )
        })
    }

    /// Refuses flags that contradict what a checkpoint says of itself.
    pub(crate) fn agree(&self, config: &Config, checkpoint: &Path) -> Result<()> {
        let contradiction = |flag: &str, given: &dyn Display, own: &dyn Display| {
            anyhow!("{flag} {given} contradicts `{}`, which has {own}; leave the flag out", checkpoint.display())
        };
        match self {
            Architecture { backbone: Some(b), .. } if *b != config.backbone => {
                Err(contradiction("--backbone", &b.name(), &config.backbone.name()))
            }
            Architecture { output_stride: Some(stride), .. } if *stride != config.output_stride => {
                Err(contradiction("--output-stride", stride, &config.output_stride))
            }
            Architecture { size: Some(size), .. } if *size != config.size => {
                Err(contradiction("--size", size, &config.size))
            }
            _ => Ok(()),
        }
    }
}

/// The file that a path means (see [`checkpoint_at`]), which can be read as far as can be told before it is.
pub(crate) fn readable_checkpoint(given: &Path) -> Result<CheckpointTaken> {
    let taken = checkpoint_at(given)?;
    check_readable(&taken.path)?;
    Ok(taken)
}

/// Whether the file of a checkpoint or of weights can be read, as far as can be told before it is.
pub(crate) fn check_readable(checkpoint: &Path) -> Result<()> {
    match TensorFile::read_metadata(checkpoint) {
        Err(error @ (FormatError::Read { .. } | FormatError::NotAFile(_))) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_assumed_is_said() {
        let weights = Path::new("a.pth");
        let config = Architecture::default().config().expect("the default");
        let note = Architecture::default().assumption(false, &config, weights).expect("it is assumed");
        assert!(note.starts_with("`a.pth` does not say") && note.contains("512 is taken, --size says"), "{note}");
        assert_eq!(Architecture::default().assumption(true, &config, weights), None);
        let given = Architecture { size: Some(128), ..Architecture::default() };
        assert_eq!(given.assumption(false, &config, weights), None, "a flag says it");
    }
}
