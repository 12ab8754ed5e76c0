// texel: where texels of packed maps lie (layout: pack_texture), and how many blocks of four channels there are.

fn texel_place(t: u32) -> vec2<u32> {
    return vec2<u32>(t & 4095u, t >> 12u);
}

fn blocks_of(channels: u32) -> u32 {
    return (channels + 3u) / 4u;
}
