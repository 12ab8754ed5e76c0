// binary: y = f(a, b) elementwise, with broadcasting.
// One invocation for WIDTH elements of y; workgroups are folded into x and y. Up to four axes after merging;
// a stride of 0 repeats an operand. `with_normalised` takes as b a normalisation's output, which it makes of [samples,C,plane] as
// it loads it.
// Bindings: a, b, y, norm. Twin: reference/elementwise.rs, reference/batch_norm.rs
// Imports: Binary, coordinates, grid, not_a_number, on_load, width

const KIND: u32 = ADD;
// Without it a, b and y have the same elements.
const BROADCAST: bool = false;

struct Params {
    count: u32,
    base_a: u32,
    base_b: u32,
    base_y: u32,
    extent_1: u32,
    extent_2: u32,
    extent_3: u32,
    a_0: u32,
    a_1: u32,
    a_2: u32,
    a_3: u32,
    b_0: u32,
    b_1: u32,
    b_2: u32,
    b_3: u32,
    first: u32,
    channels: u32,
    plane: u32,
}

alias AType = Value;
alias BType = Value;
alias YType = Value;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<AType>;
@group(0) @binding(2) var<storage, read> b: array<BType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> norm: array<f32>;

fn apply(u: Value, v: Value) -> Value {
    switch KIND {
        case ADD: { return u + v; }
        case SUB: { return u - v; }
        case MUL: { return u * v; }
        case DIV: { return u / v; }
        case DIV_OR_ZERO: { return select(u / v, Value(0.0), v == Value(0.0)); }
        case GREATER: { return select(Value(0.0), Value(1.0), u > v); }
        // Logarithms clamped at -100; log(0) itself is not relied upon.
        case BCE: {
            let lowest = Value(-100.0);
            let lp = select(lowest, max(log(u), lowest), u > Value(0.0));
            let lq = select(lowest, max(log(1.0 - u), lowest), u < Value(1.0));
            return -(v * lp + (1.0 - v) * lq);
        }
        case BCE_GRAD: { return (u - v) / max(u * (1.0 - u), Value(1e-12)); }
        case BCE_WITH_LOGITS: { return max(u, Value(0.0)) - u * v + log1p_exp(-abs(u)); }
        default: { return Value(not_a_number()); }
    }
}

// ln(1 + e) of e = e^v, v <= 0, as 2·artanh(e/(2+e)): near 1 adapters' logarithms have no more than absolute
// precision. The argument is at most 1/3, so that the first term left out is below 1e-8 of the sum.
fn log1p_exp(v: Value) -> Value {
    let e = exp(v);
    let z = e / (2.0 + e);
    let q = z * z;
    let tail = 1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q / 15.0)));
    return 2.0 * z * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * tail)));
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.count / WIDTH) {
        return;
    }
    var ia = i;
    var ib = i;
    if (BROADCAST) {
        let c = coordinates_of(i);
        ia = c.x * p.a_0 + c.y * p.a_1 + c.z * p.a_2 + c.w * p.a_3;
        ib = c.x * p.b_0 + c.y * p.b_1 + c.z * p.b_2 + c.w * p.b_3;
    }
    y[p.base_y / WIDTH + i] = YType(apply(Value(a[p.base_a / WIDTH + ia]), Value(b[p.base_b / WIDTH + ib])));
}

@compute @workgroup_size(64)
fn with_normalised(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.count / WIDTH) {
        return;
    }
    let terms = terms_of((p.first + i * WIDTH) / p.plane % p.channels);
    let v = normalised(Value(b[p.base_b / WIDTH + i]), terms);
    y[p.base_y / WIDTH + i] = YType(apply(Value(a[p.base_a / WIDTH + i]), v));
}
