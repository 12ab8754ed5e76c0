// on_load: what a kernel makes of the elements of a map as it loads them, where that is the output of a normalisation, so that
// no launch need write it. Launchers give the constants, and bind anything as `norm` where there is none; the kernel has
// an `alias Value` and `norm`, which norm_terms wrote.
// Imports: Activation, not_a_number

const NORMALISED: bool = false;
const LOADED: u32 = IDENTITY;
// What LEAKY_RELU multiplies negative numbers by.
const LOADED_SLOPE: f32 = 0.0;

// Mean, scale and shift of a channel.
fn terms_of(channel: u32) -> vec3<f32> {
    if (NORMALISED) {
        let at = channel / 4u * 16u + channel % 4u;
        return vec3(f32(norm[at]), f32(norm[at + 4u]), f32(norm[at + 8u]));
    }
    return vec3(0.0);
}

// 1/√(var + eps) of a channel.
fn inverse_of(channel: u32) -> f32 {
    return f32(norm[channel / 4u * 16u + 12u + channel % 4u]);
}

fn normalised(v: Value, terms: vec3<f32>) -> Value {
    if (NORMALISED) {
        return activated(fma(v - terms.x, Value(terms.y), Value(terms.z)));
    }
    return v;
}

fn activated(v: Value) -> Value {
    switch LOADED {
        case IDENTITY: { return v; }
        case RELU: { return max(v, Value(0.0)); }
        case RELU6: { return clamp(v, Value(0.0), Value(6.0)); }
        case LEAKY_RELU: { return select(LOADED_SLOPE * v, v, v > Value(0.0)); }
        default: { return Value(not_a_number()); }
    }
}
