//! What was prepared and what was not, as a table, as JSON and as text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::error::PrepareError;
use super::note::{Note, NoteKind};
use super::unused::{Skipped, Unused};
use crate::data::dataset::Split;
use crate::data::disc_finder::{Disc, LOW_CONFIDENCE};
use crate::data::patients::{has_pairs, in_both};
use crate::data::square::Square;
use crate::own_file::Overwriting;

/// How a disc was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found {
    /// in its mask
    Annotation,
    /// in a file with its centre
    CentreFile,
    /// in the photograph itself
    Finder {
        /// from 0 to 1
        confidence: f64,
    },
}

impl Found {
    /// Name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Annotation => "annotation",
            Self::CentreFile => "centre-file",
            Self::Finder { .. } => "finder",
        }
    }

    /// How sure the finder is, where it was asked.
    pub fn confidence(self) -> Option<f64> {
        match self {
            Self::Finder { confidence } => Some(confidence),
            _ => None,
        }
    }

    /// Whether somebody should look at the region before it is used.
    pub fn is_doubtful(self) -> bool {
        self.confidence().is_some_and(|confidence| confidence < LOW_CONFIDENCE)
    }
}

/// A region that was written.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// of the region
    pub name: String,
    /// where it was written
    pub split: Split,
    /// the photograph
    pub source: PathBuf,
    /// in the photograph
    pub disc: Disc,
    /// what was cut out of the photograph
    pub square: Square,
    /// whether the square left the photograph, so that a part of it is mirrored
    pub mirrored: bool,
    /// pixels of the region for one of the photograph
    pub scale: f64,
    /// how the disc was found
    pub found: Found,
    /// pixels of cup, rim and background in the region's mask
    pub areas: Option<[u64; 3]>,
    /// of the region's mask
    pub vcdr: Option<f64>,
    /// whether the data set has it in its validation part
    pub is_validation: bool,
    /// what had to be assumed or mended
    pub notes: Vec<Note>,
}

/// What became of a data set.
#[derive(Debug, Clone)]
pub struct Summary {
    /// what was written, by name
    pub regions: Vec<Prepared>,
    /// photographs that were not
    pub skipped: Vec<Skipped>,
    /// other files that were not used
    pub unused: Vec<Unused>,
    /// side of the regions of each part, in pixels of the photograph
    pub sides: BTreeMap<String, u32>,
    /// every so many-th photograph by name is a test image, with 0 none; `None` where the data set says which are
    pub test_every: Option<usize>,
}

pub(super) const COLUMNS: [&str; 18] = [
    "split",
    "name",
    "source",
    "centre_x",
    "centre_y",
    "disc_diameter",
    "left",
    "top",
    "side",
    "scale",
    "mirrored",
    "found_by",
    "confidence",
    "cup_area",
    "rim_area",
    "background_area",
    "vcdr",
    "notes",
];

impl Summary {
    /// Regions of a split.
    pub fn count(&self, split: Split) -> usize {
        self.regions.iter().filter(|region| region.split == split).count()
    }

    /// Mean shares of cup, rim and background in the masks; `None` without a mask.
    pub fn shares(&self) -> Option<[f64; 3]> {
        let masks: Vec<[u64; 3]> = self.regions.iter().filter_map(|region| region.areas).collect();
        let share = |class: usize| {
            let of = |areas: &[u64; 3]| areas[class] as f64 / areas.iter().sum::<u64>() as f64;
            masks.iter().map(of).sum::<f64>() / masks.len() as f64
        };
        (!masks.is_empty()).then(|| [0, 1, 2].map(share))
    }

    /// Masks, and those of them that show a cup.
    pub fn masks(&self) -> [usize; 2] {
        let areas = || self.regions.iter().filter_map(|region| region.areas);
        [areas().count(), areas().filter(|areas| areas[0] > 0).count()]
    }

    /// Masks without a cup, where others have one.
    pub fn without_cup(&self) -> Vec<&str> {
        let [_, with_cup] = self.masks();
        let without = self.regions.iter().filter(|region| region.areas.is_some_and(|areas| areas[0] == 0));
        without.filter(|_| with_cup > 0).map(|region| region.name.as_str()).collect()
    }

    /// Whether two regions of a patient are here, which names tell that differ by an eye alone.
    pub fn has_pairs(&self) -> bool {
        has_pairs(self.regions.iter().map(|region| region.name.as_str()))
    }

    /// Patients with a region in each part, by the names of two of them.
    pub fn in_both_parts(&self) -> Vec<[String; 2]> {
        let [train, test] = [Split::Train, Split::Test]
            .map(|split| self.regions.iter().filter(move |r| r.split == split).map(|region| region.name.as_str()));
        in_both(train, test)
    }

    /// Smallest, mean and largest vertical cup-to-disc ratio; `None` without a mask.
    pub fn vcdr_range(&self) -> Option<[f64; 3]> {
        range(self.regions.iter().filter_map(|region| region.vcdr))
    }

