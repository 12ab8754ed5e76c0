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
// `slide_gradients` and `spread_gradients` do so too, and add up the gradient of the weights, whose x is what that normalisation made:
// both gradients read dy and `met` once. A workgroup takes the units of a split one after the other.
// With PASSED, dy is the gradient of what another normalisation was given, w here, which is made of that of its result, x, as it is
// loaded; `bias` is then what grad_terms wrote, the filters among it.
// Grid of `slide` and `spread`: x = 64 columns of ROWS rows (blocks of elements) each, y = channels, z = samples; of
// `weight_grad` and `…_gradients`: x = channels, y = splits of the samples, z = splits of a sample.
// x of `slide` and `weight_grad` may be the output of a normalisation, which is then made as it is loaded.
// Bindings: x, w, y, norm, bias [C], met, parts, weight_parts; of `weight_grad` x, dy, parts, norm, bias.
// Twin: reference/conv2d.rs, reference/batch_norm.rs
// Imports: activation, Activation, conv_steps, not_a_number, on_load, sum_of_group

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
const PASSED: bool = false;
const PASSED_ACTIVATION: u32 = IDENTITY;
// The slope of LEAKY_RELU where it is negative.
const PASSED_SLOPE: f32 = 0.0;
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
@group(0) @binding(8) var<storage, read_write> weight_parts: array<f32>;

alias Window = array<array<f32, KERNEL_W>, WINDOW>;

// First of the rows of outputs that a window is for.
fn first_row(block: u32) -> u32 {
    return block + block / APART * (APART * (ROWS - 1u));
}

// What grad_terms has of a channel before the taps.
const TERMS: u32 = 6u;

// An element of what `slide` and `spread` convolve.
fn element_at(at: u32, channel: u32) -> f32 {
    let v = f32(x[at]);
    if (!PASSED) {
        return v;
    }
    let first = channel * (TERMS + TAPS);
    let scale = f32(bias[first + 1u]);
    let from_mean = f32(w[at]) - f32(bias[first]);
    let dz = passed_slope(fma(from_mean, scale, f32(bias[first + 2u]))) * v;
    return scale * (dz - f32(bias[first + 4u]) - from_mean * f32(bias[first + 3u]) * f32(bias[first + 5u]));
}

fn passed_slope(z: f32) -> f32 {
    let above = select(0.0, 1.0, z > 0.0);
    switch PASSED_ACTIVATION {
        case IDENTITY: { return 1.0; }
        case RELU: { return above; }
        case RELU6: { return select(0.0, above, z < 6.0); }
        case LEAKY_RELU: { return select(PASSED_SLOPE, 1.0, z > 0.0); }
        default: { return not_a_number(); }
    }
}

fn weight_of(channel: u32, tap: u32) -> f32 {
    if (PASSED) {
        return f32(bias[channel * (TERMS + TAPS) + TERMS + tap]);
    }
    return f32(w[channel * TAPS + tap]);
}

// What the outputs of a column read of a plane.
fn window_of(plane: u32, channel: u32, row: u32, column: u32, terms: vec3<f32>) -> Window {
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
            var value = element_at(line + min(v, p.in_w - 1u), channel);
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
    let window = window_of(plane, channel, row, column, terms_of(channel));
    return Slid(p.base_y + (plane * p.out_h + row) * p.out_w + column, row, sums_of(window, channel));
}

