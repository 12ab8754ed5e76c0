//! Values of images between the centres of their pixels.

use image::RgbImage;

/// The image's value at a point on or between the outermost centres, bilinear; (0, 0) is the centre of the first pixel.
pub(super) fn bilinear(image: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let at = |x: usize, y: usize| &image.as_raw()[3 * (y * width + x)..][..3];
    let (a, b, c, d) = (at(left, top), at(right, top), at(left, bottom), at(right, bottom));
    std::array::from_fn(|k| {
        let upper = f32::from(a[k]) * (1.0 - fx) + f32::from(b[k]) * fx;
        let lower = f32::from(c[k]) * (1.0 - fx) + f32::from(d[k]) * fx;
        upper * (1.0 - fy) + lower * fy
    })
}
