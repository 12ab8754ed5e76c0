// sgd: g = grad + weight_decay·param; velocity = momentum·velocity + g; param -= lr·velocity; all parameters at once.
// One workgroup for each part of a parameter; its row of the table tells how many elements it has and where they lie in
// each of the three ranges. Workgroups are folded into x and y.
// Bindings: table [workgroups, 5] = [0, count, first element of grad, param, velocity], lr [], grad, param, velocity.
// Twin: reference/optimizer.rs
// Imports: grid

struct Params {
    momentum: f32,
    weight_decay: f32,
    unscale: f32, // inverse of the loss scale
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> lr: array<f32>;
@group(0) @binding(3) var<storage, read> grad: array<f32>;
@group(0) @binding(4) var<storage, read_write> param: array<f32>;
@group(0) @binding(5) var<storage, read_write> velocity: array<f32>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let row = group_of(invocation) * 5u;
    let count = table[row + 1u];
    let at_grad = table[row + 2u];
    let at_param = table[row + 3u];
    let at_velocity = table[row + 4u];
    let rate = lr[0];
    for (var i = invocation.lane; i < count; i += 64u) {
        let old = param[at_param + i];
        let v = p.momentum * velocity[at_velocity + i] + grad[at_grad + i] * p.unscale + p.weight_decay * old;
        velocity[at_velocity + i] = v;
        param[at_param + i] = old - rate * v;
    }
}
