// conv2d_cooperative: implicit GEMM convolution in an adapter's cooperative matrices (tensor cores), where it reports them.
// C[m,n] = Σ_k A[m,k]·B[k,n]; factors are rounded to f16, sums are f32. Each of four subgroups holds 2 × 2 matrices of
// SIZE × SIZE sums, a workgroup TILE × TILE; k goes in steps of DEPTH, whose tiles all its invocations load. LANES is the
// most that a subgroup has: where it has fewer, those beyond the fourth repeat the work of the first.
// FORWARD:      m filter o,  n pixel of y,  k (i, tap):  A = w,   B = x at the tap
// INPUT_GRAD:   m channel i, n pixel of x,  k (o, tap):  A = wᵀ,  B = dy at the tap
// WEIGHT_GRAD:  m filter o,  n (i, tap),    k pixel:     A = dy,  B = x at the tap
// Kernel and strides are constants: the divisions that find a tap are multiplications then. Of the kernel only taps that
// meet the map count; the gradient of x of a strided convolution has one launch for each phase, as in conv2d_texture.
// Grid: x = tiles of n, y = tiles of m, z = splits of k in WEIGHT_GRAD, whose parts `sum` adds up in a fixed order.
// Bindings: FORWARD x, w, y, bias; INPUT_GRAD dy, w, dx, w; WEIGHT_GRAD x, dy, parts, dy. Twin: reference/conv2d.rs
// Imports: activation, conv_steps, conv_taps, Direction

enable wgpu_cooperative_matrix;
enable f16;

alias MatrixA = coop_mat8x8<f16, A>;
alias MatrixB = coop_mat8x8<f16, B>;
alias MatrixC = coop_mat8x8<f32, C>;

const MODE: u32 = FORWARD;
const BIAS: bool = false;
const TAPS: u32 = 1u;
// Rows of taps that count.
const COUNT_H: u32 = 1u;

const COUNT: u32 = COUNT_H * COUNT_W;
const DEPTH: u32 = 16u;
// Terms after which the sums go into the totals: one long sum in f32 loses digits.
const RUN: u32 = 64u;
const SIZE: u32 = 8u;
const LANES: u32 = 8u;

const WORKERS: u32 = LANES * 4u;
const TILE: u32 = SIZE * 4u;
// Elements of a row of a tile; 8 more, for rows of matrices must begin at multiples of 16 bytes.
const ROW: u32 = TILE + 8u;
const BLOCK: u32 = SIZE * SIZE;

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
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<WType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> bias: array<BiasType>;

var<workgroup> factors_a: array<f16, DEPTH * ROW>;
var<workgroup> factors_b: array<f16, DEPTH * ROW>;
// One matrix of sums of each subgroup, on its way to y.
var<workgroup> finished: array<f32, 4u * BLOCK>;

// x at a tap of a pixel of y, zero outside the map and where it does not count.
fn x_at(pixel: vec3<u32>, i: u32, tap: vec2<u32>, counts: bool) -> f32 {
    let place = met_by_y(pixel, tap);
    let inside = counts && place.x < p.in_h && place.y < p.in_w;
    let at = p.base_x + ((pixel.x * p.in_channels + i) * p.in_h + place.x) * p.in_w + place.y;
    return select(0.0, f32(x[select(0u, at, inside)]), inside);
}

