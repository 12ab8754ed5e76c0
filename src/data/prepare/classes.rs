//! From the values of a mask to the layout's classes: by a legend, or inside and outside of one structure.

use std::path::Path;

use image::GrayImage;

use super::inventory::{Inventory, Point, Scale, Value, distance};
use super::legend::{Legend, MaskValue};
use super::note::Note;
use super::reason::{Reason, Remedy};
use crate::data::image_file::StoredMask;
use crate::data::mask::{BACKGROUND, CUP, RIM};
use crate::data::morphology::city_block_distance;

/// Share of the cup's edge that may adjoin the background rather than the rim.
const EDGE_OUTSIDE: f64 = 0.5;
/// Place of the background among cup, rim and background.
const BEYOND: usize = 2;
/// Up to this share of the way to the second nearest value, a pixel has the nearest.
const NEAR: f64 = 0.04;
/// Beyond this share it lies between both.
const BETWEEN: f64 = 0.25;
/// Values closer than this leave no room between them.
const ROOM: f64 = 8.0;
/// Pixels between values may be so thick, as a share of the mask's longer side, but always [`THIN`] pixels.
const EDGE: f64 = 1.0 / 300.0;
const THIN: u32 = 3;
/// An area of one value, which compression has spread by so much, makes up this share of all that is off.
const AREA: f64 = 0.2;
const NOISE: f64 = 4.0;

/// Pixels by class, and what had to be assumed.
pub(super) struct Classes<T> {
    pub mask: T,
    pub notes: Vec<Note>,
}

/// Which of some values each value of a mask is nearest to.
struct Nearest {
    class: Vec<usize>,
    /// 0 at a value, 0.5 in the middle between two
    off: Vec<f64>,
}

impl Nearest {
    fn of(inventory: &Inventory, centres: &[Point]) -> Self {
        let (mut class, mut off) = (Vec::new(), Vec::new());
        for value in &inventory.values {
            let mut near: Vec<(f64, usize)> =
                centres.iter().map(|c| distance(inventory.point(value), *c)).zip(0..).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (first, second) = (near[0].0, near.get(1).map_or(f64::INFINITY, |n| n.0));
            class.push(near[0].1);
            off.push(if first > 0.0 { first / (first + second) } else { 0.0 });
        }
        Self { class, off }
    }

    /// Pixels that are off by more than a share of the way.
    fn beyond(&self, inventory: &Inventory, share: f64) -> u64 {
        inventory.values.iter().zip(&self.off).filter(|(_, off)| **off > share).map(|(value, _)| value.count).sum()
    }

    /// The most frequent value of those that make up an area, rather than edges, that is off by more than a share. Edges that
    /// resizing has made wide hold many values, each of them rarely.
    fn solid(&self, inventory: &Inventory, limit: f64) -> Option<u32> {
        if self.beyond(inventory, limit) == 0 {
            return None;
        }
        let reach = THIN.max((EDGE * f64::from(inventory.width.max(inventory.height))) as u32);
        let off = |i: usize| self.off[inventory.pixels[i] as usize] > limit;
        let to_class = city_block_distance(inventory.width as usize, inventory.height as usize, |i| !off(i), false);
        let deep = to_class.iter().zip(&inventory.pixels).filter(|(distance, _)| **distance > reach);
        let value = deep.map(|(_, value)| *value).min()?;
        let centre = inventory.point(&inventory.values[value as usize]);
        let is_alike = |other: &Value| distance(inventory.point(other), centre) <= NOISE;
        let off = inventory.values.iter().zip(&self.off).filter(|(_, off)| **off > limit);
        let alike: u64 = off.filter(|(other, _)| is_alike(other)).map(|(other, _)| other.count).sum();
        (alike as f64 >= AREA * self.beyond(inventory, limit) as f64).then_some(value)
    }
}

