//! The values in a mask, how often each occurs, and which stand out.

use std::collections::HashMap;

use super::legend::MaskValue;
use crate::data::image_file::{MaskValues, StoredMask};

/// A place among values: levels on a line, colours in a cube.
pub(super) type Point = [f64; 3];

/// A value that occurs in a mask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    /// grey level, class number or place in the palette
    pub level: Option<u32>,
    pub colour: Option<[u8; 3]>,
    /// pixels that have it
    pub count: u64,
}

/// How a mask says what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Levels,
    Palette,
    Colours,
}

/// The values of a mask, and the mask in terms of them.
pub(super) struct Inventory {
    pub width: u32,
    pub height: u32,
    pub scale: Scale,
    pub lossy: bool,
    /// the most frequent first
    pub values: Vec<Value>,
    /// index in `values` of each pixel
    pub pixels: Vec<u32>,
    /// colours of the palette, used or not
    pub palette: Vec<[u8; 3]>,
}

/// Levels that differ by so much, and of which there are more than [`FEW`], are grey levels rather than class numbers.
const APART: f64 = 32.0;
/// Largest level of a mask that holds class numbers.
const FEW: u32 = 31;
/// A mask has one of so many values at this share of its pixels, however it was compressed; of fewer values one need not ask.
const MASK: (usize, f64) = (8, 0.7);
const MANY: usize = 64;
/// Share of the pixels that a value needs to stand out.
const OUTSTANDING: f64 = 5e-4;

