// conv2d_texture_weight_grad: gradient of the weights from storage textures, for software adapters.
// dw[o,i,kh,kw] = Σ over samples and pixels of dy[n,o,oh,ow]·x[n,i,ih,iw]: a GEMM whose long axis is the pixels.
// Maps are packed four channels to a texel (pack_texture). Each lane takes ACROSS groups of four channels of the
// `across` operand (x, or dy with SWAPPED, whichever fills the lanes better); all lanes share GROUPS groups of the
// other: GROUPS + ACROSS texel loads bring 16·GROUPS·ACROSS multiply-adds. Rows and columns run exactly over the pixels
// whose tap lies in the map. Output rows are split over workgroups; parts are added up by `sum` in a fixed order.
// Maps of their own for each tap, x_per_tap and dy_per_tap texels apart, make it a batch of products (winograd_maps).
// Grid: x = blocks of LANES·ACROSS·4 across channels, y = blocks of GROUPS·4 shared channels, z = tap + taps·split.
// Bindings: parts [splits,O,I,KH,KW], x texture, dy texture. Twin: reference/conv2d.rs
// Imports: texel

const LANES: u32 = 8u;
const GROUPS: u32 = 4u;
const ACROSS: u32 = 2u;
// Pixels after which the sums go into the totals: one long sum in f32 loses digits.
const RUN: u32 = 32u;
const SWAPPED: bool = false;

