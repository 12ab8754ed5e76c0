//! Whether a picture is a whole photograph or a region around a disc, from a few of its pixels.

use image::RgbImage;

/// Places a side at which a picture is looked at.
const GRID: u32 = 96;
/// Places a side of a corner.
const CORNER: u32 = 4;
/// Level, as a share of the brightest, up to which a corner does not show the retina. In published regions the third darkest
/// corner has at least 0.2, even where the region reaches over the edge of the field; in whole photographs all have 0.03.
const DARK: f32 = 0.1;
/// Level of all three colours from which a corner is paper.
const PAPER: u8 = 243;
/// Share of a picture that is its surround, at least.
const SURROUND: f32 = 0.02;
/// Level that something in a photograph has.
const LIT: u8 = 20;
/// Most times that a region is longer than wide, and pixels from which on that matters: some cameras fill the frame.
const LONG: (f64, u32) = (1.2, 1000);

/// True of a picture of which at least three corners lie beyond a field of view, black or on paper, and of one that is both
/// large and not nearly square. It is cheap: a few thousand pixels are looked at.
pub fn is_whole_photograph(picture: &RgbImage) -> bool {
    let (width, height) = picture.dimensions();
    let (longer, shorter) = (width.max(height), width.min(height));
    if shorter == 0 {
        return false;
    }
    let is_long = longer >= LONG.1 && f64::from(longer) > LONG.0 * f64::from(shorter);
    is_long || is_surrounded(picture)
}

fn is_surrounded(picture: &RgbImage) -> bool {
    let at = |place: u32, length: u32| ((u64::from(place) * 2 + 1) * u64::from(length) / (2 * u64::from(GRID))) as u32;
    let places = (0..GRID).flat_map(|row| (0..GRID).map(move |column| (column, row)));
    // The darkest and the brightest colour of each place.
    let levels: Vec<[u8; 2]> = places
        .map(|(column, row)| {
            let [r, g, b] = picture.get_pixel(at(column, picture.width()), at(row, picture.height())).0;
            [r.min(g).min(b), r.max(g).max(b)]
        })
        .collect();
    let mut brightest: Vec<u8> = levels.iter().map(|level| level[1]).collect();
    brightest.sort_unstable();
    let bright = brightest[brightest.len() * 995 / 1000];
    let is_dark = |level: [u8; 2]| f32::from(level[1]) <= DARK * f32::from(bright);
    let is_paper = |level: [u8; 2]| level[0] >= PAPER;
    let surrounds = |is_surround: &dyn Fn([u8; 2]) -> bool| {
        let corners = [(0, 0), (GRID - CORNER, 0), (0, GRID - CORNER), (GRID - CORNER, GRID - CORNER)];
        let is_corner = |(left, top): &(u32, u32)| {
            let inside = (0..CORNER * CORNER).map(|i| (left + i % CORNER, top + i / CORNER));
            let count = inside.filter(|(x, y)| is_surround(levels[(y * GRID + x) as usize])).count() as u32;
            2 * count > CORNER * CORNER
        };
        let share = levels.iter().filter(|level| is_surround(**level)).count() as f32 / levels.len() as f32;
        corners.iter().filter(|corner| is_corner(corner)).count() >= 3 && (SURROUND..1.0).contains(&share)
    };
    bright >= LIT && (surrounds(&is_dark) || surrounds(&is_paper))
}
