// conv2d_broadcast_weight_grad: conv2d_texture_weight_grad, on which this builds, for software adapters with subgroups of
// eight: the texels of the shared operand are loaded for COLUMNS pixels at once, one by each invocation, and sent round.
// Of a pixel beyond the row both operands are the zero before all maps. All loads come before the multiply-adds.
// Grid, bindings and constants: those of conv2d_texture_weight_grad. Twin: reference/conv2d.rs

// Pixels of a row taken at once.
const COLUMNS: u32 = 2u;
// Blocks of four shared channels whose texels one load brings, and the loads for all groups.
const BLOCKS: u32 = 8u / COLUMNS;
const LOADS: u32 = (GROUPS + BLOCKS - 1u) / BLOCKS;

@compute @workgroup_size(LANES)
fn broadcast(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
             @builtin(subgroup_invocation_id) member: u32) {
    let taps = p.kernel_h * p.kernel_w;
    let split = group.z / taps;
    let tap = group.z - split * taps;
    let kh = tap / p.kernel_w;
    let kw = tap - kh * p.kernel_w;
    let x_blocks = (p.in_channels + 3u) / 4u;
    let dy_blocks = (p.out_channels + 3u) / 4u;
    let across_blocks = select(x_blocks, dy_blocks, SWAPPED);
    let shared_blocks = select(dy_blocks, x_blocks, SWAPPED);
    let across = group.x * LANES * ACROSS + lane;
    // Lanes and groups beyond the last repeat it; their sums are not written.
    var across_offset: array<u32, ACROSS>;
    let across_plane = select(p.in_h * p.in_w, p.out_h * p.out_w, SWAPPED);
    for (var a = 0u; a < ACROSS; a++) {
        across_offset[a] = min(across + a * LANES, across_blocks - 1u) * across_plane;
    }
    var shared_offset: array<u32, LOADS>;
    let shared_plane = select(p.out_h * p.out_w, p.in_h * p.in_w, SWAPPED);
    let column = member % COLUMNS;
    for (var l = 0u; l < LOADS; l++) {
        let block = group.y * GROUPS + l * BLOCKS + member / COLUMNS;
        shared_offset[l] = min(block, shared_blocks - 1u) * shared_plane + column * select(1u, p.stride_w, SWAPPED);
    }

    let rows = rows_of(kh);
    let columns = columns_of(kw);

    let x_first = 1u + tap * p.x_per_tap;
    let dy_first = 1u + tap * p.dy_per_tap;
    var sums: array<array<mat4x4<f32>, GROUPS>, ACROSS>;
    var totals: array<array<mat4x4<f32>, GROUPS>, ACROSS>;
    for (var a = 0u; a < ACROSS; a++) {
        for (var k = 0u; k < GROUPS; k++) {
            sums[a][k] = mat4x4<f32>();
            totals[a][k] = mat4x4<f32>();
        }
    }
    var pending = 0u;
    let end_row = min((split + 1u) * p.rows_per_split, p.samples * p.out_h);
    for (var r = split * p.rows_per_split; r < end_row; r++) {
        let n = r / p.out_h;
        let oh = r - n * p.out_h;
        if (oh < rows.x || oh >= rows.y) {
            continue;
        }
        let ih = oh * p.stride_h + kh * p.dilation_h - p.pad_h;
        let iw = columns.x * p.stride_w + kw * p.dilation_w - p.pad_w;
        var x_at = x_first + (n * x_blocks * p.in_h + ih) * p.in_w + iw;
        var dy_at = dy_first + (n * dy_blocks * p.out_h + oh) * p.out_w + columns.x;
        for (var ow = columns.x; ow < columns.y; ow += COLUMNS) {
            let left = columns.y - ow;
            var s: array<vec4<f32>, LOADS>;
            for (var l = 0u; l < LOADS; l++) {
                if (SWAPPED) {
                    s[l] = x_texel(select(0u, x_at + shared_offset[l], column < left));
                } else {
                    s[l] = dy_texel(select(0u, dy_at + shared_offset[l], column < left));
                }
            }
            var v: array<array<vec4<f32>, ACROSS>, COLUMNS>;
            for (var q = 0u; q < COLUMNS; q++) {
                for (var a = 0u; a < ACROSS; a++) {
                    if (SWAPPED) {
                        v[q][a] = dy_texel(select(0u, dy_at + across_offset[a], q < left));
                    } else {
                        v[q][a] = x_texel(select(0u, x_at + across_offset[a], q < left));
                    }
                }
                x_at += p.stride_w;
                dy_at += 1u;
            }
            for (var q = 0u; q < COLUMNS; q++) {
                for (var k = 0u; k < GROUPS; k++) {
                    let o = subgroupShuffle(s[k / BLOCKS], (k % BLOCKS) * COLUMNS + q);
                    for (var a = 0u; a < ACROSS; a++) {
                        sums[a][k][0] = fma(vec4(o.x), v[q][a], sums[a][k][0]);
                        sums[a][k][1] = fma(vec4(o.y), v[q][a], sums[a][k][1]);
                        sums[a][k][2] = fma(vec4(o.z), v[q][a], sums[a][k][2]);
                        sums[a][k][3] = fma(vec4(o.w), v[q][a], sums[a][k][3]);
                    }
                }
            }
        }
        pending += columns.y - columns.x;
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
            if (block >= across_blocks || group.y * GROUPS + k >= shared_blocks) {
                continue;
            }
            write_part(split, tap, group.y * GROUPS + k, block, totals[a][k] + sums[a][k]);
        }
    }
}
