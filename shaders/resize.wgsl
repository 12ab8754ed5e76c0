// resize: maps interpolated to another size, and the adjoint for the gradient.
// One invocation for each element of the result; workgroups are folded into x and y.
// `shifted` and `shifted_gradient` resize along one axis, a extents to b: y[n,c,b,·] is the sum over taps t of
// x[n,t,c,a,·] resized and moved by taps/2 − t, zeros moving in. `shifted_added` adds `met`, which has the shape of y.
// Bindings: x, y [planes,OH,OW] of `main`; dy, dx [planes,IH,IW] of `gradient`; x [n,taps,c,a,inner] and
// y [n,c,b,inner] of `shifted`, and met; dy and dx of `shifted_gradient`. Twin: reference/resize.rs
// Imports: grid, interpolation

const SKIPS: bool = true;

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    // of the shifted ones, whose a and b are in_h and out_h
    taps: u32,
    channels: u32,
    inner: u32,
    // elements of a sample of y, and how many of other maps lie between it and the next
    sample: u32,
    gap: u32,
}

alias XType = f32;
alias YType = f32;
alias MetType = f32;
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;
@group(0) @binding(3) var<storage, read> met: array<MetType>;

fn load(at: u32) -> f32 {
    return f32(x[p.base_x + at]);
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        y[p.base_y + i + i / p.sample * p.gap] = YType(resized(i));
    }
}

@compute @workgroup_size(64)
fn gradient(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        y[p.base_y + i] = YType(resized_gradient(i));
    }
}

@compute @workgroup_size(64)
fn shifted(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        y[p.base_y + i] = YType(shifted_sum(i));
    }
}

@compute @workgroup_size(64)
fn shifted_added(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        y[p.base_y + i] = YType(f32(YType(shifted_sum(i))) + f32(met[p.base_y + i]));
    }
}

@compute @workgroup_size(64)
fn shifted_gradient(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        y[p.base_y + i] = YType(shifted_sum_gradient(i));
    }
}
