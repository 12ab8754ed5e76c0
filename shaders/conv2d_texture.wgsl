// conv2d_texture: implicit GEMM convolution from storage textures, for software adapters.
// A texel load costs lavapipe a tenth of a buffer load and brings four channels, so maps and weights are packed
// first (pack_texture). Each invocation holds PIXELS pixels × 8·EIGHTS filters in registers; for each tap and four
// input channels it loads 8·EIGHTS texels of weights (the same for all lanes) and PIXELS texels of x, and does
// 32·EIGHTS·PIXELS multiply-adds. No barriers, no im2col. A tap outside the map reads texel 0, again and again (step 0).
// With TRANSPOSED it computes the gradient of the input: x is dy, and pixel h takes rows (h + pad − kh·dilation)/stride.
// Which taps divide evenly depends on h modulo the stride alone: there is one launch for each remainder (phase), over
// every stride-th pixel and, from first_kh on, every step_kh-th tap.
// Grid: x = groups of 8·EIGHTS filters, y = blocks of LANES·PIXELS pixels (in this order a block's texels stay in the
// processor's cache while all filters pass over it), z = positions: products apart, each with the maps of
// another sample and weights of its own (winograd_maps), else one. Taps that reach no pixel are left out.
// Bindings: bias [O], maps, weights and result textures, all packed (pack_texture). Twin: reference/conv2d.rs
// Imports: activation, texel

const LANES: u32 = 32u;
const PIXELS: u32 = 8u;
// Eights of filters of an invocation; one beyond the last repeats it, and its sums are not written.
const EIGHTS: u32 = 2u;
const FOURS: u32 = EIGHTS * 2u;
const TRANSPOSED: bool = false;
// Of a padded 1x1 convolution the pixels around the map come last, and blocks of them alone read nothing.
const RING: bool = false;
// Texels of channels added up before they go into the total: one long sum in f32 loses digits.
const RUN: u32 = 16u;
const BIAS: bool = false;

struct Params {
    first_sample: u32,
    samples: u32,
    in_channels: u32,
    in_h: u32,
    in_w: u32,
    out_channels: u32,
    out_h: u32,
    out_w: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_h: u32,
    pad_w: u32,
    dilation_h: u32,
    dilation_w: u32,
    first_kh: u32,
    end_kh: u32,
    step_kh: u32,
    first_kw: u32,
    end_kw: u32,
    step_kw: u32,
    phase_h: u32,
    phase_w: u32,
    every_h: u32,
    every_w: u32,
    rows: u32,
    columns: u32,
    first_weight: u32,
    weights_per_position: u32,
}

alias Value = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var weights: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var results: texture_storage_2d<rgba32float, write>;

fn map_texel(t: u32) -> vec4<f32> {
    return textureLoad(maps, texel_place(t));
}

fn weight_texel(t: u32) -> vec4<f32> {
    return textureLoad(weights, texel_place(t));
}

// An output pixel: its sample, row and column, and the texel where the maps of its sample begin.
struct Place {
    n: u32,
    h: u32,
    w: u32,
    origin: u32,
}

// Pixels whose tap lies in the map, with RING.
fn inner_pixels() -> u32 {
    return p.samples * p.in_h * p.in_w;
}

// One past the last row of taps: a block of pixels of the ring alone has none.
fn end_of_taps(first_pixel: u32) -> u32 {
    return select(p.end_kh, p.first_kh, RING && first_pixel >= inner_pixels());
}

fn place_with_ring(pixel: u32) -> Place {
    let in_plane = p.in_h * p.in_w;
    let inner = inner_pixels();
    var n = pixel / in_plane;
    let rest = pixel - n * in_plane;
    let row = rest / p.in_w;
    var h = p.pad_h + row;
    var w = p.pad_w + rest - row * p.in_w;
    if (pixel >= inner) {
        // Rows above and below the map, then what is left and right of it.
        let ring = p.out_h * p.out_w - in_plane;
        n = (pixel - inner) / ring;
        let place = pixel - inner - n * ring;
        let outer = 2u * p.pad_h * p.out_w;
        if (place < outer) {
            h = place / p.out_w;
            w = place - h * p.out_w;
            h += select(0u, p.in_h, h >= p.pad_h);
        } else {
            h = (place - outer) / (2u * p.pad_w);
            w = place - outer - h * 2u * p.pad_w;
            h += p.pad_h;
            w += select(0u, p.in_w, w >= p.pad_w);
        }
    }
    return Place(n, h, w, 1u + (p.first_sample + n) * blocks_of(p.in_channels) * in_plane);
}

fn place_of(pixel: u32, position: u32) -> Place {
    if (RING) {
        return place_with_ring(pixel);
    }
    let plane = p.rows * p.columns;
    let n = pixel / plane;
    let rest = pixel - n * plane;
    let row = rest / p.columns;
    let origin = 1u + (p.first_sample + position + n) * blocks_of(p.in_channels) * p.in_h * p.in_w;
    return Place(n, row * p.every_h + p.phase_h, (rest - row * p.columns) * p.every_w + p.phase_w, origin);
}

