//! Annotations as published, brought to the levels of the dataset layout, or refused with a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::GrayImage;

use super::reason::{Reason, Remedy};
use crate::data::image_file::read_grey;
use crate::data::mask::{BACKGROUND, CUP, RIM, encode_mask};

/// Levels of a mask that holds both structures. Without a background level, every other level is background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Legend {
    /// the cup
    pub cup: u8,
    /// the disc without the cup
    pub disc: u8,
    /// outside the disc
    pub background: Option<u8>,
}

impl Default for Legend {
    fn default() -> Self {
        Self { cup: CUP, disc: RIM, background: Some(BACKGROUND) }
    }
}

/// Where an annotation lies, and what its levels mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Annotation {
    /// there is none
    None,
    /// one of two files that belong together
    Half(PathBuf),
    /// one mask with a level for each class
    Levels {
        /// the mask
        mask: PathBuf,
        /// what its levels mean
        legend: Legend,
    },
    /// a mask for each structure
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

/// Share of the cup that may lie outside the disc, which experts' outlines do here and there.
const CUP_OUTSIDE: f64 = 0.1;
/// Share of the cup's edge that may adjoin the background rather than the rim.
const EDGE_OUTSIDE: f64 = 0.5;

impl Annotation {
    /// Nothing, or one file of two.
    pub(super) fn missing(half: Option<PathBuf>) -> Self {
        half.map_or(Self::None, Self::Half)
    }

    /// The mask at the size of its files with the levels 0, 128 and 255; `None` without an annotation.
    ///
    /// # Errors
    /// A sentence that names the file, what is in it and what to do.
    pub(super) fn read(&self) -> Result<Option<GrayImage>, Reason> {
        let (mask, path) = match self {
            Self::None => return Ok(None),
            Self::Half(path) => {
                return Err(format!("of the masks of disc and cup there is only `{}`", path.display()).into());
            }
            Self::Levels { mask, legend } => (legend.apply(&grey(mask)?, mask)?, mask),
            Self::Binary { disc, cup } => {
                let inside = |path: &PathBuf| binary(&grey(path)?, path);
                let (discs, cups) = (inside(disc)?, cup.as_ref().map(inside).transpose()?);
                (joined(discs, cups, disc, cup.as_deref())?, disc)
            }
            Self::SoftMaps { disc, cup, agreement, experts } => {
                let inside = |path: &PathBuf| Ok::<_, String>(agreed(&grey(path)?, *agreement, *experts));
                (joined(inside(disc)?, Some(inside(cup)?), disc, Some(cup))?, disc)
            }
        };
        check_discs(&mask, path)?;
        Ok(Some(mask))
    }
}

fn grey(path: &Path) -> Result<GrayImage, String> {
    read_grey(path).map_err(|error| error.to_string())
}

/// Where at least `agreement` of `experts` drew a pixel inside; levels are the nearest multiples of 255/`experts`.
fn agreed(map: &GrayImage, agreement: u8, experts: u8) -> GrayImage {
    let mut inside = map.clone();
    for level in inside.iter_mut() {
        let drew = (f64::from(*level) * f64::from(experts) / 255.0).round();
        *level = if drew >= f64::from(agreement) { 255 } else { 0 };
    }
    inside
}

/// 255 inside a structure: with two levels the one that is not in the corners, with more what exceeds 127.
fn binary(mask: &GrayImage, path: &Path) -> Result<GrayImage, String> {
    let levels = histogram(mask);
    let outside = corners(mask);
    if levels.len() == 1 {
        return Err(format!("the mask `{}` is {} everywhere, so it shows nothing", path.display(), outside[0]));
    }
    if levels.len() == 2 && outside.iter().any(|level| *level != outside[0]) {
        return Err(format!("the corners of the mask `{}` differ, so it is unclear what is inside", path.display()));
    }
    if levels.len() > 2 && outside.iter().all(|level| *level > 127) {
        let found = listed(&levels, mask);
        return Err(format!(
            "the mask `{}` is above 127 in all four corners, so it is inverted: {found}",
            path.display()
        ));
    }
    let mut inside = mask.clone();
    for level in inside.iter_mut() {
        let is_inside = if levels.len() == 2 { *level != outside[0] } else { *level > 127 };
        *level = if is_inside { 255 } else { 0 };
    }
    Ok(inside)
}

