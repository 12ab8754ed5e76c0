// copy: a block of up to four axes, read and written with strides of its own: concatenation, broadcasting,
// assignment of states. One invocation for each element of the block; workgroups are folded into x and y.
// Bindings: x, y. Twin: reference/layout.rs

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
@group(0) @binding(1) var<storage, read_write> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let q2 = i / p.extent_3;
    let q1 = q2 / p.extent_2;
    let c0 = q1 / p.extent_1;
    let c3 = i - q2 * p.extent_3;
    let c2 = q2 - q1 * p.extent_2;
    let c1 = q1 - c0 * p.extent_1;
    let source = p.base_x + c0 * p.x_0 + c1 * p.x_1 + c2 * p.x_2 + c3 * p.x_3;
    let place = p.base_y + c0 * p.y_0 + c1 * p.y_1 + c2 * p.y_2 + c3 * p.y_3;
    y[place] = YType(f32(x[source]));
}
