//! Two fundus cameras: what each makes of the same light.
//!
//! A photograph is light through optics (vignetting, uneven flash, blur, veil), a sensor (colour response, noise) and
//! the maker's processing (exposure, contrast curve), in that order, with every photograph a little different.

use image::{Rgb, RgbImage};
use libm::{expf, powf};

use super::noise::{Draw, grain, smoothstep};
use super::render::Scene;

/// Noise is stated for pictures of this many pixels a side; smaller pictures gather more light per pixel.
const NOISE_SIZE: f32 = 512.0;

/// A camera's optics, sensor and processing.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Sides of the eye's coordinates across the picture: below 1 the disc looks larger.
    pub zoom: f32,
    /// Rows: output red, green, blue from linear light.
    pub response: [[f32; 3]; 3],
    /// Mean exposure, and the spread between photographs in relative terms.
    pub exposure: [f32; 2],
    /// Spread of white balance between photographs, relative.
    pub tint: f32,
    /// Exponent of the tone curve (output = light^(1/gamma)).
    pub gamma: f32,
    /// Share of an S-shaped curve in the tone curve.
    pub contrast: f32,
    /// Share of scattered light that veils the picture.
    pub veil: f32,
    /// Colour of the veil relative to the picture's mean.
    pub veil_colour: [f32; 3],
    /// Range of optical blur between photographs: standard deviation in sides.
    pub blur: [f32; 2],
    /// Loss of light at the picture's corners.
    pub vignetting: f32,
    /// Largest relative rise of illumination across the picture.
    pub uneven: f32,
    /// Standard deviation of noise in mid-grey, in grey levels of 255.
    pub noise: f32,
    /// Probability that the edge of the round field crosses the picture.
    pub field_edge: f32,
}

impl Camera {
    /// Crisp, warm and contrasty: orange fundus, pallor almost white.
    pub const A: Self = Self {
        zoom: 1.0,
        response: [[1.0, 0.04, 0.0], [0.02, 1.0, 0.02], [0.02, 0.06, 0.95]],
        exposure: [1.0, 0.2],
        tint: 0.08,
        gamma: 2.2,
        contrast: 0.25,
        veil: 0.04,
        veil_colour: [1.0, 1.0, 1.0],
        blur: [0.0012, 0.0032],
        vignetting: 0.25,
        uneven: 0.15,
        noise: 3.0,
        field_edge: 0.35,
    };

    /// Hazy, dim, pale and greenish: low contrast between cup and rim, larger on the picture, coarser noise.
    pub const B: Self = Self {
        zoom: 0.88,
        response: [[0.66, 0.12, 0.00], [0.30, 0.50, 0.05], [0.17, 0.22, 0.28]],
        exposure: [0.75, 0.2],
        tint: 0.08,
        gamma: 2.0,
        contrast: 0.0,
        veil: 0.25,
        veil_colour: [0.8, 1.15, 1.3],
        blur: [0.0035, 0.0075],
        vignetting: 0.4,
        uneven: 0.35,
        noise: 5.5,
        field_edge: 0.1,
    };

