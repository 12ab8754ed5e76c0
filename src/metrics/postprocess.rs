//! From a probability map to the one smooth region an optic disc or cup is.

use image::{GrayImage, Luma};

use super::components::{Connectivity, components};
use super::{BinaryMask, MetricsError};

/// Lengths of the post-processing steps in pixels; 0 skips a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostprocessSettings {
    /// Side of the median window, odd.
    pub median: u32,
    /// How many times the median is taken.
    pub median_passes: u32,
    /// Radius of the diamond (city-block ball) that erodes the mask.
    pub erode_diamond: u32,
}

impl PostprocessSettings {
    /// The published lengths, for regions of 512 pixels a side.
    pub const AT_512: Self = Self { median: 7, median_passes: 5, erode_diamond: 7 };

    /// The published lengths for a region of `side` pixels: see [`Self::scaled`].
    pub fn for_side(side: u32) -> Self {
        Self::AT_512.scaled(side)
    }

    /// Lengths for 512 pixels scaled to a region of `side` pixels: the window to the nearest odd size of at least 1
    /// (halfway: the larger), the radius to the nearest whole number.
    pub fn scaled(self, side: u32) -> Self {
        let scale = f64::from(side) / 512.0;
        let half_window = (f64::from(self.median) * scale - 1.0) / 2.0;
        Self {
            // A negative half window saturates to 0 in the cast.
            median: 2 * half_window.round() as u32 + 1,
            median_passes: self.median_passes,
            erode_diamond: (f64::from(self.erode_diamond) * scale).round() as u32,
        }
    }
}

/// Threshold (strictly above), median passes (zero beyond the image), erosion by a diamond (beyond the image counts
/// as inside), the largest 8-connected component (of equals, the first in reading order), its holes filled.
///
/// `probability` is row-major, `height * width` long.
///
/// # Errors
/// [`MetricsError::Values`] when the number of values is not `width * height`, [`MetricsError::EvenMedian`] for a
/// window without centre.
pub fn postprocess(
    probability: &[f32],
    width: u32,
    height: u32,
    threshold: f32,
    settings: &PostprocessSettings,
) -> Result<BinaryMask, MetricsError> {
    if settings.median != 0 && settings.median.is_multiple_of(2) {
        return Err(MetricsError::EvenMedian(settings.median));
    }
    let mut mask = BinaryMask::above(probability, width, height, threshold)?;
    if settings.median > 1 {
        for _ in 0..settings.median_passes {
            mask = median(&mask, settings.median / 2);
        }
    }
    Ok(fill_holes(&largest_component(&erode_diamond(&mask, settings.erode_diamond))))
}

/// Binary median over a square window of `2 * half + 1` pixels: inside where most of the window is.
fn median(mask: &BinaryMask, half: u32) -> BinaryMask {
    let (width, height, half) = (mask.width() as usize, mask.height() as usize, half as usize);
    // sums[y][x] = pixels inside among the first y rows and x columns.
    let stride = width + 1;
    let mut sums = vec![0u32; stride * (height + 1)];
    for (i, inside) in mask.pixels().enumerate() {
        let at = (i / width + 1) * stride + i % width + 1;
        sums[at] = u32::from(inside) + sums[at - 1] + sums[at - stride] - sums[at - stride - 1];
    }
    let window = (2 * half as u64 + 1).pow(2);
    BinaryMask::from_fn(mask.width(), mask.height(), |x, y| {
        let (x, y) = (x as usize, y as usize);
        let (left, right) = (x.saturating_sub(half), (x + half + 1).min(width));
        let (top, bottom) = (y.saturating_sub(half) * stride, (y + half + 1).min(height) * stride);
        let inside = sums[bottom + right] + sums[top + left] - sums[top + right] - sums[bottom + left];
        2 * u64::from(inside) > window
    })
}

