// depthwise: convolution with one filter for each channel, and its two gradients, straight from the buffers.
// `slide`: an invocation computes ROWS outputs of a column, APART rows from each other: so far that each reads rows of the map
// that others read too. What these read is a window in registers, all of it loaded before the first multiplication; neighbours
// read neighbouring columns. FLIPPED for the gradient of the input of stride 1, which is such a convolution as well.
// `spread`: the gradient of the input of other strides: an invocation computes the STRIDE_H x STRIDE_W elements among which
// each tap meets one; which one is known when the pipeline is made.
// `weight_grad`: a workgroup adds up all taps of a channel, over the windows of `slide`; parts [splits,C,taps] are added up by
// `sum`.
// `slide_with_stats` leaves count, mean and M2 of what a workgroup writes, as batch_stats has them; `slide_with_grad_sums` and
// `spread_with_grad_sums` the sums of batch_norm_grad_sums, dx being the gradient of what a normalisation of `met` made.
// Grid of `slide` and `spread`: x = 64 columns of ROWS rows (blocks of elements) each, y = channels, z = samples; of
// `weight_grad`: x = channels, y = splits of the samples, z = splits of a sample.
// x of `slide` and `weight_grad` may be the output of a normalisation, which is then made as it is loaded.
// Bindings: x, w, y, norm, bias [C], met, parts; of `spread` the first three; of `weight_grad` x, dy, parts, norm.
// Twin: reference/conv2d.rs, reference/batch_norm.rs
// Imports: activation, conv_steps, on_load

const LANES: u32 = 64u;
const KERNEL_H: u32 = 3u;
const TAPS: u32 = KERNEL_H * KERNEL_W;
const ROWS: u32 = 4u;
const APART: u32 = 1u;
// Rows of a window are a dilation apart; so many are between the first of one output and the first of the next.
const TURN: u32 = APART * STRIDE_H / DILATION_H;
const WINDOW: u32 = (ROWS - 1u) * TURN + KERNEL_H;
const FLIPPED: bool = false;
const BIAS: bool = false;
// Windows that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 8u;

struct Params {
    base_x: u32,
    base_y: u32,
    samples: u32,
    channels: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    columns: u32, // of windows or blocks
    units: u32, // windows or blocks of a plane
    samples_per_split: u32,
    units_per_split: u32,
    first_split: u32,
}

alias XType = f32;
alias WType = f32;
alias YType = f32;
alias NormType = f32;
alias BiasType = f32;
alias MetType = f32;
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<WType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> norm: array<NormType>;
@group(0) @binding(5) var<storage, read> bias: array<BiasType>;
@group(0) @binding(6) var<storage, read> met: array<MetType>;
@group(0) @binding(7) var<storage, read_write> parts: array<f32>;

alias Window = array<array<f32, KERNEL_W>, WINDOW>;

// First of the rows of outputs that a window is for.
fn first_row(block: u32) -> u32 {
    return block + block / APART * (APART * (ROWS - 1u));
}

// What the outputs of a column read of a plane.
fn window_of(plane: u32, row: u32, column: u32, terms: vec3<f32>) -> Window {
    var ih = row * STRIDE_H - PAD_H;
    var iw = column * STRIDE_W - PAD_W;
    if (FLIPPED) {
        ih = row + PAD_H - (KERNEL_H - 1u) * DILATION_H;
        iw = column + PAD_W - (KERNEL_W - 1u) * DILATION_W;
    }
    let first = p.base_x + plane * p.in_h * p.in_w;
    let top = first + ih * p.in_w;
    var window: Window;
    for (var i = 0u; i < WINDOW; i++) {
        // Before the map the difference wraps to a row far beyond it.
        let has_row = ih + i * DILATION_H < p.in_h;
        let line = select(first, top + i * (DILATION_H * p.in_w), has_row);
        for (var kw = 0u; kw < KERNEL_W; kw++) {
            let v = iw + kw * DILATION_W;
            var value = f32(x[line + min(v, p.in_w - 1u)]);
            if (!FLIPPED) {
                value = normalised(value, terms);
            }
            window[i][kw] = select(0.0, value, has_row && v < p.in_w);
        }
    }
    return window;
}

// Of an invocation of `slide` the first element of its column in y, the first row, and its outputs as y holds them.
struct Slid {
    to: u32,
    row: u32,
    outputs: array<f32, ROWS>,
}

