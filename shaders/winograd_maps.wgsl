// winograd_maps: packed maps into the space where 3x3 convolutions are products (Lavin & Gray 2015, F(2x2, 3x3)).
// `maps`: each 4x4 window d of the input, two pixels apart, becomes Bᵀ·d·B. `gradients`: each 2x2 tile dy of the output
// becomes A·dy·Aᵀ, for the gradient of the weights. Texels hold four channels (layout: pack_texture); result texel
// 1 + (position·C4 + c4)·tiles + tile, positions 0…15, tiles of all samples of the piece in order.
// One invocation for each tile of four channels; workgroups are folded into x and y.
// Bindings: maps, result. Twin: reference/conv2d.rs

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

fn place(t: u32) -> vec2<u32> {
    return vec2<u32>(t & 4095u, t >> 12u);
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
    return textureLoad(maps_in, place(select(0u, tile.origin + h * p.width + w, inside)));
}

fn store(tile: Tile, position: u32, value: vec4<f32>) {
    textureStore(result, place(1u + (position * p.blocks + tile.block) * p.tiles + tile.index), value);
}

@compute @workgroup_size(64)
fn maps(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let t = (group.x + group.y * groups.x) * 64u + lane;
    if (t >= p.count) {
        return;
    }
    let tile = tile_of(t);
    let w = tile.column * 2u - p.pad_w;
    var rows: array<array<vec4<f32>, 4>, 4>;
    for (var i = 0u; i < 4u; i++) {
        let h = tile.row * 2u + i - p.pad_h;
        let a = load(tile, h, w);
        let b = load(tile, h, w + 1u);
        let c = load(tile, h, w + 2u);
        let d = load(tile, h, w + 3u);
        rows[i] = array<vec4<f32>, 4>(a - c, b + c, c - b, b - d);
    }
    for (var j = 0u; j < 4u; j++) {
        store(tile, j, rows[0][j] - rows[2][j]);
        store(tile, 4u + j, rows[1][j] + rows[2][j]);
        store(tile, 8u + j, rows[2][j] - rows[1][j]);
        store(tile, 12u + j, rows[1][j] - rows[3][j]);
    }
}

@compute @workgroup_size(64)
fn gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
             @builtin(local_invocation_index) lane: u32) {
    let t = (group.x + group.y * groups.x) * 64u + lane;
    if (t >= p.count) {
        return;
    }
    let tile = tile_of(t);
    let h = tile.row * 2u;
    let w = tile.column * 2u;
    let a = load(tile, h, w);
    let b = load(tile, h, w + 1u);
    let c = load(tile, h + 1u, w);
    let d = load(tile, h + 1u, w + 1u);
    let upper = array<vec4<f32>, 4>(a, a + b, a - b, -b);
    let lower = array<vec4<f32>, 4>(c, c + d, c - d, -d);
    for (var j = 0u; j < 4u; j++) {
        store(tile, j, upper[j]);
        store(tile, 4u + j, upper[j] + lower[j]);
        store(tile, 8u + j, upper[j] - lower[j]);
        store(tile, 12u + j, -lower[j]);
    }
}
