// prototype_distance: y[n,m,·] = mean over channels of (f[n,c,·] − prototype[m,c])².
// One invocation for each element of y; workgroups are folded into x and y.
// Bindings: f [samples,C,plane], prototypes [M,C], y [samples,M,plane]. Twin: reference/prototype.rs
// Imports: grid

// Channels that are added up before they go into the total: one long sum in f32 loses digits.
const RUN: u32 = 32u;

struct Params {
    base_f: u32,
    base_y: u32,
    channels: u32,
    maps: u32,
    plane: u32,
    samples: u32,
}

alias FType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> f: array<FType>;
@group(0) @binding(2) var<storage, read> prototypes: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let o = number_of(invocation);
    if (o >= p.samples * p.maps * p.plane) {
        return;
    }
    let row = o / p.plane;
    let n = row / p.maps;
    let m = row - n * p.maps;
    let pixel = p.base_f + n * p.channels * p.plane + (o - row * p.plane);
    var total = 0.0;
    for (var c = 0u; c < p.channels;) {
        let end = min(c + RUN, p.channels);
        var run = 0.0;
        for (; c < end; c++) {
            let difference = f32(f[pixel + c * p.plane]) - prototypes[m * p.channels + c];
            run = fma(difference, difference, run);
        }
        total += run;
    }
    y[p.base_y + o] = total / f32(p.channels);
}
