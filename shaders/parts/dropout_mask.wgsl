// dropout_mask: which elements of a tensor a dropout keeps. It depends on the seed, the stream and the element's number alone:
// the same on every adapter.

// Integer hash of low bias (Wellons, "lowbias32").
fn mix_bits(value: u32) -> u32 {
    var h = value;
    h ^= h >> 16u;
    h *= 0x7feb352du;
    h ^= h >> 15u;
    h *= 0x846ca68bu;
    h ^= h >> 16u;
    return h;
}

// What the mask of a dropout is made of.
fn mask_key(seed_high: f32, seed_low: f32, stream: u32) -> u32 {
    return mix_bits(mix_bits(mix_bits(u32(seed_high)) ^ u32(seed_low)) ^ stream);
}

// Whether element `number` of a tensor is kept.
fn is_kept(number: u32, key: u32, threshold: u32) -> bool {
    return mix_bits(mix_bits(number ^ key) + key) >= threshold;
}
