//! The vocabulary: every operator a graph can hold, with the shapes of its inputs.
//!
//! An operator has one output. Gradients that need kernels of their own are operators too, so that the
//! backward pass is planned, profiled and proven like the forward pass.

use educe::Educe;

use super::{StateId, bits};

/// Stride, zero padding, dilation (each `[rows, columns]`) and groups of a 2-D convolution, as in `torch.nn.Conv2d`;
/// its arithmetic is that of Dumoulin & Visin 2016. By default stride 1, no padding, dilation 1, one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvSpec {
    /// pixels of the input from one output to the next, at least 1
    pub stride: [usize; 2],
    /// zeros before the first and after the last pixel
    pub padding: [usize; 2],
    /// pixels of the input from one tap of the kernel to the next, at least 1 (Yu & Koltun 2016)
    pub dilation: [usize; 2],
    /// parts into which the channels of input and output are divided, each convolved by itself; as many as channels
    /// make a depthwise convolution
    pub groups: usize,
}

impl Default for ConvSpec {
    fn default() -> Self {
        ConvSpec { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 }
    }
}

impl ConvSpec {
    /// Output extent along `axis` (0 rows, 1 columns), or `None` if the kernel does not fit or nothing would move:
    /// `⌊(input + 2·padding − dilation·(kernel−1) − 1)/stride⌋ + 1`.
    pub fn output_extent(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        if kernel == 0 || self.stride[axis] == 0 {
            return None;
        }
        let reach = self.dilation[axis] * (kernel - 1) + 1;
        let padded = input + 2 * self.padding[axis];
        (padded >= reach).then(|| (padded - reach) / self.stride[axis] + 1)
    }
}

/// Window of a max pooling, each `[rows, columns]`; padding counts as minus infinity and is no more than half of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolSpec {
    /// rows and columns of the window
    pub kernel: [usize; 2],
    /// pixels of the input from one window to the next, at least 1
    pub stride: [usize; 2],
    /// pixels of minus infinity before the first and after the last one
    pub padding: [usize; 2],
}

/// Activations that can be fused into the operator before them; their slope can be told from their output.
#[derive(Clone, Copy, Debug, Educe, strum::IntoStaticStr, strum::VariantNames)]
#[educe(PartialEq, Eq, Hash)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Activation {
    /// none
    Identity,
    /// [`Unary::Relu`]
    Relu,
    /// [`Unary::Relu6`]
    Relu6,
    /// [`Unary::LeakyRelu`] of this slope
    LeakyRelu(#[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))] f32),
}

impl Activation {
    /// What a [`Activation::LeakyRelu`] multiplies negative numbers by; 0 for others.
    pub(crate) fn negative_slope(self) -> f32 {
        match self {
            Activation::LeakyRelu(slope) => slope,
            Activation::Identity | Activation::Relu | Activation::Relu6 => 0.0,
        }
    }
}

