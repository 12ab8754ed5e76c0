//! What golden cases run.

use strum::{Display, EnumString, VariantArray};

/// The operation of a case, under the name that its metadata have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "the README of the cases has a table of them")]
pub enum Operation {
    Conv2d,
    BatchNorm,
    TransNorm,
    Relu,
    Relu6,
    LeakyRelu,
    Sigmoid,
    Interpolate,
    GlobalAvgPool,
    MaxPool2d,
    Concat,
    Pad,
    Dropout,
    Bce,
    BceWithLogits,
    SigmoidBce,
    Mse,
    EntropyMap,
    Prototypes,
    ReliablePrototypes,
    DiscriminativeLoss,
    ConsistencyLoss,
    Adam,
    Sgd,
    DecodeMask,
    BoundaryTarget,
    Postprocess,
    Metrics,
    Discriminator,
    DeeplabForward,
    DeeplabTrain,
    TrainSteps,
}

impl Operation {
    /// Every operation.
    pub const ALL: &[Operation] = Operation::VARIANTS;

    /// Whether it is a whole network or training step, whose cases are too large to come with the code.
    pub fn is_whole_network(self) -> bool {
        matches!(self, Operation::DeeplabForward | Operation::DeeplabTrain | Operation::TrainSteps)
    }
}
