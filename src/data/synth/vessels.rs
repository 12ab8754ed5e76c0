//! Central retinal artery and vein, grown from the cup outwards.
//!
//! Each vessel is a path that steers towards a heading while wandering; it kinks where it climbs over the cup's
//! edge, sheds side branches, and ends outside the region. Angles are in radians, 0 temporal, negative superior.

use core::f32::consts::{PI, TAU};

use libm::{cosf, sinf};

use super::noise::{Draw, mix, smoothstep};
use super::outline::{Outline, Ruler};

/// Length of one step of a path, in sides.
const STEP: f32 = 0.007;
/// Paths end this far from the region's centre along either axis: beyond what any camera shows.
const REACH: f32 = 0.62;
/// Vessels thinner than this half-width are not grown.
const THINNEST: f32 = 0.0016;
/// Length over which a side branch sinks out of sight at its end.
const FADE: f32 = 0.12;
/// Side branches of side branches, at most.
const GENERATIONS: u32 = 3;

/// Artery or vein.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Brighter and thinner, with a light reflex along its middle.
    Artery,
    /// Darker and wider.
    Vein,
}

/// A point of a vessel's path.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Position in the eye's coordinates.
    pub at: [f32; 2],
    /// Half-width in sides.
    pub radius: f32,
    /// Visibility, 0 (deep in the tissue) to 1.
    pub strength: f32,
}

/// One unbranched vessel.
#[derive(Clone, Debug)]
pub struct Vessel {
    /// Artery or vein.
    pub kind: Kind,
    /// Its path, outwards.
    pub path: Vec<Node>,
}

/// Where a path tends to go.
#[derive(Clone, Copy)]
struct Course {
    /// Heading while over the disc.
    over_disc: f32,
    /// Heading from about half a disc radius outside it.
    outside: f32,
    /// Length after which the path ends.
    length: f32,
}

#[derive(Clone, Copy)]
struct Start {
    at: [f32; 2],
    heading: f32,
    radius: f32,
    generation: u32,
    /// Visibility at the start: below 1 the vessel rises from the tissue.
    seen: f32,
}

struct Growth<'a> {
    draw: &'a mut Draw,
    disc: Ruler<'a>,
    cup: Ruler<'a>,
    depth: f32,
    vessels: Vec<Vessel>,
}

/// Grows all vessels of an eye whose cup has the given depth (0 to 1).
pub fn grow(draw: &mut Draw, disc: &Outline, cup: &Outline, depth: f32) -> Vec<Vessel> {
    let size = disc.radii[1];
    let calibre = draw.range(0.9, 1.15) * size / 0.28;
    let trunk =
        [cup.centre[0] - cup.radii[0] * draw.range(0.35, 0.75), cup.centre[1] + cup.radii[1] * draw.range(-0.15, 0.25)];
    let mut growth = Growth { draw, disc: disc.ruler(), cup: cup.ruler(), depth, vessels: Vec::new() };
    let apart = growth.draw.range(0.02, 0.065) * size / 0.28;
    let gap = cup.radii[1] * growth.draw.range(-0.1, 0.4);
    for (kind, shift) in [(Kind::Vein, 0.5 * apart), (Kind::Artery, -0.5 * apart)] {
        for pole in [-1.0, 1.0] {
            let root = [
                trunk[0] + shift + growth.draw.range(-0.4, 0.4) * apart,
                trunk[1] + pole * gap + growth.draw.range(-0.7, 0.7) * apart,
            ];
            growth.arcades(kind, root, pole, calibre, size);
        }
    }
    growth.small_vessels(calibre, disc);
    growth.vessels
}

