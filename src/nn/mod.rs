//! Layers and networks, as functions that trace a graph. Every tensor is a named state; its name is the published
//! state dict's, behind a prefix that tells generator and discriminators apart.

mod aspp;
mod bottleneck;
mod decoder;
pub mod deeplab;
pub mod discriminator;
mod drn;
pub mod init;
mod layers;
mod mobilenet_v2;
mod resnet;
mod xception;

pub use crate::domain::Domain;
pub use layers::{Norm, Pass, Phase, TransScales};

use crate::graph::Shape;

/// What a tensor of a network is, and so how it begins and whether it is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// convolution weight: Kaiming normal, fan-in
    Weight,
    /// convolution weight of a discriminator: normal(0, 0.02)
    DiscriminatorWeight,
    /// bias of a head: uniform(±1/√fan_in), with the head's fan-in
    HeadBias {
        /// channels that the head reads
        fan_in: usize,
    },
    /// scale of a normalisation: 1
    NormWeight,
    /// shift of a normalisation: 0
    NormBias,
    /// running mean: 0, not trained
    RunningMean,
    /// running variance: 1, not trained
    RunningVar,
}

impl Role {
    /// Whether the optimiser changes the tensor.
    pub fn is_trained(self) -> bool {
        !matches!(self, Role::RunningMean | Role::RunningVar)
    }
}

/// A tensor of a network, in the order of its state dict.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// in the state dict, without the network's prefix
    pub name: String,
    /// extents, as PyTorch orders them: `[O, I/groups, KH, KW]` of a convolution's weight, `[C]` of all others
    pub shape: Shape,
    /// how it begins, and whether it is trained
    pub role: Role,
}
