// copy_texture: a box of packed feature maps (layout: pack_texture) from other maps: joins along the channels, and slices
// and paddings in whole texels. Rows, columns and blocks that x lacks are zero.
// One invocation for each texel of the box, all samples, rows and columns of y, `blocks` blocks of channels; workgroups
// are folded into x and y. Bindings: x, y. Twin: reference/layout.rs
// Imports: grid, texel

struct Params {
    texels: u32,
    // of the box, and of its first block in y and in x; below zero wraps
    blocks: u32,
    first_y: u32,
    first_x: u32,
    blocks_y: u32,
    blocks_x: u32,
    height_y: u32,
    width_y: u32,
    height_x: u32,
    width_x: u32,
    before_h: u32,
    before_w: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.texels) {
        return;
    }
    let plane = p.height_y * p.width_y;
    let map = i / plane;
    let pixel = i - map * plane;
    let n = map / p.blocks;
    let block = map - n * p.blocks;
    let row = pixel / p.width_y;
    // Before x the differences wrap to numbers far beyond it.
    let h = row - p.before_h;
    let w = pixel - row * p.width_y - p.before_w;
    let b = block + p.first_x;
    let inside = h < p.height_x && w < p.width_x && b < p.blocks_x;
    let source = select(0u, 1u + ((n * p.blocks_x + b) * p.height_x + h) * p.width_x + w, inside);
    let to = 1u + (n * p.blocks_y + block + p.first_y) * plane + pixel;
    textureStore(y, texel_place(to), textureLoad(x, texel_place(source)));
}
