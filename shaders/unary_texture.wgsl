// unary_texture: activations of packed feature maps (layout: pack_texture), texel by texel, and their gradients.
// Each invocation takes TEXELS texels; workgroups are folded into x and y.
// Bindings: x, dy (x again in `main`), y. Twin: reference/elementwise.rs
// Imports: activation, grid, texel, texel_run

struct Params {
    // one past the last texel
    end: u32,
}

alias Value = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let run = texel_run(invocation, p.end);
    for (var t = run.x; t < run.y; t += 64u) {
        let place = texel_place(t);
        textureStore(y, place, activate(textureLoad(x, place)));
    }
}

@compute @workgroup_size(64)
fn gradient(invocation: Invocation) {
    let run = texel_run(invocation, p.end);
    for (var t = run.x; t < run.y; t += 64u) {
        let place = texel_place(t);
        textureStore(y, place, slope(textureLoad(x, place)) * textureLoad(dy, place));
    }
}
