// conv2d_tiled: implicit GEMM convolution with shared-memory tiles, for hardware adapters: output or gradient of the input.
// x may be the output of a normalisation, and of a dropout after it, which are then made as it is loaded.
// FORWARD:      m filter o,  n pixel of y,  k (tap, i):  A = w,   B = x at the tap
// INPUT_GRAD:   m channel i, n pixel of x,  k (tap, o):  A = wᵀ,  B = dy at the tap
// An invocation loads one column of B, whose pixel it finds once, and whose place in the map once for each tap; within it
// only the channel changes. No load stands in a branch, and all of a step come before the first is used. Of the kernel
// only taps that meet the map count. Of the gradient of x of a strided convolution each phase has a launch, as in conv2d_texture,
// or neighbouring workgroups of one launch have the PHASES of the same pixels, so that they read them together. Weights are those
// that pack_weights wrote. DEPTH channels of a tap are a step.
// `with_stats` and `with_grad_sums` also leave what is added up over the map that they write: for each tile of n the count, mean
// and M2 of y as batch_stats has them, or the sums of batch_norm_grad_sums, dx being the gradient of what a
// normalisation of `met`, and perhaps a dropout, made. `combined` writes y + met, or dx times the slope of an activation that made
// `met`. Grid: x = tiles of n, of each all PHASES, y = tiles of m. Bindings: x or dy, packed weights, y or dx, bias, norm, seed, met, parts.
// Twin: reference/conv2d.rs, reference/batch_norm.rs
// Imports: activation, conv_steps, conv_taps, Direction, dropped_on_load, on_load, register_tile

const MODE: u32 = FORWARD;
const BIAS: bool = false;
const ADDS: bool = true;
// How many phases a launch has. If all of a gradient of x, there is no dilation, p.rows, p.columns and p.pixels are those of the first
// one, which has the most, and p.taps those of the whole kernel.
const PHASES: u32 = 1u;

// Quads of a column that the workgroup loads at once.
const QUADS_AT_ONCE: u32 = THREADS / TILE_N;

