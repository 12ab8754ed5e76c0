//! All regions at a glance, with the outlines of their masks, so that a wrong legend is seen before it is trained on.

use std::path::Path;

use font8x8::legacy::BASIC_LEGACY;
use image::{DynamicImage, GenericImage, GrayImage, Rgb, RgbImage};
use imageproc::drawing::draw_hollow_rect_mut;
use imageproc::rect::Rect;

use super::{PrepareError, Prepared};
use crate::data::image_file::write_png;
use crate::data::mask::{BACKGROUND, CUP};
use crate::data::overlay::draw_outlines;
use crate::data::resize::{resize_image, resize_mask};

/// Pixels a side of a picture.
const SIDE: u32 = 160;
/// Pixels a side of a letter.
const LETTER: u32 = 8;
/// Pixels between pictures, and around a name.
const GAP: u32 = 3;
const COLUMNS: usize = 8;
const ROWS: usize = 8;
const PAPER: Rgb<u8> = Rgb([20; 3]);
const INK: Rgb<u8> = Rgb([230; 3]);
/// Frame of a region whose place is doubtful.
const DOUBT: Rgb<u8> = Rgb([255, 60, 60]);

/// A region in small.
pub(super) struct Tile {
    picture: RgbImage,
    name: String,
}

impl Tile {
    pub fn new(region: &RgbImage, mask: Option<&GrayImage>, prepared: &Prepared) -> Self {
        let mut picture = resize_image(region, SIDE, SIDE);
        if let Some(mask) = mask.map(|mask| resize_mask(mask, SIDE, SIDE)) {
            let cup: Vec<bool> = mask.iter().map(|level| *level == CUP).collect();
            let disc: Vec<bool> = mask.iter().map(|level| *level != BACKGROUND).collect();
            draw_outlines(&mut picture, &cup, &disc);
        }
        if prepared.found.is_doubtful() {
            for inset in 0..2 {
                let rect = Rect::at(inset, inset).of_size(SIDE - 2 * inset as u32, SIDE - 2 * inset as u32);
                draw_hollow_rect_mut(&mut picture, rect, DOUBT);
            }
        }
        Self { picture, name: prepared.name.clone() }
    }
}

/// Writes `NAME.png`, and `NAME-2.png` … where one page does not hold all.
pub(super) fn write_sheets(folder: &Path, name: &str, tiles: &[Tile]) -> Result<(), PrepareError> {
    for (page, tiles) in tiles.chunks(COLUMNS * ROWS).enumerate() {
        let file = if page == 0 { format!("{name}.png") } else { format!("{name}-{}.png", page + 1) };
        write_png(&folder.join(file), &DynamicImage::ImageRgb8(sheet(tiles)))?;
    }
    Ok(())
}

fn sheet(tiles: &[Tile]) -> RgbImage {
    let (width, height) = (SIDE + GAP, SIDE + LETTER + 3 * GAP);
    let columns = tiles.len().min(COLUMNS) as u32;
    let rows = tiles.len().div_ceil(COLUMNS) as u32;
    let mut sheet = RgbImage::from_pixel(columns * width + GAP, rows * height + GAP, PAPER);
    for (index, tile) in tiles.iter().enumerate() {
        let (column, row) = ((index % COLUMNS) as u32, (index / COLUMNS) as u32);
        let (x, y) = (GAP + column * width, GAP + row * height);
        sheet.copy_from(&tile.picture, x, y).expect("the sheet was made to hold all of them");
        write_name(&mut sheet, &tile.name, x, y + SIDE + GAP);
    }
    sheet
}

/// Writes the end of a name, which tells regions apart where all of it does not fit.
fn write_name(sheet: &mut RgbImage, name: &str, x: u32, y: u32) {
    let letters: Vec<char> = name.chars().collect();
    let shown = &letters[letters.len().saturating_sub((SIDE / LETTER) as usize)..];
    for (place, letter) in (0..).zip(shown) {
        let glyph = BASIC_LEGACY.get(*letter as usize).unwrap_or(&BASIC_LEGACY['?' as usize]);
        for (row, bits) in (0..).zip(glyph) {
            for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                sheet.put_pixel(x + place * LETTER + column, y + row, INK);
            }
        }
    }
}
