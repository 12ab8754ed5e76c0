//! Annotations as published, brought to the levels of the dataset layout, or refused with a reason.

use std::path::{Path, PathBuf};

use image::GrayImage;

use super::classes::{by_legend, check_cup, inside};
use super::contour_file::read_contour;
use super::fit::{Drawn, same_proportions};
use super::hollow::{filled, is_line, share_beside, without_holes};
use super::legend::Legend;
use super::mat_file::read_mat;
use super::note::Note;
use super::pieces::{CUP_OUTSIDE, apart};
use super::reason::{Reason, Remedy};
use crate::data::folder::ends_in;
use crate::data::image_file::{MaskValues, Orientation, StoredMask, read_mask, upright};
use crate::data::mask::{BACKGROUND, CUP, RIM, mask_image};
use crate::data::resize::resize_mask;

/// Where an annotation lies, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Annotation {
    /// there is none
    None,
    /// one of two files that belong together
    Half(PathBuf),
    /// one mask with a value for each class
    Levels {
        /// the mask
        mask: PathBuf,
        /// what its values mean
        legend: Legend,
    },
    /// a mask or a contour for each structure
    Binary {
        /// of the disc with its cup
        disc: PathBuf,
        /// of the cup, if there is one
        cup: Option<PathBuf>,
    },
    /// maps of how many `experts` drew a pixel inside, from 0 to 255; inside is where `agreement` of them did
    SoftMaps {
        /// of the disc
        disc: PathBuf,
        /// of the cup
        cup: PathBuf,
        /// how many must have drawn a pixel inside
        agreement: u8,
        /// of how many
        experts: u8,
    },
}

/// Share of the cup's edge that lies beside a rim that was drawn without it.
const BESIDE: f64 = 0.5;

/// Whether a file is read as an annotation though it is no image.
pub(super) fn is_annotation_file(path: &Path) -> bool {
    is_contour(path) || is_matlab(path)
}

/// Whether a file is a list of points.
pub(super) fn is_contour(path: &Path) -> bool {
    ends_in(path, &["txt", "csv"])
}

/// Whether a file is one of MATLAB's.
pub(super) fn is_matlab(path: &Path) -> bool {
    ends_in(path, &["mat"])
}

/// One structure of a photograph.
struct Shown {
    mask: Vec<bool>,
    size: (u32, u32),
    turned: bool,
    notes: Vec<Note>,
}

impl Annotation {
    /// Nothing, or one file of two.
    pub(super) fn missing(half: Option<PathBuf>) -> Self {
        half.map_or(Self::None, Self::Half)
    }

    /// The file by which it is called; none without an annotation.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::None => None,
            Self::Half(file) | Self::Levels { mask: file, .. } => Some(file),
            Self::Binary { disc, .. } | Self::SoftMaps { disc, .. } => Some(disc),
        }
    }

    /// The mask at the size of its files with the levels 0, 128 and 255, upright; `None` without an annotation. Contours are
    /// drawn at the size of the photograph.
    ///
    /// # Errors
    /// A sentence that names the file, what is in it and what to do.
    pub fn mask(&self, photograph: (u32, u32)) -> Result<Option<GrayImage>, Reason> {
        Ok(self.read(photograph)?.map(|drawn| drawn.mask))
    }

    /// The same, with what else is known of it.
    pub(super) fn read(&self, photograph: (u32, u32)) -> Result<Option<Drawn>, Reason> {
        let mut drawn = self.drawn(photograph)?;
        // Published maps are as experts drew them.
        if let (Some(drawn), Some(path), false) = (&mut drawn, self.file(), matches!(self, Self::SoftMaps { .. })) {
            drawn.notes.extend(apart(&drawn.mask, path)?);
        }
        Ok(drawn)
    }

    /// The same, without a look at what lies apart, which was had before.
    pub(super) fn drawn(&self, photograph: (u32, u32)) -> Result<Option<Drawn>, Reason> {
        let (drawn, path) = match self {
            Self::None => return Ok(None),
            Self::Half(path) => {
                return Err(format!("of the masks of disc and cup there is only `{}`", path.display()).into());
            }
            Self::Levels { mask, legend } => (read_levels(mask, legend)?, mask),
            Self::Binary { disc, cup } => {
                let discs = Shown::read(disc, photograph)?;
                let cups = cup.as_ref().map(|cup| Shown::read(cup, photograph)).transpose()?;
                (joined(discs, cups, disc, cup.as_deref())?, disc)
            }
            Self::SoftMaps { disc, cup, agreement, experts } => {
                let inside = |path: &PathBuf| Shown::agreed(path, *agreement, *experts);
                let mut drawn = joined(inside(disc)?, Some(inside(cup)?), disc, Some(cup))?;
                drawn.notes.push(Note::Agreement { agreement: *agreement, experts: *experts });
                (drawn, disc)
            }
        };
        if drawn.mask.iter().all(|level| *level == BACKGROUND) {
            return Err(format!("the mask `{}` has no disc", path.display()).into());
        }
        Ok(Some(drawn))
    }
}

