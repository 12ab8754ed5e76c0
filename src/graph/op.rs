//! The vocabulary: every operator a graph can hold, with the shapes of its inputs.
//!
//! An operator has one output. Gradients that need kernels of their own are operators too, so that the
//! backward pass is planned, profiled and proven like the forward pass.

use super::StateId;

/// Stride, zero padding, dilation (each `[rows, columns]`) and groups of a 2-D convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvSpec {
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
}

impl Default for ConvSpec {
    fn default() -> Self {
        ConvSpec { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 }
    }
}

impl ConvSpec {
    /// Output extent along `axis` (0 rows, 1 columns), or `None` if the kernel does not fit or nothing would move.
    pub fn output_extent(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        if kernel == 0 || self.stride[axis] == 0 {
            return None;
        }
        let reach = self.dilation[axis] * (kernel - 1) + 1;
        let padded = input + 2 * self.padding[axis];
        (padded >= reach).then(|| (padded - reach) / self.stride[axis] + 1)
    }
}

/// Window of a max pooling, each `[rows, columns]`; padding counts as minus infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolSpec {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
}

/// Activations that can be fused into the operator before them; their slope can be told from their output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    Identity,
    Relu,
    Relu6,
    LeakyRelu(f32),
}

/// Elementwise functions of one tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    Relu,
    Relu6,
    LeakyRelu(f32),
    Sigmoid,
    Square,
    Sqrt,
    /// `mul · x + add`
    Affine {
        mul: f32,
        add: f32,
    },
    /// `−σ(x)·ln(σ(x) + smooth)`, the entropy map of the adversarial loss
    Entropy {
        smooth: f32,
    },
    /// 1 where `x > threshold`, else 0; no gradient
    Above(f32),
}

impl From<Activation> for Option<Unary> {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Identity => None,
            Activation::Relu => Some(Unary::Relu),
            Activation::Relu6 => Some(Unary::Relu6),
            Activation::LeakyRelu(slope) => Some(Unary::LeakyRelu(slope)),
        }
    }
}

/// Elementwise functions of two tensors, with broadcasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    /// `a / b`, and 0 where `b = 0`: means over an empty class
    DivOrZero,
    /// 1 where `a > b`, else 0; no gradient
    Greater,
    /// `−(t·ln p + (1−t)·ln(1−p))` of probability `p` and target `t`, logarithms clamped at −100; gradient to `p` only
    Bce,
    /// derivative of `Bce` by `p`: `(p − t) / max(p(1−p), 1e-12)`; no gradient
    BceGrad,
    /// `max(x,0) − x·t + ln(1 + e^−|x|)` of logit `x` and target `t`; gradient to `x` only
    BceWithLogits,
}

/// Interpolation of a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResizeMode {
    /// corner pixels map to corner pixels: source position `i·(in−1)/(out−1)`
    BilinearAlignCorners,
    /// pixel centres at half: source position `(i+½)·in/out − ½`, clamped at 0
    BilinearHalfPixel,
    /// source index `floor(i·in/out)`
    Nearest,
}

/// An operator. Inputs are listed in order; `f` feature map `[N,C,H,W]`, `D` statistics domains.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// a value given anew for each run
    Input { name: String },
    /// the value of a named state at the start of the run
    State(StateId),
    /// a tensor filled with one value
    Constant { value: f32 },

    /// `x`
    Unary(Unary),
    /// `x` (for the activations equally `f(x)`), `dy` → `f′(x)·dy`
    UnaryGrad(Unary),
    /// `a`, `b`
    Binary(Binary),
    /// `x` → itself repeated along axes of extent 1
    Broadcast,
    /// `x` → sums over `axes`, which keep extent 1
    Sum { axes: Vec<usize> },
    /// `x` → the same elements in another shape; shares memory
    Reshape,
    /// `x` → itself, gradient stopped; shares memory
    Detach,
    /// `x` → its axes in another order: axis `i` of the output is axis `axes[i]` of the input
    Permute { axes: Vec<usize> },
    /// `x…` → joined along `axis`
    Concat { axis: usize },
    /// `x` → zeros added (positive) or elements removed (negative) before and after each axis
    Pad { before: Vec<isize>, after: Vec<isize> },

    /// `x [N,I,H,W]`, `w [O,I/groups,KH,KW]`, `b [O]` if `bias` → `[N,O,OH,OW]`, activation applied
    Conv2d { spec: ConvSpec, bias: bool, activation: Activation },
    /// `dy [N,O,OH,OW]`, `w` → `dx [N,I,H,W]`
    Conv2dInputGrad { spec: ConvSpec, input: [usize; 2] },
    /// `x`, `dy` → `dw [O,I/groups,KH,KW]`
    Conv2dWeightGrad { spec: ConvSpec, kernel: [usize; 2] },

    /// `x` → `[D,2,C]`: mean and biased variance of each channel over each of `domains` equal parts of the batch
    BatchStats { domains: usize },
    /// `x`, `stats [D,2,C]`, `weight [C]`, `bias [C]` → `act(weight·(x−mean)/√(var+eps) + bias)`;
    /// `training`: the statistics are this batch's own, and the gradient of `x` runs through them
    BatchNorm { eps: f32, activation: Activation, training: bool },
    /// `x`, `dy`, `stats`, `weight`, `bias` → `[D,2,C]`: `Σ dz` and `Σ dz·x̂`, dz the gradient before the activation
    BatchNormGradSums { eps: f32, activation: Activation },
    /// `x`, `dy`, `stats`, `weight`, `bias`, `sums` → `dx`
    BatchNormGradInput { eps: f32, activation: Activation, training: bool },
    /// `stats [2,2,C]` (source, target) → `1 + α [C]` of TransNorm; variances are multiplied by `unbias` first
    TransNormScale { eps: f32, unbias: f32 },

    /// `x`, `seed [2]` (two integers below 2²⁴) → `x·mask/(1−p)`; `stream` tells apart the dropouts of a graph
    Dropout { p: f32, stream: u32 },
    /// `x [N,C,H,W]` → `[N,C,size]`
    Resize { mode: ResizeMode, size: [usize; 2] },
    /// `dy` → `dx [N,C,input]`
    ResizeGrad { mode: ResizeMode, input: [usize; 2] },
    /// `x [N,T·C,H,W]` → `[N,C,…]`, `size` along `axis` (2 or 3): the sum over `t < T` of parts `x[N,t·C..,H,W]` resized
    /// along that axis alone and moved by `⌊T/2⌋ − t`, zeros moving in
    ResizeShifted { mode: ResizeMode, axis: usize, taps: usize, size: usize },
    /// `dy [N,C,…]` → `dx [N,T·C,…]`, `input` along `axis`
    ResizeShiftedGrad { mode: ResizeMode, axis: usize, taps: usize, input: usize },
    /// `x [N,C,H,W]`
    MaxPool { spec: PoolSpec },
    /// `x`, `dy` → `dx`; the first maximum of a window takes its gradient
    MaxPoolGrad { spec: PoolSpec },

    /// `f [N,C,H,W]`, `w [N,M,H,W]` → `[M,C]`: `Σ_nhw w·f`, all weight maps in one pass over `f`
    WeightedSum,
    /// `d [M,C]`, `w [N,M,H,W]` → `[N,C,H,W]`: `Σ_m d·w`
    WeightedSumGradFeature,
    /// `d [M,C]`, `f [N,C,H,W]` → `[N,M,H,W]`: `Σ_c d·f`
    WeightedSumGradWeight,
    /// `f [N,C,H,W]`, `p [M,C]` → `[N,M,H,W]`: mean over channels of `(f−p)²`
    PrototypeDistance,
}