fn slid(channel: u32, sample: u32, unit: u32) -> Slid {
    let plane = sample * p.channels + channel;
    let block = unit / p.columns;
    let column = unit - block * p.columns;
    let row = first_row(block);
    let window = window_of(plane, row, column, terms_of(channel));
    var shift = 0.0;
    if (BIAS) {
        shift = f32(bias[channel]);
    }
    var sums: array<f32, ROWS>;
    for (var kh = 0u; kh < KERNEL_H; kh++) {
        for (var kw = 0u; kw < KERNEL_W; kw++) {
            let tap = kh * KERNEL_W + kw;
            let weight = f32(w[channel * TAPS + select(tap, TAPS - 1u - tap, FLIPPED)]);
            for (var r = 0u; r < ROWS; r++) {
                sums[r] = fma(weight, window[r * TURN + kh][kw], sums[r]);
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        if (!FLIPPED) {
            sums[r] = activate(sums[r] + shift);
        }
        sums[r] = f32(YType(sums[r]));
    }
    return Slid(p.base_y + (plane * p.out_h + row) * p.out_w + column, row, sums);
}

fn store(slid: Slid) {
    for (var r = 0u; r < ROWS; r++) {
        if (slid.row + r * APART < p.out_h) {
            y[slid.to + r * (APART * p.out_w)] = YType(slid.outputs[r]);
        }
    }
}

@compute @workgroup_size(64)
fn slide(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    if (unit < p.units) {
        store(slid(group.y, group.z, unit));
    }
}

var<workgroup> firsts: array<f32, 64>;
var<workgroup> sums_of_group: array<vec3<f32>, 64>;

// What the invocations of a workgroup hold, added up.
fn sum_of_group(summand: vec3<f32>, lane: u32) -> vec3<f32> {
    sums_of_group[lane] = summand;
    workgroupBarrier();
    for (var step = 32u; step > 0u; step /= 2u) {
        if (lane < step) {
            sums_of_group[lane] += sums_of_group[lane + step];
        }
        workgroupBarrier();
    }
    return sums_of_group[0];
}

// Of all workgroups of a channel, the place of one among their parts.
fn part_of(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return p.first_split + group.z * groups.x + group.x;
}

@compute @workgroup_size(64)
fn slide_with_stats(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    let counts = unit < p.units;
    let own = slid(group.y, group.z, min(unit, p.units - 1u));
    if (counts) {
        store(own);
    }
    // Differences from one of the outputs are added up, so that no digits cancel.
    firsts[lane] = own.outputs[0];
    workgroupBarrier();
    let first = firsts[0];
    var own_sums = vec3(0.0);
    for (var r = 0u; r < ROWS; r++) {
        let d = own.outputs[r] - first;
        own_sums += select(vec3(0.0), vec3(d, d * d, 1.0), counts && own.row + r * APART < p.out_h);
    }
    let sum = sum_of_group(own_sums, lane);
    if (lane == 0u) {
        let at = (part_of(group, groups) * p.channels + group.y) * 3u;
        parts[at] = sum.z;
        parts[at + 1u] = first + sum.x / sum.z;
        parts[at + 2u] = max(sum.y - sum.x * sum.x / sum.z, 0.0);
    }
}

// What an element of dx, the gradient of what a normalisation made of `met`, adds to the sums of that.
fn grad_sums_of(dx: f32, at: u32, channel: u32) -> vec3<f32> {
    let terms = terms_of(channel);
    let from_mean = f32(met[at]) - terms.x;
    let dz = slope(fma(from_mean, terms.y, terms.z)) * dx;
    return vec3(dz, dz * (from_mean * inverse_of(channel)), 0.0);
}

fn store_grad_sums(own: vec3<f32>, group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let sum = sum_of_group(own, lane);
    if (lane == 0u) {
        let at = part_of(group, groups) * 2u * p.channels + group.y;
        parts[at] = sum.x;
        parts[at + p.channels] = sum.y;
    }
}

@compute @workgroup_size(64)
fn slide_with_grad_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    var own_sums = vec3(0.0);
    if (unit < p.units) {
        let own = slid(group.y, group.z, unit);
        store(own);
        for (var r = 0u; r < ROWS; r++) {
            let at = own.to + min(r * APART, p.out_h - 1u - own.row) * p.out_w;
            own_sums += select(vec3(0.0), grad_sums_of(own.outputs[r], at, group.y), own.row + r * APART < p.out_h);
        }
    }
    store_grad_sums(own_sums, group, groups, lane);
}

// Of an invocation of `spread` the first row and column, and its elements as dx holds them.
struct Spread {
    row: u32,
    column: u32,
    elements: array<array<f32, STRIDE_W>, STRIDE_H>,
}

// x is dy here and y is dx.
fn spread_of(plane: u32, channel: u32, unit: u32) -> Spread {
    let row = unit / p.columns;
    let column = unit - row * p.columns;
    let start = p.base_x + plane * p.in_h * p.in_w;
    var sums: array<array<f32, STRIDE_W>, STRIDE_H>;
    for (var kh = 0u; kh < KERNEL_H; kh++) {
        // Which element it meets: dx[STRIDE·row + r] has w[k]·dy[row + (r + PAD - k·DILATION) / STRIDE] where that is whole.
        let r = (kh * DILATION_H + PAD_H * (STRIDE_H - 1u)) % STRIDE_H;
        let oh = row + (r + PAD_H + kh * DILATION_H * (STRIDE_H - 1u)) / STRIDE_H - kh * DILATION_H;
        let line = start + min(oh, p.in_h - 1u) * p.in_w;
        for (var kw = 0u; kw < KERNEL_W; kw++) {
            let c = (kw * DILATION_W + PAD_W * (STRIDE_W - 1u)) % STRIDE_W;
            let ow = column + (c + PAD_W + kw * DILATION_W * (STRIDE_W - 1u)) / STRIDE_W - kw * DILATION_W;
            let value = f32(x[line + min(ow, p.in_w - 1u)]);
            let dy = select(0.0, value, oh < p.in_h && ow < p.in_w);
            sums[r][c] = fma(f32(w[channel * TAPS + kh * KERNEL_W + kw]), dy, sums[r][c]);
        }
    }
    for (var r = 0u; r < STRIDE_H; r++) {
        for (var c = 0u; c < STRIDE_W; c++) {
            sums[r][c] = f32(YType(sums[r][c]));
        }
    }
    return Spread(row * STRIDE_H, column * STRIDE_W, sums);
}

fn is_in_map(spread: Spread, r: u32, c: u32) -> bool {
    return spread.row + r < p.out_h && spread.column + c < p.out_w;
}

// Element of dx.
fn place_in(plane: u32, spread: Spread, r: u32, c: u32) -> u32 {
    return p.base_y + (plane * p.out_h + spread.row + r) * p.out_w + spread.column + c;
}

fn store_spread(plane: u32, spread: Spread) {
    for (var r = 0u; r < STRIDE_H; r++) {
        for (var c = 0u; c < STRIDE_W; c++) {
            if (is_in_map(spread, r, c)) {
                y[place_in(plane, spread, r, c)] = YType(spread.elements[r][c]);
            }
        }
    }
}

@compute @workgroup_size(64)
fn spread(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    let plane = group.z * p.channels + group.y;
    if (unit < p.units) {
        store_spread(plane, spread_of(plane, group.y, unit));
    }
}

@compute @workgroup_size(64)
fn spread_with_grad_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    let plane = group.z * p.channels + group.y;
    var own_sums = vec3(0.0);
    if (unit < p.units) {
        let own = spread_of(plane, group.y, unit);
        store_spread(plane, own);
        for (var r = 0u; r < STRIDE_H; r++) {
            for (var c = 0u; c < STRIDE_W; c++) {
                let inside = is_in_map(own, r, c);
                let at = place_in(plane, own, select(0u, r, inside), select(0u, c, inside));
                own_sums += select(vec3(0.0), grad_sums_of(own.elements[r][c], at, group.y), inside);
            }
        }
    }
    store_grad_sums(own_sums, group, groups, lane);
}

