// batch_norm: y = act(weight·(x − mean)/√(var + eps) + bias), statistics of the sample's domain.
// One workgroup for each (sample, channel) plane and chunk of CHUNK pixels; scale and shift stay in registers.
// Bindings: x [samples,C,plane], stats [D,2,C], weight [C], bias [C], y. Twin: reference/batch_norm.rs

const LANES: u32 = 64u;
const CHUNK: u32 = 4096u;
const ACTIVATION: u32 = 0u; // 0 identity, 1 relu, 2 relu6, 3 leaky relu
const SLOPE: f32 = 0.0;

struct Params {
    base_x: u32,
    base_y: u32,
    planes: u32,
    channels: u32,
    plane: u32,
    chunks: u32,
    first_sample: u32,
    samples_per_domain: u32,
    eps: f32,
}

alias XType = f32;
alias YType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> stats: array<f32>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<YType>;

fn activate(v: f32) -> f32 {
    switch ACTIVATION {
        case 0u: { return v; }
        case 1u: { return max(v, 0.0); }
        case 2u: { return clamp(v, 0.0, 6.0); }
        default: { return select(SLOPE * v, v, v > 0.0); }
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let g = group.x + group.y * groups.x;
    let plane = g / p.chunks;
    if (plane >= p.planes) {
        return;
    }
    let first = (g - plane * p.chunks) * CHUNK;
    let end = min(first + CHUNK, p.plane);
    let sample = plane / p.channels;
    let c = plane - sample * p.channels;
    let domain = (p.first_sample + sample) / p.samples_per_domain;
    let mean = stats[domain * 2u * p.channels + c];
    let scale = weight[c] / sqrt(stats[(domain * 2u + 1u) * p.channels + c] + p.eps);
    let shift = bias[c];
    let offset = plane * p.plane;
    for (var i = first + lane; i < end; i += LANES) {
        y[p.base_y + offset + i] = YType(activate(fma(f32(x[p.base_x + offset + i]) - mean, scale, shift)));
    }
}
