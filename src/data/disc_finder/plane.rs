//! A grid of numbers, and its Gaussian mean.

use image::{ImageBuffer, Luma};
use imageproc::filter::gaussian_blur_f32;

/// Row-major `[height, width]`.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Plane {
    pub fn filled(width: usize, height: usize, value: f32) -> Self {
        Self { width, height, values: vec![value; width * height] }
    }

    pub fn from_fn(width: usize, height: usize, value: impl Fn(usize) -> f32) -> Self {
        Self { width, height, values: (0..width * height).map(value).collect() }
    }

    /// The largest value.
    pub fn maximum(&self) -> f32 {
        self.values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// Column, row and value of the largest value among pixels that are `allowed(column, row)`; the first of equals.
    pub fn peak(&self, allowed: impl Fn(usize, usize) -> bool) -> Option<(usize, usize, f32)> {
        let mut best: Option<(usize, usize, f32)> = None;
        for (i, &value) in self.values.iter().enumerate() {
            let (x, y) = (i % self.width, i / self.width);
            if best.is_none_or(|(_, _, b)| value > b) && allowed(x, y) {
                best = Some((x, y, value));
            }
        }
        best
    }

    /// Gaussian mean; edge pixels are repeated beyond the border.
    pub fn blurred(&self, sigma: f32) -> Self {
        let (width, height) = (self.width as u32, self.height as u32);
        let image = ImageBuffer::<Luma<f32>, Vec<f32>>::from_raw(width, height, self.values.clone());
        let blurred = gaussian_blur_f32(&image.expect("a plane has as many values as pixels"), sigma);
        Self { values: blurred.into_raw(), ..*self }
    }

    /// The value at a place between pixels, bilinear; the border's beyond it.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let clamped = |v: f32, length: usize| v.clamp(0.0, (length - 1) as f32);
        let (x, y) = (clamped(x, self.width), clamped(y, self.height));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (u, v) = (x - left as f32, y - top as f32);
        let value = |x: usize, y: usize| self.values[y * self.width + x];
        let upper = value(left, top) * (1.0 - u) + value(right, top) * u;
        let lower = value(left, bottom) * (1.0 - u) + value(right, bottom) * u;
        upper * (1.0 - v) + lower * v
    }
}