/// Elementwise functions of one tensor.
#[derive(Clone, Copy, Debug, Educe, strum::IntoStaticStr, strum::VariantNames)]
#[educe(PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(strum::EnumDiscriminants))]
#[cfg_attr(test, strum_discriminants(name(UnaryKind), vis(pub(crate)), derive(strum::EnumIter)))]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Unary {
    /// `max(x, 0)` (Nair & Hinton 2010)
    Relu,
    /// `min(max(x, 0), 6)` (Krizhevsky 2010)
    Relu6,
    /// `x` where positive, else `x` times this slope (Maas et al. 2013)
    LeakyRelu(#[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))] f32),
    /// `σ(x) = 1/(1 + e^−x)`
    Sigmoid,
    /// `x²`
    Square,
    /// `√x`; its derivative at 0 is taken as 0
    Sqrt,
    /// `mul · x + add`
    Affine {
        /// slope
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        mul: f32,
        /// value at 0
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        add: f32,
    },
    /// `−σ(x)·ln(σ(x) + smooth)`, the entropy map of the adversarial loss (Wang et al., MICCAI 2019)
    Entropy {
        /// keeps the logarithm finite
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        smooth: f32,
    },
    /// 1 where `x` exceeds this threshold, else 0; no gradient
    Above(#[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))] f32),
}

impl Unary {
    /// The activation that this function is, if it is one.
    pub fn activation(self) -> Option<Activation> {
        match self {
            Unary::Relu => Some(Activation::Relu),
            Unary::Relu6 => Some(Activation::Relu6),
            Unary::LeakyRelu(slope) => Some(Activation::LeakyRelu(slope)),
            Unary::Sigmoid
            | Unary::Square
            | Unary::Sqrt
            | Unary::Affine { .. }
            | Unary::Entropy { .. }
            | Unary::Above(_) => None,
        }
    }

    /// Whether the slope at `x` is also that at `f(x)`, so that the output, which the next operator reads anyway, tells
    /// it.
    pub fn slope_from_output(self) -> bool {
        match self {
            Unary::Relu | Unary::Relu6 => true,
            // A negative slope turns negative values positive.
            Unary::LeakyRelu(slope) => slope >= 0.0,
            Unary::Sigmoid
            | Unary::Square
            | Unary::Sqrt
            | Unary::Affine { .. }
            | Unary::Entropy { .. }
            | Unary::Above(_) => false,
        }
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[cfg_attr(test, derive(strum::EnumIter))]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a − b`
    Sub,
    /// `a · b`
    Mul,
    /// `a / b`
    Div,
    /// `a / b`, and 0 where `b = 0`: means over an empty class
    DivOrZero,
    /// 1 where `a > b`, else 0; no gradient
    Greater,
    /// `−(t·ln p + (1−t)·ln(1−p))` of probability `p` and target `t`, logarithms clamped at −100 as in
    /// `torch.nn.BCELoss`; gradient to `p` only
    Bce,
    /// derivative of `Bce` by `p`: `(p − t) / max(p(1−p), 1e-12)`, as PyTorch has it; no gradient
    BceGrad,
    /// `max(x,0) − x·t + ln(1 + e^−|x|)` of logit `x` and target `t`, as in `torch.nn.BCEWithLogitsLoss`; gradient to
    /// `x` only
    BceWithLogits,
}

/// Interpolation of a resize, as in `torch.nn.functional.interpolate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ResizeMode {
    /// corner pixels map to corner pixels: source position `i·(in−1)/(out−1)`
    BilinearAlignCorners,
    /// pixel centres at half: source position `(i+½)·in/out − ½`, clamped at 0
    BilinearHalfPixel,
    /// source index `floor(i·in/out)`
    Nearest,
}

/// An operator. Inputs are listed in order; `f` feature map `[N,C,H,W]`, `D` statistics domains.
#[derive(Clone, Debug, Educe)]
#[educe(PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(strum::EnumDiscriminants))]
#[cfg_attr(test, strum_discriminants(name(OpKind), vis(pub(crate)), derive(strum::EnumIter)))]
pub enum Op {
    /// a value given anew for each run
    Input {
        /// name under which the value is given
        name: String,
    },
    /// the value of a named state at the start of the run
    State(StateId),
    /// a tensor filled with one value
    Constant {
        /// every element
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        value: f32,
    },

    /// `x`
    Unary(Unary),
    /// `x` (for the activations equally `f(x)`), `dy` → `f′(x)·dy`
    UnaryGrad(Unary),
    /// `a`, `b`
    Binary(Binary),
    /// `x` → itself repeated along axes of extent 1
    Broadcast,
    /// `x` → sums over `axes`, which keep extent 1
    Sum {
        /// axes that are added up, counted from 0
        axes: Vec<usize>,
    },
    /// `x` → the same elements in another shape; shares memory
    Reshape,
    /// `x` → itself, gradient stopped; shares memory
    Detach,
    /// `x` → its axes in another order: axis `i` of the output is axis `axes[i]` of the input
    Permute {
        /// every axis of the input once
        axes: Vec<usize>,
    },
    /// `x…` → joined along `axis`
    Concat {
        /// the one axis along which the inputs' extents may differ
        axis: usize,
    },
    /// `x` → zeros added (positive) or elements removed (negative) before and after each axis
    Pad {
        /// elements before the first, one number for each axis
        before: Vec<isize>,
        /// elements after the last, one number for each axis
        after: Vec<isize>,
    },

    /// `x [N,I,H,W]`, `w [O,I/groups,KH,KW]`, `b [O]` if `bias` → `[N,O,OH,OW]`, activation applied: the
    /// cross-correlation of `torch.nn.Conv2d`
    Conv2d {
        /// stride, padding, dilation and groups
        spec: ConvSpec,
        /// whether there is a third input, added to each channel
        bias: bool,
        /// applied to the sum
        activation: Activation,
    },
    /// `dy [N,O,OH,OW]`, `w` → `dx [N,I,H,W]`: the transposed convolution (Dumoulin & Visin 2016)
    Conv2dInputGrad {
        /// of the convolution that is differentiated
        spec: ConvSpec,
        /// `[H, W]`: several inputs may have one output size
        input: [usize; 2],
    },
    /// `x`, `dy` → `dw [O,I/groups,KH,KW]`: `Σ_nhw` of `dy` and the `x` that each tap met
    Conv2dWeightGrad {
        /// of the convolution that is differentiated
        spec: ConvSpec,
        /// `[KH, KW]`
        kernel: [usize; 2],
    },

    /// `x` → `[D,2,C]`: mean and biased variance of each channel over each of `domains` equal parts of the batch
    BatchStats {
        /// D, a divisor of the batch; the first N/D images are the first domain
        domains: usize,
    },
    /// `x`, `stats [D,2,C]`, `weight [C]`, `bias [C]` → `act(weight·(x−mean)/√(var+eps) + bias)`
    /// (Ioffe & Szegedy 2015)
    BatchNorm {
        /// keeps the denominator from zero
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        eps: f32,
        /// applied to the normalised value
        activation: Activation,
        /// the statistics are this batch's own, and the gradient of `x` runs through them
        training: bool,
    },
    /// `x`, `dy`, `stats`, `weight`, `bias` → `[D,2,C]`: `Σ dz` and `Σ dz·x̂`, dz the gradient before the activation, x̂
    /// the normalised `x`; added up over domains they are the gradients of bias and weight
    BatchNormGradSums {
        /// that of the normalisation
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        eps: f32,
        /// that of the normalisation
        activation: Activation,
    },
    /// `x`, `dy`, `stats`, `weight`, `bias`, `sums` → `dx = weight/√(var+eps)·(dz − mean(dz) − x̂·mean(dz·x̂))`
    /// (Ioffe & Szegedy 2015)
    BatchNormGradInput {
        /// that of the normalisation
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        eps: f32,
        /// that of the normalisation
        activation: Activation,
        /// the statistics were the batch's own; otherwise both means are left out
        training: bool,
    },
    /// `stats [2,2,C]` (source, target) → `1 + α [C]` of TransNorm (Wang et al., NeurIPS 2019): `α_c = C·p_c/Σp`,
    /// `p_c = 1/(1 + |μ_s/√(σ²_s+eps) − μ_t/√(σ²_t+eps)|)`
    TransNormScale {
        /// keeps the denominators from zero
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        eps: f32,
        /// what variances are multiplied by first: `n/(n−1)` for biased ones of `n` values, 1 for running ones
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        unbias: f32,
    },

    /// `x`, `seed [2]` (two integers below 2²⁴) → `x·mask/(1−p)` (Srivastava et al. 2014); the mask follows from seed,
    /// `stream` and the element's index, on every machine alike: see `src/reference/dropout.rs`
    Dropout {
        /// probability with which an element becomes 0, in [0, 1)
        #[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))]
        p: f32,
        /// tells apart the dropouts of a graph
        stream: u32,
    },
    /// `x [N,C,H,W]` → `[N,C,size]`
    Resize {
        /// interpolation
        mode: ResizeMode,
        /// rows and columns of the result
        size: [usize; 2],
    },
    /// `dy` → `dx [N,C,input]`
    ResizeGrad {
        /// interpolation of the resize that is differentiated
        mode: ResizeMode,
        /// rows and columns before that resize
        input: [usize; 2],
    },
    /// `x [N,T·C,H,W]` → `[N,C,…]`, `size` along `axis`: the sum over `t < T` of parts `x[N,t·C..,H,W]` resized along
    /// that axis alone and moved by `⌊T/2⌋ − t`, zeros moving in. Interpolation and convolution are both linear, so a
    /// 3x3 convolution of upsampled maps is a 1x1 convolution of the small ones for each tap, and this
    ResizeShifted {
        /// interpolation
        mode: ResizeMode,
        /// 2 (rows) or 3 (columns)
        axis: usize,
        /// T, a divisor of the channels
        taps: usize,
        /// extent of the result along `axis`
        size: usize,
    },
    /// `dy [N,C,…]` → `dx [N,T·C,…]`, `input` along `axis`
    ResizeShiftedGrad {
        /// interpolation of the resize that is differentiated
        mode: ResizeMode,
        /// 2 (rows) or 3 (columns)
        axis: usize,
        /// T, times which there are channels
        taps: usize,
        /// extent along `axis` before that resize
        input: usize,
    },
    /// `x [N,C,H,W]` → `[N,C,OH,OW]`: the largest value of each window, as in `torch.nn.MaxPool2d`
    MaxPool {
        /// the window
        spec: PoolSpec,
    },
    /// `x`, `dy` → `dx`; the first maximum of a window takes its gradient
    MaxPoolGrad {
        /// window of the pooling that is differentiated
        spec: PoolSpec,
    },

    /// `f [N,C,H,W]`, `w [N,M,H,W]` → `[M,C]`: `Σ_nhw w·f`, all weight maps in one pass over `f`; divided by the
    /// weights' sums they are prototypes (Feng et al., MICCAI 2022)
    WeightedSum,
    /// `d [M,C]`, `w [N,M,H,W]` → `[N,C,H,W]`: `Σ_m d·w`
    WeightedSumGradFeature,
    /// `d [M,C]`, `f [N,C,H,W]` → `[N,M,H,W]`: `Σ_c d·f`
    WeightedSumGradWeight,
    /// `f [N,C,H,W]`, `p [M,C]` → `[N,M,H,W]`: mean over channels of `(f−p)²`, the distance of the discriminative loss
    /// (Feng et al., MICCAI 2022)
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