/// The layout's levels from masks that are 255 inside. A little of the cup may leave the disc, which then contains it.
fn joined(
    disc: GrayImage,
    cup: Option<GrayImage>,
    disc_path: &Path,
    cup_path: Option<&Path>,
) -> Result<GrayImage, String> {
    let (width, height) = disc.dimensions();
    let cup = cup.unwrap_or_else(|| GrayImage::new(width, height));
    let cup_path = cup_path.unwrap_or(disc_path).display();
    if cup.dimensions() != (width, height) {
        let (w, h) = cup.dimensions();
        return Err(format!("`{cup_path}` is {w}x{h} but `{}` is {width}x{height}", disc_path.display()));
    }
    let [disc, cup] = [disc, cup].map(|mask| mask.iter().map(|level| *level == 255).collect::<Vec<bool>>());
    let area = cup.iter().filter(|inside| **inside).count();
    let outside = cup.iter().zip(&disc).filter(|(cup, disc)| **cup && !**disc).count();
    if outside as f64 > CUP_OUTSIDE * area as f64 {
        let share = 100.0 * outside as f64 / area as f64;
        let disc_path = disc_path.display();
        return Err(format!("{share:.0} % of the cup in `{cup_path}` lie outside the disc in `{disc_path}`"));
    }
    Ok(GrayImage::from_raw(width, height, encode_mask(&cup, &disc)).expect("a mask has as many levels as pixels"))
}

impl Legend {
    fn apply(&self, mask: &GrayImage, path: &Path) -> Result<GrayImage, Reason> {
        let levels = histogram(mask);
        let describe = || {
            let background = self.background.map_or("anything else".to_string(), |level| level.to_string());
            let Self { cup, disc, .. } = self;
            let found = listed(&levels, mask);
            format!("found {found}; the legend says cup {cup}, rim {disc}, background {background}")
        };
        let known = |level: &u8| self.background.is_none_or(|b| [self.cup, self.disc, b].contains(level));
        if let Some(unknown) = levels.keys().find(|level| !known(level)) {
            let path = path.display();
            let what = format!("the mask `{path}` has the level {unknown}, which means nothing: {}", describe());
            return Err(Reason::with(Remedy::Legend, what));
        }
        let mut canonical = mask.clone();
        for level in canonical.iter_mut() {
            *level = match *level {
                level if level == self.cup => CUP,
                level if level == self.disc => RIM,
                _ => BACKGROUND,
            };
        }
        let problem = if canonical.iter().all(|level| *level == BACKGROUND) {
            "has no disc"
        } else if corners(&canonical).iter().all(|level| *level != BACKGROUND) {
            "is cup or rim in all four corners"
        } else if cup_lies_outside(&canonical) {
            "has a cup that adjoins the background rather than the rim"
        } else {
            return Ok(canonical);
        };
        Err(Reason::with(Remedy::Legend, format!("the mask `{}` {problem}: {}", path.display(), describe())))
    }
}

fn check_discs(mask: &GrayImage, path: &Path) -> Result<(), String> {
    if mask.iter().all(|level| *level == BACKGROUND) {
        return Err(format!("the mask `{}` has no disc", path.display()));
    }
    Ok(())
}

/// Whether most of the cup's edge has the background on its other side, as when levels are mistaken for one another.
fn cup_lies_outside(mask: &GrayImage) -> bool {
    let (mut to_rim, mut to_background) = (0u64, 0u64);
    let mut count = |a: u8, b: u8| match (a.min(b), a.max(b)) {
        (CUP, RIM) => to_rim += 1,
        (CUP, BACKGROUND) => to_background += 1,
        _ => {}
    };
    let width = mask.width() as usize;
    let levels = mask.as_raw();
    for row in levels.chunks_exact(width) {
        row.windows(2).for_each(|pair| count(pair[0], pair[1]));
    }
    levels.iter().zip(&levels[width..]).for_each(|(above, below)| count(*above, *below));
    to_background as f64 > EDGE_OUTSIDE * (to_rim + to_background) as f64
}

fn corners(mask: &GrayImage) -> [u8; 4] {
    let (right, bottom) = (mask.width() - 1, mask.height() - 1);
    [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(x, y)| mask.get_pixel(x, y).0[0])
}