// The element of dy that meets a pixel of x at a tap, zero outside the map and where it does not count.
fn dy_at(pixel: vec3<u32>, o: u32, tap: vec2<u32>, counts: bool) -> f32 {
    let place = met_by_x(pixel, tap);
    let inside = counts && place.x < p.out_h && place.y < p.out_w;
    let at = p.base_x + ((pixel.x * p.out_channels + o) * p.out_h + place.x) * p.out_w + place.y;
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

fn load_factors(k0: u32, end_k: u32, first: vec2<u32>, end: vec2<u32>, lane: u32) {
    let stride = stride_a();
    for (var index = lane; index < DEPTH * TILE; index += WORKERS) {
        let row = index % DEPTH;
        let k = k0 + row;
        let m = first.x + index / DEPTH;
        factors_a[row * ROW + index / DEPTH] = f16(a_at(first_a(k), stride, m, select(0u, end.x, k < end_k)));
    }
    for (var index = lane; index < DEPTH * TILE; index += WORKERS) {
        // Neighbours read neighbouring pixels, which are columns but for gradients of weights.
        let row = select(index / TILE, index % DEPTH, MODE == WEIGHT_GRAD);
        let column = select(index % TILE, index / DEPTH, MODE == WEIGHT_GRAD);
        let k = k0 + row;
        let n = first.y + column;
        factors_b[row * ROW + column] = f16(factor_b(k, n, k < end_k && n < end.y));
    }
}

fn factor_b(k: u32, n: u32, counts: bool) -> f32 {
    if (MODE == WEIGHT_GRAD) {
        return b_of_weights(pixel_of(k), n, select(0u, n + 1u, counts));
    }
    return b_of_maps(pixel_of(n), k, counts);
}

// Stores the matrices of all subgroups that lie at `offset` (rows, columns) from their first.
fn store_matrices(sums: MatrixC, worker: u32, first: vec2<u32>, end: vec2<u32>, offset: vec2<u32>, group_z: u32, lane: u32) {
    workgroupBarrier();
    coopStoreT(sums, &finished[worker * BLOCK], SIZE);
    workgroupBarrier();
    for (var index = lane; index < 4u * BLOCK; index += WORKERS) {
        let owner = index / BLOCK;
        let element = index - owner * BLOCK;
        let m = first.x + owner / 2u * 2u * SIZE + offset.x + element / SIZE;
        let n = first.y + owner % 2u * 2u * SIZE + offset.y + element % SIZE;
        if (n < end.y) {
            let target_n = place_of(n, end, group_z);
            store(target_n.x, target_n.y, m, end.x, finished[index]);
        }
    }
}

@compute @workgroup_size(WORKERS)
fn cooperative(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let end = extents();
    let first = vec2(group.y, group.x) * TILE;
    var k0 = 0u;
    var end_k = p.terms;
    if (MODE == WEIGHT_GRAD) {
        k0 = group.z * p.terms_per_split;
        end_k = min(k0 + p.terms_per_split, p.terms);
    }
    let worker = subgroup % 4u;
    let own_m = worker / 2u * 2u * SIZE;
    let own_n = worker % 2u * 2u * SIZE;
    var total00 = MatrixC();
    var total01 = MatrixC();
    var total10 = MatrixC();
    var total11 = MatrixC();
    for (; k0 < end_k;) {
        let end_run = min(k0 + RUN, end_k);
        var sum00 = MatrixC();
        var sum01 = MatrixC();
        var sum10 = MatrixC();
        var sum11 = MatrixC();
        for (; k0 < end_run; k0 += DEPTH) {
            load_factors(k0, end_k, first, end, lane);
            workgroupBarrier();
            for (var k = 0u; k < DEPTH; k += SIZE) {
                let a0 = coopLoad<MatrixA>(&factors_a[k * ROW + own_m], ROW);
                let a1 = coopLoad<MatrixA>(&factors_a[k * ROW + own_m + SIZE], ROW);
                let b0 = coopLoadT<MatrixB>(&factors_b[k * ROW + own_n], ROW);
                let b1 = coopLoadT<MatrixB>(&factors_b[k * ROW + own_n + SIZE], ROW);
                sum00 = coopMultiplyAdd(a0, b0, sum00);
                sum01 = coopMultiplyAdd(a0, b1, sum01);
                sum10 = coopMultiplyAdd(a1, b0, sum10);
                sum11 = coopMultiplyAdd(a1, b1, sum11);
            }
            workgroupBarrier();
        }
        total00 = total00 + sum00;
        total01 = total01 + sum01;
        total10 = total10 + sum10;
        total11 = total11 + sum11;
    }
    store_matrices(total00, worker, first, end, vec2(0u, 0u), group.z, lane);
    store_matrices(total01, worker, first, end, vec2(0u, SIZE), group.z, lane);
    store_matrices(total10, worker, first, end, vec2(SIZE, 0u), group.z, lane);
    store_matrices(total11, worker, first, end, vec2(SIZE, SIZE), group.z, lane);
}
