// winograd_output: products back into pixels: each 4x4 tile of y is Aᵀ·m·A (see winograd_maps), with bias and activation.
// One invocation for each tile of four channels; workgroups are folded into x and y.
// Bindings: bias [O], products, y packed. Twin: reference/conv2d.rs
// Imports: activation, grid, texel, winograd_points

const BIAS: bool = false;

struct Params {
    count: u32,
    channels: u32,
    first_sample: u32,
    tiles: u32,
    tile_rows: u32,
    tile_columns: u32,
    height: u32,
    width: u32,
}

alias Value = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var products: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var results: texture_storage_2d<rgba32float, write>;

fn write_pixel(n: u32, block: u32, h: u32, w: u32, shift: vec4<f32>, sum: vec4<f32>) {
    if (h >= p.height || w >= p.width) {
        return;
    }
    let blocks = blocks_of(p.channels);
    let t = 1u + (((p.first_sample + n) * blocks + block) * p.height + h) * p.width + w;
    textureStore(results, texel_place(t), activate(sum + shift));
}

// Aᵀ·m
fn gathered(m: array<vec4<f32>, 6>) -> array<vec4<f32>, 4> {
    let even_p = m[1] + m[2];
    let odd_p = m[1] - m[2];
    let even_q = m[3] + m[4];
    let odd_q = m[3] - m[4];
    return array<vec4<f32>, 4>(
        m[0] + even_p + even_q,
        P * odd_p + Q * odd_q,
        P * P * even_p + Q * Q * even_q,
        P * P * P * odd_p + Q * Q * Q * odd_q + m[5]);
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.count) {
        return;
    }
    let blocks = blocks_of(p.channels);
    let block = t / p.tiles;
    let index = t - block * p.tiles;
    let each = p.tile_rows * p.tile_columns;
    let n = index / each;
    let rest = index - n * each;
    let row = rest / p.tile_columns;
    let column = rest - row * p.tile_columns;
    var columns: array<array<vec4<f32>, 4>, 6>;
    for (var j = 0u; j < 6u; j++) {
        var m: array<vec4<f32>, 6>;
        for (var i = 0u; i < 6u; i++) {
            m[i] = textureLoad(products, texel_place(1u + ((i * 6u + j) * blocks + block) * p.tiles + index));
        }
        columns[j] = gathered(m);
    }
    var shift = vec4(0.0);
    if (BIAS) {
        for (var k = 0u; k < 4u; k++) {
            if (block * 4u + k < p.channels) {
                shift[k] = bias[block * 4u + k];
            }
        }
    }
    for (var i = 0u; i < 4u; i++) {
        var m: array<vec4<f32>, 6>;
        for (var j = 0u; j < 6u; j++) {
            m[j] = columns[j][i];
        }
        let pixels = gathered(m);
        for (var j = 0u; j < 4u; j++) {
            write_pixel(n, block, row * 4u + i, column * 4u + j, shift, pixels[j]);
        }
    }
}
