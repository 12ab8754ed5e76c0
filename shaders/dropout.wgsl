// dropout: y = x/(1 − p) where a counter-based random number is kept, else 0; the gradient is the same map of dy.
// Each invocation takes ELEMENTS elements, so that the seed is read once; workgroups are folded into x and y.
// Bindings: x, seed [2] (integers below 2²⁴), y. Twin: reference/dropout.rs
// Imports: dropout_mask, grid

const ELEMENTS: u32 = 8u;

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias XType = f32;
alias YType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> seed: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let key = mask_key(seed[0], seed[1], p.stream);
    let block = group_of(invocation) * 64u * ELEMENTS + invocation.lane;
    let end = min(block + 64u * ELEMENTS, p.count);
    for (var i = block; i < end; i += 64u) {
        let kept = is_kept(p.first + i, key, p.threshold);
        y[p.base_y + i] = YType(select(0.0, f32(x[p.base_x + i]) * p.scale, kept));
    }
}
