//! Kinds of kernels that are limited by the same thing.

use super::shader::Shader;

/// A kind of kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KernelFamily {
    /// convolutions that add up products over channels, in all three directions
    Convolution,
    /// convolutions with one filter for each channel
    Depthwise,
    /// Winograd's transformations of maps, weights and products
    Transform,
    /// statistics, normalisations and their gradients
    Normalisation,
    /// functions of single elements, and dropout
    Elementwise,
    /// resizes and pooling
    Resampling,
    /// sums, also of products with a few maps
    Sum,
    /// updates of parameters, moments and statistics
    Update,
    /// elements moved: joined, cut out, repeated, permuted, padded
    Copy,
    /// weights brought into the layout that a kernel reads
    PackWeights,
    /// feature maps brought into textures and back
    PackMaps,
}

impl KernelFamily {
    /// All of them.
    pub const ALL: [KernelFamily; 11] = [
        KernelFamily::Convolution,
        KernelFamily::Depthwise,
        KernelFamily::Transform,
        KernelFamily::Normalisation,
        KernelFamily::Elementwise,
        KernelFamily::Resampling,
        KernelFamily::Sum,
        KernelFamily::Update,
        KernelFamily::Copy,
        KernelFamily::PackWeights,
        KernelFamily::PackMaps,
    ];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            KernelFamily::Convolution => "convolution",
            KernelFamily::Depthwise => "depthwise convolution",
            KernelFamily::Transform => "transformed tiles",
            KernelFamily::Normalisation => "normalisation",
            KernelFamily::Elementwise => "elementwise",
            KernelFamily::Resampling => "resize, pool",
            KernelFamily::Sum => "sum",
            KernelFamily::Update => "update",
            KernelFamily::Copy => "copy",
            KernelFamily::PackWeights => "pack weights",
            KernelFamily::PackMaps => "pack maps",
        }
    }

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
            | Shader::Conv2dTiledWeightGrad => KernelFamily::Convolution,
            Shader::Depthwise | Shader::DepthwiseTexture => KernelFamily::Depthwise,
            Shader::WinogradMaps | Shader::WinogradOutput | Shader::WinogradWeightGrad | Shader::WinogradWeights => {
                KernelFamily::Transform
            }
            Shader::BatchNorm
            | Shader::BatchNormTexture
            | Shader::BatchNormGradInput
            | Shader::BatchNormGradInputTexture
            | Shader::BatchNormGradSums
            | Shader::BatchNormGradSumsTexture
            | Shader::BatchStats
            | Shader::BatchStatsTexture
            | Shader::TransNormScale => KernelFamily::Normalisation,
            Shader::Binary
            | Shader::BinaryTexture
            | Shader::Dropout
            | Shader::DropoutTexture
            | Shader::Unary
            | Shader::UnaryTexture => KernelFamily::Elementwise,
            Shader::MaxPool | Shader::Resize | Shader::ResizeTexture => KernelFamily::Resampling,
            Shader::PrototypeDistance | Shader::Sum | Shader::WeightedSum | Shader::WeightedSumGrad => {
                KernelFamily::Sum
            }
            Shader::Adam | Shader::Average | Shader::RunningStats | Shader::Sgd => KernelFamily::Update,
            Shader::Ceiling | Shader::Copy | Shader::CopyTexture | Shader::Pad => KernelFamily::Copy,
            Shader::PackWeights => KernelFamily::PackWeights,
            Shader::PackTexture if entry != "maps" => KernelFamily::PackWeights,
            Shader::PackTexture | Shader::UnpackTexture => KernelFamily::PackMaps,
        }
    }
}
