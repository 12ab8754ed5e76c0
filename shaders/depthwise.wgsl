// depthwise: convolution with one kernel for each channel, and its two gradients, straight from the buffers.
// `forward` and `input_grad`: one invocation for each output. `weight_grad`: one workgroup for each channel, tap
// and split of the samples; parts [splits,C,taps] are added up by `sum`.
// Bindings: x, w, y, bias [C]; dy, w, dx; x, dy, parts. Twin: reference/conv2d.rs
// Imports: activation, grid, sum_of_lanes

const LANES: u32 = 64u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;
const BIAS: bool = false;

struct Params {
    base_x: u32,
    base_y: u32,
    samples: u32,
    channels: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_h: u32,
    pad_w: u32,
    dilation_h: u32,
    dilation_w: u32,
    samples_per_split: u32,
    first_split: u32,
}

alias XType = f32;
alias WType = f32;
alias YType = f32;
alias BiasType = f32;
alias Sum = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<WType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> bias: array<BiasType>;

@compute @workgroup_size(64)
fn forward(invocation: Invocation) {
    let index = number_of(invocation);
    if (index >= p.samples * p.channels * p.out_h * p.out_w) {
        return;
    }
    let row = index / p.out_w;
    let plane = row / p.out_h;
    let oh = row - plane * p.out_h;
    let ow = index - row * p.out_w;
    let kernel = (plane % p.channels) * p.kernel_h * p.kernel_w;
    var total = 0.0;
    for (var kh = 0u; kh < p.kernel_h; kh++) {
        let ih = oh * p.stride_h + kh * p.dilation_h - p.pad_h;
        for (var kw = 0u; kw < p.kernel_w; kw++) {
            let iw = ow * p.stride_w + kw * p.dilation_w - p.pad_w;
            if (ih < p.in_h && iw < p.in_w) {
                let source = p.base_x + (plane * p.in_h + ih) * p.in_w + iw;
                total = fma(f32(x[source]), f32(w[kernel + kh * p.kernel_w + kw]), total);
            }
        }
    }
    if (BIAS) {
        total += f32(bias[plane % p.channels]);
    }
    y[p.base_y + index] = YType(activate(total));
}

// x is dy here and y is dx.
@compute @workgroup_size(64)
fn input_grad(invocation: Invocation) {
    let index = number_of(invocation);
    if (index >= p.samples * p.channels * p.in_h * p.in_w) {
        return;
    }
    let row = index / p.in_w;
    let plane = row / p.in_h;
    let ih = row - plane * p.in_h;
    let iw = index - row * p.in_w;
    let kernel = (plane % p.channels) * p.kernel_h * p.kernel_w;
    var total = 0.0;
    for (var kh = 0u; kh < p.kernel_h; kh++) {
        let th = ih + p.pad_h - kh * p.dilation_h;
        let oh = th / p.stride_h;
        for (var kw = 0u; kw < p.kernel_w; kw++) {
            let tw = iw + p.pad_w - kw * p.dilation_w;
            let ow = tw / p.stride_w;
            if (oh < p.out_h && ow < p.out_w && oh * p.stride_h == th && ow * p.stride_w == tw) {
                let source = p.base_x + (plane * p.out_h + oh) * p.out_w + ow;
                total = fma(f32(x[source]), f32(w[kernel + kh * p.kernel_w + kw]), total);
            }
        }
    }
    y[p.base_y + index] = YType(total);
}

// w is dy here and y is the parts.
@compute @workgroup_size(LANES)
fn weight_grad(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let taps = p.kernel_h * p.kernel_w;
    let c = group.x / taps;
    let tap = group.x - c * taps;
    let kh = tap / p.kernel_w;
    let kw = tap - kh * p.kernel_w;
    let first = group.y * p.samples_per_split;
    let end = min(first + p.samples_per_split, p.samples);
    let pixels = p.out_h * p.out_w;
    var total = 0.0;
    for (var n = first; n < end; n++) {
        let plane = n * p.channels + c;
        for (var i = lane; i < pixels;) {
            let end_run = min(i + RUN * LANES, pixels);
            var run = 0.0;
            for (; i < end_run; i += LANES) {
                let oh = i / p.out_w;
                let ih = oh * p.stride_h + kh * p.dilation_h - p.pad_h;
                let iw = (i - oh * p.out_w) * p.stride_w + kw * p.dilation_w - p.pad_w;
                if (ih < p.in_h && iw < p.in_w) {
                    let source = p.base_x + (plane * p.in_h + ih) * p.in_w + iw;
                    run = fma(f32(x[source]), f32(w[p.base_y + plane * pixels + i]), run);
                }
            }
            total += run;
        }
    }
    let sum = sum_of_lanes(total, lane);
    if (lane == 0u) {
        y[(p.first_split + group.y) * p.channels * taps + group.x] = YType(sum);
    }
}
