// conv2d_tiled: implicit GEMM convolution with shared-memory tiles, for hardware adapters.
// C[m,n] = Σ_k A[m,k]·B[k,n]; 64×64 outputs for each workgroup of 16×16 invocations (4×4 each), k in steps of 16.
// MODE 0 forward:        m filter o,        n pixel,      k (i, tap):  A = w,  B = x at the tap
// MODE 1 gradient of x:  m channel i,       n pixel of x, k (o, tap):  A = wᵀ, B = dy at the tap
// MODE 2 gradient of w:  m filter o,        n (i, tap),   k pixel:     A = dy, B = x at the tap
// Grid: x = tiles of n, y = tiles of m, z = splits of k in MODE 2, whose parts `sum` adds up in a fixed order.
// Bindings: MODE 0 x, w, y, bias; MODE 1 dy, w, dx, w; MODE 2 x, dy, parts, dy. Twin: reference/conv2d.rs

const MODE: u32 = 0u;
const BIAS: bool = false;
const ACTIVATION: u32 = 0u; // 0 identity, 1 relu, 2 relu6, 3 leaky relu
const SLOPE: f32 = 0.0;
const TILE: u32 = 64u;
const STEP: u32 = 16u;
// Terms after which the sums go into the totals: one long sum in f32 loses digits.
const RUN: u32 = 64u;

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
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_h: u32,
    pad_w: u32,
    dilation_h: u32,
    dilation_w: u32,
    k_per_split: u32,
    first_split: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> bias: array<f32>;

var<workgroup> tile_a: array<f32, 1024>; // [STEP][TILE]
var<workgroup> tile_b: array<f32, 1024>; // [STEP][TILE]

fn activate(v: f32) -> f32 {
    switch ACTIVATION {
        case 0u: { return v; }
        case 1u: { return max(v, 0.0); }
        case 2u: { return clamp(v, 0.0, 6.0); }
        default: { return select(SLOPE * v, v, v > 0.0); }
    }
}

// Rows, columns and depth of the product.
fn extents() -> vec3<u32> {
    let taps = p.kernel_h * p.kernel_w;
    if (MODE == 0u) {
        return vec3(p.out_channels, p.samples * p.out_h * p.out_w, p.in_channels * taps);
    } else if (MODE == 1u) {
        return vec3(p.in_channels, p.samples * p.in_h * p.in_w, p.out_channels * taps);
    }
    return vec3(p.out_channels, p.in_channels * taps, p.samples * p.out_h * p.out_w);
}

// x at the tap of an output pixel, zero outside.
fn x_at_tap(n: u32, i: u32, oh: u32, ow: u32, tap: u32) -> f32 {
    let kh = tap / p.kernel_w;
    let ih = oh * p.stride_h + kh * p.dilation_h - p.pad_h;
    let iw = ow * p.stride_w + (tap - kh * p.kernel_w) * p.dilation_w - p.pad_w;
    if (ih >= p.in_h || iw >= p.in_w) {
        return 0.0;
    }
    return x[p.base_x + ((n * p.in_channels + i) * p.in_h + ih) * p.in_w + iw];
}

fn load_a(m: u32, k: u32) -> f32 {
    let taps = p.kernel_h * p.kernel_w;
    if (MODE == 0u) {
        return w[m * p.in_channels * taps + k];
    } else if (MODE == 1u) {
        let o = k / taps;
        return w[(o * p.in_channels + m) * taps + k - o * taps];
    }
    let plane = p.out_h * p.out_w;
    let n = k / plane;
    return w[p.base_y + (n * p.out_channels + m) * plane + k - n * plane];
}

