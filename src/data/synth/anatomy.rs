//! The eye: disc, cup, rim, vessels and fundus of one optic nerve head, drawn from a seed.
//!
//! Coordinates are in sides of the region around its centre, y down, with the temporal side (towards the fovea) at
//! positive x; a right eye is mirrored when it is rendered. Proportions follow disc regions of published data sets:
//! discs 0.42 to 0.68 of the region high and a little taller than wide, most vertical cup-to-disc ratios 0.3 to 0.7.

use super::noise::Draw;
use super::outline::Outline;
use super::vessels::{self, Vessel};

/// Smallest distance between cup and disc outline, as a share of the disc's height.
const THINNEST_RIM: f32 = 0.02;

/// One synthetic optic nerve head.
#[derive(Clone, Debug)]
pub struct Eye {
    /// Whether the temporal side lies to the left of the photograph, as in a right eye.
    pub right_eye: bool,
    /// Outline of the optic disc.
    pub disc: Outline,
    /// Outline of the cup; inside the disc.
    pub cup: Outline,
    /// Vertical cup-to-disc ratio: cup height over disc height.
    pub vertical_cdr: f32,
    /// Depth of the cup, 0 (shallow, blurred pallor) to 1 (deep, lamina cribrosa visible).
    pub depth: f32,
    /// Half-width of the cup's nasal and temporal wall, in sides.
    pub wall: [f32; 2],
    /// Half-width of the disc's edge, in sides.
    pub margin: f32,
    /// Strength of the bright scleral ring at the disc's temporal edge, 0 to 1.
    pub scleral_ring: f32,
    /// Redness of the neuroretinal rim, 0 (pale) to 1 (ruddy).
    pub rim_redness: f32,
    /// Crescent of peripapillary atrophy, where there is one.
    pub atrophy: Option<Atrophy>,
    /// Colour and texture of retina and choroid.
    pub fundus: Fundus,
    /// All vessels, in the order in which they grew.
    pub vessels: Vec<Vessel>,
    /// Key of every texture of this eye.
    pub texture: u32,
}

/// A crescent of thinned retina beside the disc.
#[derive(Clone, Debug)]
pub struct Atrophy {
    /// Outer edge of the crescent; the disc covers the rest.
    pub outline: Outline,
    /// How far the sclera shines through, 0 to 1.
    pub strength: f32,
    /// Clumps of pigment along the outer edge, 0 to 1.
    pub pigment: f32,
}

/// Retina and choroid around the disc.
#[derive(Clone, Debug)]
pub struct Fundus {
    /// Darkness by melanin, 0 (blond) to 1 (dark).
    pub melanin: f32,
    /// Orange choroid showing between pigment, 0 to 1.
    pub choroid: f32,
    /// Contrast of the tessellation, 0 to 1.
    pub tessellation: f32,
    /// Visibility of nerve-fibre striations, 0 to 1.
    pub nerve_fibre: f32,
    /// Relative rise of brightness per side towards the fovea.
    pub foveal_gradient: f32,
}

impl Eye {
    /// Draws an eye.
    pub fn draw(draw: &mut Draw) -> Self {
        let disc = disc(draw);
        let vertical_cdr = if draw.chance(0.25) { draw.range(0.5, 0.87) } else { draw.bell(0.22, 0.7) };
        let cup = cup(draw, &disc, vertical_cdr);
        let depth = (0.1 + 0.7 * vertical_cdr + draw.range(-0.2, 0.35)).clamp(0.1, 1.0);
        let wall = [draw.range(0.01, 0.028), draw.range(0.015, 0.06) * (1.3 - 0.7 * depth)];
        let vessels = vessels::grow(draw, &disc, &cup, depth);
        Self {
            right_eye: draw.chance(0.5),
            vertical_cdr,
            depth,
            wall,
            margin: draw.range(0.005, 0.016),
            scleral_ring: if draw.chance(0.6) { draw.range(0.1, 0.7) } else { 0.0 },
            rim_redness: draw.bell(0.0, 1.0),
            atrophy: draw.chance(0.35).then(|| atrophy(draw, &disc)),
            fundus: Fundus {
                melanin: draw.bell(0.0, 1.0),
                choroid: draw.range(0.0, 1.0) * draw.unit(),
                tessellation: draw.range(0.1, 1.0) * draw.range(0.2, 1.0),
                nerve_fibre: draw.range(0.1, 1.0),
                foveal_gradient: draw.range(0.1, 0.75),
            },
            vessels,
            texture: draw.key(),
            disc,
            cup,
        }
    }
}

fn harmonics(draw: &mut Draw, amplitude: f32) -> [[f32; 2]; 4] {
    [1.0, 0.8, 0.4, 0.25].map(|share| [0; 2].map(|_| draw.bell(-share, share) * amplitude))
}

fn disc(draw: &mut Draw) -> Outline {
    let height = draw.bell(0.42, 0.68);
    let width = height * draw.range(0.84, 0.99);
    Outline {
        centre: [draw.bell(-0.03, 0.03), draw.bell(-0.025, 0.025)],
        radii: [0.5 * width, 0.5 * height],
        tilt: draw.bell(-0.25, 0.25),
        harmonics: harmonics(draw, 0.03),
    }
}

/// A cup of height `ratio` times the disc's, placed so that the rim tends to the ISNT order: inferior thickest, then
/// superior, nasal, temporal.
fn cup(draw: &mut Draw, disc: &Outline, ratio: f32) -> Outline {
    let (low, high) = disc.bounds();
    let (width, height) = (high[0] - low[0], high[1] - low[1]);
    let across = if ratio > 0.65 { draw.range(0.86, 1.0) } else { draw.range(1.0, 1.18) } * ratio;
    let superior = draw.range(0.44, 0.49) * (1.0 - ratio) * height;
    let nasal = draw.range(0.5, 0.57) * (1.0 - across) * width;
    let free = Outline {
        centre: [low[0] + nasal + 0.5 * across * width, low[1] + superior + 0.5 * ratio * height],
        radii: [0.5 * across * width, 0.5 * ratio * height],
        tilt: draw.bell(-0.3, 0.3),
        harmonics: harmonics(draw, 0.07),
    };
    let ruler = disc.ruler();
    (0..=10)
        .map(|step| {
            let mut cup = free.blend(disc, step as f32 / 10.0);
            let scale = ratio * height / cup.height();
            cup.radii = cup.radii.map(|r| r * scale);
            cup
        })
        .find(|cup| cup.points().all(|p| ruler.distance(p) < -THINNEST_RIM * height))
        .expect("the last candidate is the disc itself, scaled down, which leaves a rim all around")
}

fn atrophy(draw: &mut Draw, disc: &Outline) -> Atrophy {
    let growth = draw.range(1.04, 1.2);
    let reach = (growth - 1.0) * disc.radii[0];
    Atrophy {
        outline: Outline {
            centre: [disc.centre[0] + draw.range(0.5, 1.1) * reach, disc.centre[1] + draw.range(-0.4, 0.6) * reach],
            radii: disc.radii.map(|r| r * growth),
            tilt: disc.tilt,
            harmonics: harmonics(draw, 0.06),
        },
        strength: draw.range(0.3, 1.0),
        pigment: draw.unit() * draw.unit(),
    }
}
