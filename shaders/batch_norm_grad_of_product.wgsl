// batch_norm_grad_of_product: what batch_norm_grad_sums and batch_norm_grad_input compute, of one domain, where dy is what a pointwise
// convolution with FILTERS filters w passes on of `product`, perhaps through a dropout: dy is made as it would be loaded.
// `grad_sums`: one workgroup for each channel and split of the samples; parts are added up by `sum`. `both_gradients` adds up the
// gradient of w as well, of what the normalisation, and the dropout, made; it has WEIGHTS.
// `grad_input`: one workgroup for each (sample, channel) plane and chunk of CHUNK pixels; with ADDS the sum of dx and `met` is written.
// Both take WIDTH pixels at once. Bindings: x [samples,C,plane], product [samples,FILTERS,plane], norm (see norm_terms),
// w [FILTERS,C], seed; then parts [splits,2,C] and weight_parts [splits,FILTERS,C], or sums [2,C], met and dx like x.
// Twin: reference/batch_norm.rs, reference/conv2d.rs, reference/dropout.rs
// Imports: activation, dropped_on_load, grid, on_load, plane_chunk, sum_of_lanes, width

const LANES: u32 = 64u;
const FILTERS: u32 = 1u;
const TRAINING: bool = true;
const ADDS: bool = false;
const WEIGHTS: bool = false;
// Terms that a lane adds up before they go into its total: one long sum in f32 loses digits.
const RUN: u32 = 32u;

struct Params {
    base_x: u32,
    base_product: u32,
    base_dx: u32,
    planes: u32,
    channels: u32,
    plane: u32,
    chunks: u32,
    first_sample: u32,
    samples_per_domain: u32,
    samples: u32,
    samples_per_split: u32,
    first_split: u32,
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias XType = Value;
alias ProductType = Value;
alias DxType = Value;
alias MetType = Value;
alias Sum = mat2x4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read> product: array<ProductType>;
@group(0) @binding(3) var<storage, read> norm: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read> seed: array<f32>;
@group(0) @binding(6) var<storage, read> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;
@group(0) @binding(7) var<storage, read> met: array<MetType>;
@group(0) @binding(7) var<storage, read_write> weight_parts: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<DxType>;

alias Weights = array<f32, FILTERS>;

fn weights_of(channel: u32) -> Weights {
    var weights: Weights;
    for (var m = 0u; m < FILTERS; m++) {
        weights[m] = w[m * p.channels + channel];
    }
    return weights;
}

alias Products = array<Value, FILTERS>;

// The product at the i-th vector of a sample's plane.
fn products_at(sample: u32, i: u32) -> Products {
    let start = (p.base_product + sample * FILTERS * p.plane) / WIDTH + i;
    var products: Products;
    for (var m = 0u; m < FILTERS; m++) {
        products[m] = Value(product[start + m * (p.plane / WIDTH)]);
    }
    return products;
}

// dy there.
fn dy_of(products: Products, weights: Weights) -> Value {
    var total = Value(0.0);
    for (var m = 0u; m < FILTERS; m++) {
        total = fma(Value(weights[m]), products[m], total);
    }
    return Value(XType(total));
}

// x̂, z and dz.
struct Normal {
    normal: Value,
    z: Value,
    dz: Value,
}

fn normal_of(x: Value, dy: Value, terms: vec3<f32>, inverse: f32) -> Normal {
    let from_mean = x - terms.x;
    let z = fma(from_mean, Value(terms.y), Value(terms.z));
    return Normal(from_mean * inverse, z, slope(z) * dy);
}

// What a workgroup adds up: Σ dz and Σ dz·x̂, and of each filter its gradient.
fn sums_of(group: vec3<u32>, lane: u32) -> Sum {
    let c = group.x;
    let first = group.y * p.samples_per_split;
    let end = min(first + p.samples_per_split, p.samples);
    let terms = terms_of(c);
    let inverse = inverse_of(c);
    let weights = weights_of(c);
    let plane = p.plane / WIDTH;
    let key = key_of_dropout();
    var s: Sum;
    for (var n = first; n < end; n++) {
        let offset = (n * p.channels + c) * p.plane;
        let from_x = (p.base_x + offset) / WIDTH;
        for (var i = lane; i < plane;) {
            let end_run = min(i + RUN * LANES, plane);
            var run = Value(0.0);
            var run_normal = Value(0.0);
            var run_weights: Products;
            for (; i < end_run; i += LANES) {
                let products = products_at(n, i);
                let dy = dropped(dy_of(products, weights), offset + i * WIDTH, key);
                let own = normal_of(Value(x[from_x + i]), dy, terms, inverse);
                run += own.dz;
                run_normal += own.dz * own.normal;
                if (WEIGHTS) {
                    let made = dropped(activate(own.z), offset + i * WIDTH, key);
                    for (var m = 0u; m < FILTERS; m++) {
                        run_weights[m] = fma(made, products[m], run_weights[m]);
                    }
                }
            }
            s[0] += vec4(sum_of_components(run), sum_of_components(run_normal), 0.0, 0.0);
            if (WEIGHTS) {
                for (var m = 0u; m < FILTERS; m++) {
                    s[1][m] += sum_of_components(run_weights[m]);
                }
            }
        }
    }
    return sum_of_lanes(s, lane);
}

fn store_sums(total: Sum, group: vec3<u32>) {
    let out = (p.first_split + group.y) * 2u * p.channels + group.x;
    parts[out] = total[0].x;
    parts[out + p.channels] = total[0].y;
}

@compute @workgroup_size(LANES)
fn grad_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let total = sums_of(group, lane);
    if (lane == 0u) {
        store_sums(total, group);
    }
}

@compute @workgroup_size(LANES)
fn both_gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let total = sums_of(group, lane);
    if (lane == 0u) {
        store_sums(total, group);
        for (var m = 0u; m < FILTERS; m++) {
            weight_parts[((p.first_split + group.y) * FILTERS + m) * p.channels + group.x] = total[1][m];
        }
    }
}

@compute @workgroup_size(LANES)
fn grad_input(invocation: Invocation) {
    let at = plane_chunk(group_of(invocation));
    if (at.plane >= p.planes) {
        return;
    }
    let terms = terms_of(at.channel);
    let inverse = inverse_of(at.channel);
    let weights = weights_of(at.channel);
    var mean_dz = 0.0;
    var mean_dz_normal = 0.0;
    if (TRAINING) {
        let count = f32(p.samples_per_domain * p.plane);
        mean_dz = sums[at.channel] / count;
        mean_dz_normal = sums[at.channel + p.channels] / count;
    }
    let key = key_of_dropout();
    let offset = at.plane * p.plane;
    let sample = at.plane / p.channels;
    let from_x = (p.base_x + offset) / WIDTH;
    let to_dx = (p.base_dx + offset) / WIDTH;
    for (var i = at.first / WIDTH + invocation.lane; i < at.end / WIDTH; i += LANES) {
        let dy = dropped(dy_of(products_at(sample, i), weights), offset + i * WIDTH, key);
        let own = normal_of(Value(x[from_x + i]), dy, terms, inverse);
        var result = DxType(terms.y * (own.dz - mean_dz - own.normal * mean_dz_normal));
        if (ADDS) {
            result = DxType(Value(result) + Value(met[to_dx + i]));
        }
        dx[to_dx + i] = result;
    }
}
