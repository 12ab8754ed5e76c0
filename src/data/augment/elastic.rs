//! Elastic deformation (Simard et al., 2003): every pixel looks up its value at a smoothly random offset.
//!
//! The offsets are noise uniform in [-1, 1) per pixel and axis, blurred by a Gaussian of sigma 0.08 side (cut off at
//! four sigma, zero outside), times 2 side. A field that smooth need not be computed at each pixel: the blur is
//! evaluated exactly at nodes sigma / 5 apart and read linearly between them, which is off by at most half a percent.

use image::{GrayImage, Rgb, RgbImage};
use rand::{Rng, RngExt};

use super::sampling::bilinear;

/// Sigma of the blur as a part of the side.
const SIGMA: f32 = 0.08;
/// Offsets in pixels of blurred noise 1, as a multiple of the side.
const ALPHA: f32 = 2.0;

/// Deforms image and mask by the same offsets: the image bilinear with 0 outside, the mask nearest with its edge
/// repeated, so no new level appears.
pub(super) fn deform(image: &mut RgbImage, mask: Option<&mut GrayImage>, rng: &mut impl Rng) {
    let side = image.width() as usize;
    let down = OffsetField::random(side, rng);
    let right = OffsetField::random(side, rng);
    resample(image, mask, |x, y| (x as f32 + right.at(x, y), y as f32 + down.at(x, y)));
}

/// Gives each pixel (x, y) the value at `source(x, y)`, in pixels from the centre of the first.
fn resample(image: &mut RgbImage, mask: Option<&mut GrayImage>, source: impl Fn(usize, usize) -> (f32, f32)) {
    let side = image.width() as usize;
    let last = side as f32 - 1.0;
    let nearest = |position: f32| (position.clamp(0.0, last) + 0.5) as usize;
    let old_image = image.clone();
    let mut masks = mask.map(|mask| (mask.clone(), mask));
    for (i, pixel) in image.pixels_mut().enumerate() {
        let (x, y) = source(i % side, i / side);
        *pixel = bilinear_or_black(&old_image, x, y);
        if let Some((old, new)) = &mut masks {
            new.as_flat_samples_mut().samples[i] = old.as_raw()[nearest(y) * side + nearest(x)];
        }
    }
}

/// The image's value between pixel centres; 0 beyond the outermost centres.
fn bilinear_or_black(image: &RgbImage, x: f32, y: f32) -> Rgb<u8> {
    let last = (image.width() - 1) as f32;
    if !(0.0..=last).contains(&x) || !(0.0..=last).contains(&y) {
        return Rgb([0; 3]);
    }
    Rgb(bilinear(image, x, y).map(|value| (value + 0.5) as u8))
}

/// One component of the offsets, known at nodes `step` pixels apart.
struct OffsetField {
    nodes: Vec<f32>,
    nodes_per_line: usize,
    step: usize,
}

impl OffsetField {
    fn random(side: usize, rng: &mut impl Rng) -> Self {
        let noise: Vec<f32> = (0..side * side).map(|_| rng.random_range(-1.0..1.0)).collect();
        let sigma = SIGMA * side as f32;
        let mut field = Self::blurred(&noise, side, sigma, ((sigma / 5.0) as usize).max(1));
        let alpha = ALPHA * side as f32;
        field.nodes.iter_mut().for_each(|offset| *offset *= alpha);
        field
    }

