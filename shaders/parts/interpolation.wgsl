// interpolation: what a resize computes of each element of its result, from maps of `Value`s that the kernel can `load` from its
// input's first on: floats, or texels of four channels.
// Source positions are exact ratios of integers, so that every adapter takes the same pixels. Gradients gather: they visit just
// the output rows and columns that read the input pixel.
// The kernel has Params as resize's, an `alias Value`, `fn load(at: u32) -> Value`, and SKIPS: whether weights of zero load
// nothing.
// Imports: ResizeMode

const MODE: u32 = BILINEAR_ALIGN_CORNERS;

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
    if (MODE == BILINEAR_ALIGN_CORNERS) {
        numerator = i * (extent_in - 1u);
        denominator = max(extent_out, 2u) - 1u;
    } else if (MODE == BILINEAR_HALF_PIXEL) {
        numerator = max((2u * i + 1u) * extent_in, extent_out) - extent_out;
        denominator = 2u * extent_out;
    }
    let low = min(numerator / denominator, extent_in - 1u);
    if (MODE == NEAREST) {
        return Source(low, low, 1.0, 0.0);
    }
    let rest = numerator - low * denominator;
    let scale = f32(denominator);
    return Source(low, min(low + 1u, extent_in - 1u), f32(denominator - rest) / scale, f32(rest) / scale);
}

fn between(low: Value, high: Value, source: Source) -> Value {
    return fma(low, Value(source.of_low), high * source.of_high);
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
    if (MODE == BILINEAR_ALIGN_CORNERS) {
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

// Element i of the maps resized.
fn resized(i: u32) -> Value {
    let to = pixel_of(i, p.out_h, p.out_w);
    let column = locate(to.column, p.in_w, p.out_w);
    let row = locate(to.row, p.in_h, p.out_h);
    let top = (to.plane * p.in_h + row.low) * p.in_w;
    if (MODE == NEAREST) {
        return load(top + column.low);
    }
    let bottom = (to.plane * p.in_h + row.high) * p.in_w;
    let upper = between(load(top + column.low), load(top + column.high), column);
    let lower = between(load(bottom + column.low), load(bottom + column.high), column);
    return between(upper, lower, row);
}

// Element i of the gradient of the maps before.
fn resized_gradient(i: u32) -> Value {
    let own = pixel_of(i, p.in_h, p.in_w);
    let end_h = end_reader(own.row, p.in_h, p.out_h);
    let first_w = first_reader(own.column, p.in_w, p.out_w);
    let end_w = end_reader(own.column, p.in_w, p.out_w);
    var total = Value(0.0);
    for (var oh = first_reader(own.row, p.in_h, p.out_h); oh < end_h; oh++) {
        let weight = share(locate(oh, p.in_h, p.out_h), own.row);
        if (SKIPS && weight == 0.0) {
            continue;
        }
        let base = (own.plane * p.out_h + oh) * p.out_w;
        for (var ow = first_w; ow < end_w; ow++) {
            let part = share(locate(ow, p.in_w, p.out_w), own.column);
            if (!SKIPS || part != 0.0) {
                total = fma(Value(weight * part), load(base + ow), total);
            }
        }
    }
    return total;
}

// Element i of the sum of the parts resized along their axis and moved.
fn shifted_sum(i: u32) -> Value {
    let to = line_of(i);
    var part = to.map;
    var total = Value(0.0);
    for (var t = 0u; t < p.taps; t++) {
        // Before the map the difference wraps to an index far beyond it.
        let o = to.at + t - p.taps / 2u;
        if (o < p.out_h) {
            let source = locate(o, p.in_h, p.out_h);
            let base = part * p.in_h * p.inner + to.within;
            total += between(load(base + source.low * p.inner), load(base + source.high * p.inner), source);
        }
        part += p.channels;
    }
    return total;
}

// Element i of the gradient of those parts.
fn shifted_sum_gradient(i: u32) -> Value {
    let own = gradient_line_of(i);
    let base = own.map * p.out_h * p.inner + own.within;
    let end = end_reader(own.at, p.in_h, p.out_h);
    var total = Value(0.0);
    for (var o = first_reader(own.at, p.in_h, p.out_h); o < end; o++) {
        let to = o + p.taps / 2u - own.tap;
        if (to < p.out_h) {
            total = fma(Value(share(locate(o, p.in_h, p.out_h), own.at)), load(base + to * p.inner), total);
        }
    }
    return total;
}
