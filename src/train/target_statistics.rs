//! Statistics of normalisations estimated on images of another camera, without training.

use std::path::Path;

use super::settings::Config;
use super::weights::{Demand, WeightsError, load_weights};
use crate::data::colours::{Colours, planes_brought_to};
use crate::data::{DataError, Region, RegionPixels};
use crate::device::{Device, DeviceError, Program};
use crate::formats::StateDict;
use crate::graph::{Graph, ShapeError, simplify};
use crate::method::step::GENERATOR;
use crate::nn::deeplab::DeepLab;
use crate::nn::{Norm, Pass, Phase};

/// Images computed at once at most.
const BATCH: usize = 8;
/// Fewest images: the normalisation behind the pooled feature has one value of each.
const FEWEST: usize = 2;

/// Why statistics cannot be estimated.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    /// An image cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The network cannot have images of this size.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A network that has statistics of the target already.
    #[error("its normalisations (TransNorm) have statistics of the other camera from training already")]
    TransNorm,
    /// Too few images for a variance.
    #[error("statistics need at least {FEWEST} images of the camera, and {0} can be used")]
    TooFew(usize),
    /// The weights are not the network's.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A normalisation without statistics in the weights.
    #[error("the weights lack `{0}`")]
    Missing(String),
    /// The network gives something that is no number on these images.
    #[error("the statistics of `{0}` on these images are not finite: the weights are damaged or have overflowed")]
    NotFinite(String),
}

type Result<T> = std::result::Result<T, StatisticsError>;

/// Means and variances of the values that a normalisation sees, one for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelStatistics {
    /// of the normalisation's tensors, without what comes after the last dot
    pub norm: String,
    /// means
    pub mean: Vec<f64>,
    /// unbiased variances
    pub variance: Vec<f64>,
}

/// The network for as many images at once.
struct Compiled {
    batch: usize,
    /// names of the normalisations, and how many values a channel has
    norms: Vec<(String, usize)>,
    program: Program,
}

/// What a network's normalisations see on images, each batch normalised by its own statistics meanwhile, as in training
/// (AdaBN, Li et al. 2017). Batches are pooled, so that every value counts alike; images are brought to `colours` first, if
/// there are some; `done` is told how many images each batch brings.
///
/// # Errors
/// Networks with TransNorm, weights (of the file at `path`) that do not fit, fewer than two images, and images that cannot be read.
pub fn estimate(
    device: &Device,
    config: &Config,
    weights: &StateDict,
    path: &Path,
    colours: Option<Colours>,
    regions: &[Region],
    mut done: impl FnMut(usize),
) -> Result<Vec<ChannelStatistics>> {
    let (network, size) = (config.network(), config.size);
    if network.norm == Norm::Trans {
        return Err(StatisticsError::TransNorm);
    }
    if regions.len() < FEWEST {
        return Err(StatisticsError::TooFew(regions.len()));
    }
    let mut sums: Vec<Sums> = Vec::new();
    let states = device.states();
    let mut compiled: Option<Compiled> = None;
    for chunk in evenly(regions, BATCH) {
        let Compiled { norms, program, .. } = match &compiled {
            Some(compiled) if compiled.batch == chunk.len() => compiled,
            _ => {
                let (graph, norms) = trace(network, size, chunk.len())?;
                let program = device.compile(&graph, &states)?;
                if compiled.is_none() {
                    load_weights(&states, &network.tensors()?, weights.clone(), path, Demand::Complete)?;
                }
                compiled.insert(Compiled { batch: chunk.len(), norms, program })
            }
        };
        let mut images = Vec::new();
        for region in chunk {
            images.extend(planes_brought_to(colours, &RegionPixels::read(region)?.resized(size as u32).image));
        }
        program.write("image", &images)?;
        program.run()?;
        let names: Vec<&str> = norms.iter().map(|(name, _)| name.as_str()).collect();
        for (index, (stats, (name, count))) in program.read(&names)?.iter().zip(norms).enumerate() {
            if !stats.iter().all(|value| value.is_finite()) {
                return Err(StatisticsError::NotFinite(name.clone()));
            }
            if sums.len() == index {
                sums.push(Sums::new(name, stats.len() / 2));
            }
            sums[index].add(stats, *count as f64);
        }
        done(chunk.len());
    }
    Ok(sums.into_iter().map(Sums::finish).collect())
}

