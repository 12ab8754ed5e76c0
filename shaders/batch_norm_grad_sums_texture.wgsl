// batch_norm_grad_sums_texture: Σ dz and Σ dz·x̂ of each channel, dz = act'(z)·dy, z = weight·x̂ + bias computed anew, of
// packed maps (layout: pack_texture). Grid: x = blocks of four channels, y = domains; lanes run along the pixels.
// Bindings: stats [D,2,C], weight, bias [C], sums [D,2,C], x and dy packed. Twin: reference/batch_norm.rs

const LANES: u32 = 8u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;
const ACTIVATION: u32 = 0u; // 0 identity, 1 relu, 2 relu6, 3 leaky relu
const SLOPE: f32 = 0.0;

struct Params {
    channels: u32,
    plane: u32,
    samples_per_domain: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> stats: array<f32>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(6) var dy: texture_storage_2d<rgba32float, read>;

var<workgroup> sums: array<vec4<f32>, LANES>;
var<workgroup> products: array<vec4<f32>, LANES>;

fn slope(z: vec4<f32>) -> vec4<f32> {
    let above = select(vec4(0.0), vec4(1.0), z > vec4(0.0));
    switch ACTIVATION {
        case 0u: { return vec4(1.0); }
        case 1u: { return above; }
        case 2u: { return select(vec4(0.0), above, z < vec4(6.0)); }
        default: { return select(vec4(SLOPE), vec4(1.0), z > vec4(0.0)); }
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = (p.channels + 3u) / 4u;
    let c = group.x * 4u;
    let row = group.y * 2u * p.channels + c;
    let last = min(p.channels - c, 4u) - 1u;
    // Beyond the last channel that channel again: its sums go nowhere.
    let j = min(vec4(0u, 1u, 2u, 3u), vec4(last));
    let mean = vec4(stats[row + j.x], stats[row + j.y], stats[row + j.z], stats[row + j.w]);
    let v = row + p.channels;
    let inverse = 1.0 / sqrt(vec4(stats[v + j.x], stats[v + j.y], stats[v + j.z], stats[v + j.w]) + p.eps);
    let w = vec4(weight[c + j.x], weight[c + j.y], weight[c + j.z], weight[c + j.w]);
    let b = vec4(bias[c + j.x], bias[c + j.y], bias[c + j.z], bias[c + j.w]);
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
                let place = vec2<u32>((base + i) & 4095u, (base + i) >> 12u);
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
    sums[lane] = s;
    products[lane] = q;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        if (lane < step) {
            sums[lane] += sums[lane + step];
            products[lane] += products[lane + step];
        }
        workgroupBarrier();
    }
    if (lane == 0u) {
        for (var k = 0u; k < 4u; k++) {
            if (k <= last) {
                out[row + k] = sums[0][k];
                out[row + p.channels + k] = products[0][k];
            }
        }
    }
}
