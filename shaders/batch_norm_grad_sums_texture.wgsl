// batch_norm_grad_sums_texture: Σ dz and Σ dz·x̂ of each channel, dz = act'(z)·dy, z = weight·x̂ + bias computed anew, of
// packed maps (layout: pack_texture). Grid: x = blocks of four channels, y = domains; lanes run along the pixels.
// Bindings: stats [D,2,C], weight, bias [C], sums [D,2,C], x and dy packed. Twin: reference/batch_norm.rs
// Imports: activation, channel_block, sum_of_lanes, texel

const LANES: u32 = 8u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;

struct Params {
    channels: u32,
    plane: u32,
    samples_per_domain: u32,
    eps: f32,
}

alias Sum = mat2x4<f32>;
alias Value = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(6) var dy: texture_storage_2d<rgba32float, read>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = blocks_of(p.channels);
    let at = channel_block(group.x, group.y, p.channels);
    let mean = means_of(at);
    let inverse = inverse_deviations_of(at, p.channels, p.eps);
    let w = weights_of(at);
    let b = biases_of(at);
    var s = vec4(0.0);
    var q = vec4(0.0);
    for (var n = group.y * p.samples_per_domain; n < (group.y + 1u) * p.samples_per_domain; n++) {
        let base = 1u + (n * blocks + group.x) * p.plane;
        var sample_s = vec4(0.0);
        var sample_q = vec4(0.0);
        for (var i = lane; i < p.plane;) {
            let end_run = min(i + RUN * LANES, p.plane);
            var run_s = vec4(0.0);
            var run_q = vec4(0.0);
            for (; i < end_run; i += LANES) {
                let place = texel_place(base + i);
                let normal = (textureLoad(x, place) - mean) * inverse;
                let dz = slope(fma(w, normal, b)) * textureLoad(dy, place);
                run_s += dz;
                run_q = fma(dz, normal, run_q);
            }
            sample_s += run_s;
            sample_q += run_q;
        }
        s += sample_s;
        q += sample_q;
    }
    let total = sum_of_lanes(mat2x4(s, q), lane);
    if (lane == 0u) {
        for (var k = 0u; k < 4u; k++) {
            if (k <= at.last) {
                out[at.row + k] = total[0][k];
                out[at.row + p.channels + k] = total[1][k];
            }
        }
    }
}
