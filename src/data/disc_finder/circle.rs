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
const SHIFT: f32 = 0.08;
/// How far inside and outside the edge is compared, likewise. Much more, and the haze around a disc has an edge too.
const STEP: f32 = 0.012;
/// Points of a circle.
const POINTS: usize = 48;
/// Vessels up to this width are closed first, as a share of the field's diameter.
const VESSEL: f32 = 0.02;
/// Exponent of the radius by which larger circles are preferred: the cup has an edge too.
const LARGER: f32 = 0.5;
/// Loss of score where the centre is a whole field's diameter away from the given place.
const FAR: f32 = 3.0;

/// The best circle whose centre is near a place.
pub(super) fn best_circle(field: &Field, near: (f32, f32)) -> Circle {
    let plane = without_vessels(field);
    let (shift, step) = (SHIFT * field.diameter, 1.0f32.max(field.diameter / 200.0));
    let (smallest, largest) = (RADII.0 * field.diameter, RADII.1 * field.diameter);
    let across = STEP * field.diameter;
    // A step across the edge that counts in full: half of what there is around the place.
    let full = 0.5 * spread(&plane, near, largest).max(1e-3);
    let steps = |from: f32, to: f32| {
        let count = ((to - from) / step) as usize;
        (0..=count).map(move |i| from + i as f32 * step)
    };
    let mut best = (Circle { x: near.0, y: near.1, radius: smallest }, f32::NEG_INFINITY);
    for y in steps(near.1 - shift, near.1 + shift) {
        for x in steps(near.0 - shift, near.0 + shift) {
            let nearness = 1.0 - FAR * (x - near.0).hypot(y - near.1) / field.diameter;
            for radius in steps(smallest, largest) {
                let circle = Circle { x, y, radius };
                let score = darkening(&plane, &circle, across, full) * radius.powf(LARGER) * nearness;
                if score > best.1 {
                    best = (circle, score);
                }
            }
        }
    }
    best.0
}

/// Mean step from just inside to just outside over the points of a circle, each up to `full` either way.
fn darkening(plane: &Plane, circle: &Circle, across: f32, full: f32) -> f32 {
    let step = |i: usize| {
        let (sin, cos) = (TAU * i as f32 / POINTS as f32).sin_cos();
        let at = |radius: f32| plane.at(circle.x + radius * cos, circle.y + radius * sin);
        (at(circle.radius - across) - at(circle.radius + across)).clamp(-full, full)
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

/// Red with dark lines closed: there vessels are faint, and the cup is hardly brighter than the rim.
fn without_vessels(field: &Field) -> Plane {
    let bytes = field.red.values.iter().map(|value| (value * 255.0).round() as u8).collect();
    let image = GrayImage::from_raw(field.width() as u32, field.height() as u32, bytes);
    let image: image::ImageBuffer<Luma<u8>, Vec<u8>> = image.expect("one value for each pixel");
    let radius = (VESSEL * field.diameter / 2.0).round().clamp(1.0, 20.0) as u8;
    let closed = grayscale_close(&image, &Mask::disk(radius));
    Plane::from_fn(field.width(), field.height(), |i| f32::from(closed.as_raw()[i]) / 255.0).blurred(1.0)
}