/// Pixels of each level.
fn histogram(mask: &GrayImage) -> BTreeMap<u8, u64> {
    let mut counts = [0u64; 256];
    mask.iter().for_each(|level| counts[*level as usize] += 1);
    (0..=255).zip(counts).filter(|(_, count)| *count > 0).collect()
}

/// The most frequent levels and their shares.
fn listed(levels: &BTreeMap<u8, u64>, mask: &GrayImage) -> String {
    const SHOWN: usize = 5;
    let total = f64::from(mask.width()) * f64::from(mask.height());
    let mut sorted: Vec<_> = levels.iter().collect();
    sorted.sort_by_key(|(level, count)| (std::cmp::Reverse(**count), **level));
    let shown = sorted.iter().take(SHOWN);
    let text: Vec<_> = shown.map(|(level, n)| format!("{level} ({:.1} %)", 100.0 * **n as f64 / total)).collect();
    let more = if sorted.len() > SHOWN { format!(" and {} more", sorted.len() - SHOWN) } else { String::new() };
    format!("levels {}{more}", text.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Luma;

    /// Rings around the centre: levels of cup, rim and background.
    fn rings(levels: [u8; 3]) -> GrayImage {
        GrayImage::from_fn(40, 40, |x, y| {
            let distance = x.abs_diff(20).max(y.abs_diff(20)) as usize;
            Luma([levels[(distance / 5).min(2)]])
        })
    }

    #[test]
    fn legends_give_the_layouts_levels_and_wrong_ones_are_explained() {
        let path = Path::new("m.png");
        let want = rings([CUP, RIM, BACKGROUND]);
        let published = Legend { cup: 2, disc: 1, background: Some(0) };
        assert_eq!(published.apply(&rings([2, 1, 0]), path).unwrap(), want);
        assert_eq!(Legend { background: None, ..published }.apply(&rings([2, 1, 9]), path).unwrap(), want);
        assert_eq!(Legend::default().apply(&want, path).unwrap(), want);

        let refused = |legend: Legend, levels| legend.apply(&rings(levels), path).unwrap_err().to_string();
        let text = refused(Legend::default(), [2, 1, 0]);
        assert!(text.contains("`m.png`") && text.contains("level 1") && text.contains("levels 0 ("), "{text}");
        let any = |cup, disc| Legend { cup, disc, background: None };
        assert!(refused(any(0, 128), [2, 1, 0]).contains("all four corners"));
        assert!(refused(any(1, 2), [2, 1, 0]).contains("adjoins the background"), "cup and rim swapped");
        assert!(refused(any(7, 8), [2, 1, 0]).contains("has no disc"));
    }

    #[test]
    fn agreement_counts_experts() {
        let map = GrayImage::from_raw(5, 1, vec![0, 64, 128, 191, 255]).expect("5 pixels");
        for agreement in 1..=4 {
            let inside = agreed(&map, agreement, 4).iter().filter(|level| **level == 255).count();
            assert_eq!(inside, 5 - agreement as usize, "{agreement} of 4");
        }
    }

    #[test]
    fn binary_masks_may_count_from_0_to_1_or_be_inverted() {
        let path = Path::new("d.png");
        let want = rings([255, 255, 0]);
        for levels in [[255, 255, 0], [1, 1, 0], [0, 0, 255], [0, 0, 1]] {
            assert_eq!(binary(&rings(levels), path).unwrap(), want, "{levels:?}");
        }
        assert_eq!(binary(&rings([255, 200, 3]), path).unwrap(), want, "soft edges");
        assert!(binary(&rings([0, 0, 0]), path).unwrap_err().contains("0 everywhere"));
    }

    #[test]
    fn a_cup_beside_the_disc_is_refused() {
        let path = Path::new("d.png");
        let square = |from: u32, to: u32| {
            GrayImage::from_fn(40, 40, |x, y| {
                Luma([if (from..to).contains(&x) && (from..to).contains(&y) { 255 } else { 0 }])
            })
        };
        assert!(joined(square(10, 20), Some(square(22, 28)), path, None).unwrap_err().contains("100 % of the cup"));
        let mask = joined(square(10, 30), Some(square(15, 20)), path, None).unwrap();
        assert_eq!(
            [mask.get_pixel(0, 0), mask.get_pixel(12, 12), mask.get_pixel(16, 16)].map(|p| p.0[0]),
            [255, 128, 0]
        );
    }
}
