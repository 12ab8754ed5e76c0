// batch_stats: mean and biased variance of each channel over a part of the batch.
// `partial`: one workgroup for each channel and split of the samples; sums of x − k and (x − k)², k the mean of the split's
// first WIDTH values, so that no digits cancel; gives count, mean and M2 = Σ(x − mean)².
// `combine`: one invocation for each domain and channel merges the splits in order (Chan, Golub, LeVeque 1979).
// With SINGLE there is one split, and `partial` gives the statistics themselves.
// Bindings of `partial`: x [samples,C,plane], parts [D,splits,C,3] or stats; of `combine`: parts, stats [D,2,C].
// Twin: reference/batch_norm.rs
// Imports: sum_of_lanes, width

const LANES: u32 = 64u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;
const SINGLE: bool = false;

struct Params {
    base_x: u32,
    channels: u32,
    plane: u32,
    samples: u32,
    samples_per_split: u32,
    first_split: u32,
    splits: u32,
    domains: u32,
}

alias XType = Value;
alias Sum = vec2<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(LANES)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let c = group.x;
    let first = group.y * p.samples_per_split;
    let end = min(first + p.samples_per_split, p.samples);
    let plane = p.plane / WIDTH;
    let k = sum_of_components(Value(x[(p.base_x + (first * p.channels + c) * p.plane) / WIDTH])) / f32(WIDTH);
    var s = 0.0;
    var q = 0.0;
    for (var n = first; n < end; n++) {
        let base = (p.base_x + (n * p.channels + c) * p.plane) / WIDTH;
        for (var i = lane; i < plane;) {
            let end_run = min(i + RUN * LANES, plane);
            var run = Value(0.0);
            var run_squares = Value(0.0);
            for (; i < end_run; i += LANES) {
                let d = Value(x[base + i]) - k;
                run += d;
                run_squares += d * d;
            }
            s += sum_of_components(run);
            q += sum_of_components(run_squares);
        }
    }
    let total = sum_of_lanes(vec2(s, q), lane);
    if (lane == 0u) {
        let count = f32((end - first) * p.plane);
        let mean = k + total.x / count;
        let m2 = max(total.y - total.x * total.x / count, 0.0);
        if (SINGLE) {
            y[p.first_split * 2u * p.channels + c] = mean;
            y[(p.first_split * 2u + 1u) * p.channels + c] = m2 / count;
        } else {
            let out = ((p.first_split + group.y) * p.channels + c) * 3u;
            y[out] = count;
            y[out + 1u] = mean;
            y[out + 2u] = m2;
        }
    }
}

// Parts are read one by one.
fn part(i: u32) -> f32 {
    return sum_of_components(Value(x[i]));
}

@compute @workgroup_size(64)
fn combine(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= p.domains * p.channels) {
        return;
    }
    let domain = id.x / p.channels;
    let c = id.x - domain * p.channels;
    var count = 0.0;
    var mean = 0.0;
    var m2 = 0.0;
    for (var split = 0u; split < p.splits; split++) {
        let source = ((domain * p.splits + split) * p.channels + c) * 3u;
        let n = part(source);
        let delta = part(source + 1u) - mean;
        let total = count + n;
        mean += delta * (n / total);
        m2 += part(source + 2u) + delta * delta * (count * n / total);
        count = total;
    }
    y[domain * 2u * p.channels + c] = mean;
    y[(domain * 2u + 1u) * p.channels + c] = m2 / count;
}
