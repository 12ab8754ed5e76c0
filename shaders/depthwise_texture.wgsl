// depthwise_texture: convolution with one filter for each channel from storage textures, for software adapters.
// Four channels to a texel (pack_texture); a tap costs one texel of the map and one of the weights, which all lanes
// share. `gather`: each invocation takes PIXELS outputs of four channels; with TRANSPOSED it computes the gradient of
// the input from dy. `weight_grad`: one workgroup for each four channels and split of the samples; lanes run along the
// pixels of dy, each of which is loaded once for all TAPS taps; parts [splits,C,taps] are added up by `sum`.
// Grid of `gather`: x = blocks of LANES·PIXELS pixels, y = planes of four channels; of `weight_grad`: x = four
// channels, y = splits. STORE writes the result of `gather` to its buffer, KEEP to a texture for the normalisation
// that reads it next. Bindings: y, bias [C], maps, weights, result; parts twice, x, dy. Twin: reference/conv2d.rs

const LANES: u32 = 16u;
const PIXELS: u32 = 4u;
const KERNEL_H: u32 = 3u;
const KERNEL_W: u32 = 3u;
const TAPS: u32 = KERNEL_H * KERNEL_W;
// Pixels of a lane, a multiple of PIXELS, whose products are added up before they go into the total: one long sum in
// f32 loses digits.
const RUN: u32 = 32u;
const TRANSPOSED: bool = false;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const STORE: bool = true;
const KEEP: bool = false;
const BIAS: bool = false;
const ACTIVATION: u32 = 0u; // 0 identity, 1 relu, 2 relu6, 3 leaky relu
const SLOPE: f32 = 0.0;

struct Params {
    base_y: u32,
    first_sample: u32,
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
    samples_per_split: u32,
    first_weight: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var weights: texture_storage_2d<rgba32float, read>;
@group(0) @binding(5) var results: texture_storage_2d<rgba32float, write>;

var<workgroup> sums: array<vec4<f32>, LANES * TAPS>;

fn map_texel(t: u32) -> vec4<f32> {
    return textureLoad(maps, vec2<u32>(t & 4095u, t >> 12u));
}

fn weight_texel(t: u32) -> vec4<f32> {
    return textureLoad(weights, vec2<u32>(t & 4095u, t >> 12u));
}

fn activate(v: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 0u: { return v; }
        case 1u: { return max(v, vec4(0.0)); }
        case 2u: { return clamp(v, vec4(0.0), vec4(6.0)); }
        default: { return select(SLOPE * v, v, v > vec4(0.0)); }
    }
}

// Texel of a tap of output row and column, or 0 outside the map.
fn tap_texel(origin: u32, h: u32, w: u32, kh: u32, kw: u32) -> u32 {
    var ih = h * STRIDE_H + kh * p.dilation_h - p.pad_h;
    var iw = w * STRIDE_W + kw * p.dilation_w - p.pad_w;
    var inside = true;
    if (TRANSPOSED) {
        let th = h + p.pad_h - kh * p.dilation_h;
        let tw = w + p.pad_w - kw * p.dilation_w;
        ih = th / STRIDE_H;
        iw = tw / STRIDE_W;
        inside = ih * STRIDE_H == th && iw * STRIDE_W == tw;
    }
    return select(0u, origin + ih * p.in_w + iw, inside && ih < p.in_h && iw < p.in_w);
}

@compute @workgroup_size(LANES)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixels = p.out_h * p.out_w;
    let blocks = (p.channels + 3u) / 4u;
    let n = group.y / blocks;
    let block = group.y - n * blocks;
    let origin = 1u + (p.first_sample * blocks + group.y) * p.in_h * p.in_w;
    let first = group.x * LANES * PIXELS + lane;
    var row: array<u32, PIXELS>;
    var column: array<u32, PIXELS>;
    var total: array<vec4<f32>, PIXELS>;
    for (var j = 0u; j < PIXELS; j++) {
        let pixel = min(first + j * LANES, pixels - 1u);
        row[j] = pixel / p.out_w;
        column[j] = pixel - row[j] * p.out_w;
        total[j] = vec4(0.0);
    }
    for (var kh = 0u; kh < KERNEL_H; kh++) {
        for (var kw = 0u; kw < KERNEL_W; kw++) {
            let w = weight_texel(p.first_weight + block * TAPS + kh * KERNEL_W + kw);
            for (var j = 0u; j < PIXELS; j++) {
                total[j] = fma(w, map_texel(tap_texel(origin, row[j], column[j], kh, kw)), total[j]);
            }
        }
    }
    var shift = vec4(0.0);
    if (BIAS) {
        for (var k = 0u; k < 4u; k++) {
            if (block * 4u + k < p.channels) {
                shift[k] = bias[block * 4u + k];
            }
        }
    }
    for (var j = 0u; j < PIXELS; j++) {
        let pixel = first + j * LANES;
        if (pixel < pixels) {
            let value = activate(total[j] + shift);
            if (KEEP) {
                let t = 1u + (p.first_sample * blocks + group.y) * pixels + pixel;
                textureStore(results, vec2<u32>(t & 4095u, t >> 12u), value);
            }
            if (STORE) {
                var place = p.base_y + (n * p.channels + block * 4u) * pixels + pixel;
                for (var k = 0u; k < 4u; k++) {
                    if (block * 4u + k < p.channels) {
                        y[place] = value[k];
                    }
                    place += pixels;
                }
            }
        }
    }
}

// `weights` is dy here and y is the parts.
@compute @workgroup_size(LANES)
fn weight_grad(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = (p.channels + 3u) / 4u;
    let pixels = p.out_h * p.out_w;
    let end = min((group.y + 1u) * p.samples_per_split, p.samples);
    var totals: array<vec4<f32>, TAPS>;
    for (var n = group.y * p.samples_per_split; n < end; n++) {
        let plane = n * blocks + group.x;
        let origin = 1u + plane * p.in_h * p.in_w;
        for (var first = lane; first < pixels;) {
            let end_run = min(first + RUN * LANES, pixels);
            var runs: array<vec4<f32>, TAPS>;
            for (; first < end_run; first += LANES * PIXELS) {
                for (var j = 0u; j < PIXELS; j++) {
                    let inside = first + j * LANES < pixels;
                    let pixel = select(0u, first + j * LANES, inside);
                    let dy = weight_texel(select(0u, 1u + plane * pixels + pixel, inside));
                    let oh = pixel / p.out_w;
                    let ow = pixel - oh * p.out_w;
                    for (var tap = 0u; tap < TAPS; tap++) {
                        let x = map_texel(tap_texel(origin, oh, ow, tap / KERNEL_W, tap % KERNEL_W));
                        runs[tap] = fma(x, dy, runs[tap]);
                    }
                }
            }
            for (var tap = 0u; tap < TAPS; tap++) {
                totals[tap] += runs[tap];
            }
        }
    }
    for (var tap = 0u; tap < TAPS; tap++) {
        sums[tap * LANES + lane] = totals[tap];
    }
    workgroupBarrier();
    for (var tap = lane; tap < TAPS; tap += LANES) {
        var sum = sums[tap * LANES];
        for (var other = 1u; other < LANES; other++) {
            sum += sums[tap * LANES + other];
        }
        for (var k = 0u; k < 4u; k++) {
            let c = group.x * 4u + k;
            if (c < p.channels) {
                y[(group.y * p.channels + c) * TAPS + tap] = sum[k];
            }
        }
    }
}
