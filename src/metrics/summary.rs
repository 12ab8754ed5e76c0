//! Means over many images, each with what is needed to compare it fairly.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::{ImageMetrics, MeanInterval, StructureMetrics, mean_ci95, measurable};

/// Mean of a figure that not every image has, over those that have it. A network that finds less must not look better for
/// it, so the mean cannot be told without the number of images, and beside it stands a mean over all of them, for which
/// the others count as bad as they can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanOfFound {
    mean: Option<MeanInterval>,
    found: usize,
    images: usize,
    worst_case: Option<MeanInterval>,
}

/// A [`MeanOfFound`] in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldMean {
    /// the mean, or `missing`
    pub mean: String,
    /// ends of its interval
    pub interval: Option<[String; 2]>,
    /// over how many of how many images
    pub over: String,
    /// the mean over all images in the worst case, where that is another one
    pub worst_case: Option<String>,
}

impl MeanOfFound {
    /// Of images' values, each with what it counts as in the worst case.
    pub fn of(images: impl ExactSizeIterator<Item = (Option<f64>, f64)> + Clone) -> Self {
        let found: Vec<f64> = images.clone().filter_map(|(value, _)| value).collect();
        let worst_case: Vec<f64> = images.clone().map(|(_, value)| value).collect();
        let (mean, worst_case) = (mean_ci95(&found), mean_ci95(&worst_case));
        Self { mean, found: found.len(), images: images.len(), worst_case }
    }

    /// Of a figure that cannot be measured on so many images.
    fn none_of(images: usize) -> Self {
        Self { mean: None, found: 0, images, worst_case: None }
    }

    /// The mean, if an image has the figure.
    pub fn mean(&self) -> Option<MeanInterval> {
        self.mean
    }

    /// Images that have a value, and all.
    pub fn counts(&self) -> [usize; 2] {
        [self.found, self.images]
    }

    fn over(&self) -> String {
        format!("over {} of {}", self.found, self.images)
    }

    /// Everything there is to say, numbers written by `figure`.
    pub fn told(&self, figure: impl Fn(f64) -> String) -> ToldMean {
        let is_whole = self.found == self.images;
        ToldMean {
            mean: self.mean.map_or("missing".to_owned(), |mean| figure(mean.mean)),
            interval: self.mean.and_then(|mean| mean.ci95).map(|ends| ends.map(&figure)),
            over: self.over(),
            worst_case: self.worst_case.filter(|_| !is_whole).map(|mean| figure(mean.mean)),
        }
    }
}

impl fmt::Display for MeanOfFound {
    /// The mean, its interval and over how many images, with four decimals unless a precision is given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = self.over();
        match (self.mean, f.precision()) {
            (Some(mean), Some(decimals)) => write!(f, "{mean:.decimals$} {over}"),
            (Some(mean), None) => write!(f, "{mean} {over}"),
            (None, _) => write!(f, "missing, {over}"),
        }
    }
}

/// Means of one structure over many images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StructureSummary {
    /// Dice coefficient; `None` where it cannot be measured, as the next two: of no images, or when no mask shows the structure
    pub dice: Option<MeanInterval>,
    /// Intersection over union.
    pub iou: Option<MeanInterval>,
    /// Pixel accuracy.
    pub pixel_accuracy: Option<MeanInterval>,
    /// Average surface distance in pixels.
    pub asd: MeanOfFound,
    /// 95th percentile of surface distances in pixels.
    pub hd95: MeanOfFound,
}

/// Means over many images; serialises to the object that `evaluate --json` prints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The cup.
    pub cup: StructureSummary,
    /// The disc.
    pub disc: StructureSummary,
    /// Absolute error of the vertical cup-to-disc ratio.
    pub vcdr_mae: MeanOfFound,
}

/// A mean of a summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mean {
    /// of a figure that every image has
    OfAll(Option<MeanInterval>),
    /// of one that not every image has
    OfFound(MeanOfFound),
}

impl StructureSummary {
    /// Whether it could be measured.
    pub fn is_measured(&self) -> bool {
        self.dice.is_some()
    }