/// What a mask of both structures shows, at the levels of the dataset layout.
///
/// # Errors
/// Values that mean nothing, and classes that do not lie within each other.
pub(super) fn by_legend(stored: &StoredMask, legend: &Legend, path: &Path) -> Result<Classes<GrayImage>, Reason> {
    let inventory = Inventory::of(stored);
    // Some of its pixels have the values of any legend.
    if inventory.is_like_photograph() {
        return Err(like_photograph(&inventory, path));
    }
    let refuse = |what: String| Err(refusal(&inventory, legend, path, &what));
    let meanings = [Some(legend.cup), Some(legend.disc), legend.background];
    let reading = Reading::of(&inventory, &meanings);
    let exact = |index: u32| meanings.iter().position(|m| m.is_some_and(|m| reading.is(&inventory, index, m)));
    let known: Vec<Option<usize>> = (0..inventory.values.len() as u32).map(exact).collect();
    let first_unknown = (0..).zip(&known).find(|(_, known)| known.is_none()).map(|(index, _)| index);
    let meaningless = |value: u32| {
        let what = format!("has {}, which means nothing", named(inventory.written(value)));
        // As the line that some tools leave around each class.
        if !(0..=BEYOND).all(|class| known.contains(&Some(class))) {
            return refuse(what);
        }
        let (path, found) = (path.display(), inventory.listed());
        let advice = "give these pixels the value of what they adjoin";
        Err(format!("the mask `{path}` {what}, beside all that is meant: found {found}; expected {legend}; {advice}")
            .into())
    };
    let centres = first_unknown.and_then(|_| reading.centres(&inventory, &meanings));
    let mut notes = Vec::new();
    let class: Vec<usize> = match (first_unknown, centres) {
        (Some(_), Some(centres)) => {
            let nearest = Nearest::of(&inventory, &centres);
            let solid = nearest.solid(&inventory, if inventory.lossy { BETWEEN } else { NEAR });
            match (solid, between(&centres)) {
                // Without a background every other value is one.
                (Some(_), _) if legend.background.is_none() && !inventory.lossy => {
                    known.iter().map(|known| known.unwrap_or(BEYOND)).collect()
                }
                (Some(value), _) => return meaningless(value),
                (None, Some(third)) => {
                    return refuse(format!(
                        "is not sharp, and between the values of two classes lies that of {third}, so that its edges may be \
                         of any; store it without loss or smoothing"
                    ));
                }
                (None, None) => {
                    let pixels = nearest.beyond(&inventory, NEAR);
                    notes.extend((pixels > 0).then_some(Note::NearestValue { pixels }));
                    nearest.class
                }
            }
        }
        (Some(value), None) if legend.background.is_some() => return meaningless(value),
        _ => known.iter().map(|known| known.unwrap_or(BEYOND)).collect(),
    };
    let levels = inventory.pixels.iter().map(|value| [CUP, RIM, BACKGROUND][class[*value as usize]]).collect();
    let mask =
        GrayImage::from_raw(inventory.width, inventory.height, levels).expect("a mask has a value for each pixel");
    if mask.iter().all(|level| *level == BACKGROUND) {
        return refuse("has no disc".to_string());
    }
    if inventory.corners().iter().all(|value| class[*value as usize] != BEYOND) {
        return refuse("is cup or rim in all four corners".to_string());
    }
    Ok(Classes { mask, notes })
}

/// Checks that the cup of a mask, drawn as areas, lies in the rim.
///
/// # Errors
/// The cup adjoins the background, as when values are mistaken for one another.
pub(super) fn check_cup(mask: &GrayImage, stored: &StoredMask, legend: &Legend, path: &Path) -> Result<(), Reason> {
    if !cup_lies_outside(mask) {
        return Ok(());
    }
    Err(refusal(&Inventory::of(stored), legend, path, "has a cup that adjoins the background rather than the rim"))
}

/// Why a mask is not read by a legend, and how it would be.
fn refusal(inventory: &Inventory, legend: &Legend, path: &Path, what: &str) -> Reason {
    let (shown, found) = (path.display(), inventory.listed());
    let what = format!("the mask `{shown}` {what}: found {found}; expected {legend}");
    match remedy(inventory) {
        // It says no more than was said.
        Remedy::LegendOf(other) if other.is_within(legend) => what.into(),
        remedy => Reason::with(remedy, what),
    }
}

/// A photograph where a mask is expected.
fn like_photograph(inventory: &Inventory, path: &Path) -> Reason {
    let (path, count) = (path.display(), inventory.values.len());
    format!(
        "the mask `{path}` looks like a photograph: it holds {count} different values, and hardly a pixel has one of the most frequent; \
         are images and masks exchanged, or are outlines drawn into the photograph?"
    )
    .into()
}