fn load_b(k: u32, column: u32) -> f32 {
    let taps = p.kernel_h * p.kernel_w;
    if (MODE == 1u) {
        let o = k / taps;
        let tap = k - o * taps;
        let plane = p.in_h * p.in_w;
        let n = column / plane;
        let pixel = column - n * plane;
        let ih = pixel / p.in_w;
        let kh = tap / p.kernel_w;
        let th = ih + p.pad_h - kh * p.dilation_h;
        let tw = pixel - ih * p.in_w + p.pad_w - (tap - kh * p.kernel_w) * p.dilation_w;
        let oh = th / p.stride_h;
        let ow = tw / p.stride_w;
        if (oh >= p.out_h || ow >= p.out_w || oh * p.stride_h != th || ow * p.stride_w != tw) {
            return 0.0;
        }
        return x[p.base_x + ((n * p.out_channels + o) * p.out_h + oh) * p.out_w + ow];
    }
    let channel_tap = select(k, column, MODE == 2u);
    let place = select(column, k, MODE == 2u);
    let i = channel_tap / taps;
    let plane = p.out_h * p.out_w;
    let n = place / plane;
    let pixel = place - n * plane;
    let oh = pixel / p.out_w;
    return x_at_tap(n, i, oh, pixel - oh * p.out_w, channel_tap - i * taps);
}

fn store(m: u32, column: u32, split: u32, value: f32) {
    if (MODE == 2u) {
        let columns = p.in_channels * p.kernel_h * p.kernel_w;
        y[((p.first_split + split) * p.out_channels + m) * columns + column] = value;
        return;
    }
    var rows = p.out_channels;
    var plane = p.out_h * p.out_w;
    if (MODE == 1u) {
        rows = p.in_channels;
        plane = p.in_h * p.in_w;
    }
    let n = column / plane;
    var v = value;
    if (BIAS) {
        v += bias[m];
    }
    y[p.base_y + (n * rows + m) * plane + column - n * plane] = activate(v);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let extent = extents();
    let first_m = group.y * TILE;
    let first_n = group.x * TILE;
    var first_k = 0u;
    var end_k = extent.z;
    if (MODE == 2u) {
        first_k = group.z * p.k_per_split;
        end_k = min(first_k + p.k_per_split, extent.z);
    }
    let own_m = (lane / 16u) * 4u;
    let own_n = (lane % 16u) * 4u;
    var sum0 = vec4(0.0);
    var sum1 = vec4(0.0);
    var sum2 = vec4(0.0);
    var sum3 = vec4(0.0);
    var total0 = vec4(0.0);
    var total1 = vec4(0.0);
    var total2 = vec4(0.0);
    var total3 = vec4(0.0);
    for (var k0 = first_k; k0 < end_k; k0 += STEP) {
        for (var e = lane; e < TILE * STEP; e += 256u) {
            // A is contiguous in k, B in n: neighbours load neighbours.
            let ka = k0 + e % STEP;
            let m = first_m + e / STEP;
            var a = 0.0;
            if (ka < end_k && m < extent.x) {
                a = load_a(m, ka);
            }
            tile_a[(e % STEP) * TILE + e / STEP] = a;
            let kb = k0 + e / TILE;
            let n = first_n + e % TILE;
            var b = 0.0;
            if (kb < end_k && n < extent.y) {
                b = load_b(kb, n);
            }
            tile_b[e] = b;
        }
        workgroupBarrier();
        for (var k = 0u; k < STEP; k++) {
            let at_a = k * TILE + own_m;
            let at_b = k * TILE + own_n;
            let b = vec4(tile_b[at_b], tile_b[at_b + 1u], tile_b[at_b + 2u], tile_b[at_b + 3u]);
            sum0 = fma(vec4(tile_a[at_a]), b, sum0);
            sum1 = fma(vec4(tile_a[at_a + 1u]), b, sum1);
            sum2 = fma(vec4(tile_a[at_a + 2u]), b, sum2);
            sum3 = fma(vec4(tile_a[at_a + 3u]), b, sum3);
        }
        workgroupBarrier();
        if ((k0 - first_k) % RUN == RUN - STEP || k0 + STEP >= end_k) {
            total0 += sum0;
            total1 += sum1;
            total2 += sum2;
            total3 += sum3;
            sum0 = vec4(0.0);
            sum1 = vec4(0.0);
            sum2 = vec4(0.0);
            sum3 = vec4(0.0);
        }
    }
    for (var r = 0u; r < 4u; r++) {
        let m = first_m + own_m + r;
        let row = select(select(total0, total1, r == 1u), select(total2, total3, r == 3u), r >= 2u);
        for (var c = 0u; c < 4u; c++) {
            let n = first_n + own_n + c;
            if (m < extent.x && n < extent.y) {
                store(m, n, group.z, row[c]);
            }
        }
    }
}