    fn none_of(images: usize) -> Self {
        let none = MeanOfFound::none_of(images);
        Self { dice: None, iou: None, pixel_accuracy: None, asd: none, hd95: none }
    }

    fn of(images: &[ImageMetrics], structure: impl Fn(&ImageMetrics) -> &StructureMetrics + Copy) -> Self {
        let all = |value: fn(&StructureMetrics) -> f64| {
            mean_ci95(&images.iter().map(|image| value(structure(image))).collect::<Vec<_>>())
        };
        let found = |value: fn(&StructureMetrics) -> (Option<f64>, f64)| {
            MeanOfFound::of(images.iter().map(move |image| value(structure(image))))
        };
        Self {
            dice: all(|s| s.dice),
            iou: all(|s| s.iou),
            pixel_accuracy: all(|s| s.pixel_accuracy),
            asd: found(|s| (s.asd, s.asd_worst_case)),
            hd95: found(|s| (s.hd95, s.hd95_worst_case)),
        }
    }

    /// Means by the names of their figures.
    pub fn means(&self) -> [(&'static str, Mean); 5] {
        [
            ("dice", Mean::OfAll(self.dice)),
            ("iou", Mean::OfAll(self.iou)),
            ("pixel_accuracy", Mean::OfAll(self.pixel_accuracy)),
            ("asd", Mean::OfFound(self.asd)),
            ("hd95", Mean::OfFound(self.hd95)),
        ]
    }

    /// As serialised; what is not there is missing.
    fn from_json(values: &Value, images: usize) -> Self {
        let found = |name: &str| found_from_json(values, name, name, images);
        Self {
            dice: interval_from_json(values, "dice"),
            iou: interval_from_json(values, "iou"),
            pixel_accuracy: interval_from_json(values, "pixel_accuracy"),
            asd: found("asd"),
            hd95: found("hd95"),
        }
    }
}

impl Summary {
    /// Averages the figures of `images`. What none of their masks shows is not measured, and has none.
    pub fn of(images: &[ImageMetrics]) -> Self {
        let [cup, disc] = measurable(images);
        let none = StructureSummary::none_of(images.len());
        Self {
            cup: if cup { StructureSummary::of(images, |image| &image.cup) } else { none },
            disc: if disc { StructureSummary::of(images, |image| &image.disc) } else { none },
            vcdr_mae: match cup && disc {
                true => MeanOfFound::of(images.iter().map(|image| (image.vcdr_error, image.vcdr_error_worst_case))),
                false => MeanOfFound::none_of(images.len()),
            },
        }
    }

    /// The structures by name.
    pub fn structures(&self) -> [(&'static str, &StructureSummary); 2] {
        [("cup", &self.cup), ("disc", &self.disc)]
    }

    /// Of so many images, as it was serialised, maybe before there were worst cases; what is not there is missing.
    pub fn from_json(values: &Value, images: usize) -> Self {
        Self {
            cup: StructureSummary::from_json(&values["cup"], images),
            disc: StructureSummary::from_json(&values["disc"], images),
            vcdr_mae: found_from_json(values, "vcdr_mae", "vcdr", images),
        }
    }
}

fn interval_from_json(values: &Value, name: &str) -> Option<MeanInterval> {
    let mean = values[name].as_f64()?;
    let end = |index: usize| values[format!("{name}_ci95")][index].as_f64();
    Some(MeanInterval { mean, ci95: end(0).zip(end(1)).map(|(low, high)| [low, high]) })
}

fn found_from_json(values: &Value, name: &str, counted_as: &str, images: usize) -> MeanOfFound {
    let count = |key: String| values[key].as_u64().and_then(|count| usize::try_from(count).ok());
    let missing = || images.saturating_sub(count(format!("{counted_as}_missing")).unwrap_or(images));
    MeanOfFound {
        mean: interval_from_json(values, name),
        found: count(format!("{name}_n")).unwrap_or_else(missing),
        images,
        worst_case: interval_from_json(values, &format!("{name}_worst_case")),
    }
}

/// A mean under its name and its interval beside it.
fn write_interval<M: SerializeMap>(map: &mut M, name: &str, mean: Option<MeanInterval>) -> Result<(), M::Error> {
    map.serialize_entry(name, &mean.map(|mean| mean.mean))?;
    map.serialize_entry(&format!("{name}_ci95"), &mean.and_then(|mean| mean.ci95))
}

fn write_found<M: SerializeMap>(map: &mut M, name: &str, counted_as: &str, mean: &MeanOfFound) -> Result<(), M::Error> {
    write_interval(map, name, mean.mean)?;
    map.serialize_entry(&format!("{name}_n"), &mean.found)?;
    map.serialize_entry(&format!("{counted_as}_missing"), &(mean.images - mean.found))?;
    write_interval(map, &format!("{name}_worst_case"), mean.worst_case)
}

impl Serialize for StructureSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, mean) in self.means() {
            match mean {
                Mean::OfAll(mean) => write_interval(&mut map, name, mean)?,
                Mean::OfFound(mean) => write_found(&mut map, name, name, &mean)?,
            }
        }
        map.end()
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, structure) in self.structures() {
            map.serialize_entry(name, structure)?;
        }
        write_found(&mut map, "vcdr_mae", "vcdr", &self.vcdr_mae)?;
        map.end()
    }
}

