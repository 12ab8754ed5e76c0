// ceiling: what an adapter can do at best, for `papilla bench`. Every other kernel's share is measured against these.
// multiply_add: twelve independent chains of fused multiply-adds in registers, `steps` (a multiple of UNROLLED) long.
// copy: y = x, four elements at a time. Grid: one invocation for each element (multiply_add) or four (copy).
// Bindings: y, x. Twin: none; multiply_add's result is checked against its closed form by the kernel test

// Steps for each turn of the loop, whose own cost must not count.
const UNROLLED: u32 = 16u;

struct Params {
    count: u32,
    steps: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;

@compute @workgroup_size(64)
fn multiply_add(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    // The factor is a parameter in disguise, so that no compiler can fold the chains.
    let factor = 1.0 - f32(p.steps) * 0x1p-40;
    let start = f32(i & 1023u) * 0x1p-10;
    var c0 = vec4(start, start + 1.0, start + 2.0, start + 3.0);
    var c1 = c0 + 4.0;
    var c2 = c0 + 8.0;
    for (var s = 0u; s < p.steps; s += UNROLLED) {
        for (var k = 0u; k < UNROLLED; k++) {
            c0 = fma(c0, vec4(factor), vec4(0.5));
            c1 = fma(c1, vec4(factor), vec4(0.5));
            c2 = fma(c2, vec4(factor), vec4(0.5));
        }
    }
    if (i < p.count) {
        y[i] = c0 + c1 + c2;
    }
}

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i < p.count) {
        y[i] = x[i];
    }
}
