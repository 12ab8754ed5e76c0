// depthwise: convolution with one filter for each channel, and its two gradients, straight from the buffers.
// `slide`: an invocation computes ROWS outputs of a column, APART rows from each other: so far that each reads rows of the map
// that others read too. What these read is a window in registers, all of it loaded before the first multiplication; neighbours
// read neighbouring columns. FLIPPED for the gradient of the input of stride 1, which is such a convolution as well.
// `spread`: the gradient of the input of other strides: an invocation computes the STRIDE_H x STRIDE_W elements among which
// each tap meets one; which one is known when the pipeline is made.
// `weight_grad`: a workgroup adds up all taps of a channel, over the windows of `slide`; parts [splits,C,taps] are added up by
// `sum`.
// Grid of `slide` and `spread`: x = 64 columns of ROWS rows (blocks of elements) each, y = channels, z = samples; of
// `weight_grad`: x = channels, y = splits of the samples, z = splits of a sample.
// x of `slide` and `weight_grad` may be the output of a normalisation, which is then made as it is loaded.
// Bindings: x, w, y, norm, bias [C]; dy, w, dx; x, dy, parts, norm. Twin: reference/conv2d.rs
// Imports: conv_steps, on_load

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
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<WType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> norm: array<NormType>;
@group(0) @binding(5) var<storage, read> bias: array<BiasType>;

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
            let value = normalised(f32(x[line + min(v, p.in_w - 1u)]), terms);
            window[i][kw] = select(0.0, value, has_row && v < p.in_w);
        }
    }
    return window;
}

@compute @workgroup_size(64)
fn slide(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    if (unit >= p.units) {
        return;
    }
    let channel = group.y;
    let plane = group.z * p.channels + channel;
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
    let to = p.base_y + (plane * p.out_h + row) * p.out_w + column;
    for (var r = 0u; r < ROWS; r++) {
        if (row + r * APART < p.out_h) {
            y[to + r * (APART * p.out_w)] = YType(activate(sums[r] + shift));
        }
    }
}

// x is dy here and y is dx.
@compute @workgroup_size(64)
fn spread(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x * 64u + lane;
    if (unit >= p.units) {
        return;
    }
    let channel = group.y;
    let plane = group.z * p.channels + channel;
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
    let to = p.base_y + plane * p.out_h * p.out_w;
    for (var r = 0u; r < STRIDE_H; r++) {
        let ih = row * STRIDE_H + r;
        for (var c = 0u; c < STRIDE_W; c++) {
            let iw = column * STRIDE_W + c;
            if (ih < p.out_h && iw < p.out_w) {
                y[to + ih * p.out_w + iw] = YType(sums[r][c]);
            }
        }
    }
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
