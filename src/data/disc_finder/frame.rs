//! The part of a picture that shows the field of view: without margins of any colour, and without what is written on them.

use std::borrow::Cow;

use image::imageops::crop_imm;
use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::data::resize::resize_image;
use crate::metrics::{Connectivity, components};

/// Longer side in pixels at which margins are looked for.
const WORKING_SIDE: u32 = 500;
/// Levels by which a pixel of a dark margin may differ from the margin's colour.
const NOISE: u8 = 24;
/// The same of a bright one, which a program has painted.
const PAINTED: u8 = 8;
/// Share of the border that has the margin's colour.
const BORDER: f64 = 0.5;
/// Pixels darker than this share of a dark margin's surroundings belong to it.
const DARK: f32 = 0.15;
/// A margin that is brighter than this is no darkness around a field.
const BRIGHT: u8 = 60;
/// A field that fills less than this share of the picture is cut out.
const SMALL: f64 = 0.4;
/// Room that is left around the field, as a share of its longer side.
const ROOM: f64 = 0.02;

/// A part of a picture.
pub(super) struct Frame<'a> {
    pub picture: Cow<'a, RgbImage>,
    /// column and row of its first pixel
    pub first: (u32, u32),
}

impl<'a> Frame<'a> {
    /// The field with little around it, where that is a small part of the picture or has bright margins; else the picture
    /// as it is.
    pub(crate) fn of(picture: &'a RgbImage) -> Self {
        Self::around_field(picture).unwrap_or(Self { picture: Cow::Borrowed(picture), first: (0, 0) })
    }

    fn around_field(picture: &RgbImage) -> Option<Self> {
        let (width, height) = picture.dimensions();
        let scale = (f64::from(width.max(height)) / f64::from(WORKING_SIDE)).max(1.0);
        let reduced = |length: u32| ((f64::from(length) / scale).round() as u32).max(1);
        let small = resize_image(picture, reduced(width), reduced(height));
        let margin = margin_colour(&small)?;
        let field = largest_piece(&unlike(&small, margin))?;
        let (columns, rows) = (field.right - field.left + 1, field.bottom - field.top + 1);
        let share = f64::from(columns * rows) / f64::from(small.width() * small.height());
        if !is_bright(margin) && share > SMALL {
            return None;
        }
        let room = (ROOM * f64::from(columns.max(rows))).ceil() as u32 + 1;
        let own = |position: u32, length: u32| ((f64::from(position) * scale).round() as u32).min(length);
        let (left, top) = (own(field.left.saturating_sub(room), width), own(field.top.saturating_sub(room), height));
        let (right, bottom) = (own(field.right + 1 + room, width), own(field.bottom + 1 + room, height));
        let mut cut = crop_imm(picture, left, top, right - left, bottom - top).to_image();
        // What is not of the field is dark, as around a field that fills its picture.
        for (x, y, pixel) in cut.enumerate_pixels_mut() {
            let place = |position: u32, length: u32| ((f64::from(position) / scale) as u32).min(length - 1);
            if !field.contains(place(left + x, small.width()), place(top + y, small.height())) {
                *pixel = Rgb([0; 3]);
            }
        }
        Some(Self { picture: Cow::Owned(cut), first: (left, top) })
    }
}

fn is_bright(margin: Rgb<u8>) -> bool {
    margin.0.iter().any(|level| *level > BRIGHT)
}

/// The colour of most of the border; `None` where it has none, or it is no margin's but the retina's.
fn margin_colour(picture: &RgbImage) -> Option<Rgb<u8>> {
    let (width, height) = picture.dimensions();
    let sides =
        (0..width).flat_map(|x| [(x, 0), (x, height - 1)]).chain((0..height).flat_map(|y| [(0, y), (width - 1, y)]));
    let border: Vec<Rgb<u8>> = sides.map(|(x, y)| *picture.get_pixel(x, y)).collect();
    let median = |channel: usize| {
        let mut levels: Vec<u8> = border.iter().map(|pixel| pixel.0[channel]).collect();
        levels.sort_unstable();
        levels[levels.len() / 2]
    };
    let colour = Rgb([0, 1, 2].map(median));
    let range = colour.0.iter().max()? - colour.0.iter().min()?;
    let noise = if is_bright(colour) { PAINTED } else { NOISE };
    let alike = border.iter().filter(|pixel| difference(**pixel, colour) <= noise).count();
    (range <= noise && alike as f64 >= BORDER * border.len() as f64).then_some(colour)
}

fn difference(a: Rgb<u8>, b: Rgb<u8>) -> u8 {
    (0..3).map(|channel| a.0[channel].abs_diff(b.0[channel])).max().unwrap_or(0)
}

/// Where a picture differs from its margin: by a share of how much what differs at all does for the most part.
fn unlike(picture: &RgbImage, margin: Rgb<u8>) -> GrayImage {
    let differences: Vec<u8> = picture.pixels().map(|pixel| difference(*pixel, margin)).collect();
    let mut counted: Vec<u8> = differences.iter().copied().filter(|d| *d > NOISE).collect();
    counted.sort_unstable();
    let bright = counted.get(counted.len() * 9 / 10).copied().unwrap_or(u8::MAX);
    let limit = (DARK * f32::from(bright)).max(f32::from(NOISE) / 2.0);
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        Luma([u8::from(f32::from(differences[(y * picture.width() + x) as usize]) > limit)])
    })
}

/// A piece of a mask, and the box around it.
struct Piece {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
    /// first and last column of each row of the box
    rows: Vec<Option<(u32, u32)>>,
}

impl Piece {
    /// Whether a pixel lies in the piece, or between two of its pixels in a row.
    fn contains(&self, x: u32, y: u32) -> bool {
        let row = y.checked_sub(self.top).and_then(|y| self.rows.get(y as usize)).copied().flatten();
        row.is_some_and(|(first, last)| (first..=last).contains(&x))
    }
}

fn largest_piece(mask: &GrayImage) -> Option<Piece> {
    let labels = components(mask, Connectivity::Four);
    let mut areas: Vec<u32> = Vec::new();
    for label in labels.iter().filter(|label| **label > 0) {
        let index = *label as usize;
        areas.resize(areas.len().max(index + 1), 0);
        areas[index] += 1;
    }
    let largest = (1..areas.len()).max_by_key(|index| areas[*index])? as u32;
    let own = || labels.enumerate_pixels().filter(move |(_, _, label)| label.0[0] == largest);
    let (left, right) = (own().map(|p| p.0).min()?, own().map(|p| p.0).max()?);
    let (top, bottom) = (own().map(|p| p.1).min()?, own().map(|p| p.1).max()?);
    let mut rows = vec![None; (bottom - top + 1) as usize];
    for (x, y, _) in own() {
        let row = &mut rows[(y - top) as usize];
        *row = Some(row.map_or((x, x), |(first, last): (u32, u32)| (first.min(x), last.max(x))));
    }
    Some(Piece { left, top, right, bottom, rows })
}
