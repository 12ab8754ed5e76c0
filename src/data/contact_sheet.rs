//! All regions at a glance, with the outlines of their masks, so that a wrong legend is seen before it is trained on, and
//! a wrong prediction before it is used.

use std::path::{Path, PathBuf};

use font8x8::{BASIC_FONTS, GREEK_FONTS, HIRAGANA_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{DynamicImage, GenericImage, GrayImage, Rgb, RgbImage};
use imageproc::drawing::{draw_filled_rect_mut, draw_hollow_circle_mut, draw_hollow_rect_mut};
use imageproc::rect::Rect;

use super::disc_finder::Disc;
use super::image_file::write_png;
use super::mask::{BACKGROUND, CUP};
use super::overlay::draw_outlines;
use super::resize::{resize_image, resize_mask};
use crate::atomic_file::WriteError;
use crate::own_file::{Overwriting, Purpose};

/// Files of a sheet begin so.
pub const SHEET: &str = "contact-sheet";
/// Pixels a side of a picture.
const SIDE: u32 = 160;
/// Pixels a side of a letter.
const LETTER: u32 = 8;
/// Pixels between pictures, and around a name.
const GAP: u32 = 3;
/// A box in place of a letter that the font lacks.
const NO_GLYPH: [u8; 8] = [0x7e, 0x42, 0x42, 0x42, 0x42, 0x42, 0x7e, 0];
const COLUMNS: usize = 8;
const ROWS: usize = 8;
const PAPER: Rgb<u8> = Rgb([20; 3]);
const INK: Rgb<u8> = Rgb([230; 3]);
/// Frame of a region that somebody should look at.
const DOUBT: Rgb<u8> = Rgb([255, 60, 60]);
/// Pixels that it is thick.
const FRAME: u32 = 2;

/// Circle around a disc that was found.
const FOUND: Rgb<u8> = Rgb([255, 210, 0]);

/// A region in small.
pub struct Tile {
    picture: RgbImage,
    name: String,
    /// at the end of the line beneath it
    mark: String,
    /// pixels of the tile for each of the region, and of its border to the left and above
    scale: f64,
    border: [u32; 2],
}

impl Tile {
    /// A region with the outlines of its mask (levels of the dataset layout), in a frame if somebody should look at it, with the
    /// first of the reasons in it. One that is not square keeps its shape.
    ///
    /// # Panics
    /// When the mask has another size than the region.
    pub fn new(name: &str, region: &RgbImage, mask: Option<&GrayImage>, reasons: &[&str]) -> Self {
        let longer = f64::from(region.width().max(region.height()));
        let [width, height] = [region.width(), region.height()]
            .map(|side| ((f64::from(side) / longer * f64::from(SIDE)).round() as u32).clamp(1, SIDE));
        let mut small = resize_image(region, width, height);
        if let Some(mask) = mask {
            assert_eq!(mask.dimensions(), region.dimensions(), "a mask has the size of its region");
            let mask = resize_mask(mask, width, height);
            let cup: Vec<bool> = mask.iter().map(|level| *level == CUP).collect();
            let disc: Vec<bool> = mask.iter().map(|level| *level != BACKGROUND).collect();
            draw_outlines(&mut small, &cup, &disc);
        }
        let mut picture = RgbImage::from_pixel(SIDE, SIDE, PAPER);
        let border = [(SIDE - width) / 2, (SIDE - height) / 2];
        picture.copy_from(&small, border[0], border[1]).expect("no side is longer than that of the tile");
        if let Some((first, others)) = reasons.split_first() {
            for inset in 0..FRAME {
                let rect = Rect::at(inset as i32, inset as i32).of_size(SIDE - 2 * inset, SIDE - 2 * inset);
                draw_hollow_rect_mut(&mut picture, rect, DOUBT);
            }
            let more = if others.is_empty() { String::new() } else { format!(" +{}", others.len()) };
            let letters = (SIDE - 2 * FRAME) / LETTER;
            let told: String = first.chars().take(letters as usize - more.len()).chain(more.chars()).collect();
            let strip = Rect::at(FRAME as i32, FRAME as i32).of_size(told.chars().count() as u32 * LETTER, LETTER + 1);
            draw_filled_rect_mut(&mut picture, strip, PAPER);
            write_text(&mut picture, &told, (letters as usize, DOUBT), FRAME, FRAME + 1);
        }
        Self { picture, name: name.to_string(), mark: String::new(), scale: f64::from(SIDE) / longer, border }
    }

    /// With a circle around the disc that was found, in pixels of the region, and how sure that is, from 0 to 1.
    pub fn with_disc(mut self, disc: Disc, confidence: f64) -> Self {
        let place = |v: f64, border: u32| (v * self.scale) as i32 + border as i32;
        let centre = (place(disc.centre.0, self.border[0]), place(disc.centre.1, self.border[1]));
        let radius = (disc.diameter / 2.0 * self.scale) as i32;
        draw_hollow_circle_mut(&mut self.picture, centre, radius.clamp(1, SIDE as i32), FOUND);
        self.with_mark(&format!("disc {confidence:.2}"))
    }

    /// With a word, or a few letters more, at the end of the line beneath it.
    pub fn with_mark(mut self, mark: &str) -> Self {
        self.mark = [self.mark.as_str(), mark].join(" ").trim_start().to_string();
        self
    }
}

/// Pages of regions that are written as they fill, so that thousands of regions need no more memory than a page of them.
pub struct ContactSheet {
    folder: PathBuf,
    overwriting: Overwriting,
    pages: usize,
    tiles: Vec<Tile>,
}

impl ContactSheet {
    /// A sheet in a folder: `contact-sheet.png`, and `contact-sheet-2.png` … where one page does not hold all.
    pub fn new(folder: &Path, overwriting: &Overwriting) -> Self {
        Self { folder: folder.to_path_buf(), overwriting: overwriting.clone(), pages: 0, tiles: Vec::new() }
    }

    /// Where the pages of so many regions lie.
    pub fn pages(folder: &Path, regions: usize) -> impl Iterator<Item = PathBuf> + use<'_> {
        (1..=regions.div_ceil(COLUMNS * ROWS)).map(|page| folder.join(page_name(page)))
    }

    /// The next region.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn add(&mut self, tile: Tile) -> Result<(), WriteError> {
        self.tiles.push(tile);
        if self.tiles.len() == COLUMNS * ROWS { self.write_page() } else { Ok(()) }
    }

    /// Writes what has not been written yet, and removes further pages that an earlier sheet had.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish(mut self) -> Result<(), WriteError> {
        if !self.tiles.is_empty() {
            self.write_page()?;
        }
        for page in self.pages + 1.. {
            if !self.overwriting.remove(&self.folder.join(page_name(page)), Purpose::ContactSheet)? {
                break;
            }
        }
        Ok(())
    }

    fn write_page(&mut self) -> Result<(), WriteError> {
        self.pages += 1;
        let tiles = std::mem::take(&mut self.tiles);
        let (path, picture) = (
            self.folder.join(page_name(self.pages)),
            DynamicImage::ImageRgb8(sheet(&tiles, (self.pages - 1) * COLUMNS * ROWS)),
        );
        write_png(&self.overwriting, &path, Purpose::ContactSheet, &picture)
    }
}

