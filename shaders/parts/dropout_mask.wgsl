// dropout_mask: which elements of a tensor a dropout keeps. It depends on the seed, the stream and the element's number alone:
// the same on every adapter.
// Imports: width

// Integer hash of low bias (Wellons, "lowbias32").
fn mix_bits(value: Word) -> Word {
    var h = value;
    h ^= h >> Word(16u);
    h *= 0x7feb352du;
    h ^= h >> Word(15u);
    h *= 0x846ca68bu;
    h ^= h >> Word(16u);
    return h;
}

// What the mask of a dropout is made of.
fn mask_key(seed_high: f32, seed_low: f32, stream: u32) -> Word {
    return mix_bits(mix_bits(mix_bits(Word(u32(seed_high))) ^ Word(u32(seed_low))) ^ Word(stream));
}

// Elements of a tensor from that of a number on, zero where they are dropped.
fn kept(v: Value, number: u32, key: Word, threshold: u32) -> Value {
    let bits = mix_bits(mix_bits((Word(number) + FOLLOWING) ^ key) + key);
    return select(Value(0.0), v, bits >= Word(threshold));
}
