// resize: maps interpolated to another size, and the adjoint for the gradient.
// Source positions are exact ratios of integers, so that every adapter takes the same pixels.
// One invocation for each element of the result; workgroups are folded into x and y. The gradient gathers: it
// visits just the output rows and columns that read the input pixel.
// `shifted` and `shifted_gradient` resize along one axis, a extents to b: y[n,c,b,·] is the sum over taps t of
// x[n,t,c,a,·] resized and moved by taps/2 − t, zeros moving in.
// Bindings: x, y [planes,OH,OW] of `main`; dy, dx [planes,IH,IW] of `gradient`; x [n,taps,c,a,inner] and
// y [n,c,b,inner] of `shifted`, dy and dx of `shifted_gradient`. Twin: reference/resize.rs

const MODE: u32 = 0u; // 0 bilinear align_corners, 1 bilinear half pixel, 2 nearest

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
}

alias XType = f32;
alias YType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;

struct Source {
    low: u32,
    high: u32,
    of_low: f32,
    of_high: f32,
}

// Source pixels of output index i and their weights, each a quotient of integers: 1 minus a rounded fraction near 1 would
// have few digits left.
fn locate(i: u32, extent_in: u32, extent_out: u32) -> Source {
    var numerator = i * extent_in;
    var denominator = extent_out;
    if (MODE == 0u) {
        numerator = i * (extent_in - 1u);
        denominator = max(extent_out, 2u) - 1u;
    } else if (MODE == 1u) {
        numerator = max((2u * i + 1u) * extent_in, extent_out) - extent_out;
        denominator = 2u * extent_out;
    }
    let low = min(numerator / denominator, extent_in - 1u);
    if (MODE == 2u) {
        return Source(low, low, 1.0, 0.0);
    }
    let rest = numerator - low * denominator;
    let scale = f32(denominator);
    return Source(low, min(low + 1u, extent_in - 1u), f32(denominator - rest) / scale, f32(rest) / scale);
}

fn between(low: f32, high: f32, source: Source) -> f32 {
    return fma(low, source.of_low, high * source.of_high);
}

// First output index whose second source pixel can be k.
fn first_reader(k: u32, extent_in: u32, extent_out: u32) -> u32 {
    if (extent_in == 1u || k == 0u) {
        return 0u;
    }
    let lower = (k - 1u) * extent_out / extent_in;
    return max(lower, 1u) - 1u;
}

// One past the last output index whose first source pixel can be k.
fn end_reader(k: u32, extent_in: u32, extent_out: u32) -> u32 {
    if (extent_in == 1u || k + 1u >= extent_in) {
        return extent_out;
    }
    var upper = (k + 2u) * extent_out / extent_in + 2u;
    if (MODE == 0u) {
        upper = (k + 1u) * (extent_out - 1u) / (extent_in - 1u) + 2u;
    }
    return min(upper, extent_out);
}

// Place of an element in maps of this size.
struct Pixel {
    plane: u32,
    row: u32,
    column: u32,
}

fn pixel_of(i: u32, height: u32, width: u32) -> Pixel {
    let line = i / width;
    let plane = line / height;
    return Pixel(plane, line - plane * height, i - line * width);
}

// Of an element of `shifted`: its index along the axis, the map of its first part and its place within a line; of one of
// `shifted_gradient` the same, with the tap of its part and the map of the result that it goes into.
struct Line {
    at: u32,
    map: u32,
    tap: u32,
    within: u32,
}

fn line_of(i: u32) -> Line {
    let line = i / p.inner;
    let map = line / p.out_h;
    let n = map / p.channels;
    let part = n * p.taps * p.channels + map - n * p.channels;
    return Line(line - map * p.out_h, part, 0u, i - line * p.inner);
}

fn gradient_line_of(i: u32) -> Line {
    let line = i / p.inner;
    let part = line / p.in_h;
    let n_tap = part / p.channels;
    let n = n_tap / p.taps;
    let map = n * p.channels + part - n_tap * p.channels;
    return Line(line - part * p.in_h, map, n_tap - n * p.taps, i - line * p.inner);
}

fn share(source: Source, k: u32) -> f32 {
    return select(0.0, source.of_low, source.low == k) + select(0.0, source.of_high, source.high == k);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let to = pixel_of(i, p.out_h, p.out_w);
    let column = locate(to.column, p.in_w, p.out_w);
    let row = locate(to.row, p.in_h, p.out_h);
    let top = p.base_x + (to.plane * p.in_h + row.low) * p.in_w;
    if (MODE == 2u) {
        y[p.base_y + i] = YType(f32(x[top + column.low]));
        return;
    }
    let bottom = p.base_x + (to.plane * p.in_h + row.high) * p.in_w;
    let upper = between(f32(x[top + column.low]), f32(x[top + column.high]), column);
    let lower = between(f32(x[bottom + column.low]), f32(x[bottom + column.high]), column);
    y[p.base_y + i] = YType(between(upper, lower, row));
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let own = pixel_of(i, p.in_h, p.in_w);
    let end_h = end_reader(own.row, p.in_h, p.out_h);
    let first_w = first_reader(own.column, p.in_w, p.out_w);
    let end_w = end_reader(own.column, p.in_w, p.out_w);
    var total = 0.0;
    for (var oh = first_reader(own.row, p.in_h, p.out_h); oh < end_h; oh++) {
        let weight = share(locate(oh, p.in_h, p.out_h), own.row);
        if (weight == 0.0) {
            continue;
        }
        let base = p.base_x + (own.plane * p.out_h + oh) * p.out_w;
        for (var ow = first_w; ow < end_w; ow++) {
            let part = share(locate(ow, p.in_w, p.out_w), own.column);
            if (part != 0.0) {
                total = fma(weight * part, f32(x[base + ow]), total);
            }
        }
    }
    y[p.base_y + i] = YType(total);
}

@compute @workgroup_size(64)
fn shifted(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let to = line_of(i);
    var part = to.map;
    var total = 0.0;
    for (var t = 0u; t < p.taps; t++) {
        // Before the map the difference wraps to an index far beyond it.
        let o = to.at + t - p.taps / 2u;
        if (o < p.out_h) {
            let source = locate(o, p.in_h, p.out_h);
            let base = p.base_x + part * p.in_h * p.inner + to.within;
            total += between(f32(x[base + source.low * p.inner]), f32(x[base + source.high * p.inner]), source);
        }
        part += p.channels;
    }
    y[p.base_y + i] = YType(total);
}

@compute @workgroup_size(64)
fn shifted_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let own = gradient_line_of(i);
    let base = p.base_x + own.map * p.out_h * p.inner + own.within;
    let end = end_reader(own.at, p.in_h, p.out_h);
    var total = 0.0;
    for (var o = first_reader(own.at, p.in_h, p.out_h); o < end; o++) {
        let to = o + p.taps / 2u - own.tap;
        if (to < p.out_h) {
            total = fma(share(locate(o, p.in_h, p.out_h), own.at), f32(x[base + to * p.inner]), total);
        }
    }
    y[p.base_y + i] = YType(total);
}
