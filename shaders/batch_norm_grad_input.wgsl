// batch_norm_grad_input: dx = weight/√(var + eps)·(dz − Σdz/m − x̂·Σ(dz·x̂)/m) in training, without the two means
// in evaluation; dz = act'(z)·dy, m the elements of a channel in a domain.
// dy may be the gradient of a dropout, which is then made as it is loaded.
// One workgroup for each (sample, channel) plane and chunk of CHUNK pixels, WIDTH of them at once.
// Bindings: x, dy [samples,C,plane], stats [D,2,C], weight, bias [C], sums [D,2,C], dx, seed.
// Twin: reference/batch_norm.rs
// Imports: activation, dropped_on_load, grid, plane_chunk, width

const LANES: u32 = 64u;
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
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias XType = Value;
alias DyType = Value;
alias DxType = Value;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> dy: array<DyType>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<DxType>;
@group(0) @binding(8) var<storage, read> seed: array<f32>;

@compute @workgroup_size(LANES)
fn main(invocation: Invocation) {
    let at = plane_chunk(group_of(invocation));
    if (at.plane >= p.planes) {
        return;
    }
    let mean = stats[at.row];
    let inverse = 1.0 / sqrt(stats[at.row + p.channels] + p.eps);
    let w = Value(weight[at.channel]);
    let b = Value(bias[at.channel]);
    var mean_dz = 0.0;
    var mean_dz_normal = 0.0;
    if (TRAINING) {
        let count = f32(p.samples_per_domain * p.plane);
        mean_dz = sums[at.row] / count;
        mean_dz_normal = sums[at.row + p.channels] / count;
    }
    let scale = w * inverse;
    let key = key_of_dropout();
    let offset = at.plane * p.plane;
    let from_x = (p.base_x + offset) / WIDTH;
    let from_dy = (p.base_dy + offset) / WIDTH;
    let to_dx = (p.base_dx + offset) / WIDTH;
    for (var i = at.first / WIDTH + invocation.lane; i < at.end / WIDTH; i += LANES) {
        let normal = (Value(x[from_x + i]) - mean) * inverse;
        let dy = dropped(Value(dy[from_dy + i]), (from_dy + i) * WIDTH, key);
        let dz = slope(fma(w, normal, b)) * dy;
        dx[to_dx + i] = DxType(scale * (dz - mean_dz - normal * mean_dz_normal));
    }
}
