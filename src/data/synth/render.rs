//! The eye as light: linear red, green and blue leaving the fundus, and the mask that an expert would draw.
//!
//! All lengths are in sides, so one eye looks the same at any size; edges are never sharper than a pixel and textures
//! too fine for the pixels fade out.

use image::{GrayImage, Luma};
use libm::expf;

use super::anatomy::Eye;
use super::noise::{fbm, hash, mix, resolved, smoothstep, value3};
use super::outline::Ruler;
use super::vessel_layer::{self, Blood};

/// Grey levels of masks.
const CUP: u8 = 0;
const RIM: u8 = 128;
const BACKGROUND: u8 = 255;

/// Linear colours of tissue under even light.
const RETINA: [f32; 3] = [0.160, 0.070, 0.0175];
const CHOROID: [f32; 3] = [0.560, 0.095, 0.0120];
const SCLERA: [f32; 3] = [0.560, 0.350, 0.1150];
const NERVE_FIBRE: [f32; 3] = [0.050, 0.048, 0.0160];
const RUDDY_RIM: [f32; 3] = [0.520, 0.100, 0.0230];
const PALE_RIM: [f32; 3] = [0.700, 0.205, 0.0440];
const PALLOR: [f32; 3] = [1.150, 0.780, 0.2300];
/// Exponents of absorption by melanin, venous and arterial blood, seen from above.
const MELANIN: [f32; 3] = [0.95, 1.05, 1.2];
const VENOUS: [f32; 3] = [0.85, 2.3, 1.5];
const ARTERIAL: [f32; 3] = [0.34, 1.65, 1.25];
/// Red light scattered back by blood.
const BLOOD: [f32; 3] = [0.050, 0.004, 0.003];

/// Linear light per pixel, row by row.
pub struct Scene {
    /// Pixels a side.
    pub size: u32,
    /// Red, green, blue; 1 is a fully lit white sheet.
    pub light: Vec<[f32; 3]>,
}

/// Renders the `zoom` sides around the middle of the eye at `size` pixels a side.
pub fn scene(eye: &Eye, zoom: f32, size: u32) -> Scene {
    let painter = Painter {
        eye,
        disc: eye.disc.ruler(),
        cup: eye.cup.ruler(),
        atrophy: eye.atrophy.as_ref().map(|atrophy| atrophy.outline.ruler()),
        pixel: zoom / size as f32,
    };
    let blood = vessel_layer::draw(&eye.vessels, zoom, size);
    let mut light = Vec::with_capacity(blood.len());
    for y in 0..size {
        for x in 0..size {
            let column = if eye.right_eye { size - 1 - x } else { x };
            light.push(painter.light(place(column, y, zoom, size), blood[(y * size + column) as usize]));
        }
    }
    Scene { size, light }
}

/// The mask of the same picture: 0 cup, 128 rim, 255 background.
pub fn mask(eye: &Eye, zoom: f32, size: u32) -> GrayImage {
    let (disc, cup) = (eye.disc.ruler(), eye.cup.ruler());
    GrayImage::from_fn(size, size, |x, y| {
        let column = if eye.right_eye { size - 1 - x } else { x };
        let p = place(column, y, zoom, size);
        Luma([match disc.distance(p) < 0.0 {
            false => BACKGROUND,
            true if cup.distance(p) < 0.0 => CUP,
            true => RIM,
        }])
    })
}

/// Eye coordinates of a pixel's centre.
fn place(x: u32, y: u32, zoom: f32, size: u32) -> [f32; 2] {
    [x, y].map(|c| ((c as f32 + 0.5) / size as f32 - 0.5) * zoom)
}

fn mix3(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    std::array::from_fn(|c| mix(a[c], b[c], t))
}

fn scaled(a: [f32; 3], s: f32) -> [f32; 3] {
    a.map(|c| c * s)
}

struct Painter<'a> {
    eye: &'a Eye,
    disc: Ruler<'a>,
    cup: Ruler<'a>,
    atrophy: Option<Ruler<'a>>,
    pixel: f32,
}

