// channel_block: four channels of packed maps, and what a normalisation knows of each.
// The kernel binds `stats` [D,2,C], `weight` and `bias` [C].
// Imports: texel

// Channels c to c + 3 of a domain: where their means and variances stand in `stats`, and which of the four there are. Beyond
// the last channel stands that channel again.
struct ChannelBlock {
    c: u32,
    row: u32,
    last: u32,
    places: vec4<u32>,
    beyond: vec4<bool>,
}

fn channel_block(block: u32, domain: u32, channels: u32) -> ChannelBlock {
    let c = block * 4u;
    let last = min(channels - c, 4u) - 1u;
    let each = vec4(0u, 1u, 2u, 3u);
    return ChannelBlock(c, domain * 2u * channels + c, last, min(each, vec4(last)), each > vec4(last));
}

fn means_of(at: ChannelBlock) -> vec4<f32> {
    let i = at.places + at.row;
    return vec4(stats[i.x], stats[i.y], stats[i.z], stats[i.w]);
}

// 1/√(variance + eps)
fn inverse_deviations_of(at: ChannelBlock, channels: u32, eps: f32) -> vec4<f32> {
    let i = at.places + at.row + channels;
    return 1.0 / sqrt(vec4(stats[i.x], stats[i.y], stats[i.z], stats[i.w]) + eps);
}

fn weights_of(at: ChannelBlock) -> vec4<f32> {
    let i = at.places + at.c;
    return vec4(weight[i.x], weight[i.y], weight[i.z], weight[i.w]);
}

fn biases_of(at: ChannelBlock) -> vec4<f32> {
    let i = at.places + at.c;
    return vec4(bias[i.x], bias[i.y], bias[i.z], bias[i.w]);
}
