//! Flags that say how probabilities become masks, the same for all verbs that make some.

use super::named::named;
use crate::metrics::{Masking, Masks};

/// Thresholds and post-processing.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct MaskFlags {
    /// Probability above which a pixel is cup
    #[arg(long, default_value_t = Masking::USUAL.thresholds[0], value_name = "P", value_parser = probability)]
    threshold_cup: f32,
    /// Probability above which a pixel is disc
    #[arg(long, default_value_t = Masking::USUAL.thresholds[1], value_name = "P", value_parser = probability)]
    threshold_disc: f32,
    /// Kind of the predicted masks that are written, shown and measured first
    #[arg(long, default_value = Masking::USUAL.masks.name(), value_name = "KIND", value_parser = named::<Masks>())]
    masks: Masks,
    /// Radius by which post-processing erodes, in pixels of regions of 512; published: 7, with thresholds of 0.1 for the cup
    /// and 0.5 for the disc
    #[arg(long, default_value_t = Masking::USUAL.erosion, value_name = "PIXELS")]
    erosion: u32,
}

impl Default for MaskFlags {
    fn default() -> Self {
        MaskFlags::of(Masking::USUAL)
    }
}

impl MaskFlags {
    /// The flags that make masks like these.
    pub(super) fn of(masking: Masking) -> Self {
        let Masking { masks, thresholds: [threshold_cup, threshold_disc], erosion } = masking;
        MaskFlags { threshold_cup, threshold_disc, masks, erosion }
    }

    /// How they make masks.
    pub(super) fn masking(&self) -> Masking {
        self.masking_of(self.masks)
    }

    /// The same of both kinds of masks, that which was asked for first.
    pub(super) fn in_order(&self) -> [Masking; 2] {
        let [raw, postprocessed] = [Masks::Raw, Masks::Postprocessed].map(|masks| self.masking_of(masks));
        if self.masks == Masks::Raw { [raw, postprocessed] } else { [postprocessed, raw] }
    }

    /// The same of either kind of masks.
    pub(super) fn masking_of(&self, masks: Masks) -> Masking {
        Masking { masks, thresholds: [self.threshold_cup, self.threshold_disc], erosion: self.erosion }
    }
}

/// Columns of tables that say of which masks a row is.
pub(super) const MASK_COLUMNS: [&str; 4] = ["masks", "threshold_cup", "threshold_disc", "erosion"];

/// The cells of [`MASK_COLUMNS`]; raw masks are not eroded.
pub(super) fn mask_cells(Masking { masks, thresholds: [cup, disc], erosion }: Masking) -> [String; 4] {
    let erosion = if masks == Masks::Raw { String::new() } else { erosion.to_string() };
    [masks.name().to_string(), cup.to_string(), disc.to_string(), erosion]
}

/// A probability among the flags.
fn probability(text: &str) -> Result<f32, String> {
    fraction(text, "probability")
}

/// A number between 0 and 1 among the flags, called so.
pub(super) fn fraction(text: &str, called: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err(format!("a {called} between 0 and 1 is needed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_tables_say_of_which_masks_they_are() {
        let masking = Masking { masks: Masks::Postprocessed, thresholds: [0.1, 0.5], erosion: 7 };
        assert_eq!(mask_cells(masking), ["postprocessed", "0.1", "0.5", "7"]);
        assert_eq!(mask_cells(Masking { masks: Masks::Raw, ..masking }), ["raw", "0.1", "0.5", ""]);
    }
}
