//! Seeded texture: draws from a stream, lattice noise over the plane and grain per pixel.
//!
//! Everything is integer hashing and IEEE arithmetic, so that a seed gives the same bytes on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of draws that belongs to one eye or one photograph.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of the four numbers `key`: they are the ChaCha key itself, so no two keys share a stream.
    pub fn new(key: [u64; 4], stream: u64) -> Self {
        let mut bytes = [0; 32];
        for (place, word) in bytes.chunks_exact_mut(8).zip(key) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(bytes);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped in `(low, high)`: the mean of three uniform draws.
    pub fn bell(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.unit() + self.unit() + self.unit()) / 3.0
    }

    /// `true` with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// `-1` or `1`.
    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { -1.0 } else { 1.0 }
    }

    /// A key for [`fbm`] or [`grain`].
    pub fn key(&mut self) -> u32 {
        self.0.next_u32()
    }
}

/// 0 below `low`, 1 above `high`, a cubic between.
pub fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Linear blend of two values.
pub fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// A well-mixed hash of a lattice point (the finaliser is MurmurHash3's).
pub fn hash(key: u32, x: i32, y: i32, z: i32) -> u32 {
    let mut h = key
        ^ (x as u32).wrapping_mul(0x8da6_b343)
        ^ (y as u32).wrapping_mul(0xd816_3841)
        ^ (z as u32).wrapping_mul(0xcb1a_b31f);
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

fn lattice(key: u32, x: i32, y: i32, z: i32) -> f32 {
    (hash(key, x, y, z) >> 8) as f32 / 16_777_216.0
}

fn quintic(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// Lattice cell of a coordinate; `f32::floor` is a call on processors without an instruction for it.
fn cell(c: f32) -> i32 {
    let toward_zero = c as i32;
    toward_zero - i32::from(c < toward_zero as f32)
}

/// Slopes at lattice points: eight unit vectors, looked up because a branch on a hash is never predicted.
const SLOPES: [[f32; 2]; 8] = {
    const D: f32 = std::f32::consts::FRAC_1_SQRT_2;
    [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [D, D], [-D, D], [D, -D], [-D, -D]]
};

/// Height at the offset `(dx, dy)` from a lattice point, of the plane that passes through the point with its slope.
fn lean(key: u32, x: i32, y: i32, dx: f32, dy: f32) -> f32 {
    let [sx, sy] = SLOPES[(hash(key, x, y, 0) >> 13 & 7) as usize];
    sx * dx + sy * dy
}

/// Gradient noise (Perlin, SIGGRAPH 2002) of unit cell size in the plane, around 0 in about `[-0.7, 0.7]`.
pub fn gradient(key: u32, p: [f32; 2]) -> f32 {
    let [x, y] = p.map(cell);
    let (dx, dy) = (p[0] - x as f32, p[1] - y as f32);
    let (u, v) = (quintic(dx), quintic(dy));
    mix(
        mix(lean(key, x, y, dx, dy), lean(key, x + 1, y, dx - 1.0, dy), u),
        mix(lean(key, x, y + 1, dx, dy - 1.0), lean(key, x + 1, y + 1, dx - 1.0, dy - 1.0), u),
        v,
    )
}

/// Value noise of unit cell size in space, in `[0, 1]`.
pub fn value3(key: u32, p: [f32; 3]) -> f32 {
    let [x, y, z] = p.map(cell);
    let (u, v, w) = (quintic(p[0] - x as f32), quintic(p[1] - y as f32), quintic(p[2] - z as f32));
    let face = |z: i32| {
        mix(
            mix(lattice(key, x, y, z), lattice(key, x + 1, y, z), u),
            mix(lattice(key, x, y + 1, z), lattice(key, x + 1, y + 1, z), u),
            v,
        )
    };
    mix(face(z), face(z + 1), w)
}

/// How much of a pattern of `frequency` cycles per side survives pixels of width `pixel` sides:
/// 1 when well sampled, 0 at and beyond two pixels a cycle, so that small renderings do not alias.
pub fn resolved(frequency: f32, pixel: f32) -> f32 {
    (2.0 - 4.0 * frequency * pixel).clamp(0.0, 1.0)
}

/// Fractal gradient noise around 0 in about `[-0.5, 0.5]`: `octaves` octaves starting at `frequency`, each of twice the
/// frequency and half the weight; octaves too fine for the pixel width are left out.
pub fn fbm(key: u32, p: [f32; 2], frequency: f32, octaves: u32, pixel: f32) -> f32 {
    let (mut q, mut f) = (p.map(|c| c * frequency), frequency);
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..octaves {
        let kept = resolved(f, pixel);
        total += weight;
        if kept > 0.0 {
            sum += weight * kept * gradient(key.wrapping_add(octave.wrapping_mul(0x9e37_79b9)), q);
        }
        // A 3-4-5 rotation between octaves hides the lattice.
        q = [2.0 * (0.8 * q[0] - 0.6 * q[1]), 2.0 * (0.6 * q[0] + 0.8 * q[1])];
        f *= 2.0;
        weight *= 0.5;
    }
    sum / total
}

/// Bell-shaped grain of unit variance for channel `c` of pixel `(x, y)`: four 16-bit uniforms, summed.
pub fn grain(key: u32, x: u32, y: u32, c: u32) -> f32 {
    let (a, b) = (hash(key, x as i32, y as i32, 2 * c as i32), hash(key, x as i32, y as i32, 2 * c as i32 + 1));
    let sum = (a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16);
    (sum as f32 / 65_535.0 - 2.0) * 1.732_050_8
}
