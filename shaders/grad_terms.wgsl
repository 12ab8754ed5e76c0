// grad_terms: what kernels that make the gradient of a normalisation's input as they load it must know of a channel, one after the
// other: mean, scale, shift and 1/√(var + eps), Σdz/m and Σ(dz·x̂)/m, or 0 in evaluation, m the elements of the channel; and the taps of
// its filter, so that those kernels bind one buffer fewer. One invocation for each channel.
// Bindings: stats [1,2,C], weight, bias [C], sums [1,2,C], w [C,1,taps], terms [C,6 + taps]. Twin: reference/batch_norm.rs

const TRAINING: bool = true;

struct Params {
    channels: u32,
    taps: u32,
    elements: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
@group(0) @binding(5) var<storage, read> w: array<f32>;
@group(0) @binding(6) var<storage, read_write> terms: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= p.channels) {
        return;
    }
    let at = c * (6u + p.taps);
    let inverse = 1.0 / sqrt(stats[p.channels + c] + p.eps);
    terms[at] = stats[c];
    terms[at + 1u] = weight[c] * inverse;
    terms[at + 2u] = bias[c];
    terms[at + 3u] = inverse;
    let count = select(0.0, 1.0 / f32(p.elements), TRAINING);
    terms[at + 4u] = sums[c] * count;
    terms[at + 5u] = sums[p.channels + c] * count;
    for (var tap = 0u; tap < p.taps; tap++) {
        terms[at + 6u + tap] = w[c * p.taps + tap];
    }
}
