//! How a region looks: as another camera, another light or another eye's media might show it. Nothing moves.

use image::RgbImage;
use rand::{Rng, RngExt};

use crate::data::augment::blur::{blur, integer_gaussian};
use crate::data::augment::photometric;

/// Logarithm of the exponent of all values.
const GAMMA: f32 = 0.6;
/// Part by which a channel is amplified or weakened.
const GAIN: f32 = 0.25;
/// Part of the range that is added to a channel, beside what is added to all: 12 % together.
const OFFSET: f32 = 0.06;
/// Part of the range that is added to all channels.
const BRIGHTNESS: f32 = 0.06;
/// Logarithm of the factor by which values are drawn away from their mean.
const CONTRAST: f32 = 0.25;
/// Part by which colours are further from grey, or closer to it.
const SATURATION: f32 = 0.35;
/// Turn of the colours around grey, in degrees.
const HUE: f32 = 8.0;
/// How often all colour is lost.
const COLOURLESS: f64 = 0.1;
/// Part of the light that one edge has more, and the opposite one less.
const SLOPE: f32 = 0.3;
/// Part of the light that the corners have more or less than the middle.
const VIGNETTE: f32 = 0.3;
/// How often a region is blurred.
const BLURRED: f64 = 0.5;
/// Smallest and largest sigma of the blur, as parts of the side: 0.3 and 1.5 pixels of 128.
const SIGMA: [f32; 2] = [0.3 / 128.0, 1.5 / 128.0];
/// Largest deviation of the noise of a channel, as a part of the range.
const NOISE: f32 = 0.04;
/// How often a rectangle is covered.
const COVERED: f64 = 0.25;

/// What is done to the values of a region.
#[derive(Clone, Debug)]
pub(super) struct Appearance {
    pub(super) sigma: Option<f32>,
    /// more light to the right and further down, and in the corners
    pub(super) slope: [f32; 2],
    pub(super) vignette: f32,
    pub(super) gain: [f32; 3],
    pub(super) offset: [f32; 3],
    pub(super) brightness: f32,
    pub(super) contrast: f32,
    pub(super) saturation: f32,
    pub(super) hue: f32,
    pub(super) gamma: f32,
    pub(super) noise: f32,
    pub(super) is_covered: bool,
}

impl Appearance {
    pub(super) fn random(rng: &mut impl Rng) -> Self {
        let mut within = |limit: f32| rng.random_range(-limit..limit);
        let gain = [(); 3].map(|()| 1.0 + within(GAIN));
        let (offset, brightness) = ([(); 3].map(|()| within(OFFSET)), within(BRIGHTNESS));
        let [contrast, gamma] = [CONTRAST, GAMMA].map(|limit| libm::expf(within(limit)));
        let (hue, vignette, saturation) = (within(HUE), within(VIGNETTE), 1.0 + within(SATURATION));
        let (strength, direction) = (within(SLOPE), within(90.0).to_radians());
        let slope = [strength * libm::cosf(direction), strength * libm::sinf(direction)];
        let saturation = if rng.random_bool(COLOURLESS) { 0.0 } else { saturation };
        let sigma = rng.random_range(SIGMA[0]..SIGMA[1]);
        let sigma = rng.random_bool(BLURRED).then_some(sigma);
        let noise = rng.random_range(0.0..NOISE);
        let is_covered = rng.random_bool(COVERED);
        Self { sigma, slope, vignette, gain, offset, brightness, contrast, saturation, hue, gamma, noise, is_covered }
    }

    /// In the order in which they happen to a photograph: blur, light, colours, gamma, noise, and what lies over it.
    pub(super) fn apply(&self, image: &mut RgbImage, rng: &mut impl Rng) {
        if let Some(sigma) = self.sigma {
            blur(image, &integer_gaussian(sigma * image.width() as f32));
        }
        let (matrix, offset) = self.colours(mean(image));
        let tone = tone_curve(self.gamma);
        let side = image.width() as usize;
        let ramp: Vec<f32> = (0..side).map(|at| (2 * at + 1) as f32 / side as f32 - 1.0).collect();
        // Sixteen uniform bits have a deviation of 1 / sqrt(12) of their range, four of them together 1 / sqrt(3).
        let grain = self.noise * 255.0 * 3f32.sqrt();
        for (row, y) in image.chunks_exact_mut(3 * side).zip(&ramp) {
            for (pixel, x) in row.chunks_exact_mut(3).zip(&ramp) {
                let in_corners = self.vignette * ((x * x + y * y) / 2.0 - 1.0 / 3.0);
                let light = (1.0 + self.slope[0] * x + self.slope[1] * y) * (1.0 + in_corners) / 255.0;
                let value = [0, 1, 2].map(|channel| f32::from(pixel[channel]) * light);
                for (channel, byte) in pixel.iter_mut().enumerate() {
                    let [r, g, b] = matrix[channel];
                    let mixed = r * value[0] + g * value[1] + b * value[2] + offset[channel];
                    let toned = tone[(mixed.clamp(0.0, 1.0) * LAST_TONE + 0.5) as usize];
                    // The cast to a byte saturates.
                    *byte = (toned + grain * bell(rng.next_u64()) + 0.5) as u8;
                }
            }
        }
        if self.is_covered {
            photometric::erase(image, rng);
        }
    }

    /// What becomes of colours: a product and a sum. Gains and offsets come first, so that what has lost its colour is grey; contrast leaves
    /// the grey of the mean alone.
    fn colours(&self, mean: f32) -> ([[f32; 3]; 3], [f32; 3]) {
        /// Of red, green and blue in a grey.
        const WEIGHTS: [f32; 3] = [0.299, 0.587, 0.114];
        let (sine, cosine) = libm::sincosf(self.hue.to_radians());
        // Around the axis of greys (Rodrigues' formula).
        let (equal, cross) = ((1.0 - cosine) / 3.0, sine / 3f32.sqrt());
        let turn = [
            [cosine + equal, equal - cross, equal + cross],
            [equal + cross, cosine + equal, equal - cross],
            [equal - cross, equal + cross, cosine + equal],
        ];
        let grey = [0, 1, 2].map(|column: usize| (0..3).map(|row| WEIGHTS[row] * turn[row][column]).sum::<f32>());
        let mixed = turn.map(|row| [0, 1, 2].map(|k| self.saturation * row[k] + (1.0 - self.saturation) * grey[k]));
        let added = [0, 1, 2].map(|channel: usize| {
            self.gain[channel] * (1.0 - self.contrast) * mean + self.offset[channel] + self.brightness
        });
        let matrix = mixed.map(|row| [0, 1, 2].map(|k| row[k] * self.gain[k] * self.contrast));
        (matrix, mixed.map(|row| (0..3).map(|k| row[k] * added[k]).sum()))
    }
}

/// Steps of the curve of tones.
const LAST_TONE: f32 = 4095.0;

/// Values in bytes, not rounded, for values in [0, 1].
fn tone_curve(exponent: f32) -> Vec<f32> {
    (0..=LAST_TONE as u32).map(|step| 255.0 * libm::powf(step as f32 / LAST_TONE, exponent)).collect()
}

/// Mean of all values, in [0, 1].
fn mean(image: &RgbImage) -> f32 {
    let sum: u64 = image.iter().map(|byte| u64::from(*byte)).sum();
    sum as f32 / (255.0 * image.len() as f32)
}

/// A bell-shaped number around 0 from uniform bits: the sum of four uniform ones, between -2 and 2.
fn bell(bits: u64) -> f32 {
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    sum as f32 / 65535.0 - 2.0
}
