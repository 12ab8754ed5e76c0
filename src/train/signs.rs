//! What unlabelled images of the target tell of a network: figures that need no mask.

use std::rc::Rc;
use std::sync::Arc;

use rayon::prelude::*;

use super::error::TrainError;
use crate::data::{Dataset, RegionPixels};
use crate::inference::{Logits, Predictor};
use crate::metrics::{Masking, Masks, MetricsError, doubts, vertical_cup_to_disc_ratio};

type Result<T> = std::result::Result<T, TrainError>;

/// The training images of the target, and the network that looks at them.
pub(super) struct Watch {
    target: Arc<Dataset>,
    /// rows and columns of the network's images
    size: u32,
    network: Rc<Predictor>,
}

/// Means over the images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Signs {
    /// entropy of the probabilities, in bits a pixel: cup, disc
    entropy: [f64; 2],
    /// share of the region: cup, disc
    area: [f64; 2],
    /// vertical cup-to-disc ratio, of the images that have one: mean and deviation
    vcdr: Option<[f64; 2]>,
    /// share of images whose masks nobody would have drawn so
    implausible: f64,
}

/// What one image tells.
struct Sign {
    entropy: [f64; 2],
    area: [f64; 2],
    vcdr: Option<f64>,
    is_implausible: bool,
}

impl Signs {
    /// Values as the logs name them.
    pub(super) fn named(&self) -> Vec<(&'static str, f64)> {
        let Signs { entropy, area, vcdr, implausible } = *self;
        let values = [
            ("unlabelled_cup_entropy", Some(entropy[0])),
            ("unlabelled_disc_entropy", Some(entropy[1])),
            ("unlabelled_cup_area", Some(area[0])),
            ("unlabelled_disc_area", Some(area[1])),
            ("unlabelled_vcdr", vcdr.map(|own| own[0])),
            ("unlabelled_vcdr_deviation", vcdr.map(|own| own[1])),
            ("unlabelled_implausible", Some(implausible)),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Watch {
    pub(super) fn new(target: Arc<Dataset>, size: usize, network: Rc<Predictor>) -> Self {
        Watch { target, size: size as u32, network }
    }

    /// Looks at every image; probabilities above `thresholds` are cup, and disc.
    pub(super) fn look(&self, thresholds: [f32; 2]) -> Result<Signs> {
        self.network.refresh()?;
        let mut all = Vec::new();
        for regions in self.target.regions().chunks(self.network.batch()) {
            let size = self.size;
            let read = |region| Ok::<_, TrainError>(RegionPixels::read(region)?.resized(size).image);
            let images = regions.par_iter().map(read).collect::<Result<Vec<_>>>()?;
            let logits = self.network.logits(&images.iter().collect::<Vec<_>>())?;
            let signs = logits.par_iter().map(|logits| sign(logits, thresholds));
            all.extend(signs.collect::<std::result::Result<Vec<_>, _>>()?);
        }
        Ok(mean(&all))
    }
}

fn sign(logits: &Logits, thresholds: [f32; 2]) -> std::result::Result<Sign, MetricsError> {
    let of = |masks| logits.masks(&Masking { masks, thresholds, ..Masking::USUAL });
    let (raw, masks) = (of(Masks::Raw)?, of(Masks::Postprocessed)?);
    let pixels = (logits.width * logits.height) as f64;
    let entropy = |class| logits.probability(class).into_iter().map(|p| bits(f64::from(p))).sum::<f64>() / pixels;
    Ok(Sign {
        entropy: [entropy(0), entropy(1)],
        area: masks.each_ref().map(|mask| mask.area() as f64 / pixels),
        vcdr: vertical_cup_to_disc_ratio(&masks[0], &masks[1]),
        is_implausible: !doubts(&masks, &raw).is_empty(),
    })
}

/// Entropy of a draw with probability `p`, in bits.
fn bits(p: f64) -> f64 {
    [p, 1.0 - p].into_iter().filter(|p| *p > 0.0).map(|p| -p * p.log2()).sum()
}

fn mean(signs: &[Sign]) -> Signs {
    let count = signs.len() as f64;
    let of = |value: &dyn Fn(&Sign) -> f64| signs.iter().map(value).sum::<f64>() / count;
    let ratios: Vec<f64> = signs.iter().filter_map(|sign| sign.vcdr).collect();
    let vcdr = (!ratios.is_empty()).then(|| {
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let square = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / ratios.len() as f64;
        [mean, square.sqrt()]
    });
    Signs {
        entropy: [0, 1].map(|class| of(&|sign| sign.entropy[class])),
        area: [0, 1].map(|class| of(&|sign| sign.area[class])),
        vcdr,
        implausible: of(&|sign| f64::from(u8::from(sign.is_implausible))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of an image of 64 pixels whose disc and cup are ellipses around its middle, of these half heights.
    fn drawn(disc: f32, cup: f32, sure: f32) -> Logits {
        let plane = |half: f32| {
            (0..64 * 64).map(move |i| {
                let (x, y) = ((i % 64) as f32 - 31.5, (i / 64) as f32 - 31.5);
                if (x / 16.0).hypot(y / half) <= 1.0 { sure } else { -sure }
            })
        };
        let mask = plane(cup).chain(plane(disc)).collect();
        Logits { width: 64, height: 64, mask, boundary: vec![0.0; 64 * 64], deviation: Vec::new() }
    }

    fn value(signs: &Signs, name: &str) -> f64 {
        signs.named().into_iter().find(|(own, _)| *own == name).unwrap_or_else(|| panic!("`{name}` is told")).1
    }

    #[test]
    fn doubt_size_and_shape_show_without_a_mask() {
        let seen = |images: &[Logits]| {
            mean(&images.iter().map(|image| sign(image, [0.5; 2]).expect("logits")).collect::<Vec<_>>())
        };
        let usual = seen(&[drawn(20.0, 10.0, 4.0), drawn(20.0, 14.0, 4.0)]);
        assert!((value(&usual, "unlabelled_vcdr") - 0.6).abs() < 0.01, "{usual:?}");
        assert!((value(&usual, "unlabelled_vcdr_deviation") - 0.1).abs() < 0.01, "{usual:?}");
        assert!((value(&usual, "unlabelled_disc_area") - 0.245).abs() < 0.01, "{usual:?}");
        assert_eq!(value(&usual, "unlabelled_implausible"), 0.0);
        let unsure = seen(&[drawn(20.0, 10.0, 0.1), drawn(20.0, 14.0, 0.1)]);
        assert!(value(&unsure, "unlabelled_cup_entropy") > 5.0 * value(&usual, "unlabelled_cup_entropy"));
        assert!(value(&unsure, "unlabelled_disc_entropy") > 0.99, "a bit for what could be either");
        let broken = seen(&[drawn(20.0, 10.0, 4.0), drawn(0.0, 0.0, 4.0)]);
        assert_eq!(value(&broken, "unlabelled_implausible"), 0.5);
        assert!((value(&broken, "unlabelled_vcdr") - 0.5).abs() < 0.01, "of the image that has one: {broken:?}");
        let nothing = seen(&[drawn(0.0, 0.0, 4.0)]);
        assert!(nothing.named().iter().all(|(name, _)| !name.contains("vcdr")), "{nothing:?}");
    }
}