/// A level or a colour as one says it.
fn named(value: MaskValue) -> String {
    match value {
        MaskValue::Level(level) => format!("the level {level}"),
        MaskValue::Colour(_) => format!("the colour {value}"),
    }
}

/// How the values of a mask are compared with those of a legend.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// as they are: levels, places in a palette, colours
    AsStored,
    /// a palette of greys, for those greys
    Greys,
}

impl Reading {
    /// The one in which more of the legend occurs; greys where both are the same, as a viewer shows them.
    fn of(inventory: &Inventory, meanings: &[Option<MaskValue>; 3]) -> Self {
        if inventory.scale != Scale::Palette || !inventory.is_grey() {
            return Self::AsStored;
        }
        let found = |reading: Self| {
            let occurs = |m: MaskValue| (0..inventory.values.len() as u32).any(|i| reading.is(inventory, i, m));
            meanings.iter().flatten().filter(|m| occurs(**m)).count()
        };
        if found(Self::AsStored) > found(Self::Greys) { Self::AsStored } else { Self::Greys }
    }

    /// Whether a value of the mask is one of a legend.
    fn is(self, inventory: &Inventory, index: u32, meaning: MaskValue) -> bool {
        let value = inventory.values[index as usize];
        match (meaning, self) {
            (MaskValue::Colour(colour), _) => value.colour == Some(colour),
            (MaskValue::Level(level), Self::AsStored) if inventory.scale != Scale::Colours => {
                value.level == Some(level)
            }
            (MaskValue::Level(level), _) => value.colour.is_some_and(|colour| colour.map(u32::from) == [level; 3]),
        }
    }

    /// Where the classes lie among the values; without a legend's background it is the most frequent other value in the
    /// corners. Nothing where there is no room between them, or a value can't occur.
    fn centres(self, inventory: &Inventory, meanings: &[Option<MaskValue>; 3]) -> Option<Vec<Point>> {
        let point = |meaning: MaskValue| match (meaning, inventory.scale) {
            (MaskValue::Level(level), Scale::Levels) => Some([f64::from(level), 0.0, 0.0]),
            (MaskValue::Level(level), Scale::Palette) if self == Self::AsStored => {
                inventory.palette.get(level as usize).map(|colour| colour.map(f64::from))
            }
            (MaskValue::Level(level), _) => Some([f64::from(level); 3]),
            (MaskValue::Colour([r, g, b]), Scale::Levels) => (r == g && g == b).then(|| [f64::from(r), 0.0, 0.0]),
            (MaskValue::Colour(colour), _) => Some(colour.map(f64::from)),
        };
        if inventory.is_nominal() {
            return None;
        }
        let [cup, disc] = [meanings[0]?, meanings[1]?].map(point);
        let background = match meanings[2] {
            Some(value) => point(value)?,
            None => {
                let corner = inventory.corners().into_iter().min()?;
                inventory.point(&inventory.values[corner as usize])
            }
        };
        let centres = vec![cup?, disc?, background];
        let apart = |a: usize, b: usize| distance(centres[a], centres[b]) >= ROOM;
        (apart(0, 1) && apart(1, 2) && apart(0, 2)).then_some(centres)
    }
}

/// The class whose value lies between those of two others which adjoin each other: along their edges, pixels between
/// both look like it. Only the rim may.
fn between(centres: &[Point]) -> Option<&'static str> {
    let lies_between = |middle: Point, a: Point, b: Point| {
        let (to, of) = ([0, 1, 2].map(|i| b[i] - a[i]), [0, 1, 2].map(|i| middle[i] - a[i]));
        let length: f64 = to.iter().map(|v| v * v).sum();
        let along = to.iter().zip(of).map(|(t, o)| t * o).sum::<f64>() / length;
        let nearest = [0, 1, 2].map(|i| a[i] + along.clamp(0.0, 1.0) * to[i]);
        (0.1..0.9).contains(&along) && distance(nearest, middle) < BETWEEN * length.sqrt()
    };
    let [cup, rim, background] = [centres[0], centres[1], centres[2]];
    if lies_between(cup, rim, background) {
        Some("the cup")
    } else if lies_between(background, rim, cup) {
        Some("the background")
    } else {
        None
    }
}

