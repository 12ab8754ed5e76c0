// resize_texture: the resizes of packed feature maps (layout: pack_texture), four channels at a time; what is computed
// stands in resize, on which this builds. Maps begin at texels base_x and base_y.
// One invocation for each texel of the result; workgroups are folded into x and y. Bindings: x, y packed; `channels`
// of the shifted ones counts blocks of four. Twin: reference/resize.rs

@group(0) @binding(1) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var result: texture_storage_2d<rgba32float, write>;

fn load(t: u32) -> vec4<f32> {
    return textureLoad(maps, vec2<u32>(t & 4095u, t >> 12u));
}

fn store(i: u32, value: vec4<f32>) {
    let t = p.base_y + i;
    textureStore(result, vec2<u32>(t & 4095u, t >> 12u), value);
}

fn between_texels(low: vec4<f32>, high: vec4<f32>, source: Source) -> vec4<f32> {
    return fma(low, vec4(source.of_low), high * source.of_high);
}

@compute @workgroup_size(64)
fn main_texture(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let to = pixel_of(i, p.out_h, p.out_w);
    let column = locate(to.column, p.in_w, p.out_w);
    let row = locate(to.row, p.in_h, p.out_h);
    let top = p.base_x + (to.plane * p.in_h + row.low) * p.in_w;
    if (MODE == 2u) {
        store(i, load(top + column.low));
        return;
    }
    let bottom = p.base_x + (to.plane * p.in_h + row.high) * p.in_w;
    let upper = between_texels(load(top + column.low), load(top + column.high), column);
    let lower = between_texels(load(bottom + column.low), load(bottom + column.high), column);
    store(i, between_texels(upper, lower, row));
}

@compute @workgroup_size(64)
fn gradient_texture(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let own = pixel_of(i, p.in_h, p.in_w);
    let end_h = end_reader(own.row, p.in_h, p.out_h);
    let first_w = first_reader(own.column, p.in_w, p.out_w);
    let end_w = end_reader(own.column, p.in_w, p.out_w);
    var total = vec4(0.0);
    for (var oh = first_reader(own.row, p.in_h, p.out_h); oh < end_h; oh++) {
        let weight = share(locate(oh, p.in_h, p.out_h), own.row);
        let base = p.base_x + (own.plane * p.out_h + oh) * p.out_w;
        for (var ow = first_w; ow < end_w; ow++) {
            let part = share(locate(ow, p.in_w, p.out_w), own.column);
            total = fma(vec4(weight * part), load(base + ow), total);
        }
    }
    store(i, total);
}

@compute @workgroup_size(64)
fn shifted_texture(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let to = line_of(i);
    var part = to.map;
    var total = vec4(0.0);
    for (var t = 0u; t < p.taps; t++) {
        // Before the map the difference wraps to an index far beyond it.
        let o = to.at + t - p.taps / 2u;
        if (o < p.out_h) {
            let source = locate(o, p.in_h, p.out_h);
            let base = p.base_x + part * p.in_h * p.inner + to.within;
            total += between_texels(load(base + source.low * p.inner), load(base + source.high * p.inner), source);
        }
        part += p.channels;
    }
    store(i, total);
}

@compute @workgroup_size(64)
fn shifted_gradient_texture(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                            @builtin(local_invocation_index) lane: u32) {
    let i = (group.x + group.y * groups.x) * 64u + lane;
    if (i >= p.count) {
        return;
    }
    let own = gradient_line_of(i);
    let base = p.base_x + own.map * p.out_h * p.inner + own.within;
    let end = end_reader(own.at, p.in_h, p.out_h);
    var total = vec4(0.0);
    for (var o = first_reader(own.at, p.in_h, p.out_h); o < end; o++) {
        let to = o + p.taps / 2u - own.tap;
        if (to < p.out_h) {
            total = fma(vec4(share(locate(o, p.in_h, p.out_h), own.at)), load(base + to * p.inner), total);
        }
    }
    store(i, total);
}

