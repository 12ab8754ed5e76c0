//! The colours of a camera as means and deviations of red, green and blue, and images brought to them.

use std::fmt;
use std::str::FromStr;

use image::RgbImage;
use rayon::prelude::*;

use super::error::DataError;
use super::region::{Region, RegionPixels, image_planes};

/// Deviation below which a channel is flat: it is moved and not stretched, for what varies in it is no more than rounding.
const FLAT: f32 = 1.0 / 127.5;

/// Mean and standard deviation of red, green and blue, of values in [-1, 1]. As text six numbers: the means, then the
/// deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colours {
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl Colours {
    /// Those of an image `[3, H, W]`.
    pub fn of(planes: &[f32]) -> Self {
        let pixels = (planes.len() / 3).max(1);
        let (mut mean, mut deviation) = ([0.0; 3], [0.0; 3]);
        for (channel, plane) in planes.chunks(pixels).take(3).enumerate() {
            let count = plane.len() as f64;
            let average = plane.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
            let squares = plane.iter().map(|value| (f64::from(*value) - average).powi(2)).sum::<f64>();
            (mean[channel], deviation[channel]) = (average as f32, (squares / count).sqrt() as f32);
        }
        Self { mean, deviation }
    }

    /// Averages over regions brought to `size` pixels a side, as [`average`](Self::average).
    ///
    /// # Errors
    /// An image that cannot be read.
    pub fn of_regions(regions: &[Region], size: u32, done: impl Fn() + Sync) -> Result<Option<Self>, DataError> {
        let of_region = |region: &Region| {
            let image = RegionPixels::read(&Region { mask: None, ..region.clone() })?.resized(size).image;
            done();
            Ok(Self::of(&image_planes(&image)))
        };
        let images: Result<Vec<Self>, DataError> = regions.par_iter().map(of_region).collect();
        Ok(Self::average(&images?))
    }

    /// Means of the means and of the deviations of images, each of which counts alike; `None` of no image.
    pub fn average(images: &[Self]) -> Option<Self> {
        let over = |of: fn(&Self) -> [f32; 3]| {
            let sum = |channel: usize| images.iter().map(|image| f64::from(of(image)[channel])).sum::<f64>();
            [0, 1, 2].map(|channel| (sum(channel) / images.len() as f64) as f32)
        };
        (!images.is_empty()).then(|| Self { mean: over(|own| own.mean), deviation: over(|own| own.deviation) })
    }

    /// Brings an image `[3, H, W]` to these: each channel is moved and stretched to this mean and deviation, and what then
    /// lies beyond [-1, 1] is cut off (Reinhard et al. 2001, in RGB).
    pub fn bring(&self, planes: &mut [f32]) {
        let own = Self::of(planes);
        let pixels = (planes.len() / 3).max(1);
        for (channel, plane) in planes.chunks_mut(pixels).take(3).enumerate() {
            let gain =
                if own.deviation[channel] < FLAT { 1.0 } else { self.deviation[channel] / own.deviation[channel] };
            for value in plane {
                *value = ((*value - own.mean[channel]) * gain + self.mean[channel]).clamp(-1.0, 1.0);
            }
        }
    }
}

/// The same of the bytes of an image, rounded.
pub(crate) fn bring_image(colours: &Colours, image: &mut RgbImage) {
    let mut planes = image_planes(image);
    colours.bring(&mut planes);
    let pixels = planes.len() / 3;
    for (at, pixel) in image.pixels_mut().enumerate() {
        // The cast to a byte saturates.
        pixel.0 = [0, 1, 2].map(|channel| ((planes[channel * pixels + at] + 1.0) * 127.5 + 0.5) as u8);
    }
}

/// An image `[3, H, W]` as a network takes it, brought to colours if there are some.
pub(crate) fn planes_brought_to(colours: Option<Colours>, image: &RgbImage) -> Vec<f32> {
    let mut planes = image_planes(image);
    colours.iter().for_each(|colours| colours.bring(&mut planes));
    planes
}

impl fmt::Display for Colours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.mean;
        write!(f, "{r} {g} {b}")?;
        self.deviation.iter().try_for_each(|value| write!(f, " {value}"))
    }
}

/// A text that is not the colours of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("six numbers are needed, means between -1 and 1 and deviations between 0 and 1")]
pub struct NoColours;

impl FromStr for Colours {
    type Err = NoColours;

    fn from_str(text: &str) -> Result<Self, NoColours> {
        let numbers: Result<Vec<f32>, _> = text.split_whitespace().map(str::parse).collect();
        let [r, g, b, dr, dg, db] = numbers.map_err(|_| NoColours)?[..] else { return Err(NoColours) };
        let (mean, deviation) = ([r, g, b], [dr, dg, db]);
        let is_one = mean.iter().all(|m| (-1.0..=1.0).contains(m)) && deviation.iter().all(|d| (0.0..=1.0).contains(d));
        if is_one { Ok(Self { mean, deviation }) } else { Err(NoColours) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Colours = Colours { mean: [0.25, -0.5, -0.75], deviation: [0.25, 0.125, 0.0625] };

    fn image(gain: f32) -> Vec<f32> {
        (0..3 * 64).map(|i| gain * ((i * 37 % 64) as f32 / 32.0 - 1.0) - 0.1 * (i / 64) as f32).collect()
    }

    #[test]
    fn an_image_has_the_colours_that_it_was_brought_to() {
        let mut planes = image(0.3);
        let before = planes.clone();
        SOURCE.bring(&mut planes);
        let found = Colours::of(&planes);
        for (own, wanted) in [(found.mean, SOURCE.mean), (found.deviation, SOURCE.deviation)] {
            assert!(own.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{own:?} where {wanted:?} is wanted");
        }
        let own = Colours::of(&before);
        let mut same = before.clone();
        own.bring(&mut same);
        assert!(same.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-6), "its own colours change nothing");
    }

    #[test]
    fn values_beyond_the_range_are_cut_off_and_flat_channels_stay_flat() {
        let mut bright = image(1.0);
        Colours { mean: [0.9; 3], deviation: [0.9; 3] }.bring(&mut bright);
        assert!(bright.iter().all(|value| (-1.0..=1.0).contains(value)) && bright.contains(&1.0));
        let mut flat = vec![0.2; 3 * 16];
        SOURCE.bring(&mut flat);
        assert_eq!([flat[0], flat[16], flat[32]], SOURCE.mean);
    }

    #[test]
    fn averages_are_of_images_and_text_keeps_every_bit() {
        let other = Colours { mean: [0.75, 0.0, 0.25], deviation: [0.75, 0.375, 0.9375] };
        let both = Colours::average(&[SOURCE, other]).expect("of two");
        assert_eq!(both, Colours { mean: [0.5, -0.25, -0.25], deviation: [0.5, 0.25, 0.5] });
        assert_eq!(Colours::average(&[]), None);
        let uneven = Colours { mean: [0.1, -1.0 / 3.0, 1e-9], deviation: [0.7, 0.2, 1.0 / 7.0] };
        assert_eq!(uneven.to_string().parse(), Ok(uneven));
        for text in ["", "1 2 3", "0 0 0 0 0 x", "2 0 0 0.1 0.1 0.1", "0 0 0 -0.1 0.1 0.1", "0 0 0 NaN 0.1 0.1"] {
            assert_eq!(text.parse::<Colours>(), Err(NoColours), "{text}");
        }
    }
}