/// What a mask of one structure shows: whether each pixel is inside, which is what the corners are not.
///
/// # Errors
/// Masks that show nothing, or more than one structure.
pub(super) fn inside(stored: &StoredMask, path: &Path) -> Result<Classes<Vec<bool>>, Reason> {
    let inventory = Inventory::of(stored);
    let (class, notes) = two_classes(&inventory, path)?;
    let corners = inventory.corners().map(|value| class[value as usize]);
    if corners.iter().any(|class| *class != corners[0]) {
        return Err(
            format!("the corners of the mask `{}` differ, so it is unclear what is inside", path.display()).into()
        );
    }
    let mask: Vec<bool> = inventory.pixels.iter().map(|value| class[*value as usize] != corners[0]).collect();
    let inside = mask.iter().position(|inside| *inside).map(|place| inventory.pixels[place]);
    let brightness = |value: u32| inventory.point(&inventory.values[value as usize]).iter().sum::<f64>();
    let is_dark = inside.is_some_and(|inside| brightness(inside) < brightness(inventory.corners()[0]));
    let mut notes = notes;
    notes.extend(is_dark.then_some(Note::DarkInside));
    Ok(Classes { mask, notes })
}

/// One of two classes for each value of a mask.
fn two_classes(inventory: &Inventory, file: &Path) -> Result<(Vec<usize>, Vec<Note>), Reason> {
    let path = file.display();
    match inventory.values.len() {
        1 => {
            let value = inventory.written(0);
            return Err(format!("the mask `{path}` is {value} everywhere, so it shows nothing").into());
        }
        2 => return Ok((vec![0, 1], Vec::new())),
        _ => {}
    }
    if inventory.is_like_photograph() {
        return Err(like_photograph(inventory, file));
    }
    let found = || inventory.listed();
    let several = || {
        let what = format!("the mask `{path}` shows more than one structure: found {}", found());
        Reason::with(Remedy::BothStructures, what)
    };
    let [first, second, ..] = inventory.outstanding()[..] else {
        return Err(format!("the mask `{path}` shows nothing that stands out: found {}", found()).into());
    };
    if inventory.is_nominal() {
        return Err(several());
    }
    let centres = [first, second].map(|i| inventory.point(&inventory.values[i as usize]));
    let nearest = Nearest::of(inventory, &centres);
    if nearest.solid(inventory, BETWEEN).is_some() {
        return Err(several());
    }
    let pixels = nearest.beyond(inventory, NEAR);
    let notes = if pixels > 0 { vec![Note::NearestValue { pixels }] } else { Vec::new() };
    Ok((nearest.class, notes))
}

