//! A trained network on images: logits at each image's own size.

use image::RgbImage;
use rayon::prelude::*;

use crate::data::colours::{Colours, planes_brought_to};
use crate::data::resize::resize_image;
use crate::data::scales::Scales;
use crate::data::square::Square;
use crate::device::{Device, DeviceError, Program, States};
use crate::graph::{Graph, NodeId, Prepared, ResizeMode, ShapeError, fold_norms, prepare, simplify};
use crate::method::deviation::{TEMPERATURE, deviation};
use crate::method::step::GENERATOR;
use crate::metrics::{BinaryMask, DiceOverThresholds, Masking, MetricsError, dice_over_thresholds};
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
    /// whether there are passes with dropouts beside the one without
    is_stochastic: bool,
    views: Views,
}

/// How images are brought before a network.
#[derive(Clone, Debug, Default)]
pub struct Views {
    /// colours that they are brought to first, each by itself
    pub colours: Option<Colours>,
    /// scales at which they are seen; logits are averages over those that show a pixel
    pub scales: Scales,
}

impl Views {
    /// Views of images that are brought to colours, if there are some, and seen as they are.
    pub fn brought_to(colours: Option<Colours>) -> Self {
        Self { colours, ..Self::default() }
    }
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
    /// Nothing can be seen in what the network gives: its weights are damaged, or have overflowed.
    #[error("the network's output for image {} of {of} is not finite: its weights are damaged or have overflowed", image + 1)]
    NotFinite {
        /// the first such image of a call, counted from 0
        image: usize,
        /// images of the call
        of: usize,
    },
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
    /// `[2,height,width]`: [deviation](crate::method::deviation) of cup and disc over the passes with dropouts; empty without
    /// such passes
    pub deviation: Vec<f32>,
}

impl Logits {
    /// Probabilities of the cup (0) or the disc (1), `[height,width]`.
    pub fn probability(&self, channel: usize) -> Vec<f32> {
        let plane = self.width * self.height;
        self.mask[channel * plane..(channel + 1) * plane].iter().map(|&z| sigmoid(z)).collect()
    }

    /// Probabilities of the boundary, `[height,width]`.
    pub fn boundary_probability(&self) -> Vec<f32> {
        self.boundary.iter().map(|&z| sigmoid(z)).collect()
    }

    /// The masks of cup and disc.
    ///
    /// # Errors
    /// [`MetricsError::Values`] when there is not a logit for each pixel.
    pub fn masks(&self, masking: &Masking) -> std::result::Result<[BinaryMask; 2], MetricsError> {
        let maps = [0, 1].map(|channel| self.probability(channel));
        masking.apply(maps.each_ref().map(Vec::as_slice), self.width as u32, self.height as u32)
    }

    /// Dice of the raw masks of cup and disc at every threshold, against true ones.
    ///
    /// # Errors
    /// [`MetricsError::Values`] when there is not a logit for each pixel.
    pub fn dice_over_thresholds(
        &self,
        truth: &[BinaryMask; 2],
    ) -> std::result::Result<[DiceOverThresholds; 2], MetricsError> {
        let of = |class: usize| dice_over_thresholds(&self.probability(class), &truth[class]);
        Ok([of(0)?, of(1)?])
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
    let (graph, tensors) = trace_passes(network, GENERATOR, domain, [size, batch], 0)?;
    Ok((folded(&graph, domain)?, tensors))
}

/// The network in evaluation, its states named `prefix.…`, and its tensors. With `passes` further ones in which dropouts are active: an input `seed [2]`
/// and an output `std [batch,2,size,size]`, how far they disagree.
fn trace_passes(
    network: DeepLab,
    prefix: &str,
    domain: Domain,
    [size, batch]: [usize; 2],
    passes: usize,
) -> std::result::Result<(Graph, Vec<TensorSpec>), ShapeError> {
    let mut graph = Graph::new();
    let image = graph.input("image", [batch, 3, size, size]);
    let seed = (passes > 0).then(|| graph.input("seed", [2]));
    let mut pass = Pass::new(&mut graph, prefix, Phase::Evaluation(domain));
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
        let std = deviations(&mut graph, joined, size)?;
        graph.output("std", std);
    }
    simplify(&mut graph);
    Ok((graph, tensors))
}

