// conv2d_broadcast: conv2d_texture, on which this builds, for software adapters with subgroups of eight: each invocation
// loads one of the eight texels of weights that eight filters have for four input channels, and sends it round. PIXELS +
// EIGHTS texel loads bring 32·EIGHTS·PIXELS multiply-adds, so more filters pay than more pixels. All loads of a step come
// before its multiply-adds: the processor looks only some hundred instructions ahead.
// Grid, bindings, constants and bounds: those of conv2d_texture. Twin: reference/conv2d.rs
// Imports: conv2d_texture, texel

@compute @workgroup_size(LANES)
fn broadcast(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
             @builtin(subgroup_invocation_id) member: u32) {
    let pixels = p.samples * p.rows * p.columns;
    let in_plane = p.in_h * p.in_w;
    let blocks = blocks_of(p.in_channels);
    let first = group.y * LANES * PIXELS + lane;
    var places = places_from(first, group.z);

    var totals: array<array<vec4<f32>, PIXELS>, FOURS>;
    for (var f = 0u; f < FOURS; f++) {
        for (var j = 0u; j < PIXELS; j++) {
            totals[f][j] = vec4(0.0);
        }
    }
    let end_kh = end_of_taps(group.y * LANES * PIXELS);
    for (var kh = p.first_kh; kh < end_kh; kh += p.step_kh) {
        for (var kw = p.first_kw; kw < p.end_kw; kw += p.step_kw) {
            var texel: array<u32, PIXELS>;
            var step: array<u32, PIXELS>;
            for (var j = 0u; j < PIXELS; j++) {
                texel[j] = tap_texel(places[j], kh, kw);
                step[j] = select(in_plane, 0u, texel[j] == 0u);
            }
            var t: array<u32, EIGHTS>;
            for (var e = 0u; e < EIGHTS; e++) {
                t[e] = first_weight_of(group.x * EIGHTS + e, group.z, kh, kw) + member;
            }
            for (var block = 0u; block < blocks;) {
                let end = min(block + RUN, blocks);
                var sums: array<array<vec4<f32>, PIXELS>, FOURS>;
                for (var f = 0u; f < FOURS; f++) {
                    for (var j = 0u; j < PIXELS; j++) {
                        sums[f][j] = vec4(0.0);
                    }
                }
                for (; block < end; block++) {
                    var vs: array<vec4<f32>, PIXELS>;
                    for (var j = 0u; j < PIXELS; j++) {
                        vs[j] = map_texel(texel[j]);
                        texel[j] += step[j];
                    }
                    var w: array<mat4x4<f32>, FOURS>;
                    for (var e = 0u; e < EIGHTS; e++) {
                        let v = weight_texel(t[e]);
                        w[e * 2u] = mat4x4<f32>(subgroupBroadcast(v, 0u), subgroupBroadcast(v, 2u), subgroupBroadcast(v, 4u), subgroupBroadcast(v, 6u));
                        w[e * 2u + 1u] = mat4x4<f32>(subgroupBroadcast(v, 1u), subgroupBroadcast(v, 3u), subgroupBroadcast(v, 5u), subgroupBroadcast(v, 7u));
                        t[e] += 8u;
                    }
                    for (var j = 0u; j < PIXELS; j++) {
                        let v = vs[j];
                        for (var f = 0u; f < FOURS; f++) {
                            sums[f][j] = fma(w[f][0], vec4(v.x), fma(w[f][1], vec4(v.y), fma(w[f][2], vec4(v.z), fma(w[f][3], vec4(v.w), sums[f][j]))));
                        }
                    }
                }
                for (var f = 0u; f < FOURS; f++) {
                    for (var j = 0u; j < PIXELS; j++) {
                        totals[f][j] += sums[f][j];
                    }
                }
            }
        }
    }
    for (var j = 0u; j < PIXELS; j++) {
        if (first + j * LANES < pixels) {
            for (var f = 0u; f < FOURS; f++) {
                write_filters(group.z, places[j], (group.x * FOURS + f) * 4u, totals[f][j]);
            }
        }
    }
}
