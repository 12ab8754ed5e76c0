// pack_texture: copies feature maps or weights into an rgba32float texture, four channels to a texel.
// Texel t lies at (t mod 4096, t / 4096). Texel 0 is zero and never written: taps outside a map read it. Channels beyond
// the last are zero.
// `maps`: x [samples,C,plane] → texel 1 + ((n·C4 + c4)·plane + pixel) = channels 4·c4…4·c4+3.
// Weights lie behind each other in a texture of their own, each from `first_texel` on:
// `weights`: w [O,I,taps] → texel first + (((o8·taps + tap)·I4 + i4)·4 + i)·2 + half = filters 8·o8 + 4·half…+3 at input
// channel 4·i4 + i; with TRANSPOSED the roles of O and I are exchanged (gradient of the input).
// `depthwise`: w [C,taps] → texel first + c4·taps + tap.
// One invocation for each texel; workgroups are folded into x and y. Bindings: x, texture.
// Imports: grid, texel

const TRANSPOSED: bool = false;

struct Params {
    texels: u32,
    base_x: u32,
    first_texel: u32,
    channels: u32,
    plane: u32,
    out_channels: u32,
    taps: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var texture: texture_storage_2d<rgba32float, write>;

fn store(texel: u32, value: vec4<f32>) {
    textureStore(texture, texel_place(texel), value);
}

// Element `index`, or zero beyond the last channel.
fn element(index: u32, inside: bool) -> f32 {
    if (inside) {
        return x[p.base_x + index];
    }
    return 0.0;
}

// Elements of channels c to c + 3, which lie `step` apart.
fn four_channels(index: u32, step: u32, c: u32) -> vec4<f32> {
    return vec4(
        element(index, true),
        element(index + step, c + 1u < p.channels),
        element(index + 2u * step, c + 2u < p.channels),
        element(index + 3u * step, c + 3u < p.channels));
}

@compute @workgroup_size(64)
fn maps(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.texels) {
        return;
    }
    let row = t / p.plane;
    let channels4 = blocks_of(p.channels);
    let n = row / channels4;
    let c = (row - n * channels4) * 4u;
    let source = (n * p.channels + c) * p.plane + (t - row * p.plane);
    store(p.first_texel + t, four_channels(source, p.plane, c));
}

fn weight(o: u32, i: u32, tap: u32) -> f32 {
    let inside = o < p.out_channels && i < p.channels;
    if (TRANSPOSED) {
        return element((i * p.out_channels + o) * p.taps + tap, inside);
    }
    return element((o * p.channels + i) * p.taps + tap, inside);
}

@compute @workgroup_size(64)
fn weights(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.texels) {
        return;
    }
    let inputs = blocks_of(p.channels) * 4u;
    let filter_tap = t / (inputs * 2u);
    let rest = t - filter_tap * inputs * 2u;
    let o8 = filter_tap / p.taps;
    let tap = filter_tap - o8 * p.taps;
    let i = rest / 2u;
    let o = o8 * 8u + (rest & 1u) * 4u;
    store(p.first_texel + t,
          vec4(weight(o, i, tap), weight(o + 1u, i, tap), weight(o + 2u, i, tap), weight(o + 3u, i, tap)));
}

@compute @workgroup_size(64)
fn depthwise(invocation: Invocation) {
    let t = number_of(invocation);
    if (t >= p.texels) {
        return;
    }
    let c4 = t / p.taps;
    let tap = t - c4 * p.taps;
    let c = c4 * 4u;
    let source = c * p.taps + tap;
    store(p.first_texel + t, four_channels(source, p.taps, c));
}
