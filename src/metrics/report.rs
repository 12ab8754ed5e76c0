//! The figures of one image.

use serde::Serialize;

use super::{BinaryMask, MetricsError, Overlap, SurfaceDistances, vertical_cup_to_disc_ratio};

/// Agreement of one structure (cup or disc) of one image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StructureMetrics {
    /// Whether the truth has any of it.
    #[serde(skip)]
    pub is_there: bool,
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
    /// `asd`, or the image's diagonal when one mask is empty; masks that are both empty agree.
    pub asd_worst_case: f64,
    /// The same of `hd95`.
    pub hd95_worst_case: f64,
}

impl StructureMetrics {
    fn between(predicted: &BinaryMask, truth: &BinaryMask) -> Result<Self, MetricsError> {
        let overlap = Overlap::between(predicted, truth)?;
        let distances = SurfaceDistances::between(predicted, truth)?;
        let (asd, hd95) =
            (distances.as_ref().map(SurfaceDistances::asd), distances.as_ref().map(SurfaceDistances::hd95));
        let agree = predicted.is_empty() && truth.is_empty();
        let at_worst = if agree { 0.0 } else { f64::from(truth.width()).hypot(f64::from(truth.height())) };
        Ok(Self {
            is_there: !truth.is_empty(),
            dice: overlap.dice(),
            iou: overlap.iou(),
            pixel_accuracy: overlap.pixel_accuracy(),
            asd,
            hd95,
            asd_worst_case: asd.unwrap_or(at_worst),
            hd95_worst_case: hd95.unwrap_or(at_worst),
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
    /// The same where a ratio that is missing counts as 0 or 1, whichever is further from the other; where the same masks
    /// are empty in both, they agree.
    pub vcdr_error_worst_case: f64,
}

/// Compares predicted with true masks of one image, each `[cup, disc]`.
///
/// # Errors
/// [`MetricsError::Extent`] when a predicted mask and its truth differ in extent.
pub fn evaluate_image(predicted: &[BinaryMask; 2], truth: &[BinaryMask; 2]) -> Result<ImageMetrics, MetricsError> {
    let vcdr_predicted = vertical_cup_to_disc_ratio(&predicted[0], &predicted[1]);
    let vcdr_true = vertical_cup_to_disc_ratio(&truth[0], &truth[1]);
    let at_worst = match (vcdr_predicted, vcdr_true) {
        (Some(predicted), Some(truth)) => (predicted - truth).abs(),
        (Some(ratio), None) | (None, Some(ratio)) => ratio.max((1.0 - ratio).abs()),
        (None, None) => f64::from(u8::from(predicted.iter().zip(truth).any(|(p, t)| p.is_empty() != t.is_empty()))),
    };
    Ok(ImageMetrics {
        cup: StructureMetrics::between(&predicted[0], &truth[0])?,
        disc: StructureMetrics::between(&predicted[1], &truth[1])?,
        vcdr_predicted,
        vcdr_true,
        vcdr_error: vcdr_predicted.zip(vcdr_true).map(|(predicted, truth)| (predicted - truth).abs()),
        vcdr_error_worst_case: at_worst,
    })
}

/// Whether the cup, and the disc, can be measured on images: what none of their masks shows cannot, for a network that finds
/// nothing would be perfect, and one that finds what was not drawn would be wrong.
pub fn measurable(images: &[ImageMetrics]) -> [bool; 2] {
    [images.iter().any(|image| image.cup.is_there), images.iter().any(|image| image.disc.is_there)]
}

impl ImageMetrics {
    /// Names of the columns that [`Self::csv_cells`] fills.
    pub const CSV_COLUMNS: [&'static str; 18] = [
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
        "cup_asd_worst_case",
        "cup_hd95_worst_case",
        "disc_asd_worst_case",
        "disc_hd95_worst_case",
        "vcdr_error_worst_case",
    ];

    /// The figures in the order of [`Self::CSV_COLUMNS`], six decimals; one that is missing, or of a structure (cup, disc) that
    /// is not [`measurable`], is an empty cell.
    pub fn csv_cells(&self, measurable: [bool; 2]) -> [String; 18] {
        let ImageMetrics { cup, disc, .. } = self;
        let of_cup = |value: f64| Some(value).filter(|_| measurable[0]);
        let of_disc = |value: f64| Some(value).filter(|_| measurable[1]);
        let of_both = |value: f64| Some(value).filter(|_| measurable == [true; 2]);
        [
            of_cup(cup.dice),
            of_cup(cup.iou),
            of_cup(cup.pixel_accuracy),
            cup.asd,
            cup.hd95,
            of_disc(disc.dice),
            of_disc(disc.iou),
            of_disc(disc.pixel_accuracy),
            disc.asd,
            disc.hd95,
            self.vcdr_predicted,
            self.vcdr_true,
            self.vcdr_error,
            of_cup(cup.asd_worst_case),
            of_cup(cup.hd95_worst_case),
            of_disc(disc.asd_worst_case),
            of_disc(disc.hd95_worst_case),
            of_both(self.vcdr_error_worst_case),
        ]
        .map(|value| value.map_or_else(String::new, |value| format!("{value:.6}")))
    }
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
    }

    #[test]
    fn what_is_missing_counts_as_bad_as_it_can_be() {
        let (cup, disc, none) = (square(6, 10), square(4, 12), square(0, 0));
        let diagonal = 512f64.sqrt();
        let worst = |predicted: [&BinaryMask; 2], truth: [&BinaryMask; 2]| {
            let image = evaluate_image(&predicted.map(Clone::clone), &truth.map(Clone::clone)).unwrap();
            [image.cup.asd_worst_case, image.disc.hd95_worst_case, image.vcdr_error_worst_case]
        };
        assert_eq!(worst([&none, &none], [&cup, &disc]), [diagonal, diagonal, 0.5]);
        assert_eq!(worst([&none, &disc], [&square(4, 11), &disc]), [diagonal, 0.0, 0.875], "0 is further than 1");
        assert_eq!(worst([&none, &disc], [&square(5, 6), &disc])[2], 0.875, "1 is further than 0");
        assert_eq!(worst([&cup, &disc], [&none, &disc]), [diagonal, 0.0, 0.5]);
        assert_eq!(worst([&none, &disc], [&none, &disc]), [0.0; 3], "neither has a cup");
        assert_eq!(worst([&none, &none], [&none, &disc]), [0.0, diagonal, 1.0], "the disc is not found");
        assert_eq!(worst([&cup, &disc], [&cup, &disc]), [0.0; 3]);
    }

    #[test]
    fn csv_cells_follow_their_columns() {
        let image = evaluate_image(&[square(5, 10), square(0, 0)], &[square(5, 10), square(4, 12)]).unwrap();
        let cells = image.csv_cells([true; 2]);
        let cell = |name| &cells[ImageMetrics::CSV_COLUMNS.iter().position(|&column| column == name).unwrap()];
        assert_eq!(cell("cup_dice"), "1.000000");
        assert_eq!(cell("cup_hd95"), "0.000000");
        assert_eq!(cell("disc_dice"), "0.015385");
        assert_eq!(cell("disc_asd"), "");
        assert_eq!(cell("vcdr_predicted"), "");
        assert_eq!(cell("vcdr_true"), "0.625000");
        assert_eq!(cell("vcdr_error"), "");
        assert_eq!((&**cell("disc_asd_worst_case"), &**cell("cup_hd95_worst_case")), ("22.627417", "0.000000"));
        assert_eq!(cell("vcdr_error_worst_case"), "0.625000");
    }

    #[test]
    fn what_no_mask_shows_cannot_be_measured() {
        let (disc, none) = (square(4, 12), square(0, 0));
        let of = |predicted: &BinaryMask, cup: &BinaryMask| {
            evaluate_image(&[predicted.clone(), disc.clone()], &[cup.clone(), disc.clone()]).unwrap()
        };
        let images = [of(&none, &none), of(&square(6, 10), &none)];
        assert_eq!(measurable(&images), [false, true]);
        assert_eq!(measurable(&[images[1], of(&none, &square(6, 10))]), [true; 2]);
        let cells = images[1].csv_cells(measurable(&images));
        for (column, cell) in ImageMetrics::CSV_COLUMNS.iter().zip(cells) {
            let is_measured = column.starts_with("disc") || *column == "vcdr_predicted";
            assert_eq!(!cell.is_empty(), is_measured, "{column}: {cell}");
        }
    }

    #[test]
    fn masks_of_different_extents_are_refused() {
        let truth = [square(6, 10), square(4, 12)];
        let small = BinaryMask::from_fn(8, 8, |_, _| true);
        assert!(evaluate_image(&[square(6, 10), small], &truth).is_err());
    }
}
