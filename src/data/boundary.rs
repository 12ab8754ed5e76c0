//! The target of the boundary branch: a blurred band along the outlines of cup and disc.
//!
//! The band of a plane is its dilation without its erosion (both `width` times with the 4-connected cross; outside
//! the image counts as 0). The union of both bands as bytes 0 or 255 is blurred by a Gaussian cut off at four sigma,
//! down the columns first, with edges mirrored (edge pixel repeated) and each pass truncated to bytes; the
//! result is divided by 255. This reproduces `scipy.ndimage.gaussian_filter` on a `uint8` array.

use super::morphology::city_block_distance;

/// Lengths of the boundary band, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundaryBand {
    /// How far the band reaches to either side of an outline.
    pub width: u32,
    /// Standard deviation of the Gaussian.
    pub sigma: f64,
}

impl BoundaryBand {
    /// The band for regions of `size` pixels a side: width 5 and sigma 3 at 512, in proportion elsewhere.
    pub fn for_size(size: u32) -> Self {
        let scale = f64::from(size) / 512.0;
        Self { width: ((5.0 * scale).round() as u32).max(1), sigma: 3.0 * scale }
    }
}

/// Boundary target `[1, height, width]` in [0, 1] of mask planes `[n, height, width]` with values 0 and 1.
///
/// # Panics
/// When `planes` is not a whole number of planes.
pub fn boundary_target(planes: &[f32], height: usize, width: usize, band: BoundaryBand) -> Vec<f32> {
    let pixels = height * width;
    assert!(pixels > 0 && planes.len() % pixels == 0, "mask planes must be [n, {height}, {width}]");
    let mut map = vec![0u8; pixels];
    for plane in planes.chunks_exact(pixels) {
        let to_object = city_block_distance(width, height, |i| plane[i] > 0.5, false);
        let to_outside = city_block_distance(width, height, |i| plane[i] <= 0.5, true);
        for ((value, &object), &outside) in map.iter_mut().zip(&to_object).zip(&to_outside) {
            if object <= band.width && outside <= band.width {
                *value = 255;
            }
        }
    }
    let kernel = half_gaussian(band.sigma);
    let blurred = blur_rows(&blur_columns(&map, height, width, &kernel), width, &kernel);
    blurred.into_iter().map(|value| f32::from(value) / 255.0).collect()
}

/// Weights at distance 0, 1, ... of a normalised Gaussian that ends at four sigma.
fn half_gaussian(sigma: f64) -> Vec<f64> {
    let radius = (4.0 * sigma + 0.5) as i64;
    let weight = |x: i64| libm::exp(-0.5 / (sigma * sigma) * (x * x) as f64);
    let total: f64 = (-radius..=radius).map(weight).sum();
    (0..=radius).map(|x| weight(x) / total).collect()
}

/// Position on a line of `length` of an index that may lie outside, mirrored with the edge pixel repeated.
fn mirror(index: i64, length: usize) -> usize {
    let folded = index.rem_euclid(2 * length as i64) as usize;
    if folded < length { folded } else { 2 * length - 1 - folded }
}

// Both passes add the centre first and then pairs from the outermost inwards, as scipy does: truncation to bytes
// makes the last bit of a sum over a flat stretch visible.

fn blur_columns(map: &[u8], height: usize, width: usize, kernel: &[f64]) -> Vec<u8> {
    let row = |y: i64| &map[mirror(y, height) * width..][..width];
    let mut out = Vec::with_capacity(map.len());
    let mut sums = vec![0.0f64; width];
    for y in 0..height as i64 {
        for (sum, &centre) in sums.iter_mut().zip(row(y)) {
            *sum = f64::from(centre) * kernel[0];
        }
        for (offset, &weight) in kernel.iter().enumerate().skip(1).rev() {
            let (above, below) = (row(y - offset as i64), row(y + offset as i64));
            for ((sum, &above), &below) in sums.iter_mut().zip(above).zip(below) {
                *sum += f64::from(u16::from(above) + u16::from(below)) * weight;
            }
        }
        out.extend(sums.iter().map(|&sum| sum as u8));
    }
    out
}

fn blur_rows(map: &[u8], width: usize, kernel: &[f64]) -> Vec<u8> {
    let radius = kernel.len() - 1;
    let mut padded = vec![0u8; width + 2 * radius];
    let mut sums = vec![0.0f64; width];
    let mut out = Vec::with_capacity(map.len());
    for row in map.chunks_exact(width) {
        for (x, value) in padded.iter_mut().enumerate() {
            *value = row[mirror(x as i64 - radius as i64, width)];
        }
        for (sum, &centre) in sums.iter_mut().zip(row) {
            *sum = f64::from(centre) * kernel[0];
        }
        for (offset, &weight) in kernel.iter().enumerate().skip(1).rev() {
            let left = &padded[radius - offset..][..width];
            let right = &padded[radius + offset..][..width];
            for ((sum, &left), &right) in sums.iter_mut().zip(left).zip(right) {
                *sum += f64::from(u16::from(left) + u16::from(right)) * weight;
            }
        }
        out.extend(sums.iter().map(|&sum| sum as u8));
    }
    out
}