// The pixels of an invocation; those beyond the last repeat it, and are not written.
fn places_from(first: u32, position: u32) -> array<Place, PIXELS> {
    let last = p.samples * p.rows * p.columns - 1u;
    var places: array<Place, PIXELS>;
    for (var j = 0u; j < PIXELS; j++) {
        places[j] = place_of(min(first + j * LANES, last), position);
    }
    return places;
}

// Texel of a tap of an output pixel, or 0 outside the map.
fn tap_texel(at: Place, kh: u32, kw: u32) -> u32 {
    var ih = at.h * p.stride_h + kh * p.dilation_h - p.pad_h;
    var iw = at.w * p.stride_w + kw * p.dilation_w - p.pad_w;
    if (TRANSPOSED) {
        // Before the map the difference wraps to a row far beyond it.
        ih = (at.h + p.pad_h - kh * p.dilation_h) / p.stride_h;
        iw = (at.w + p.pad_w - kw * p.dilation_w) / p.stride_w;
    }
    return select(0u, at.origin + ih * p.in_w + iw, ih < p.in_h && iw < p.in_w);
}

// First texel of the weights of eight filters and a tap: two texels of four filters for each input channel.
fn first_weight_of(eight: u32, position: u32, kh: u32, kw: u32) -> u32 {
    let within = min(eight, (p.out_channels + 7u) / 8u - 1u);
    let tap = (within * p.kernel_h + kh) * p.kernel_w + kw;
    return p.first_weight + position * p.weights_per_position + tap * blocks_of(p.in_channels) * 8u;
}

fn write_filters(position: u32, at: Place, kernel: u32, total: vec4<f32>) {
    if (kernel >= p.out_channels) {
        return;
    }
    var value = total;
    if (BIAS) {
        for (var k = 0u; k < 4u; k++) {
            if (kernel + k < p.out_channels) {
                value[k] += bias[kernel + k];
            }
        }
    }
    let block = (p.first_sample + position + at.n) * blocks_of(p.out_channels) + kernel / 4u;
    let t = 1u + (block * p.out_h + at.h) * p.out_w + at.w;
    textureStore(results, texel_place(t), activate(value));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixels = p.samples * p.rows * p.columns;
    let in_plane = p.in_h * p.in_w;
    let blocks = blocks_of(p.in_channels);
    let first = group.y * LANES * PIXELS + lane;
    var places = places_from(first, group.z);

    var totals: array<array<vec4<f32>, PIXELS>, FOURS>;
    for (var f = 0u; f < FOURS; f++) {
        for (var j = 0u; j < PIXELS; j++) {
            totals[f][j] = vec4(0.0);
        }
    }
    let end_kh = end_of_taps(group.y * LANES * PIXELS);
    for (var kh = p.first_kh; kh < end_kh; kh += p.step_kh) {
        for (var kw = p.first_kw; kw < p.end_kw; kw += p.step_kw) {
            var texel: array<u32, PIXELS>;
            var step: array<u32, PIXELS>;
            for (var j = 0u; j < PIXELS; j++) {
                texel[j] = tap_texel(places[j], kh, kw);
                step[j] = select(in_plane, 0u, texel[j] == 0u);
            }
            var t: array<u32, EIGHTS>;
            for (var e = 0u; e < EIGHTS; e++) {
                t[e] = first_weight_of(group.x * EIGHTS + e, group.z, kh, kw);
            }
            for (var block = 0u; block < blocks;) {
                let end = min(block + RUN, blocks);
                var sums: array<array<vec4<f32>, PIXELS>, FOURS>;
                for (var f = 0u; f < FOURS; f++) {
                    for (var j = 0u; j < PIXELS; j++) {
                        sums[f][j] = vec4(0.0);
                    }
                }
                for (; block < end; block++) {
                    var w: array<mat4x4<f32>, FOURS>;
                    for (var e = 0u; e < EIGHTS; e++) {
                        for (var half = 0u; half < 2u; half++) {
                            w[e * 2u + half] = mat4x4<f32>(weight_texel(t[e] + half), weight_texel(t[e] + 2u + half), weight_texel(t[e] + 4u + half), weight_texel(t[e] + 6u + half));
                        }
                        t[e] += 8u;
                    }
                    for (var j = 0u; j < PIXELS; j++) {
                        let v = map_texel(texel[j]);
                        texel[j] += step[j];
                        for (var f = 0u; f < FOURS; f++) {
                            sums[f][j] = fma(w[f][0], vec4(v.x), fma(w[f][1], vec4(v.y), fma(w[f][2], vec4(v.z), fma(w[f][3], vec4(v.w), sums[f][j]))));
                        }
                    }
                }
                for (var f = 0u; f < FOURS; f++) {
                    for (var j = 0u; j < PIXELS; j++) {
                        totals[f][j] += sums[f][j];
                    }
                }
            }
        }
    }
    for (var j = 0u; j < PIXELS; j++) {
        if (first + j * LANES < pixels) {
            for (var f = 0u; f < FOURS; f++) {
                write_filters(group.z, places[j], (group.x * FOURS + f) * 4u, totals[f][j]);
            }
        }
    }
}
