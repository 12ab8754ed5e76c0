//! The figures of one image, and their means over many.

use serde::Serialize;

use super::{BinaryMask, MetricsError, Overlap, SurfaceDistances, mean_ci95, vertical_cup_to_disc_ratio};

/// Agreement of one structure (cup or disc) of one image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StructureMetrics {
    /// Dice coefficient, smoothed by 1.
    pub dice: f64,
    /// Intersection over union of the foreground.
    pub iou: f64,
    /// Share of pixels classified as in the truth.
    pub pixel_accuracy: f64,
    /// Average surface distance in pixels; missing when a mask is empty.
    pub asd: Option<f64>,
    /// 95th percentile of surface distances in pixels; missing when a mask is empty.
    pub hd95: Option<f64>,
}

impl StructureMetrics {
    fn between(predicted: &BinaryMask, truth: &BinaryMask) -> Result<Self, MetricsError> {
        let overlap = Overlap::between(predicted, truth)?;
        let distances = SurfaceDistances::between(predicted, truth)?;
        Ok(Self {
            dice: overlap.dice(),
            iou: overlap.iou(),
            pixel_accuracy: overlap.pixel_accuracy(),
            asd: distances.as_ref().map(SurfaceDistances::asd),
            hd95: distances.as_ref().map(SurfaceDistances::hd95),
        })
    }
}

/// Every figure of one image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ImageMetrics {
    /// The cup.
    pub cup: StructureMetrics,
    /// The disc.
    pub disc: StructureMetrics,
    /// Vertical cup-to-disc ratio of the prediction; missing when a predicted mask is empty.
    pub vcdr_predicted: Option<f64>,
    /// Vertical cup-to-disc ratio of the truth; missing when a true mask is empty.
    pub vcdr_true: Option<f64>,
    /// Absolute difference of the two ratios; missing when either is.
    pub vcdr_error: Option<f64>,
}

/// Compares predicted with true masks of one image, each `[cup, disc]`.
///
/// # Errors
/// [`MetricsError::Extent`] when a predicted mask and its truth differ in extent.
pub fn evaluate_image(predicted: &[BinaryMask; 2], truth: &[BinaryMask; 2]) -> Result<ImageMetrics, MetricsError> {
    let vcdr_predicted = vertical_cup_to_disc_ratio(&predicted[0], &predicted[1]);
    let vcdr_true = vertical_cup_to_disc_ratio(&truth[0], &truth[1]);
    Ok(ImageMetrics {
        cup: StructureMetrics::between(&predicted[0], &truth[0])?,
        disc: StructureMetrics::between(&predicted[1], &truth[1])?,
        vcdr_predicted,
        vcdr_true,
        vcdr_error: vcdr_predicted.zip(vcdr_true).map(|(predicted, truth)| (predicted - truth).abs()),
    })
}

impl ImageMetrics {
    /// Names of the columns that [`Self::csv_cells`] fills.
    pub const CSV_COLUMNS: [&'static str; 13] = [
        "cup_dice",
        "cup_iou",
        "cup_pixel_accuracy",
        "cup_asd",
        "cup_hd95",
        "disc_dice",
        "disc_iou",
        "disc_pixel_accuracy",
        "disc_asd",
        "disc_hd95",
        "vcdr_predicted",
        "vcdr_true",
        "vcdr_error",
    ];

    /// The figures in the order of [`Self::CSV_COLUMNS`], six decimals; a missing one is an empty cell.
    pub fn csv_cells(&self) -> [String; 13] {
        let of = |s: &StructureMetrics| [Some(s.dice), Some(s.iou), Some(s.pixel_accuracy), s.asd, s.hd95];
        let ([c0, c1, c2, c3, c4], [d0, d1, d2, d3, d4]) = (of(&self.cup), of(&self.disc));
        let vcdr = [self.vcdr_predicted, self.vcdr_true, self.vcdr_error];
        [c0, c1, c2, c3, c4, d0, d1, d2, d3, d4, vcdr[0], vcdr[1], vcdr[2]]
            .map(|value| value.map_or_else(String::new, |value| format!("{value:.6}")))
    }
}

/// Means of one structure over many images. An interval is `[low, high]` at 95 %, by bootstrap over images; a mean
/// of nothing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StructureSummary {
    /// Mean Dice coefficient.
    pub dice: Option<f64>,
    /// Interval of `dice`.
    pub dice_ci95: Option<[f64; 2]>,
    /// Mean intersection over union.
    pub iou: Option<f64>,
    /// Interval of `iou`.
    pub iou_ci95: Option<[f64; 2]>,
    /// Mean pixel accuracy.
    pub pixel_accuracy: Option<f64>,
    /// Interval of `pixel_accuracy`.
    pub pixel_accuracy_ci95: Option<[f64; 2]>,
    /// Mean average surface distance in pixels, over the images that have one.
    pub asd: Option<f64>,
    /// Interval of `asd`.
    pub asd_ci95: Option<[f64; 2]>,
    /// Images without an average surface distance.
    pub asd_missing: usize,
    /// Mean 95th percentile of surface distances in pixels, over the images that have one.
    pub hd95: Option<f64>,
    /// Interval of `hd95`.
    pub hd95_ci95: Option<[f64; 2]>,
    /// Images without a 95th percentile.
    pub hd95_missing: usize,
}

