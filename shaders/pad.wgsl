// pad: zeros added (positive) or elements removed (negative) before and after each of four axes.
// One invocation for each element of y; workgroups are folded into x and y. Samples (axis 0) of the bound
// ranges start at `first_x` and `first_y`.
// Bindings: x, y. Twin: reference/layout.rs
// Imports: coordinates, grid

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    first_x: u32,
    first_y: u32,
    extent_1: u32,
    extent_2: u32,
    extent_3: u32,
    x_0: u32,
    x_1: u32,
    x_2: u32,
    x_3: u32,
    before_0: i32,
    before_1: i32,
    before_2: i32,
    before_3: i32,
}

alias XType = f32;
alias YType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.count) {
        return;
    }
    // Coordinates in x; below zero wraps to a large number, which the comparisons reject.
    let own = coordinates_of(i);
    let c0 = own.x + p.first_y - bitcast<u32>(p.before_0);
    let c1 = own.y - bitcast<u32>(p.before_1);
    let c2 = own.z - bitcast<u32>(p.before_2);
    let c3 = own.w - bitcast<u32>(p.before_3);
    var value = 0.0;
    if (c0 < p.x_0 && c1 < p.x_1 && c2 < p.x_2 && c3 < p.x_3) {
        value = f32(x[p.base_x + (((c0 - p.first_x) * p.x_1 + c1) * p.x_2 + c2) * p.x_3 + c3]);
    }
    y[p.base_y + i] = YType(value);
}
