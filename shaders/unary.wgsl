// unary: y = f(x) elementwise, and its gradient dx = f'(x)·dy.
// One invocation for each element; workgroups are folded into x and y.
// Bindings of `main`: x, y; of `gradient`: x (for the activations equally f(x)), dy, dx.
// Twin: reference/elementwise.rs
// Imports: grid, not_a_number, Unary

const KIND: u32 = RELU;

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    base_dx: u32,
    a: f32, // LeakyRelu slope, Affine mul, Entropy smooth, Above threshold
    b: f32, // Affine add
}

alias XType = f32;
alias YType = f32;
alias DxType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;
@group(0) @binding(2) var<storage, read> dy: array<YType>;
@group(0) @binding(3) var<storage, read_write> dx: array<DxType>;

fn sigmoid(v: f32) -> f32 {
    let e = exp(-abs(v));
    return select(e, 1.0, v >= 0.0) / (1.0 + e);
}

// σ′(v) = σ(v)·(1 − σ(v)), in which 1 − σ(v) would lose its digits where σ(v) is near 1.
fn bell(v: f32) -> f32 {
    let e = exp(-abs(v));
    return e / ((1.0 + e) * (1.0 + e));
}

fn apply(v: f32) -> f32 {
    switch KIND {
        case RELU: { return max(v, 0.0); }
        case RELU6: { return clamp(v, 0.0, 6.0); }
        case LEAKY_RELU: { return select(p.a * v, v, v > 0.0); }
        case SIGMOID: { return sigmoid(v); }
        case SQUARE: { return v * v; }
        case SQRT: { return sqrt(v); }
        case AFFINE: { return fma(p.a, v, p.b); }
        case ENTROPY: { let s = sigmoid(v); return -s * log(s + p.a); }
        case ABOVE: { return select(0.0, 1.0, v > p.a); }
        default: { return not_a_number(); }
    }
}

fn slope(v: f32) -> f32 {
    switch KIND {
        case RELU: { return select(0.0, 1.0, v > 0.0); }
        case RELU6: { return select(0.0, 1.0, v > 0.0 && v < 6.0); }
        case LEAKY_RELU: { return select(p.a, 1.0, v > 0.0); }
        case SIGMOID: { return bell(v); }
        case SQUARE: { return 2.0 * v; }
        case SQRT: { return select(0.5 / sqrt(v), 0.0, v == 0.0); }
        case AFFINE: { return p.a; }
        case ENTROPY: { let s = sigmoid(v); return -bell(v) * (log(s + p.a) + s / (s + p.a)); }
        case ABOVE: { return 0.0; }
        default: { return not_a_number(); }
    }
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        y[p.base_y + i] = YType(apply(f32(x[p.base_x + i])));
    }
}

@compute @workgroup_size(64)
fn gradient(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count) {
        dx[p.base_dx + i] = DxType(slope(f32(x[p.base_x + i])) * f32(dy[p.base_y + i]));
    }
}
