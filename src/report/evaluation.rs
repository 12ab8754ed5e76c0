//! Evaluations as `evaluate --out` leaves them in a folder: totals and a table of images.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::bland_altman::BlandAltman;
use crate::csv_cell::original;
use crate::data::names::counted;
use crate::input_file;
use crate::metrics::{Masking, Masks, PostprocessSettings, Summary, THRESHOLDS, ThresholdOf};
use crate::train::ResumeFrom;

/// Figures of an image; a missing one does not exist for this image. Of two, the cup's is first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageRow {
    /// name of the region
    pub name: String,
    /// Dice of the cup, 0 to 1; none where no mask of the data shows one
    pub cup_dice: Option<f64>,
    /// Dice of the disc, likewise
    pub disc_dice: Option<f64>,
    /// vertical cup-to-disc ratio of the prediction
    pub vcdr_predicted: Option<f64>,
    /// the same of the mask
    pub vcdr_true: Option<f64>,
    /// absolute difference of both
    pub vcdr_error: Option<f64>,
    /// average surface distances in pixels
    pub asd: [Option<f64>; 2],
    /// 95th percentiles of surface distances in pixels
    pub hd95: [Option<f64>; 2],
    /// what the three before count as in the worst case: of every image, but in tables from before there was one
    pub worst_case: WorstCase,
}

/// Figures of an image where one that does not exist counts as bad as it can be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorstCase {
    /// of the vertical cup-to-disc ratio
    pub vcdr_error: Option<f64>,
    /// average surface distances in pixels
    pub asd: [Option<f64>; 2],
    /// 95th percentiles of surface distances in pixels
    pub hd95: [Option<f64>; 2],
}

/// The table of images that `evaluate` leaves for a kind of masks.
fn table_of(masks: Masks) -> &'static str {
    match masks {
        Masks::Raw => "metrics.csv",
        Masks::Postprocessed => "metrics_postprocessed.csv",
    }
}

impl ImageRow {
    /// Mean Dice of cup and disc, or of the one that is measured.
    pub fn mean_dice(&self) -> Option<f64> {
        let measured: Vec<f64> = [self.cup_dice, self.disc_dice].into_iter().flatten().collect();
        (!measured.is_empty()).then(|| measured.iter().sum::<f64>() / measured.len() as f64)
    }
}

/// An evaluation of a checkpoint on a split.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// folder of the evaluation
    pub folder: PathBuf,
    /// the split, as `evaluate` was given it
    pub data: PathBuf,
    /// the checkpoint, likewise
    pub checkpoint: PathBuf,
    /// steps of the run at that checkpoint, where it is told
    pub steps: Option<u64>,
    /// which masks `images` are of
    pub masking: Masking,
    /// who said the thresholds of the cup and of the disc; evaluations did not always tell
    pub thresholds_of: Option<[ThresholdOf; 2]>,
    /// the whole document of `evaluate --json`
    pub totals: Value,
    /// sorted by name
    pub images: Vec<ImageRow>,
    /// whether its checkpoint was written after it
    pub is_stale: bool,
}

impl Evaluation {
    /// Reads the evaluation in a folder, with the images of one kind of masks.
    ///
    /// # Errors
    /// A missing or damaged `summary.json` or table of images, by name.
    pub fn read(folder: &Path, masks: Masks) -> Result<Evaluation> {
        let (summary, table) = (folder.join("summary.json"), folder.join(table_of(masks)));
        let text = input_file::read(&summary).with_context(|| format!("cannot read `{}`", summary.display()))?;
        let totals: Value = serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is damaged; evaluate again", summary.display()))?;
        let path = |key: &str| {
            let text = totals[key].as_str().with_context(|| format!("`{}` names no {key}", summary.display()))?;
            anyhow::Ok(PathBuf::from(text))
        };
        let (data, checkpoint) = (path("data")?, found_again(path("checkpoint")?, folder));
        let thresholds =
            ["threshold_cup", "threshold_disc"].map(|key| totals[key].as_f64().map_or(f32::NAN, |p| p as f32));
        // Evaluations did not always say; they then eroded as the published code does.
        let erosion = totals["erosion"].as_u64().and_then(|radius| u32::try_from(radius).ok());
        let erosion = erosion.unwrap_or(PostprocessSettings::AT_512.erode_diamond);
        let masking = Masking { masks, thresholds, erosion };
        let said_by = |class: &str| {
            let name = totals["thresholds_of"][class].as_str();
            ThresholdOf::ALL.into_iter().find(|of| Some(of.name()) == name)
        };
        let thresholds_of = said_by("cup").zip(said_by("disc")).map(|(cup, disc)| [cup, disc]);
        let images = read_images(&table)?;
        if totals["images"].as_u64() != Some(images.len() as u64) {
            bail!("`{}` has {} images, `{}` tells another number", table.display(), images.len(), summary.display());
        }
        let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
        let is_stale = modified(&checkpoint).zip(modified(&summary)).is_some_and(|(weights, own)| weights > own);
        let (folder, steps) = (folder.to_path_buf(), totals["steps"].as_u64());
        Ok(Evaluation { folder, data, checkpoint, steps, masking, thresholds_of, totals, images, is_stale })
    }

