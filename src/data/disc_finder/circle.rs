//! The circle across which a photograph darkens all around: the edge of the disc.

use std::f32::consts::TAU;

use image::{GrayImage, Luma};
use imageproc::morphology::{Mask, grayscale_close};

use super::field::Field;
use super::plane::Plane;

#[derive(Debug, Clone, Copy)]
pub(super) struct Circle {
    pub x: f32,
    pub y: f32,
    pub radius: f32,
}

/// Radii that are tried, as shares of the field's diameter.
const RADII: (f32, f32) = (0.05, 0.15);
/// How far from the given place the centre is looked for, likewise.
const SHIFT: f32 = 0.1;
/// Points of a circle.
const POINTS: usize = 48;
/// Vessels up to this width are closed first, as a share of the field's diameter.
const VESSEL: f32 = 0.02;
/// Exponent of the radius by which larger circles are preferred: the cup has an edge too.
const LARGER: f32 = 0.5;

/// The best circle whose centre is near a place.
pub(super) fn best_circle(field: &Field, near: (f32, f32)) -> Circle {
    let plane = without_vessels(field);
    let (shift, step) = (SHIFT * field.diameter, 1.0f32.max(field.diameter / 300.0));
    let (smallest, largest) = (RADII.0 * field.diameter, RADII.1 * field.diameter);
    // A step across the edge that counts in full: half of what there is around the place.
    let full = 0.5 * spread(&plane, near, largest).max(1e-3);
    let steps = |from: f32, to: f32| {
        let count = ((to - from) / step) as usize;
        (0..=count).map(move |i| from + i as f32 * step)
    };
    let mut best = (Circle { x: near.0, y: near.1, radius: smallest }, f32::NEG_INFINITY);
    for y in steps(near.1 - shift, near.1 + shift) {
        for x in steps(near.0 - shift, near.0 + shift) {
            for radius in steps(smallest, largest) {
                let score = darkening(&plane, x, y, radius, full) * radius.powf(LARGER);
                if score > best.1 {
                    best = (Circle { x, y, radius }, score);
                }
            }
        }
    }
    best.0
}

/// Mean step from just inside to just outside over the points of a circle, each up to `full` either way.
fn darkening(plane: &Plane, x: f32, y: f32, radius: f32, full: f32) -> f32 {
    let (inner, outer) = (0.85 * radius, 1.15 * radius);
    let step = |i: usize| {
        let (sin, cos) = (TAU * i as f32 / POINTS as f32).sin_cos();
        let [inside, outside] = [inner, outer].map(|r| plane.at(x + r * cos, y + r * sin));
        (inside - outside).clamp(-full, full)
    };
    (0..POINTS).map(step).sum::<f32>() / (POINTS as f32 * full)
}

/// Difference between the 90th and the 10th percentile of the values around a place.
fn spread(plane: &Plane, near: (f32, f32), reach: f32) -> f32 {
    let steps = |middle: f32| (-8..=8).map(move |i| middle + reach * i as f32 / 8.0);
    let mut values: Vec<f32> = steps(near.1).flat_map(|y| steps(near.0).map(move |x| plane.at(x, y))).collect();
    values.sort_by(f32::total_cmp);
    values[values.len() * 9 / 10] - values[values.len() / 10]
}

/// Intensity with dark lines closed.
fn without_vessels(field: &Field) -> Plane {
    let bytes = field.intensity.values.iter().map(|value| (value * 255.0).round() as u8).collect();
    let image = GrayImage::from_raw(field.width() as u32, field.height() as u32, bytes);
    let image: image::ImageBuffer<Luma<u8>, Vec<u8>> = image.expect("one value for each pixel");
    let radius = (VESSEL * field.diameter / 2.0).round().clamp(1.0, 20.0) as u8;
    let closed = grayscale_close(&image, &Mask::disk(radius));
    Plane::from_fn(field.width(), field.height(), |i| f32::from(closed.as_raw()[i]) / 255.0).blurred(1.0)
}
