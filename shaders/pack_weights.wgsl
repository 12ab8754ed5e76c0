// pack_weights: weights [o,i,taps] as conv2d_tiled reads them: vectors of four channels of one tap and filter,
// [taps, ⌈channels/4⌉, filters], zero beyond the channels. TRANSPOSED: filters are i and channels o, for the gradient of the input.
// One invocation for each vector; workgroups are folded into x and y. Bindings: w, packed. Twin: reference/layout.rs
// Imports: grid

const TRANSPOSED: bool = false;

struct Params {
    count: u32,
    filters: u32,
    channels: u32,
    taps: u32,
}

alias WType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<WType>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4<f32>>;

fn weight(filter_index: u32, channel: u32, tap: u32) -> f32 {
    let pair = select(filter_index * p.channels + channel, channel * p.filters + filter_index, TRANSPOSED);
    let inside = channel < p.channels;
    return select(0.0, f32(w[select(0u, pair * p.taps + tap, inside)]), inside);
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let index = number_of(invocation);
    if (index >= p.count) {
        return;
    }
    let blocks = (p.channels + 3u) / 4u;
    let row = index / p.filters;
    let filter_index = index - row * p.filters;
    let tap = row / blocks;
    let channel = (row - tap * blocks) * 4u;
    packed[index] = vec4(
        weight(filter_index, channel, tap),
        weight(filter_index, channel + 1u, tap),
        weight(filter_index, channel + 2u, tap),
        weight(filter_index, channel + 3u, tap),
    );
}