    /// The Gaussian blur of `[side, side]` values, zero outside, at every `step`-th row and column (one more than
    /// fits, so that every pixel lies between nodes).
    fn blurred(values: &[f32], side: usize, sigma: f32, step: usize) -> Self {
        let kernel = gaussian(sigma);
        let radius = kernel.len() / 2;
        let nodes_per_line = (side - 1) / step + 2;
        // The part of the kernel centred on `centre` that lies inside a line: first index and weights.
        let inside = |centre: usize| {
            let first = centre.saturating_sub(radius);
            let end = (centre + radius + 1).min(side);
            let skipped = first + radius - centre;
            (first, &kernel[skipped..skipped + end.saturating_sub(first)])
        };
        let mut nodes = Vec::with_capacity(nodes_per_line * nodes_per_line);
        let mut line = vec![0.0f32; side];
        for row in 0..nodes_per_line {
            line.fill(0.0);
            let (first, weights) = inside(row * step);
            for (values, &weight) in values[first.min(side) * side..].chunks_exact(side).zip(weights) {
                for (sum, &value) in line.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            nodes.extend((0..nodes_per_line).map(|column| {
                let (first, weights) = inside(column * step);
                line.iter().skip(first).zip(weights).map(|(value, weight)| value * weight).sum::<f32>()
            }));
        }
        Self { nodes, nodes_per_line, step }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        let node = y / self.step * self.nodes_per_line + x / self.step;
        let fx = (x % self.step) as f32 / self.step as f32;
        let fy = (y % self.step) as f32 / self.step as f32;
        let upper = self.nodes[node] * (1.0 - fx) + self.nodes[node + 1] * fx;
        let below = node + self.nodes_per_line;
        let lower = self.nodes[below] * (1.0 - fx) + self.nodes[below + 1] * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

/// Normalised Gaussian weights up to four sigma to either side.
pub(super) fn gaussian(sigma: f32) -> Vec<f32> {
    let sigma = f64::from(sigma);
    let radius = (4.0 * sigma + 0.5) as i64;
    let weight = |x: i64| libm::exp(-0.5 * (x * x) as f64 / (sigma * sigma));
    let total: f64 = (-radius..=radius).map(weight).sum();
    (-radius..=radius).map(|x| (weight(x) / total) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn field_between_nodes_is_the_plain_blur() {
        let side = 96;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let noise: Vec<f32> = (0..side * side).map(|_| rng.random_range(-1.0..1.0)).collect();
        let sigma = SIGMA * side as f32;
        let exact = OffsetField::blurred(&noise, side, sigma, 1);
        let coarse = OffsetField::blurred(&noise, side, sigma, 3);
        let kernel = gaussian(sigma);
        let radius = kernel.len() as i64 / 2;
        let line = 0..side as i64;
        let mut largest: f32 = 0.0;
        for (x, y) in [(0i64, 0i64), (5, 90), (47, 48), (95, 95), (95, 3), (31, 64)] {
            let mut want = 0.0f64;
            for v in -radius..=radius {
                for u in -radius..=radius {
                    if line.contains(&(x + u)) && line.contains(&(y + v)) {
                        let weight = kernel[(u + radius) as usize] * kernel[(v + radius) as usize];
                        want += f64::from(weight * noise[((y + v) * side as i64 + x + u) as usize]);
                    }
                }
            }
            let got = exact.at(x as usize, y as usize);
            assert!((f64::from(got) - want).abs() < 1e-6, "at {x},{y}: {got}, want {want}");
        }
        let largest_difference = (0..side * side)
            .map(|i| {
                let (x, y) = (i % side, i / side);
                largest = largest.max(exact.at(x, y).abs());
                (exact.at(x, y) - coarse.at(x, y)).abs()
            })
            .fold(0.0, f32::max);
        assert!(largest_difference < 0.03 * largest, "{largest_difference} of {largest}");
    }

    #[test]
    fn offsets_have_the_spread_of_blurred_noise() {
        // Blurring white noise of standard deviation 1/sqrt(3) in two dimensions divides it by 2 sqrt(pi) sigma.
        let side = 128;
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (mut sum, mut count) = (0.0f64, 0.0);
        for _ in 0..60 {
            let field = OffsetField::random(side, &mut rng);
            // Zeros outside weaken the field near the edge; the middle is unaffected.
            for i in (48..80).step_by(8) {
                for j in (48..80).step_by(8) {
                    sum += f64::from(field.at(i, j)).powi(2);
                    count += 1.0;
                }
            }
        }
        let sigma = f64::from(SIGMA) * side as f64;
        let want = 2.0 * side as f64 / 3f64.sqrt() / (2.0 * std::f64::consts::PI.sqrt() * sigma);
        let got = (sum / count).sqrt();
        assert!((got / want - 1.0).abs() < 0.15, "{got} pixels, want about {want}");
    }

    #[test]
    fn resampling_shifts_image_and_mask_alike_and_fills_each_its_way() {
        let mut image = RgbImage::from_fn(4, 4, |x, y| Rgb([(40 * x) as u8, (40 * y) as u8, 7]));
        let mut mask = GrayImage::from_fn(4, 4, |x, _| image::Luma([[0, 128, 255, 255][x as usize]]));
        resample(&mut image, Some(&mut mask), |x, y| (x as f32 + 0.5 - 1.0, y as f32 + 1.0));
        assert_eq!(image.get_pixel(0, 0).0, [0; 3], "left of the first column");
        assert_eq!(image.get_pixel(1, 0).0, [20, 40, 7], "between columns 0 and 1, row 1");
        assert_eq!(image.get_pixel(2, 3).0, [0; 3], "below the last row");
        assert_eq!(&mask.as_raw()[..4], &[0, 128, 255, 255], "halves round up, the edge repeats");
    }
}
