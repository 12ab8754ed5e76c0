//! DeepLabv3+ on MobileNetV2 in Burn: the network that papilla trains, layer by layer, without its rewrites.

use burn::module::{Initializer, Module, ModuleVisitor, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, relu6};
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor, TensorData};

/// Expansion, channels, repeats, stride and dilation of each stage, at output stride 16.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1, 1),
    (6, 24, 2, 2, 1),
    (6, 32, 3, 2, 1),
    (6, 64, 4, 2, 1),
    (6, 96, 3, 1, 1),
    (6, 160, 3, 1, 1),
    (6, 320, 1, 1, 2),
];
/// Blocks before the low-level feature.
const LOW_LEVEL: usize = 3;

/// Shape of a convolution without bias.
#[derive(Clone, Copy)]
struct Shape {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    groups: usize,
}

impl Shape {
    const POINTWISE: Shape = Shape { kernel: 1, stride: 1, padding: 0, dilation: 1, groups: 1 };

    /// 3x3 that keeps the size.
    fn atrous(rate: usize) -> Shape {
        Shape { kernel: 3, padding: rate, dilation: rate, ..Shape::POINTWISE }
    }
}

/// Convolution without bias and batch normalisation.
#[derive(Module, Debug)]
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new(channels: [usize; 2], shape: Shape, device: &Device) -> Self {
        ConvNorm {
            conv: convolution(channels, shape).with_bias(false).init(device),
            norm: BatchNormConfig::new(channels[1]).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}

fn convolution(channels: [usize; 2], shape: Shape) -> Conv2dConfig {
    let Shape { kernel, stride, padding, dilation, groups } = shape;
    Conv2dConfig::new(channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_dilation([dilation; 2])
        .with_groups(groups)
        .with_initializer(Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: false })
}

/// Inverted residual; the input is padded before the expansion, as papilla has it.
#[derive(Module, Debug)]
struct Block {
    expand: Option<ConvNorm>,
    depthwise: ConvNorm,
    project: ConvNorm,
    padding: usize,
    residual: bool,
}

impl Block {
    fn new(channels: [usize; 2], expansion: usize, stride: usize, dilation: usize, device: &Device) -> Self {
        let [inputs, outputs] = channels;
        let hidden = inputs * expansion;
        let spatial = Shape { kernel: 3, stride, padding: 0, dilation, groups: hidden };
        Block {
            expand: (expansion != 1).then(|| ConvNorm::new([inputs, hidden], Shape::POINTWISE, device)),
            depthwise: ConvNorm::new([hidden, hidden], spatial, device),
            project: ConvNorm::new([hidden, outputs], Shape::POINTWISE, device),
            padding: dilation,
            residual: stride == 1 && inputs == outputs,
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let p = self.padding;
        let mut x = input.clone().pad((p, p, p, p), PadMode::Constant(0.0));
        if let Some(expand) = &self.expand {
            x = relu6(expand.forward(x));
        }
        x = self.project.forward(relu6(self.depthwise.forward(x)));
        if self.residual { input + x } else { x }
    }
}

/// Bilinear interpolation with aligned corners between squares, as a product with a constant matrix along each axis:
/// Burn does not differentiate its own bilinear interpolation on GPUs.
pub struct Bilinear {
    /// `[from, to]`
    weights: Tensor<2>,
    to: usize,
}

impl Bilinear {
    pub fn new(from: usize, to: usize, device: &Device) -> Self {
        let mut weights = vec![0.0f32; from * to];
        for target in 0..to {
            let position = target as f32 * (from - 1) as f32 / (to - 1).max(1) as f32;
            let below = (position as usize).min(from - 1);
            let share = position - below as f32;
            weights[below * to + target] += 1.0 - share;
            weights[(below + 1).min(from - 1) * to + target] += share;
        }
        Bilinear { weights: Tensor::from_data(TensorData::new(weights, [from, to]), device), to }
    }

    /// `[N, C, from, from]` → `[N, C, to, to]`
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let wide = x.reshape([n * c * h, w]).matmul(self.weights.clone());
        let turned = wide.reshape([n * c, h, self.to]).swap_dims(1, 2);
        let high = turned.reshape([n * c * self.to, h]).matmul(self.weights.clone());
        high.reshape([n, c, self.to, self.to]).swap_dims(2, 3)
    }
}

/// DeepLabv3+ with a mask branch and a boundary branch.
#[derive(Module, Debug)]
pub struct DeepLab {
    stem: ConvNorm,
    blocks: Vec<Block>,
    pyramid: Vec<ConvNorm>,
    pooled: ConvNorm,
    joined: ConvNorm,
    low: ConvNorm,
    boundary: Vec<ConvNorm>,
    boundary_head: Conv2d,
    mask_norm: BatchNorm,
    mask_head: Conv2d,
    half: Dropout,
    tenth: Dropout,
}

impl DeepLab {
    pub fn new(device: &Device) -> Self {
        let mut blocks = Vec::new();
        let mut inputs = 32;
        for (expansion, outputs, repeats, stride, dilation) in STAGES {
            for repeat in 0..repeats {
                let stride = if repeat == 0 { stride } else { 1 };
                blocks.push(Block::new([inputs, outputs], expansion, stride, dilation, device));
                inputs = outputs;
            }
        }
        let conv = |channels, shape| ConvNorm::new(channels, shape, device);
        let shapes = [Shape::POINTWISE, Shape::atrous(6), Shape::atrous(12), Shape::atrous(18)];
        DeepLab {
            stem: conv([3, 32], Shape { stride: 2, ..Shape::atrous(1) }),
            blocks,
            pyramid: shapes.into_iter().map(|shape| conv([320, 256], shape)).collect(),
            pooled: conv([320, 256], Shape::POINTWISE),
            joined: conv([5 * 256, 256], Shape::POINTWISE),
            low: conv([24, 48], Shape::POINTWISE),
            boundary: [304, 256].into_iter().map(|inputs| conv([inputs, 256], Shape::atrous(1))).collect(),
            boundary_head: convolution([256, 1], Shape::POINTWISE).init(device),
            mask_norm: BatchNormConfig::new(305).init(device),
            mask_head: convolution([305, 2], Shape::POINTWISE).init(device),
            half: DropoutConfig::new(0.5).init(),
            tenth: DropoutConfig::new(0.1).init(),
        }
    }

    /// Image `[N, 3, H, W]` → logits of the masks `[N, 2, H, W]` and of the boundary `[N, 1, H, W]`.
    pub fn forward(&self, image: Tensor<4>, to_low: &Bilinear, to_image: &Bilinear) -> [Tensor<4>; 2] {
        let mut x = relu6(self.stem.forward(image));
        for block in &self.blocks[..LOW_LEVEL] {
            x = block.forward(x);
        }
        let low = relu(self.low.forward(x.clone()));
        for block in &self.blocks[LOW_LEVEL..] {
            x = block.forward(x);
        }
        let up = to_low.forward(self.half.forward(self.pool(x)));

        let mut y = Tensor::cat(vec![up.clone(), low.clone()], 1);
        for (layer, dropout) in self.boundary.iter().zip([&self.half, &self.tenth]) {
            y = dropout.forward(relu(layer.forward(y)));
        }
        let boundary = self.boundary_head.forward(y);
        let feature = Tensor::cat(vec![up, low, boundary.clone()], 1);
        let mask = self.tenth.forward(relu(self.mask_norm.forward(feature)));
        [self.mask_head.forward(mask), boundary].map(|logits| to_image.forward(logits))
    }

    /// Atrous spatial pyramid pooling, `[N, 320, h, w]` → `[N, 256, h, w]`.
    fn pool(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, _, h, w] = x.dims();
        let mut branches: Vec<_> = self.pyramid.iter().map(|branch| relu(branch.forward(x.clone()))).collect();
        let pooled = relu(self.pooled.forward(x.mean_dim(3).mean_dim(2)));
        branches.push(pooled.expand([n, 256, h, w]));
        relu(self.joined.forward(Tensor::cat(branches, 1)))
    }

    /// Number of trained parameters; running statistics are not among them.
    pub fn parameters(&self) -> usize {
        let mut count = Count(0);
        self.visit(&mut count);
        count.0
    }
}

struct Count(usize);

impl ModuleVisitor for Count {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_require_grad() {
            self.0 += value.shape().num_elements();
        }
    }
}
