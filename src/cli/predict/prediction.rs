//! What becomes of one image: masks, pictures, figures.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use image::RgbImage;

use super::arguments::Arguments;
use super::inputs::Image;
use super::part::Part;
use super::uncertainty::write_deviations;
use crate::data::contact_sheet::Tile;
use crate::data::content::{FileContent, FileContents};
use crate::data::image_file::read_photograph;
use crate::data::overlay::{write_mask, write_overlay};
use crate::data::region::check_shape;
use crate::formats::{HostTensor, TensorFile};
use crate::inference::Logits;
use crate::metrics::Masking;
use crate::own_file::{Overwriting, Purpose};
use crate::prediction::{Row, Segmented, Subject};

/// An image whose turn it is.
pub(super) struct Input<'a> {
    pub name: &'a str,
    pub path: &'a Path,
    /// of its file
    pub content: FileContent,
    pub subject: Subject,
}

impl<'a> Input<'a> {
    pub(super) fn read(arguments: &Arguments, Image { name, path }: &'a Image, files: &FileContents) -> Result<Self> {
        let content = files.of(path)?;
        let photograph = read_photograph(path, arguments.bits)?;
        let subject = if arguments.find_disc {
            Subject::photograph(photograph).with_context(|| format!("cannot use `{}`", path.display()))?
        } else {
            check_shape(photograph.image.dimensions(), path)?;
            Subject::region(photograph)
        };
        Ok(Self { name, path, content, subject })
    }

    /// What the network sees.
    pub(super) fn seen(&self) -> &RgbImage {
        self.subject.seen()
    }
}

/// Writes the files of an image; its row of the table, and its place in the contact sheet.
pub(super) fn write_prediction(
    arguments: &Arguments,
    masking: Masking,
    overwriting: &Overwriting,
    input: Input<'_>,
    logits: &Logits,
) -> Result<(Row, Tile)> {
    let (name, out, size) = (input.name, &arguments.out, input.subject.image.dimensions());
    let eye = arguments.eye.and_then(|eyes| eyes.of(input.name, input.path));
    let segmented = input.subject.segmented(name, logits, masking, eye)?;
    let tile = segmented.row.tile(input.seen(), &segmented.levels());
    let Segmented { whole, row, .. } = segmented;
    let mut picture = input.subject.image;
    if let Some(place) = &row.place {
        place.draw(&mut picture);
    }
    let [cup, disc] = whole.each_ref().map(|m| m.pixels().collect::<Vec<bool>>());
    write_mask(overwriting, &Part::Mask.path(out, name), size, &cup, &disc)?;
    write_overlay(overwriting, &Part::Overlay.path(out, name), picture, &cup, &disc)?;
    if arguments.logits {
        write_logits(overwriting, &Part::Logits.path(out, name), logits)?;
    }
    if arguments.uncertainty.is_some() {
        write_deviations(overwriting, &Part::Uncertainty.path(out, name), logits)?;
    }
    Ok((row, tile))
}

fn write_logits(overwriting: &Overwriting, path: &Path, logits: &Logits) -> Result<()> {
    let (h, w) = (logits.height, logits.width);
    let tensors = BTreeMap::from([
        ("mask".to_string(), HostTensor { shape: vec![1, 2, h, w], data: logits.mask.clone() }),
        ("boundary".to_string(), HostTensor { shape: vec![1, 1, h, w], data: logits.boundary.clone() }),
    ]);
    Ok(TensorFile { tensors, metadata: BTreeMap::new() }.write_as(overwriting, path, Purpose::Logits)?)
}
