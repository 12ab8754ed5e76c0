// resize: maps interpolated to another size, and the adjoint for the gradient.
// Source positions are exact ratios of integers, so that every adapter takes the same pixels.
// One invocation for each element of the result; workgroups are folded into x and y. The gradient gathers: it
// visits just the output rows and columns that read the input pixel.
// Bindings: x, y [planes,OH,OW] of `main`; dy, dx [planes,IH,IW] of `gradient`. Twin: reference/resize.rs

const MODE: u32 = 0u; // 0 bilinear align_corners, 1 bilinear half pixel, 2 nearest

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

struct Source {
    low: u32,
    high: u32,
    fraction: f32,
}

// Source pixels of output index i and the weight of the second.
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
        return Source(low, low, 0.0);
    }
    let rest = numerator - low * denominator;
    return Source(low, min(low + 1u, extent_in - 1u), f32(rest) / f32(denominator));
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

fn share(source: Source, k: u32) -> f32 {
    return select(0.0, 1.0 - source.fraction, source.low == k) + select(0.0, source.fraction, source.high == k);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let row_index = i / p.out_w;
    let plane = row_index / p.out_h;
    let column = locate(i - row_index * p.out_w, p.in_w, p.out_w);
    let row = locate(row_index - plane * p.out_h, p.in_h, p.out_h);
    let top = p.base_x + (plane * p.in_h + row.low) * p.in_w;
    if (MODE == 2u) {
        y[p.base_y + i] = x[top + column.low];
        return;
    }
    let bottom = p.base_x + (plane * p.in_h + row.high) * p.in_w;
    let upper = mix(x[top + column.low], x[top + column.high], column.fraction);
    let lower = mix(x[bottom + column.low], x[bottom + column.high], column.fraction);
    y[p.base_y + i] = mix(upper, lower, row.fraction);
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let row_index = i / p.in_w;
    let plane = row_index / p.in_h;
    let iw = i - row_index * p.in_w;
    let ih = row_index - plane * p.in_h;
    let end_h = end_reader(ih, p.in_h, p.out_h);
    let first_w = first_reader(iw, p.in_w, p.out_w);
    let end_w = end_reader(iw, p.in_w, p.out_w);
    var total = 0.0;
    for (var oh = first_reader(ih, p.in_h, p.out_h); oh < end_h; oh++) {
        let weight = share(locate(oh, p.in_h, p.out_h), ih);
        if (weight == 0.0) {
            continue;
        }
        let base = p.base_x + (plane * p.out_h + oh) * p.out_w;
        for (var ow = first_w; ow < end_w; ow++) {
            let part = share(locate(ow, p.in_w, p.out_w), iw);
            if (part != 0.0) {
                total = fma(weight * part, x[base + ow], total);
            }
        }
    }
    y[p.base_y + i] = total;
}
