// resize_texture: the resizes of packed feature maps (layout: pack_texture), four channels at a time. Maps begin at texels base_x
// and base_y. One invocation for each texel of the result; workgroups are folded into x and y.
// Bindings: x, y packed; `channels` of the shifted ones (see resize) counts blocks of four. Twin: reference/resize.rs
// Imports: grid, interpolation, texel

const SKIPS: bool = false;

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    // of the shifted ones, whose a and b are in_h and out_h
    taps: u32,
    channels: u32,
    inner: u32,
    // elements of a sample of y, and how many of other maps lie between it and the next
    sample: u32,
    gap: u32,
}

alias Value = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var result: texture_storage_2d<rgba32float, write>;

fn load(at: u32) -> vec4<f32> {
    return textureLoad(maps, texel_place(p.base_x + at));
}

@compute @workgroup_size(64)
fn main_texture(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        textureStore(result, texel_place(p.base_y + i), resized(i));
    }
}

@compute @workgroup_size(64)
fn gradient_texture(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        textureStore(result, texel_place(p.base_y + i), resized_gradient(i));
    }
}

@compute @workgroup_size(64)
fn shifted_texture(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        textureStore(result, texel_place(p.base_y + i), shifted_sum(i));
    }
}

@compute @workgroup_size(64)
fn shifted_gradient_texture(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        textureStore(result, texel_place(p.base_y + i), shifted_sum_gradient(i));
    }
}
