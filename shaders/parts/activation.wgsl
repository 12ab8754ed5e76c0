// activation: the function that a kernel applies to its result, and its slope. Launchers give ACTIVATION and SLOPE values; the
// kernel has an `alias Value` of what it computes with, f32 or vec4<f32>.
// Imports: Activation, not_a_number

const ACTIVATION: u32 = IDENTITY;
// What LEAKY_RELU multiplies negative numbers by.
const SLOPE: f32 = 0.0;

fn activate(v: Value) -> Value {
    switch ACTIVATION {
        case IDENTITY: { return v; }
        case RELU: { return max(v, Value(0.0)); }
        case RELU6: { return clamp(v, Value(0.0), Value(6.0)); }
        case LEAKY_RELU: { return select(SLOPE * v, v, v > Value(0.0)); }
        default: { return Value(not_a_number()); }
    }
}

// The slope at z, or at the function's value there.
fn slope(z: Value) -> Value {
    let above = select(Value(0.0), Value(1.0), z > Value(0.0));
    switch ACTIVATION {
        case IDENTITY: { return Value(1.0); }
        case RELU: { return above; }
        case RELU6: { return select(Value(0.0), above, z < Value(6.0)); }
        case LEAKY_RELU: { return select(Value(SLOPE), Value(1.0), z > Value(0.0)); }
        default: { return Value(not_a_number()); }
    }
}
