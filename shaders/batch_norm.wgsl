// batch_norm: y = act(weight·(x − mean)/√(var + eps) + bias), statistics of the sample's domain.
// One workgroup for each (sample, channel) plane and chunk of CHUNK pixels, WIDTH of them at once; scale and shift stay in
// registers.
// Bindings: x [samples,C,plane], stats [D,2,C], weight [C], bias [C], y. Twin: reference/batch_norm.rs
// Imports: activation, grid, plane_chunk, width

const LANES: u32 = 64u;

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

alias XType = Value;
alias YType = Value;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<YType>;

@compute @workgroup_size(LANES)
fn main(invocation: Invocation) {
    let at = plane_chunk(group_of(invocation));
    if (at.plane >= p.planes) {
        return;
    }
    let mean = stats[at.row];
    let scale = Value(weight[at.channel] / sqrt(stats[at.row + p.channels] + p.eps));
    let shift = Value(bias[at.channel]);
    let from_x = (p.base_x + at.plane * p.plane) / WIDTH;
    let to_y = (p.base_y + at.plane * p.plane) / WIDTH;
    for (var i = at.first / WIDTH + invocation.lane; i < at.end / WIDTH; i += LANES) {
        y[to_y + i] = YType(activate(fma(Value(x[from_x + i]) - mean, scale, shift)));
    }
}
