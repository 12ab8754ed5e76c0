// resize_crossed: what `shifted` of resize does along columns, and then along rows, in one launch: y[n,c,·,·] is the sum over taps t
// and s of x[·] resized and moved by taps/2 − t along rows and by taps/2 − s along columns, zeros moving in.
// An invocation computes ROWS elements of a column one after the other, and keeps of each part the two elements, resized along the
// columns, between which the next one lies. `with_stats` also leaves count, mean and M2 of what a workgroup writes, as batch_stats
// has them. Grid: x = 64 columns of ROWS rows each, y = maps, z = samples.
// Bindings: x [planes of the parts,IH,IW], y [n,c,OH,OW], met like y, parts. Twin: reference/resize.rs, reference/batch_norm.rs
// Imports: interpolation, sum_of_group

const SKIPS: bool = true;
// Whether `met` is added, taps of either axis, and elements of an invocation.
const ADDS: bool = false;
const TAPS: u32 = 3u;
const ROWS: u32 = 8u;

struct Params {
    base_x: u32,
    base_y: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    taps: u32,
    channels: u32,
    inner: u32, // planes between parts that are moved along columns
    first_part: u32,
}

alias XType = f32;
alias YType = f32;
alias MetType = f32;
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;
@group(0) @binding(3) var<storage, read> met: array<MetType>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;

fn load(at: u32) -> f32 {
    return f32(x[p.base_x + at]);
}

// Of an invocation the first of its elements in y, the first row, and the elements as y holds them.
struct Crossed {
    to: u32,
    row: u32,
    elements: array<f32, ROWS>,
}

// Of parts from a plane on, p.inner planes apart, the sum at a row of the map, resized along the columns and moved.
fn along_columns(plane: u32, row: u32, sources: array<Source, TAPS>) -> f32 {
    var total = 0.0;
    for (var t = 0u; t < TAPS; t++) {
        let line = ((plane + t * p.inner) * p.in_h + row) * p.in_w;
        total += between(load(line + sources[t].low), load(line + sources[t].high), sources[t]);
    }
    return total;
}

fn crossed_sums(map: u32, sample: u32, unit: u32) -> Crossed {
    let block = unit / p.out_w;
    let column = unit - block * p.out_w;
    let first = block * ROWS;
    var sources: array<Source, TAPS>;
    for (var t = 0u; t < TAPS; t++) {
        let o = column + t - TAPS / 2u;
        if (o < p.out_w) {
            sources[t] = locate(o, p.in_w, p.out_w);
        }
    }
    var sums: array<f32, ROWS>;
    for (var t = 0u; t < TAPS; t++) {
        let part = (sample * TAPS + t) * p.channels + map;
        let plane = part + part / p.inner * (TAPS - 1u) * p.inner;
        // Rows of the map that are resized along the columns.
        var low_row = p.in_h;
        var high_row = p.in_h;
        var low = 0.0;
        var high = 0.0;
        for (var r = 0u; r < ROWS; r++) {
            let o = first + r + t - TAPS / 2u;
            if (o < p.out_h) {
                let source = locate(o, p.in_h, p.out_h);
                if (source.low != low_row) {
                    if (source.low == high_row) {
                        low = high;
                    } else {
                        low = along_columns(plane, source.low, sources);
                    }
                    low_row = source.low;
                    high_row = source.high;
                    high = along_columns(plane, source.high, sources);
                }
                sums[r] += between(low, high, source);
            }
        }
    }
    let to = p.base_y + ((sample * p.channels + map) * p.out_h + first) * p.out_w + column;
    for (var r = 0u; r < ROWS; r++) {
        sums[r] = f32(YType(sums[r]));
        if (ADDS) {
            sums[r] = f32(YType(sums[r] + f32(met[to + min(r, p.out_h - 1u - first) * p.out_w])));
        }
    }
    return Crossed(to, first, sums);
}

fn store(own: Crossed) {
    for (var r = 0u; r < ROWS; r++) {
        if (own.row + r < p.out_h) {
            y[own.to + r * p.out_w] = YType(own.elements[r]);
        }
    }
}

// Columns of ROWS elements in a map.
fn units() -> u32 {
    return (p.out_h + ROWS - 1u) / ROWS * p.out_w;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    if (unit < units()) {
        store(crossed_sums(group.y, group.z, unit));
    }
}

@compute @workgroup_size(64)
fn with_stats(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    let counts = unit < units();
    let own = crossed_sums(group.y, group.z, min(unit, units() - 1u));
    if (counts) {
        store(own);
    }
    // Differences from one of the elements are added up, so that no digits cancel.
    let first = first_of_group(own.elements[0], lane);
    var own_sums = vec3(0.0);
    for (var r = 0u; r < ROWS; r++) {
        let d = own.elements[r] - first;
        own_sums += select(vec3(0.0), vec3(d, d * d, 1.0), counts && own.row + r < p.out_h);
    }
    let sum = sum_of_group(own_sums, lane);
    if (lane == 0u) {
        let at = ((p.first_part + group.z * groups.x + group.x) * p.channels + group.y) * 3u;
        let statistics = statistics_of(sum, first);
        parts[at] = statistics.x;
        parts[at + 1u] = statistics.y;
        parts[at + 2u] = statistics.z;
    }
}
