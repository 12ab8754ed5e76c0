//! Vessels as dark lines, and the places where lines of many directions meet.

use std::f32::consts::PI;

use super::field::Field;
use super::plane::Plane;

/// Directions of lines.
const DIRECTIONS: usize = 12;
/// Length of a line, as a share of the field's diameter.
const LENGTH: f32 = 0.045;
/// How far a vessel points, as a share of the field's diameter.
const REACH: f32 = 0.4;
/// Share of the field that is taken for vessels.
const VESSELS: f32 = 0.1;
/// Accuracy of a direction, as a share of the field's diameter where lines meet.
const BLUR: f32 = 0.03;

/// How many lines meet around each pixel. The votes of each direction count by their square root: many directions say
/// more than one long straight vessel.
pub(super) fn convergence(field: &Field) -> Plane {
    let lines = lines(field);
    let (width, height) = (field.width(), field.height());
    let reach = (REACH * field.diameter) as i32;
    let mut total = Plane::filled(width, height, 0.0);
    for (direction, pixels) in lines.iter().enumerate() {
        let (dx, dy) = unit(direction);
        let mut votes = Plane::filled(width, height, 0.0);
        for &(i, strength) in pixels {
            let (x, y) = ((i % width) as f32, (i / width) as f32);
            for step in -reach..=reach {
                let (u, v) = ((x + step as f32 * dx).round(), (y + step as f32 * dy).round());
                if u >= 0.0 && v >= 0.0 && (u as usize) < width && (v as usize) < height {
                    votes.values[v as usize * width + u as usize] += strength;
                }
            }
        }
        let votes = votes.blurred(BLUR * field.diameter);
        total.values.iter_mut().zip(&votes.values).for_each(|(total, votes)| *total += votes.max(0.0).sqrt());
    }
    for (value, inside) in total.values.iter_mut().zip(&field.inside) {
        if !inside {
            *value = 0.0;
        }
    }
    total
}

fn unit(direction: usize) -> (f32, f32) {
    let angle = PI * direction as f32 / DIRECTIONS as f32;
    (angle.cos(), angle.sin())
}

/// Pixels of vessels and their strength, for each direction.
fn lines(field: &Field) -> Vec<Vec<(usize, f32)>> {
    let background = field.mean_around(&field.green, 0.03 * field.diameter);
    let dark = Plane::from_fn(field.width(), field.height(), |i| {
        if field.inside[i] {
            (background.values[i] - field.green.values[i]) / background.values[i].max(0.02)
        } else {
            0.0
        }
    });
    let half = ((LENGTH * field.diameter / 2.0).round() as i32).max(2);
    let along = |i: usize, direction: usize| {
        let (dx, dy) = unit(direction);
        let (x, y) = ((i % dark.width) as f32, (i / dark.width) as f32);
        let sum: f32 = (-half..=half).map(|s| dark.at(x + s as f32 * dx, y + s as f32 * dy)).sum();
        sum / (2 * half + 1) as f32
    };
    // The strongest direction of each pixel, against the mean over all directions: spots have none.
    let strongest = |i: usize| {
        let means: Vec<f32> = (0..DIRECTIONS).map(|direction| along(i, direction)).collect();
        let best = (0..DIRECTIONS).max_by(|a, b| means[*a].total_cmp(&means[*b])).expect("there are directions");
        (best, means[best] - means.iter().sum::<f32>() / DIRECTIONS as f32)
    };
    let mut found: Vec<(usize, usize, f32)> = (0..dark.values.len())
        .filter(|i| field.inside[*i] && dark.values[*i] > 0.0)
        .map(|i| {
            let (direction, strength) = strongest(i);
            (i, direction, strength)
        })
        .collect();
    found.sort_by(|a, b| b.2.total_cmp(&a.2));
    let inside = field.inside.iter().filter(|inside| **inside).count();
    found.truncate((VESSELS * inside as f32) as usize);
    let mut lines = vec![Vec::new(); DIRECTIONS];
    for (i, direction, strength) in found.into_iter().filter(|(_, _, strength)| *strength > 0.0) {
        lines[direction].push((i, strength));
    }
    lines
}
