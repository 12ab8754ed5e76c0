// conv2d_tiled_weight_grad: the gradient of the weights as conv2d_tiled computes the other two: m filter o, n (i, tap),
// k pixel of dy; A = dy, B = x at the tap. An invocation loads four pixels of the same few rows and columns in every step;
// neighbours load neighbouring pixels. x may be the output of a normalisation,
// and of a dropout after it, which are then made as it is loaded.
// Grid: x = tiles of n, y = tiles of m, z = splits of k, whose parts `sum` adds up in a fixed order.
// Bindings: x, dy, parts, norm, seed. Twin: reference/conv2d.rs
// Imports: conv_steps, dropped_on_load, on_load, register_tile

const TAPS: u32 = 1u;

// Rows of a tile that the workgroup loads at once.
const AT_ONCE: u32 = THREADS / QUADS;

struct Params {
    base_x: u32,
    base_dy: u32,
    channels: u32,
    height: u32,
    width: u32,
    filters: u32,
    rows: u32,
    columns: u32,
    terms: u32,
    first_term: u32,
    terms_per_split: u32,
    first_split: u32,
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias XType = f32;
alias DyType = f32;
alias NormType = f32;
alias SeedType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> dy: array<DyType>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
@group(0) @binding(4) var<storage, read> norm: array<NormType>;
@group(0) @binding(5) var<storage, read> seed: array<SeedType>;

// A pixel of dy: its sample, row and column, and whether it counts.
struct Pixel {
    n: u32,
    row: u32,
    column: u32,
    counts: bool,
}

// The pixel that lies this many columns further, in a later row or sample where there are not so many.
fn further(pixel: Pixel, columns: u32) -> Pixel {
    var next = pixel;
    next.column += columns;
    for (; next.column >= p.columns; next.row++) {
        next.column -= p.columns;
    }
    for (; next.row >= p.rows; next.n++) {
        next.row -= p.rows;
    }
    return next;
}

fn after(pixel: Pixel, counts: bool) -> Pixel {
    let ends_row = pixel.column + 1u == p.columns;
    let row = select(pixel.row, pixel.row + 1u, ends_row);
    let ends_sample = row == p.rows;
    return Pixel(
        select(pixel.n, pixel.n + 1u, ends_sample),
        select(row, 0u, ends_sample),
        select(pixel.column + 1u, 0u, ends_row),
        counts,
    );
}

// Element of dy at a pixel that lies k pixels from the first, of the first filter.
fn place_in_dy(pixel: Pixel, k: u32) -> u32 {
    return p.base_dy + k + pixel.n * ((p.filters - 1u) * p.rows * p.columns);
}

fn dy_at(place: u32, counts: bool) -> f32 {
    return select(0.0, f32(dy[select(0u, place, counts)]), counts);
}

// Element of x at the place of a pixel, of the first channel.
fn place_in_x(pixel: Pixel) -> u32 {
    let row = (pixel.n * p.channels * p.height + pixel.row * STRIDE_H) * p.width;
    return p.base_x + row + pixel.column * STRIDE_W;
}

// x at `place` and further by what a column is from it (rows, columns, elements), zero outside the map and where the pixel
// does not count.
fn x_at(place: u32, pixel: Pixel, column: vec3<u32>, terms: vec3<f32>, key: Word) -> f32 {
    let ih = pixel.row * STRIDE_H + column.x;
    let iw = pixel.column * STRIDE_W + column.y;
    let inside = pixel.counts && ih < p.height && iw < p.width;
    let at = select(0u, place + column.z, inside);
    return select(0.0, dropped(normalised(f32(x[at]), terms), at, key), inside);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first_m = group.y * TILE_M;
    let first_n = group.x * TILE_N;
    let end_n = p.channels * TAPS;
    let quad = lane % QUADS;
    let own_m = lane / THREADS_N;
    let own_n = lane % THREADS_N;
    let plane = p.rows * p.columns;
    var filters: array<u32, LOADS_A>;
    for (var i = 0u; i < LOADS_A; i++) {
        filters[i] = min(first_m + lane / QUADS + i * AT_ONCE, p.filters - 1u) * plane;
    }
    let key = key_of_dropout();
    var columns: array<vec3<u32>, LOADS_B>;
    var terms: array<vec3<f32>, LOADS_B>;
    for (var i = 0u; i < LOADS_B; i++) {
        let n = min(first_n + lane / QUADS + i * AT_ONCE, end_n - 1u);
        let channel = n / TAPS;
        let tap = n - channel * TAPS;
        let row = tap / KERNEL_W * DILATION_H - PAD_H;
        let column = tap % KERNEL_W * DILATION_W - PAD_W;
        columns[i] = vec3(row, column, (channel * p.height + row) * p.width + column);
        terms[i] = terms_of(channel);
    }
    let first_k = p.first_term + group.z * p.terms_per_split;
    let end_k = min(first_k + p.terms_per_split, p.terms);
    let n = (first_k + quad * 4u) / plane;
    let rest = first_k + quad * 4u - n * plane;
    var pixel = Pixel(n, rest / p.columns, rest % p.columns, true);
    var sums: Sums;
    var totals: Sums;
    for (var k0 = first_k; k0 < end_k;) {
        let end_run = min(k0 + RUN, end_k);
        for (; k0 < end_run; k0 += DEPTH) {
            let k = k0 + quad * 4u;
            pixel.counts = k < end_k;
            let pixel1 = after(pixel, k + 1u < end_k);
            let pixel2 = after(pixel1, k + 2u < end_k);
            let pixel3 = after(pixel2, k + 3u < end_k);
            let dy0 = place_in_dy(pixel, k);
            let dy1 = place_in_dy(pixel1, k + 1u);
            let dy2 = place_in_dy(pixel2, k + 2u);
            let dy3 = place_in_dy(pixel3, k + 3u);
            var a: array<vec4<f32>, LOADS_A>;
            for (var i = 0u; i < LOADS_A; i++) {
                let m = filters[i];
                a[i] = vec4(
                    dy_at(dy0 + m, pixel.counts),
                    dy_at(dy1 + m, pixel1.counts),
                    dy_at(dy2 + m, pixel2.counts),
                    dy_at(dy3 + m, pixel3.counts),
                );
            }
            let x0 = place_in_x(pixel);
            let x1 = place_in_x(pixel1);
            let x2 = place_in_x(pixel2);
            let x3 = place_in_x(pixel3);
            var b: array<vec4<f32>, LOADS_B>;
            for (var i = 0u; i < LOADS_B; i++) {
                let column = columns[i];
                b[i] = vec4(
                    x_at(x0, pixel, column, terms[i], key),
                    x_at(x1, pixel1, column, terms[i], key),
                    x_at(x2, pixel2, column, terms[i], key),
                    x_at(x3, pixel3, column, terms[i], key),
                );
            }
            pixel = further(pixel, DEPTH);
            for (var i = 0u; i < LOADS_A; i++) {
                if (stores_a(lane + i * THREADS)) {
                    tile_a[slot_a(quad, lane / QUADS + i * AT_ONCE)] = a[i];
                }
            }
            for (var i = 0u; i < LOADS_B; i++) {
                tile_b[slot_b(quad, lane / QUADS + i * AT_ONCE)] = b[i];
            }
            workgroupBarrier();
            multiply(own_m, own_n, &sums);
            workgroupBarrier();
        }
        settle(&sums, &totals);
    }
    let origin = (p.first_split + group.z) * p.filters * end_n;
    for (var column = 0u; column < COLUMNS; column++) {
        let n = first_n + own_n + column * THREADS_N;
        for (var row = 0u; row < ROWS; row++) {
            let m = first_m + own_m + row * THREADS_M;
            if (m < p.filters && n < end_n) {
                parts[origin + m * end_n + n] = totals[column / 4u * 8u + row][column % 4u];
            }
        }
    }
}