    /// Evaluations in folders within a run, by folder, and what is wrong with those that cannot be read.
    ///
    /// # Errors
    /// When the folder of the run cannot be listed.
    pub fn in_run(run: &Path, masks: Masks) -> Result<(Vec<Evaluation>, Vec<String>)> {
        let context = || format!("cannot list `{}`", run.display());
        let mut folders = Vec::new();
        for entry in fs::read_dir(run).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if path.join("summary.json").is_file() && path.join(table_of(Masks::Raw)).is_file() {
                folders.push(path);
            }
        }
        folders.sort();
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        for folder in folders {
            match Evaluation::read(&folder, masks) {
                Ok(evaluation) => {
                    if evaluation.is_stale {
                        let (folder, weights) = (folder.display(), evaluation.checkpoint.display());
                        notes.push(format!(
                            "`{folder}` is older than `{weights}`, which it evaluates, and is not shown"
                        ));
                    }
                    found.push(evaluation);
                }
                Err(error) => notes.push(format!("an evaluation is left out: {error:#}")),
            }
        }
        Ok((found, notes))
    }

    /// Whether it is what `evaluate` would give for these now.
    pub fn answers(&self, checkpoint: &Path, data: &Path, masking: Masking) -> bool {
        let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
        let is_current = !self.is_stale && self.masking == masking;
        is_current && same(&self.checkpoint, checkpoint) && same(&self.data, data)
    }

    /// Dataset and split, for headings.
    pub fn data_name(&self) -> String {
        last_components(&self.data, 2)
    }

    /// What tells the data from others: the resolved path, where there still is one.
    pub fn data_key(&self) -> PathBuf {
        self.data.canonicalize().unwrap_or_else(|_| self.data.clone())
    }

    /// Name of the checkpoint's file without its ending.
    pub fn checkpoint_name(&self) -> String {
        self.checkpoint.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The checkpoint, and after which of all steps that its run has done it was written.
    pub fn checkpoint_told(&self, all: u64) -> String {
        let name = self.checkpoint_name();
        match self.steps {
            Some(steps) if steps <= all => format!("{name}, after {steps} of {}", counted(all as usize, "step")),
            Some(steps) => format!("{name}, after {}", counted(steps as usize, "step")),
            None => format!("{name}, after an unknown number of steps"),
        }
    }

    /// The masks that were asked for when it was made.
    pub fn given_masking(&self) -> Masking {
        let masks = Masks::ALL.into_iter().find(|masks| Some(masks.name()) == self.totals["masks"].as_str());
        Masking { masks: masks.unwrap_or(self.masking.masks), ..self.masking }
    }

    /// The thresholds of the cup and of the disc that somebody asked for; of an evaluation that does not tell, both.
    pub fn given_thresholds(&self) -> [Option<f32>; 2] {
        let is_given = |class: usize| self.thresholds_of.is_none_or(|of| of[class] == ThresholdOf::Flag);
        [0, 1].map(|class| Some(self.masking.thresholds[class]).filter(|_| is_given(class)))
    }

    /// Whether two were made as their checkpoints have it, or as the same flags do.
    pub fn is_made_like(&self, other: &Evaluation) -> bool {
        let kind = |own: &Evaluation| (own.masking.masks, own.masking.erosion);
        let alike = |class: usize| {
            let is_own = |own: &Evaluation| own.thresholds_of.is_some_and(|of| of[class] != ThresholdOf::Flag);
            self.masking.thresholds[class] == other.masking.thresholds[class] || (is_own(self) && is_own(other))
        };
        kind(self) == kind(other) && alike(0) && alike(1)
    }

    /// Mean Dice of raw masks over thresholds, as points of a curve, of the cup and of the disc; evaluations did not always
    /// have it, and what cannot be measured has none.
    pub fn dice_over_thresholds(&self) -> [Vec<(f64, f64)>; 2] {
        let all = &self.totals["dice_over_thresholds"];
        let numbers = |name: &str| {
            let list = all[name].as_array().map_or(&[][..], Vec::as_slice);
            list.iter().filter_map(Value::as_f64).collect::<Vec<_>>()
        };
        let thresholds = numbers("thresholds");
        ["cup", "disc"].map(|class| thresholds.iter().copied().zip(numbers(class)).take(THRESHOLDS).collect())
    }

    /// In which pixels its distances are.
    pub fn pixels(&self) -> String {
        match self.totals["image_sizes"].as_array().map_or(&[][..], Vec::as_slice) {
            [size] => format!("pixels of images of {}", size.as_str().unwrap_or_default()),
            _ => "pixels of each image, whatever size it was computed at".to_string(),
        }
    }

    /// Means over the images, of either kind of masks.
    pub fn summary(&self, masks: Masks) -> Summary {
        Summary::from_json(&self.totals[masks.name()], self.images.len())
    }

    /// Agreement of predicted and true vertical cup-to-disc ratios.
    pub fn agreement(&self) -> Option<BlandAltman> {
        let pairs: Vec<_> = self.images.iter().filter_map(|row| row.vcdr_predicted.zip(row.vcdr_true)).collect();
        BlandAltman::of(&pairs)
    }
}

