// depthwise_texture: convolution with one filter for each channel from storage textures, for software adapters.
// Four channels to a texel (pack_texture); a tap costs one texel of the map and one of the weights, which all lanes
// share. `gather`: each invocation takes PIXELS outputs of four channels; with TRANSPOSED it computes the gradient of
// the input from dy. `weight_grad`: one workgroup for each four channels, tap and split of the samples; lanes run
// along the columns whose tap lies in the map; parts [splits,C,taps] are added up by `sum`.
// Grid of `gather`: x = blocks of LANES·PIXELS pixels, y = planes of four channels; of `weight_grad`: x = four
// channels and tap, y = splits. STORE writes the result of `gather` to its buffer, KEEP to a texture for the normalisation
// that reads it next. Bindings: y, bias [C], maps, weights, result; parts twice, x, dy. Twin: reference/conv2d.rs

const LANES: u32 = 16u;
const PIXELS: u32 = 4u;
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
    kernel_h: u32,
    kernel_w: u32,
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

var<workgroup> sums: array<vec4<f32>, LANES>;

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
    let taps = p.kernel_h * p.kernel_w;
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
    for (var kh = 0u; kh < p.kernel_h; kh++) {
        for (var kw = 0u; kw < p.kernel_w; kw++) {
            let w = weight_texel(p.first_weight + block * taps + kh * p.kernel_w + kw);
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

// First output index whose tap at `offset` (kh·dilation) is not before the map.
fn first_inside(offset: u32, pad: u32, stride: u32) -> u32 {
    return (max(pad, offset) - offset + stride - 1u) / stride;
}

// One past the last output index whose tap is not after the map.
fn end_inside(offset: u32, pad: u32, stride: u32, extent_in: u32, extent_out: u32) -> u32 {
    if (extent_in + pad <= offset) {
        return 0u;
    }
    return min((extent_in + pad - offset - 1u) / stride + 1u, extent_out);
}

// `weights` is dy here and y is the parts.
@compute @workgroup_size(LANES)
fn weight_grad(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let taps = p.kernel_h * p.kernel_w;
    let blocks = (p.channels + 3u) / 4u;
    let block = group.x / taps;
    let tap = group.x - block * taps;
    let kh = tap / p.kernel_w;
    let kw = tap - kh * p.kernel_w;
    let first_oh = first_inside(kh * p.dilation_h, p.pad_h, STRIDE_H);
    let end_oh = end_inside(kh * p.dilation_h, p.pad_h, STRIDE_H, p.in_h, p.out_h);
    let first_ow = first_inside(kw * p.dilation_w, p.pad_w, STRIDE_W);
    let end_ow = end_inside(kw * p.dilation_w, p.pad_w, STRIDE_W, p.in_w, p.out_w);
    let end = min((group.y + 1u) * p.samples_per_split, p.samples);
    var total = vec4(0.0);
    for (var n = group.y * p.samples_per_split; n < end; n++) {
        let plane = n * blocks + block;
        for (var oh = first_oh; oh < end_oh; oh++) {
            let ih = oh * STRIDE_H + kh * p.dilation_h - p.pad_h;
            let x_row = 1u + (plane * p.in_h + ih) * p.in_w + kw * p.dilation_w - p.pad_w;
            let dy_row = 1u + (plane * p.out_h + oh) * p.out_w;
            // Each row apart: one long sum in f32 loses digits.
            var run = vec4(0.0);
            for (var ow = first_ow + lane; ow < end_ow; ow += LANES) {
                run = fma(map_texel(x_row + ow * STRIDE_W), weight_texel(dy_row + ow), run);
            }
            total += run;
        }
    }
    sums[lane] = total;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        if (lane < step) {
            sums[lane] += sums[lane + step];
        }
        workgroupBarrier();
    }
    if (lane < 4u && block * 4u + lane < p.channels) {
        let s = sums[0];
        let value = select(select(s.x, s.y, lane == 1u), select(s.z, s.w, lane == 3u), lane >= 2u);
        y[(group.y * p.channels + block * 4u + lane) * taps + tap] = value;
    }
}
