//! weighted_sum, its two gradients, prototype_distance. Twin of the shaders of the same names.

use rayon::prelude::*;

use super::Array;
use super::vector::{add_scaled, dot};
use crate::graph::Shape;

/// `f [N,C,H,W]`, `w [N,M,H,W]` → `[M,C]`: `Σ_nhw w·f`.
pub(super) fn weighted_sum(f: &Array, w: &Array, shape: &Shape) -> Array {
    let ([samples, channels, ..], [_, maps, ..]) = (f.nchw(), w.nchw());
    let mut y = Array::zeros(shape.clone());
    y.data.par_iter_mut().enumerate().for_each(|(index, y)| {
        let (m, c) = (index / channels, index % channels);
        *y = (0..samples).map(|n| dot(f.plane(n * channels + c), w.plane(n * maps + m))).sum();
    });
    y
}

/// `d [M,C]`, `w [N,M,H,W]` → `[N,C,H,W]`: `Σ_m d·w`.
pub(super) fn weighted_sum_grad_feature(d: &Array, w: &Array, shape: &Shape) -> Array {
    let mut df = Array::zeros(shape.clone());
    let ([_, channels, height, width], [_, maps, ..]) = (df.nchw(), w.nchw());
    df.data.par_chunks_mut(height * width).enumerate().for_each(|(index, df)| {
        let (n, c) = (index / channels, index % channels);
        for m in 0..maps {
            add_scaled(df, d.data[m * channels + c], w.plane(n * maps + m));
        }
    });
    df
}

/// `d [M,C]`, `f [N,C,H,W]` → `[N,M,H,W]`: `Σ_c d·f`.
pub(super) fn weighted_sum_grad_weight(d: &Array, f: &Array, shape: &Shape) -> Array {
    let mut dw = Array::zeros(shape.clone());
    let ([_, maps, height, width], [_, channels, ..]) = (dw.nchw(), f.nchw());
    dw.data.par_chunks_mut(height * width).enumerate().for_each(|(index, dw)| {
        let (n, m) = (index / maps, index % maps);
        for c in 0..channels {
            add_scaled(dw, d.data[m * channels + c], f.plane(n * channels + c));
        }
    });
    dw
}

/// `f [N,C,H,W]`, `p [M,C]` → `[N,M,H,W]`: mean over channels of `(f−p)²`.
pub(super) fn prototype_distance(f: &Array, p: &Array, shape: &Shape) -> Array {
    let mut y = Array::zeros(shape.clone());
    let ([_, maps, h, w], [_, channels, ..]) = (y.nchw(), f.nchw());
    y.data.par_chunks_mut(h * w).enumerate().for_each(|(index, y)| {
        let (n, m) = (index / maps, index % maps);
        for c in 0..channels {
            let p = p.data[m * channels + c];
            for (y, f) in y.iter_mut().zip(f.plane(n * channels + c)) {
                *y += (f - p) * (f - p);
            }
        }
        y.iter_mut().for_each(|y| *y /= channels as f64);
    });
    y
}
