// copy: a block of up to four axes, read and written with strides of its own: concatenation, broadcasting,
// assignment of states. One invocation for each element of the block; workgroups are folded into x and y.
// Bindings: x, y. Twin: reference/layout.rs
// Imports: coordinates, grid

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    extent_1: u32,
    extent_2: u32,
    extent_3: u32,
    x_0: u32,
    x_1: u32,
    x_2: u32,
    x_3: u32,
    y_0: u32,
    y_1: u32,
    y_2: u32,
    y_3: u32,
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
    let c = coordinates_of(i);
    let source = p.base_x + c.x * p.x_0 + c.y * p.x_1 + c.z * p.x_2 + c.w * p.x_3;
    let place = p.base_y + c.x * p.y_0 + c.y * p.y_1 + c.z * p.y_2 + c.w * p.y_3;
    y[place] = YType(f32(x[source]));
}
