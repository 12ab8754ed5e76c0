//! One element with its radius.

use std::ops::{Add, Div, Mul, Sub};

/// Every number no further than `radius` from `centre`. Operations give a ball around the result of the centres that
/// holds the results of all numbers; roundings are added by `widened`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ball {
    pub centre: f64,
    pub radius: f64,
}

impl Ball {
    pub(super) fn exact(centre: f64) -> Self {
        Ball { centre, radius: 0.0 }
    }

    pub(super) fn widened(self, by: f64) -> Self {
        Ball::of(self.centre, self.radius + by)
    }

    /// Under a function that is monotonic or convex, or jumps: its ends move furthest.
    pub(super) fn image(self, f: impl Fn(f64) -> f64) -> Ball {
        let centre = f(self.centre);
        if self.radius == 0.0 {
            return Ball::exact(centre);
        }
        let moved = |end: f64| Ball::of(centre, (f(end) - centre).abs()).radius;
        let (low, high) = (moved(self.centre - self.radius), moved(self.centre + self.radius));
        Ball::of(centre, low.max(high))
    }

    /// `1/√x`
    pub(super) fn inverse_root(self) -> Ball {
        match self.centre > self.radius {
            true => self.image(|v| 1.0 / v.sqrt()),
            false => Ball::of(1.0 / self.centre.sqrt(), if self.radius == 0.0 { 0.0 } else { f64::INFINITY }),
        }
    }

    pub(super) fn abs(self) -> f64 {
        self.centre.abs()
    }

    /// 0·∞ and the like may be anything.
    fn of(centre: f64, radius: f64) -> Ball {
        Ball { centre, radius: if radius.is_nan() { f64::INFINITY } else { radius } }
    }
}

impl Add for Ball {
    type Output = Ball;
    fn add(self, other: Ball) -> Ball {
        Ball::of(self.centre + other.centre, self.radius + other.radius)
    }
}

impl Sub for Ball {
    type Output = Ball;
    fn sub(self, other: Ball) -> Ball {
        Ball::of(self.centre - other.centre, self.radius + other.radius)
    }
}

impl Mul for Ball {
    type Output = Ball;
    fn mul(self, other: Ball) -> Ball {
        let part = |size: f64, radius: f64| if radius == 0.0 { 0.0 } else { size * radius };
        let radius = part(self.abs() + self.radius, other.radius) + part(other.abs(), self.radius);
        Ball::of(self.centre * other.centre, radius)
    }
}

impl Div for Ball {
    type Output = Ball;
    fn div(self, other: Ball) -> Ball {
        let centre = self.centre / other.centre;
        if self.radius == 0.0 && other.radius == 0.0 {
            return Ball::exact(centre);
        }
        let least = other.abs() - other.radius;
        let radius = (self.radius + centre.abs() * other.radius) / least;
        Ball::of(centre, if least > 0.0 { radius } else { f64::INFINITY })
    }
}
