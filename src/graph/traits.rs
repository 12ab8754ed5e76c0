//! What rewrites, plans and devices must know of an operator beside its formula: each question answered for every
//! operator in one table, which the compiler keeps complete.

use std::ops::Range;

use super::Op;

/// The answers for one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traits {
    /// how many inputs it takes
    pub arity: Arity,
    /// where its value lives
    pub memory: Memory,
    /// whether its value may be kept in 16-bit floats
    pub half: Half,
    /// whether it costs little beside reading its inputs, so that the backward pass may make its value again rather
    /// than have it kept
    pub cheap: bool,
    /// arithmetic that it takes
    pub cost: Cost,
}

/// Number of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// this many
    Exactly(usize),
    /// what the shape rule allows
    Any,
}

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// in memory of its own that is filled before a run
    Given,
    /// in a state's memory
    State,
    /// in that of the first input, under another shape or role
    Alias,
    /// in memory that the operator writes
    Written,
}

/// Whether a value may be kept in 16-bit floats where feature maps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// weights, statistics and losses need their digits
    Never,
    /// a feature map or its gradient
    Map,
    /// as one of the inputs is
    AsInputs,
}

/// Floating-point operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    /// none: values are given, moved or repeated
    Free,
    /// one for each element of this value
    Each(Value),
    /// a multiplication and an addition for each element of a value and each index along some axes of another
    Products {
        /// whose elements are counted
        each: Value,
        /// whose axes are counted
        of: Value,
        /// axes, counted from 0
        axes: Range<usize>,
    },
}

/// A value that an operator reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// what it computes
    Output,
    /// one of its inputs, counted from 0
    Input(usize),
}

impl Op {
    /// What is to be known of the operator beside its formula.
    pub fn traits(&self) -> Traits {
        use Arity::{Any, Exactly};
        use Value::{Input, Output};

        let (free, each, first) = (Cost::Free, Cost::Each(Output), Cost::Each(Input(0)));
        let products = |each, of, axes| Cost::Products { each, of, axes };
        let (arity, memory, half, cheap, cost) = match self {
            Op::Input { .. } | Op::Constant { .. } => (Exactly(0), Memory::Given, Half::Never, false, free),
            Op::State(_) => (Exactly(0), Memory::State, Half::Never, false, free),

            Op::Unary(_) => (Exactly(1), Memory::Written, Half::AsInputs, true, each),
            Op::UnaryGrad(_) => (Exactly(2), Memory::Written, Half::AsInputs, false, each),
            Op::Binary(_) => (Exactly(2), Memory::Written, Half::AsInputs, true, each),
            Op::Broadcast => (Exactly(1), Memory::Written, Half::AsInputs, true, free),
            Op::Sum { .. } => (Exactly(1), Memory::Written, Half::Never, false, first),
            Op::Reshape | Op::Detach => (Exactly(1), Memory::Alias, Half::AsInputs, true, free),
            Op::Permute { .. } => (Exactly(1), Memory::Written, Half::AsInputs, false, free),
            Op::Concat { .. } => (Any, Memory::Written, Half::AsInputs, true, free),
            Op::Pad { .. } => (Exactly(1), Memory::Written, Half::AsInputs, true, free),

            // Axes 1 to 3 of a weight are the channels of a group and the taps.
            Op::Conv2d { bias, .. } => {
                let cost = products(Output, Input(1), 1..4);
                (Exactly(2 + usize::from(*bias)), Memory::Written, Half::Map, false, cost)
            }
            Op::Conv2dInputGrad { .. } => {
                (Exactly(2), Memory::Written, Half::Map, false, products(Input(0), Input(1), 1..4))
            }
            Op::Conv2dWeightGrad { .. } => {
                (Exactly(2), Memory::Written, Half::Never, false, products(Input(1), Output, 1..4))
            }

            Op::BatchStats { .. } => (Exactly(1), Memory::Written, Half::Never, false, first),
            Op::BatchNorm { .. } => (Exactly(4), Memory::Written, Half::Map, true, each),
            Op::BatchNormGradSums { .. } => (Exactly(5), Memory::Written, Half::Never, false, first),
            Op::BatchNormGradInput { .. } => (Exactly(6), Memory::Written, Half::Map, false, each),
            Op::TransNormScale { .. } => (Exactly(1), Memory::Written, Half::Never, false, each),

            Op::Dropout { .. } => (Exactly(2), Memory::Written, Half::Map, true, each),
            Op::Resize { .. } => (Exactly(1), Memory::Written, Half::Map, true, each),
            Op::ResizeGrad { .. } | Op::ResizeShifted { .. } | Op::ResizeShiftedGrad { .. } => {
                (Exactly(1), Memory::Written, Half::Map, false, each)
            }
            Op::MaxPool { .. } => (Exactly(1), Memory::Written, Half::Map, false, each),
            Op::MaxPoolGrad { .. } => (Exactly(2), Memory::Written, Half::Map, false, each),

            Op::WeightedSum => (Exactly(2), Memory::Written, Half::Never, false, products(Input(0), Input(1), 1..2)),
            Op::WeightedSumGradFeature => {
                (Exactly(2), Memory::Written, Half::Map, false, products(Output, Input(0), 0..1))
            }
            Op::WeightedSumGradWeight => {
                (Exactly(2), Memory::Written, Half::Never, false, products(Output, Input(0), 1..2))
            }
            Op::PrototypeDistance => {
                (Exactly(2), Memory::Written, Half::Never, false, products(Input(0), Input(1), 0..1))
            }
        };
        Traits { arity, memory, half, cheap, cost }
    }

    /// Whether the output is the first input's memory under another shape or role.
    pub fn is_alias(&self) -> bool {
        self.traits().memory == Memory::Alias
    }
}
