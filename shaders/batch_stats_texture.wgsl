// batch_stats_texture: mean and biased variance of each channel over the samples of a domain, from packed maps (layout:
// pack_texture). Sums of x − k and (x − k)², k the domain's first value, so
// that no digits cancel. One workgroup for each four channels and domain; lanes run along the pixels.
// Bindings: stats [D,2,C], maps. Twin: reference/batch_norm.rs
// Imports: sum_of_lanes, texel

const LANES: u32 = 8u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;

struct Params {
    channels: u32,
    plane: u32,
    samples_per_domain: u32,
}

alias Sum = mat2x4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> stats: array<f32>;
@group(0) @binding(2) var maps: texture_storage_2d<rgba32float, read>;

fn map_texel(t: u32) -> vec4<f32> {
    return textureLoad(maps, texel_place(t));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = blocks_of(p.channels);
    let first = group.y * p.samples_per_domain;
    let k = map_texel(1u + (first * blocks + group.x) * p.plane);
    var s = vec4(0.0);
    var q = vec4(0.0);
    for (var n = first; n < first + p.samples_per_domain; n++) {
        let base = 1u + (n * blocks + group.x) * p.plane;
        var sample_s = vec4(0.0);
        var sample_q = vec4(0.0);
        for (var i = lane; i < p.plane;) {
            let end_run = min(i + RUN * LANES, p.plane);
            var run_s = vec4(0.0);
            var run_q = vec4(0.0);
            for (; i < end_run; i += LANES) {
                let d = map_texel(base + i) - k;
                run_s += d;
                run_q = fma(d, d, run_q);
            }
            sample_s += run_s;
            sample_q += run_q;
        }
        s += sample_s;
        q += sample_q;
    }
    let total = sum_of_lanes(mat2x4(s, q), lane);
    if (lane == 0u) {
        let count = f32(p.samples_per_domain * p.plane);
        let mean = k + total[0] / count;
        let variance = max(total[1] - total[0] * total[0] / count, vec4(0.0)) / count;
        for (var j = 0u; j < 4u; j++) {
            let c = group.x * 4u + j;
            if (c < p.channels) {
                stats[group.y * 2u * p.channels + c] = mean[j];
                stats[(group.y * 2u + 1u) * p.channels + c] = variance[j];
            }
        }
    }
}
