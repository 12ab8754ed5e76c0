// norm_terms: what kernels that normalise their operand as they load it must know of each channel: its mean, the scale
// weight/√(var + eps), the shift and 1/√(var + eps); of four channels four means, four scales and so on, zero beyond the last
// channel. Bindings: stats [1,2,C], weight [C], bias [C], terms [⌈C/4⌉,4,4]. Twin: reference/batch_norm.rs

struct Params {
    channels: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> terms: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= (p.channels + 3u) / 4u * 4u) {
        return;
    }
    let own = min(c, p.channels - 1u);
    let deviation = sqrt(stats[own + p.channels] + p.eps);
    let at = c / 4u * 16u + c % 4u;
    let beyond = c >= p.channels;
    terms[at] = select(stats[own], 0.0, beyond);
    terms[at + 4u] = select(weight[own] / deviation, 0.0, beyond);
    terms[at + 8u] = select(bias[own], 0.0, beyond);
    terms[at + 12u] = select(1.0 / deviation, 0.0, beyond);
}
