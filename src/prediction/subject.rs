//! An image as a network sees it, and what is made of the network's output.

use image::{GrayImage, RgbImage};

use super::deviations::mean_deviations;
use super::flag::{Flag, Unfit};
use super::place::{NoPlace, Place};
use super::row::Row;
use crate::data::image_file::Photograph;
use crate::data::mask::mask_image;
use crate::data::remarks::Remark;
use crate::inference::Logits;
use crate::metrics::{BinaryMask, Eye, Masking, Masks, MetricsError, doubts, rim_sectors, vertical_cup_to_disc_ratio};

/// An image that is to be segmented: a region, or a whole photograph of which a region is.
pub struct Subject {
    /// upright, as it was given
    pub image: RgbImage,
    /// of a whole photograph, its region and where that lies
    region: Option<(RgbImage, Place)>,
    /// what was noticed about it
    pub remarks: Vec<Remark>,
}

impl Subject {
    /// A region around a disc.
    pub fn region(photograph: Photograph) -> Self {
        let remarks = Remark::on_region(&photograph.image, &photograph.notes);
        Self::noticed(photograph.image, None, remarks)
    }

    /// A whole photograph, in which the disc is found.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn photograph(photograph: Photograph) -> Result<Self, NoPlace> {
        let place = Place::find(&photograph.image)?;
        let remarks = Remark::on_photograph(&photograph.image, &photograph.notes);
        let region = place.square.cut_image(&photograph.image);
        Ok(Self::noticed(photograph.image, Some((region, place)), remarks))
    }

    fn noticed(image: RgbImage, region: Option<(RgbImage, Place)>, remarks: Vec<Remark>) -> Self {
        let mut this = Self { image, region, remarks };
        this.remarks.extend(Remark::on_size(this.seen().dimensions()));
        this
    }

    /// What the network sees.
    pub fn seen(&self) -> &RgbImage {
        self.region.as_ref().map_or(&self.image, |(region, _)| region)
    }

    /// What comes of the network's output: masks and figures. `eye` is the one that the image shows, if that is known.
    ///
    /// # Errors
    /// [`MetricsError::Values`] when there is not a logit for each pixel.
    pub fn segmented(
        &self,
        name: &str,
        logits: &Logits,
        masking: Masking,
        eye: Option<Eye>,
    ) -> Result<Segmented, MetricsError> {
        let raw = logits.masks(&Masking { masks: Masks::Raw, ..masking })?;
        let masks = if masking.masks == Masks::Raw { raw.clone() } else { logits.masks(&masking)? };
        let (width, height) = self.image.dimensions();
        let place = self.region.as_ref().map(|(_, place)| *place);
        let whole = match &place {
            Some(place) => masks.each_ref().map(|mask| place.put_back(mask, width, height)),
            None => masks.clone(),
        };
        let other_eye = |place: &Place| place.eye(width).zip(eye).is_some_and(|(there, said)| there != said);
        let of_place = place.into_iter().flat_map(|place| match (place.is_doubtful(), other_eye(&place)) {
            // The disc may be elsewhere.
            (true, _) => Some(Flag::Unfit(Unfit::UnsurePlace)),
            (false, true) => Some(Flag::Unfit(Unfit::OtherEye)),
            (false, false) => None,
        });
        let found = doubts(&masks, &raw).into_iter().map(Flag::Doubt);
        let flags: Vec<Flag> = self.remarks.iter().filter_map(Flag::of).chain(of_place).chain(found).collect();
        drop(raw);
        let row = Row {
            vcdr: vertical_cup_to_disc_ratio(&whole[0], &whole[1]),
            cup_area: whole[0].area(),
            disc_area: whole[1].area(),
            confidence: confidence(logits, &masks).filter(|_| flags.is_empty()),
            eye,
            rim: rim_sectors(&whole[0], &whole[1]),
            uncertainty: (!logits.deviation.is_empty()).then(|| mean_deviations(logits, &masks)),
            place,
            flags,
            notes: self.remarks.iter().map(Remark::sentence).collect(),
            ..Row::empty(name)
        };
        Ok(Segmented { masks, whole, row })
    }
}

/// Masks of cup and disc, and their figures.
pub struct Segmented {
    /// of what the network saw
    pub masks: [BinaryMask; 2],
    /// of the image as it was given
    pub whole: [BinaryMask; 2],
    /// the figures of the latter
    pub row: Row,
}

impl Segmented {
    /// The masks of what the network saw, as one of the dataset layout's levels.
    pub fn levels(&self) -> GrayImage {
        let [cup, disc] = self.masks.each_ref().map(|mask| mask.pixels().collect::<Vec<bool>>());
        mask_image((self.masks[1].width(), self.masks[1].height()), &cup, &disc)
    }
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
