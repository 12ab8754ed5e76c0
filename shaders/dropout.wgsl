// dropout: y = x/(1 − p) where a counter-based random number is kept, else 0; the gradient is the same map of dy.
// The mask depends on the seed, the stream and the element's number alone: the same on every adapter.
// Each invocation takes ELEMENTS elements, so that the seed is read once; workgroups are folded into x and y.
// Bindings: x, seed [2] (integers below 2²⁴), y. Twin: reference/dropout.rs

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
@group(0) @binding(1) var<storage, read_write> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> seed: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;

// Integer hash of low bias (Wellons, "lowbias32").
fn mix_bits(value: u32) -> u32 {
    var h = value;
    h ^= h >> 16u;
    h *= 0x7feb352du;
    h ^= h >> 15u;
    h *= 0x846ca68bu;
    h ^= h >> 16u;
    return h;
}

// What the mask of a dropout is made of.
fn mask_key(seed_high: f32, seed_low: f32, stream: u32) -> u32 {
    return mix_bits(mix_bits(mix_bits(u32(seed_high)) ^ u32(seed_low)) ^ stream);
}

// Whether element `number` of a tensor is kept.
fn is_kept(number: u32, key: u32, threshold: u32) -> bool {
    return mix_bits(mix_bits(number ^ key) + key) >= threshold;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let key = mask_key(seed[0], seed[1], p.stream);
    let block = (group.x + group.y * groups.x) * 64u * ELEMENTS + lane;
    let end = min(block + 64u * ELEMENTS, p.count);
    for (var i = block; i < end; i += 64u) {
        let kept = is_kept(p.first + i, key, p.threshold);
        y[p.base_y + i] = YType(select(0.0, f32(x[p.base_x + i]) * p.scale, kept));
    }
}
