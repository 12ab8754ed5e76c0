// weighted_sum_grad: the two gradients of y[m,c] = Σ w[n,m,·]·f[n,c,·], given d [M,C].
// `feature`: df[n,c,·] = Σ_m d[m,c]·w[n,m,·], one workgroup for each (sample, channel) plane.
// `feature_combined`: met + df, or the difference of both, by their signs.
// `weight`: dw[n,m,·] = Σ_c d[m,c]·f[n,c,·], one invocation for each element of dw.
// Bindings: d [M,C], w or f [samples,·,plane], df or dw, met like df. Twin: reference/prototype.rs
// Imports: grid

const LANES: u32 = 64u;

struct Params {
    base_in: u32,
    base_out: u32,
    channels: u32,
    maps: u32,
    plane: u32,
    samples: u32,
    sign_of_met: f32,
    sign: f32,
}

alias XType = f32;
alias YType = f32;
alias MetType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> d: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<XType>;
@group(0) @binding(3) var<storage, read_write> y: array<YType>;
@group(0) @binding(4) var<storage, read> met: array<MetType>;

@compute @workgroup_size(LANES)
fn feature(invocation: Invocation) {
    let plane = group_of(invocation);
    if (plane >= p.samples * p.channels) {
        return;
    }
    let n = plane / p.channels;
    let c = plane - n * p.channels;
    for (var i = invocation.lane; i < p.plane; i += LANES) {
        y[p.base_out + plane * p.plane + i] = YType(feature_at(n, c, i));
    }
}

@compute @workgroup_size(LANES)
fn feature_combined(invocation: Invocation) {
    let plane = group_of(invocation);
    if (plane >= p.samples * p.channels) {
        return;
    }
    let n = plane / p.channels;
    let c = plane - n * p.channels;
    for (var i = invocation.lane; i < p.plane; i += LANES) {
        let at = p.base_out + plane * p.plane + i;
        y[at] = YType(p.sign_of_met * f32(met[at]) + p.sign * f32(YType(feature_at(n, c, i))));
    }
}

fn feature_at(n: u32, c: u32, i: u32) -> f32 {
    var total = 0.0;
    for (var m = 0u; m < p.maps; m++) {
        total = fma(d[m * p.channels + c], f32(x[p.base_in + (n * p.maps + m) * p.plane + i]), total);
    }
    return total;
}

@compute @workgroup_size(LANES)
fn weight(invocation: Invocation) {
    let o = group_of(invocation) * LANES + invocation.lane;
    if (o >= p.samples * p.maps * p.plane) {
        return;
    }
    let row = o / p.plane;
    let n = row / p.maps;
    let m = row - n * p.maps;
    let pixel = p.base_in + n * p.channels * p.plane + (o - row * p.plane);
    var total = 0.0;
    for (var c = 0u; c < p.channels; c++) {
        total = fma(d[m * p.channels + c], f32(x[pixel + c * p.plane]), total);
    }
    y[p.base_out + o] = YType(total);
}
