//! The field of view: the round part of a photograph that shows the retina.

use image::{GrayImage, Luma, RgbImage};
use imageproc::distance_transform::Norm;
use imageproc::morphology::erode;

use super::plane::Plane;

/// A photograph without what surrounds its field of view.
pub(super) struct Field {
    /// row-major: whether a pixel shows the retina, some pixels away from the edge
    pub inside: Vec<bool>,
    /// width or height of the field in pixels, the larger
    pub diameter: f32,
    /// mean of red and green, in [0, 1]
    pub intensity: Plane,
    /// green, in which vessels are darkest, in [0, 1]
    pub green: Plane,
    /// in [0, 1]
    pub red: Plane,
    weights: Plane,
}

/// Pixels darker than this share of the bright ones surround the field.
const DARK: f32 = 0.15;
/// How far from its edge the field begins to count, as a share of its diameter: the edge itself looks like a vessel.
const EDGE: f32 = 0.02;

impl Field {
    /// `None` in a picture of one colour.
    pub(super) fn of(photograph: &RgbImage) -> Option<Self> {
        let (width, height) = (photograph.width() as usize, photograph.height() as usize);
        let mut brightest: Vec<u8> = photograph.pixels().map(|p| p.0.into_iter().max().unwrap_or(0)).collect();
        let lit =
            GrayImage::from_raw(width as u32, height as u32, brightest.clone()).expect("one value for each pixel");
        brightest.sort_unstable();
        let (darkest, bright) = (brightest[0], brightest[brightest.len() * 9 / 10]);
        if bright == 0 || brightest[brightest.len() - 1] == darkest {
            return None;
        }
        let threshold = DARK * f32::from(bright);
        let lit = GrayImage::from_fn(width as u32, height as u32, |x, y| {
            Luma([if f32::from(lit.get_pixel(x, y).0[0]) > threshold { 255 } else { 0 }])
        });
        let (columns, rows) = (extent(&lit, true)?, extent(&lit, false)?);
        let diameter = columns.max(rows) as f32;
        let margin = (EDGE * diameter).round().clamp(1.0, 255.0) as u8;
        let inside: Vec<bool> = erode(&lit, Norm::L2, margin).iter().map(|level| *level > 0).collect();
        if !inside.iter().any(|inside| *inside) {
            return None;
        }
        let pixels = photograph.as_raw();
        let intensity =
            Plane::from_fn(width, height, |i| (f32::from(pixels[3 * i]) + f32::from(pixels[3 * i + 1])) / 510.0);
        let green = Plane::from_fn(width, height, |i| f32::from(pixels[3 * i + 1]) / 255.0);
        let red = Plane::from_fn(width, height, |i| f32::from(pixels[3 * i]) / 255.0);
        let weights = Plane::from_fn(width, height, |i| f32::from(u8::from(inside[i])));
        Some(Self { inside, diameter, intensity, green, red, weights })
    }

    pub(super) fn width(&self) -> usize {
        self.intensity.width
    }

    pub(super) fn height(&self) -> usize {
        self.intensity.height
    }

    /// Gaussian mean over the part of the surroundings that is inside.
    pub(super) fn mean_around(&self, plane: &Plane, sigma: f32) -> Plane {
        let weighted = Plane::from_fn(plane.width, plane.height, |i| plane.values[i] * self.weights.values[i]);
        let (sum, weight) = (weighted.blurred(sigma), self.weights.blurred(sigma));
        Plane::from_fn(plane.width, plane.height, |i| sum.values[i] / weight.values[i].max(1e-4))
    }

    /// Standard deviation of the intensity inside.
    pub(super) fn deviation(&self) -> f32 {
        let inside = || self.intensity.values.iter().zip(&self.inside).filter(|(_, inside)| **inside).map(|(v, _)| *v);
        let count = inside().count() as f32;
        let mean = inside().sum::<f32>() / count;
        (inside().map(|v| (v - mean).powi(2)).sum::<f32>() / count).sqrt()
    }
}

/// Number of columns or rows from the first to the last that is lit in more than a tenth of it.
fn extent(lit: &GrayImage, columns: bool) -> Option<u32> {
    let (lines, across) = if columns { (lit.width(), lit.height()) } else { (lit.height(), lit.width()) };
    let is_lit = |line: &u32| {
        let at = |i: u32| if columns { lit.get_pixel(*line, i) } else { lit.get_pixel(i, *line) };
        (0..across).filter(|i| at(*i).0[0] > 0).count() as u32 > across / 10
    };
    Some((0..lines).rfind(is_lit)? - (0..lines).find(is_lit)? + 1)
}
