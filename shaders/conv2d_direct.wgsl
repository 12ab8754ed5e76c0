// conv2d_direct: 2-D convolution and its two gradients, any stride, padding, dilation and groups.
// One invocation for each output, each visiting only the taps that reach the map. The plain variant: it is what
// the faster ones are compared with on the same adapter, and what computes grouped convolutions.
// Bindings of `forward`: x, w, y, b; `input_grad`: dy, w, dx. `weight_grad`: x, dy, parts [splits,O,I/groups,KH,KW] of the
// samples, added up by `sum`. Twin: reference/conv2d.rs
// Imports: activation, grid

struct Params {
    base_x: u32,
    base_y: u32,
    samples: u32,
    in_channels: u32,
    in_h: u32,
    in_w: u32,
    out_channels: u32,
    out_h: u32,
    out_w: u32,
    groups: u32,
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
    first_output: u32,
}

alias XType = f32;
alias WType = f32;
alias YType = f32;
alias BType = f32;
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<WType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> b: array<BType>;

// Filter of an output.
fn filter_of(index: u32) -> u32 {
    return index / (p.out_h * p.out_w) % p.out_channels;
}

fn forward_sum(index: u32) -> f32 {
    let row = index / p.out_w;
    let plane = row / p.out_h;
    let oh = row - plane * p.out_h;
    let ow = index - row * p.out_w;
    let n = plane / p.out_channels;
    let o = plane - n * p.out_channels;
    let group_in = p.in_channels / p.groups;
    let group = o / (p.out_channels / p.groups);
    var total = 0.0;
    for (var kh = 0u; kh < p.kernel_h; kh++) {
        let ih = oh * p.stride_h + kh * p.dilation_h - p.pad_h;
        for (var kw = 0u; kw < p.kernel_w; kw++) {
            let iw = ow * p.stride_w + kw * p.dilation_w - p.pad_w;
            if (ih < p.in_h && iw < p.in_w) {
                // Each tap apart: one long sum in f32 loses digits.
                var run = 0.0;
                for (var i = 0u; i < group_in; i++) {
                    let source = ((n * p.in_channels + group * group_in + i) * p.in_h + ih) * p.in_w + iw;
                    let tap = ((o * group_in + i) * p.kernel_h + kh) * p.kernel_w + kw;
                    run = fma(f32(x[p.base_x + source]), f32(w[tap]), run);
                }
                total += run;
            }
        }
    }
    return total;
}

@compute @workgroup_size(64)
fn forward(invocation: Invocation) {
    let index = p.first_output + number_of(invocation);
    if (index >= p.samples * p.out_channels * p.out_h * p.out_w) {
        return;
    }
    y[p.base_y + index] = YType(activate(forward_sum(index)));
}

@compute @workgroup_size(64)
fn forward_bias(invocation: Invocation) {
    let index = p.first_output + number_of(invocation);
    if (index >= p.samples * p.out_channels * p.out_h * p.out_w) {
        return;
    }
    y[p.base_y + index] = YType(activate(forward_sum(index) + f32(b[filter_of(index)])));
}

// x is dy here and y is dx.
@compute @workgroup_size(64)
fn input_grad(invocation: Invocation) {
    let index = p.first_output + number_of(invocation);
    if (index >= p.samples * p.in_channels * p.in_h * p.in_w) {
        return;
    }
    let row = index / p.in_w;
    let plane = row / p.in_h;
    let n = plane / p.in_channels;
    let i = plane - n * p.in_channels;
    let ih = row - plane * p.in_h;
    let iw = index - row * p.in_w;
    let group_in = p.in_channels / p.groups;
    let group_out = p.out_channels / p.groups;
    let g = i / group_in;
    var total = 0.0;
    for (var kh = 0u; kh < p.kernel_h; kh++) {
        let th = ih + p.pad_h - kh * p.dilation_h;
        let oh = th / p.stride_h;
        for (var kw = 0u; kw < p.kernel_w; kw++) {
            let tw = iw + p.pad_w - kw * p.dilation_w;
            let ow = tw / p.stride_w;
            if (oh < p.out_h && ow < p.out_w && oh * p.stride_h == th && ow * p.stride_w == tw) {
                var run = 0.0;
                for (var o = g * group_out; o < (g + 1u) * group_out; o++) {
                    let source = ((n * p.out_channels + o) * p.out_h + oh) * p.out_w + ow;
                    let tap = ((o * group_in + i - g * group_in) * p.kernel_h + kh) * p.kernel_w + kw;
                    run = fma(f32(x[p.base_x + source]), f32(w[tap]), run);
                }
                total += run;
            }
        }
    }
    y[p.base_y + index] = YType(total);
}

// w is dy here and y is the parts.
@compute @workgroup_size(64)
fn weight_grad(invocation: Invocation) {
    let group_in = p.in_channels / p.groups;
    let taps = p.kernel_h * p.kernel_w;
    let weights = p.out_channels * group_in * taps;
    let splits = (p.samples + p.samples_per_split - 1u) / p.samples_per_split;
    let index = p.first_output + number_of(invocation);
    if (index >= weights * splits) {
        return;
    }
    let split = index / weights;
    let weight = index - split * weights;
    let kernel = weight / taps;
    let tap = weight - kernel * taps;
    let o = kernel / group_in;
    let i = (o / (p.out_channels / p.groups)) * group_in + kernel - o * group_in;
    let kh = tap / p.kernel_w;
    let kw = tap - kh * p.kernel_w;
    let end = min((split + 1u) * p.samples_per_split, p.samples);
    var total = 0.0;
    for (var n = split * p.samples_per_split; n < end; n++) {
        for (var oh = 0u; oh < p.out_h; oh++) {
            let ih = oh * p.stride_h + kh * p.dilation_h - p.pad_h;
            if (ih >= p.in_h) {
                continue;
            }
            let source = p.base_x + ((n * p.in_channels + i) * p.in_h + ih) * p.in_w;
            let upstream = p.base_y + ((n * p.out_channels + o) * p.out_h + oh) * p.out_w;
            var run = 0.0;
            for (var ow = 0u; ow < p.out_w; ow++) {
                let iw = ow * p.stride_w + kw * p.dilation_w - p.pad_w;
                if (iw < p.in_w) {
                    run = fma(f32(x[source + iw]), f32(w[upstream + ow]), run);
                }
            }
            total += run;
        }
    }
    y[p.first_split * weights + index] = YType(total);
}
