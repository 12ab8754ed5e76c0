// conv2d_broadcast_weight_grad: conv2d_texture_weight_grad, on which this builds, for software adapters with subgroups of
// eight: the texels of the shared operand are loaded for COLUMNS pixels at once, one by each invocation, and sent round.
// Of a pixel beyond the row both operands are the zero before all maps. All loads come before the multiply-adds.
// Grid, bindings and constants: those of conv2d_texture_weight_grad. Twin: reference/conv2d.rs
// Imports: conv2d_texture_weight_grad

// Pixels of a row taken at once.
const COLUMNS: u32 = 2u;
// Blocks of four shared channels whose texels one load brings, and the loads for all groups.
const BLOCKS: u32 = 8u / COLUMNS;
const LOADS: u32 = (GROUPS + BLOCKS - 1u) / BLOCKS;

@compute @workgroup_size(LANES)
fn broadcast(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
             @builtin(subgroup_invocation_id) member: u32) {
    let part = part_of(group.z);
    let across = group.x * LANES * ACROSS + lane;
    // Lanes and groups beyond the last repeat it; their sums are not written.
    var across_offset: array<u32, ACROSS>;
    for (var a = 0u; a < ACROSS; a++) {
        across_offset[a] = min(across + a * LANES, part.across_blocks - 1u) * part.across_plane;
    }
    var shared_offset: array<u32, LOADS>;
    let column = member % COLUMNS;
    for (var l = 0u; l < LOADS; l++) {
        let block = group.y * GROUPS + l * BLOCKS + member / COLUMNS;
        shared_offset[l] = min(block, part.shared_blocks - 1u) * part.shared_plane + column * select(1u, p.stride_w, SWAPPED);
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
        for (var ow = part.columns.x; ow < part.columns.y; ow += COLUMNS) {
            let left = part.columns.y - ow;
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
