// unpack_texture: packed feature maps (layout: pack_texture) back into their buffer.
// One invocation for each texel; workgroups are folded into x and y. Bindings: x [samples,C,plane], texture.
// Imports: grid, texel

struct Params {
    texels: u32,
    base_x: u32,
    first_texel: u32,
    channels: u32,
    plane: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var texture: texture_storage_2d<rgba32float, read>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.texels) {
        return;
    }
    let row = t / p.plane;
    let blocks = blocks_of(p.channels);
    let n = row / blocks;
    let c = (row - n * blocks) * 4u;
    var place = p.base_x + (n * p.channels + c) * p.plane + (t - row * p.plane);
    let source = p.first_texel + t;
    let value = textureLoad(texture, texel_place(source));
    for (var k = 0u; k < 4u; k++) {
        if (c + k < p.channels) {
            x[place] = value[k];
        }
        place += p.plane;
    }
}