impl Painter<'_> {
    fn light(&self, p: [f32; 2], blood: Blood) -> [f32; 3] {
        let eye = self.eye;
        // Tissue is not drawn with compasses: the visible edge strays a little from the outline.
        let mut outside = self.disc.distance(p);
        let near = 1.0 - smoothstep(0.02, 0.05, outside.abs());
        if near > 0.0 {
            outside += 0.012 * near * self.noise(1, p, 22.0, 3);
        }
        let soft = (eye.margin * (1.4 - 0.5 * self.temporal(p))).max(0.7 * self.pixel);
        let on_disc = 1.0 - smoothstep(-soft, soft, outside);
        let mut light = if on_disc < 1.0 { self.fundus(p, outside) } else { [0.0; 3] };
        if on_disc > 0.0 {
            light = mix3(light, self.nerve_head(p, outside), on_disc);
        }
        let ring = eye.scleral_ring * smoothstep(-0.2, 0.9, self.temporal(p));
        if ring > 0.0 {
            let off = (outside - 0.4 * soft) / (0.012 + 0.5 * soft);
            light = mix3(light, scaled(PALLOR, 0.5), 0.6 * ring * expf(-off * off));
        }
        if blood == Blood::default() {
            return light;
        }
        std::array::from_fn(|c| {
            let through = expf(-VENOUS[c] * blood.vein - ARTERIAL[c] * blood.artery);
            let opacity = blood.vein.max(blood.artery);
            light[c] * through + BLOOD[c] * opacity * (0.4 + light[0]) + blood.reflex * 0.4 * light[c] * (1.0 - through)
        })
    }

    /// Noise with a key of its own, around 0.
    fn noise(&self, layer: u32, p: [f32; 2], frequency: f32, octaves: u32) -> f32 {
        fbm(self.key(layer), p, frequency, octaves, self.pixel)
    }

    fn key(&self, layer: u32) -> u32 {
        self.eye.texture ^ layer.wrapping_mul(0x9e37_79b9)
    }

    /// Cosine of the direction from the disc's centre: 1 temporal, -1 nasal.
    fn temporal(&self, p: [f32; 2]) -> f32 {
        self.direction(p)[0]
    }

    fn direction(&self, p: [f32; 2]) -> [f32; 2] {
        let d = [p[0] - self.eye.disc.centre[0], p[1] - self.eye.disc.centre[1]];
        let length = (d[0] * d[0] + d[1] * d[1]).sqrt().max(1e-4);
        [d[0] / length, d[1] / length]
    }

    /// Fibres running outwards: noise that is fine around the disc and long away from it.
    fn fibres(&self, layer: u32, p: [f32; 2], fineness: f32, radius: f32) -> f32 {
        let d = self.direction(p);
        let kept = resolved(fineness / (radius.max(0.05) * core::f32::consts::TAU), self.pixel);
        (value3(self.key(layer), [d[0] * fineness, d[1] * fineness, 7.0 * radius]) - 0.5) * kept
    }

    /// Retina over choroid outside the disc, `outside` sides from its edge.
    fn fundus(&self, p: [f32; 2], outside: f32) -> [f32; 3] {
        let fundus = &self.eye.fundus;
        let warp = [self.noise(2, p, 3.0, 1), self.noise(3, p, 3.0, 1)];
        let q = [p[0] + 0.22 * warp[0], p[1] + 0.22 * warp[1]];
        // Choroidal vessels show as a net of bands between pigment: ridges of smooth noise.
        let ridge = 1.0 - 4.0 * self.noise(4, q, 6.5, 2).abs();
        let patches = self.noise(5, p, 2.5, 2);
        let bands = fundus.tessellation * smoothstep(0.15, 0.9, ridge + 0.5 * patches);
        let show = (fundus.choroid * (0.55 + 1.6 * patches) + 0.55 * bands * (0.35 + p[0])).clamp(0.0, 1.0);
        let mut light = mix3(RETINA, CHOROID, show);
        let pigment = (fundus.melanin - 0.35 + 0.9 * patches * (0.5 + fundus.tessellation) - 0.35 * bands).max(-0.4);
        let fine = 1.0 + 0.5 * self.noise(6, p, 44.0, 3) + 0.25 * self.noise(7, q, 14.0, 1);
        light = std::array::from_fn(|c| light[c] * fine * expf(-MELANIN[c] * pigment));

        // Nerve fibres are thickest above and below the disc and thin out away from it.
        let [_, vertical] = self.direction(p);
        let layer = fundus.nerve_fibre * (0.25 + 0.75 * vertical * vertical) * expf(-4.5 * outside.max(0.0));
        let streaks = self.fibres(8, p, 16.0, outside + 0.3) + 0.6 * self.fibres(9, p, 31.0, outside + 0.3);
        let fibre = layer * (0.35 + 0.9 * streaks);
        light = std::array::from_fn(|c| (light[c] * (1.0 + 0.25 * fibre) + NERVE_FIBRE[c] * fibre).max(0.0));

        light = self.with_atrophy(light, p, outside);
        scaled(light, (1.0 + fundus.foveal_gradient * p[0]).max(0.2))
    }

    fn with_atrophy(&self, light: [f32; 3], p: [f32; 2], outside: f32) -> [f32; 3] {
        let (Some(atrophy), Some(ruler)) = (&self.eye.atrophy, &self.atrophy) else { return light };
        let edge = ruler.distance(p);
        if edge > 0.07 {
            return light;
        }
        let edge = edge + 0.03 * self.noise(10, p, 16.0, 3);
        let within = 1.0 - smoothstep(-0.012, 0.012, edge);
        let mottle = 0.75 + 0.7 * self.noise(11, p, 28.0, 3);
        let bare = mix3(light, scaled(SCLERA, 0.62 * mottle), 0.62 * atrophy.strength * within);
        let rim = expf(-(edge / 0.016) * (edge / 0.016)) * smoothstep(0.0, 0.012, outside);
        let clumps = smoothstep(-0.05, 0.22, self.noise(12, p, 20.0, 3));
        scaled(bare, 1.0 - 0.75 * atrophy.pigment * rim * clumps)
    }

    /// Rim and cup; `outside` is negative here.
    fn nerve_head(&self, p: [f32; 2], outside: f32) -> [f32; 3] {
        let eye = self.eye;
        let (outside_cup, toward_edge) = self.cup.measure(p);
        let aside = smoothstep(-1.2, 1.1, (p[0] - eye.disc.centre[0]) / eye.disc.radii[0]);

        // The temporal rim is thinner and paler than the nasal one.
        let capillaries = 0.16 * self.noise(13, p, 24.0, 3) + 0.14 * self.fibres(14, p, 11.0, outside + 0.35);
        let pale =
            (0.12 + 0.6 * aside - 0.75 * (eye.rim_redness - 0.5) + 1.1 * self.noise(15, p, 6.0, 2)).clamp(0.0, 1.0);
        let shoulder = 1.0 - 0.2 * (1.0 - smoothstep(0.0, 0.05, -outside)) * (1.0 - 0.6 * aside);
        let rim = scaled(mix3(RUDDY_RIM, PALE_RIM, pale), (0.72 + 0.28 * aside) * shoulder * (1.0 + capillaries));

        // The wall of the cup is steep on the nasal side and slopes on the temporal side.
        let wall = mix(eye.wall[0], eye.wall[1], aside).max(0.7 * self.pixel);
        let stray = 0.02 * self.noise(16, p, 13.0, 2);
        let in_cup = 1.0 - smoothstep(-wall, wall, outside_cup + stray);
        if in_cup <= 0.0 {
            return rim;
        }
        // Pallor rises from the wall to a peak on the temporal side of the floor; deep cups are pale throughout.
        let off = [p[0] - eye.cup.centre[0] - 0.22 * eye.cup.radii[0], p[1] - eye.cup.centre[1]];
        let away = (off[0] / eye.cup.radii[0], off[1] / eye.cup.radii[1]);
        let glow = expf(-1.5 * (away.0 * away.0 + away.1 * away.1));
        let bowl = 1.0 - toward_edge.min(1.0) * toward_edge.min(1.0);
        let pale = (0.32 + 0.45 * eye.depth + 0.55 * glow + 0.9 * self.noise(19, p, 7.0, 2)).clamp(0.0, 1.0);
        let floor = mix3(PALE_RIM, PALLOR, pale);
        let floor = scaled(floor, 0.66 + 0.36 * glow);
        let pores = self.lamina(p) * smoothstep(0.4, 0.9, eye.depth) * smoothstep(0.15, 0.6, bowl);
        let shade = 1.0 - 0.34 * eye.depth * (1.0 - aside) * smoothstep(0.35, 1.0, toward_edge);
        let mottle = 1.0 + 0.16 * self.noise(17, p, 18.0, 3);
        let floor = std::array::from_fn(|c| floor[c] * shade * mottle * (1.0 - pores * [0.10, 0.19, 0.19][c]));
        mix3(rim, floor, in_cup)
    }

    /// Pores of the lamina cribrosa: one grey dot per cell of a jittered lattice, 0 to 1.
    fn lamina(&self, p: [f32; 2]) -> f32 {
        const CELLS: f32 = 46.0;
        let kept = resolved(1.4 * CELLS, self.pixel);
        if kept <= 0.0 {
            return 0.0;
        }
        let q = p.map(|c| c * CELLS);
        let cell = q.map(|c| c.floor() as i32);
        let mut pore: f32 = 0.0;
        for (dy, dx) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx))) {
            let (x, y) = (cell[0] + dx, cell[1] + dy);
            let h = hash(self.key(18), x, y, 0);
            let part = |shift: u32| ((h >> shift) & 0xff) as f32 / 255.0;
            let d = [q[0] - x as f32 - part(0), q[1] - y as f32 - part(8)];
            let radius = 0.2 + 0.25 * part(16);
            pore = pore.max(1.0 - smoothstep(0.4 * radius, 1.3 * radius, (d[0] * d[0] + d[1] * d[1]).sqrt()));
        }
        pore * kept
    }
}