/// Keeps the pixels whose city-block distance to the nearest pixel outside the mask exceeds `radius`.
fn erode_diamond(mask: &BinaryMask, radius: u32) -> BinaryMask {
    let width = mask.width() as usize;
    let mut distance: Vec<u32> = mask.pixels().map(|inside| if inside { u32::MAX } else { 0 }).collect();
    let pixels = distance.len();
    for i in 0..pixels {
        if i % width > 0 {
            distance[i] = distance[i].min(distance[i - 1].saturating_add(1));
        }
        if i >= width {
            distance[i] = distance[i].min(distance[i - width].saturating_add(1));
        }
    }
    for i in (0..pixels).rev() {
        if i % width + 1 < width {
            distance[i] = distance[i].min(distance[i + 1].saturating_add(1));
        }
        if i + width < pixels {
            distance[i] = distance[i].min(distance[i + width].saturating_add(1));
        }
    }
    BinaryMask::from_fn(mask.width(), mask.height(), |x, y| distance[y as usize * width + x as usize] > radius)
}

/// The 8-connected component with the most pixels; of equals, the first met in reading order.
pub(crate) fn largest_component(mask: &BinaryMask) -> BinaryMask {
    let labels = components(mask.as_image(), Connectivity::Eight);
    let mut areas: Vec<u32> = Vec::new();
    let mut order: Vec<u32> = Vec::new();
    for &label in labels.as_raw().iter().filter(|&&label| label != 0) {
        let label_index = label as usize;
        if areas.len() <= label_index {
            areas.resize(label_index + 1, 0);
        }
        if areas[label_index] == 0 {
            order.push(label);
        }
        areas[label_index] += 1;
    }
    let area = |label: &u32| areas[*label as usize];
    let largest = order.iter().copied().reduce(|best, next| if area(&next) > area(&best) { next } else { best });
    BinaryMask::from_fn(mask.width(), mask.height(), |x, y| Some(labels.get_pixel(x, y)[0]) == largest)
}

