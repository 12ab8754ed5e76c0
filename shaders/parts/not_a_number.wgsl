// not_a_number: what a kernel computes that is told to do something unknown: better seen than taken for a result.

fn not_a_number() -> f32 {
    // A variable, for WGSL refuses a constant that is not a number.
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}
