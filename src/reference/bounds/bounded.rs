//! Values with their radii.

use super::ball::Ball;
use crate::graph::Shape;
use crate::reference::Array;

/// A value, and how far each element of it may be off.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounded {
    /// what the twin computes
    pub value: Array,
    /// of each element; none where all of them are exact
    pub radius: Option<Array>,
}

impl Bounded {
    /// A value that is given.
    pub fn exact(value: Array) -> Self {
        Bounded { value, radius: None }
    }

    /// How far an element may be off.
    pub fn radius_at(&self, index: usize) -> f64 {
        self.radius.as_ref().map_or(0.0, |radius| radius.data[index])
    }

    /// How far `got` lies from an element, in radii: 1 is just allowed, infinite where a NaN or an exact value is
    /// missed.
    pub fn deviation(&self, index: usize, got: f32) -> f64 {
        let (want, radius) = (self.value.data[index], self.radius_at(index));
        if want.is_nan() || got.is_nan() {
            return if want.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
        }
        if radius == f64::INFINITY || f64::from(got) == want {
            return 0.0;
        }
        (f64::from(got) - want).abs() / radius
    }

    /// The element that `got` has most wrong, and its deviation.
    pub fn worst(&self, got: &[f32]) -> (usize, f64) {
        let deviations = got.iter().enumerate().map(|(index, got)| (index, self.deviation(index, *got)));
        deviations.fold((0, 0.0), |worst, next| if next.1 > worst.1 { next } else { worst })
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.value.shape
    }

    pub(super) fn ball(&self, index: usize) -> Ball {
        Ball { centre: self.value.data[index], radius: self.radius_at(index) }
    }

    /// `|x|`
    pub(super) fn magnitude(&self) -> Array {
        Array { shape: self.shape().clone(), data: self.value.data.iter().map(|v| v.abs()).collect() }
    }

    /// Rounds the value to 16 bits, as a device does that keeps it so, upwards or downwards.
    pub(super) fn rounded_to_half(mut self) -> Self {
        let mut radius = self.radius.take().unwrap_or_else(|| Array::zeros(self.value.shape.clone()));
        for (value, radius) in self.value.data.iter_mut().zip(&mut radius.data) {
            let rounded = half::f16::from_f64(*value).to_f64();
            if *radius > 0.0 || rounded != *value {
                *radius += (value.abs() + *radius) * 2f64.powi(-10) + 2f64.powi(-24);
            }
            *value = rounded;
        }
        Bounded { radius: Some(radius), ..self }
    }
}
