// winograd_weights: 3x3 filters g into the space where convolutions are products: U = G·g·Gᵀ (see winograd_maps).
// With TRANSPOSED they are those of the input's gradient: inputs and outputs exchanged, taps reversed.
// Result texel first + position·texels + (o8·I4·4 + i)·2 + half = filters 8·o8 + 4·half…+3 at input channel i, as
// pack_texture lays out weights of one tap. One invocation for each texel of a position; workgroups are folded into x and y.
// Bindings: w [O,I,3,3], texture. Twin: reference/conv2d.rs
// Imports: grid, texel, winograd_points

const TRANSPOSED: bool = false;

struct Params {
    texels: u32,
    first_texel: u32,
    inputs: u32,
    outputs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
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
    textureStore(texture, texel_place(texel), value);
}

// G·g
fn spread(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>) -> array<vec4<f32>, 6> {
    let even_p = AT_P * (a + P * P * c);
    let odd_p = AT_P * P * b;
    let even_q = AT_Q * (a + Q * Q * c);
    let odd_q = AT_Q * Q * b;
    return array<vec4<f32>, 6>(AT_0 * a, even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, c);
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.texels) {
        return;
    }
    let inputs = blocks_of(p.inputs) * 4u;
    let o8 = t / (inputs * 2u);
    let rest = t - o8 * inputs * 2u;
    let i = rest / 2u;
    let o = o8 * 8u + (rest & 1u) * 4u;
    var rows: array<array<vec4<f32>, 6>, 3>;
    for (var r = 0u; r < 3u; r++) {
        rows[r] = spread(filters(o, i, r * 3u), filters(o, i, r * 3u + 1u), filters(o, i, r * 3u + 2u));
    }
    for (var j = 0u; j < 6u; j++) {
        let column = spread(rows[0][j], rows[1][j], rows[2][j]);
        for (var k = 0u; k < 6u; k++) {
            store(t, k * 6u + j, column[k]);
        }
    }
}
