//! Flags that say how probabilities become masks, the same for all verbs that make some.

use std::path::Path;

use super::named::named;
use crate::data::names::shown_path;
use crate::metrics::{Calibration, Masking, Masks, ThresholdOf};

/// Thresholds and post-processing.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct MaskFlags {
    /// Probability above which a pixel is cup or disc; `published` is 0.75 [default: what the checkpoint was calibrated to, or else
    /// published]
    #[arg(long, value_name = "P", value_parser = threshold)]
    threshold: Option<f32>,
    /// The same of the cup alone
    #[arg(long, value_name = "P", value_parser = threshold)]
    threshold_cup: Option<f32>,
    /// The same of the disc alone
    #[arg(long, value_name = "P", value_parser = threshold)]
    threshold_disc: Option<f32>,
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
        let Masking { masks, erosion, .. } = Masking::USUAL;
        MaskFlags { threshold: None, threshold_cup: None, threshold_disc: None, masks, erosion }
    }
}

impl MaskFlags {
    /// The flags that make masks like these of a checkpoint, with the thresholds of the cup and of the disc that flags said.
    pub(super) fn of(masking: Masking, thresholds: [Option<f32>; 2]) -> Self {
        let [threshold_cup, threshold_disc] = thresholds;
        MaskFlags { threshold: None, threshold_cup, threshold_disc, masks: masking.masks, erosion: masking.erosion }
    }

    /// Which masks are wanted, whatever the checkpoint.
    pub(super) fn masks(&self) -> Masks {
        self.masks
    }

    /// How they make masks with a checkpoint that was calibrated so, or was not.
    pub(super) fn masking(&self, calibration: Option<Calibration>) -> Masking {
        let (given, own) = (self.given(), Calibration::or_usual(calibration));
        let thresholds = [0, 1].map(|class| given[class].unwrap_or(own[class]));
        Masking { masks: self.masks, thresholds, erosion: self.erosion }
    }

    /// Thresholds of the cup and of the disc among the flags.
    fn given(&self) -> [Option<f32>; 2] {
        [self.threshold_cup.or(self.threshold), self.threshold_disc.or(self.threshold)]
    }

    /// Who says the thresholds of the cup and of the disc.
    pub(super) fn thresholds_of(&self, calibration: Option<Calibration>) -> [ThresholdOf; 2] {
        let (given, own) = (self.given(), calibration.map_or([None; 2], |own| own.thresholds()));
        [0, 1].map(|class| match (given[class], own[class]) {
            (Some(_), _) => ThresholdOf::Flag,
            (None, Some(_)) => ThresholdOf::Checkpoint,
            (None, None) => ThresholdOf::Published,
        })
    }