fn read_stored(path: &Path) -> Result<StoredMask, Reason> {
    if is_matlab(path) { Ok(read_mat(path)?) } else { read_mask(path).map_err(|error| error.to_string().into()) }
}

/// What is to be known of a mask's file.
fn of_file(stored: &StoredMask) -> Vec<Note> {
    stored.notes.iter().map(|note| Note::Mask(*note)).collect()
}

/// A mask that holds both structures.
fn read_levels(path: &Path, legend: &Legend) -> Result<Drawn, Reason> {
    if is_contour(path) {
        let shown = path.display();
        return Err(
            format!("`{shown}` is a contour, which shows one structure, where a mask of both was expected").into()
        );
    }
    let stored = read_stored(path)?;
    let classes = by_legend(&stored, legend, path)?;
    let (mask, mut notes) = (classes.mask, of_file(&stored));
    notes.extend(classes.notes);
    let (width, height) = mask.dimensions();
    let cup: Vec<bool> = mask.iter().map(|level| *level == CUP).collect();
    let full = filled(cup.clone(), width as usize, "cup", path)?;
    // A ring around the rim is no outline: its values are mistaken for one another.
    let is_outline =
        full.mask.iter().zip(&cup).zip(mask.iter()).all(|((full, cup), level)| full == cup || *level == BACKGROUND);
    let cup = if is_outline { full.mask } else { cup };
    let disc = cup.iter().zip(mask.iter()).map(|(cup, level)| *cup || *level != BACKGROUND).collect();
    let disc = filled(disc, width as usize, "disc", path)?;
    let note = full.note.filter(|_| is_outline).or(disc.note);
    let rim: Vec<bool> = mask.iter().map(|level| *level == RIM).collect();
    notes.extend(note.map(|note| if is_line(&rim, width as usize) { Note::OutlineFilled } else { note }));
    let mask = mask_image((width, height), &cup, &disc.mask);
    check_cup(&mask, &stored, legend, path).map_err(|reason| match reason.remedy {
        // No other legend puts the cup in the disc.
        Some(Remedy::Legend) => apart(&mask, path).err().unwrap_or(reason),
        _ => reason,
    })?;
    Ok(Drawn {
        turned: stored.orientation != Orientation::NoTransforms,
        mask: upright(mask, stored.orientation),
        notes,
    })
}

impl Shown {
    fn read(path: &Path, photograph: (u32, u32)) -> Result<Self, Reason> {
        if is_contour(path) {
            let mask = read_contour(path, photograph)?;
            // Points are counted on the photograph as it is seen.
            return Ok(Self { mask, size: photograph, turned: true, notes: Vec::new() });
        }
        let stored = read_stored(path)?;
        let classes = inside(&stored, path)?;
        Ok(Self::upright(&stored, &classes.mask, classes.notes))
    }

    fn upright(stored: &StoredMask, mask: &[bool], of_values: Vec<Note>) -> Self {
        let mut notes = of_file(stored);
        notes.extend(of_values);
        let levels = mask.iter().map(|inside| u8::from(*inside)).collect();
        let levels =
            GrayImage::from_raw(stored.width, stored.height, levels).expect("a mask has a value for each pixel");
        let levels = upright(levels, stored.orientation);
        let mask = levels.iter().map(|level| *level == 1).collect();
        Self { mask, size: levels.dimensions(), turned: stored.orientation != Orientation::NoTransforms, notes }
    }

