// batch_stats: mean and biased variance of each channel over a part of the batch.
// `partial`: one workgroup for each channel and split of the samples; sums of x − k and (x − k)², k the mean of the split's
// first WIDTH values, so that no digits cancel; gives count, mean and M2 = Σ(x − mean)².
// `combine`: one workgroup for each channel and domain merges the splits in a fixed order (Chan, Golub, LeVeque 1979).
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
    // of `combine`, whose channels may be some of all
    first_channel: u32,
    all_channels: u32,
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

// Count, mean and M2 of two parts together; either may be empty.
fn merged(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    let count = a.x + b.x;
    let share = b.x / max(count, 1.0);
    let delta = b.y - a.y;
    return vec3(count, a.y + delta * share, a.z + b.z + delta * delta * a.x * share);
}

var<workgroup> parts_of_lanes: array<vec3<f32>, LANES>;

@compute @workgroup_size(LANES)
fn combine(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let domain = group.y;
    let c = group.x;
    var own = vec3(0.0);
    for (var split = lane; split < p.splits; split += LANES) {
        let i = ((domain * p.splits + split) * p.channels + c) * 3u;
        own = merged(own, vec3(part(i), part(i + 1u), part(i + 2u)));
    }
    parts_of_lanes[lane] = own;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        if (lane < step) {
            parts_of_lanes[lane] = merged(parts_of_lanes[lane], parts_of_lanes[lane + step]);
        }
        workgroupBarrier();
    }
    if (lane == 0u) {
        let all = parts_of_lanes[0];
        let at = domain * 2u * p.all_channels + p.first_channel + c;
        y[at] = all.y;
        y[at + p.all_channels] = all.z / all.x;
    }
}

// Parts are read one by one.
fn part(i: u32) -> f32 {
    return sum_of_components(Value(x[i]));
}
