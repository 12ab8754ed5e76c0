//! DeepLabv3+ (Chen et al. 2018) with two heads: masks of cup and disc, and their boundary.

use super::{Norm, Pass, Phase, TensorSpec, aspp, decoder, mobilenet_v2};
use crate::graph::{Graph, NodeId, ResizeMode, ShapeError};

/// Networks that extract the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Backbone {
    #[value(name = "mobilenet-v2")]
    #[serde(rename = "mobilenet-v2")]
    MobileNetV2,
}

impl Backbone {
    /// Name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Backbone::MobileNetV2 => "mobilenet-v2",
        }
    }
}

/// A network's shape: what its weights fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeepLab {
    pub backbone: Backbone,
    /// 16 or 8: how much smaller than the image the deep feature is
    pub output_stride: usize,
    pub norm: Norm,
}

/// Values of a forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Prediction {
    /// mask logits `[N,2,H,W]`: cup, disc
    pub mask: NodeId,
    /// boundary logits `[N,1,H,W]`
    pub boundary: NodeId,
    /// mask logits at a quarter of the size
    pub mask_small: NodeId,
    /// boundary logits at a quarter of the size
    pub boundary_small: NodeId,
    /// the space in which prototypes live `[N,305,H/4,W/4]`
    pub feature: NodeId,
    /// output of the pyramid pooling `[N,256,H/16,W/16]`, after its dropout
    pub aspp: NodeId,
}

/// What the network has of an image before its first dropout.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    /// pyramid pooling `[N,256,H/16,W/16]`, before its dropout
    pub pooled: NodeId,
    /// early feature `[N,C,H/4,W/4]`
    pub low_level: NodeId,
}

impl DeepLab {
    /// Traces the network on `image [N,3,H,W]`, values in [−1, 1].
    pub fn trace(&self, pass: &mut Pass, image: NodeId) -> Result<Prediction, ShapeError> {
        let size = [pass.graph.shape(image)[2], pass.graph.shape(image)[3]];
        let encoded = self.encode(pass, image)?;
        self.decode(pass, encoded, size)
    }

    /// The part before the first dropout.
    pub fn encode(&self, pass: &mut Pass, image: NodeId) -> Result<Encoded, ShapeError> {
        pass.norm = self.norm;
        let (low_level, deep) = match self.backbone {
            Backbone::MobileNetV2 => mobilenet_v2::trace(pass, image, self.output_stride)?,
        };
        let rates = if self.output_stride == 8 { [1, 12, 24, 36] } else { [1, 6, 12, 18] };
        Ok(Encoded { pooled: aspp::trace(pass, deep, rates)?, low_level })
    }

    /// The part from the first dropout on, for images of `size`. Traced again with other dropouts, it shares
    /// everything before them.
    pub fn decode(&self, pass: &mut Pass, encoded: Encoded, size: [usize; 2]) -> Result<Prediction, ShapeError> {
        pass.norm = self.norm;
        let aspp = pass.dropout(encoded.pooled, aspp::DROPOUT)?;
        let decoded = decoder::trace(pass, aspp, encoded.low_level)?;
        Ok(Prediction {
            mask: pass.graph.resize(decoded.mask, ResizeMode::BilinearAlignCorners, size)?,
            boundary: pass.graph.resize(decoded.boundary, ResizeMode::BilinearAlignCorners, size)?,
            mask_small: decoded.mask,
            boundary_small: decoded.boundary,
            feature: decoded.feature,
            aspp,
        })
    }

    /// Every tensor, in the order of the state dict.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut graph = Graph::new();
        let image = graph.input("image", [2, 3, 64, 64]);
        let mut pass = Pass::new(&mut graph, "generator", Phase::Evaluation);
        self.trace(&mut pass, image).expect("a 64x64 image fits every backbone");
        pass.into_tensors()
    }
}