/// Slices of at most `most` whose lengths differ by one at most, so that none is left with a single image; the longer ones
/// first, for each length is compiled anew.
fn evenly<T>(all: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let slices = all.len().div_ceil(most);
    let (shorter, longer) = (all.len() / slices, all.len() % slices);
    let (with_longer, with_shorter) = all.split_at(longer * (shorter + 1));
    with_longer.chunks(shorter + 1).chain(with_shorter.chunks(shorter))
}

/// The network as it is trained, with an output `[1,2,C]` for each normalisation: names, and how many values a channel has.
fn trace(network: DeepLab, size: usize, batch: usize) -> Result<(Graph, Vec<(String, usize)>)> {
    let mut graph = Graph::new();
    let image = graph.input("image", [batch, 3, size, size]);
    let mut pass = Pass::new(&mut graph, GENERATOR, Phase::Training { update_running: false });
    network.trace(&mut pass, image)?;
    let statistics = pass.finish().statistics;
    let norms = statistics.iter().map(|(name, _, count)| (name.clone(), *count)).collect();
    for (name, stats, _) in &statistics {
        graph.output(name, *stats);
    }
    simplify(&mut graph);
    Ok((graph, norms))
}

/// Sums over batches.
struct Sums {
    norm: String,
    count: f64,
    /// of values, and of their squares
    of_values: Vec<[f64; 2]>,
}

impl Sums {
    fn new(norm: &str, channels: usize) -> Self {
        Sums { norm: norm.to_owned(), count: 0.0, of_values: vec![[0.0; 2]; channels] }
    }

    /// Adds a batch: means, then biased variances, of `count` values of each channel.
    fn add(&mut self, stats: &[f32], count: f64) {
        let (means, variances) = stats.split_at(stats.len() / 2);
        for (sums, (mean, variance)) in self.of_values.iter_mut().zip(means.iter().zip(variances)) {
            let (mean, variance) = (f64::from(*mean), f64::from(*variance));
            sums[0] += count * mean;
            sums[1] += count * (variance + mean * mean);
        }
        self.count += count;
    }

    fn finish(self) -> ChannelStatistics {
        let n = self.count;
        let of = |[sum, squares]: &[f64; 2]| (sum / n, (squares - sum * sum / n).max(0.0) / (n - 1.0));
        let (mean, variance) = self.of_values.iter().map(of).unzip();
        ChannelStatistics { norm: self.norm, mean, variance }
    }
}

