// unary: y = f(x) elementwise, and its gradient dx = f'(x)·dy.
// One invocation for WIDTH elements; workgroups are folded into x and y.
// Bindings of `main`: x, y; of `gradient`: x (for the activations equally f(x)), dy, dx.
// Twin: reference/elementwise.rs
// Imports: grid, not_a_number, Unary, width

const KIND: u32 = RELU;

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    base_dx: u32,
    a: f32, // LeakyRelu slope, Affine mul, Entropy smooth, Above threshold
    b: f32, // Affine add
}

alias XType = Value;
alias YType = Value;
alias DxType = Value;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;
@group(0) @binding(2) var<storage, read> dy: array<YType>;
@group(0) @binding(3) var<storage, read_write> dx: array<DxType>;

fn sigmoid(v: Value) -> Value {
    let e = exp(-abs(v));
    return select(e, Value(1.0), v >= Value(0.0)) / (1.0 + e);
}

// σ′(v) = σ(v)·(1 − σ(v)), in which 1 − σ(v) would lose its digits where σ(v) is near 1.
fn bell(v: Value) -> Value {
    let e = exp(-abs(v));
    return e / ((1.0 + e) * (1.0 + e));
}

fn apply(v: Value) -> Value {
    switch KIND {
        case RELU: { return max(v, Value(0.0)); }
        case RELU6: { return clamp(v, Value(0.0), Value(6.0)); }
        case LEAKY_RELU: { return select(p.a * v, v, v > Value(0.0)); }
        case SIGMOID: { return sigmoid(v); }
        case SQUARE: { return v * v; }
        case SQRT: { return sqrt(v); }
        case AFFINE: { return fma(Value(p.a), v, Value(p.b)); }
        case ENTROPY: { let s = sigmoid(v); return -s * log(s + p.a); }
        case ABOVE: { return select(Value(0.0), Value(1.0), v > Value(p.a)); }
        default: { return Value(not_a_number()); }
    }
}

fn slope(v: Value) -> Value {
    switch KIND {
        case RELU: { return select(Value(0.0), Value(1.0), v > Value(0.0)); }
        case RELU6: { return select(Value(0.0), Value(1.0), (v > Value(0.0)) & (v < Value(6.0))); }
        case LEAKY_RELU: { return select(Value(p.a), Value(1.0), v > Value(0.0)); }
        case SIGMOID: { return bell(v); }
        case SQUARE: { return 2.0 * v; }
        case SQRT: { return select(0.5 / sqrt(v), Value(0.0), v == Value(0.0)); }
        case AFFINE: { return Value(p.a); }
        case ENTROPY: { let s = sigmoid(v); return -bell(v) * (log(s + p.a) + s / (s + p.a)); }
        case ABOVE: { return Value(0.0); }
        default: { return Value(not_a_number()); }
    }
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count / WIDTH) {
        y[p.base_y / WIDTH + i] = YType(apply(Value(x[p.base_x / WIDTH + i])));
    }
}

@compute @workgroup_size(64)
fn gradient(invocation: Invocation) {
    let i = number_of(invocation);
    if (i < p.count / WIDTH) {
        dx[p.base_dx / WIDTH + i] = DxType(slope(Value(x[p.base_x / WIDTH + i])) * Value(dy[p.base_y / WIDTH + i]));
    }
}
