// conv2d_tiled: implicit GEMM convolution with shared-memory tiles, for hardware adapters: output or gradient of the input.
// x may be the output of a normalisation, and of a dropout after it, which are then made as it is loaded.
// FORWARD:      m filter o,  n pixel of y,  k (tap, i):  A = w,   B = x at the tap
// INPUT_GRAD:   m channel i, n pixel of x,  k (tap, o):  A = wᵀ,  B = dy at the tap
// An invocation loads one column of B, whose pixel it finds once, and whose place in the map once for each tap; within it
// only the channel changes. No load stands in a branch, and all of a step come before the first is used. Of the kernel
// only taps that meet the map count; the gradient of x of a strided convolution has one launch for each phase, as in
// conv2d_texture. Weights are those that pack_weights wrote. DEPTH channels of a tap are a step.
// Grid: x = tiles of n, y = tiles of m. Bindings: x or dy, packed weights, y or dx, bias, norm, seed.
// Twin: reference/conv2d.rs
// Imports: conv_steps, conv_taps, Direction, dropped_on_load, on_load, register_tile

const MODE: u32 = FORWARD;
const BIAS: bool = false;

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
    taps: u32, // zero in a phase that no tap meets
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias XType = f32;
alias YType = f32;
alias BiasType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> bias: array<BiasType>;
@group(0) @binding(5) var<storage, read> norm: array<f32>;
@group(0) @binding(6) var<storage, read> seed: array<f32>;

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
    return dropped(normalised(f32(x[place]), terms_of(channel)), place, key);
}

fn store(place: u32, m: u32, value: f32) {
    if (m < p.filters) {
        var v = value;
        if (BIAS) {
            v += f32(bias[m]);
        }
        y[place + m * p.out_height * p.out_width] = YType(activate(v));
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first_m = group.y * TILE_M;
    let first_n = p.first_pixel + group.x * TILE_N;
    let plane = p.height * p.width;
    let blocks = (p.channels + 3u) / 4u;
    let pixel = pixel_of(min(first_n + lane % TILE_N, p.pixels - 1u));
    let base = p.base_x + pixel.x * p.channels * plane;
    let own_m = lane / THREADS_N;
    let own_n = lane % THREADS_N;
    let key = key_of_dropout();
    var sums: Sums;
    var totals: Sums;
    for (var t = 0u; t < p.taps; t++) {
        let tap = tap_of(t);
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
            settle(&sums, &totals);
        }
    }
    for (var column = 0u; column < COLUMNS; column++) {
        let n = first_n + own_n + column * THREADS_N;
        if (n < p.pixels) {
            let at = pixel_of(n);
            let place = p.base_y + (at.x * p.filters * p.out_height + at.y) * p.out_width + at.z;
            for (var row = 0u; row < ROWS; row++) {
                store(place, first_m + own_m + row * THREADS_M, totals[column / 4u * 8u + row][column % 4u]);
            }
        }
    }
}
