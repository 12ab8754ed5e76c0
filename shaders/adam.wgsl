// adam: one step of Adam (Kingma & Ba 2015) on one parameter.
// One invocation for each element; workgroups are folded into x and y.
// Bindings: grad, lr [], correction [2] = [1 − β₁ᵗ, 1 − β₂ᵗ], param, first moment, second moment.
// Twin: reference/optimizer.rs

struct Params {
    count: u32,
    base: u32,
    beta1: f32,
    beta2: f32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> grad: array<f32>;
@group(0) @binding(2) var<storage, read_write> lr: array<f32>;
@group(0) @binding(3) var<storage, read_write> correction: array<f32>;
@group(0) @binding(4) var<storage, read_write> param: array<f32>;
@group(0) @binding(5) var<storage, read_write> first: array<f32>;
@group(0) @binding(6) var<storage, read_write> second: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let g = grad[p.base + i];
    let m = p.beta1 * first[p.base + i] + (1.0 - p.beta1) * g;
    let v = p.beta2 * second[p.base + i] + (1.0 - p.beta2) * g * g;
    first[p.base + i] = m;
    second[p.base + i] = v;
    param[p.base + i] -= lr[0] * (m / correction[0]) / (sqrt(v / correction[1]) + p.eps);
}
