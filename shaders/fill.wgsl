// fill: y = value. One invocation for each element; workgroups are folded into x and y.
// Bindings: y. Twin: reference/interpreter.rs (constants)

struct Params {
    count: u32,
    base_y: u32,
    value: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i < p.count) {
        y[p.base_y + i] = p.value;
    }
}
