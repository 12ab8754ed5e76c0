// resize_stats: maps interpolated to another size, and count, mean and M2 of what each workgroup computes, as batch_stats has them.
// `main` writes the maps among others with which they are joined, `alone` does not. An invocation computes RUN elements of a map.
// Grid: x = 64·RUN elements of a map, y = maps, z = samples.
// Bindings: x [samples,C,IH,IW], y [samples,…,C,…,OH,OW], parts; of `alone` x, parts. Twin: reference/resize.rs,
// reference/batch_norm.rs
// Imports: interpolation, sum_of_group

const SKIPS: bool = true;
const RUN: u32 = 16u;

struct Params {
    base_x: u32,
    base_y: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    taps: u32,
    channels: u32,
    inner: u32,
    gap: u32, // elements of other maps between a sample of y and the next
    first_part: u32,
}

alias XType = f32;
alias YType = f32;
alias Value = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts_alone: array<f32>;

fn load(at: u32) -> f32 {
    return f32(x[p.base_x + at]);
}

// The elements of an invocation, 64 apart, as y holds them; of those beyond the map the last.
fn elements_of(map: u32, first: u32) -> array<f32, RUN> {
    let plane = p.out_h * p.out_w;
    var elements: array<f32, RUN>;
    for (var k = 0u; k < RUN; k++) {
        elements[k] = f32(YType(resized(map * plane + min(first + k * 64u, plane - 1u))));
    }
    return elements;
}

fn statistics(elements: array<f32, RUN>, first: u32, lane: u32) -> vec3<f32> {
    // Differences from one of the elements are added up, so that no digits cancel.
    let from_first = first_of_group(elements[0], lane);
    var own = vec3(0.0);
    for (var k = 0u; k < RUN; k++) {
        let d = elements[k] - from_first;
        own += select(vec3(0.0), vec3(d, d * d, 1.0), first + k * 64u < p.out_h * p.out_w);
    }
    return statistics_of(sum_of_group(own, lane), from_first);
}

// Where a workgroup leaves what it has of its map.
fn part_of(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return ((p.first_part + group.z * groups.x + group.x) * p.channels + group.y) * 3u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let map = group.z * p.channels + group.y;
    let plane = p.out_h * p.out_w;
    let first = group.x * 64u * RUN + lane;
    let elements = elements_of(map, first);
    for (var k = 0u; k < RUN; k++) {
        if (first + k * 64u < plane) {
            y[p.base_y + map * plane + group.z * p.gap + first + k * 64u] = YType(elements[k]);
        }
    }
    let own = statistics(elements, first, lane);
    if (lane == 0u) {
        let at = part_of(group, groups);
        parts[at] = own.x;
        parts[at + 1u] = own.y;
        parts[at + 2u] = own.z;
    }
}

@compute @workgroup_size(64)
fn alone(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = group.x * 64u * RUN + lane;
    let own = statistics(elements_of(group.z * p.channels + group.y, first), first, lane);
    if (lane == 0u) {
        let at = part_of(group, groups);
        parts_alone[at] = own.x;
        parts_alone[at + 1u] = own.y;
        parts_alone[at + 2u] = own.z;
    }
}
