// depthwise_texture: convolution with one filter for each channel from storage textures, for software adapters.
// Maps and weights hold four channels to a texel (pack_texture); a tap outside the map reads texel 0.
// `slide`, for strides of 1: lanes run along the blocks of four channels, and each goes along two rows of the output with a
// window of the map in registers, of which a step loads one column: KERNEL_H + 1 texels for two outputs. Columns
// a dilation apart make one pass. With FLIPPED weights and other padding it computes the gradient of the input.
// `weight_grad` goes the same way and adds up window·dy, so that no lanes share a sum; where SLIDES is false it loads the
// whole window at each step. Parts [splits,C,taps] are added up by `sum`.
// `gather`, for other strides: each invocation takes PIXELS outputs of four channels; TRANSPOSED for the gradient, with a
// launch for each remainder (phase) of a position by the stride, as in conv2d_texture.
// Grid of `slide` and `weight_grad`: x = LANES blocks of channels, y = strips of rows of all samples (of pairs of them in
// `slide`); of `gather`: x = blocks of LANES·PIXELS pixels, y = planes of four channels.
// Bindings: bias [C] or parts, maps, weights or dy; result. Twin: reference/conv2d.rs
// Imports: activation, texel

const LANES: u32 = 8u;
const PIXELS: u32 = 4u;
const KERNEL_H: u32 = 3u;
const KERNEL_W: u32 = 3u;
const TAPS: u32 = KERNEL_H * KERNEL_W;
// Rows of the map that two rows of the output a dilation apart read.
const WINDOW_H: u32 = KERNEL_H + 1u;
const TRANSPOSED: bool = false;
const FLIPPED: bool = false;
const SLIDES: bool = true;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const BIAS: bool = false;

struct Params {
    samples: u32,
    channels: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    pad_h: u32,
    pad_w: u32,
    dilation_h: u32,
    dilation_w: u32,
    rows_per_strip: u32,
    first_weight: u32,
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
}

alias Value = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>; // in `weight_grad`
@group(0) @binding(2) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var weights: texture_storage_2d<rgba32float, read>; // dy in `weight_grad`
@group(0) @binding(4) var results: texture_storage_2d<rgba32float, write>;

fn map_texel(t: u32) -> vec4<f32> {
    return textureLoad(maps, texel_place(t));
}

fn weight_texel(t: u32) -> vec4<f32> {
    return textureLoad(weights, texel_place(t));
}

fn store(t: u32, value: vec4<f32>) {
    textureStore(results, texel_place(t), value);
}

fn shift_of(block: u32) -> vec4<f32> {
    var shift = vec4(0.0);
    if (BIAS) {
        for (var k = 0u; k < 4u; k++) {
            if (block * 4u + k < p.channels) {
                shift[k] = bias[block * 4u + k];
            }
        }
    }
    return shift;
}

// First texel of the row of a map that a tap of an output row reads, or 0 outside the map.
fn tap_row(map: u32, oh: u32, kh: u32) -> u32 {
    let ih = oh * STRIDE_H + kh * p.dilation_h - p.pad_h;
    return select(0u, 1u + (map * p.in_h + ih) * p.in_w, ih < p.in_h);
}

// A pixel of such a row, or zero outside the map.
fn pixel(row: u32, column: u32) -> vec4<f32> {
    return map_texel(select(0u, row + column, row != 0u && column < p.in_w));
}

@compute @workgroup_size(LANES)
fn slide(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = blocks_of(p.channels);
    let block = group.x * LANES + lane;
    if (block >= blocks) {
        return;
    }
    var w: array<vec4<f32>, TAPS>;
    for (var tap = 0u; tap < TAPS; tap++) {
        w[tap] = weight_texel(p.first_weight + block * TAPS + select(tap, TAPS - 1u - tap, FLIPPED));
    }
    let shift = shift_of(block);
    // Two rows a dilation apart share all rows of the map but one each.
    let apart = p.dilation_h;
    let pairs = (p.out_h + 2u * apart - 1u) / (2u * apart) * apart;
    let end = min((group.y + 1u) * p.rows_per_strip, p.samples * pairs);
    for (var r = group.y * p.rows_per_strip; r < end; r++) {
        let n = r / pairs;
        let pair = r - n * pairs;
        let oh = pair + pair / apart * apart;
        if (oh >= p.out_h) {
            continue;
        }
        let map = n * blocks + block;
        let to = 1u + (map * p.out_h + oh) * p.out_w;
        let has_lower = oh + apart < p.out_h;
        var row: array<u32, WINDOW_H>;
        for (var kh = 0u; kh < WINDOW_H; kh++) {
            row[kh] = tap_row(map, oh, kh);
        }
        for (var phase = 0u; phase < p.dilation_w; phase++) {
            var window: array<array<vec4<f32>, KERNEL_W>, WINDOW_H>;
            for (var kh = 0u; kh < WINDOW_H; kh++) {
                for (var kw = 1u; kw < KERNEL_W; kw++) {
                    window[kh][kw] = pixel(row[kh], phase + (kw - 1u) * p.dilation_w - p.pad_w);
                }
            }
            for (var ow = phase; ow < p.out_w; ow += p.dilation_w) {
                for (var kh = 0u; kh < WINDOW_H; kh++) {
                    for (var kw = 1u; kw < KERNEL_W; kw++) {
                        window[kh][kw - 1u] = window[kh][kw];
                    }
                    window[kh][KERNEL_W - 1u] = pixel(row[kh], ow + (KERNEL_W - 1u) * p.dilation_w - p.pad_w);
                }
                var upper = shift;
                var lower = shift;
                for (var kh = 0u; kh < KERNEL_H; kh++) {
                    for (var kw = 0u; kw < KERNEL_W; kw++) {
                        upper = fma(w[kh * KERNEL_W + kw], window[kh][kw], upper);
                        lower = fma(w[kh * KERNEL_W + kw], window[kh + 1u][kw], lower);
                    }
                }
                store(to + ow, activate(upper));
                if (has_lower) {
                    store(to + apart * p.out_w + ow, activate(lower));
                }
            }
        }
    }
}

