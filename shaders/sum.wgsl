// sum: over some axes of x. Axes are merged into up to three kept ones and three reduced ones.
// `rows`: one workgroup for each output and split, LANES invocations share the reduction, then add up in a
// fixed tree; y is [splits, outputs], added up by a second launch. `columns`: one invocation for each output.
// A sum over pieces of x adds the later ones to what y holds.
// Bindings: x, y. Twin: reference/reduce.rs
// Imports: grid, sum_of_lanes

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
alias Sum = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
fn rows(invocation: Invocation) {
    let g = group_of(invocation);
    let split = g / p.outputs;
    let base = p.base_x + kept_offset(g - split * p.outputs);
    let first = split * p.terms_per_split;
    let end = min(first + p.terms_per_split, p.terms);
    var total = 0.0;
    for (var r = first + invocation.lane; r < end;) {
        let end_run = min(r + RUN * LANES, end);
        var run = 0.0;
        for (; r < end_run; r += LANES) {
            run += f32(x[base + reduced_offset(r)]);
        }
        total += run;
    }
    let sum = sum_of_lanes(total, invocation.lane);
    if (invocation.lane == 0u && first < p.terms) {
        store(p.base_y + g, sum);
    }
}

@compute @workgroup_size(64)
fn columns(invocation: Invocation) {
    let o = number_of(invocation);
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
