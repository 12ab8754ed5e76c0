// winograd_weights: 3x3 filters g into the space where convolutions are products: U = G·g·Gᵀ (see winograd_maps).
// With TRANSPOSED they are those of the input's gradient: inputs and outputs exchanged, taps reversed.
// Result texel first + position·texels + (o8·I4·4 + i)·2 + half = filters 8·o8 + 4·half…+3 at input channel i, as
// pack_texture lays out weights of one tap. One invocation for each texel of a position; workgroups are folded into x and y.
// Bindings: w [O,I,3,3], texture. Twin: reference/conv2d.rs

const TRANSPOSED: bool = false;

struct Params {
    texels: u32,
    first_texel: u32,
    inputs: u32,
    outputs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> w: array<f32>;
@group(0) @binding(2) var texture: texture_storage_2d<rgba32float, write>;

fn weight(o: u32, i: u32, tap: u32) -> f32 {
    if (o >= p.outputs || i >= p.inputs) {
        return 0.0;
    }
    if (TRANSPOSED) {
        return w[(i * p.outputs + o) * 9u + 8u - tap];
    }
    return w[(o * p.inputs + i) * 9u + tap];
}

fn filters(o: u32, i: u32, tap: u32) -> vec4<f32> {
    return vec4(weight(o, i, tap), weight(o + 1u, i, tap), weight(o + 2u, i, tap), weight(o + 3u, i, tap));
}

fn store(t: u32, position: u32, value: vec4<f32>) {
    let texel = p.first_texel + position * p.texels + t;
    textureStore(texture, vec2<u32>(texel & 4095u, texel >> 12u), value);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let t = (group.x + group.y * groups.x) * 64u + lane;
    if (t >= p.texels) {
        return;
    }
    let inputs = (p.inputs + 3u) / 4u * 4u;
    let o8 = t / (inputs * 2u);
    let rest = t - o8 * inputs * 2u;
    let i = rest / 2u;
    let o = o8 * 8u + (rest & 1u) * 4u;
    var rows: array<array<vec4<f32>, 4>, 3>;
    for (var r = 0u; r < 3u; r++) {
        let a = filters(o, i, r * 3u);
        let b = filters(o, i, r * 3u + 1u);
        let c = filters(o, i, r * 3u + 2u);
        rows[r] = array<vec4<f32>, 4>(a, 0.5 * (a + b + c), 0.5 * (a - b + c), c);
    }
    for (var j = 0u; j < 4u; j++) {
        let outer = rows[0][j] + rows[2][j];
        store(t, j, rows[0][j]);
        store(t, 4u + j, 0.5 * (outer + rows[1][j]));
        store(t, 8u + j, 0.5 * (outer - rows[1][j]));
        store(t, 12u + j, rows[2][j]);
    }
}