/// Moves the running statistics of weights a share of the way, 0 to 1, to others.
///
/// # Errors
/// [`StatisticsError::Missing`].
pub fn move_statistics(weights: &mut StateDict, found: &[ChannelStatistics], share: f32) -> Result<()> {
    for ChannelStatistics { norm, mean, variance } in found {
        for (kind, others) in [("running_mean", mean), ("running_var", variance)] {
            let name = format!("{norm}.{kind}");
            let tensor = weights.get_mut(&name).ok_or(StatisticsError::Missing(name))?;
            for (own, other) in tensor.data.iter_mut().zip(others) {
                *own = (f64::from(*own) + f64::from(share) * (other - f64::from(*own))) as f32;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::super::settings::NormSetting;
    use super::*;
    use crate::formats::HostTensor;
    use crate::nn::deeplab::Backbone;
    use crate::nn::init::initial_values;

    const NETWORK: DeepLab = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };

    fn weights() -> StateDict {
        let mut weights = StateDict::default();
        for spec in NETWORK.tensors().expect("it has this output stride") {
            let data = initial_values(&spec, 3);
            weights.insert(spec.name, HostTensor { shape: spec.shape.to_vec(), data }).expect("names differ");
        }
        weights
    }

    #[test]
    fn slices_differ_by_one_at_most() {
        let lengths = |count: usize| evenly(&vec![(); count], 8).map(<[()]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(9), [5, 4]);
        assert_eq!(lengths(8), [8]);
        assert_eq!(lengths(50), [8, 7, 7, 7, 7, 7, 7]);
        assert_eq!(lengths(92), [8, 8, 8, 8, 8, 8, 8, 8, 7, 7, 7, 7], "two lengths, and each once");
    }

    #[test]
    fn batches_are_pooled_as_if_they_were_one() {
        let values = [[1.0f32, 4.0, -2.0], [0.5, 3.0, 7.0]].concat();
        let mut sums = Sums::new("bn", 1);
        for part in [&values[..2], &values[2..]] {
            let mean = part.iter().sum::<f32>() / part.len() as f32;
            let variance = part.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / part.len() as f32;
            sums.add(&[mean, variance], part.len() as f64);
        }
        let found = sums.finish();
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / 6.0;
        let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / 5.0;
        assert!((found.mean[0] - mean).abs() < 1e-6 && (found.variance[0] - variance).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn statistics_move_a_share_of_the_way_and_nothing_else_moves() {
        let mut state = weights();
        let before = state.clone();
        let norm = "backbone.features.0.1";
        let channels = before.get(&format!("{norm}.weight")).expect("the first normalisation").data.len();
        let found = [ChannelStatistics { norm: norm.into(), mean: vec![2.0; channels], variance: vec![5.0; channels] }];
        move_statistics(&mut state, &found, 0.25).expect("the normalisation is there");
        let at = |name: &str| state.get(&format!("{norm}.{name}")).expect("it is there").data[0];
        assert_eq!([at("running_mean"), at("running_var")], [0.5, 2.0]);
        let changed = before.iter().filter(|(name, tensor)| state.get(name) != Some(tensor)).count();
        assert_eq!(changed, 2);
        let other = [ChannelStatistics { norm: "bn9".into(), mean: vec![], variance: vec![] }];
        assert!(move_statistics(&mut state, &other, 0.25).is_err());
    }

    /// The first normalisation sees the first convolution of the images, whatever the weights after it.
    #[test]
    fn what_the_first_normalisation_sees_is_the_convolution_of_the_images() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let regions: Vec<Region> = (0..3u32)
            .map(|index| {
                let path = folder.path().join(format!("{index}.png"));
                RgbImage::from_pixel(32, 32, image::Rgb([60 * index as u8, 200, 90])).save(&path).expect("a file");
                Region { name: index.to_string(), image: path, mask: None }
            })
            .collect();
        let mut state = weights();
        // One filter looks at the red value of a pixel, and no other.
        let filter = state.get_mut("backbone.features.0.0.weight").expect("the first convolution");
        filter.data.fill(0.0);
        filter.data[4] = 1.0;
        let mut images = 0;
        let path = Path::new("weights.safetensors");
        let config = Config { size: 32, ..Config::new(Default::default()) };
        let found = estimate(&Device::Cpu, &config, &state, path, None, &regions, |done| images += done);
        let found = found.expect("three images are enough");
        assert_eq!(images, 3);
        let first = found.iter().find(|own| own.norm == "backbone.features.0.1").expect("the first one");
        let reds = [0.0, 60.0, 120.0].map(|byte: f64| byte / 127.5 - 1.0);
        let mean = reds.iter().sum::<f64>() / 3.0;
        let count = 3.0 * 16.0 * 16.0;
        let variance = reds.iter().map(|red| (red - mean).powi(2)).sum::<f64>() / 3.0 * count / (count - 1.0);
        assert!((first.mean[0] - mean).abs() < 1e-6, "{} where {mean} is expected", first.mean[0]);
        assert!((first.variance[0] - variance).abs() < 1e-6, "{} where {variance} is expected", first.variance[0]);

        let error = |config: &Config, regions: &[Region]| {
            estimate(&Device::Cpu, config, &state, path, None, regions, |_| ()).expect_err("refused").to_string()
        };
        let trans = Config { norm: NormSetting::Trans, ..config.clone() };
        assert!(error(&trans, &regions).contains("TransNorm"));
        assert!(error(&config, &regions[..1]).contains("and 1 can be used"));
        let other = Config { backbone: Backbone::ResNet101, ..config.clone() };
        assert!(error(&other, &regions).contains("weights.safetensors"));
    }
}