    /// Photographs a scene rendered with this camera's zoom; `draw` decides what varies between photographs.
    pub fn photograph(&self, scene: &Scene, draw: &mut Draw) -> RgbImage {
        let shot = Shot::draw(self, draw);
        let size = scene.size;
        let mut light = scene.light.clone();
        for (i, pixel) in light.iter_mut().enumerate() {
            let lit = shot.illumination(self, centred(i, size)) * shot.exposure;
            let seen = self.response.map(|row| row[0] * pixel[0] + row[1] * pixel[1] + row[2] * pixel[2]);
            *pixel = std::array::from_fn(|c| seen[c] * shot.balance[c] * lit);
        }
        blur(&mut light, size as usize, shot.blur * size as f32);
        let mean = light.iter().fold([0.0f64; 3], |sum, p| std::array::from_fn(|c| sum[c] + f64::from(p[c])));
        let haze: [f32; 3] =
            std::array::from_fn(|c| (mean[c] / light.len() as f64) as f32 * self.veil_colour[c] * shot.veil);
        let noise = self.noise / 255.0 * (size as f32 / NOISE_SIZE).min(1.0).sqrt();
        RgbImage::from_fn(size, size, |x, y| {
            let i = (y * size + x) as usize;
            let open = shot.field(centred(i, size), 1.0 / size as f32);
            Rgb(std::array::from_fn(|c| {
                let toned = self.tone(light[i][c] * (1.0 - shot.veil) + haze[c]);
                // Part of the grain is common to the channels, as demosaicing leaves it.
                let speck = 0.75 * grain(shot.grain, x, y, c as u32) + 0.65 * grain(shot.grain, x, y, 3);
                let level = (toned + noise * (0.5 + toned) * speck) * open;
                (level.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
            }))
        })
    }

    /// Linear light to display value, 0 to 1; light above 0.7 of the range is compressed instead of clipped.
    fn tone(&self, light: f32) -> f32 {
        let light = light.max(0.0);
        let rolled = if light > 0.7 { 1.0 - 0.3 * expf((0.7 - light) / 0.3) } else { light };
        let v = powf(rolled, 1.0 / self.gamma);
        v + self.contrast * (smoothstep(0.0, 1.0, v) - v)
    }
}

/// Position of pixel `i` relative to the picture's centre, in sides.
fn centred(i: usize, size: u32) -> [f32; 2] {
    let (x, y) = (i as u32 % size, i as u32 / size);
    [x, y].map(|c| (c as f32 + 0.5) / size as f32 - 0.5)
}

/// What varies from photograph to photograph.
struct Shot {
    exposure: f32,
    balance: [f32; 3],
    slope: [f32; 2],
    blur: f32,
    veil: f32,
    field: Option<([f32; 2], f32)>,
    grain: u32,
}

impl Shot {
    fn draw(camera: &Camera, draw: &mut Draw) -> Self {
        let [exposure, spread] = camera.exposure;
        let field = draw.chance(camera.field_edge).then(|| {
            let radius = draw.range(1.2, 2.2);
            // The edge stays clear of the disc.
            let gap = draw.range(0.42, 0.52);
            ([draw.sign() * (radius - gap), draw.range(-0.3, 0.3)], radius)
        });
        Self {
            exposure: exposure * (1.0 + draw.bell(-2.0, 2.0) * spread),
            balance: [0; 3].map(|_| 1.0 + draw.bell(-2.0, 2.0) * camera.tint),
            slope: [0; 2].map(|_| draw.range(-camera.uneven, camera.uneven)),
            blur: draw.range(camera.blur[0], camera.blur[1]),
            veil: camera.veil * draw.range(0.5, 1.5),
            field,
            grain: draw.key(),
        }
    }

    fn illumination(&self, camera: &Camera, p: [f32; 2]) -> f32 {
        let corner = 2.0 * (p[0] * p[0] + p[1] * p[1]);
        (1.0 - camera.vignetting * corner) * (1.0 + self.slope[0] * p[0] + self.slope[1] * p[1])
    }

    /// 1 inside the camera's round field, 0 outside, soft over two pixels.
    fn field(&self, p: [f32; 2], pixel: f32) -> f32 {
        self.field.map_or(1.0, |(centre, radius)| {
            let (x, y) = (p[0] - centre[0], p[1] - centre[1]);
            1.0 - smoothstep(radius - pixel, radius + pixel, (x * x + y * y).sqrt())
        })
    }
}

/// Gaussian blur with `sigma` in pixels, rows then columns, edges repeated.
fn blur(light: &mut [[f32; 3]], size: usize, sigma: f32) {
    let reach = (3.0 * sigma) as usize;
    if reach == 0 {
        return;
    }
    let weights: Vec<f32> = (0..=reach).map(|d| expf(-0.5 * (d as f32 / sigma) * (d as f32 / sigma))).collect();
    let total = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    let mut line = vec![[0.0; 3]; size];
    for (start, stride) in (0..size).map(|i| (i * size, 1)).chain((0..size).map(|i| (i, size))) {
        for (i, kept) in line.iter_mut().enumerate() {
            *kept = light[start + i * stride];
        }
        for i in 0..size {
            let mut sum = line[i].map(|c| c * weights[0]);
            for d in 1..=reach {
                let (a, b) = (line[i.saturating_sub(d)], line[(i + d).min(size - 1)]);
                for c in 0..3 {
                    sum[c] += weights[d] * (a[c] + b[c]);
                }
            }
            light[start + i * stride] = sum.map(|c| c / total);
        }
    }
}
