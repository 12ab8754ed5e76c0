// batch_norm_grad_sums: Σ dz and Σ dz·x̂ of each channel, dz = act'(z)·dy, z = weight·x̂ + bias computed anew.
// One workgroup for each channel and split of the samples of one domain, WIDTH pixels at once; parts are added up by `sum`.
// dy may be the gradient of a dropout, which is then made as it is loaded.
// Bindings: x, dy [samples,C,plane], stats [D,2,C], weight, bias [C], parts [splits,D,2,C], seed.
// Twin: reference/batch_norm.rs
// Imports: activation, dropped_on_load, sum_of_lanes, width

const LANES: u32 = 64u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;

struct Params {
    base_x: u32,
    base_dy: u32,
    channels: u32,
    plane: u32,
    samples: u32,
    samples_per_split: u32,
    first_split: u32,
    domains: u32,
    domain: u32,
    eps: f32,
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias XType = Value;
alias DyType = Value;
alias Sum = vec2<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> dy: array<DyType>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;
@group(0) @binding(7) var<storage, read> seed: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let c = group.x;
    let first = group.y * p.samples_per_split;
    let end = min(first + p.samples_per_split, p.samples);
    let mean = stats[p.domain * 2u * p.channels + c];
    let inverse = 1.0 / sqrt(stats[(p.domain * 2u + 1u) * p.channels + c] + p.eps);
    let w = Value(weight[c]);
    let b = Value(bias[c]);
    let plane = p.plane / WIDTH;
    let key = key_of_dropout();
    var s = vec2(0.0, 0.0);
    for (var n = first; n < end; n++) {
        let offset = (n * p.channels + c) * p.plane;
        let from_x = (p.base_x + offset) / WIDTH;
        let from_dy = (p.base_dy + offset) / WIDTH;
        for (var i = lane; i < plane;) {
            let end_run = min(i + RUN * LANES, plane);
            var run = Value(0.0);
            var run_normal = Value(0.0);
            for (; i < end_run; i += LANES) {
                let normal = (Value(x[from_x + i]) - mean) * inverse;
                let dy = dropped(Value(dy[from_dy + i]), (from_dy + i) * WIDTH, key);
                let dz = slope(fma(w, normal, b)) * dy;
                run += dz;
                run_normal += dz * normal;
            }
            s += vec2(sum_of_components(run), sum_of_components(run_normal));
        }
    }
    let total = sum_of_lanes(s, lane);
    if (lane == 0u) {
        let out = ((p.first_split + group.y) * p.domains + p.domain) * 2u * p.channels + c;
        parts[out] = total.x;
        parts[out + p.channels] = total.y;
    }
}