struct Params {
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
    rows_per_split: u32,
    first_part: u32,
    x_per_tap: u32,
    dy_per_tap: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var dy: texture_storage_2d<rgba32float, read>;

fn x_texel(t: u32) -> vec4<f32> {
    return textureLoad(x, texel_place(t));
}

fn dy_texel(t: u32) -> vec4<f32> {
    return textureLoad(dy, texel_place(t));
}

// First output index whose tap at `offset` (kh·dilation) is not before the map.
fn first_inside(offset: u32, pad: u32, stride: u32) -> u32 {
    return (max(pad, offset) - offset + stride - 1u) / stride;
}

// One past the last output index whose tap is not after the map.
fn end_inside(offset: u32, pad: u32, stride: u32, extent_in: u32, extent_out: u32) -> u32 {
    if (extent_in + pad <= offset) {
        return 0u;
    }
    return min((extent_in + pad - offset - 1u) / stride + 1u, extent_out);
}

// First output row whose tap lies in the map, and one past the last.
fn rows_of(kh: u32) -> vec2<u32> {
    let offset = kh * p.dilation_h;
    return vec2(first_inside(offset, p.pad_h, p.stride_h), end_inside(offset, p.pad_h, p.stride_h, p.in_h, p.out_h));
}

// The same of columns.
fn columns_of(kw: u32) -> vec2<u32> {
    let offset = kw * p.dilation_w;
    return vec2(first_inside(offset, p.pad_w, p.stride_w), end_inside(offset, p.pad_w, p.stride_w, p.in_w, p.out_w));
}

// What the workgroups of one z sum: a tap and a split of the rows; blocks and planes of the two operands, their first texels,
// and the rows and columns whose tap lies in the map.
struct Part {
    split: u32,
    tap: u32,
    kh: u32,
    kw: u32,
    x_blocks: u32,
    dy_blocks: u32,
    across_blocks: u32,
    shared_blocks: u32,
    across_plane: u32,
    shared_plane: u32,
    x_first: u32,
    dy_first: u32,
    rows: vec2<u32>,
    columns: vec2<u32>,
}

fn part_of(z: u32) -> Part {
    let taps = p.kernel_h * p.kernel_w;
    let split = z / taps;
    let tap = z - split * taps;
    let kh = tap / p.kernel_w;
    let kw = tap - kh * p.kernel_w;
    let blocks = vec2(blocks_of(p.in_channels), blocks_of(p.out_channels));
    let planes = vec2(p.in_h * p.in_w, p.out_h * p.out_w);
    return Part(
        split, tap, kh, kw, blocks.x, blocks.y,
        select(blocks.x, blocks.y, SWAPPED), select(blocks.y, blocks.x, SWAPPED),
        select(planes.x, planes.y, SWAPPED), select(planes.y, planes.x, SWAPPED),
        1u + tap * p.x_per_tap, 1u + tap * p.dy_per_tap, rows_of(kh), columns_of(kw));
}

// Writes the sums of four channels of the shared operand (columns) and four of the other.
fn write_part(split: u32, tap: u32, shared_block: u32, across_block: u32, sums: mat4x4<f32>) {
    for (var s = 0u; s < 4u; s++) {
        for (var l = 0u; l < 4u; l++) {
            let o = select(shared_block * 4u + s, across_block * 4u + l, SWAPPED);
            let i = select(across_block * 4u + l, shared_block * 4u + s, SWAPPED);
            if (o < p.out_channels && i < p.in_channels) {
                let weight = ((p.first_part + split) * p.out_channels + o) * p.in_channels + i;
                parts[weight * p.kernel_h * p.kernel_w + tap] = sums[s][l];
            }
        }
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let part = part_of(group.z);
    let across = group.x * LANES * ACROSS + lane;
    // Lanes and groups beyond the last repeat it; their sums are not written.
    var across_offset: array<u32, ACROSS>;
    for (var a = 0u; a < ACROSS; a++) {
        across_offset[a] = min(across + a * LANES, part.across_blocks - 1u) * part.across_plane;
    }
    var shared_offset: array<u32, GROUPS>;
    for (var k = 0u; k < GROUPS; k++) {
        shared_offset[k] = min(group.y * GROUPS + k, part.shared_blocks - 1u) * part.shared_plane;
    }

    var sums: array<array<mat4x4<f32>, GROUPS>, ACROSS>;
    var totals: array<array<mat4x4<f32>, GROUPS>, ACROSS>;
    for (var a = 0u; a < ACROSS; a++) {
        for (var k = 0u; k < GROUPS; k++) {
            sums[a][k] = mat4x4<f32>();
            totals[a][k] = mat4x4<f32>();
        }
    }
    var pending = 0u;
    let end_row = min((part.split + 1u) * p.rows_per_split, p.samples * p.out_h);
    for (var r = part.split * p.rows_per_split; r < end_row; r++) {
        let n = r / p.out_h;
        let oh = r - n * p.out_h;
        if (oh < part.rows.x || oh >= part.rows.y) {
            continue;
        }
        let ih = oh * p.stride_h + part.kh * p.dilation_h - p.pad_h;
        let iw = part.columns.x * p.stride_w + part.kw * p.dilation_w - p.pad_w;
        var x_at = part.x_first + (n * part.x_blocks * p.in_h + ih) * p.in_w + iw;
        var dy_at = part.dy_first + (n * part.dy_blocks * p.out_h + oh) * p.out_w + part.columns.x;
        for (var ow = part.columns.x; ow < part.columns.y; ow++) {
            var v: array<vec4<f32>, ACROSS>;
            for (var a = 0u; a < ACROSS; a++) {
                if (SWAPPED) {
                    v[a] = dy_texel(dy_at + across_offset[a]);
                } else {
                    v[a] = x_texel(x_at + across_offset[a]);
                }
            }
            for (var k = 0u; k < GROUPS; k++) {
                var s: vec4<f32>;
                if (SWAPPED) {
                    s = x_texel(x_at + shared_offset[k]);
                } else {
                    s = dy_texel(dy_at + shared_offset[k]);
                }
                for (var a = 0u; a < ACROSS; a++) {
                    sums[a][k][0] = fma(vec4(s.x), v[a], sums[a][k][0]);
                    sums[a][k][1] = fma(vec4(s.y), v[a], sums[a][k][1]);
                    sums[a][k][2] = fma(vec4(s.z), v[a], sums[a][k][2]);
                    sums[a][k][3] = fma(vec4(s.w), v[a], sums[a][k][3]);
                }
            }
            x_at += p.stride_w;
            dy_at += 1u;
        }
        pending += part.columns.y - part.columns.x;
        if (pending >= RUN) {
            pending = 0u;
            for (var a = 0u; a < ACROSS; a++) {
                for (var k = 0u; k < GROUPS; k++) {
                    totals[a][k] += sums[a][k];
                    sums[a][k] = mat4x4<f32>();
                }
            }
        }
    }
    for (var a = 0u; a < ACROSS; a++) {
        for (var k = 0u; k < GROUPS; k++) {
            let block = across + a * LANES;
            if (block >= part.across_blocks || group.y * GROUPS + k >= part.shared_blocks) {
                continue;
            }
            write_part(part.split, part.tap, group.y * GROUPS + k, block, totals[a][k] + sums[a][k]);
        }
    }
}
