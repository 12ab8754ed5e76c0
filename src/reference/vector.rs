//! Sums over contiguous elements, in an order that lets the compiler use vector registers. Maps of tests have few elements, so that a
//! call would cost as much as what it computes: these are inlined, and loops count rather than zip, which is not inlined in builds
//! without optimisation across their parts.

/// Partial sums of a dot product that are kept side by side.
const LANES: usize = 8;

/// `Σ a·b` over the elements of `a`; `b` has at least as many. The order of the additions depends on the length alone.
#[inline]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let b = &b[..a.len()];
    let whole = a.len() / LANES * LANES;
    let mut lanes = [0.0; LANES];
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            lanes[lane] += a[start + lane] * b[start + lane];
        }
    }
    let mut sum = lanes.iter().sum::<f64>();
    for index in whole..a.len() {
        sum += a[index] * b[index];
    }
    sum
}

/// `y += factor·x` over the elements of `y`; `x` has at least as many.
#[inline]
pub(super) fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    let x = &x[..y.len()];
    for (index, y) in y.iter_mut().enumerate() {
        *y += factor * x[index];
    }
}
