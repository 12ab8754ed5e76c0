// conv2d_cooperative: implicit GEMM convolution in an adapter's cooperative matrices (tensor cores), where it reports them.
// The product C[m,n] = Σ_k A[m,k]·B[k,n], its modes, operands, constants and bounds are those of conv2d_tiled, whose text
// follows this one's; factors are rounded to f16, sums are f32. Each of four subgroups holds 2 × 2 matrices of SIZE × SIZE
// sums, a workgroup TILE × TILE; k goes in steps of DEPTH, whose tiles all its invocations load. LANES is the most
// that a subgroup has: where it has fewer, those beyond the fourth repeat the work of the first.
// Grid and Bindings: those of conv2d_tiled. Twin: reference/conv2d.rs
// Imports: conv2d_tiled

enable wgpu_cooperative_matrix;
enable f16;

alias MatrixA = coop_mat8x8<f16, A>;
alias MatrixB = coop_mat8x8<f16, B>;
alias MatrixC = coop_mat8x8<f32, C>;

const SIZE: u32 = 8u;
const LANES: u32 = 8u;

const WORKERS: u32 = LANES * 4u;
const TILE: u32 = SIZE * 4u;
// Elements of a row of a tile; 8 more, for rows of matrices must begin at multiples of 16 bytes.
const ROW: u32 = TILE + 8u;
const BLOCK: u32 = SIZE * SIZE;

var<workgroup> factors_a: array<f16, DEPTH * ROW>;
var<workgroup> factors_b: array<f16, DEPTH * ROW>;
// One matrix of sums of each subgroup, on its way to y.
var<workgroup> finished: array<f32, 4u * BLOCK>;

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