impl StructureSummary {
    fn of(images: &[ImageMetrics], structure: impl Fn(&ImageMetrics) -> &StructureMetrics) -> Self {
        let (dice, dice_ci95, _) = average(images.iter().map(|image| Some(structure(image).dice)));
        let (iou, iou_ci95, _) = average(images.iter().map(|image| Some(structure(image).iou)));
        let (pixel_accuracy, pixel_accuracy_ci95, _) =
            average(images.iter().map(|image| Some(structure(image).pixel_accuracy)));
        let (asd, asd_ci95, asd_missing) = average(images.iter().map(|image| structure(image).asd));
        let (hd95, hd95_ci95, hd95_missing) = average(images.iter().map(|image| structure(image).hd95));
        Self {
            dice,
            dice_ci95,
            iou,
            iou_ci95,
            pixel_accuracy,
            pixel_accuracy_ci95,
            asd,
            asd_ci95,
            asd_missing,
            hd95,
            hd95_ci95,
            hd95_missing,
        }
    }
}

/// Means over many images; serialises to the object that `evaluate --json` prints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The cup.
    pub cup: StructureSummary,
    /// The disc.
    pub disc: StructureSummary,
    /// Mean absolute error of the vertical cup-to-disc ratio, over the images that have one.
    pub vcdr_mae: Option<f64>,
    /// Interval of `vcdr_mae`.
    pub vcdr_mae_ci95: Option<[f64; 2]>,
    /// Images without the error.
    pub vcdr_missing: usize,
}

impl Summary {
    /// Averages the figures of `images`.
    pub fn of(images: &[ImageMetrics]) -> Self {
        let (vcdr_mae, vcdr_mae_ci95, vcdr_missing) = average(images.iter().map(|image| image.vcdr_error));
        Self {
            cup: StructureSummary::of(images, |image| &image.cup),
            disc: StructureSummary::of(images, |image| &image.disc),
            vcdr_mae,
            vcdr_mae_ci95,
            vcdr_missing,
        }
    }
}

/// Mean and interval of the values that exist, and the number of those that do not.
fn average(values: impl ExactSizeIterator<Item = Option<f64>>) -> (Option<f64>, Option<[f64; 2]>, usize) {
    let count = values.len();
    let present: Vec<f64> = values.flatten().collect();
    let interval = mean_ci95(&present);
    (
        interval.map(|interval| interval.mean),
        interval.map(|interval| [interval.low, interval.high]),
        count - present.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(from: u32, to: u32) -> BinaryMask {
        BinaryMask::from_fn(16, 16, |x, y| (from..to).contains(&x) && (from..to).contains(&y))
    }

    #[test]
    fn a_perfect_and_an_empty_prediction() {
        let truth = [square(6, 10), square(4, 12)];
        let perfect = evaluate_image(&truth, &truth).unwrap();
        assert_eq!((perfect.cup.dice, perfect.disc.hd95, perfect.vcdr_error), (1.0, Some(0.0), Some(0.0)));
        assert_eq!(perfect.vcdr_true, Some(0.5));

        let empty = evaluate_image(&[square(0, 0), square(0, 0)], &truth).unwrap();
        assert_eq!((empty.cup.asd, empty.disc.hd95, empty.vcdr_predicted), (None, None, None));
        assert_eq!((empty.vcdr_true, empty.vcdr_error), (Some(0.5), None));

        let summary = Summary::of(&[perfect, empty]);
        assert_eq!(summary.cup.dice, Some((1.0 + 1.0 / 17.0) / 2.0));
        assert_eq!((summary.cup.asd, summary.cup.asd_missing, summary.disc.hd95_missing), (Some(0.0), 1, 1));
        assert_eq!((summary.vcdr_mae, summary.vcdr_missing), (Some(0.0), 1));
    }

    #[test]
    fn json_has_the_agreed_names_and_null_for_missing() {
        let truth = [square(6, 10), square(4, 12)];
        let empty = evaluate_image(&[square(0, 0), square(0, 0)], &truth).unwrap();
        let json = serde_json::to_value(Summary::of(&[empty])).unwrap();
        assert_eq!(json["cup"]["dice"], json["cup"]["dice_ci95"][0]);
        assert_eq!(json["disc"]["iou"], 0.0);
        assert!(json["cup"]["hd95"].is_null() && json["cup"]["hd95_ci95"].is_null());
        assert_eq!(json["cup"]["hd95_missing"], 1);
        assert!(json["vcdr_mae"].is_null() && json["vcdr_mae_ci95"].is_null());
        assert_eq!(json["vcdr_missing"], 1);
    }

    #[test]
    fn csv_cells_follow_their_columns() {
        let image = evaluate_image(&[square(5, 10), square(0, 0)], &[square(5, 10), square(4, 12)]).unwrap();
        let cells = image.csv_cells();
        let cell = |name| &cells[ImageMetrics::CSV_COLUMNS.iter().position(|&column| column == name).unwrap()];
        assert_eq!(cell("cup_dice"), "1.000000");
        assert_eq!(cell("cup_hd95"), "0.000000");
        assert_eq!(cell("disc_dice"), "0.015385");
        assert_eq!(cell("disc_asd"), "");
        assert_eq!(cell("vcdr_predicted"), "");
        assert_eq!(cell("vcdr_true"), "0.625000");
        assert_eq!(cell("vcdr_error"), "");
    }

    #[test]
    fn masks_of_different_extents_are_refused() {
        let truth = [square(6, 10), square(4, 12)];
        let small = BinaryMask::from_fn(8, 8, |_, _| true);
        assert!(evaluate_image(&[square(6, 10), small], &truth).is_err());
    }
}
