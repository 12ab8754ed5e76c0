// winograd_maps: packed maps into the space where 3x3 convolutions are products (Lavin & Gray 2015, F(4x4, 3x3)).
// `maps`: each 6x6 window d of the input, four pixels apart, becomes Bᵀ·d·B. `gradients`: each 4x4 tile dy of the output
// becomes A·dy·Aᵀ, for the gradient of the weights. Texels hold four channels (layout: pack_texture); result texel
// 1 + (position·C4 + c4)·tiles + tile, positions 0…35, tiles of all samples of the piece in order.
// One invocation for each tile of four channels; workgroups are folded into x and y.
// Bindings: maps, result. Twin: reference/conv2d.rs
// Imports: grid, texel, winograd_points

struct Params {
    count: u32,
    blocks: u32,
    first_sample: u32,
    tiles: u32,
    tile_rows: u32,
    tile_columns: u32,
    height: u32,
    width: u32,
    pad_h: u32,
    pad_w: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var maps_in: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var result: texture_storage_2d<rgba32float, write>;

struct Tile {
    block: u32,
    index: u32,
    origin: u32,
    row: u32,
    column: u32,
}

fn tile_of(t: u32) -> Tile {
    let block = t / p.tiles;
    let index = t - block * p.tiles;
    let each = p.tile_rows * p.tile_columns;
    let n = index / each;
    let rest = index - n * each;
    let row = rest / p.tile_columns;
    let origin = 1u + ((p.first_sample + n) * p.blocks + block) * p.height * p.width;
    return Tile(block, index, origin, row, rest - row * p.tile_columns);
}

// Texel of a pixel, or the zero before all maps; rows before the first wrap to one beyond the last.
fn load(tile: Tile, h: u32, w: u32) -> vec4<f32> {
    let inside = h < p.height && w < p.width;
    return textureLoad(maps_in, texel_place(select(0u, tile.origin + h * p.width + w, inside)));
}

fn store(tile: Tile, position: u32, value: vec4<f32>) {
    textureStore(result, texel_place(1u + (position * p.blocks + tile.block) * p.tiles + tile.index), value);
}

// Bᵀ·d
fn transformed(d: array<vec4<f32>, 6>) -> array<vec4<f32>, 6> {
    let even_p = d[4] - Q * Q * d[2];
    let odd_p = P * d[3] - P * Q * Q * d[1];
    let even_q = d[4] - P * P * d[2];
    let odd_q = Q * d[3] - P * P * Q * d[1];
    let squares = P * P + Q * Q;
    return array<vec4<f32>, 6>(
        P * P * Q * Q * d[0] - squares * d[2] + d[4],
        even_p + odd_p,
        even_p - odd_p,
        even_q + odd_q,
        even_q - odd_q,
        P * P * Q * Q * d[1] - squares * d[3] + d[5]);
}

// A·y
fn spread(y: array<vec4<f32>, 4>) -> array<vec4<f32>, 6> {
    let even_p = y[0] + P * P * y[2];
    let odd_p = P * y[1] + P * P * P * y[3];
    let even_q = y[0] + Q * Q * y[2];
    let odd_q = Q * y[1] + Q * Q * Q * y[3];
    return array<vec4<f32>, 6>(y[0], even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, y[3]);
}

@compute @workgroup_size(64)
fn maps(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.count) {
        return;
    }
    let tile = tile_of(t);
    var rows: array<array<vec4<f32>, 6>, 6>;
    for (var i = 0u; i < 6u; i++) {
        var window: array<vec4<f32>, 6>;
        for (var j = 0u; j < 6u; j++) {
            window[j] = load(tile, tile.row * 4u + i - p.pad_h, tile.column * 4u + j - p.pad_w);
        }
        rows[i] = transformed(window);
    }
    for (var j = 0u; j < 6u; j++) {
        var column: array<vec4<f32>, 6>;
        for (var i = 0u; i < 6u; i++) {
            column[i] = rows[i][j];
        }
        column = transformed(column);
        for (var i = 0u; i < 6u; i++) {
            store(tile, i * 6u + j, column[i]);
        }
    }
}

@compute @workgroup_size(64)
fn gradients(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.count) {
        return;
    }
    let tile = tile_of(t);
    var rows: array<array<vec4<f32>, 6>, 4>;
    for (var i = 0u; i < 4u; i++) {
        var dy: array<vec4<f32>, 4>;
        for (var j = 0u; j < 4u; j++) {
            dy[j] = load(tile, tile.row * 4u + i, tile.column * 4u + j);
        }
        rows[i] = spread(dy);
    }
    for (var j = 0u; j < 6u; j++) {
        let column = spread(array<vec4<f32>, 4>(rows[0][j], rows[1][j], rows[2][j], rows[3][j]));
        for (var i = 0u; i < 6u; i++) {
            store(tile, i * 6u + j, column[i]);
        }
    }
}
