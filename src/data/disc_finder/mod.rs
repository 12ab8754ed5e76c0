//! The optic disc in a whole photograph, without a network: a bright round patch on which the vessels converge.
//!
//! A field that is a small part of the picture is cut out of it first. On a small copy: the field of view, brightness
//! against the surroundings at several radii, vessels as dark lines, and where lines of many directions meet. The best point of both together is made precise by the circle across which the
//! photograph darkens all around. Hints of wrong places are flares (bright, no vessels) and crossings (vessels, not bright).

mod circle;
mod field;
mod frame;
mod plane;
#[cfg(test)]
mod tests;
mod vessels;
mod whole;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::resize::resize_image;
use super::square::Square;
use circle::best_circle;
use field::Field;
use frame::Frame;
use plane::Plane;
use vessels::convergence;
pub use whole::is_whole_photograph;

/// A disc in a photograph, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Disc {
    /// column and row of the centre; the centre of the first pixel is (0, 0)
    pub centre: (f64, f64),
    /// of the circle that fits its edge
    pub diameter: f64,
}

impl Disc {
    /// The same in a square that is cut out and scaled.
    pub fn within(&self, square: &Square, scale: f64) -> Self {
        let (x, y) = self.centre;
        let centre = ((x - square.left as f64) * scale, (y - square.top as f64) * scale);
        Self { centre, diameter: self.diameter * scale }
    }
}

/// A disc that was found, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// where it lies
    pub disc: Disc,
    /// 1 − the score of the best place elsewhere over the score of this one: from 0, two places are alike, to 1
    pub confidence: f64,
}

/// Findings below this should be looked at.
pub const LOW_CONFIDENCE: f64 = 0.3;

/// Shorter side in pixels of what may show something.
const SMALLEST: u32 = 64;
/// Longer side in pixels at which is searched.
const WORKING_SIDE: u32 = 400;
/// Radii of discs, as shares of the field's diameter: from a field of 50° to one of 30°.
const RADII: [f32; 4] = [0.055, 0.075, 0.095, 0.12];
/// Two places are different when they are this share of the field's diameter apart.
const APART: f32 = 0.22;
/// Weight of the vessels where it is no brighter than around.
const WITHOUT_BRIGHTNESS: f32 = 0.15;

/// Finds the disc. `None` in a picture without content: smaller than 64 pixels, or all of one colour.
pub fn find_disc(photograph: &RgbImage) -> Option<Finding> {
    let Frame { picture, first } = Frame::of(photograph);
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    if width.min(height) < SMALLEST {
        return None;
    }
    let scale = f64::from(WORKING_SIDE) / f64::from(longer);
    let reduced = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let small = resize_image(&picture, reduced(width), reduced(height));
    let field = Field::of(&small)?;
    let (place, confidence) = locate(&field)?;
    let circle = best_circle(&field, place);
    let own = |position: f32, first: u32| (f64::from(position) + 0.5) / scale - 0.5 + f64::from(first);
    let disc = Disc {
        centre: (own(circle.x, first.0), own(circle.y, first.1)),
        diameter: 2.0 * f64::from(circle.radius) / scale,
    };
    Some(Finding { disc, confidence })
}

/// Why no disc was found in a picture of so many columns and rows.
pub fn why_no_disc((width, height): (u32, u32)) -> String {
    match width.min(height) < SMALLEST {
        true => format!("it has only {width}x{height} pixels, and a disc is found in {SMALLEST} a side at least"),
        false => "no disc was found in it; is it a fundus photograph?".to_string(),
    }
}

/// The brightest place where vessels meet, and the confidence that it is that one.
fn locate(field: &Field) -> Option<((f32, f32), f64)> {
    let brightness = brightness(field);
    let convergence = convergence(field);
    let (bright, converging) = (brightness.maximum(), convergence.maximum());
    if bright <= 0.0 || converging <= 0.0 {
        return None;
    }
    let score = Plane::from_fn(field.width(), field.height(), |i| {
        let b = (brightness.values[i] / bright).max(0.0);
        convergence.values[i] / converging * (WITHOUT_BRIGHTNESS + b)
    });
    let (x, y, best) = score.peak(|_, _| true)?;
    let apart = APART * field.diameter;
    let elsewhere = score.peak(|u, v| (u as f32 - x as f32).hypot(v as f32 - y as f32) > apart);
    let confidence = 1.0 - elsewhere.map_or(0.0, |(_, _, second)| f64::from(second / best)).clamp(0.0, 1.0);
    Some(((x as f32, y as f32), confidence))
}

/// How much brighter a disc around each pixel is than a ring around that, the best of all radii, in deviations of the
/// field. Flares saturate it, so that they win by no more than a disc does.
fn brightness(field: &Field) -> Plane {
    const SATURATION: f32 = 2.0;
    let deviation = field.deviation().max(1e-3);
    let mut best = Plane::filled(field.width(), field.height(), 0.0);
    for radius in RADII.map(|share| share * field.diameter) {
        let (inner, outer) =
            (field.mean_around(&field.intensity, 0.6 * radius), field.mean_around(&field.intensity, 1.8 * radius));
        for (i, best) in best.values.iter_mut().enumerate() {
            if field.inside[i] {
                let contrast = (inner.values[i] - outer.values[i]) / deviation;
                *best = best.max(SATURATION * (contrast / SATURATION).tanh());
            }
        }
    }
    best
}