    /// Smallest, mean and largest confidence of the disc finder; `None` where it was not asked.
    pub fn confidence_range(&self) -> Option<[f64; 3]> {
        range(self.regions.iter().filter_map(|region| region.found.confidence()))
    }

    /// Regions that somebody should look at, the least certain first.
    pub fn doubtful(&self) -> Vec<(&Prepared, f64)> {
        let doubted = self.regions.iter().filter(|region| region.found.is_doubtful());
        let mut list: Vec<_> = doubted.filter_map(|r| Some((r, r.found.confidence()?))).collect();
        list.sort_by(|a, b| a.1.total_cmp(&b.1));
        list
    }

    /// Regions about which something had to be assumed or mended, by what that is.
    pub fn noted(&self) -> BTreeMap<NoteKind, Vec<(&Prepared, &Note)>> {
        let mut noted: BTreeMap<NoteKind, Vec<(&Prepared, &Note)>> = BTreeMap::new();
        for region in &self.regions {
            region.notes.iter().for_each(|note| noted.entry(note.kind()).or_default().push((region, note)));
        }
        noted
    }

    /// Whether a photograph was to be used, and could not.
    pub fn has_failures(&self) -> bool {
        self.skipped.iter().any(|skipped| skipped.failed)
    }

    pub(super) fn write_table(&self, path: &Path) -> Result<(), PrepareError> {
        Ok(Overwriting::default().write_table(path, &COLUMNS, self.regions.iter().map(Prepared::cells))?)
    }

    /// The whole as JSON.
    pub fn as_json(&self) -> Value {
        let named = |[a, b, c]: [f64; 3], names: [&str; 3]| json!({ names[0]: a, names[1]: b, names[2]: c });
        let doubtful = self.doubtful();
        let doubtful =
            doubtful.iter().map(|(r, c)| json!({ "split": r.split.folder(), "name": r.name, "confidence": c }));
        let skipped = |s: &Skipped| json!({ "file": s.file, "reason": s.reason.to_string(), "failed": s.failed });
        let noted = |region: &Prepared, note: &Note| json!({ "split": region.split.folder(), "name": region.name, "kind": note.kind(), "note": note.to_string() });
        let [with_mask, with_cup] = self.masks();
        // A cup that nobody has drawn has no area.
        let shares = self.shares().map(|[cup, rim, background]| {
            json!({ "cup": (with_cup > 0).then_some(cup), "rim": rim, "background": background })
        });
        let notes = self.regions.iter().flat_map(|region| region.notes.iter().map(move |note| noted(region, note)));
        json!({
            "regions": self.regions.len(),
            "train": self.count(Split::Train),
            "test": self.count(Split::Test),
            "validation": self.regions.iter().filter(|region| region.is_validation).count(),
            "with_mask": with_mask,
            "with_cup": with_cup,
            "test_every": self.test_every,
            "in_both_parts": self.in_both_parts(),
            "mirrored": self.regions.iter().filter(|region| region.mirrored).count(),
            "side": self.sides,
            "mean_share": shares,
            "vcdr": self.vcdr_range().map(|range| named(range, ["min", "mean", "max"])),
            "confidence": self.confidence_range().map(|range| named(range, ["min", "mean", "max"])),
            "low_confidence": doubtful.collect::<Vec<_>>(),
            "skipped": self.skipped.iter().map(skipped).collect::<Vec<_>>(),
            "unused": self.unused.iter().map(|u| json!({ "file": u.file, "kind": u.kind })).collect::<Vec<_>>(),
            "notes": notes.collect::<Vec<_>>(),
        })
    }
}

/// A note in a cell of the table.
fn told(note: &Note) -> String {
    let (kind, particulars) = (note.kind().name(), note.to_string());
    if particulars.is_empty() { kind.to_string() } else { format!("{kind}: {particulars}") }
}

/// Smallest, mean and largest of some values.
fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 3]> {
    let values: Vec<f64> = values.collect();
    let (low, high) = (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
    Some([low, values.iter().sum::<f64>() / values.len() as f64, high])
}

impl Prepared {
    fn cells(&self) -> [String; 18] {
        let number = |value: f64, digits: usize| format!("{value:.digits$}");
        let area = |class: usize| self.areas.map_or(String::new(), |areas| areas[class].to_string());
        let optional = |value: Option<f64>| value.map_or(String::new(), |value| number(value, 4));
        [
            self.split.folder().to_string(),
            self.name.clone(),
            self.source.display().to_string(),
            number(self.disc.centre.0, 1),
            number(self.disc.centre.1, 1),
            number(self.disc.diameter, 1),
            self.square.left.to_string(),
            self.square.top.to_string(),
            self.square.side.to_string(),
            number(self.scale, 6),
            self.mirrored.to_string(),
            self.found.name().to_string(),
            optional(self.found.confidence()),
            area(0),
            area(1),
            area(2),
            optional(self.vcdr),
            self.notes.iter().map(told).collect::<Vec<_>>().join("; "),
        ]
    }
}
