// adam: one step of Adam (Kingma & Ba 2015) on all parameters at once.
// One workgroup for each part of a parameter; its row of the table tells how many elements it has and where they lie in
// each of the four ranges. Workgroups are folded into x and y.
// Bindings: table [workgroups, 6] = [0, count, first element of grad, param, first, second], lr [],
// correction [2] = [1 − β₁ᵗ, 1 − β₂ᵗ], grad, param, first moment, second moment.
// Twin: reference/optimizer.rs
// Imports: grid

struct Params {
    beta1: f32,
    beta2: f32,
    eps: f32,
    unscale: f32, // inverse of the loss scale
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> lr: array<f32>;
@group(0) @binding(3) var<storage, read> correction: array<f32>;
@group(0) @binding(4) var<storage, read> grad: array<f32>;
@group(0) @binding(5) var<storage, read_write> param: array<f32>;
@group(0) @binding(6) var<storage, read_write> first: array<f32>;
@group(0) @binding(7) var<storage, read_write> second: array<f32>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let row = group_of(invocation) * 6u;
    let count = table[row + 1u];
    let at_grad = table[row + 2u];
    let at_param = table[row + 3u];
    let at_first = table[row + 4u];
    let at_second = table[row + 5u];
    let rate = lr[0];
    let first_correction = correction[0];
    let second_correction = correction[1];
    for (var i = invocation.lane; i < count; i += 64u) {
        let g = grad[at_grad + i] * p.unscale;
        let m = p.beta1 * first[at_first + i] + (1.0 - p.beta1) * g;
        let v = p.beta2 * second[at_second + i] + (1.0 - p.beta2) * g * g;
        first[at_first + i] = m;
        second[at_second + i] = v;
        param[at_param + i] -= rate * (m / first_correction) / (sqrt(v / second_correction) + p.eps);
    }
}
