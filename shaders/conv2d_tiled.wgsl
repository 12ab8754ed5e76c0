// conv2d_tiled: implicit GEMM convolution with shared-memory tiles, for hardware adapters.
// C[m,n] = Σ_k A[m,k]·B[k,n]; each invocation holds 8×4 outputs in registers, a workgroup THREADS_M × THREADS_N times as
// many; k goes in steps of DEPTH, whose tiles the workgroup loads once and reads as vectors. An invocation writes whole
// vectors: of one that several write by components, a compiler may write all. No load stands in a branch, so that they
// wait for memory together.
// FORWARD:      m filter o,  n pixel of y,  k (i, tap):  A = w,   B = x at the tap
// INPUT_GRAD:   m channel i, n pixel of x,  k (o, tap):  A = wᵀ,  B = dy at the tap
// WEIGHT_GRAD:  m filter o,  n (i, tap),    k pixel:     A = dy,  B = x at the tap
// Kernel and strides are constants: the divisions that find a tap are multiplications then. A pixel is found by true
// divisions, once for each invocation, in WEIGHT_GRAD once for each step. Of the kernel only taps that meet the map count;
// the gradient of x of a strided convolution has one launch for each phase, as in conv2d_texture.
// Grid: x = tiles of n, y = tiles of m, z = splits of k in WEIGHT_GRAD, whose parts `sum` adds up in a fixed order.
// Bindings: FORWARD x, w, y, bias; INPUT_GRAD dy, w, dx, w; WEIGHT_GRAD x, dy, parts, dy. Twin: reference/conv2d.rs
// Imports: activation, Direction

const MODE: u32 = FORWARD;
const THREADS_M: u32 = 8u;
const THREADS_N: u32 = 16u;
const BIAS: bool = false;
const TAPS: u32 = 1u;
const KERNEL_W: u32 = 1u;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const PAD_H: u32 = 0u;
const PAD_W: u32 = 0u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;
// Taps that count: COUNT of them from FIRST on, every STEP-th.
const COUNT_H: u32 = 1u;
const COUNT_W: u32 = 1u;
const FIRST_H: u32 = 0u;
const FIRST_W: u32 = 0u;
const STEP_H: u32 = 1u;
const STEP_W: u32 = 1u;
// Pixels of n or k: every EVERY-th row and column from PHASE on.
const PHASE_H: u32 = 0u;
const PHASE_W: u32 = 0u;
const EVERY_H: u32 = 1u;
const EVERY_W: u32 = 1u;

const COUNT: u32 = COUNT_H * COUNT_W;
const DEPTH: u32 = 16u;
// Terms after which the sums go into the totals: one long sum in f32 loses digits.
const RUN: u32 = 64u;
const THREADS: u32 = THREADS_M * THREADS_N;
const TILE_M: u32 = THREADS_M * 8u;
const TILE_N: u32 = THREADS_N * 4u;
// Columns n and n + PAIRS are a vector of B: neighbours load neighbouring pixels, and hold two places, not four.
const PAIRS: u32 = TILE_N / 2u;
// Vectors of a row of a tile, and one more so that a column does not lie in one memory bank.
const ROW_A: u32 = TILE_M / 4u + 1u;
const ROW_B: u32 = PAIRS + 1u;

struct Params {
    base_x: u32,
    base_y: u32,
    samples: u32,
    in_channels: u32,
    in_h: u32,
    in_w: u32,
    out_channels: u32,
    out_h: u32,
    out_w: u32,
    rows: u32,
    columns: u32,
    terms: u32,
    terms_per_split: u32,
    first_split: u32,
}

alias XType = f32;
alias WType = f32;
alias YType = f32;
alias BiasType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<WType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> bias: array<BiasType>;

var<workgroup> tile_a: array<vec4<f32>, DEPTH * ROW_A>;
var<workgroup> tile_b: array<vec2<f32>, DEPTH * ROW_B>;

// Sample, row and column of a pixel.
fn pixel_of(index: u32) -> vec3<u32> {
    let plane = p.rows * p.columns;
    let n = index / plane;
    let rest = index - n * plane;
    let row = rest / p.columns;
    return vec3(n, row * EVERY_H + PHASE_H, (rest - row * p.columns) * EVERY_W + PHASE_W);
}

// Row and column in the kernel of the t-th tap that counts.
fn tap_of(t: u32) -> vec2<u32> {
    let row = t / COUNT_W;
    return vec2(FIRST_H + row * STEP_H, FIRST_W + (t - row * COUNT_W) * STEP_W);
}