/// Adds every 4-connected background region that does not reach the image border.
pub(crate) fn fill_holes(mask: &BinaryMask) -> BinaryMask {
    let (width, height) = (mask.width(), mask.height());
    let outside = GrayImage::from_fn(width, height, |x, y| Luma([u8::from(!mask.contains(x, y))]));
    let labels = components(&outside, Connectivity::Four);
    // Label 0 is the mask itself: never open.
    let mut open = vec![false; labels.as_raw().iter().max().map_or(0, |&label| label as usize) + 1];
    for (x, y, label) in labels.enumerate_pixels() {
        if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
            open[label[0] as usize] = label[0] != 0;
        }
    }
    BinaryMask::from_fn(width, height, |x, y| !open[labels.get_pixel(x, y)[0] as usize])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask_from(rows: &[&str]) -> BinaryMask {
        BinaryMask::from_fn(rows[0].len() as u32, rows.len() as u32, |x, y| {
            rows[y as usize].as_bytes()[x as usize] == b'#'
        })
    }

    #[test]
    fn lengths_scale_with_the_side() {
        let at = |side| {
            let settings = PostprocessSettings::for_side(side);
            (settings.median, settings.median_passes, settings.erode_diamond)
        };
        assert_eq!(PostprocessSettings::for_side(512), PostprocessSettings::AT_512);
        assert_eq!(
            [at(0), at(64), at(128), at(256), at(1024)],
            [(1, 5, 0), (1, 5, 1), (1, 5, 2), (3, 5, 4), (15, 5, 14)]
        );
    }

    #[test]
    fn the_largest_component_is_eight_connected_and_its_holes_are_four_connected() {
        // The ring closes only across diagonals; the pocket inside does not leak through them.
        let mask = mask_from(&["..#....#", ".#.#...#", "#...#..#", ".#.#...#", "..#....#"]);
        let expected = mask_from(&["..#.....", ".###....", "#####...", ".###....", "..#....."]);
        assert_eq!(fill_holes(&largest_component(&mask)), expected);
    }

    #[test]
    fn of_equal_components_the_first_in_reading_order_stays() {
        let mask = mask_from(&["....#", "##..#", "....."]);
        assert_eq!(largest_component(&mask), mask_from(&["....#", "....#", "....."]));
        let empty = mask_from(&["...", "..."]);
        assert_eq!(fill_holes(&largest_component(&empty)), empty);
    }

    #[test]
    fn beyond_the_image_counts_as_inside_for_the_erosion() {
        let full = BinaryMask::from_fn(4, 3, |_, _| true);
        assert_eq!(erode_diamond(&full, 7), full);
        let notched = BinaryMask::from_fn(4, 3, |x, y| (x, y) != (0, 0));
        assert_eq!(erode_diamond(&notched, 2), mask_from(&["...#", "..##", ".###"]));
    }

    #[test]
    fn steps_of_length_zero_are_skipped_and_even_windows_refused() {
        let none = PostprocessSettings { median: 0, median_passes: 0, erode_diamond: 0 };
        let mask = postprocess(&[0.9, 0.1, 0.9, 0.9], 2, 2, 0.5, &none).unwrap();
        assert_eq!(mask.pixels().collect::<Vec<_>>(), [true, false, true, true]);
        let even = PostprocessSettings { median: 4, ..none };
        assert_eq!(postprocess(&[0.0], 1, 1, 0.5, &even), Err(MetricsError::EvenMedian(4)));
        assert!(postprocess(&[0.0; 3], 2, 2, 0.5, &none).is_err());
        assert!(postprocess(&[], 0, 0, 0.5, &PostprocessSettings::AT_512).unwrap().is_empty());
    }

    #[test]
    fn masks_of_few_pixels_and_of_one_line_are_processed() {
        for (width, height) in [(1, 1), (1, 2), (2, 1), (1, 600), (600, 1), (2, 2)] {
            let count = (width * height) as usize;
            for settings in [PostprocessSettings::AT_512, PostprocessSettings::for_side(width.max(height))] {
                for value in [0.0, 1.0] {
                    let mask = postprocess(&vec![value; count], width, height, 0.5, &settings).unwrap();
                    assert!([0, count as u64].contains(&mask.area()), "{width}x{height}: {}", mask.area());
                }
            }
            let none = PostprocessSettings { median: 0, median_passes: 0, erode_diamond: 0 };
            let full = postprocess(&vec![1.0; count], width, height, 0.5, &none).unwrap();
            assert_eq!(full.area(), count as u64);
        }
    }

    proptest! {
        /// Against the definitions: windows counted and diamonds searched pixel by pixel.
        #[test]
        fn median_and_erosion_match_their_definitions(
            (width, height, bits) in (1i64..12, 1i64..12).prop_flat_map(|(w, h)| {
                (Just(w), Just(h), proptest::collection::vec(proptest::bool::weighted(0.7), (w * h) as usize))
            }),
            length in 0u32..5,
        ) {
            let at = |x: i64, y: i64| {
                let in_image = (0..width).contains(&x) && (0..height).contains(&y);
                in_image.then(|| bits[(y * width + x) as usize])
            };
            let r = i64::from(length);
            let square = |x: i64, y: i64| (y - r..=y + r).flat_map(move |v| (x - r..=x + r).map(move |u| (u, v)));
            let mask =
                BinaryMask::from_fn(width as u32, height as u32, |x, y| at(x.into(), y.into()) == Some(true));
            let majority = BinaryMask::from_fn(width as u32, height as u32, |x, y| {
                let inside = square(x.into(), y.into()).filter(|&(u, v)| at(u, v) == Some(true)).count() as i64;
                inside > (2 * r + 1).pow(2) / 2
            });
            prop_assert_eq!(median(&mask, length), majority);
            let eroded = BinaryMask::from_fn(width as u32, height as u32, |x, y| {
                let (x, y) = (i64::from(x), i64::from(y));
                square(x, y).all(|(u, v)| (u - x).abs() + (v - y).abs() > r || at(u, v) != Some(false))
            });
            prop_assert_eq!(erode_diamond(&mask, length), eroded);
        }
    }
}
