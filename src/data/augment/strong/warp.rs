//! How a region is moved: everything that moves it is one map, so its image is resampled once.

use image::{GrayImage, RgbImage};
use rand::{Rng, RngExt};

use super::field::{Knot, SmoothField};
use crate::data::augment::sampling::bilinear;

/// Largest turn to either side, in degrees.
const TURN: f32 = 20.0;
/// Smallest and largest size of what is shown, of its own; both ways of getting there are as likely by factors.
const ZOOM: [f32; 2] = [0.7, 1.4];
/// Logarithm by which one axis grows at most, and the other shrinks.
const STRETCH: f32 = 0.08;
/// Largest part of its height by which a point is moved sideways.
const SHEAR: f32 = 0.1;
/// Parts of the side by which the whole is moved at most, across and down.
const SHIFT: f32 = 0.1;
/// Parts of the side by which the smooth field moves a point at most; as a rule it is a quarter of it.
const BEND: f32 = 0.03;
/// How often left and right are exchanged: the eyes of a person are mirror images.
const MIRRORED: f64 = 0.5;
/// How often top and bottom are.
const UPSIDE_DOWN: f64 = 0.25;

/// A map from the pixels of the moved region to places in the region.
pub(super) struct Warp {
    pub(super) turn: f32,
    pub(super) zoom: f32,
    pub(super) stretch: f32,
    pub(super) shear: f32,
    pub(super) shift: [f32; 2],
    pub(super) flips: [bool; 2],
    pub(super) bend: [SmoothField; 2],
}

impl Warp {
    pub(super) fn random(rng: &mut impl Rng) -> Self {
        let mut within = |limit: f32| rng.random_range(-limit..limit);
        let (turn, stretch, shear) = (within(TURN), within(STRETCH), within(SHEAR));
        let shift = [within(SHIFT), within(SHIFT)];
        let [smallest, largest] = ZOOM.map(libm::logf);
        Self {
            turn,
            zoom: libm::expf(rng.random_range(smallest..largest)),
            stretch,
            shear,
            shift,
            flips: [rng.random_bool(MIRRORED), rng.random_bool(UPSIDE_DOWN)],
            bend: [SmoothField::random(rng), SmoothField::random(rng)],
        }
    }

    /// What a step to the right and a step down are in the region: the inverse of zoom, shear, stretch, turn and flips.
    fn steps(&self) -> [[f32; 2]; 2] {
        let (sine, cosine) = libm::sincosf(self.turn.to_radians());
        let [across, down] = [1.0, -1.0].map(|sign: f32| libm::expf(sign * self.stretch) / self.zoom);
        let sign = self.flips.map(|flipped| if flipped { -1.0 } else { 1.0 });
        let of = |x: f32, y: f32| {
            let (x, y) = (across * (x + self.shear * y), down * y);
            [sign[0] * (cosine * x + sine * y), sign[1] * (cosine * y - sine * x)]
        };
        [of(1.0, 0.0), of(0.0, 1.0)]
    }

    /// Moves image and mask alike: the image bilinear, as the mean of four points of each pixel where it shrinks, the mask nearest, so
    /// that no new level appears. What lies outside is mirrored in both.
    pub(super) fn apply(&self, image: &mut RgbImage, mask: Option<&mut GrayImage>) {
        let side = image.width() as usize;
        let length = side as f32;
        let [right, down] = self.steps();
        let shrinks = (right[0] * down[1] - right[1] * down[0]).abs() > 1.0;
        let points: &[[f32; 2]] =
            if shrinks { &[[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]] } else { &[[0.0; 2]] };
        let along = |[x, y]: [f32; 2]| [right[0] * x + down[0] * y, right[1] * x + down[1] * y];
        let points: Vec<[f32; 2]> = points.iter().map(|point| along(*point)).collect();
        let knots: Vec<Knot> = (0..side).map(|at| Knot::of((at as f32 + 0.5) / length)).collect();
        let old_image = image.clone();
        let mut masks = mask.map(|mask| (mask.clone(), mask));
        let middle = (length - 1.0) / 2.0;
        for (y, row) in image.chunks_exact_mut(3 * side).enumerate() {
            let bend = self.bend.each_ref().map(|field| field.line(knots[y]));
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let from_middle = |at: usize, shift: f32| at as f32 - middle - shift * length;
                let [dx, dy] = along([from_middle(x, self.shift[0]), from_middle(y, self.shift[1])]);
                let bent = [0, 1].map(|axis| BEND * length * bend[axis].at(knots[x]));
                let place = [middle + dx + bent[0], middle + dy + bent[1]];
                let mut sum = [0.0; 3];
                for [dx, dy] in &points {
                    let value = bilinear(&old_image, mirrored(place[0] + dx, length), mirrored(place[1] + dy, length));
                    sum = [0, 1, 2].map(|channel| sum[channel] + value[channel]);
                }
                pixel.copy_from_slice(&sum.map(|sum| (sum / points.len() as f32 + 0.5) as u8));
                if let Some((old, new)) = &mut masks {
                    let [column, line] = place.map(|at| (mirrored(at, length) + 0.5) as usize);
                    new.as_flat_samples_mut().samples[y * side + x] = old.as_raw()[line * side + column];
                }
            }
        }
    }
}

/// A place on a line of so many pixels, mirrored at its ends, edge pixels repeated; (0) is the centre of the first pixel.
fn mirrored(at: f32, length: f32) -> f32 {
    let mut from_edge = at + 0.5;
    if !(0.0..=length).contains(&from_edge) {
        from_edge = from_edge.rem_euclid(2.0 * length);
        from_edge = from_edge.min(2.0 * length - from_edge);
    }
    (from_edge - 0.5).clamp(0.0, length - 1.0)
}
