//! Pictures of a training step: what the network sees and says of an image.

use image::imageops::{self, FilterType};
use image::{GenericImage, GrayImage, Rgb, RgbImage};

use crate::data::overlay::draw_outlines;
use crate::data::resize::resize_mask;
use crate::metrics::Masking;

/// The standard deviation at the upper end of the colour map: probabilities deviate by no more, but for the correction
/// of an unbiased estimate.
const MAX_STD: f32 = 0.5;

/// Channels of one image, row-major `[C, height, width]`.
#[derive(Clone, Copy, Debug)]
pub struct Channels<'a> {
    /// `C · height · width` values
    pub values: &'a [f32],
    /// rows
    pub height: u32,
    /// columns
    pub width: u32,
}

impl<'a> Channels<'a> {
    /// The values of a channel, `[height, width]`.
    fn channel(&self, index: usize) -> &'a [f32] {
        let plane = self.height as usize * self.width as usize;
        &self.values[index * plane..(index + 1) * plane]
    }

    fn check(&self, what: &str, channels: usize) {
        let wanted = channels * self.height as usize * self.width as usize;
        assert!(
            wanted > 0 && self.values.len() == wanted,
            "{what} is [{channels}, {}, {}] but has {} values",
            self.height,
            self.width,
            self.values.len()
        );
    }
}

/// What is known of an image in a training step. Class 0 is the cup, 1 the disc; maps may be smaller than the image
/// and are then enlarged to its size, each pixel into a block.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// `[3, H, W]`, from -1 to 1
    pub image: Channels<'a>,
    /// `[2, h, w]`
    pub probability: Channels<'a>,
    /// `[2, h, w]`, 0 or 1
    pub pseudo_label: Option<Channels<'a>>,
    /// `[2, h, w]`: standard deviation of a probability over stochastic passes
    pub uncertainty: Option<Channels<'a>>,
}

impl Shown<'_> {
    /// The pictures by name.
    ///
    /// - `input`: the image as the network gets it, `H` x `W`;
    /// - `prediction`: the same with the outlines of where the probability exceeds the usual thresholds, disc blue, cup green;
    /// - `pseudo_label`: the same with the outlines of the pseudo label;
    /// - `uncertainty`: cup on the left, disc on the right, `H` x `2 W`, in viridis from 0 (dark violet) to 0.5
    ///   (yellow, as what exceeds it); NaN is black.
    ///
    /// # Panics
    /// When a number of values does not fit its shape, or is 0.
    pub fn pictures(&self) -> Vec<(&'static str, RgbImage)> {
        self.image.check("the image", 3);
        let input = photograph(&self.image);
        let outlined = |what: &str, maps: &Channels<'_>, thresholds: [f32; 2]| {
            maps.check(what, 2);
            let mut picture = input.clone();
            let [cup, disc] = [0, 1].map(|class| exceeding(maps, class, thresholds[class], picture.dimensions()));
            draw_outlines(&mut picture, &cup, &disc);
            picture
        };
        let prediction = outlined("the probability", &self.probability, Masking::USUAL.thresholds);
        let mut pictures = vec![("input", input.clone()), ("prediction", prediction)];
        if let Some(label) = &self.pseudo_label {
            pictures.push(("pseudo_label", outlined("the pseudo label", label, [0.5; 2])));
        }
        if let Some(std) = &self.uncertainty {
            std.check("the uncertainty", 2);
            let [cup, disc] = [0, 1].map(|class| colour_map(std, class, input.dimensions()));
            pictures.push(("uncertainty", side_by_side(&cup, &disc)));
        }
        pictures
    }
}

/// Bytes from values between -1 and 1.
fn photograph(image: &Channels<'_>) -> RgbImage {
    // A cast from float saturates, and takes NaN to 0.
    let byte = |value: f32| ((value + 1.0) * 127.5).round() as u8;
    let [red, green, blue] = [0, 1, 2].map(|channel| image.channel(channel));
    RgbImage::from_fn(image.width, image.height, |x, y| {
        let at = y as usize * image.width as usize + x as usize;
        Rgb([red, green, blue].map(|channel| byte(channel[at])))
    })
}

