// joined_head: a pointwise convolution with FILTERS filters of three maps joined along the channels, which are never written: the first
// is resized, and all are normalised and perhaps dropped, as they are loaded.
// One invocation for each pixel; workgroups are folded into x and y.
// Bindings: small [samples,·,IH,IW], second and third [samples,·,OH,OW], w [FILTERS,C], bias [FILTERS], norm, seed, y
// [samples,FILTERS,OH,OW]. Twin: reference/conv2d.rs, reference/resize.rs, reference/batch_norm.rs, reference/dropout.rs
// Imports: activation, dropped_on_load, grid, interpolation, on_load

const SKIPS: bool = true;
const FILTERS: u32 = 1u;
const BIAS: bool = false;
// Terms after which a sum goes into the total: one long sum in f32 loses digits.
const RUN: u32 = 64u;

struct Params {
    count: u32,
    base_small: u32,
    base_second: u32,
    base_third: u32,
    base_y: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    taps: u32,
    channels: u32,
    inner: u32,
    of_small: u32,
    of_second: u32,
    first: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

alias SmallType = f32;
alias SecondType = f32;
alias ThirdType = f32;
alias YType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> small: array<SmallType>;
@group(0) @binding(2) var<storage, read> second: array<SecondType>;
@group(0) @binding(3) var<storage, read> third: array<ThirdType>;
@group(0) @binding(4) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> norm: array<f32>;
@group(0) @binding(7) var<storage, read> seed: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<YType>;

alias Sums = array<f32, FILTERS>;

fn load(at: u32) -> f32 {
    return f32(small[p.base_small + at]);
}

// Adds the products of an element of the joined maps.
fn add(sums: ptr<function, Sums>, v: f32, channel: u32, at: u32, key: Word) {
    let made = dropped(normalised(v, terms_of(channel)), at + channel * (p.out_h * p.out_w), key);
    for (var m = 0u; m < FILTERS; m++) {
        (*sums)[m] = fma(w[m * p.channels + channel], made, (*sums)[m]);
    }
}

fn settle(sums: ptr<function, Sums>, totals: ptr<function, Sums>) {
    for (var m = 0u; m < FILTERS; m++) {
        (*totals)[m] += (*sums)[m];
        (*sums)[m] = 0.0;
    }
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.count) {
        return;
    }
    let plane = p.out_h * p.out_w;
    let n = i / plane;
    let pixel = i - n * plane;
    let row = locate(pixel / p.out_w, p.in_h, p.out_h);
    let column = locate(pixel % p.out_w, p.in_w, p.out_w);
    let key = key_of_dropout();
    // Of the sample's first element in the joined maps.
    let at = n * p.channels * plane + pixel;
    var sums: Sums;
    var totals: Sums;
    for (var c = 0u; c < p.of_small;) {
        let end_run = min(c + RUN, p.of_small);
        for (; c < end_run; c++) {
            let top = ((n * p.of_small + c) * p.in_h + row.low) * p.in_w;
            let bottom = ((n * p.of_small + c) * p.in_h + row.high) * p.in_w;
            let upper = between(load(top + column.low), load(top + column.high), column);
            let lower = between(load(bottom + column.low), load(bottom + column.high), column);
            add(&sums, between(upper, lower, row), c, at, key);
        }
        settle(&sums, &totals);
    }
    for (var c = 0u; c < p.of_second;) {
        let end_run = min(c + RUN, p.of_second);
        for (; c < end_run; c++) {
            add(&sums, f32(second[p.base_second + (n * p.of_second + c) * plane + pixel]), p.of_small + c, at, key);
        }
        settle(&sums, &totals);
    }
    let before = p.of_small + p.of_second;
    for (var c = before; c < p.channels; c++) {
        add(&sums, f32(third[p.base_third + (n * (p.channels - before) + c - before) * plane + pixel]), c, at, key);
    }
    settle(&sums, &totals);
    for (var m = 0u; m < FILTERS; m++) {
        var shift = 0.0;
        if (BIAS) {
            shift = bias[m];
        }
        y[p.base_y + (n * FILTERS + m) * plane + pixel] = YType(activate(totals[m] + shift));
    }
}
