//! A trained network on images: logits at each image's own size.

use image::RgbImage;
use rayon::prelude::*;

use crate::data::region::image_planes;
use crate::data::resize::resize_image;
use crate::device::{Device, DeviceError, Program, States};
use crate::graph::{Graph, Prepared, ShapeError, fold_norms, prepare, simplify};
use crate::method::step::GENERATOR;
use crate::nn::deeplab::DeepLab;
use crate::nn::{Domain, Pass, Phase, TensorSpec};

/// Prefix of the states that a predictor makes from the network's: they are no part of a checkpoint.
pub const FOLDED: &str = "folded";

/// A network in evaluation, compiled for a fixed number of images at once.
pub struct Predictor {
    program: Program,
    /// computes what depends on the weights alone
    prepare: Program,
    size: usize,
    batch: usize,
    stochastic: Option<Stochastic>,
}

/// Passes with dropouts, beside the one without.
struct Stochastic {
    passes: usize,
    /// rows and columns of their logits
    side: usize,
}

/// Seed of the dropouts: two integers below 2²⁴. Always the same, so that the same call gives the same files.
const SEED: [f32; 2] = [1.0, 0.0];

/// Why a network computes nothing.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The network cannot have images of this size.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The device refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// More images than a network was compiled for.
    #[error("{given} images were given to a network compiled for {batch}")]
    TooManyImages {
        /// images given
        given: usize,
        /// the most that it takes
        batch: usize,
    },
}

type Result<T> = std::result::Result<T, InferenceError>;

/// Logits of an image, at its own size.
#[derive(Clone, Debug)]
pub struct Logits {
    /// columns of the image
    pub width: usize,
    /// rows of the image
    pub height: usize,
    /// `[2,height,width]`: cup, disc
    pub mask: Vec<f32>,
    /// `[1,height,width]`
    pub boundary: Vec<f32>,
    /// `[2,height,width]`: standard deviation of the probabilities of cup and disc over the passes with dropouts; empty
    /// without such passes
    pub deviation: Vec<f32>,
}

impl Logits {
    /// Probabilities of the cup (0) or the disc (1), `[height,width]`.
    pub fn probability(&self, channel: usize) -> Vec<f32> {
        let plane = self.width * self.height;
        self.mask[channel * plane..(channel + 1) * plane].iter().map(|&z| sigmoid(z)).collect()
    }
}

/// A network in evaluation with `batch` images of `size`×`size` at once, `image` → the logits `mask` and `boundary`; what
/// depends on its weights alone is apart, in states named `FOLDED.…`. Also the network's tensors.
pub fn trace_evaluation(
    network: DeepLab,
    domain: Domain,
    size: usize,
    batch: usize,
) -> std::result::Result<(Prepared, Vec<TensorSpec>), ShapeError> {
    let (graph, tensors) = trace_passes(network, domain, [size, batch], 0)?;
    Ok((folded(&graph, domain)?, tensors))
}

/// The network in evaluation, and its tensors. With `passes` further ones in which dropouts are active: an input `seed [2]`
/// and an output `passes [passes,batch,2,h,w]`, their logits of the masks before the last resize.
fn trace_passes(
    network: DeepLab,
    domain: Domain,
    [size, batch]: [usize; 2],
    passes: usize,
) -> std::result::Result<(Graph, Vec<TensorSpec>), ShapeError> {
    let mut graph = Graph::new();
    let image = graph.input("image", [batch, 3, size, size]);
    let seed = (passes > 0).then(|| graph.input("seed", [2]));
    let mut pass = Pass::new(&mut graph, GENERATOR, Phase::Evaluation(domain));
    let encoded = network.encode(&mut pass, image)?;
    let prediction = network.decode(&mut pass, encoded, [size; 2])?;
    pass.dropout_seed = seed;
    let mut stochastic = Vec::new();
    for _ in 0..passes {
        let logits = network.decode(&mut pass, encoded, [size; 2])?.mask_small;
        let shape = [&[1], &pass.graph.shape(logits)[..]].concat();
        stochastic.push(pass.graph.reshape(logits, shape)?);
    }
    let tensors = pass.into_tensors();
    graph.output("mask", prediction.mask);
    graph.output("boundary", prediction.boundary);
    if passes > 0 {
        let joined = graph.concat(&stochastic, 0)?;
        graph.output("passes", joined);
    }
    simplify(&mut graph);
    Ok((graph, tensors))
}

/// What depends on the weights alone, apart from the rest; normalisations folded into convolutions.
fn folded(graph: &Graph, domain: Domain) -> std::result::Result<Prepared, ShapeError> {
    prepare(&fold_norms(graph)?, &format!("{FOLDED}.{}", domain.name()))
}

