// average: average = kept·average + (1 − kept)·state, kept = min(decay, (1 + step) / (10 + step)); all states at once.
// One workgroup for each part of a state; its row of the table tells how many elements it has and where they lie in each
// of the two ranges. Workgroups are folded into x and y.
// Bindings: table [workgroups, 4] = [0, count, first element of state, average], step [], state, average.
// Twin: reference/optimizer.rs
// Imports: grid

struct Params {
    decay: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<f32>;
// Read only, but in the buffer of the averages, which WebGPU lets a launch bind in one way alone.
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> average: array<f32>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let row = group_of(invocation) * 4u;
    let count = table[row + 1u];
    let at_state = table[row + 2u];
    let at_average = table[row + 3u];
    let kept = min(p.decay, (1.0 + step[0]) / (10.0 + step[0]));
    for (var i = invocation.lane; i < count; i += 64u) {
        average[at_average + i] = kept * average[at_average + i] + (1.0 - kept) * state[at_state + i];
    }
}