// The outputs of a window, as y holds them.
fn sums_of(window: Window, channel: u32) -> array<f32, ROWS> {
    var shift = 0.0;
    if (BIAS) {
        shift = f32(bias[channel]);
    }
    var sums: array<f32, ROWS>;
    for (var kh = 0u; kh < KERNEL_H; kh++) {
        for (var kw = 0u; kw < KERNEL_W; kw++) {
            let tap = kh * KERNEL_W + kw;
            let weight = weight_of(channel, select(tap, TAPS - 1u - tap, FLIPPED));
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
    return sums;
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
    let first = first_of_group(own.outputs[0], lane);
    var own_sums = vec3(0.0);
    for (var r = 0u; r < ROWS; r++) {
        let d = own.outputs[r] - first;
        own_sums += select(vec3(0.0), vec3(d, d * d, 1.0), counts && own.row + r * APART < p.out_h);
    }
    let sum = sum_of_group(own_sums, lane);
    if (lane == 0u) {
        let at = (part_of(group, groups) * p.channels + group.y) * 3u;
        let statistics = statistics_of(sum, first);
        parts[at] = statistics.x;
        parts[at + 1u] = statistics.y;
        parts[at + 2u] = statistics.z;
    }
}

// What an element of dx, the gradient of what a normalisation made of `met`, adds to the sums of that; and what was made.
fn grad_sums_of(dx: f32, at: u32, channel: u32) -> vec3<f32> {
    let terms = terms_of(channel);
    let from_mean = f32(met[at]) - terms.x;
    let z = fma(from_mean, terms.y, terms.z);
    let dz = slope(z) * dx;
    return vec3(dz, dz * (from_mean * inverse_of(channel)), activate(z));
}

fn store_grad_sums(own: vec3<f32>, part: u32, channel: u32, lane: u32) {
    let sum = sum_of_group(own, lane);
    if (lane == 0u) {
        let at = part * 2u * p.channels + channel;
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
    store_grad_sums(own_sums, part_of(group, groups), group.y, lane);
}

// Of an invocation of `spread` the first row and column, and its elements as dx holds them.
struct Spread {
    row: u32,
    column: u32,
    elements: array<array<f32, STRIDE_W>, STRIDE_H>,
}

// Which element of a block a tap meets: dx[STRIDE·row + r] has w[k]·dy[row + (r + PAD - k·DILATION) / STRIDE] where that is whole.
fn element_of(kh: u32, kw: u32) -> vec2<u32> {
    return vec2(
        (kh * DILATION_H + PAD_H * (STRIDE_H - 1u)) % STRIDE_H,
        (kw * DILATION_W + PAD_W * (STRIDE_W - 1u)) % STRIDE_W,
    );
}

// What the taps of a block of dx meet of dy, which is x here.
fn met_by_taps(plane: u32, channel: u32, unit: u32) -> Taps {
    let row = unit / p.columns;
    let column = unit - row * p.columns;
    let start = p.base_x + plane * p.in_h * p.in_w;
    var met_by: Taps;
    for (var kh = 0u; kh < KERNEL_H; kh++) {
        let r = element_of(kh, 0u).x;
        let oh = row + (r + PAD_H + kh * DILATION_H * (STRIDE_H - 1u)) / STRIDE_H - kh * DILATION_H;
        let line = start + min(oh, p.in_h - 1u) * p.in_w;
        for (var kw = 0u; kw < KERNEL_W; kw++) {
            let c = element_of(0u, kw).y;
            let ow = column + (c + PAD_W + kw * DILATION_W * (STRIDE_W - 1u)) / STRIDE_W - kw * DILATION_W;
            let value = element_at(line + min(ow, p.in_w - 1u), channel);
            met_by[kh * KERNEL_W + kw] = select(0.0, value, oh < p.in_h && ow < p.in_w);
        }
    }
    return met_by;
}

// y is dx here.
fn spread_by(met_by: Taps, channel: u32, unit: u32) -> Spread {
    let row = unit / p.columns;
    var sums: array<array<f32, STRIDE_W>, STRIDE_H>;
    for (var tap = 0u; tap < TAPS; tap++) {
        let at = element_of(tap / KERNEL_W, tap % KERNEL_W);
        sums[at.x][at.y] = fma(weight_of(channel, tap), met_by[tap], sums[at.x][at.y]);
    }
    for (var r = 0u; r < STRIDE_H; r++) {
        for (var c = 0u; c < STRIDE_W; c++) {
            sums[r][c] = f32(YType(sums[r][c]));
        }
    }
    return Spread(row * STRIDE_H, (unit - row * p.columns) * STRIDE_W, sums);
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
        store_spread(plane, spread_by(met_by_taps(plane, group.y, unit), group.y, unit));
    }
}

@compute @workgroup_size(64)
fn spread_with_grad_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    let plane = group.z * p.channels + group.y;
    var own_sums = vec3(0.0);
    if (unit < p.units) {
        let own = spread_by(met_by_taps(plane, group.y, unit), group.y, unit);
        store_spread(plane, own);
        for (var r = 0u; r < STRIDE_H; r++) {
            for (var c = 0u; c < STRIDE_W; c++) {
                let inside = is_in_map(own, r, c);
                let at = place_in(plane, own, select(0u, r, inside), select(0u, c, inside));
                own_sums += select(vec3(0.0), grad_sums_of(own.elements[r][c], at, group.y), inside);
            }
        }
    }
    store_grad_sums(own_sums, part_of(group, groups), group.y, lane);
}

var<workgroup> sums_of_lanes: array<f32, LANES * TAPS>;

alias Taps = array<f32, TAPS>;

// Adds up what the lanes have of each tap.
fn sum_taps(own: Taps, lane: u32) {
    for (var tap = 0u; tap < TAPS; tap++) {
        sums_of_lanes[lane * TAPS + tap] = own[tap];
    }
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        for (var i = lane; i < step * TAPS; i += LANES) {
            sums_of_lanes[i] += sums_of_lanes[i + step * TAPS];
        }
        workgroupBarrier();
    }
}

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
    var totals: Taps;
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
                let window = window_of(plane, channel, row, column, terms);
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
    sum_taps(totals, lane);
    let split = p.first_split + group.y * groups.z + group.z;
    for (var tap = lane; tap < TAPS; tap += LANES) {
        y[(split * p.channels + channel) * TAPS + tap] = YType(sums_of_lanes[tap]);
    }
}