    /// What is said of thresholds that no flag says.
    pub(super) fn note(&self, calibration: Option<Calibration>, checkpoint: &Path) -> Option<String> {
        let (of, thresholds) = (self.thresholds_of(calibration), self.masking(calibration).thresholds);
        let told_by = |who| {
            let own = ["cup", "disc"].into_iter().zip(thresholds).zip(of).filter(move |(_, of)| *of == who);
            own.map(|((name, threshold), _)| (name, threshold)).collect::<Vec<_>>()
        };
        let own: Vec<_> =
            told_by(ThresholdOf::Checkpoint).iter().map(|(name, threshold)| format!("{name} {threshold}")).collect();
        let calibrated = calibration.filter(|_| !own.is_empty()).map(|Calibration { regions, .. }| {
            format!("thresholds were calibrated on {regions} held-out regions of the source: {}", own.join(", "))
        });
        let file = shown_path(checkpoint);
        let of_what = match told_by(ThresholdOf::Published)[..] {
            [] => None,
            [(name, _)] => Some(format!("`{file}` keeps no calibrated threshold of the {name}")),
            _ => Some(format!("`{file}` keeps no calibrated thresholds")),
        };
        let published = of_what.map(|what| {
            let usual = Masking::USUAL.thresholds[0];
            format!("{what}: {usual} is taken, as published; `papilla adapt --thresholds` calibrates")
        });
        let notes: Vec<String> = calibrated.into_iter().chain(published).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

/// The same masks of both kinds, those that were asked for first.
pub(super) fn both_kinds(masking: Masking) -> [Masking; 2] {
    let [raw, postprocessed] = [Masks::Raw, Masks::Postprocessed].map(|masks| Masking { masks, ..masking });
    if masking.masks == Masks::Raw { [raw, postprocessed] } else { [postprocessed, raw] }
}

/// Columns of tables that say of which masks a row is.
pub(super) const MASK_COLUMNS: [&str; 4] = ["masks", "threshold_cup", "threshold_disc", "erosion"];

/// The cells of [`MASK_COLUMNS`]; raw masks are not eroded.
pub(super) fn mask_cells(Masking { masks, thresholds: [cup, disc], erosion }: Masking) -> [String; 4] {
    let erosion = if masks == Masks::Raw { String::new() } else { erosion.to_string() };
    [masks.name().to_string(), cup.to_string(), disc.to_string(), erosion]
}

/// A threshold among the flags.
fn threshold(text: &str) -> Result<f32, String> {
    if text == ThresholdOf::Published.name() {
        return Ok(Masking::USUAL.thresholds[0]);
    }
    fraction(text, "probability").map_err(|error| format!("{error}, or `{}`", ThresholdOf::Published.name()))
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
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    const OWN: Calibration = Calibration { cup: Some(0.41), disc: Some(0.63), regions: 28 };

    fn flags(given: &[&str]) -> MaskFlags {
        let command = MaskFlags::augment_args(Command::new("verb").no_binary_name(true));
        MaskFlags::from_arg_matches(&command.get_matches_from(given)).expect("the flags are right")
    }

    #[test]
    fn rows_of_tables_say_of_which_masks_they_are() {
        let masking = Masking { masks: Masks::Postprocessed, thresholds: [0.1, 0.5], erosion: 7 };
        assert_eq!(mask_cells(masking), ["postprocessed", "0.1", "0.5", "7"]);
        assert_eq!(mask_cells(Masking { masks: Masks::Raw, ..masking }), ["raw", "0.1", "0.5", ""]);
    }

    #[test]
    fn flags_win_over_the_checkpoint_and_it_over_what_is_published() {
        let thresholds = |given: &[&str], own| flags(given).masking(own).thresholds;
        assert_eq!(thresholds(&[], Some(OWN)), [0.41, 0.63]);
        assert_eq!(thresholds(&[], None), [0.75; 2]);
        assert_eq!(thresholds(&[], Some(Calibration { cup: None, ..OWN })), [0.75, 0.63]);
        assert_eq!(thresholds(&["--threshold", "published"], Some(OWN)), [0.75; 2]);
        assert_eq!(thresholds(&["--threshold", "0.5"], Some(OWN)), [0.5; 2]);
        assert_eq!(thresholds(&["--threshold-cup", "0.1"], Some(OWN)), [0.1, 0.63]);
        assert_eq!(thresholds(&["--threshold", "0.5", "--threshold-disc", "published"], Some(OWN)), [0.5, 0.75]);
        assert_eq!(MaskFlags::default().masking(None), Masking::USUAL);
        assert!(threshold("2").is_err_and(|error| error == "a probability between 0 and 1 is needed, or `published`"));
        let again = flags(&["--threshold-cup", "0.1", "--erosion", "7"]);
        assert_eq!(MaskFlags::of(again.masking(None), [Some(0.1), None]).masking(Some(OWN)), again.masking(Some(OWN)));
    }

    #[test]
    fn whoever_says_a_threshold_is_named() {
        let cup = flags(&["--threshold-cup", "0.1"]);
        assert_eq!(cup.thresholds_of(Some(OWN)), [ThresholdOf::Flag, ThresholdOf::Checkpoint]);
        assert_eq!(cup.thresholds_of(None), [ThresholdOf::Flag, ThresholdOf::Published]);
        let note = |given: &[&str], own| flags(given).note(own, Path::new("a.pth"));
        assert_eq!(note(&["--threshold", "0.5"], None), None);
        assert_eq!(
            note(&[], Some(OWN)).as_deref(),
            Some("thresholds were calibrated on 28 held-out regions of the source: cup 0.41, disc 0.63")
        );
        let told = note(&["--threshold-cup", "0.1"], None).expect("it is said");
        assert!(told.starts_with("`a.pth` keeps no calibrated threshold of the disc: 0.75 is taken"), "{told}");
        let told = note(&[], Some(Calibration { cup: None, ..OWN })).expect("it is said");
        assert!(told.contains("source: disc 0.63; `a.pth`") && told.contains("of the cup: 0.75"), "{told}");
        let told = note(&[], None).expect("it is said");
        assert!(told.starts_with("`a.pth` keeps no calibrated thresholds: 0.75 is taken, as published"), "{told}");
    }
}
