// over_passes: sums over the passes of σ(mul·x + add), or with DEVIATION of the squares of their differences from their mean; x may be
// maps that are resized as they are loaded. One invocation for each element; workgroups are folded into x and y.
// Bindings: x [passes,count], or maps [planes,IH,IW] that are resized to it, y [count]. Twin: reference/elementwise.rs,
// reference/reduce.rs, reference/resize.rs
// Imports: grid, interpolation

const SKIPS: bool = true;
const RESIZED: bool = false;
const DEVIATION: bool = false;

struct Params {
    count: u32,
    passes: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    taps: u32,
    channels: u32,
    inner: u32,
    mul: f32,
    add: f32,
    share: f32, // what the sum is multiplied by to be the mean
}

alias XType = f32;
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn load(at: u32) -> f32 {
    return f32(x[at]);
}

fn sigmoid_at(at: u32) -> f32 {
    var v = 0.0;
    if (RESIZED) {
        v = resized(at);
    } else {
        v = load(at);
    }
    v = p.mul * v + p.add;
    let e = exp(-abs(v));
    return select(e, 1.0, v >= 0.0) / (1.0 + e);
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.count) {
        return;
    }
    var total = 0.0;
    for (var t = 0u; t < p.passes; t++) {
        total += sigmoid_at(t * p.count + i);
    }
    if (DEVIATION) {
        let mean = total * p.share;
        total = 0.0;
        for (var t = 0u; t < p.passes; t++) {
            let difference = sigmoid_at(t * p.count + i) - mean;
            total += difference * difference;
        }
    }
    y[i] = total;
}