/// The deviation over passes at the size of the image, `[N,K,size,size]`, from their logits before the last resize,
/// `[T,N,K,h,w]`. One map after another, so that no value holds all passes of all images at that size.
fn deviations(graph: &mut Graph, passes: NodeId, size: usize) -> std::result::Result<NodeId, ShapeError> {
    let shape = graph.shape(passes).clone();
    let mut images = Vec::new();
    for image in 0..shape[1] {
        let of_image = graph.slice(passes, 1, image, 1)?;
        let mut maps = Vec::new();
        for class in 0..shape[2] {
            let small = graph.slice(of_image, 2, class, 1)?;
            let small = graph.reshape(small, [shape[0], 1, shape[3], shape[4]])?;
            let logits = graph.resize(small, ResizeMode::BilinearAlignCorners, [size; 2])?;
            let std = deviation(graph, logits, TEMPERATURE)?;
            maps.push(graph.reshape(std, [1, 1, size, size])?);
        }
        images.push(graph.concat(&maps, 1)?);
    }
    graph.concat(&images, 0)
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
        size_and_batch: [usize; 2],
        passes: usize,
    ) -> Result<(Predictor, Vec<TensorSpec>)> {
        Self::of_states(device, states, GENERATOR, network, domain, size_and_batch, passes)
    }

    /// The same with weights that are the states named `prefix.…`.
    pub fn of_states(
        device: &Device,
        states: &States,
        prefix: &str,
        network: DeepLab,
        domain: Domain,
        [size, batch]: [usize; 2],
        passes: usize,
    ) -> Result<(Predictor, Vec<TensorSpec>)> {
        let (graph, tensors) = trace_passes(network, prefix, domain, [size, batch], passes)?;
        let is_stochastic = passes > 0;
        let Prepared { prepare, rest } = folded(&graph, domain)?;
        let (prepare, program) = (device.compile(&prepare, states)?, device.compile(&rest, states)?);
        if is_stochastic {
            program.write("seed", &SEED)?;
        }
        Ok((Predictor { program, prepare, size, batch, is_stochastic, views: Views::default() }, tensors))
    }

    /// The same for images that are brought before the network so.
    pub fn seeing(self, views: Views) -> Predictor {
        Predictor { views, ..self }
    }

    /// Takes over the weights as they are now. Normalisations are folded into convolutions, so that each image costs less.
    pub fn refresh(&self) -> Result<()> {
        Ok(self.prepare.run()?)
    }

    /// Number of images that one call may bring.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Logits of up to `batch` images, in order. What is not square is completed to a square by mirroring its edges. An output
    /// with a NaN or an infinity is an error: a mask of it would look as if nothing was found.
    pub fn logits(&self, images: &[&RgbImage]) -> Result<Vec<Logits>> {
        if images.len() > self.batch {
            return Err(InferenceError::TooManyImages { given: images.len(), batch: self.batch });
        }
        let at = |scale| Ok((scale, self.logits_at(images, scale)?));
        let mut views: Vec<(f32, Vec<Logits>)> = self.views.scales.iter().map(at).collect::<Result<_>>()?;
        if let [(_, only)] = &mut views[..] {
            return Ok(std::mem::take(only));
        }
        let average = |(index, image): (usize, &&RgbImage)| {
            let of_image: Vec<_> = views.iter().map(|(scale, logits)| (*scale, &logits[index])).collect();
            average(image, &of_image)
        };
        Ok(images.par_iter().enumerate().map(average).collect())
    }

    /// The same of squares of one scale. Beyond these there is nothing of use.
    fn logits_at(&self, images: &[&RgbImage], scale: f32) -> Result<Vec<Logits>> {
        let side = self.size as u32;
        let resized = |image: &RgbImage| match image.width() == image.height() && scale == 1.0 {
            true => resize_image(image, side, side),
            false => resize_image(&square_of(image).scaled(scale).cut_image(image), side, side),
        };
        let colours = self.views.colours;
        let planes: Vec<Vec<f32>> =
            images.par_iter().map(|image| planes_brought_to(colours, &resized(image))).collect();
        let mut input = planes.concat();
        input.resize(self.batch * 3 * self.size * self.size, 0.0);
        self.program.write("image", &input)?;
        self.program.run()?;
        let values = match self.is_stochastic {
            true => self.program.read(&["mask", "boundary", "std"])?,
            false => self.program.read(&["mask", "boundary"])?,
        };
        let (size, plane) = (self.size, self.size * self.size);
        let is_finite = |image: &usize| {
            let of_image = |values: &Vec<f32>, planes: usize| {
                values[planes * image * plane..][..planes * plane].iter().all(|value| value.is_finite())
            };
            values.iter().zip([2, 1, 2]).all(|(values, planes)| of_image(values, planes))
        };
        if let Some(image) = (0..images.len()).find(|image| !is_finite(image)) {
            return Err(InferenceError::NotFinite { image, of: images.len() });
        }
        let upsample = |index: usize| {
            let (width, height) = (images[index].width() as usize, images[index].height() as usize);
            let square = square_of(images[index]).scaled(scale);
            let to_own = |values: &[f32]| resize_align_corners(values, size, &square, [height, width]);
            let both = |values: &Vec<f32>| -> Vec<f32> {
                values[2 * index * plane..][..2 * plane].chunks(plane).flat_map(to_own).collect()
            };
            let mask = both(&values[0]);
            let boundary = to_own(&values[1][index * plane..(index + 1) * plane]);
            let deviation = values.get(2).map_or_else(Vec::new, both);
            Logits { width, height, mask, boundary, deviation }
        };
        Ok((0..images.len()).into_par_iter().map(upsample).collect())
    }
}