    /// Where at least `agreement` of `experts` drew a pixel inside; levels are the nearest multiples of 255/`experts`.
    fn agreed(path: &Path, agreement: u8, experts: u8) -> Result<Self, Reason> {
        let stored = read_stored(path)?;
        let levels: Option<Vec<u32>> = match &stored.values {
            MaskValues::Levels { values, palette: None, .. } => Some(values.clone()),
            MaskValues::Levels { values, palette: Some(palette), .. } => {
                values.iter().map(|index| palette.get(*index as usize).copied().and_then(grey)).collect()
            }
            MaskValues::Colours(colours) => colours.iter().copied().map(grey).collect(),
        };
        let Some(levels) = levels else {
            return Err(format!("the map `{}` is coloured; expected grey levels from 0 to 255", path.display()).into());
        };
        let largest = if levels.iter().all(|level| *level <= 255) { 255.0 } else { f64::from(u16::MAX) };
        let drew = |level: &u32| (f64::from(*level) * f64::from(experts) / largest).round();
        let mask: Vec<bool> = levels.iter().map(|level| drew(level) >= f64::from(agreement)).collect();
        Ok(Self::upright(&stored, &mask, Vec::new()))
    }

    /// The same at another size.
    fn scaled(self, size: (u32, u32)) -> Self {
        let levels = self.mask.iter().map(|inside| u8::from(*inside)).collect();
        let levels = GrayImage::from_raw(self.size.0, self.size.1, levels).expect("a mask has a value for each pixel");
        let mask = resize_mask(&levels, size.0, size.1).iter().map(|level| *level == 1).collect();
        Self { mask, size, ..self }
    }
}

fn grey([red, green, blue]: [u8; 3]) -> Option<u32> {
    (red == green && green == blue).then_some(u32::from(red))
}

