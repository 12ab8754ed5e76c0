// activation: the function that a kernel applies to its result, and its slope. Launchers give ACTIVATION and SLOPE values.
// Imports: Activation, not_a_number

const ACTIVATION: u32 = IDENTITY;
// What LEAKY_RELU multiplies negative numbers by.
const SLOPE: f32 = 0.0;

fn activate_texel(v: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case IDENTITY: { return v; }
        case RELU: { return max(v, vec4(0.0)); }
        case RELU6: { return clamp(v, vec4(0.0), vec4(6.0)); }
        case LEAKY_RELU: { return select(SLOPE * v, v, v > vec4(0.0)); }
        default: { return vec4(not_a_number()); }
    }
}

// The slope at z, or at the function's value there.
fn slope_texel(z: vec4<f32>) -> vec4<f32> {
    let above = select(vec4(0.0), vec4(1.0), z > vec4(0.0));
    switch ACTIVATION {
        case IDENTITY: { return vec4(1.0); }
        case RELU: { return above; }
        case RELU6: { return select(vec4(0.0), above, z < vec4(6.0)); }
        case LEAKY_RELU: { return select(vec4(SLOPE), vec4(1.0), z > vec4(0.0)); }
        default: { return vec4(not_a_number()); }
    }
}

fn activate(v: f32) -> f32 {
    return activate_texel(vec4(v)).x;
}

fn slope(z: f32) -> f32 {
    return slope_texel(vec4(z)).x;
}
