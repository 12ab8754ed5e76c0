// winograd_weight_grad: the gradient of 3x3 filters from that of their products: dw = Gᵀ·du·G (see winograd_maps), the parts
// of du added up in order. One invocation for each pair of channels; workgroups are folded into x and y.
// Bindings: parts [parts,O,I,16], dw [O,I,3,3]. Twin: reference/conv2d.rs

struct Params {
    pairs: u32,
    parts: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let pair = (group.x + group.y * groups.x) * 64u + lane;
    if (pair >= p.pairs) {
        return;
    }
    var columns: array<vec4<f32>, 4>;
    for (var i = 0u; i < 4u; i++) {
        columns[i] = vec4(0.0);
    }
    for (var part = 0u; part < p.parts; part++) {
        let at = (part * p.pairs + pair) * 16u;
        for (var i = 0u; i < 4u; i++) {
            columns[i] += vec4(parts[at + i * 4u], parts[at + i * 4u + 1u], parts[at + i * 4u + 2u], parts[at + i * 4u + 3u]);
        }
    }
    let middle = 0.5 * (columns[1] + columns[2]);
    let rows = array<vec4<f32>, 3>(columns[0] + middle, 0.5 * (columns[1] - columns[2]), middle + columns[3]);
    for (var r = 0u; r < 3u; r++) {
        let u = rows[r];
        let half = 0.5 * (u.y + u.z);
        dw[pair * 9u + r * 3u] = u.x + half;
        dw[pair * 9u + r * 3u + 1u] = 0.5 * (u.y - u.z);
        dw[pair * 9u + r * 3u + 2u] = half + u.w;
    }
}
