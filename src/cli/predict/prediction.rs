//! What becomes of one image: masks, pictures, figures.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use image::{GrayImage, RgbImage};

use super::arguments::Arguments;
use super::flag::{Flag, Unfit};
use super::inputs::Image;
use super::part::Part;
use super::table::Row;
use super::uncertainty::{mean_deviations, write_deviations};
use super::whole_photograph::Place;
use crate::data::contact_sheet::Tile;
use crate::data::content::{FileContent, FileContents};
use crate::data::image_file::read_photograph;
use crate::data::mask::mask_image;
use crate::data::overlay::{write_mask, write_overlay};
use crate::data::region::check_shape;
use crate::data::remarks::Remark;
use crate::formats::{HostTensor, TensorFile};
use crate::inference::Logits;
use crate::metrics::{BinaryMask, Masking, Masks, doubts, rim_sectors, vertical_cup_to_disc_ratio};
use crate::own_file::{Overwriting, Purpose};

/// An image whose turn it is.
pub(super) struct Input<'a> {
    pub name: &'a str,
    pub path: &'a Path,
    /// of its file
    pub content: FileContent,
    image: RgbImage,
    /// of a whole photograph, its region and where that lies
    region: Option<(RgbImage, Place)>,
    pub remarks: Vec<Remark>,
}

impl<'a> Input<'a> {
    pub(super) fn read(arguments: &Arguments, Image { name, path }: &'a Image, files: &FileContents) -> Result<Self> {
        let content = files.of(path)?;
        let photograph = read_photograph(path, arguments.bits)?;
        let (region, mut remarks) = if arguments.find_disc {
            let place = Place::find(&photograph.image).with_context(|| format!("cannot use `{}`", path.display()))?;
            let remarks = Remark::on_photograph(&photograph.image, &photograph.notes);
            (Some((place.square.cut_image(&photograph.image), place)), remarks)
        } else {
            check_shape(photograph.image.dimensions(), path)?;
            (None, Remark::on_region(&photograph.image, &photograph.notes))
        };
        let seen = region.as_ref().map_or(&photograph.image, |(region, _)| region);
        remarks.extend(Remark::on_size(seen.dimensions()));
        Ok(Self { name, path, content, image: photograph.image, region, remarks })
    }

    /// What the network sees.
    pub(super) fn seen(&self) -> &RgbImage {
        self.region.as_ref().map_or(&self.image, |(region, _)| region)
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
    let raw = logits.masks(&Masking { masks: Masks::Raw, ..masking })?;
    let masks = if masking.masks == Masks::Raw { raw.clone() } else { logits.masks(&masking)? };
    let (name, out, (width, height)) = (input.name, &arguments.out, input.image.dimensions());
    let whole = match &input.region {
        Some((_, place)) => masks.each_ref().map(|mask| place.put_back(mask, width, height)),
        None => masks.clone(),
    };
    let place = input.region.as_ref().map(|(_, place)| *place);
    let eye = arguments.eye.and_then(|eyes| eyes.of(input.name, input.path));
    let other_eye = |place: &Place| place.eye(width).zip(eye).is_some_and(|(there, said)| there != said);
    let of_place = place.into_iter().flat_map(|place| match (place.is_doubtful(), other_eye(&place)) {
        // The disc may be elsewhere.
        (true, _) => Some(Flag::Unfit(Unfit::UnsurePlace)),
        (false, true) => Some(Flag::Unfit(Unfit::OtherEye)),
        (false, false) => None,
    });
    let found = doubts(&masks, &raw).into_iter().map(Flag::Doubt);
    let flags: Vec<Flag> = input.remarks.iter().filter_map(Flag::of).chain(of_place).chain(found).collect();
    drop(raw);
    let row = Row {
        vcdr: vertical_cup_to_disc_ratio(&whole[0], &whole[1]),
        cup_area: whole[0].area(),
        disc_area: whole[1].area(),
        confidence: confidence(logits, &masks).filter(|_| flags.is_empty()),
        eye,
        rim: rim_sectors(&whole[0], &whole[1]),
        uncertainty: arguments.uncertainty.map(|_| mean_deviations(logits, &masks)),
        place,
        flags,
        notes: input.remarks.iter().map(Remark::sentence).collect(),
        ..Row::empty(name)
    };
    let tile = row.tile(input.seen(), &levels(&masks));
    let mut picture = input.image;
    if let Some(place) = &row.place {
        place.draw(&mut picture);
    }
    let [cup, disc] = whole.each_ref().map(|m| m.pixels().collect::<Vec<bool>>());
    write_mask(overwriting, &Part::Mask.path(out, name), (width, height), &cup, &disc)?;
    write_overlay(overwriting, &Part::Overlay.path(out, name), picture, &cup, &disc)?;
    if arguments.logits {
        write_logits(overwriting, &Part::Logits.path(out, name), logits)?;
    }
    if arguments.uncertainty.is_some() {
        write_deviations(overwriting, &Part::Uncertainty.path(out, name), logits)?;
    }
    Ok((row, tile))
}

/// Masks of cup and disc as one of the dataset layout's levels.
fn levels(masks: &[BinaryMask; 2]) -> GrayImage {
    let [cup, disc] = masks.each_ref().map(|mask| mask.pixels().collect::<Vec<bool>>());
    mask_image((masks[1].width(), masks[1].height()), &cup, &disc)
}

fn write_logits(overwriting: &Overwriting, path: &Path, logits: &Logits) -> Result<()> {
    let (h, w) = (logits.height, logits.width);
    let tensors = BTreeMap::from([
        ("mask".to_string(), HostTensor { shape: vec![1, 2, h, w], data: logits.mask.clone() }),
        ("boundary".to_string(), HostTensor { shape: vec![1, 1, h, w], data: logits.boundary.clone() }),
    ]);
    Ok(TensorFile { tensors, metadata: BTreeMap::new() }.write_as(overwriting, path, Purpose::Logits)?)
}

/// Mean of `max(p, 1−p)` of cup and disc over the pixels of the disc: 1 is certain, ½ is not. `None` without a disc.
fn confidence(logits: &Logits, masks: &[BinaryMask; 2]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u64);
    for channel in 0..2 {
        for (p, inside) in logits.probability(channel).into_iter().zip(masks[1].pixels()) {
            if inside {
                sum += f64::from(p.max(1.0 - p));
                count += 1;
            }
        }
    }
    (count > 0).then(|| sum / count as f64)
}
