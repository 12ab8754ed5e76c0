//! DeepLabv3+ (Chen et al. 2018) with two heads: masks of cup and disc, and their boundary.

use super::{Domain, Norm, Pass, Phase, TensorSpec, aspp, decoder, drn, mobilenet_v2, resnet, xception};
use crate::graph::{Graph, NodeId, ResizeMode, ShapeError};
use crate::named::named_enum;

named_enum! {
    /// Networks that extract the features.
    pub enum Backbone {
        /// MobileNetV2, the lightest
        MobileNetV2 = "mobilenet-v2",
        /// ResNet-101
        ResNet101 = "resnet101",
        /// aligned Xception-65
        Xception = "xception",
        /// DRN-D-54, output stride 8 only
        Drn = "drn",
    }
}

impl Backbone {
    /// Output strides that it can have, the usual one first.
    pub fn output_strides(self) -> &'static [usize] {
        match self {
            Backbone::Drn => &[8],
            _ => &[16, 8],
        }
    }
}

/// A network's shape: what its weights fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeepLab {
    /// what extracts the features
    pub backbone: Backbone,
    /// one of the backbone's: how much smaller than the image the deep feature is
    pub output_stride: usize,
    /// kind of every normalisation
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
        let (backbone, output_stride) = (self.backbone, self.output_stride);
        if !backbone.output_strides().contains(&output_stride) {
            let problem = format!("the backbone {} does not have output stride {output_stride}", backbone.name());
            return Err(ShapeError { op: "deeplab", problem, inputs: pass.graph.shape(image).to_string() });
        }
        pass.norm = self.norm;
        let (low_level, deep) = match backbone {
            Backbone::MobileNetV2 => mobilenet_v2::trace(pass, image, output_stride)?,
            Backbone::ResNet101 => resnet::trace(pass, image, output_stride)?,
            Backbone::Xception => xception::trace(pass, image, output_stride)?,
            Backbone::Drn => drn::trace(pass, image)?,
        };
        let rates = if output_stride == 8 { [1, 12, 24, 36] } else { [1, 6, 12, 18] };
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
    pub fn tensors(&self) -> Result<Vec<TensorSpec>, ShapeError> {
        let mut graph = Graph::new();
        let image = graph.input("image", [2, 3, 64, 64]);
        let mut pass = Pass::new(&mut graph, "generator", Phase::Evaluation(Domain::Target));
        self.trace(&mut pass, image)?;
        Ok(pass.into_tensors())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(backbone: Backbone, output_stride: usize) -> DeepLab {
        DeepLab { backbone, output_stride, norm: Norm::Batch }
    }

    #[test]
    fn tensors_are_the_published_ones() {
        let text = std::fs::read(harness::golden("backbones.json")).expect("the file is there");
        let listed: serde_json::Value = serde_json::from_slice(&text).expect("the file is JSON");
        for backbone in Backbone::ALL {
            let published = &listed[backbone.name()];
            let state = serde_json::from_value::<Vec<(String, Vec<usize>)>>(published["state"].clone());
            let state = state.expect("names and shapes are listed");
            for &output_stride in backbone.output_strides() {
                let tensors = network(backbone, output_stride).tensors().expect("the backbone has this stride");
                let found: Vec<_> = tensors.iter().map(|t| (t.name.clone(), t.shape.to_vec())).collect();
                for (index, (found, published)) in found.iter().zip(&state).enumerate() {
                    assert_eq!(found, published, "tensor {index} of {}", backbone.name());
                }
                assert_eq!(found.len(), state.len(), "{}", backbone.name());
                let trained = tensors.iter().filter(|t| t.role.is_trained());
                let parameters: usize = trained.map(|t| t.shape.elements()).sum();
                assert_eq!(published["parameters"], parameters, "{}", backbone.name());
            }
        }
    }

    #[test]
    fn features_have_the_output_stride() {
        for backbone in Backbone::ALL {
            for &output_stride in backbone.output_strides() {
                let mut graph = Graph::new();
                let image = graph.input("image", [2, 3, 96, 64]);
                let mut pass = Pass::new(&mut graph, "generator", Phase::Evaluation(Domain::Target));
                let network = network(backbone, output_stride);
                let Encoded { pooled, low_level } = network.encode(&mut pass, image).expect("the image fits");
                assert_eq!(graph.shape(pooled)[..], [2, 256, 96 / output_stride, 64 / output_stride]);
                assert_eq!(graph.shape(low_level)[2..], [24, 16]);
            }
        }
    }

    #[test]
    fn an_output_stride_that_the_backbone_does_not_have() {
        for (backbone, output_stride) in [(Backbone::Drn, 16), (Backbone::ResNet101, 32), (Backbone::MobileNetV2, 4)] {
            let error = network(backbone, output_stride).tensors().expect_err("there is no such network").to_string();
            assert!(error.contains(backbone.name()) && error.contains(&output_stride.to_string()), "{error}");
        }
    }
}