/// Titles of the columns of [`Summary::csv_rows`].
pub const SUMMARY_COLUMNS: [&str; 10] = [
    "structure",
    "figure",
    "mean",
    "ci95_low",
    "ci95_high",
    "n",
    "images",
    "worst_case",
    "worst_case_ci95_low",
    "worst_case_ci95_high",
];

impl Summary {
    /// A row for each mean: over `n` of `images` images, and over all in the worst case. The ratio is of no structure.
    pub fn csv_rows(&self) -> Vec<[String; 10]> {
        let images = self.vcdr_mae.images;
        let row = |structure: &str, figure: &str, mean: Mean| {
            let (mean, n, worst_case) = match mean {
                Mean::OfAll(mean) => (mean, images, mean),
                Mean::OfFound(found) => (found.mean, found.found, found.worst_case),
            };
            let n = if mean.is_some() { n } else { 0 };
            let cells = |mean: Option<MeanInterval>| {
                let ends = mean.and_then(|mean| mean.ci95);
                let values = [mean.map(|mean| mean.mean), ends.map(|ends| ends[0]), ends.map(|ends| ends[1])];
                values.map(|value| value.map_or_else(String::new, |value| format!("{value:.6}")))
            };
            let ([mean, low, high], [worst, worst_low, worst_high]) = (cells(mean), cells(worst_case));
            let (structure, figure) = (structure.to_owned(), figure.to_owned());
            [structure, figure, mean, low, high, n.to_string(), images.to_string(), worst, worst_low, worst_high]
        };
        let of_structures = self.structures().into_iter().flat_map(|(structure, summary)| {
            summary.means().into_iter().map(move |(figure, mean)| row(structure, figure, mean))
        });
        of_structures.chain([row("", "vcdr_mae", Mean::OfFound(self.vcdr_mae))]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BinaryMask, evaluate_image};
    use super::*;

    fn square(from: u32, to: u32) -> BinaryMask {
        BinaryMask::from_fn(16, 16, |x, y| (from..to).contains(&x) && (from..to).contains(&y))
    }

    /// One image that is predicted as it is, and one in which nothing is found.
    fn half_found() -> Summary {
        let truth = [square(6, 10), square(4, 12)];
        let perfect = evaluate_image(&truth, &truth).unwrap();
        let empty = evaluate_image(&[square(0, 0), square(0, 0)], &truth).unwrap();
        Summary::of(&[perfect, empty])
    }

    #[test]
    fn a_mean_of_few_images_cannot_pass_for_one_of_all() {
        let summary = half_found();
        assert_eq!(summary.cup.dice.map(|mean| mean.mean), Some((1.0 + 1.0 / 17.0) / 2.0));
        assert_eq!((summary.cup.asd.counts(), summary.vcdr_mae.counts()), ([1, 2], [1, 2]));
        assert_eq!(format!("{:.2}", summary.disc.hd95), "0.00 over 1 of 2", "no interval of one image");
        let told = summary.cup.asd.told(|value| format!("{value:.1}"));
        // Half of the diagonal of 16x16 pixels.
        assert_eq!((&*told.over, told.worst_case.as_deref()), ("over 1 of 2", Some("11.3")));
        let told = summary.vcdr_mae.told(|value| value.to_string());
        assert_eq!(
            (&*told.mean, told.worst_case.as_deref()),
            ("0", Some("0.25")),
            "the ratio is 0.5, and 0 or 1 at worst"
        );

        let nothing = Summary::of(&[]);
        assert_eq!(nothing.vcdr_mae.to_string(), "missing, over 0 of 0");
        let whole = MeanOfFound::of([(Some(1.0), 1.0)].into_iter()).told(|value| value.to_string());
        assert_eq!((&*whole.over, whole.worst_case), ("over 1 of 1", None));
    }

    #[test]
    fn what_no_mask_shows_has_no_mean() {
        let (disc, none) = (square(4, 12), square(0, 0));
        let perfect = evaluate_image(&[none.clone(), disc.clone()], &[none.clone(), disc.clone()]).unwrap();
        let more = evaluate_image(&[square(6, 10), disc.clone()], &[none, disc]).unwrap();
        let summary = Summary::of(&[perfect, more]);
        assert!(!summary.cup.is_measured() && summary.disc.is_measured());
        assert_eq!(summary.disc.dice.map(|mean| mean.mean), Some(1.0));
        let json = serde_json::to_value(summary).unwrap();
        assert!(json["cup"]["dice"].is_null() && json["cup"]["asd_worst_case"].is_null(), "{json}");
        assert!(json["vcdr_mae"].is_null() && json["vcdr_mae_worst_case"].is_null(), "{json}");
        assert_eq!(Summary::from_json(&json, 2), summary);
        for row in summary.csv_rows().iter().filter(|row| row[0] != "disc") {
            assert_eq!((&row[2..5].concat(), &row[5], &row[7]), (&String::new(), &"0".to_string(), &String::new()));
        }
    }

    #[test]
    fn json_has_the_agreed_names_and_reads_back() {
        let summary = half_found();
        let json = serde_json::to_value(summary).unwrap();
        assert_eq!(json["disc"]["iou"], 0.5);
        for (values, name) in [(&json["cup"], "asd"), (&json["disc"], "hd95"), (&json, "vcdr_mae")] {
            assert_eq!((&values[name], &values[format!("{name}_n")]), (&0.0.into(), &1.into()), "{name}");
            assert!(values[format!("{name}_worst_case")].as_f64() > Some(0.0), "{name}");
            assert!(values[format!("{name}_worst_case_ci95")].is_null(), "{name}: two images are too few");
        }
        assert_eq!((&json["cup"]["asd_missing"], &json["vcdr_missing"]), (&1.into(), &1.into()));
        assert_eq!(Summary::from_json(&json, 2), summary);

        let nothing = serde_json::to_value(Summary::of(&[])).unwrap();
        assert!(nothing["cup"]["dice"].is_null() && nothing["vcdr_mae_ci95"].is_null());
        let earlier = serde_json::json!({ "cup": { "asd": 1.5, "asd_ci95": [1.0, 2.0], "asd_missing": 3 } });
        let earlier = Summary::from_json(&earlier, 40);
        assert_eq!(earlier.cup.asd.to_string(), "1.5000 [1.0000, 2.0000] over 37 of 40");
        assert_eq!(earlier.cup.asd.told(|value| value.to_string()).worst_case, None, "it was not known");
        assert_eq!(earlier.vcdr_mae.to_string(), "missing, over 0 of 40");
    }

    #[test]
    fn every_row_says_over_how_many_images() {
        let rows = half_found().csv_rows();
        assert_eq!(rows.len(), 11);
        let row = |structure: &str, figure: &str| {
            rows.iter().find(|row| row[..2] == [structure, figure]).expect("every figure has a row")
        };
        assert_eq!(row("cup", "asd")[2..8], ["0.000000", "", "", "1", "2", "11.313708"]);
        assert_eq!(row("disc", "iou")[5..7], ["2", "2"]);
        assert_eq!(row("", "vcdr_mae")[5..8], ["1", "2", "0.250000"]);
    }
}
