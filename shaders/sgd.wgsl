// sgd: g = grad + weight_decay·param; velocity = momentum·velocity + g; param -= lr·velocity.
// One invocation for each element; workgroups are folded into x and y.
// Bindings: grad, lr [], param, velocity. Twin: reference/optimizer.rs

struct Params {
    count: u32,
    base: u32,
    momentum: f32,
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> grad: array<f32>;
@group(0) @binding(2) var<storage, read_write> lr: array<f32>;
@group(0) @binding(3) var<storage, read_write> param: array<f32>;
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let old = param[p.base + i];
    let v = p.momentum * velocity[p.base + i] + grad[p.base + i] + p.weight_decay * old;
    velocity[p.base + i] = v;
    param[p.base + i] = old - lr[0] * v;
}
