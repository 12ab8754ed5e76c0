//! Outlines of regions as vector paths (marching squares, between pixels), and pictures as data URIs.

use std::fmt::Write;
use std::io::Cursor;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contour::ContourBuilder;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, RgbImage};

use crate::data::resize::resize_image;

/// Sides from which a photograph is made smaller, and up to which it is kept without loss.
const LARGEST: u32 = 512;
const LOSSLESS: u32 = 128;
const JPEG_QUALITY: u8 = 85;

/// Where a map `[height, width]` crosses `threshold`, as an SVG path in the pixels of a picture of `size`, whose corner
/// pixels are those of the map.
///
/// # Errors
/// A map that has not as many values as its sides say.
pub(super) fn outline(values: &[f32], [width, height]: [usize; 2], threshold: f32, size: [u32; 2]) -> Result<String> {
    let values: Vec<f64> = values.iter().map(|v| if v.is_nan() { 0.0 } else { f64::from(*v) }).collect();
    let lines = ContourBuilder::new(width, height, true).lines(&values, &[f64::from(threshold)]);
    let lines = lines.context("a map has as many values as its sides say")?;
    // Pixels have their centres at halves.
    let to_picture = |at: f64, from: usize, to: u32| {
        let scale = if from > 1 { f64::from(to - 1) / (from - 1) as f64 } else { 1.0 };
        (at - 0.5) * scale + 0.5
    };
    let mut path = String::new();
    for ring in lines.iter().flat_map(|line| &line.geometry().0) {
        for (index, point) in ring.0.iter().enumerate() {
            let (x, y) = (to_picture(point.x, width, size[0]), to_picture(point.y, height, size[1]));
            let command = ["M", "L", " "][index.min(2)];
            write!(path, "{command}{x:.1} {y:.1}").context("writing to a string succeeds")?;
        }
        path.push('Z');
    }
    Ok(path)
}

/// A photograph as a data URI, made smaller where it is large.
///
/// # Errors
/// When it cannot be encoded.
pub(super) fn photograph_uri(image: &RgbImage) -> Result<String> {
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    if longest <= LOSSLESS {
        return png_uri(image);
    }
    let side = |side: u32| (u64::from(side) * u64::from(LARGEST.min(longest)) / u64::from(longest)).max(1) as u32;
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    resize_image(image, side(width), side(height)).write_with_encoder(encoder).context("cannot encode a photograph")?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)))
}

/// A map `[height, width]` from 0 to `most` in viridis, as a data URI.
///
/// # Errors
/// When it cannot be encoded.
pub(super) fn map_uri(values: &[f32], [width, height]: [usize; 2], most: f32) -> Result<String> {
    let picture = RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let value = values[y as usize * width + x as usize] / most;
        Rgb(colorous::VIRIDIS.eval_continuous(f64::from(value.clamp(0.0, 1.0))).into_array())
    });
    png_uri(&picture)
}

fn png_uri(image: &RgbImage) -> Result<String> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).context("cannot encode a picture")?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Smallest and largest coordinates of a path.
    fn bounds(path: &str) -> [f64; 4] {
        let numbers: Vec<f64> = path.split(['M', 'L', 'Z', ' ']).filter_map(|text| text.parse().ok()).collect();
        let (x, y): (Vec<_>, Vec<_>) = numbers.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
        let low = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        [low(&x), low(&y), high(&x), high(&y)]
    }

    #[test]
    fn an_outline_lies_on_the_edges_of_its_pixels() {
        let inside = |i: usize| (2..6).contains(&(i % 10)) && (3..5).contains(&(i / 10));
        let mask: Vec<f32> = (0..80).map(|i| f32::from(u8::from(inside(i)))).collect();
        let path = outline(&mask, [10, 8], 0.5, [10, 8]).expect("80 values");
        assert_eq!(bounds(&path), [2.0, 3.0, 6.0, 5.0]);
        assert!(path.starts_with('M') && path.ends_with('Z'));
        // Corners on corners: 9 steps of the map are 90 of the picture.
        let path = outline(&mask, [10, 8], 0.5, [91, 71]).expect("80 values");
        assert_eq!(bounds(&path), [15.5, 25.5, 55.5, 45.5]);
        assert_eq!(outline(&[0.0; 80], [10, 8], 0.5, [10, 8]).expect("80 values"), "");
        assert!(outline(&mask, [10, 9], 0.5, [10, 8]).is_err());
    }

    #[test]
    fn pictures_read_back_from_their_uris() {
        let decode = |uri: &str, prefix: &str| {
            let bytes = STANDARD.decode(uri.strip_prefix(prefix).expect("its kind")).expect("base64");
            image::load_from_memory(&bytes).expect("a picture").into_rgb8()
        };
        let small = RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8, y as u8, 7]));
        assert_eq!(decode(&photograph_uri(&small).expect("encoded"), "data:image/png;base64,"), small);
        let large = RgbImage::from_pixel(1200, 600, Rgb([200, 90, 40]));
        let read = decode(&photograph_uri(&large).expect("encoded"), "data:image/jpeg;base64,");
        assert_eq!(read.dimensions(), (512, 256));
        let map = decode(&map_uri(&[0.0, 0.2, 9.0, f32::NAN], [2, 2], 0.2).expect("encoded"), "data:image/png;base64,");
        assert_eq!([map.get_pixel(1, 0), map.get_pixel(0, 1)], [&Rgb([253, 231, 37]); 2]);
        assert_eq!(map.get_pixel(0, 0), &Rgb([68, 1, 84]));
    }
}
