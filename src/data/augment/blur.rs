//! Gaussian blur of bytes in whole numbers, so that it is the same on every machine.

use image::RgbImage;

use super::elastic::gaussian;

/// Sum of the weights of a kernel: its square times a byte fits 32 bits.
const TOTAL: u32 = 4096;

/// A Gaussian as a kernel of [`blur`], up to four sigma to either side.
pub(super) fn integer_gaussian(sigma: f32) -> Vec<u32> {
    let mut kernel: Vec<u32> = gaussian(sigma).iter().map(|weight| (weight * TOTAL as f32).round() as u32).collect();
    // What rounding has left over or taken too much belongs to the middle, where it matters least.
    let (middle, sum) = (kernel.len() / 2, kernel.iter().sum::<u32>());
    kernel[middle] = kernel[middle] + TOTAL - sum;
    kernel
}

/// Separable blur with an odd kernel of integers; both passes are summed exactly and rounded once.
pub(super) fn blur(image: &mut RgbImage, kernel: &[u32]) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let radius = kernel.len() / 2;
    // Mirrored without the edge pixel; a line of one pixel has only itself.
    let mirror = |i: usize, length: usize| {
        let period = (2 * length).saturating_sub(2).max(1);
        let folded = (i + radius * period - radius) % period;
        folded.min(period - folded).min(length - 1)
    };
    let stride = 3 * width;
    let columns: Vec<usize> = (0..width + 2 * radius).map(|x| 3 * mirror(x, width)).collect();
    let mut across = vec![0u32; stride * height];
    let mut extended = Vec::with_capacity(3 * columns.len());
    for (row, sums) in image.as_raw().chunks_exact(stride).zip(across.chunks_exact_mut(stride)) {
        extended.clear();
        columns.iter().for_each(|&column| extended.extend_from_slice(&row[column..column + 3]));
        for (tap, &weight) in kernel.iter().enumerate() {
            for (sum, &byte) in sums.iter_mut().zip(&extended[3 * tap..]) {
                *sum += weight * u32::from(byte);
            }
        }
    }
    let total = kernel.iter().sum::<u32>().pow(2);
    let mut line = vec![0u32; stride];
    for (y, row) in image.chunks_exact_mut(stride).enumerate() {
        line.fill(total / 2);
        for (tap, &weight) in kernel.iter().enumerate() {
            let source = &across[mirror(y + tap, height) * stride..][..stride];
            for (sum, &value) in line.iter_mut().zip(source) {
                *sum += weight * value;
            }
        }
        for (byte, &sum) in row.iter_mut().zip(&line) {
            *byte = (sum / total) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_follows_opencv() {
        let bytes: Vec<u8> = (0..60u32).map(|i| (i * 37 % 256) as u8).collect();
        let image = RgbImage::from_raw(5, 4, bytes).expect("60 bytes");
        let mut three = image.clone();
        blur(&mut three, &[1, 2, 1]);
        let row = [77, 114, 151, 101, 106, 143, 116, 89, 126, 131, 104, 109, 154, 127, 100];
        assert_eq!(three.as_raw()[..15], row, "cv2.GaussianBlur with kernel 3, first row");
        let mut five = image;
        blur(&mut five, &[1, 4, 6, 4, 1]);
        let row = [133, 131, 121, 132, 131, 148, 137, 110, 142, 137, 112, 129, 140, 121, 120, 143, 130, 118, 143, 132];
        assert_eq!(five.as_raw()[40..], row, "cv2.GaussianBlur with kernel 5, last pixels");
        let mut dot = RgbImage::from_pixel(1, 1, image::Rgb([7, 8, 9]));
        blur(&mut dot, &[1, 4, 6, 4, 1]);
        assert_eq!(dot.as_raw(), &[7, 8, 9], "a single pixel is its own neighbourhood");
    }

    #[test]
    fn gaussians_keep_their_sum_and_their_spread() {
        for sigma in [0.1, 0.3, 0.8, 1.5, 6.0, 40.0f32] {
            let kernel = integer_gaussian(sigma);
            assert_eq!((kernel.iter().sum::<u32>(), kernel.len() % 2), (TOTAL, 1), "sigma {sigma}");
            let middle = kernel.len() as i64 / 2;
            let squares: i64 =
                (0i64..).zip(&kernel).map(|(at, weight)| (at - middle).pow(2) * i64::from(*weight)).sum();
            let spread = (squares as f64 / f64::from(TOTAL)).sqrt();
            assert!(sigma < 0.5 || (spread / f64::from(sigma) - 1.0).abs() < 0.02, "sigma {sigma}: {spread}");
        }
        let flat = RgbImage::from_pixel(32, 32, image::Rgb([255, 128, 1]));
        let mut blurred = flat.clone();
        blur(&mut blurred, &integer_gaussian(1.5));
        assert_eq!(blurred, flat);
    }
}