/// What views of an image at several scales say of it, at each pixel on average over those that show it.
fn average(image: &RgbImage, views: &[(f32, &Logits)]) -> Logits {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let squares: Vec<Square> = views.iter().map(|(scale, _)| square_of(image).scaled(*scale)).collect();
    let over = |maps: Vec<&Vec<f32>>| -> Vec<f32> {
        let at = |index: usize| {
            let (x, y) = ((index % width) as i64, (index / width % height) as i64);
            let shown = squares.iter().zip(&maps).filter(|(square, _)| square.contains(x, y));
            let (sum, count) = shown.fold((0.0, 0.0), |(sum, count), (_, map)| (sum + map[index], count + 1.0));
            sum / count
        };
        (0..maps[0].len()).map(at).collect()
    };
    Logits {
        width,
        height,
        mask: over(views.iter().map(|(_, logits)| &logits.mask).collect()),
        boundary: over(views.iter().map(|(_, logits)| &logits.boundary).collect()),
        deviation: over(views.iter().map(|(_, logits)| &logits.deviation).collect()),
    }
}

/// The square that an image is completed to.
fn square_of(image: &RgbImage) -> Square {
    Square::containing(image.width(), image.height())
}

/// A map of a square brought to the `[height, width]` of the image in it, bilinear, corner pixels on corner pixels.
fn resize_align_corners(values: &[f32], side: usize, square: &Square, [height, width]: [usize; 2]) -> Vec<f32> {
    let own = square.side as usize;
    if [height, width] == [side, side] {
        return values.to_vec();
    }
    let locate = |i: i64| {
        let position = if own > 1 { i as f64 * (side - 1) as f64 / (own - 1) as f64 } else { 0.0 };
        let low = (position as usize).min(side - 1);
        (low, (low + 1).min(side - 1), (position - low as f64) as f32)
    };
    let columns: Vec<_> = (0..width as i64).map(|x| locate(x - square.left)).collect();
    let mut out = Vec::with_capacity(height * width);
    for y in 0..height {
        let (top, bottom, v) = locate(y as i64 - square.top);
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
    use crate::data::region::image_planes;
    use crate::nn::Norm;
    use crate::nn::deeplab::Backbone;
    use crate::nn::init::initial_values;

    /// A network with its first values, for two images of 32 pixels a side, before they are taken over.
    fn small() -> (States, Predictor, Vec<TensorSpec>) {
        let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };
        let states = Device::Cpu.states();
        let (predictor, tensors) =
            Predictor::new(&Device::Cpu, &states, network, Domain::Target, 32, 2).expect("shapes fit");
        for spec in &tensors {
            states.write(&format!("{GENERATOR}.{}", spec.name), &initial_values(spec, 3)).expect("declared");
        }
        (states, predictor, tensors)
    }

    #[test]
    fn corners_stay_and_a_ramp_stays_a_ramp() {
        let ramp: Vec<f32> = (0..9).map(|i| (i % 3) as f32 + 10.0 * (i / 3) as f32).collect();
        let to = |width: u32, height: u32| {
            let square = Square::containing(width, height);
            resize_align_corners(&ramp, 3, &square, [height as usize, width as usize])
        };
        let large = to(9, 9);
        assert_eq!((large[0], large[8], large[72], large[80]), (0.0, 2.0, 20.0, 22.0));
        assert_eq!(large[4 * 9 + 4], 11.0);
        assert_eq!(to(3, 3), ramp);
        // The rows in the middle of the square that contains it, none of them stretched.
        assert_eq!(to(9, 5), large[2 * 9..7 * 9]);
        assert_eq!(to(1, 1), [0.0]);
    }

    #[test]
    fn images_that_are_not_square_are_seen_as_their_squares() {
        let (_states, predictor, _) = small();
        predictor.refresh().expect("every state is there");
        let wide = RgbImage::from_fn(48, 30, |x, y| image::Rgb([(x * 5) as u8, (y * 8) as u8, (x * y) as u8]));
        let whole = Square::containing(48, 30).cut_image(&wide);
        let logits = predictor.logits(&[&wide, &whole]).expect("two images fit");
        assert_eq!((logits[0].width, logits[0].height), (48, 30));
        for channel in 0..2 {
            let (own, square) = (&logits[0].mask[channel * 48 * 30..], &logits[1].mask[channel * 48 * 48..]);
            assert!(own[..48 * 30] == square[9 * 48..39 * 48], "the middle of the square's");
        }
    }

    #[test]
    fn images_that_are_brought_to_colours_are_seen_alike_however_dark() {
        let (_states, predictor, _) = small();
        predictor.refresh().expect("every state is there");
        let bright = RgbImage::from_fn(32, 32, |x, y| image::Rgb([(x * 6) as u8, (y * 4) as u8, (2 * (x + y)) as u8]));
        let mut dark = bright.clone();
        dark.iter_mut().for_each(|byte| *byte = *byte / 2 + 20);
        let difference = |predictor: &Predictor| {
            let logits = predictor.logits(&[&bright, &dark]).expect("two images fit");
            let pairs = logits[0].mask.iter().zip(&logits[1].mask);
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let apart = difference(&predictor);
        let colours = "0.1 -0.2 -0.4 0.3 0.2 0.1".parse().expect("colours");
        let together = difference(&predictor.seeing(Views::brought_to(Some(colours))));
        assert!(together * 1e3 < apart, "{together} where {apart} was");
    }

    #[test]
    fn several_scales_are_averaged_where_they_show_a_pixel() {
        let (_states, predictor, _) = small();
        predictor.refresh().expect("every state is there");
        let wide = RgbImage::from_fn(48, 40, |x, y| image::Rgb([(x * 5) as u8, (y * 6) as u8, (x * y) as u8]));
        let scales = |text: &str| Views { scales: text.parse().expect("scales"), ..Views::default() };
        let of = |text: &str, predictor: Predictor| {
            let predictor = predictor.seeing(scales(text));
            (predictor.logits(&[&wide]).expect("one image fits").remove(0), predictor)
        };
        let (one, predictor) = of("1", predictor);
        let (far, predictor) = of("1.5", predictor);
        let (all, _) = of("0.5,1,1.5", predictor);
        // What is seen of near shows 24 columns and rows.
        let near = Square::containing(48, 40).scaled(0.5).cut_image(&wide);
        let (_states, predictor, _) = small();
        predictor.refresh().expect("every state is there");
        let near = predictor.logits(&[&near]).expect("one image fits").remove(0);
        for (name, one, far, near, all) in [
            ("disc", &one.mask[48 * 40..], &far.mask[48 * 40..], &near.mask[24 * 24..], &all.mask[48 * 40..]),
            ("boundary", &one.boundary[..], &far.boundary[..], &near.boundary[..], &all.boundary[..]),
        ] {
            for (x, y) in [(0, 0), (11, 20), (12, 8), (20, 13), (35, 31), (36, 20), (47, 39)] {
                let at = y * 48 + x;
                let inside = (12..36).contains(&x) && (8..32).contains(&y);
                let expected = match inside {
                    true => (near[(y - 8) * 24 + x - 12] + one[at] + far[at]) / 3.0,
                    false => (one[at] + far[at]) / 2.0,
                };
                assert!((all[at] - expected).abs() < 1e-5, "{name} at {x}, {y}: {} for {expected}", all[at]);
            }
        }
        assert!(all.mask != one.mask && all.deviation.is_empty());
    }

    #[test]
    fn an_output_that_is_not_finite_is_an_error_and_no_empty_mask() {
        let (states, predictor, tensors) = small();
        let image = RgbImage::from_fn(32, 32, |x, y| image::Rgb([(x * 8) as u8, (y * 8) as u8, (x * y) as u8]));
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let bias = tensors.iter().rfind(|spec| spec.name.ends_with(".bias")).expect("the last layer has one");
            let values = vec![value; bias.shape.iter().product()];
            states.write(&format!("{GENERATOR}.{}", bias.name), &values).expect("declared");
            predictor.refresh().expect("every state is there");
            let error = predictor.logits(&[&image]).expect_err("nothing can be seen");
            assert!(error.to_string().starts_with("the network's output for image 1 of 1 is not finite"), "{error}");
        }
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
        assert!(stochastic.deviation.iter().all(|d| (0.0..=0.71).contains(d)), "of values between 0 and 1");
        assert!(stochastic.deviation.iter().any(|d| *d > 1e-4), "dropouts make a difference");
    }

    #[test]
    fn the_deviation_is_that_of_the_report_and_of_training() {
        let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };
        let states = Device::Cpu.states();
        let (predictor, tensors) =
            Predictor::with_passes(&Device::Cpu, &states, network, Domain::Target, [32, 2], 3).expect("shapes fit");
        for spec in &tensors {
            states.write(&format!("{GENERATOR}.{}", spec.name), &initial_values(spec, 3)).expect("declared");
        }
        predictor.refresh().expect("every state is there");
        let image =
            |blue: u32| RgbImage::from_fn(32, 32, |x, y| image::Rgb([(x * 8) as u8, (y * 7) as u8, (x * blue) as u8]));
        let images = [image(1), image(7)];
        let predicted = predictor.logits(&[&images[0], &images[1]]).expect("two images fit");

        let (graph, _) = crate::method::uncertainty::trace(network, 2, 32, 3).expect("shapes fit");
        let report = Device::Cpu.compile(&graph, &states).expect("the reference compiles all");
        report.write("image", &images.each_ref().map(image_planes).concat()).expect("an input");
        report.write("seed", &SEED).expect("an input");
        report.run().expect("the reference runs");
        let std = report.read(&["std"]).expect("an output").remove(0);
        // The report's has the size of the feature, where training compares it.
        let small = predicted.iter().flat_map(|logits| logits.deviation.chunks(32 * 32));
        let own = Square::containing(8, 8);
        let small: Vec<f32> = small.flat_map(|map| resize_align_corners(map, 32, &own, [8, 8])).collect();
        assert_eq!(std.len(), small.len());
        assert!(std.iter().any(|std| *std > 1e-3));
        for (own, other) in small.iter().zip(&std) {
            assert!((own - other).abs() < 1e-5, "{own} where the report has {other}");
        }
    }

    #[test]
    fn sigmoid_is_stable_far_out() {
        assert_eq!((sigmoid(200.0), sigmoid(0.0), sigmoid(-200.0)), (1.0, 0.5, 0.0));
    }
}