// x at a tap of a pixel of y, zero outside the map and where it does not count.
fn x_at(pixel: vec3<u32>, i: u32, tap: vec2<u32>, counts: bool) -> f32 {
    let ih = pixel.y * STRIDE_H + tap.x * DILATION_H - PAD_H;
    let iw = pixel.z * STRIDE_W + tap.y * DILATION_W - PAD_W;
    let inside = counts && ih < p.in_h && iw < p.in_w;
    let at = p.base_x + ((pixel.x * p.in_channels + i) * p.in_h + ih) * p.in_w + iw;
    return select(0.0, f32(x[select(0u, at, inside)]), inside);
}

// The element of dy that meets a pixel of x at a tap, zero outside the map and where it does not count. Before the map the
// difference wraps to a row far beyond; taps that do not divide evenly belong to another phase.
fn dy_at(pixel: vec3<u32>, o: u32, tap: vec2<u32>, counts: bool) -> f32 {
    let oh = (pixel.y + PAD_H - tap.x * DILATION_H) / STRIDE_H;
    let ow = (pixel.z + PAD_W - tap.y * DILATION_W) / STRIDE_W;
    let inside = counts && oh < p.out_h && ow < p.out_w;
    let at = p.base_x + ((pixel.x * p.out_channels + o) * p.out_h + oh) * p.out_w + ow;
    return select(0.0, f32(x[select(0u, at, inside)]), inside);
}

// Rows and columns of the product.
fn extents() -> vec2<u32> {
    if (MODE == WEIGHT_GRAD) {
        return vec2(p.out_channels, p.in_channels * TAPS);
    }
    return vec2(select(p.in_channels, p.out_channels, MODE == FORWARD), p.samples * p.rows * p.columns);
}

// Elements of A from one m to the next.
fn stride_a() -> u32 {
    if (MODE == FORWARD) {
        return p.in_channels * TAPS;
    }
    return select(TAPS, p.rows * p.columns, MODE == WEIGHT_GRAD);
}

// Element of A at m = 0.
fn first_a(k: u32) -> u32 {
    if (MODE == WEIGHT_GRAD) {
        let plane = p.rows * p.columns;
        let n = k / plane;
        return p.base_y + n * p.out_channels * plane + k - n * plane;
    }
    let channel = k / COUNT;
    let tap = tap_of(k - channel * COUNT);
    return channel * select(p.in_channels * TAPS, TAPS, MODE == FORWARD) + tap.x * KERNEL_W + tap.y;
}

// Element of A in row m of those before `end`, zero beyond.
fn a_at(first: u32, stride: u32, m: u32, end: u32) -> f32 {
    let inside = m < end;
    return select(0.0, f32(w[select(0u, first + m * stride, inside)]), inside);
}

// Element of B in WEIGHT_GRAD, of a channel of x at a tap, zero from column `end` on.
fn b_of_weights(pixel: vec3<u32>, n: u32, end: u32) -> f32 {
    let channel = n / TAPS;
    return x_at(pixel, channel, tap_of(n - channel * TAPS), n < end);
}

// Element of B in the other modes, where it counts.
fn b_of_maps(pixel: vec3<u32>, k: u32, counts: bool) -> f32 {
    let channel = k / COUNT;
    let tap = tap_of(k - channel * COUNT);
    if (MODE == FORWARD) {
        return x_at(pixel, channel, tap, counts);
    }
    return dy_at(pixel, channel, tap, counts);
}

fn load_a(k0: u32, end_k: u32, first_m: u32, end_m: u32, lane: u32) {
    let k = k0 + lane % DEPTH;
    let first = first_a(k);
    let stride = stride_a();
    let end = select(0u, end_m, k < end_k);
    for (var quad = lane / DEPTH; quad < TILE_M / 4u; quad += THREADS / DEPTH) {
        let m = first_m + quad * 4u;
        tile_a[lane % DEPTH * ROW_A + quad] = vec4(
            a_at(first, stride, m, end),
            a_at(first, stride, m + 1u, end),
            a_at(first, stride, m + 2u, end),
            a_at(first, stride, m + 3u, end),
        );
    }
}

// `pixel0` and `pixel1` are the invocation's own, of columns first_n + lane % PAIRS and PAIRS further.
fn load_b(k0: u32, end_k: u32, first_n: u32, end_n: u32, pixel0: vec3<u32>, pixel1: vec3<u32>, lane: u32) {
    if (MODE == WEIGHT_GRAD) {
        let k = k0 + lane % DEPTH;
        let pixel = pixel_of(k);
        let end = select(0u, end_n, k < end_k);
        for (var pair = lane / DEPTH; pair < PAIRS; pair += THREADS / DEPTH) {
            let n = first_n + pair;
            tile_b[lane % DEPTH * ROW_B + pair] =
                vec2(b_of_weights(pixel, n, end), b_of_weights(pixel, n + PAIRS, end));
        }
        return;
    }
    let pair = lane % PAIRS;
    let n = first_n + pair;
    for (var row = lane / PAIRS; row < DEPTH; row += THREADS / PAIRS) {
        let k = k0 + row;
        let end = select(0u, end_n, k < end_k);
        tile_b[row * ROW_B + pair] = vec2(b_of_maps(pixel0, k, n < end), b_of_maps(pixel1, k, n + PAIRS < end));
    }
}

