// batch_norm_grad_input: dx = weight/√(var + eps)·(dz − Σdz/m − x̂·Σ(dz·x̂)/m) in training, without the two means
// in evaluation; dz = act'(z)·dy, m the elements of a channel in a domain.
// One workgroup for each (sample, channel) plane and chunk of CHUNK pixels.
// Bindings: x, dy [samples,C,plane], stats [D,2,C], weight, bias [C], sums [D,2,C], dx.
// Twin: reference/batch_norm.rs

const LANES: u32 = 64u;
const CHUNK: u32 = 4096u;
const ACTIVATION: u32 = 0u; // 0 identity, 1 relu, 2 relu6, 3 leaky relu
const SLOPE: f32 = 0.0;
const TRAINING: bool = true;

struct Params {
    base_x: u32,
    base_dy: u32,
    base_dx: u32,
    planes: u32,
    channels: u32,
    plane: u32,
    chunks: u32,
    first_sample: u32,
    samples_per_domain: u32,
    eps: f32,
}

alias XType = f32;
alias DyType = f32;
alias DxType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> dy: array<DyType>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<DxType>;

fn slope(z: f32) -> f32 {
    switch ACTIVATION {
        case 0u: { return 1.0; }
        case 1u: { return select(0.0, 1.0, z > 0.0); }
        case 2u: { return select(0.0, 1.0, z > 0.0 && z < 6.0); }
        default: { return select(SLOPE, 1.0, z > 0.0); }
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
    let row = ((p.first_sample + sample) / p.samples_per_domain) * 2u * p.channels + c;
    let mean = stats[row];
    let inverse = 1.0 / sqrt(stats[row + p.channels] + p.eps);
    let w = weight[c];
    let b = bias[c];
    var mean_dz = 0.0;
    var mean_dz_normal = 0.0;
    if (TRAINING) {
        let count = f32(p.samples_per_domain * p.plane);
        mean_dz = sums[row] / count;
        mean_dz_normal = sums[row + p.channels] / count;
    }
    let scale = w * inverse;
    let offset = plane * p.plane;
    for (var i = first + lane; i < end; i += LANES) {
        let normal = (f32(x[p.base_x + offset + i]) - mean) * inverse;
        let dz = slope(fma(w, normal, b)) * f32(dy[p.base_dy + offset + i]);
        dx[p.base_dx + offset + i] = DxType(scale * (dz - mean_dz - normal * mean_dz_normal));
    }
}