/// A checkpoint, or that of the same name in the run that the folder of an evaluation lies in, should the run have been moved.
fn found_again(checkpoint: PathBuf, folder: &Path) -> PathBuf {
    let name = checkpoint.file_name().map(Path::new).unwrap_or(Path::new(""));
    let beside = folder.parent().map(|run| ResumeFrom::folder(run).join(name)).filter(|path| path.is_file());
    match beside {
        Some(beside) if !checkpoint.exists() => beside,
        _ => checkpoint,
    }
}

/// The last components of a path.
pub(super) fn last_components(path: &Path, count: usize) -> String {
    let all: Vec<_> = path.components().map(|c| c.as_os_str().to_string_lossy()).collect();
    all[all.len().saturating_sub(count)..].join("/")
}

fn read_images(path: &Path) -> Result<Vec<ImageRow>> {
    let damaged = |what: &str| format!("`{}` {what}; evaluate again", path.display());
    let mut table = input_file::open(path)
        .map(csv::Reader::from_reader)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut images = Vec::new();
    for record in table.deserialize::<HashMap<String, String>>() {
        let cells = record.with_context(|| damaged("is no table of images"))?;
        let optional = |column: &str| -> Result<Option<f64>> {
            match cells.get(column).map(String::as_str) {
                None => bail!(damaged(&format!("has no column `{column}`"))),
                Some("") => Ok(None),
                Some(cell) => {
                    let value = cell.parse::<f64>().ok().filter(|value| value.is_finite());
                    Ok(Some(value.with_context(|| damaged(&format!("has `{cell}` in the column `{column}`")))?))
                }
            }
        };
        // Columns that tables did not always have.
        let later = |column: &str| if cells.contains_key(column) { optional(column) } else { Ok(None) };
        let of_both = |figure: &str| anyhow::Ok([later(&format!("cup_{figure}"))?, later(&format!("disc_{figure}"))?]);
        images.push(ImageRow {
            name: cells
                .get("name")
                .map(|name| original(name).to_string())
                .with_context(|| damaged("has no column `name`"))?,
            cup_dice: optional("cup_dice")?,
            disc_dice: optional("disc_dice")?,
            vcdr_predicted: optional("vcdr_predicted")?,
            vcdr_true: optional("vcdr_true")?,
            vcdr_error: optional("vcdr_error")?,
            asd: of_both("asd")?,
            hd95: of_both("hd95")?,
            worst_case: WorstCase {
                vcdr_error: later("vcdr_error_worst_case")?,
                asd: of_both("asd_worst_case")?,
                hd95: of_both("hd95_worst_case")?,
            },
        });
    }
    images.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: &str = "name,cup_dice,disc_dice,vcdr_predicted,vcdr_true,vcdr_error\n";

    fn folder(table: &str, images: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let summary = serde_json::json!({
            "images": images, "data": "a/clinic/test", "checkpoint": "absent/best.safetensors",
            "threshold_cup": 0.75, "threshold_disc": 0.5, "raw": {}
        });
        fs::write(folder.path().join("summary.json"), summary.to_string()).expect("the folder is writable");
        fs::write(folder.path().join("metrics.csv"), format!("{TITLES}{table}")).expect("the folder is writable");
        folder
    }

    #[test]
    fn an_evaluation_reads_back() {
        let folder = folder("b,0.5,0.75,0.5,0.25,0.25\n'=a,1,0.25,,0.5,\n", 2);
        let found = Evaluation::read(folder.path(), Masks::Raw).expect("both files are whole");
        assert_eq!(found.images.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["=a", "b"]);
        assert_eq!((found.images[0].mean_dice(), found.images[0].vcdr_predicted), (Some(0.625), None));
        assert_eq!((found.data_name(), found.checkpoint_name()), ("clinic/test".to_string(), "best".to_string()));
        assert_eq!(found.agreement().map(|a| (a.bias, a.points.len())), Some((0.25, 1)));
        assert!(!found.is_stale);
    }

    #[test]
    fn thresholds_that_flags_said_are_told_from_those_of_checkpoints() {
        let folder = folder("a,1,1,,,\n", 1);
        let path = folder.path().join("summary.json");
        let text = fs::read_to_string(&path).expect("it is there");
        let before = Evaluation::read(folder.path(), Masks::Raw).expect("both files are whole");
        assert_eq!(before.given_thresholds(), [Some(0.75), Some(0.5)], "it does not tell");
        assert_eq!(before.dice_over_thresholds(), [vec![], vec![]]);
        let with = |of: [&str; 2], cup: f32| {
            let mut summary: Value = serde_json::from_str(&text).expect("JSON");
            summary["thresholds_of"] = serde_json::json!({ "cup": of[0], "disc": of[1] });
            summary["threshold_cup"] = cup.into();
            summary["dice_over_thresholds"] =
                serde_json::json!({ "thresholds": [0.25, 0.5], "cup": [0.75, 1.0], "disc": null });
            fs::write(&path, summary.to_string()).expect("it is writable");
            Evaluation::read(folder.path(), Masks::Raw).expect("both files are whole")
        };
        let (own, other) = (with(["checkpoint", "flag"], 0.41), with(["checkpoint", "flag"], 0.25));
        assert_eq!(own.given_thresholds(), [None, Some(0.5)]);
        assert_eq!(own.dice_over_thresholds(), [vec![(0.25, 0.75), (0.5, 1.0)], vec![]]);
        assert!(own.is_made_like(&other), "each has its own");
        assert!(own.is_made_like(&with(["published", "flag"], 0.75)));
        assert!(!own.is_made_like(&with(["flag", "flag"], 0.25)) && !own.is_made_like(&before));
        assert!(own.is_made_like(&with(["flag", "flag"], 0.41)), "they are the same");
        let eroded = Evaluation { masking: Masking { erosion: 3, ..own.masking }, ..own.clone() };
        assert!(!own.is_made_like(&eroded));
    }

    #[test]
    fn distances_and_worst_cases_are_read_where_a_table_has_them() {
        let folder = folder("a,1,1,,0.5,\n", 1);
        let before = Evaluation::read(folder.path(), Masks::Raw).expect("both files are whole").images.remove(0);
        assert_eq!((before.asd, before.worst_case), ([None; 2], WorstCase::default()));
        let table = "name,cup_dice,disc_dice,vcdr_predicted,vcdr_true,vcdr_error,cup_asd,disc_asd,disc_asd_worst_case,vcdr_error_worst_case\n\
                     a,1,1,,0.5,,,2.5,2.5,0.5\n";
        fs::write(folder.path().join("metrics.csv"), table).expect("the folder is writable");
        let now = Evaluation::read(folder.path(), Masks::Raw).expect("both files are whole").images.remove(0);
        assert_eq!((now.asd, now.worst_case.asd), ([None, Some(2.5)], [None, Some(2.5)]));
        assert_eq!(now.worst_case.vcdr_error, Some(0.5));
    }

    #[test]
    fn a_structure_that_is_not_measured_has_no_dice() {
        let folder = folder("a,,0.5,,,\n", 1);
        let row = Evaluation::read(folder.path(), Masks::Raw).expect("both files are whole").images.remove(0);
        assert_eq!((row.cup_dice, row.mean_dice()), (None, Some(0.5)));
    }

    #[test]
    fn an_evaluation_that_is_older_than_its_checkpoint_is_stale_wherever_the_run_lies() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let own = run.path().join("evaluation");
        fs::rename(folder("a,1,1,,,\n", 1).keep(), &own).expect("both are temporary");
        let read = || Evaluation::read(&own, Masks::Raw).expect("both files are whole");
        assert!(!read().is_stale && read().steps.is_none());
        let checkpoint = run.path().join("checkpoints/best.safetensors");
        fs::create_dir(run.path().join("checkpoints")).expect("the folder is writable");
        let file = fs::File::create(&checkpoint).expect("the folder is writable");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        file.set_modified(later).expect("times can be set");
        assert!(read().is_stale && read().checkpoint == checkpoint);
        let (_, notes) = Evaluation::in_run(run.path(), Masks::Raw).expect("it can be listed");
        assert!(notes.len() == 1 && notes[0].ends_with("and is not shown"), "{notes:?}");
    }

    #[test]
    fn damage_is_named() {
        for (table, images, wanted) in [
            ("a,x,1,,,\n", 1, "has `x` in the column `cup_dice`"),
            ("a,1\n", 1, "is no table of images"),
            ("a,1,1,,,\n", 2, "has 1 images"),
        ] {
            let folder = folder(table, images);
            let error = format!("{:#}", Evaluation::read(folder.path(), Masks::Raw).expect_err("the table is damaged"));
            assert!(error.contains(wanted) && error.contains("metrics.csv"), "{error}");
        }
    }
}