fn sigmoid(z: f32) -> f32 {
    let e = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

impl Predictor {
    /// Compiles `network` for images brought to `size`×`size`, `batch` at once; its weights are those of `states`, as
    /// they are at the last `refresh`. With TransNorm the statistics of `domain` normalise.
    pub fn new(
        device: &Device,
        states: &States,
        network: DeepLab,
        domain: Domain,
        size: usize,
        batch: usize,
    ) -> Result<(Predictor, Vec<TensorSpec>)> {
        Self::with_passes(device, states, network, domain, [size, batch], 0)
    }

    /// The same for images of `[size, batch]`, with as many further passes in which the network's dropouts are active while
    /// normalisations stay those of evaluation (Gal & Ghahramani 2016): they tell how far a probability can be trusted.
    /// What lies before the first dropout is computed once.
    pub fn with_passes(
        device: &Device,
        states: &States,
        network: DeepLab,
        domain: Domain,
        [size, batch]: [usize; 2],
        passes: usize,
    ) -> Result<(Predictor, Vec<TensorSpec>)> {
        let (graph, tensors) = trace_passes(network, domain, [size, batch], passes)?;
        let stochastic = graph.outputs().iter().find(|(name, _)| name == "passes");
        let stochastic = stochastic.map(|(_, id)| Stochastic { passes, side: graph.shape(*id)[4] });
        let Prepared { prepare, rest } = folded(&graph, domain)?;
        let (prepare, program) = (device.compile(&prepare, states)?, device.compile(&rest, states)?);
        if stochastic.is_some() {
            program.write("seed", &SEED)?;
        }
        Ok((Predictor { program, prepare, size, batch, stochastic }, tensors))
    }

    /// Takes over the weights as they are now. Normalisations are folded into convolutions, so that each image costs less.
    pub fn refresh(&self) -> Result<()> {
        Ok(self.prepare.run()?)
    }

    /// Number of images that one call may bring.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Logits of up to `batch` images, in order.
    pub fn logits(&self, images: &[&RgbImage]) -> Result<Vec<Logits>> {
        if images.len() > self.batch {
            return Err(InferenceError::TooManyImages { given: images.len(), batch: self.batch });
        }
        let side = self.size as u32;
        let planes: Vec<Vec<f32>> =
            images.par_iter().map(|image| image_planes(&resize_image(image, side, side))).collect();
        let mut input = planes.concat();
        input.resize(self.batch * 3 * self.size * self.size, 0.0);
        self.program.write("image", &input)?;
        self.program.run()?;
        let values = match self.stochastic {
            Some(_) => self.program.read(&["mask", "boundary", "passes"])?,
            None => self.program.read(&["mask", "boundary"])?,
        };
        let (size, plane) = (self.size, self.size * self.size);
        let (stochastic, batch) = (self.stochastic.as_ref(), self.batch);
        let upsample = |index: usize| {
            let (width, height) = (images[index].width() as usize, images[index].height() as usize);
            let to_own = |values: &[f32]| resize_align_corners(values, size, [height, width]);
            let mask = values[0][index * 2 * plane..(index + 1) * 2 * plane].chunks(plane).flat_map(to_own).collect();
            let boundary = to_own(&values[1][index * plane..(index + 1) * plane]);
            let deviation = stochastic.map_or_else(Vec::new, |stochastic| {
                let own = stochastic.deviation(&values[2], index, batch);
                let plane = stochastic.side * stochastic.side;
                own.chunks(plane).flat_map(|v| resize_align_corners(v, stochastic.side, [height, width])).collect()
            });
            Logits { width, height, mask, boundary, deviation }
        };
        Ok((0..images.len()).into_par_iter().map(upsample).collect())
    }
}

impl Stochastic {
    /// Standard deviation of an image's probabilities, `[2,side,side]`, over the passes `[passes,batch,2,side,side]`.
    fn deviation(&self, logits: &[f32], index: usize, batch: usize) -> Vec<f32> {
        let plane = 2 * self.side * self.side;
        let of_pass = |pass: usize| &logits[(pass * batch + index) * plane..][..plane];
        let passes: Vec<&[f32]> = (0..self.passes).map(of_pass).collect();
        let count = self.passes as f32;
        let at = |i: usize| {
            let mean = passes.iter().map(|pass| sigmoid(pass[i])).sum::<f32>() / count;
            (passes.iter().map(|pass| (sigmoid(pass[i]) - mean).powi(2)).sum::<f32>() / count).sqrt()
        };
        (0..plane).map(at).collect()
    }
}

/// A square map brought to `[height, width]`, bilinear, corner pixels on corner pixels.
fn resize_align_corners(values: &[f32], side: usize, [height, width]: [usize; 2]) -> Vec<f32> {
    if [height, width] == [side, side] {
        return values.to_vec();
    }
    let locate = |i: usize, out: usize| {
        let position = if out > 1 { i as f64 * (side - 1) as f64 / (out - 1) as f64 } else { 0.0 };
        let low = (position as usize).min(side - 1);
        (low, (low + 1).min(side - 1), (position - low as f64) as f32)
    };
    let columns: Vec<_> = (0..width).map(|x| locate(x, width)).collect();
    let mut out = Vec::with_capacity(height * width);
    for y in 0..height {
        let (top, bottom, v) = locate(y, height);
        let (top, bottom) = (&values[top * side..][..side], &values[bottom * side..][..side]);
        out.extend(columns.iter().map(|&(left, right, u)| {
            let upper = top[left] + u * (top[right] - top[left]);
            let lower = bottom[left] + u * (bottom[right] - bottom[left]);
            upper + v * (lower - upper)
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Norm;
    use crate::nn::deeplab::Backbone;
    use crate::nn::init::initial_values;

    #[test]
    fn corners_stay_and_a_ramp_stays_a_ramp() {
        let ramp: Vec<f32> = (0..9).map(|i| (i % 3) as f32 + 10.0 * (i / 3) as f32).collect();
        let large = resize_align_corners(&ramp, 3, [5, 9]);
        assert_eq!((large[0], large[8], large[36], large[44]), (0.0, 2.0, 20.0, 22.0));
        assert_eq!(large[2 * 9 + 4], 11.0);
        assert_eq!(resize_align_corners(&ramp, 3, [3, 3]), ramp);
    }

    #[test]
    fn networks_of_both_domains_share_their_weights_and_nothing_else() {
        let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Trans };
        let states = Device::Cpu.states();
        let [(source, tensors), (target, _)] = [Domain::Source, Domain::Target]
            .map(|domain| Predictor::new(&Device::Cpu, &states, network, domain, 32, 1).expect("shapes fit"));
        for spec in &tensors {
            let mut values = initial_values(spec, 3);
            if spec.name.ends_with("running_mean_target") {
                values.fill(0.5);
            }
            states.write(&format!("{GENERATOR}.{}", spec.name), &values).expect("declared");
        }
        let image = RgbImage::from_fn(32, 32, |x, y| image::Rgb([(x * 8) as u8, (y * 8) as u8, (x * y) as u8]));
        let mask = |predictor: &Predictor| predictor.logits(&[&image]).expect("one image fits").remove(0).mask;
        source.refresh().expect("every state is there");
        let alone = mask(&source);
        target.refresh().expect("every state is there");
        assert!(mask(&source) == alone, "the target's network does not disturb the source's");
        assert!(mask(&target) != alone, "statistics differ");
    }

    #[test]
    fn passes_with_dropouts_deviate_and_leave_the_prediction_as_it_is() {
        let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };
        let image = RgbImage::from_fn(40, 36, |x, y| image::Rgb([(x * 6) as u8, (y * 7) as u8, (x * y) as u8]));
        let logits = |passes: usize| {
            let states = Device::Cpu.states();
            let (predictor, tensors) =
                Predictor::with_passes(&Device::Cpu, &states, network, Domain::Target, [32, 1], passes)
                    .expect("shapes fit");
            for spec in &tensors {
                let values = initial_values(spec, 3);
                states.write(&format!("{GENERATOR}.{}", spec.name), &values).expect("declared");
            }
            predictor.refresh().expect("every state is there");
            predictor.logits(&[&image]).expect("one image fits").remove(0)
        };
        let (plain, stochastic) = (logits(0), logits(3));
        assert!(plain.deviation.is_empty() && plain.mask == stochastic.mask);
        assert_eq!(stochastic.deviation.len(), 2 * 40 * 36);
        assert!(stochastic.deviation.iter().all(|d| (0.0..=0.5).contains(d)), "of values between 0 and 1");
        assert!(stochastic.deviation.iter().any(|d| *d > 1e-4), "dropouts make a difference");
    }

    #[test]
    fn deviations_are_those_of_probabilities() {
        let stochastic = Stochastic { passes: 2, side: 1 };
        // Two passes of two images: the second image has logits ±large in one, 0 in the other.
        let logits = [9.0, 9.0, 200.0, 0.0, 9.0, 9.0, -200.0, 0.0];
        assert_eq!(stochastic.deviation(&logits, 1, 2), [0.5, 0.0]);
        assert_eq!(stochastic.deviation(&logits, 0, 2), [0.0, 0.0]);
    }

    #[test]
    fn sigmoid_is_stable_far_out() {
        assert_eq!((sigmoid(200.0), sigmoid(0.0), sigmoid(-200.0)), (1.0, 0.5, 0.0));
    }
}
