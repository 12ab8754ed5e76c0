//! dropout with a counter-based mask: the same bits on every machine. Twin of `shaders/dropout.wgsl`.

use super::Array;

/// Integer hash of low bias (Wellons, "lowbias32").
pub fn mix(value: u32) -> u32 {
    let mut h = value;
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^= h >> 16;
    h
}

/// What the masks of one run and one dropout layer hash with.
pub fn key(seed: [u32; 2], stream: u32) -> u32 {
    mix(mix(mix(seed[0]) ^ seed[1]) ^ stream)
}

/// Elements with random bits below this are dropped: `floor(p·2³²)`.
pub fn threshold(p: f32) -> u32 {
    (f64::from(p) * 2f64.powi(32)) as u32
}

/// Random bits of the element with linear index `index`.
pub fn bits(index: u32, key: u32) -> u32 {
    mix(mix(index ^ key).wrapping_add(key))
}

/// `x·mask/(1−p)`; `seed` holds two integers as floating-point numbers.
pub fn dropout(x: &Array, seed: &Array, p: f32, stream: u32) -> Array {
    let key = key([seed.data[0] as u32, seed.data[1] as u32], stream);
    let threshold = threshold(p);
    let scale = 1.0 / (1.0 - f64::from(p));
    let kept = |(index, x): (usize, &f64)| if bits(index as u32, key) >= threshold { x * scale } else { 0.0 };
    Array { shape: x.shape.clone(), data: x.data.iter().enumerate().map(kept).collect() }
}