/// The layout's levels from both structures. A little of the cup may leave the disc, which then contains it.
fn joined(disc: Shown, cup: Option<Shown>, disc_path: &Path, cup_path: Option<&Path>) -> Result<Drawn, Reason> {
    let (size, turned, mut notes) = (disc.size, disc.turned, disc.notes);
    let width = size.0 as usize;
    let (Some(cup), Some(cup_path)) = (cup, cup_path) else {
        let disc = filled(disc.mask, width, "disc", disc_path)?;
        notes.extend(disc.note);
        return Ok(Drawn { mask: mask_image(size, &vec![false; disc.mask.len()], &disc.mask), turned, notes });
    };
    if cup.size != size && !same_proportions(cup.size, size) {
        let ((w, h), (width, height)) = (cup.size, size);
        let [cup, disc] = [cup_path, disc_path].map(Path::display);
        return Err(format!("`{cup}` is {w}x{h} but `{disc}` is {width}x{height}").into());
    }
    let cup = if cup.size == size { cup } else { cup.scaled(size) };
    let cup_filled = filled(cup.mask, width, "cup", cup_path)?;
    let of_cup: Vec<Note> = cup.notes.into_iter().filter(|note| !notes.contains(note)).collect();
    notes.extend(of_cup);
    let cup = cup_filled.mask;
    let area = cup.iter().filter(|inside| **inside).count();
    let beyond = |disc: &[bool]| cup.iter().zip(disc).filter(|(cup, disc)| **cup && !**disc).count();
    let is_rim =
        beyond(&disc.mask) as f64 > (1.0 - CUP_OUTSIDE) * area as f64 && share_beside(&cup, &disc.mask, width) > BESIDE;
    let disc = if is_rim {
        notes.push(Note::RimWithoutCup);
        let union: Vec<bool> = disc.mask.iter().zip(&cup).map(|(disc, cup)| *disc || *cup).collect();
        without_holes(&union, width)
    } else {
        let disc = filled(disc.mask, width, "disc", disc_path)?;
        notes.extend(disc.note.or(cup_filled.note));
        disc.mask
    };
    let outside = beyond(&disc);
    if outside as f64 > CUP_OUTSIDE * area as f64 {
        let share = 100.0 * outside as f64 / area as f64;
        let [cup, disc] = [cup_path, disc_path].map(Path::display);
        return Err(format!("{share:.0} % of the cup in `{cup}` lie outside the disc in `{disc}`").into());
    }
    Ok(Drawn { mask: mask_image(size, &cup, &disc), turned, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 40;

    fn shown(inside: impl Fn(u32, u32) -> bool) -> Shown {
        let mask = (0..SIDE * SIDE).map(|i| inside(i % SIDE, i / SIDE)).collect();
        Shown { mask, size: (SIDE, SIDE), turned: false, notes: Vec::new() }
    }

    fn square(from: u32, to: u32) -> Shown {
        shown(|x, y| (from..to).contains(&x) && (from..to).contains(&y))
    }

    fn read(disc: Shown, cup: Option<Shown>) -> Result<(Vec<u8>, Vec<Note>), String> {
        let path = Path::new("d.png");
        let drawn = joined(disc, cup, path, Some(path)).map_err(|reason| reason.to_string())?;
        Ok((drawn.mask.into_raw(), drawn.notes))
    }

    fn count(levels: &[u8], level: u8) -> usize {
        levels.iter().filter(|l| **l == level).count()
    }

    #[test]
    fn agreement_counts_experts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        GrayImage::from_raw(5, 1, vec![0, 64, 128, 191, 255]).expect("5 pixels").save(&path).unwrap();
        for agreement in 1..=4 {
            let shown = Shown::agreed(&path, agreement, 4).expect("a map");
            let inside = shown.mask.iter().filter(|inside| **inside).count();
            assert_eq!(inside, 5 - agreement as usize, "{agreement} of 4");
        }
    }

    #[test]
    fn a_cup_beside_the_disc_is_refused() {
        let error = read(square(5, 18), Some(square(25, 35))).unwrap_err();
        assert!(error.contains("100 % of the cup"), "{error}");
        let (levels, notes) = read(square(10, 30), Some(square(15, 20))).unwrap();
        assert_eq!([levels[0], levels[12 * 40 + 12], levels[16 * 40 + 16]], [255, 128, 0]);
        assert_eq!(notes, []);
    }

    #[test]
    fn a_rim_without_its_cup_gets_it_whether_it_closes_or_not() {
        let cup = || square(15, 25);
        let inside = |s: &Shown, x: u32, y: u32| s.mask[(y * SIDE + x) as usize];
        for opening in [0, 4] {
            let (whole, hole) = (square(8, 32), cup());
            let rim =
                shown(|x, y| inside(&whole, x, y) && !inside(&hole, x, y) && !(x > 20 && y.abs_diff(20) < opening));
            let (levels, notes) = read(rim, Some(cup())).expect("a rim and its cup");
            assert_eq!(notes, [Note::RimWithoutCup]);
            assert_eq!(count(&levels, CUP), 100);
            let open = if opening > 0 { 7 * 7 } else { 0 };
            assert_eq!(count(&levels, RIM), 24 * 24 - 100 - open, "opening of {opening}");
        }
        let (whole, hole) = (square(8, 32), cup());
        let rim = shown(|x, y| inside(&whole, x, y) && !inside(&hole, x, y));
        let (levels, notes) = read(rim, None).expect("a disc with a hole");
        assert_eq!((count(&levels, RIM), notes), (24 * 24, vec![Note::HolesFilled]));
    }

    #[test]
    fn outlines_are_filled_and_open_ones_refused() {
        let outline = |from: u32, to: u32, open: bool| {
            let (outer, inner) = (square(from, to), square(from + 1, to - 1));
            shown(move |x, y| {
                let i = (y * SIDE + x) as usize;
                outer.mask[i] && !inner.mask[i] && !(open && x < 15 && y < 15)
            })
        };
        let (levels, notes) = read(outline(8, 32, false), Some(outline(14, 27, false))).expect("two outlines");
        assert_eq!([count(&levels, CUP), count(&levels, RIM)], [13 * 13, 24 * 24 - 13 * 13]);
        assert_eq!(notes, [Note::OutlineFilled]);
        let error = read(outline(8, 32, true), None).unwrap_err();
        assert!(error.contains("`d.png` is a line that does not close"), "{error}");
    }
}
