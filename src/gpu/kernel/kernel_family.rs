//! Kinds of kernels that are limited by the same thing.

use super::shader::Shader;
use crate::named::named_enum;

named_enum! {
    /// A kind of kernel.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum KernelFamily {
        /// convolutions that add up products over channels, in all three directions
        Convolution = "convolution",
        /// convolutions with one filter for each channel
        Depthwise = "depthwise convolution",
        /// Winograd's transformations of maps, weights and products
        Transform = "transformed tiles",
        /// statistics, normalisations and their gradients
        Normalisation = "normalisation",
        /// functions of single elements, and dropout
        Elementwise = "elementwise",
        /// resizes and pooling
        Resampling = "resize, pool",
        /// sums, also of products with a few maps
        Sum = "sum",
        /// updates of parameters, moments and statistics
        Update = "update",
        /// elements moved: joined, cut out, repeated, permuted, padded
        Copy = "copy",
        /// weights brought into the layout that a kernel reads
        PackWeights = "pack weights",
        /// feature maps brought into textures and back
        PackMaps = "pack maps",
    }
}

impl KernelFamily {
    /// The family of a shader's entry point.
    pub(crate) fn of(shader: Shader, entry: &str) -> KernelFamily {
        match shader {
            Shader::Conv2dBroadcast
            | Shader::Conv2dBroadcastWeightGrad
            | Shader::Conv2dCooperative
            | Shader::Conv2dDirect
            | Shader::Conv2dTexture
            | Shader::Conv2dTextureWeightGrad
            | Shader::Conv2dTiled
            | Shader::Conv2dTiledWeightGrad
            | Shader::JoinedHead => KernelFamily::Convolution,
            Shader::Depthwise | Shader::DepthwiseTexture => KernelFamily::Depthwise,
            Shader::WinogradMaps | Shader::WinogradOutput | Shader::WinogradWeightGrad | Shader::WinogradWeights => {
                KernelFamily::Transform
            }
            Shader::BatchNorm
            | Shader::BatchNormTexture
            | Shader::BatchNormGradInput
            | Shader::BatchNormGradInputTexture
            | Shader::BatchNormGradOfProduct
            | Shader::BatchNormGradSums
            | Shader::BatchNormGradSumsTexture
            | Shader::BatchStats
            | Shader::BatchStatsTexture
            | Shader::GradTerms
            | Shader::NormTerms
            | Shader::TransNormScale => KernelFamily::Normalisation,
            Shader::Binary
            | Shader::BinaryTexture
            | Shader::Dropout
            | Shader::DropoutTexture
            | Shader::Unary
            | Shader::UnaryTexture => KernelFamily::Elementwise,
            Shader::MaxPool | Shader::Resize | Shader::ResizeCrossed | Shader::ResizeStats | Shader::ResizeTexture => {
                KernelFamily::Resampling
            }
            Shader::OverPasses
            | Shader::PrototypeDistance
            | Shader::Sum
            | Shader::WeightedSum
            | Shader::WeightedSumGrad => KernelFamily::Sum,
            Shader::Adam | Shader::Average | Shader::RunningStats | Shader::Sgd => KernelFamily::Update,
            Shader::Ceiling | Shader::Copy | Shader::CopyTexture | Shader::Pad => KernelFamily::Copy,
            Shader::PackWeights => KernelFamily::PackWeights,
            Shader::PackTexture if entry != "maps" => KernelFamily::PackWeights,
            Shader::PackTexture | Shader::UnpackTexture => KernelFamily::PackMaps,
        }
    }
}