// What a workgroup adds up of both gradients; of the grad sums what was normalised is no part.
struct Gradients {
    taps: Taps,
    sums: vec3<f32>,
}

fn store_gradients(own: Gradients, group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let split = p.first_split + group.y * groups.z + group.z;
    store_grad_sums(own.sums, split, group.x, lane);
    sum_taps(own.taps, lane);
    for (var tap = lane; tap < TAPS; tap += LANES) {
        weight_parts[(split * p.channels + group.x) * TAPS + tap] = sums_of_lanes[tap];
    }
}

fn add_run(run: ptr<function, Gradients>, totals: ptr<function, Gradients>) {
    for (var tap = 0u; tap < TAPS; tap++) {
        (*totals).taps[tap] += (*run).taps[tap];
        (*run).taps[tap] = 0.0;
    }
    (*totals).sums += (*run).sums;
    (*run).sums = vec3(0.0);
}

@compute @workgroup_size(64)
fn slide_gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = group.x;
    let end = min((group.y + 1u) * p.samples_per_split, p.samples);
    let end_unit = min((group.z + 1u) * p.units_per_split, p.units);
    var totals: Gradients;
    for (var n = group.y * p.samples_per_split; n < end; n++) {
        let plane = n * p.channels + channel;
        for (var unit = group.z * p.units_per_split + lane; unit < end_unit;) {
            let end_run = min(unit + RUN * 64u, end_unit);
            var run: Gradients;
            for (; unit < end_run; unit += 64u) {
                let block = unit / p.columns;
                let column = unit - block * p.columns;
                let row = first_row(block);
                let window = window_of(plane, channel, row, column, vec3(0.0));
                let own = Slid(p.base_y + (plane * p.out_h + row) * p.out_w + column, row, sums_of(window, channel));
                store(own);
                for (var r = 0u; r < ROWS; r++) {
                    let at = own.to + min(r * APART, p.out_h - 1u - row) * p.out_w;
                    let more = select(vec3(0.0), grad_sums_of(own.outputs[r], at, channel), row + r * APART < p.out_h);
                    run.sums += more;
                    for (var kh = 0u; kh < KERNEL_H; kh++) {
                        for (var kw = 0u; kw < KERNEL_W; kw++) {
                            let tap = TAPS - 1u - (kh * KERNEL_W + kw);
                            run.taps[tap] = fma(more.z, window[r * TURN + kh][kw], run.taps[tap]);
                        }
                    }
                }
            }
            add_run(&run, &totals);
        }
    }
    store_gradients(totals, group, groups, lane);
}

@compute @workgroup_size(64)
fn spread_gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = group.x;
    let end = min((group.y + 1u) * p.samples_per_split, p.samples);
    let end_unit = min((group.z + 1u) * p.units_per_split, p.units);
    var totals: Gradients;
    for (var n = group.y * p.samples_per_split; n < end; n++) {
        let plane = n * p.channels + channel;
        for (var unit = group.z * p.units_per_split + lane; unit < end_unit;) {
            let end_run = min(unit + RUN * 64u, end_unit);
            var run: Gradients;
            for (; unit < end_run; unit += 64u) {
                let met_by = met_by_taps(plane, channel, unit);
                let own = spread_by(met_by, channel, unit);
                store_spread(plane, own);
                var made: array<array<f32, STRIDE_W>, STRIDE_H>;
                for (var r = 0u; r < STRIDE_H; r++) {
                    for (var c = 0u; c < STRIDE_W; c++) {
                        let inside = is_in_map(own, r, c);
                        let at = place_in(plane, own, select(0u, r, inside), select(0u, c, inside));
                        let more = select(vec3(0.0), grad_sums_of(own.elements[r][c], at, channel), inside);
                        run.sums += more;
                        made[r][c] = more.z;
                    }
                }
                for (var tap = 0u; tap < TAPS; tap++) {
                    let at = element_of(tap / KERNEL_W, tap % KERNEL_W);
                    run.taps[tap] = fma(made[at.x][at.y], met_by[tap], run.taps[tap]);
                }
            }
            add_run(&run, &totals);
        }
    }
    store_gradients(totals, group, groups, lane);
}