// Where column n begins in y, and elements from one m to the next.
fn place_of(n: u32, end: vec2<u32>, split: u32) -> vec2<u32> {
    if (MODE == WEIGHT_GRAD) {
        return vec2((p.first_split + split) * end.x * end.y + n, end.y);
    }
    let width = select(p.in_w, p.out_w, MODE == FORWARD);
    let stride = select(p.in_h, p.out_h, MODE == FORWARD) * width;
    let at = pixel_of(n);
    return vec2(p.base_y + at.x * end.x * stride + at.y * width + at.z, stride);
}

// One output; m counts filters or channels.
fn store(place: u32, stride: u32, m: u32, end_m: u32, value: f32) {
    if (m < end_m) {
        var v = value;
        if (BIAS) {
            v += f32(bias[m]);
        }
        y[place + m * stride] = YType(activate(v));
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let end = extents();
    let first_m = group.y * TILE_M;
    let first_n = group.x * TILE_N;
    var k0 = 0u;
    var end_k = p.terms;
    if (MODE == WEIGHT_GRAD) {
        k0 = group.z * p.terms_per_split;
        end_k = min(k0 + p.terms_per_split, p.terms);
    }
    let own_m = lane / THREADS_N;
    let own_n = lane % THREADS_N;
    let pixel0 = pixel_of(first_n + lane % PAIRS);
    let pixel1 = pixel_of(first_n + lane % PAIRS + PAIRS);
    var sum0 = vec4(0.0);
    var sum1 = vec4(0.0);
    var sum2 = vec4(0.0);
    var sum3 = vec4(0.0);
    var sum4 = vec4(0.0);
    var sum5 = vec4(0.0);
    var sum6 = vec4(0.0);
    var sum7 = vec4(0.0);
    var total0 = vec4(0.0);
    var total1 = vec4(0.0);
    var total2 = vec4(0.0);
    var total3 = vec4(0.0);
    var total4 = vec4(0.0);
    var total5 = vec4(0.0);
    var total6 = vec4(0.0);
    var total7 = vec4(0.0);
    for (; k0 < end_k;) {
        let end_run = min(k0 + RUN, end_k);
        for (; k0 < end_run; k0 += DEPTH) {
            load_a(k0, end_k, first_m, end.x, lane);
            load_b(k0, end_k, first_n, end.y, pixel0, pixel1, lane);
            workgroupBarrier();
            for (var k = 0u; k < DEPTH; k++) {
                let low = tile_a[k * ROW_A + own_m * 2u];
                let high = tile_a[k * ROW_A + own_m * 2u + 1u];
                let even = tile_b[k * ROW_B + own_n];
                let odd = tile_b[k * ROW_B + own_n + THREADS_N];
                let b = vec4(even.x, odd.x, even.y, odd.y);
                sum0 = fma(vec4(low.x), b, sum0);
                sum1 = fma(vec4(low.y), b, sum1);
                sum2 = fma(vec4(low.z), b, sum2);
                sum3 = fma(vec4(low.w), b, sum3);
                sum4 = fma(vec4(high.x), b, sum4);
                sum5 = fma(vec4(high.y), b, sum5);
                sum6 = fma(vec4(high.z), b, sum6);
                sum7 = fma(vec4(high.w), b, sum7);
            }
            workgroupBarrier();
        }
        total0 += sum0;
        total1 += sum1;
        total2 += sum2;
        total3 += sum3;
        total4 += sum4;
        total5 += sum5;
        total6 += sum6;
        total7 += sum7;
        sum0 = vec4(0.0);
        sum1 = vec4(0.0);
        sum2 = vec4(0.0);
        sum3 = vec4(0.0);
        sum4 = vec4(0.0);
        sum5 = vec4(0.0);
        sum6 = vec4(0.0);
        sum7 = vec4(0.0);
    }
    let m = first_m + own_m * 8u;
    for (var c = 0u; c < 4u; c++) {
        let n = first_n + own_n + c * THREADS_N;
        if (n < end.y) {
            let place = place_of(n, end, group.z);
            store(place.x, place.y, m, end.x, total0[c]);
            store(place.x, place.y, m + 1u, end.x, total1[c]);
            store(place.x, place.y, m + 2u, end.x, total2[c]);
            store(place.x, place.y, m + 3u, end.x, total3[c]);
            store(place.x, place.y, m + 4u, end.x, total4[c]);
            store(place.x, place.y, m + 5u, end.x, total5[c]);
            store(place.x, place.y, m + 6u, end.x, total6[c]);
            store(place.x, place.y, m + 7u, end.x, total7[c]);
        }
    }
}
