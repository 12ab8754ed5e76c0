//! What a convolution computes.

/// Which of its three products a convolution computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// the output
    Forward,
    /// the gradient of the input
    InputGrad,
    /// the gradient of the weights
    WeightGrad,
}

impl Direction {
    /// All of them.
    pub(crate) const ALL: [Direction; 3] = [Direction::Forward, Direction::InputGrad, Direction::WeightGrad];

    /// Entry point of the shaders that have one for each direction.
    pub(crate) fn entry(self) -> &'static str {
        match self {
            Direction::Forward => "forward",
            Direction::InputGrad => "input_grad",
            Direction::WeightGrad => "weight_grad",
        }
    }

    /// Name of the operator, as in graphs.
    pub(crate) fn operator(self) -> &'static str {
        match self {
            Direction::Forward => "conv2d",
            Direction::InputGrad => "conv2d_input_grad",
            Direction::WeightGrad => "conv2d_weight_grad",
        }
    }
}