/// Where the map of a class exceeds the threshold, row-major at a size of (width, height).
fn exceeding(maps: &Channels<'_>, class: usize, threshold: f32, size: (u32, u32)) -> Vec<bool> {
    let levels = maps.channel(class).iter().map(|&value| u8::from(value > threshold)).collect();
    let mask = GrayImage::from_raw(maps.width, maps.height, levels).expect("a channel has as many values as pixels");
    resize_mask(&mask, size.0, size.1).iter().map(|&level| level == 1).collect()
}

/// The deviations of a class in colours at a size of (width, height).
fn colour_map(std: &Channels<'_>, class: usize, size: (u32, u32)) -> RgbImage {
    let values = std.channel(class);
    let picture = RgbImage::from_fn(std.width, std.height, |x, y| {
        let value = values[y as usize * std.width as usize + x as usize];
        Rgb(colorous::VIRIDIS.eval_continuous(f64::from(value / MAX_STD)).into_array())
    });
    imageops::resize(&picture, size.0, size.1, FilterType::Nearest)
}

fn side_by_side(left: &RgbImage, right: &RgbImage) -> RgbImage {
    let mut both = RgbImage::new(left.width() + right.width(), left.height());
    for (picture, x) in [(left, 0), (right, left.width())] {
        both.copy_from(picture, x, 0).expect("the canvas holds both");
    }
    both
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::data::overlay::{CUP_COLOUR, DISC_COLOUR};
    use crate::data::region::image_planes;

    const VIOLET: Rgb<u8> = Rgb([68, 1, 84]);
    const YELLOW: Rgb<u8> = Rgb([253, 231, 37]);

    fn channels(values: &[f32], width: u32, height: u32) -> Channels<'_> {
        Channels { values, height, width }
    }

    fn by_name(shown: &Shown<'_>) -> BTreeMap<&'static str, RgbImage> {
        shown.pictures().into_iter().collect()
    }

    /// `[2, 16, 24]` with `inside` in a block of each class and `outside` elsewhere; the cup's block is (8..16, 6..10)
    /// and the disc's (4..20, 2..14).
    fn blocks(inside: f32, outside: f32) -> Vec<f32> {
        let block = |from: (u32, u32), to: (u32, u32)| {
            (0..24 * 16).map(move |i| {
                let (x, y) = (i % 24, i / 24);
                if (from.0..to.0).contains(&x) && (from.1..to.1).contains(&y) { inside } else { outside }
            })
        };
        block((8, 6), (16, 10)).chain(block((4, 2), (20, 14))).collect()
    }

    #[test]
    fn the_input_is_the_bytes_that_went_in() {
        let bytes = RgbImage::from_fn(24, 16, |x, y| Rgb([(x * 11) as u8, (y * 17) as u8, (x * y) as u8]));
        let (values, probability) = (image_planes(&bytes), vec![0.0; 2]);
        let image = channels(&values, 24, 16);
        let shown = Shown { image, probability: channels(&probability, 1, 1), pseudo_label: None, uncertainty: None };
        let pictures = shown.pictures();
        assert_eq!(pictures.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["input", "prediction"]);
        assert_eq!(pictures[0].1, bytes);
        assert_eq!(pictures[1].1, bytes, "nothing is predicted");
    }

    #[test]
    fn outlines_are_drawn_from_three_quarters_on_and_from_the_label() {
        let values = vec![0.0; 3 * 24 * 16];
        let image = channels(&values, 24, 16);
        let (below, above, label) = (blocks(0.75, 0.1), blocks(0.76, 0.1), blocks(1.0, 0.0));
        let draw = |probability, label| {
            let pseudo_label = Some(channels(label, 24, 16));
            by_name(&Shown { image, probability: channels(probability, 24, 16), pseudo_label, uncertainty: None })
        };
        let pictures = draw(&below, &above);
        assert_eq!(pictures["prediction"], pictures["input"]);
        let pictures = draw(&above, &label);
        let row: Vec<_> = (0..24).map(|x| *pictures["prediction"].get_pixel(x, 8)).collect();
        let mut want = [Rgb([128; 3]); 24];
        (want[4], want[19], want[8], want[15]) = (DISC_COLOUR, DISC_COLOUR, CUP_COLOUR, CUP_COLOUR);
        assert_eq!(row, want);
        assert_eq!(pictures["pseudo_label"], pictures["prediction"]);
    }

    #[test]
    fn a_coarse_label_is_enlarged_in_blocks() {
        let values = vec![0.0; 3 * 24 * 16];
        // 6 x 4: the disc is columns 1..5 of rows 1..3, the cup empty.
        let disc = (0..24).map(|i| f32::from((1..5).contains(&(i % 6)) && (1..3).contains(&(i / 6))));
        let label: Vec<f32> = std::iter::repeat_n(0.0, 24).chain(disc).collect();
        let shown = Shown {
            image: channels(&values, 24, 16),
            probability: channels(&label, 6, 4),
            pseudo_label: Some(channels(&label, 6, 4)),
            uncertainty: None,
        };
        let pictures = by_name(&shown);
        let blue = |x, y| *pictures["pseudo_label"].get_pixel(x, y) == DISC_COLOUR;
        let corners = [(4, 4), (19, 4), (4, 11), (19, 11)];
        assert!(corners.into_iter().all(|(x, y)| blue(x, y)));
        let count = pictures["pseudo_label"].pixels().filter(|p| **p == DISC_COLOUR).count();
        assert_eq!(count, 2 * (16 + 8) - 4, "a rectangle of one pixel's width");
    }

    #[test]
    fn uncertainty_spans_the_colour_map_from_0_to_a_half() {
        let values = vec![0.0; 3 * 24 * 16];
        let cup = [0.0, 0.5, 0.25, 0.6, -0.1, f32::NAN];
        let std: Vec<f32> = cup.into_iter().chain([0.5; 6]).collect();
        let shown = Shown {
            image: channels(&values, 24, 16),
            probability: channels(&[0.0; 2], 1, 1),
            pseudo_label: None,
            uncertainty: Some(channels(&std, 3, 2)),
        };
        let picture = &by_name(&shown)["uncertainty"];
        assert_eq!(picture.dimensions(), (48, 16));
        let at = |x, y| *picture.get_pixel(x, y);
        assert_eq!([at(0, 0), at(7, 7)], [VIOLET; 2]);
        assert_eq!([at(8, 0), at(15, 7)], [YELLOW; 2]);
        assert_eq!([at(0, 8), at(8, 8), at(16, 8)], [YELLOW, VIOLET, Rgb([0; 3])], "values beyond the scale, and NaN");
        let middle = at(16, 0).0.map(i32::from);
        assert!(middle.iter().zip([33, 145, 140]).all(|(a, b)| (a - b).abs() <= 2), "{middle:?}");
        assert!((24..48).all(|x| at(x, 3) == YELLOW), "the disc is on the right");
    }

    #[test]
    #[should_panic(expected = "the pseudo label is [2, 16, 24] but has 384 values")]
    fn a_map_of_another_size_is_refused() {
        let values = vec![0.0; 3 * 24 * 16];
        let label = vec![0.0; 24 * 16];
        let shown = Shown {
            image: channels(&values, 24, 16),
            probability: channels(&[0.0; 2], 1, 1),
            pseudo_label: Some(channels(&label, 24, 16)),
            uncertainty: None,
        };
        shown.pictures();
    }
}
