//! Smooth closed outlines: an ellipse whose radius carries a few low harmonics.

use libm::{cosf, sinf};

/// Angles at which an outline is sampled to measure it.
const SAMPLES: usize = 360;

/// A star-shaped curve `centre + R(tilt)·radii·r(t)·(cos t, sin t)`, `r(t) = 1 + Σ a_k cos kt + b_k sin kt`, k = 2..=5.
/// Lengths are in sides of the region.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Centre, x right and y down.
    pub centre: [f32; 2],
    /// Half-axes of the ellipse.
    pub radii: [f32; 2],
    /// Rotation of the ellipse in radians.
    pub tilt: f32,
    /// `(a_k, b_k)` for k = 2, 3, 4, 5.
    pub harmonics: [[f32; 2]; 4],
}

impl Outline {
    /// `r` in the direction of the unit vector `u`; harmonics come from complex powers, without an angle.
    fn wobble(&self, u: [f32; 2]) -> f32 {
        let (mut c, mut s) = (u[0], u[1]);
        let mut r = 1.0;
        for [a, b] in self.harmonics {
            (c, s) = (c * u[0] - s * u[1], c * u[1] + s * u[0]);
            r += a * c + b * s;
        }
        r
    }

    /// The outline made ready for measuring many points.
    pub fn ruler(&self) -> Ruler<'_> {
        Ruler { outline: self, cos: cosf(self.tilt), sin: sinf(self.tilt) }
    }

    /// The point of the outline at parameter `t`.
    pub fn point(&self, t: f32) -> [f32; 2] {
        let u = [cosf(t), sinf(t)];
        let r = self.wobble(u);
        let (x, y) = (self.radii[0] * r * u[0], self.radii[1] * r * u[1]);
        let (c, s) = (cosf(self.tilt), sinf(self.tilt));
        [self.centre[0] + c * x - s * y, self.centre[1] + s * x + c * y]
    }

    /// Points all around the outline.
    pub fn points(&self) -> impl Iterator<Item = [f32; 2]> + '_ {
        (0..SAMPLES).map(|i| self.point(i as f32 * core::f32::consts::TAU / SAMPLES as f32))
    }

    /// Bounding box as `([left, top], [right, bottom])`.
    pub fn bounds(&self) -> ([f32; 2], [f32; 2]) {
        self.points().fold(([f32::MAX; 2], [f32::MIN; 2]), |(low, high), p| {
            ([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])])
        })
    }

    /// Height from the highest to the lowest point.
    pub fn height(&self) -> f32 {
        let (low, high) = self.bounds();
        high[1] - low[1]
    }

    /// Every number of the outline blended towards `other`, which `t = 1` reaches.
    pub fn blend(&self, other: &Self, t: f32) -> Self {
        let mix = |a: f32, b: f32| a + (b - a) * t;
        let pair = |a: [f32; 2], b: [f32; 2]| [mix(a[0], b[0]), mix(a[1], b[1])];
        Self {
            centre: pair(self.centre, other.centre),
            radii: pair(self.radii, other.radii),
            tilt: mix(self.tilt, other.tilt),
            harmonics: std::array::from_fn(|k| pair(self.harmonics[k], other.harmonics[k])),
        }
    }
}

/// Measures points against an [`Outline`].
pub struct Ruler<'a> {
    outline: &'a Outline,
    cos: f32,
    sin: f32,
}

impl Ruler<'_> {
    /// Distance from `p` to the outline along the ray from its centre, negative inside, in sides of the region; and
    /// the same relative to the radius: 0 at the centre, 1 on the outline.
    pub fn measure(&self, p: [f32; 2]) -> (f32, f32) {
        let o = self.outline;
        let d = [p[0] - o.centre[0], p[1] - o.centre[1]];
        let q = [(self.cos * d[0] + self.sin * d[1]) / o.radii[0], (self.cos * d[1] - self.sin * d[0]) / o.radii[1]];
        let rho = (q[0] * q[0] + q[1] * q[1]).sqrt();
        if rho < 1e-6 {
            return (-o.radii[0].min(o.radii[1]), 0.0);
        }
        let r = o.wobble([q[0] / rho, q[1] / rho]);
        let length = (d[0] * d[0] + d[1] * d[1]).sqrt();
        ((rho - r) * length / rho, rho / r)
    }

    /// The signed distance alone.
    pub fn distance(&self, p: [f32; 2]) -> f32 {
        self.measure(p).0
    }
}