@compute @workgroup_size(LANES)
fn weight_grad(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = blocks_of(p.channels);
    let block = group.x * LANES + lane;
    if (block >= blocks) {
        return;
    }
    let every = select(1u, p.dilation_w, SLIDES);
    let end = min((group.y + 1u) * p.rows_per_strip, p.samples * p.out_h);
    // A row is added up before it goes into the total: one long sum in f32 loses digits.
    var totals: array<vec4<f32>, TAPS>;
    for (var r = group.y * p.rows_per_strip; r < end; r++) {
        let n = r / p.out_h;
        let oh = r - n * p.out_h;
        let map = n * blocks + block;
        let source = 1u + (map * p.out_h + oh) * p.out_w;
        var row: array<u32, KERNEL_H>;
        for (var kh = 0u; kh < KERNEL_H; kh++) {
            row[kh] = tap_row(map, oh, kh);
        }
        var sums: array<vec4<f32>, TAPS>;
        for (var phase = 0u; phase < every; phase++) {
            var window: array<array<vec4<f32>, KERNEL_W>, KERNEL_H>;
            if (SLIDES) {
                for (var kh = 0u; kh < KERNEL_H; kh++) {
                    for (var kw = 1u; kw < KERNEL_W; kw++) {
                        window[kh][kw] = pixel(row[kh], phase + (kw - 1u) * p.dilation_w - p.pad_w);
                    }
                }
            }
            for (var ow = phase; ow < p.out_w; ow += every) {
                let dy = weight_texel(source + ow);
                for (var kh = 0u; kh < KERNEL_H; kh++) {
                    if (SLIDES) {
                        for (var kw = 1u; kw < KERNEL_W; kw++) {
                            window[kh][kw - 1u] = window[kh][kw];
                        }
                        window[kh][KERNEL_W - 1u] = pixel(row[kh], ow + (KERNEL_W - 1u) * p.dilation_w - p.pad_w);
                    }
                    for (var kw = 0u; kw < KERNEL_W; kw++) {
                        if (!SLIDES) {
                            window[kh][kw] = pixel(row[kh], ow * STRIDE_W + kw * p.dilation_w - p.pad_w);
                        }
                        sums[kh * KERNEL_W + kw] = fma(dy, window[kh][kw], sums[kh * KERNEL_W + kw]);
                    }
                }
            }
        }
        for (var tap = 0u; tap < TAPS; tap++) {
            totals[tap] += sums[tap];
        }
    }
    for (var tap = 0u; tap < TAPS; tap++) {
        for (var k = 0u; k < 4u; k++) {
            let c = block * 4u + k;
            if (c < p.channels) {
                parts[(group.y * p.channels + c) * TAPS + tap] = totals[tap][k];
            }
        }
    }
}

// Texel of a tap of output row and column, or 0 outside the map.
fn tap_texel(origin: u32, h: u32, w: u32, kh: u32, kw: u32) -> u32 {
    var ih = h * STRIDE_H + kh * p.dilation_h - p.pad_h;
    var iw = w * STRIDE_W + kw * p.dilation_w - p.pad_w;
    if (TRANSPOSED) {
        // Before the map the difference wraps to a row far beyond it.
        ih = (h + p.pad_h - kh * p.dilation_h) / STRIDE_H;
        iw = (w + p.pad_w - kw * p.dilation_w) / STRIDE_W;
    }
    return select(0u, origin + ih * p.in_w + iw, ih < p.in_h && iw < p.in_w);
}

@compute @workgroup_size(LANES)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixels = p.rows * p.columns;
    let blocks = blocks_of(p.channels);
    let block = group.y % blocks;
    let origin = 1u + group.y * p.in_h * p.in_w;
    let first = group.x * LANES * PIXELS + lane;
    var row: array<u32, PIXELS>;
    var column: array<u32, PIXELS>;
    var total: array<vec4<f32>, PIXELS>;
    let shift = shift_of(block);
    for (var j = 0u; j < PIXELS; j++) {
        let pixel = min(first + j * LANES, pixels - 1u);
        let r = pixel / p.columns;
        row[j] = r * p.every_h + p.phase_h;
        column[j] = (pixel - r * p.columns) * p.every_w + p.phase_w;
        total[j] = shift;
    }
    for (var kh = p.first_kh; kh < p.end_kh; kh += p.step_kh) {
        for (var kw = p.first_kw; kw < p.end_kw; kw += p.step_kw) {
            let w = weight_texel(p.first_weight + block * TAPS + kh * KERNEL_W + kw);
            for (var j = 0u; j < PIXELS; j++) {
                total[j] = fma(w, map_texel(tap_texel(origin, row[j], column[j], kh, kw)), total[j]);
            }
        }
    }
    for (var j = 0u; j < PIXELS; j++) {
        if (first + j * LANES < pixels) {
            store(1u + (group.y * p.out_h + row[j]) * p.out_w + column[j], activate(total[j]));
        }
    }
}
