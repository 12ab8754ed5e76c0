//! The flags that tell the network of weights whose file does not.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow};
use clap::Args;

use super::error::WrongFlags;
use super::named::named;
use crate::nn::deeplab::Backbone;
use crate::train::{Config, SETTINGS};

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
