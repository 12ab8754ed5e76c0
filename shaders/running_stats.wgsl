// running_stats: mean and variance move towards the batch's, the variance made unbiased first.
// One invocation for each channel.
// Bindings: stats [D,2,C], mean [C], var [C]. Twin: reference/optimizer.rs

struct Params {
    channels: u32,
    domain: u32,
    momentum: f32,
    unbias: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> stats: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= p.channels) {
        return;
    }
    let row = p.domain * 2u * p.channels + c;
    mean[c] = (1.0 - p.momentum) * mean[c] + p.momentum * stats[row];
    variance[c] = (1.0 - p.momentum) * variance[c] + p.momentum * stats[row + p.channels] * p.unbias;
}