/// The name of the n-th page, counted from 1.
fn page_name(page: usize) -> String {
    if page == 1 { format!("{SHEET}.png") } else { format!("{SHEET}-{page}.png") }
}

/// A page of tiles, of which so many lie on pages before it.
fn sheet(tiles: &[Tile], before: usize) -> RgbImage {
    let (width, height) = (SIDE + GAP, SIDE + LETTER + 3 * GAP);
    let columns = tiles.len().min(COLUMNS) as u32;
    let rows = tiles.len().div_ceil(COLUMNS) as u32;
    let mut sheet = RgbImage::from_pixel(columns * width + GAP, rows * height + GAP, PAPER);
    for (index, tile) in tiles.iter().enumerate() {
        let (column, row) = ((index % COLUMNS) as u32, (index / COLUMNS) as u32);
        let (x, y) = (GAP + column * width, GAP + row * height);
        sheet.copy_from(&tile.picture, x, y).expect("the sheet was made to hold all of them");
        // One stays free before the next picture's name.
        let letters = (SIDE / LETTER - 1) as usize;
        let room = letters.saturating_sub(tile.mark.len());
        let room_of_name = room.saturating_sub(usize::from(room < letters));
        let label = label(&tile.name, before + index + 1, room_of_name);
        write_text(&mut sheet, &label, (room_of_name, INK), x, y + SIDE + GAP);
        write_text(&mut sheet, &tile.mark, (letters, INK), x + room as u32 * LETTER, y + SIDE + GAP);
    }
    sheet
}

