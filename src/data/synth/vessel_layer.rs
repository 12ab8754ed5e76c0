//! Vessels drawn into a picture: how much blood light passes through at each pixel.

use super::noise::smoothstep;
use super::vessels::{Kind, Node, Vessel};

/// Narrowest soft edge of a vessel, in sides.
const EDGE: f32 = 0.0015;

/// What the vessels over one pixel do to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Blood {
    /// Venous path length, 0 to 1 (through the middle of a vein).
    pub vein: f32,
    /// Arterial path length, 0 to 1.
    pub artery: f32,
    /// Light reflected by the convex front of a vessel, 0 to 1.
    pub reflex: f32,
}

/// Draws `vessels` on a raster of `size` pixels a side that shows `zoom` sides of the eye, row by row and not mirrored.
pub fn draw(vessels: &[Vessel], zoom: f32, size: u32) -> Vec<Blood> {
    let mut layer =
        Layer { size, zoom, pixel: zoom / size as f32, blood: vec![Blood::default(); (size * size) as usize] };
    for vessel in vessels {
        for pair in vessel.path.windows(2) {
            layer.segment(vessel.kind, pair[0], pair[1]);
        }
    }
    layer.blood
}

struct Layer {
    size: u32,
    zoom: f32,
    /// Width of a pixel in sides of the eye's coordinates.
    pixel: f32,
    blood: Vec<Blood>,
}

impl Layer {
    /// Pixels along one axis between two coordinates.
    fn span(&self, low: f32, high: f32) -> std::ops::Range<u32> {
        let to_pixel = |c: f32| ((c + 0.5 * self.zoom) / self.pixel).clamp(0.0, self.size as f32);
        to_pixel(low).floor() as u32..to_pixel(high).ceil() as u32
    }

    /// The largest path length wins where segments or branches of a kind overlap, so joints leave no marks.
    fn segment(&mut self, kind: Kind, a: Node, b: Node) {
        let soft = EDGE.max(0.75 * self.pixel);
        let reach = a.radius.max(b.radius).max(soft) + soft;
        let bounds = [0, 1].map(|i| (a.at[i].min(b.at[i]) - reach, a.at[i].max(b.at[i]) + reach));
        let along = [b.at[0] - a.at[0], b.at[1] - a.at[1]];
        let length2 = (along[0] * along[0] + along[1] * along[1]).max(1e-12);
        for y in self.span(bounds[1].0, bounds[1].1) {
            for x in self.span(bounds[0].0, bounds[0].1) {
                let p = [x, y].map(|c| (c as f32 + 0.5) * self.pixel - 0.5 * self.zoom);
                let d = [p[0] - a.at[0], p[1] - a.at[1]];
                let t = ((d[0] * along[0] + d[1] * along[1]) / length2).clamp(0.0, 1.0);
                let (dx, dy) = (d[0] - t * along[0], d[1] - t * along[1]);
                let distance = (dx * dx + dy * dy).sqrt();
                if distance >= reach {
                    continue;
                }
                let true_radius = a.radius + t * (b.radius - a.radius);
                // A vessel thinner than its soft edge keeps its area by fading instead of shrinking.
                let radius = true_radius.max(soft);
                let strength = (a.strength + t * (b.strength - a.strength)) * (true_radius / soft).min(1.0);
                let cover = strength * (1.0 - smoothstep(radius - soft, radius + soft, distance));
                let off_axis = distance / radius;
                let chord = (1.0 - off_axis * off_axis).max(0.0).sqrt();
                let calibre = smoothstep(0.003, 0.02, true_radius);
                let path = cover * (0.5 + 0.5 * chord) * (0.6 + 0.4 * calibre);
                let reflex = cover * (1.0 - smoothstep(0.1, 0.5, off_axis)) * smoothstep(0.006, 0.012, true_radius);
                let blood = &mut self.blood[(y * self.size + x) as usize];
                match kind {
                    Kind::Vein => blood.vein = blood.vein.max(path),
                    Kind::Artery => {
                        blood.artery = blood.artery.max(path);
                        blood.reflex = blood.reflex.max(reflex);
                    }
                }
            }
        }
    }
}
