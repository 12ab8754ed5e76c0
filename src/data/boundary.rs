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
    /// The band for regions of `size` pixels a side: width 5 (halves rounded up, at least 1) and sigma 3 at 512, in
    /// proportion elsewhere.
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
    assert!(pixels > 0 && planes.len().is_multiple_of(pixels), "mask planes must be [n, {height}, {width}]");
    let mut map = vec![0.0f64; pixels];
    for plane in planes.chunks_exact(pixels) {
        let to_object = city_block_distance(width, height, |i| plane[i] > 0.5, false);
        let to_outside = city_block_distance(width, height, |i| plane[i] <= 0.5, true);
        for ((value, &object), &outside) in map.iter_mut().zip(&to_object).zip(&to_outside) {
            if object <= band.width && outside <= band.width {
                *value = 255.0;
            }
        }
    }
    let kernel = half_gaussian(band.sigma);
    let blurred = blur_rows(&blur_columns(&map, height, width, &kernel), width, &kernel);
    blurred.into_iter().map(|value| value as f32 / 255.0).collect()
}

/// Weights at distance 0, 1, ... of a normalised Gaussian that ends at four sigma.
fn half_gaussian(sigma: f64) -> Vec<f64> {
    let radius = (4.0 * sigma + 0.5) as i64;
    let weights: Vec<f64> = (-radius..=radius).map(|x| libm::exp(-0.5 / (sigma * sigma) * (x * x) as f64)).collect();
    let total = sum_in_eight_lanes(&weights);
    weights[radius as usize..].iter().map(|weight| weight / total).collect()
}

/// The sum in numpy's order: eight partial sums, added pairwise, then what is left over.
fn sum_in_eight_lanes(values: &[f64]) -> f64 {
    let (groups, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for group in groups {
        for (lane, value) in lanes.iter_mut().zip(group) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// Position on a line of `length` of an index that may lie outside, mirrored with the edge pixel repeated.
fn mirror(index: i64, length: usize) -> usize {
    let folded = index.rem_euclid(2 * length as i64) as usize;
    if folded < length { folded } else { 2 * length - 1 - folded }
}

// Every sum here is in scipy's and numpy's order (the centre first, then pairs from the outermost inwards), because
// truncation to bytes makes the last bit of a sum over a flat stretch visible. Rows of zeros add nothing.

fn blur_columns(map: &[f64], height: usize, width: usize, kernel: &[f64]) -> Vec<f64> {
    let row = |y: i64| &map[mirror(y, height) * width..][..width];
    let occupied: Vec<bool> = map.chunks_exact(width).map(|row| row.iter().any(|&value| value > 0.0)).collect();
    let mut out = Vec::with_capacity(map.len());
    let mut sums = vec![0.0f64; width];
    for y in 0..height as i64 {
        for (sum, &centre) in sums.iter_mut().zip(row(y)) {
            *sum = centre * kernel[0];
        }
        for (offset, &weight) in kernel.iter().enumerate().skip(1).rev() {
            let (above, below) = (y - offset as i64, y + offset as i64);
            if occupied[mirror(above, height)] || occupied[mirror(below, height)] {
                for ((sum, &above), &below) in sums.iter_mut().zip(row(above)).zip(row(below)) {
                    *sum += (above + below) * weight;
                }
            }
        }
        out.extend(sums.iter().map(|&sum| truncated(sum)));
    }
    out
}

fn blur_rows(map: &[f64], width: usize, kernel: &[f64]) -> Vec<f64> {
    let radius = kernel.len() - 1;
    let mut padded = vec![0.0f64; width + 2 * radius];
    let mut out = vec![0.0f64; map.len()];
    for (row, sums) in map.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        if row.iter().all(|&value| value == 0.0) {
            continue;
        }
        for (x, value) in padded.iter_mut().enumerate() {
            *value = row[mirror(x as i64 - radius as i64, width)];
        }
        for (sum, &centre) in sums.iter_mut().zip(row) {
            *sum = centre * kernel[0];
        }
        for (offset, &weight) in kernel.iter().enumerate().skip(1).rev() {
            let left = &padded[radius - offset..][..width];
            let right = &padded[radius + offset..][..width];
            for ((sum, &left), &right) in sums.iter_mut().zip(left).zip(right) {
                *sum += (left + right) * weight;
            }
        }
        sums.iter_mut().for_each(|sum| *sum = truncated(*sum));
    }
    out
}

/// The byte that a non-negative sum is stored as.
fn truncated(sum: f64) -> f64 {
    f64::from(sum as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, inside: impl Fn(usize, usize) -> bool) -> Vec<f32> {
        (0..width * height).map(|i| f32::from(u8::from(inside(i % width, i / width)))).collect()
    }

    #[test]
    fn band_scales_with_the_region() {
        let widths = [16, 64, 128, 256, 384, 512, 1024].map(|size| BoundaryBand::for_size(size).width);
        assert_eq!(widths, [1, 1, 1, 3, 4, 5, 10]);
        assert_eq!(BoundaryBand::for_size(128).sigma, 0.75);
    }

    #[test]
    fn without_blur_the_band_is_dilation_without_erosion() {
        // With this sigma the kernel is a single weight of 1.
        let band = BoundaryBand { width: 2, sigma: 0.1 };
        let target = boundary_target(&plane(20, 9, |x, _| x >= 10), 9, 20, band);
        let row = |y: usize| (0..20).map(|x| target[y * 20 + x] as u8).collect::<Vec<_>>();
        assert_eq!(
            row(4),
            [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1],
            "erosion takes the border away"
        );
        assert_eq!(row(0)[..8], [0; 8]);
        assert_eq!(row(0)[8..], [1; 12]);
    }

    #[test]
    fn planes_are_joined_and_an_empty_one_adds_nothing() {
        let band = BoundaryBand { width: 1, sigma: 0.1 };
        let small = plane(16, 16, |x, y| (6..9).contains(&x) && (6..9).contains(&y));
        let large = plane(16, 16, |x, y| (3..13).contains(&x) && (3..13).contains(&y));
        let of = |planes: &[&[f32]]| boundary_target(&planes.concat(), 16, 16, band);
        let (a, b) = (of(&[&small]), of(&[&large]));
        let joined: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a.max(*b)).collect();
        assert_eq!(of(&[&small, &large]), joined);
        assert_eq!(of(&[&vec![0.0; 256], &large]), b);
        assert_eq!(of(&[&vec![0.0; 256]]), vec![0.0; 256]);
    }

    #[test]
    fn lines_shorter_than_the_kernel_are_mirrored_repeatedly() {
        assert_eq!((-7..=7).map(|i| mirror(i, 3)).collect::<Vec<_>>(), [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        let target = boundary_target(&[1.0, 0.0, 0.0, 0.0], 2, 2, BoundaryBand { width: 5, sigma: 3.0 });
        assert!(target.iter().all(|v| *v > 0.98), "all four pixels are band: {target:?}");
    }
}