/// A name as it is written beneath its tile. One that does not fit, or has letters that the font lacks, may look like another's:
/// before its end stands the row that it has in the table.
fn label(name: &str, row: usize, room: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= room && letters.iter().all(|letter| glyph(*letter).is_some()) {
        return name.to_string();
    }
    let row = format!("#{row} ");
    let end = &letters[letters.len().saturating_sub(room.saturating_sub(row.len()))..];
    row.chars().chain(end.iter().copied()).collect()
}

/// The rows of a letter, unless the font lacks it or shows nothing.
fn glyph(letter: char) -> Option<[u8; 8]> {
    let found = BASIC_FONTS.get(letter).or_else(|| LATIN_FONTS.get(letter));
    let found = found.or_else(|| GREEK_FONTS.get(letter)).or_else(|| HIRAGANA_FONTS.get(letter));
    found.filter(|rows| letter == ' ' || *rows != [0; 8])
}

/// Writes as much of a text as there is room for.
fn write_text(sheet: &mut RgbImage, text: &str, (room, ink): (usize, Rgb<u8>), x: u32, y: u32) {
    for (place, letter) in (0..).zip(text.chars().take(room)) {
        for (row, bits) in (0..).zip(glyph(letter).unwrap_or(NO_GLYPH)) {
            for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                sheet.put_pixel(x + place * LETTER + column, y + row, ink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    #[test]
    fn pages_are_written_as_they_fill_and_older_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let page = |number: usize| folder.path().join(page_name(number));
        let fill = |count: usize| {
            let mut sheet = ContactSheet::new(folder.path(), &Overwriting::default());
            for index in 0..count {
                let region = RgbImage::from_pixel(8, 8, Rgb([200, 90, 60]));
                sheet.add(Tile::new(&format!("{index}"), &region, None, &[])).unwrap();
            }
            sheet
        };
        let sheet = fill(2 * COLUMNS * ROWS + 1);
        assert!(page(2).is_file() && !page(3).exists(), "the page that is not full waits");
        sheet.finish().unwrap();
        assert!(page(3).is_file());
        fill(1).finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let single = image::open(page(1)).unwrap().to_rgb8();
        assert_eq!(single.dimensions(), (SIDE + 2 * GAP, SIDE + LETTER + 4 * GAP));
        fill(0).finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disc_that_was_found_is_drawn_with_how_sure_that_is() {
        let region = RgbImage::from_pixel(320, 320, Rgb([200, 90, 60]));
        let tile = || Tile::new("0123456789abcdefghijklmn", &region, None, &[]);
        let found = tile().with_disc(Disc { centre: (160.0, 120.0), diameter: 80.0 }, 0.614);
        for (x, y) in [(80, 40), (80, 80), (60, 60), (100, 60)] {
            assert_eq!(*found.picture.get_pixel(x, y), FOUND, "at {x}, {y}");
        }
        assert_eq!((found.mark.as_str(), *found.picture.get_pixel(80, 60)), ("disc 0.61", Rgb([200, 90, 60])));
        assert_eq!(
            tile().with_mark("test").with_disc(Disc { centre: (0.0, 0.0), diameter: 1.0 }, 1.0).mark,
            "test disc 1.00"
        );
        // The last letters of the line are the figure's but one, which stays free, as does the one before them.
        let ink = |tile: Tile, letter: u32| {
            let sheet = sheet(&[tile], 0);
            let columns = GAP + letter * LETTER..GAP + (letter + 1) * LETTER;
            columns
                .flat_map(|x| (0..LETTER).map(move |y| (x, 2 * GAP + SIDE + y)))
                .filter(|(x, y)| *sheet.get_pixel(*x, *y) == INK)
                .count()
        };
        assert!(ink(tile(), 9) > 0 && ink(tile(), 18) > 0 && ink(tile(), 19) == 0);
        let with = || tile().with_disc(Disc { centre: (160.0, 120.0), diameter: 80.0 }, 0.614);
        assert!(
            ink(with(), 9) == 0
                && ink(with(), 10) > 0
                && ink(with(), 8) > 0
                && ink(with(), 18) > 0
                && ink(with(), 19) == 0
        );
        // One that is larger than its region, or beyond it, is no reason to fail.
        let _ = tile().with_disc(Disc { centre: (-900.0, 1e9), diameter: 1e12 }, 0.0);
    }

    #[test]
    fn names_that_cannot_be_written_whole_have_their_row() {
        for (name, room, wanted) in [
            ("Übung_é1_αβ_の", 19, "Übung_é1_αβ_の"),
            ("截图", 19, "#70 截图"),
            ("e\u{301}1", 19, "#70 e\u{301}1"),
            ("a\u{1b}", 19, "#70 a\u{1b}"),
            ("0123456789abcdefghi", 19, "0123456789abcdefghi"),
            ("0123456789abcdefghij", 19, "#70 56789abcdefghij"),
            ("0123456789", 3, "#70 "),
        ] {
            assert_eq!(label(name, 70, room), wanted);
        }
        // Written as a box, which no letter of a name is taken for.
        assert!(glyph('截').is_none() && glyph('\u{301}').is_none() && glyph('\u{ad}').is_none());
        assert!((' '..='~').all(|letter| glyph(letter).is_some_and(|rows| rows != NO_GLYPH)));
        // Rows are counted over all pages.
        let region = RgbImage::from_pixel(8, 8, Rgb([200, 90, 60]));
        let page = |name: &str, before| sheet(&[Tile::new(name, &region, None, &[])], before);
        assert!(page("截图", 64) == page("图截", 64) && page("截图", 64) != page("截图", 65));
    }

    #[test]
    fn a_frame_says_why_it_is_there() {
        let region = RgbImage::from_pixel(160, 160, Rgb([200, 90, 60]));
        // Whether each letter's place in the strip is written on.
        let letters = |reasons: &[&str]| -> Vec<bool> {
            let tile = Tile::new("a", &region, None, reasons);
            let is_written = |letter: u32| {
                let columns = FRAME + letter * LETTER..FRAME + (letter + 1) * LETTER;
                columns
                    .flat_map(|x| (0..LETTER).map(move |y| (x, FRAME + 1 + y)))
                    .any(|(x, y)| *tile.picture.get_pixel(x, y) == DOUBT)
            };
            (0..(SIDE - 2 * FRAME) / LETTER).map(is_written).collect()
        };
        let written =
            |text: &str| (0..19).map(|i| text.chars().nth(i).is_some_and(|letter| letter != ' ')).collect::<Vec<_>>();
        assert_eq!(letters(&[]), written(""));
        assert_eq!(letters(&["no-disc"]), written("no-disc"));
        assert_eq!(letters(&["whole-photograph", "b", "c"]), written("whole-photograph +2"));
        assert_eq!(letters(&["longer-than-there-is-room-for", "b"]), written("longer-than-ther +1"));
    }

    #[test]
    fn tiles_keep_the_shape_of_a_region_whatever_it_is() {
        for (width, height) in [(1, 1), (1, 900), (900, 1), (400, 200)] {
            let region = RgbImage::from_pixel(width, height, Rgb([200, 90, 60]));
            let mask = GrayImage::from_pixel(width, height, Luma([CUP]));
            let tile = Tile::new("\u{1b}é", &region, Some(&mask), &["é-much-longer-than-a-tile", "b"]);
            assert_eq!(tile.picture.dimensions(), (SIDE, SIDE));
            assert_eq!(*tile.picture.get_pixel(0, 0), DOUBT);
        }
        let tile = Tile::new("wide", &RgbImage::from_pixel(400, 200, Rgb([200, 90, 60])), None, &[]);
        let middle: Vec<_> = (0..SIDE).map(|y| *tile.picture.get_pixel(SIDE / 2, y) != PAPER).collect();
        assert_eq!(middle.iter().filter(|drawn| **drawn).count() as u32, SIDE / 2);
    }
}
