//! A grid of numbers, and its Gaussian mean.

use std::f32::consts::PI;

/// Row-major `[height, width]`.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Plane {
    pub(super) fn filled(width: usize, height: usize, value: f32) -> Self {
        Self { width, height, values: vec![value; width * height] }
    }

    pub(super) fn from_fn(width: usize, height: usize, value: impl Fn(usize) -> f32) -> Self {
        Self { width, height, values: (0..width * height).map(value).collect() }
    }

    /// The largest value.
    pub(super) fn maximum(&self) -> f32 {
        self.values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// Column, row and value of the largest value among pixels that are `allowed(column, row)`; the first of equals.
    pub(super) fn peak(&self, allowed: impl Fn(usize, usize) -> bool) -> Option<(usize, usize, f32)> {
        let mut best: Option<(usize, usize, f32)> = None;
        for (i, &value) in self.values.iter().enumerate() {
            let (x, y) = (i % self.width, i / self.width);
            if best.is_none_or(|(_, _, b)| value > b) && allowed(x, y) {
                best = Some((x, y, value));
            }
        }
        best
    }

    /// Gaussian mean; edge pixels are repeated beyond the border. The sums are those of imageproc's
    /// `gaussian_blur_f32`, taken for whole rows at once: wide means are most of what the search costs.
    pub(super) fn blurred(&self, sigma: f32) -> Self {
        let kernel = gaussian(sigma);
        let radius = kernel.len() / 2;
        let add = |sums: &mut [f32], values: &[f32], weight: f32| {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * weight);
        };
        let mut along_rows = vec![0.0; self.values.len()];
        let mut padded = vec![0.0; self.width + 2 * radius];
        for (row, sums) in self.values.chunks_exact(self.width).zip(along_rows.chunks_exact_mut(self.width)) {
            for (x, value) in padded.iter_mut().enumerate() {
                *value = row[x.saturating_sub(radius).min(self.width - 1)];
            }
            for (first, &weight) in kernel.iter().enumerate() {
                add(sums, &padded[first..], weight);
            }
        }
        let mut values = vec![0.0; self.values.len()];
        for (y, sums) in values.chunks_exact_mut(self.width).enumerate() {
            for (shift, &weight) in kernel.iter().enumerate() {
                let row = (y + shift).saturating_sub(radius).min(self.height - 1);
                add(sums, &along_rows[row * self.width..], weight);
            }
        }
        Self { values, ..*self }
    }

    /// The value at a place between pixels, bilinear; the border's beyond it.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
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

/// Weights of a Gaussian mean up to two deviations to either side; their sum is 1.
fn gaussian(sigma: f32) -> Vec<f32> {
    let radius = (2.0 * sigma).ceil() as i32;
    let density = |x: f32| ((2.0 * PI).sqrt() * sigma).recip() * (-x.powi(2) / (2.0 * sigma.powi(2))).exp();
    let mut kernel: Vec<f32> = (-radius..=radius).map(|x| density(x as f32)).collect();
    let sum: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|weight| *weight /= sum);
    kernel
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma};
    use imageproc::filter::gaussian_blur_f32;

    use super::Plane;

    #[test]
    fn means_are_those_of_imageproc() {
        let (width, height) = (37, 23);
        let plane = Plane::from_fn(width, height, |i| (i * 7919 % 1000) as f32 / 1000.0);
        let image = ImageBuffer::<Luma<f32>, Vec<f32>>::from_raw(width as u32, height as u32, plane.values.clone());
        let image = image.expect("as many values as pixels");
        for sigma in [0.3, 1.0, 5.7, 40.0] {
            assert_eq!(plane.blurred(sigma).values, gaussian_blur_f32(&image, sigma).into_raw(), "{sigma}");
        }
    }
}