struct Params {
    base_x: u32,
    base_y: u32,
    channels: u32,
    height: u32,
    width: u32,
    filters: u32,
    out_height: u32,
    out_width: u32,
    rows: u32,
    columns: u32,
    pixels: u32,
    first_pixel: u32,
    first_part: u32,
    taps: u32, // zero in a phase that no tap meets
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias XType = f32;
alias YType = f32;
alias BiasType = f32;
alias MetType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> bias: array<BiasType>;
@group(0) @binding(5) var<storage, read> norm: array<f32>;
@group(0) @binding(6) var<storage, read> seed: array<f32>;
@group(0) @binding(7) var<storage, read> met: array<MetType>;
@group(0) @binding(8) var<storage, read_write> parts: array<f32>;

// The row and the column with which the pixels of a workgroup begin.
fn phase_of(group: u32) -> vec2<u32> {
    let phase = group % PHASES;
    return vec2(phase / STRIDE_W, phase % STRIDE_W);
}

// Rows and columns of the pixels.
fn extents_in(phase: vec2<u32>) -> vec2<u32> {
    return (vec2(p.out_height, p.out_width) - phase + vec2(STRIDE_H, STRIDE_W) - 1u) / vec2(STRIDE_H, STRIDE_W);
}

fn pixels_in(phase: vec2<u32>) -> u32 {
    if (PHASES == 1u) {
        return p.pixels;
    }
    let extents = extents_in(phase);
    return p.pixels / (p.rows * p.columns) * extents.x * extents.y;
}

// Sample, row and column of a pixel.
fn pixel_in(phase: vec2<u32>, index: u32) -> vec3<u32> {
    if (PHASES == 1u) {
        return pixel_of(index);
    }
    let extents = extents_in(phase);
    let n = index / (extents.x * extents.y);
    let rest = index - n * extents.x * extents.y;
    let row = rest / extents.y;
    return vec3(n, row * STRIDE_H + phase.x, (rest - row * extents.y) * STRIDE_W + phase.y);
}

// The first row and column of taps that meet the pixels; others follow a stride apart.
fn first_tap_in(phase: vec2<u32>) -> vec2<u32> {
    return (phase + vec2(PAD_H, PAD_W)) % vec2(STRIDE_H, STRIDE_W);
}

// Rows and columns of taps.
fn counts_in(phase: vec2<u32>) -> vec2<u32> {
    let kernel = vec2(p.taps / KERNEL_W, KERNEL_W);
    let strides = vec2(STRIDE_H, STRIDE_W);
    return (max(kernel, first_tap_in(phase)) - first_tap_in(phase) + strides - 1u) / strides;
}

fn taps_in(phase: vec2<u32>) -> u32 {
    if (PHASES == 1u) {
        return p.taps;
    }
    let counts = counts_in(phase);
    return counts.x * counts.y;
}

// Row and column in the kernel of the t-th tap.
fn tap_in(phase: vec2<u32>, t: u32) -> vec2<u32> {
    if (PHASES == 1u) {
        return tap_of(t);
    }
    let columns = counts_in(phase).y;
    let row = t / columns;
    return first_tap_in(phase) + vec2(row, t - row * columns) * vec2(STRIDE_H, STRIDE_W);
}

// Four channels of a pixel; those beyond the last repeat it, for their weights are zero.
fn channels_at(at: u32, first: u32, plane: u32, inside: bool, key: Word) -> vec4<f32> {
    let last = p.channels - 1u;
    let v = vec4(
        element_at(at, min(first, last), plane, key),
        element_at(at, min(first + 1u, last), plane, key),
        element_at(at, min(first + 2u, last), plane, key),
        element_at(at, min(first + 3u, last), plane, key),
    );
    return select(vec4(0.0), v, inside);
}

fn element_at(at: u32, channel: u32, plane: u32, key: Word) -> f32 {
    let place = at + channel * plane;
    if (MODE == INPUT_GRAD) {
        return f32(x[place]);
    }
    return dropped(normalised(f32(x[place]), terms_of(channel)), place, key);
}

// The sums of the invocation's part of the tile.
fn add_products(group: vec3<u32>, lane: u32, totals: ptr<function, Sums>) {
    let first_m = group.y * TILE_M;
    let first_n = p.first_pixel + group.x / PHASES * TILE_N;
    let phase = phase_of(group.x);
    let plane = p.height * p.width;
    let blocks = (p.channels + 3u) / 4u;
    let pixel = pixel_in(phase, min(first_n + lane % TILE_N, pixels_in(phase) - 1u));
    let base = p.base_x + pixel.x * p.channels * plane;
    let own_m = lane / THREADS_N;
    let own_n = lane % THREADS_N;
    var key: Word;
    if (MODE == FORWARD) {
        key = key_of_dropout();
    }
    var sums: Sums;
    for (var t = 0u; t < taps_in(phase); t++) {
        let tap = tap_in(phase, t);
        var place = met_by_y(pixel, tap);
        if (MODE == INPUT_GRAD) {
            place = met_by_x(pixel, tap);
        }
        let inside = place.x < p.height && place.y < p.width;
        let at = base + select(0u, place.x * p.width + place.y, inside);
        let first_weight = (tap.x * KERNEL_W + tap.y) * blocks;
        for (var c = 0u; c < p.channels;) {
            let end_run = min(c + RUN, p.channels);
            for (; c < end_run; c += DEPTH) {
                var a: array<vec4<f32>, LOADS_A>;
                for (var i = 0u; i < LOADS_A; i++) {
                    let index = lane + i * THREADS;
                    let m = min(first_m + index % TILE_M, p.filters - 1u);
                    let block = c / 4u + index / TILE_M;
                    let v = w[(first_weight + min(block, blocks - 1u)) * p.filters + m];
                    a[i] = select(vec4(0.0), v, block < blocks);
                }
                var b: array<vec4<f32>, LOADS_B>;
                for (var i = 0u; i < LOADS_B; i++) {
                    b[i] = channels_at(at, c + (lane / TILE_N + i * QUADS_AT_ONCE) * 4u, plane, inside, key);
                }
                for (var i = 0u; i < LOADS_A; i++) {
                    let index = lane + i * THREADS;
                    if (stores_a(index)) {
                        tile_a[index] = a[i];
                    }
                }
                for (var i = 0u; i < LOADS_B; i++) {
                    tile_b[lane + i * THREADS] = b[i];
                }
                workgroupBarrier();
                multiply(own_m, own_n, &sums);
                workgroupBarrier();
            }
            settle(&sums, totals);
        }
    }
}

// What an invocation's rows and columns of the tile are.
struct Own {
    row: u32,
    column: u32,
    first_m: u32,
    first_n: u32,
    phase: vec2<u32>,
}

fn own_of(group: vec3<u32>, lane: u32) -> Own {
    let row = lane / THREADS_N;
    let column = lane % THREADS_N;
    let first_n = p.first_pixel + group.x / PHASES * TILE_N;
    return Own(row, column, group.y * TILE_M + row, first_n + column, phase_of(group.x));
}

// The first element of y at a pixel.
fn place_of(own: Own, n: u32) -> u32 {
    let at = pixel_in(own.phase, n);
    return p.base_y + (at.x * p.filters * p.out_height + at.y) * p.out_width + at.z;
}

// Makes of sums what y holds, each once: whatever the end of a kernel reads again is this.
fn finish(own: Own, totals: ptr<function, Sums>) {
    for (var row = 0u; row < ROWS; row++) {
        var shift = 0.0;
        if (BIAS) {
            shift = f32(bias[min(own.first_m + row * THREADS_M, p.filters - 1u)]);
        }
        for (var at = row; at < COLUMNS / 4u * 8u; at += 8u) {
            let v = (*totals)[at];
            (*totals)[at] = vec4(finished(v.x, shift), finished(v.y, shift), finished(v.z, shift), finished(v.w, shift));
        }
    }
}

fn finished(total: f32, shift: f32) -> f32 {
    var v = total;
    if (BIAS) {
        v += shift;
    }
    if (MODE == FORWARD) {
        v = activate(v);
    }
    return f32(YType(v));
}

fn store(own: Own, totals: ptr<function, Sums>) {
    for (var column = 0u; column < COLUMNS; column++) {
        let n = own.first_n + column * THREADS_N;
        if (n < pixels_in(own.phase)) {
            let place = place_of(own, n);
            for (var row = 0u; row < ROWS; row++) {
                let m = own.first_m + row * THREADS_M;
                if (m < p.filters) {
                    let v = (*totals)[column / 4u * 8u + row][column % 4u];
                    y[place + m * p.out_height * p.out_width] = YType(v);
                }
            }
        }
    }
}

// What the invocations of a row of the tile hold, added up by the first of them.
fn sum_of_row(summand: vec2<f32>, own: Own) -> vec2<f32> {
    tile_b[own.row * THREADS_N + own.column] = vec4(summand, 0.0, 0.0);
    workgroupBarrier();
    var sum = vec2(0.0);
    if (own.column == 0u) {
        for (var i = 0u; i < THREADS_N; i++) {
            sum += tile_b[own.row * THREADS_N + i].xy;
        }
    }
    workgroupBarrier();
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var totals: Sums;
    add_products(group, lane, &totals);
    let own = own_of(group, lane);
    finish(own, &totals);
    store(own, &totals);
}

@compute @workgroup_size(THREADS)
fn combined(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var totals: Sums;
    add_products(group, lane, &totals);
    let own = own_of(group, lane);
    finish(own, &totals);
    for (var column = 0u; column < COLUMNS; column++) {
        let n = own.first_n + column * THREADS_N;
        if (n < pixels_in(own.phase)) {
            let place = place_of(own, n);
            for (var row = 0u; row < ROWS; row++) {
                let m = own.first_m + row * THREADS_M;
                if (m < p.filters) {
                    let at = place + m * p.out_height * p.out_width;
                    let v = totals[column / 4u * 8u + row][column % 4u];
                    let other = f32(met[at]);
                    y[at] = YType(select(v * slope(other), v + other, ADDS));
                }
            }
        }
    }
}

@compute @workgroup_size(THREADS)
fn with_stats(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var totals: Sums;
    add_products(group, lane, &totals);
    let own = own_of(group, lane);
    finish(own, &totals);
    store(own, &totals);
    // Differences from the first pixel of the tile are added up, so that no digits cancel.
    if (own.column == 0u) {
        for (var row = 0u; row < ROWS; row++) {
            tile_a[own.row + row * THREADS_M] = vec4(totals[row].x);
        }
    }
    workgroupBarrier();
    let count = f32(min(TILE_N, p.pixels - (own.first_n - own.column)));
    for (var row = 0u; row < ROWS; row++) {
        let m = own.first_m + row * THREADS_M;
        let first = tile_a[own.row + row * THREADS_M].x;
        var own_sums = vec2(0.0);
        for (var column = 0u; column < COLUMNS; column++) {
            let d = totals[column / 4u * 8u + row][column % 4u] - first;
            own_sums += select(vec2(0.0), vec2(d, d * d), own.first_n + column * THREADS_N < p.pixels);
        }
        let sum = sum_of_row(own_sums, own);
        if (own.column == 0u && m < p.filters) {
            let at = ((p.first_part + group.x) * p.filters + m) * 3u;
            parts[at] = count;
            parts[at + 1u] = first + sum.x / count;
            parts[at + 2u] = max(sum.y - sum.x * sum.x / count, 0.0);
        }
    }
}

@compute @workgroup_size(THREADS)
fn with_grad_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var totals: Sums;
    add_products(group, lane, &totals);
    let own = own_of(group, lane);
    finish(own, &totals);
    store(own, &totals);
    let key = key_of_dropout();
    for (var row = 0u; row < ROWS; row++) {
        let m = own.first_m + row * THREADS_M;
        let channel = min(m, p.filters - 1u);
        let terms = terms_of(channel);
        let inverse = inverse_of(channel);
        var own_sums = vec2(0.0);
        for (var column = 0u; column < COLUMNS; column++) {
            let n = own.first_n + column * THREADS_N;
            let place = place_of(own, min(n, pixels_in(own.phase) - 1u)) + channel * p.out_height * p.out_width;
            let from_mean = f32(met[place]) - terms.x;
            let dy = dropped(totals[column / 4u * 8u + row][column % 4u], place, key);
            let dz = slope(fma(from_mean, terms.y, terms.z)) * dy;
            own_sums += select(vec2(0.0), vec2(dz, dz * (from_mean * inverse)), n < pixels_in(own.phase));
        }
        let sum = sum_of_row(own_sums, own);
        if (own.column == 0u && m < p.filters) {
            let at = (p.first_part * PHASES + group.x) * 2u * p.filters + m;
            parts[at] = sum.x;
            parts[at + p.filters] = sum.y;
        }
    }
}
