// register_tile: a workgroup's part of the product C[m,n] = Σ_k A[m,k]·B[k,n]. Each invocation holds ROWS × COLUMNS
// sums in registers, THREADS_M and THREADS_N apart, so that neighbours read neighbouring vectors of the tiles. A vector of a
// tile has four terms of one row or column: one load brings what four times as many multiply-adds need.

// 8 or 1 rows and 8 or 4 columns of each invocation.
const ROWS: u32 = 8u;
const COLUMNS: u32 = 4u;
const THREADS_M: u32 = 16u;
const THREADS_N: u32 = 16u;
// Vectors of four terms that the tiles hold of each row and column.
const QUADS: u32 = 4u;
// How far vectors of the next four terms are turned within eight: loaders that store several of one row at once meet no
// memory bank twice then.
const TURN: u32 = 0u;

const DEPTH: u32 = QUADS * 4u;
// Terms after which the sums go into the totals: one long sum in f32 loses digits.
const RUN: u32 = 64u;
const THREADS: u32 = THREADS_M * THREADS_N;
const TILE_M: u32 = THREADS_M * ROWS;
const TILE_N: u32 = THREADS_N * COLUMNS;
// Vectors of the tiles that each invocation loads, of A perhaps by some only.
const LOADS_A: u32 = (QUADS * TILE_M + THREADS - 1u) / THREADS;
const LOADS_B: u32 = QUADS * TILE_N / THREADS;

// Of columns 0 to 3 of an invocation in rows 0 to 7, then of columns 4 to 7.
alias Sums = array<vec4<f32>, 16>;

var<workgroup> tile_a: array<vec4<f32>, QUADS * TILE_M>;
var<workgroup> tile_b: array<vec4<f32>, QUADS * TILE_N>;

// Where a row or column of a tile is among the vectors of a quad; `own` is how many of them turn.
fn slot(quad: u32, index: u32, own: u32) -> u32 {
    if (TURN == 0u) {
        return index;
    }
    return (index & ~(own - 1u)) | ((index + quad * TURN) & (own - 1u));
}

fn slot_a(quad: u32, m: u32) -> u32 {
    return quad * TILE_M + slot(quad, m, min(THREADS_M, 8u));
}

fn slot_b(quad: u32, n: u32) -> u32 {
    return quad * TILE_N + slot(quad, n, min(THREADS_N, 8u));
}

// Whether all invocations store a vector in each round over the tile of A; else those before its end do.
fn stores_a(index: u32) -> bool {
    return QUADS * TILE_M % THREADS == 0u || index < QUADS * TILE_M;
}

// Four columns of the tile by terms, from one on.
fn columns_from(at: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        tile_b[at],
        tile_b[at + THREADS_N],
        tile_b[at + 2u * THREADS_N],
        tile_b[at + 3u * THREADS_N],
    ));
}

fn added(sum: vec4<f32>, a: vec4<f32>, b: mat4x4<f32>) -> vec4<f32> {
    return fma(vec4(a.w), b[3], fma(vec4(a.z), b[2], fma(vec4(a.y), b[1], fma(vec4(a.x), b[0], sum))));
}

// Adds the products of the tiles to the invocation's sums.
fn multiply(own_m: u32, own_n: u32, sums: ptr<function, Sums>) {
    for (var quad = 0u; quad < QUADS; quad++) {
        let at_a = slot_a(quad, own_m);
        let at_b = slot_b(quad, own_n);
        let near = columns_from(at_b);
        var far = mat4x4<f32>();
        if (COLUMNS > 4u) {
            far = columns_from(at_b + 4u * THREADS_N);
        }
        for (var row = 0u; row < ROWS; row++) {
            let a = tile_a[at_a + row * THREADS_M];
            (*sums)[row] = added((*sums)[row], a, near);
            if (COLUMNS > 4u) {
                (*sums)[8u + row] = added((*sums)[8u + row], a, far);
            }
        }
    }
}

// Moves the sums of a run into the totals.
fn settle(sums: ptr<function, Sums>, totals: ptr<function, Sums>) {
    for (var index = 0u; index < 16u; index++) {
        (*totals)[index] += (*sums)[index];
        (*sums)[index] = vec4(0.0);
    }
}