impl Op {
    /// The operator's name in errors, profiles and plans.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input { .. } => "input",
            Op::State(_) => "state",
            Op::Constant { .. } => "constant",
            Op::Unary(u) => u.name(),
            Op::UnaryGrad(_) => "unary_grad",
            Op::Binary(b) => b.name(),
            Op::Broadcast => "broadcast",
            Op::Sum { .. } => "sum",
            Op::Reshape => "reshape",
            Op::Detach => "detach",
            Op::Permute { .. } => "permute",
            Op::Concat { .. } => "concat",
            Op::Pad { .. } => "pad",
            Op::Conv2d { .. } => "conv2d",
            Op::Conv2dInputGrad { .. } => "conv2d_input_grad",
            Op::Conv2dWeightGrad { .. } => "conv2d_weight_grad",
            Op::BatchStats { .. } => "batch_stats",
            Op::BatchNorm { .. } => "batch_norm",
            Op::BatchNormGradSums { .. } => "batch_norm_grad_sums",
            Op::BatchNormGradInput { .. } => "batch_norm_grad_input",
            Op::TransNormScale { .. } => "trans_norm_scale",
            Op::Dropout { .. } => "dropout",
            Op::Resize { .. } => "resize",
            Op::ResizeGrad { .. } => "resize_grad",
            Op::ResizeShifted { .. } => "resize_shifted",
            Op::ResizeShiftedGrad { .. } => "resize_shifted_grad",
            Op::MaxPool { .. } => "max_pool2d",
            Op::MaxPoolGrad { .. } => "max_pool2d_grad",
            Op::WeightedSum => "weighted_sum",
            Op::WeightedSumGradFeature => "weighted_sum_grad_feature",
            Op::WeightedSumGradWeight => "weighted_sum_grad_weight",
            Op::PrototypeDistance => "prototype_distance",
        }
    }

    /// The axis along which a padding or a slice changes the extent, if it is one alone.
    pub fn padded_axis(&self) -> Option<usize> {
        let Op::Pad { before, after } = self else { return None };
        let mut changed = (0..before.len()).filter(|&axis| before[axis] != 0 || after[axis] != 0);
        let axis = changed.next();
        axis.filter(|_| changed.next().is_none())
    }

    /// Whether the output is the first input's memory under another shape or role.
    pub fn is_alias(&self) -> bool {
        matches!(self, Op::Reshape | Op::Detach)
    }
}

impl Unary {
    /// The function's name in errors and profiles.
    pub fn name(&self) -> &'static str {
        match self {
            Unary::Relu => "relu",
            Unary::Relu6 => "relu6",
            Unary::LeakyRelu(_) => "leaky_relu",
            Unary::Sigmoid => "sigmoid",
            Unary::Square => "square",
            Unary::Sqrt => "sqrt",
            Unary::Affine { .. } => "affine",
            Unary::Entropy { .. } => "entropy_map",
            Unary::Above(_) => "above",
        }
    }
}

impl Binary {
    /// The function's name in errors and profiles.
    pub fn name(&self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::Sub => "sub",
            Binary::Mul => "mul",
            Binary::Div => "div",
            Binary::DivOrZero => "div_or_zero",
            Binary::Greater => "greater",
            Binary::Bce => "bce",
            Binary::BceGrad => "bce_grad",
            Binary::BceWithLogits => "bce_with_logits",
        }
    }
}
