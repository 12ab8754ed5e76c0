// dropout: y = x/(1 − p) where a counter-based random number is kept, else 0; the gradient is the same map of dy.
// Each invocation takes ELEMENTS times WIDTH elements, so that the seed is read once; workgroups are folded into x and y.
// `of_normalised` drops elements of a normalisation's output, which it makes of x [samples,C,plane] as it loads them.
// Bindings: x, seed [2] (integers below 2²⁴), y, norm. Twin: reference/dropout.rs, reference/batch_norm.rs
// Imports: dropout_mask, grid, on_load

const ELEMENTS: u32 = 8u;

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
    channels: u32,
    plane: u32,
}

alias XType = Value;
alias YType = Value;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> seed: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> norm: array<f32>;

fn first_of(invocation: Invocation) -> u32 {
    return group_of(invocation) * 64u * ELEMENTS + invocation.lane;
}

fn store(i: u32, v: Value, key: Word) {
    y[p.base_y / WIDTH + i] = YType(kept(v * p.scale, p.first + i * WIDTH, key, p.threshold));
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let key = mask_key(seed[0], seed[1], p.stream);
    let first = first_of(invocation);
    let end = min(first + 64u * ELEMENTS, p.count / WIDTH);
    for (var i = first; i < end; i += 64u) {
        store(i, Value(x[p.base_x / WIDTH + i]), key);
    }
}

@compute @workgroup_size(64)
fn of_normalised(invocation: Invocation) {
    let key = mask_key(seed[0], seed[1], p.stream);
    let first = first_of(invocation);
    let end = min(first + 64u * ELEMENTS, p.count / WIDTH);
    for (var i = first; i < end; i += 64u) {
        let channel = (p.first + i * WIDTH) / p.plane % p.channels;
        store(i, normalised(Value(x[p.base_x / WIDTH + i]), terms_of(channel)), key);
    }
}
