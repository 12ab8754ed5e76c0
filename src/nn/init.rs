//! How weights begin: drawn from a seed, or filled from their names for tests without a file of weights.

use super::{Role, TensorSpec};

/// Initial values of a tensor; they depend on the seed and the tensor's name alone.
pub fn initial_values(spec: &TensorSpec, seed: u64) -> Vec<f32> {
    let count = spec.shape.elements();
    let mut random = Random::new(fnv1a(&spec.name) ^ splitmix(seed.wrapping_add(GOLDEN)));
    match spec.role {
        Role::Weight => {
            let fan_in: usize = spec.shape[1..].iter().product();
            let deviation = (2.0 / fan_in as f64).sqrt();
            (0..count).map(|_| (deviation * random.normal()) as f32).collect()
        }
        Role::DiscriminatorWeight => (0..count).map(|_| (0.02 * random.normal()) as f32).collect(),
        Role::HeadBias { fan_in } => {
            let bound = 1.0 / (fan_in as f64).sqrt();
            (0..count).map(|_| (bound * (2.0 * random.uniform() - 1.0)) as f32).collect()
        }
        Role::NormWeight | Role::RunningVar => vec![1.0; count],
        Role::NormBias | Role::RunningMean => vec![0.0; count],
    }
}

/// Values that follow from a tensor's name alone, for networks tested without a file of weights.
pub fn hashed_values(name: &str, shape: &[usize]) -> Vec<f32> {
    let hash = fnv1a(name);
    let count: usize = shape.iter().product();
    let fan_in: usize = shape.iter().skip(1).product();
    let value = |u: f64| {
        if name.ends_with("running_mean") {
            0.1 * u
        } else if name.ends_with("running_var") {
            1.0 + 0.5 * u
        } else if shape.len() == 4 {
            u * (6.0 / fan_in as f64).sqrt()
        } else if name.ends_with(".bias") {
            0.1 * u
        } else {
            0.5 + 0.1 * u
        }
    };
    (1..=count as u64)
        .map(|i| {
            let z = splitmix(hash.wrapping_add(i.wrapping_mul(GOLDEN)));
            value((z >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
        })
        .collect()
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// FNV-1a of the UTF-8 bytes, 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Output function of splitmix64 (Steele, Lea, Flood 2014).
fn splitmix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// splitmix64 with uniform and normal deviates: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Uniform in (0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        ((splitmix(self.0) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal (Box & Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
