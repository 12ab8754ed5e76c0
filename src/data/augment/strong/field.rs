//! Smooth random fields over a region: bicubic B-splines whose control values are drawn.

use rand::{Rng, RngExt};

/// Control values of a line: those of five pieces, and of three more.
const CONTROLS: usize = 8;
/// Cubic pieces of a line.
const PIECES: usize = CONTROLS - 3;

/// A field without kinks, between -1 and 1 over the whole region; its standard deviation is about 0.27.
pub(super) struct SmoothField([[f32; CONTROLS]; CONTROLS]);

/// The control values of one line of a field.
pub(super) struct FieldLine([f32; CONTROLS]);

/// The piece that a position on a line of length 1 lies in, and the weights of its control values.
#[derive(Clone, Copy)]
pub(super) struct Knot(usize, [f32; 4]);

impl SmoothField {
    pub(super) fn random(rng: &mut impl Rng) -> Self {
        Self([(); CONTROLS].map(|()| [(); CONTROLS].map(|()| rng.random_range(-1.0..1.0))))
    }

    /// 0 everywhere.
    #[cfg(test)]
    pub(super) fn flat() -> Self {
        Self([[0.0; CONTROLS]; CONTROLS])
    }

    /// The field along the line at `y`.
    pub(super) fn line(&self, Knot(first, weights): Knot) -> FieldLine {
        FieldLine(std::array::from_fn(|x| (0..4).map(|k| weights[k] * self.0[first + k][x]).sum()))
    }
}

impl FieldLine {
    pub(super) fn at(&self, Knot(first, weights): Knot) -> f32 {
        (0..4).map(|k| weights[k] * self.0[first + k]).sum()
    }
}

impl Knot {
    /// That of a position between 0 and 1.
    pub(super) fn of(position: f32) -> Self {
        let scaled = position * PIECES as f32;
        let piece = (scaled as usize).min(PIECES - 1);
        let t = scaled - piece as f32;
        let u = 1.0 - t;
        let inner = |t: f32| (3.0 * t - 6.0) * t * t + 4.0;
        Self(piece, [u * u * u, inner(t), inner(u), t * t * t].map(|weight| weight / 6.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn weights_sum_to_one_and_lines_have_no_steps() {
        for i in 0..=1000 {
            let Knot(first, weights) = Knot::of(i as f32 / 1000.0);
            assert!(first + 4 <= CONTROLS && (weights.iter().sum::<f32>() - 1.0).abs() < 1e-6, "at {i}");
        }
        let field = SmoothField::random(&mut ChaCha8Rng::seed_from_u64(4));
        let at = |x: f32, y: f32| field.line(Knot::of(y)).at(Knot::of(x));
        for piece in 1..PIECES {
            let seam = piece as f32 / PIECES as f32;
            for other in [0.0, 0.37, 1.0] {
                assert!((at(seam - 1e-5, other) - at(seam + 1e-5, other)).abs() < 1e-3, "across {seam}");
                assert!((at(other, seam - 1e-5) - at(other, seam + 1e-5)).abs() < 1e-3, "along {seam}");
            }
        }
    }

    #[test]
    fn the_spread_is_as_stated() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let values: Vec<f32> = (0..500)
            .flat_map(|_| {
                let field = SmoothField::random(&mut rng);
                [0.0, 0.3, 0.45, 0.9].map(|at| field.line(Knot::of(at)).at(Knot::of(1.0 - at)))
            })
            .collect();
        let deviation = (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt();
        assert!((0.24..0.31).contains(&deviation), "{deviation}");
        assert!(values.iter().all(|v| v.abs() <= 1.0));
    }
}
