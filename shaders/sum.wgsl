// sum: over some axes of x. Axes are merged into up to three kept ones and three reduced ones.
// `rows`: one workgroup for each output and split, LANES invocations share the reduction, then add up in a
// fixed tree; y is [splits, outputs], added up by a second launch. `columns`: one invocation for each output.
// A sum over pieces of x adds the later ones to what y holds.
// Bindings: x, y. Twin: reference/reduce.rs

const LANES: u32 = 64u;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;
const ACCUMULATE: bool = false;

struct Params {
    base_x: u32,
    base_y: u32,
    outputs: u32,
    terms: u32,
    terms_per_split: u32,
    kept_1: u32,
    kept_2: u32,
    kept_stride_0: u32,
    kept_stride_1: u32,
    kept_stride_2: u32,
    reduced_1: u32,
    reduced_2: u32,
    reduced_stride_0: u32,
    reduced_stride_1: u32,
    reduced_stride_2: u32,
}

alias XType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, LANES>;

fn store(index: u32, total: f32) {
    if (ACCUMULATE) {
        y[index] += total;
    } else {
        y[index] = total;
    }
}

fn kept_offset(o: u32) -> u32 {
    let q1 = o / p.kept_2;
    let q0 = q1 / p.kept_1;
    return q0 * p.kept_stride_0 + (q1 - q0 * p.kept_1) * p.kept_stride_1 + (o - q1 * p.kept_2) * p.kept_stride_2;
}

fn reduced_offset(r: u32) -> u32 {
    let q1 = r / p.reduced_2;
    let q0 = q1 / p.reduced_1;
    return q0 * p.reduced_stride_0 + (q1 - q0 * p.reduced_1) * p.reduced_stride_1
        + (r - q1 * p.reduced_2) * p.reduced_stride_2;
}

@compute @workgroup_size(LANES)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let g = group.x + group.y * groups.x;
    let split = g / p.outputs;
    let base = p.base_x + kept_offset(g - split * p.outputs);
    let first = split * p.terms_per_split;
    let end = min(first + p.terms_per_split, p.terms);
    var total = 0.0;
    for (var r = first + lane; r < end;) {
        let end_run = min(r + RUN * LANES, end);
        var run = 0.0;
        for (; r < end_run; r += LANES) {
            run += f32(x[base + reduced_offset(r)]);
        }
        total += run;
    }
    partial[lane] = total;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        if (lane < step) {
            partial[lane] += partial[lane + step];
        }
        workgroupBarrier();
    }
    if (lane == 0u && first < p.terms) {
        store(p.base_y + g, partial[0]);
    }
}

@compute @workgroup_size(64)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let o = (group.x + group.y * groups.x) * 64u + lane;
    if (o >= p.outputs) {
        return;
    }
    let base = p.base_x + kept_offset(o);
    var total = 0.0;
    for (var r = 0u; r < p.terms;) {
        let end_run = min(r + RUN, p.terms);
        var run = 0.0;
        for (; r < end_run; r++) {
            run += f32(x[base + reduced_offset(r)]);
        }
        total += run;
    }
    store(p.base_y + o, total);
}
