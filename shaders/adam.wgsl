// adam: one step of Adam (Kingma & Ba 2015) on one parameter.
// Each invocation takes ELEMENTS elements, so that the scalars are read once; workgroups are folded into x and y.
// Bindings: grad, lr [], correction [2] = [1 − β₁ᵗ, 1 − β₂ᵗ], param, first moment, second moment.
// Twin: reference/optimizer.rs

const ELEMENTS: u32 = 8u;

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
    let block = (group.x + group.y * groups.x) * 64u * ELEMENTS + lane;
    let end = min(block + 64u * ELEMENTS, p.count);
    let rate = lr[0];
    let first_correction = correction[0];
    let second_correction = correction[1];
    for (var i = block; i < end; i += 64u) {
        let at = p.base + i;
        let g = grad[at];
        let m = p.beta1 * first[at] + (1.0 - p.beta1) * g;
        let v = p.beta2 * second[at] + (1.0 - p.beta2) * g * g;
        first[at] = m;
        second[at] = v;
        param[at] -= rate * (m / first_correction) / (sqrt(v / second_correction) + p.eps);
    }
}