impl Growth<'_> {
    /// The stem towards one pole (`-1` superior, `1` inferior), its temporal and nasal arcade.
    fn arcades(&mut self, kind: Kind, root: [f32; 2], pole: f32, calibre: f32, size: f32) {
        let radius =
            calibre * if kind == Kind::Vein { self.draw.range(0.021, 0.026) } else { self.draw.range(0.0125, 0.0165) };
        let lean = self.draw.range(-0.45, 0.5);
        let stem = Course {
            over_disc: pole * (0.5 * PI + lean),
            outside: pole * (0.5 * PI + 0.3 * lean),
            length: size * self.draw.range(0.3, 1.35),
        };
        let heading = pole * self.draw.range(-0.05, 1.0) * PI;
        let end = self.path(kind, Start { at: root, heading, radius, generation: 0, seen: 0.1 }, stem);
        self.twigs(kind, calibre);
        let dominant = self.draw.chance(0.75);
        let shares = if dominant { [0.92, 0.68] } else { [0.72, 0.9] };
        let temporal = Course {
            over_disc: pole * self.draw.range(0.33, 0.48) * PI,
            outside: pole * self.draw.range(0.22, 0.46) * PI,
            length: 2.0,
        };
        let nasal = Course {
            over_disc: pole * self.draw.range(0.55, 0.75) * PI,
            outside: pole * self.draw.range(0.56, 0.82) * PI,
            length: 2.0,
        };
        for (course, share) in [temporal, nasal].into_iter().zip(shares) {
            let heading = mix(end.heading, course.over_disc, 0.6);
            self.path(kind, Start { heading, radius: end.radius * share, generation: 1, ..end }, course);
        }
    }

    /// Twigs that leave the stem just grown, across the rim to the temporal or nasal side.
    fn twigs(&mut self, kind: Kind, calibre: f32) {
        let stem: Vec<Node> = self.vessels.last().map_or(vec![], |stem| stem.path.clone());
        for _ in 0..(self.draw.unit() * 2.6) as u32 {
            let Some(node) = stem.get((self.draw.range(0.2, 0.95) * stem.len() as f32) as usize) else { return };
            let toward = if self.draw.chance(0.6) { 0.0 } else { PI } + self.draw.range(-0.3, 0.3) * PI;
            let heading = toward + self.draw.range(-0.9, 0.9);
            let radius = calibre * self.draw.range(0.004, 0.009);
            let outside = toward + self.draw.range(-0.35, 0.35);
            let start = Start { at: node.at, heading, radius, generation: 2, seen: 1.0 };
            self.path(kind, start, Course { over_disc: toward, outside, length: 2.0 });
        }
    }

    /// Fine vessels that appear near the disc's edge and run outwards.
    fn small_vessels(&mut self, calibre: f32, disc: &Outline) {
        for _ in 0..2 + (self.draw.unit() * 4.0) as u32 {
            let around = self.draw.range(0.0, TAU);
            let edge = disc.point(around);
            let inward = self.draw.range(0.65, 0.95);
            let start = Start {
                at: [0, 1].map(|i| mix(disc.centre[i], edge[i], inward)),
                heading: around + self.draw.range(-0.5, 0.5),
                radius: calibre * self.draw.range(0.0022, 0.0045),
                generation: 3,
                seen: 0.0,
            };
            let kind = self.kind();
            let outside = around + self.draw.range(-0.4, 0.4);
            let length = self.draw.range(0.15, 0.5);
            self.path(kind, start, Course { over_disc: around, outside, length });
        }
    }

    fn kind(&mut self) -> Kind {
        if self.draw.chance(0.5) { Kind::Artery } else { Kind::Vein }
    }

    /// Grows one path and its side branches; answers where and how it ended.
    fn path(&mut self, kind: Kind, start: Start, course: Course) -> Start {
        let mut now = start;
        let wander = [self.draw.range(0.1, 0.3), self.draw.range(0.05, 0.18)];
        let turns = [self.draw.range(14.0, 26.0), self.draw.range(35.0, 60.0)];
        let phases = [0; 2].map(|_| self.draw.range(0.0, TAU));
        let stiffness = self.draw.range(9.0, 22.0);
        let mut next_branch = self.draw.range(0.08, 0.3);
        let mut deep = self.cup.distance(now.at) < 0.0;
        let mut path = vec![];
        let mut length = 0.0;
        while length < course.length && now.radius > THINNEST && now.at.iter().all(|c| c.abs() < REACH) {
            let visible = if deep { 1.0 - 0.25 * self.depth } else { 1.0 };
            now.seen += (visible - now.seen) * 0.1;
            let fading = if start.generation == 0 { 1.0 } else { ((course.length - length) / FADE).min(1.0) };
            path.push(Node { at: now.at, radius: now.radius, strength: now.seen * fading });
            let off_disc = smoothstep(0.0, 0.16, self.disc.distance(now.at));
            let mut toward = mix(course.over_disc, course.outside, off_disc);
            for ((amplitude, turn), phase) in wander.into_iter().zip(turns).zip(phases) {
                toward += amplitude * sinf(turn * length + phase);
            }
            now.heading += (toward - now.heading) * stiffness * STEP;
            now.at = [now.at[0] + STEP * cosf(now.heading), now.at[1] + STEP * sinf(now.heading)];
            length += STEP;
            if deep && self.cup.distance(now.at) >= 0.0 {
                deep = false;
                // Climbing the cup's wall foreshortens the path: it seems to break and to go on beside itself.
                let kink = self.draw.sign() * self.draw.range(0.5, 1.1) * (0.35 + self.depth);
                let aside = 0.9 * kink * now.radius;
                now.at = [now.at[0] - aside * sinf(now.heading), now.at[1] + aside * cosf(now.heading)];
                now.heading += kink;
            }
            if length > next_branch && start.generation > 0 {
                next_branch = length + self.draw.range(0.1, 0.4);
                self.branch(kind, &mut now);
            }
            now.radius *= 0.9985;
        }
        self.vessels.push(Vessel { kind, path });
        now
    }

    fn branch(&mut self, kind: Kind, now: &mut Start) {
        let share = self.draw.range(0.35, 0.7);
        let side = self.draw.sign() * self.draw.range(0.5, 1.1);
        let settled = now.heading + side * self.draw.range(0.5, 1.0);
        let length = self.draw.range(0.25, 1.0);
        let child =
            Start { heading: now.heading + side, radius: now.radius * share, generation: now.generation + 1, ..*now };
        if child.generation <= GENERATIONS && child.radius > THINNEST {
            now.radius *= 1.0 - 0.16 * share;
            now.heading -= 0.15 * side;
            self.path(kind, child, Course { over_disc: settled, outside: settled, length });
        }
    }
}