var<workgroup> sums_of_lanes: array<f32, LANES * TAPS>;

// w is dy here and y is the parts.
@compute @workgroup_size(LANES)
fn weight_grad(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = group.x;
    let first = group.y * p.samples_per_split;
    let end = min(first + p.samples_per_split, p.samples);
    let first_unit = group.z * p.units_per_split + lane;
    let end_unit = min((group.z + 1u) * p.units_per_split, p.units);
    // How much further the next window of a lane is.
    let blocks_on = LANES / p.columns;
    let columns_on = LANES - blocks_on * p.columns;
    let first_block = first_unit / p.columns;
    let terms = terms_of(channel);
    var totals: array<f32, TAPS>;
    for (var n = first; n < end; n++) {
        let plane = n * p.channels + channel;
        let line = p.base_y + plane * p.out_h * p.out_w;
        var block = first_block;
        var column = first_unit - block * p.columns;
        for (var unit = first_unit; unit < end_unit;) {
            let end_run = min(unit + RUN * LANES, end_unit);
            var sums: array<f32, TAPS>;
            for (; unit < end_run; unit += LANES) {
                let row = first_row(block);
                var dy: array<f32, ROWS>;
                for (var r = 0u; r < ROWS; r++) {
                    let oh = row + r * APART;
                    dy[r] = select(0.0, f32(w[line + min(oh, p.out_h - 1u) * p.out_w + column]), oh < p.out_h);
                }
                let window = window_of(plane, row, column, terms);
                for (var kh = 0u; kh < KERNEL_H; kh++) {
                    for (var kw = 0u; kw < KERNEL_W; kw++) {
                        for (var r = 0u; r < ROWS; r++) {
                            let tap = kh * KERNEL_W + kw;
                            sums[tap] = fma(dy[r], window[r * TURN + kh][kw], sums[tap]);
                        }
                    }
                }
                block += blocks_on;
                column += columns_on;
                if (column >= p.columns) {
                    column -= p.columns;
                    block++;
                }
            }
            for (var tap = 0u; tap < TAPS; tap++) {
                totals[tap] += sums[tap];
            }
        }
    }
    for (var tap = 0u; tap < TAPS; tap++) {
        sums_of_lanes[lane * TAPS + tap] = totals[tap];
    }
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        for (var i = lane; i < step * TAPS; i += LANES) {
            sums_of_lanes[i] += sums_of_lanes[i + step * TAPS];
        }
        workgroupBarrier();
    }
    let split = p.first_split + group.y * groups.z + group.z;
    for (var tap = lane; tap < TAPS; tap += LANES) {
        y[(split * p.channels + channel) * TAPS + tap] = YType(sums_of_lanes[tap]);
    }
}
