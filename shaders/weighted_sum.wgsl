// weighted_sum: y[m,c] = Σ over samples and pixels of w[n,m,·]·f[n,c,·], MAPS weight maps in one pass over f.
// One workgroup for each channel and split of the samples; parts are added up by `sum`.
// Bindings: f [samples,C,plane], w [samples,M,plane], parts [splits,M,C]. Twin: reference/prototype.rs
// Imports: sum_of_lanes

const LANES: u32 = 64u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;

struct Params {
    base_f: u32,
    base_w: u32,
    channels: u32,
    maps: u32,
    first_map: u32,
    plane: u32,
    samples: u32,
    samples_per_split: u32,
    first_split: u32,
}

alias FType = f32;
alias Sum = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> f: array<FType>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let c = group.x;
    let first = group.y * p.samples_per_split;
    let end = min(first + p.samples_per_split, p.samples);
    // Maps beyond the last repeat it; their sums are not written.
    let last = p.maps - 1u;
    let m = min(vec4(0u, 1u, 2u, 3u) + p.first_map, vec4(last)) * p.plane;
    var s = vec4(0.0, 0.0, 0.0, 0.0);
    for (var n = first; n < end; n++) {
        let feature = p.base_f + (n * p.channels + c) * p.plane;
        let weight = m + (p.base_w + n * p.maps * p.plane);
        for (var i = lane; i < p.plane;) {
            let end_run = min(i + RUN * LANES, p.plane);
            var run = vec4(0.0, 0.0, 0.0, 0.0);
            for (; i < end_run; i += LANES) {
                let maps = vec4(w[weight.x + i], w[weight.y + i], w[weight.z + i], w[weight.w + i]);
                run = fma(vec4(f32(f[feature + i])), maps, run);
            }
            s += run;
        }
    }
    let total = sum_of_lanes(s, lane);
    if (lane < 4u && p.first_map + lane < p.maps) {
        let row = (p.first_split + group.y) * p.maps + p.first_map + lane;
        parts[row * p.channels + c] = select(select(total.x, total.y, lane == 1u),
                                             select(total.z, total.w, lane == 3u), lane >= 2u);
    }
}