impl Inventory {
    pub(crate) fn of(mask: &StoredMask) -> Self {
        let (scale, palette, mut values, pixels) = match &mask.values {
            MaskValues::Levels { values, palette, .. } => {
                let (distinct, pixels) = counted(values.iter().copied());
                let colour = |level: u32| match palette {
                    Some(palette) => palette.get(level as usize).copied(),
                    None => u8::try_from(level).ok().map(|level| [level; 3]),
                };
                let value = |(level, count)| Value { level: Some(level), colour: colour(level), count };
                let scale = if palette.is_some() { Scale::Palette } else { Scale::Levels };
                (scale, palette.clone().unwrap_or_default(), distinct.into_iter().map(value).collect(), pixels)
            }
            MaskValues::Colours(colours) => {
                let (distinct, pixels) = counted(colours.iter().copied());
                let all_grey = distinct.iter().all(|(colour, _)| is_grey(*colour));
                let level = |colour: [u8; 3]| all_grey.then_some(u32::from(colour[0]));
                let value = |(colour, count)| Value { level: level(colour), colour: Some(colour), count };
                let scale = if all_grey { Scale::Levels } else { Scale::Colours };
                (scale, Vec::new(), distinct.into_iter().map(value).collect::<Vec<_>>(), pixels)
            }
        };
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(values[i as usize].count), values[i as usize].level));
        let mut place = vec![0u32; order.len()];
        order.iter().zip(0..).for_each(|(&i, rank)| place[i as usize] = rank);
        values = order.iter().map(|&i| values[i as usize]).collect();
        let pixels = pixels.into_iter().map(|i| place[i as usize]).collect();
        Self { width: mask.width, height: mask.height, scale, lossy: mask.lossy, values, pixels, palette }
    }

    /// Where a value lies: that of a palette is its colour.
    pub(crate) fn point(&self, value: &Value) -> Point {
        match (self.scale, value.level, value.colour) {
            (Scale::Levels, Some(level), _) => [f64::from(level), 0.0, 0.0],
            (_, _, Some(colour)) => colour.map(f64::from),
            // A palette that is too short.
            (_, level, None) => [-f64::from(level.unwrap_or(0)) - 1.0, 0.0, 0.0],
        }
    }

    /// Whether values are class numbers or places in a palette, between which nothing lies.
    pub(crate) fn is_nominal(&self) -> bool {
        match self.scale {
            Scale::Levels => self.values.iter().all(|value| value.level.is_some_and(|level| level <= FEW)),
            Scale::Palette => !self.is_grey(),
            // Class numbers in one of three channels.
            Scale::Colours => self.values.iter().flat_map(|value| value.colour).flatten().all(|v| u32::from(v) <= FEW),
        }
    }

    /// Whether every value is a grey.
    pub(crate) fn is_grey(&self) -> bool {
        self.values.iter().all(|value| value.colour.is_some_and(is_grey))
    }

    /// Whether so many pixels have a value of their own that this is a photograph.
    pub(crate) fn is_like_photograph(&self) -> bool {
        let frequent: u64 = self.values.iter().take(MASK.0).map(|value| value.count).sum();
        self.values.len() > MANY && (frequent as f64) < MASK.1 * self.pixels.len() as f64
    }

    /// The values of the four corners.
    pub(crate) fn corners(&self) -> [u32; 4] {
        let (right, bottom) = (self.width as usize - 1, self.height as usize - 1);
        [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(x, y)| self.pixels[y * self.width as usize + x])
    }

    /// Values that stand out, the most frequent first: those that compression or resizing has spread around another are
    /// left out, and so are rare ones after the first two.
    pub(crate) fn outstanding(&self) -> Vec<u32> {
        let (total, nominal) = (self.pixels.len() as f64, self.is_nominal());
        let mut chosen: Vec<u32> = Vec::new();
        for (index, value) in (0..).zip(&self.values) {
            let rare = chosen.len() >= 2 && value.count as f64 <= OUTSTANDING * total && !nominal;
            let near = |other: &u32| {
                distance(self.point(value), self.point(&self.values[*other as usize])) < APART && !nominal
            };
            if !rare && !chosen.iter().any(near) {
                chosen.push(index);
            }
        }
        chosen
    }

    /// A value as one writes it in a legend; the colour of a grey level is left out.
    pub(crate) fn written(&self, index: u32) -> MaskValue {
        let value = self.values[index as usize];
        match (value.level, value.colour) {
            (Some(level), _) => MaskValue::Level(level),
            (None, Some(colour)) => MaskValue::Colour(colour),
            (None, None) => MaskValue::Level(0),
        }
    }

    /// The most frequent values and their shares.
    pub(crate) fn listed(&self) -> String {
        const SHOWN: usize = 5;
        let total = self.pixels.len() as f64;
        let one = |(index, value): (u32, &Value)| {
            let share = 100.0 * value.count as f64 / total;
            let colour = match (self.scale, value.colour) {
                (Scale::Palette, Some(colour)) => format!("{}, ", MaskValue::Colour(colour)),
                _ => String::new(),
            };
            format!("{} ({colour}{share:.1} %)", self.written(index))
        };
        let shown: Vec<String> = (0..).zip(&self.values).take(SHOWN).map(one).collect();
        let more = match self.values.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = match self.scale {
            Scale::Levels => "levels",
            Scale::Palette => "palette indices",
            Scale::Colours => "colours",
        };
        format!("{what} {}{more}", shown.join(", "))
    }
}

fn is_grey([red, green, blue]: [u8; 3]) -> bool {
    red == green && green == blue
}

pub(super) fn distance(a: Point, b: Point) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Distinct values with their counts, and for each pixel the index of its own.
fn counted<T: Copy + Eq + std::hash::Hash>(values: impl Iterator<Item = T>) -> (Vec<(T, u64)>, Vec<u32>) {
    let mut distinct: Vec<(T, u64)> = Vec::new();
    let mut places: HashMap<T, u32> = HashMap::new();
    // Masks are made of long runs.
    let mut last: Option<(T, u32)> = None;
    let pixels = values
        .map(|value| {
            let place = match last {
                Some((same, place)) if same == value => place,
                _ => *places.entry(value).or_insert_with(|| {
                    distinct.push((value, 0));
                    distinct.len() as u32 - 1
                }),
            };
            last = Some((value, place));
            distinct[place as usize].1 += 1;
            place
        })
        .collect();
    (distinct, pixels)
}