/// Which legend, or which kind of mask, the values of a mask suggest.
fn remedy(inventory: &Inventory) -> Remedy {
    let outstanding = inventory.outstanding();
    match outstanding[..] {
        [_, _] => return Remedy::DiscMasks,
        [_, _, _] => {}
        _ => return Remedy::Legend,
    }
    let centres: Vec<Point> = outstanding.iter().map(|i| inventory.point(&inventory.values[*i as usize])).collect();
    let class = Nearest::of(inventory, &centres).class;
    let corners = inventory.corners().map(|value| class[value as usize]);
    let fits = |cup: usize, rim: usize| {
        let level = |class: usize| [(cup, CUP), (rim, RIM)].iter().find(|c| c.0 == class).map_or(BACKGROUND, |c| c.1);
        let levels = inventory.pixels.iter().map(|value| level(class[*value as usize])).collect();
        let mask = GrayImage::from_raw(inventory.width, inventory.height, levels);
        !cup_lies_outside(&mask.expect("a mask has a value for each pixel"))
    };
    let (a, b) = match corners[0] {
        0 => (1, 2),
        1 => (0, 2),
        _ => (0, 1),
    };
    let is_outside = corners.iter().all(|class| *class == corners[0]);
    let (cup, rim) = match (is_outside, fits(a, b), fits(b, a)) {
        (true, true, false) => (a, b),
        (true, false, true) => (b, a),
        _ => return Remedy::Legend,
    };
    let [cup, disc, background] = [cup, rim, corners[0]].map(|class| inventory.written(outstanding[class]));
    Remedy::LegendOf(Legend { cup, disc, background: Some(background) })
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

#[cfg(test)]
mod tests {
    use image::metadata::Orientation;

    use super::*;
    use crate::data::image_file::MaskValues;

    const SIDE: u32 = 40;

    fn stored(values: MaskValues, lossy: bool) -> StoredMask {
        let (orientation, notes) = (Orientation::NoTransforms, Vec::new());
        StoredMask { width: SIDE, height: SIDE, values, orientation, lossy, notes }
    }

    /// Squares around the middle: what is in the cup, in the rim and around them.
    fn rings<T: Copy>(values: [T; 3]) -> Vec<T> {
        let class = |i: u32| ((i % SIDE).abs_diff(20).max((i / SIDE).abs_diff(20)) as usize / 5).min(2);
        (0..SIDE * SIDE).map(|i| values[class(i)]).collect()
    }

    fn levels(values: Vec<u32>) -> StoredMask {
        let largest = values.iter().copied().max().unwrap_or(0);
        stored(MaskValues::Levels { values, palette: None, largest }, false)
    }

    fn palette(values: [u32; 3], palette: Vec<[u8; 3]>) -> StoredMask {
        stored(MaskValues::Levels { values: rings(values), palette: Some(palette), largest: 2 }, false)
    }

    fn colours(values: [[u8; 3]; 3]) -> StoredMask {
        stored(MaskValues::Colours(rings(values)), false)
    }

    fn read(mask: &StoredMask, legend: Legend) -> Result<(Vec<u8>, Vec<Note>), Reason> {
        let classes = by_legend(mask, &legend, Path::new("m.png"))?;
        check_cup(&classes.mask, mask, &legend, Path::new("m.png"))?;
        Ok((classes.mask.into_raw(), classes.notes))
    }

    fn want() -> Vec<u8> {
        rings([CUP, RIM, BACKGROUND])
    }

    fn value(text: &str) -> MaskValue {
        text.parse().expect("a value")
    }

    #[test]
    fn legends_give_the_layouts_levels_and_wrong_ones_are_explained() {
        let published = Legend::levels(2, 1, Some(0));
        assert_eq!(read(&levels(rings([2, 1, 0])), published), Ok((want(), vec![])));
        assert_eq!(read(&levels(rings([2, 1, 9])), Legend { background: None, ..published }), Ok((want(), vec![])));
        assert_eq!(read(&levels(rings([0, 128, 255])), Legend::default()), Ok((want(), vec![])));
        let deep = Legend::levels(70_000, 40_000, Some(3));
        assert_eq!(read(&levels(rings([70_000, 40_000, 3])), deep), Ok((want(), vec![])));

        let refused = |legend, levels_: [u32; 3]| read(&levels(rings(levels_)), legend).expect_err("refused");
        let reason = refused(Legend::default(), [2, 1, 0]);
        assert_eq!(reason.remedy, Some(Remedy::LegendOf(published)), "as they lie");
        let text = reason.to_string();
        assert!(text.contains("`m.png`") && text.contains("level 1") && text.contains("levels 0 ("), "{text}");
        assert!(refused(deep, [257, 256, 0]).to_string().contains("levels 0 (77.4 %), 256 ("), "true levels");
        let any = |cup, disc| Legend::levels(cup, disc, None);
        assert!(refused(any(0, 128), [2, 1, 0]).to_string().contains("all four corners"));
        assert!(refused(any(1, 2), [2, 1, 0]).to_string().contains("adjoins the background"), "cup and rim swapped");
        assert!(refused(any(7, 8), [2, 1, 0]).to_string().contains("has no disc"));
    }

    #[test]
    fn legends_hold_colours_and_places_in_a_palette() {
        let voc = vec![[0, 0, 0], [128, 0, 0], [0, 128, 0]];
        for legend in [
            Legend::levels(2, 1, Some(0)),
            Legend { cup: value("#008000"), ..Legend::levels(2, 1, Some(0)) },
            Legend { cup: value("#008000"), disc: value("#800000"), background: None },
        ] {
            assert_eq!(read(&palette([2, 1, 0], voc.clone()), legend), Ok((want(), vec![])), "{legend}");
        }
        let reason = read(&palette([2, 1, 0], voc), Legend::default()).expect_err("it has other values");
        assert_eq!(reason.remedy, Some(Remedy::LegendOf(Legend::levels(2, 1, Some(0)))));
        assert!(reason.what.contains("palette indices 0 (#000000, 77.4 %)"), "{reason}");
        // A palette of the layout's greys, in another order.
        let greys = palette([1, 2, 0], vec![[255; 3], [0; 3], [128; 3]]);
        assert_eq!(read(&greys, Legend::default()), Ok((want(), vec![])));

        // The disc in red, the cup in green, which makes yellow of both.
        let (red, yellow) = ([255, 0, 0], [255, 255, 0]);
        let channels = colours([yellow, red, [0; 3]]);
        let legend = Legend { cup: value("#ffff00"), disc: value("#ff0000"), background: Some(value("#000000")) };
        assert_eq!(read(&channels, legend), Ok((want(), vec![])));
        assert_eq!(read(&channels, Legend { background: Some(value("0")), ..legend }), Ok((want(), vec![])));
        let reason = read(&channels, Legend::default()).expect_err("it has colours");
        assert_eq!(reason.remedy, Some(Remedy::LegendOf(legend)));
        assert!(reason.what.contains("colours #000000 (77.4 %), #ff0000 ("), "{reason}");
    }

    /// Levels that go over into each other, as smooth resizing and strong compression make them.
    fn smooth(values: [u32; 3]) -> Vec<u32> {
        let sharp = rings(values.map(f64::from));
        let at = |x: u32, y: u32| sharp[(y.min(SIDE - 1) * SIDE + x.min(SIDE - 1)) as usize];
        let mean = |i: u32| (at(i % SIDE, i / SIDE) + at(i % SIDE + 1, i / SIDE)) / 2.0;
        (0..SIDE * SIDE).map(|i| mean(i).round() as u32).collect()
    }

    #[test]
    fn values_between_count_as_the_nearest_where_that_is_clear() {
        for lossy in [false, true] {
            let mask = StoredMask { lossy, ..levels(smooth([0, 128, 255])) };
            for legend in [Legend::default(), Legend::levels(0, 128, None)] {
                let (read, notes) = read(&mask, legend).expect("it is clear");
                // Two sides of each square.
                assert_eq!(notes, [Note::NearestValue { pixels: 2 * 9 + 2 * 19 }]);
                let wrong = read.iter().zip(want()).filter(|(level, want)| *level != want).count();
                assert!(wrong <= 9 + 19 + 28, "{wrong}");
            }
            let mask = StoredMask { lossy, ..levels(smooth([128, 255, 0])) };
            let text = read(&mask, Legend::levels(128, 255, Some(0))).expect_err("edges look like the cup").to_string();
            assert!(text.contains("is not sharp") && text.contains("that of the cup"), "{text}");
            assert!(!text.contains("it seems"), "what was said is no advice: {text}");
        }
        // The noise of compression, and none.
        let noise: Vec<u32> =
            rings([1, 129, 252]).iter().zip([0, 2, 3, 1].iter().cycle()).map(|(v, n)| v + n).collect();
        let mask = StoredMask { lossy: true, ..levels(noise) };
        assert_eq!(read(&mask, Legend::levels(0, 128, None)), Ok((want(), vec![])));
        // An area of another level is none of the classes.
        let text = read(&levels(rings([64, 128, 255])), Legend::default()).expect_err("another level").to_string();
        assert!(text.contains("level 64, which means nothing"), "{text}");
    }

    /// Circles of a larger mask, whose levels go over into each other along twelve pixels.
    fn wide(values: [f64; 3]) -> StoredMask {
        const SIDE: u32 = 120;
        let at = |i: u32| {
            let d = f64::from((i % SIDE).abs_diff(60)).hypot(f64::from((i / SIDE).abs_diff(60)));
            let part = |from: f64| ((d - from) / 12.0).clamp(0.0, 1.0);
            values[0] + (values[1] - values[0]) * part(12.0) + (values[2] - values[1]) * part(34.0)
        };
        let pixels = (0..SIDE * SIDE).map(|i| at(i).round() as u32).collect();
        StoredMask { width: SIDE, height: SIDE, ..levels(pixels) }
    }

    #[test]
    fn edges_that_resizing_has_made_wide_are_divided_in_the_middle() {
        for legend in [Legend::default(), Legend::levels(0, 128, None)] {
            let (read, notes) = read(&wide([0.0, 128.0, 255.0]), legend).expect("it is clear");
            let count = |class: u8| read.iter().filter(|level| **level == class).count();
            // Of radii of 18 and 40 pixels.
            let (cup, disc) = (count(CUP), count(CUP) + count(RIM));
            assert!((990..1050).contains(&cup) && (4970..5080).contains(&disc), "{cup}, {disc}");
            assert!(matches!(notes[..], [Note::NearestValue { pixels }] if pixels > 1000), "{notes:?}");
        }
        let (found, notes) = structure(&wide([255.0, 255.0, 0.0])).expect("it is clear");
        assert!((4970..5080).contains(&found) && notes.len() == 1, "{found}, {notes:?}");
        // A step in the middle of it is an area of its own.
        let MaskValues::Levels { values, .. } = wide([255.0, 255.0, 0.0]).values else { panic!("levels") };
        let stepped = values.iter().map(|level| if (64..192).contains(level) { 128 } else { *level }).collect();
        let stepped = StoredMask { width: 120, height: 120, ..levels(stepped) };
        assert!(structure(&stepped).expect_err("two structures").contains("more than one structure"));
    }

    #[test]
    fn a_line_around_classes_that_have_their_values_is_to_be_painted() {
        let mut values = rings([2, 1, 0]);
        values[20 * SIDE as usize + 10] = 255;
        let legend = Legend::levels(2, 1, Some(0));
        let reason = read(&levels(values.clone()), legend).expect_err("a fourth value");
        assert!(reason.remedy.is_none() && reason.what.ends_with("the value of what they adjoin"), "{reason}");
        assert!(reason.what.contains("the level 255, which means nothing"), "{reason}");
        // Where a value is missing, it may be another's.
        values.iter_mut().filter(|value| **value == 2).for_each(|value| *value = 1);
        assert!(read(&levels(values), legend).expect_err("a third value").remedy.is_some());
    }

    #[test]
    fn class_numbers_in_one_channel_are_answered_with_a_legend() {
        let mask = colours([[2, 0, 0], [1, 0, 0], [0; 3]]);
        let colour = |level| MaskValue::Colour([level, 0, 0]);
        let legend = Legend { cup: colour(2), disc: colour(1), background: Some(colour(0)) };
        let reason = read(&mask, Legend::default()).expect_err("it has colours");
        assert_eq!(reason.remedy, Some(Remedy::LegendOf(legend)));
        assert_eq!(read(&mask, legend), Ok((want(), vec![])));
    }

    fn structure(mask: &StoredMask) -> Result<(usize, Vec<Note>), String> {
        let classes = inside(mask, Path::new("d.png")).map_err(|reason| reason.to_string())?;
        Ok((classes.mask.iter().filter(|inside| **inside).count(), classes.notes))
    }

    #[test]
    fn two_values_are_a_mask_whatever_they_are() {
        let area = 19 * 19;
        for values in [[255, 255, 0], [1, 1, 0], [0, 0, 255], [0, 0, 1], [70_000, 70_000, 1]] {
            let notes = if values[0] < values[2] { vec![Note::DarkInside] } else { vec![] };
            assert_eq!(structure(&levels(rings(values))), Ok((area, notes)), "{values:?}");
        }
        for colour in [[255, 0, 0], [0, 0, 1]] {
            assert_eq!(structure(&colours([colour, colour, [0; 3]])), Ok((area, vec![])));
            assert_eq!(structure(&palette([1, 1, 0], vec![[0; 3], colour])), Ok((area, vec![])));
            assert_eq!(structure(&palette([1, 1, 0], vec![colour, colour])), Ok((area, vec![])), "one colour twice");
        }
        let (found, notes) = structure(&levels(rings([255, 200, 3]))).expect("soft edges");
        assert_eq!((found, notes.len()), (area, 1));
        let (found, notes) = structure(&levels(smooth([255, 255, 0]))).expect("soft edges");
        assert!(found.abs_diff(area) <= 38 && notes == [Note::NearestValue { pixels: 38 }], "{found}, {notes:?}");
        let error = |mask: StoredMask| structure(&mask).expect_err("refused");
        assert!(error(levels(rings([0, 0, 0]))).contains("0 everywhere"));
        assert!(error(levels(rings([2, 1, 0]))).contains("more than one structure: found levels 0 ("));
        assert!(error(levels(rings([255, 128, 0]))).contains("more than one structure"));
        assert!(error(colours([[0, 255, 0], [255, 0, 0], [0; 3]])).contains("colours #000000 ("));
        let half = (0..SIDE * SIDE).map(|i| u32::from(i % SIDE > 9)).collect();
        assert!(error(levels(half)).contains("corners"));
    }
}
