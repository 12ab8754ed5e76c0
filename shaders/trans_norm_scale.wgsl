// trans_norm_scale: 1 + α of TransNorm (Wang et al. 2019), α_c = C·p_c/Σp, p_c = 1/(1 + d_c),
// d_c = |μ_s/√(σ²_s + eps) − μ_t/√(σ²_t + eps)|, variances multiplied by `unbias` first.
// One workgroup; each invocation takes every LANES-th channel, then all add up in a fixed tree.
// Bindings: stats [2,2,C], y [C]. Twin: reference/batch_norm.rs
// Imports: sum_of_lanes

const LANES: u32 = 64u;

struct Params {
    channels: u32,
    eps: f32,
    unbias: f32,
}

alias Sum = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn closeness(c: u32) -> f32 {
    let n = p.channels;
    let source = stats[c] / sqrt(stats[n + c] * p.unbias + p.eps);
    let other = stats[2u * n + c] / sqrt(stats[3u * n + c] * p.unbias + p.eps);
    return 1.0 / (1.0 + abs(source - other));
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
    var total = 0.0;
    for (var c = lane; c < p.channels; c += LANES) {
        total += closeness(c);
    }
    let sum = sum_of_lanes(total, lane);
    let scale = f32(p.channels) / sum;
    for (var c = lane; c < p.channels; c += LANES) {
        y[c] = 1.0 + closeness(c) * scale;
    }
}
