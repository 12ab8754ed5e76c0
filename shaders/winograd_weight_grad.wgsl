// winograd_weight_grad: the gradient of 3x3 filters from that of their products: dw = Gᵀ·du·G (see winograd_maps), the parts
// of du added up in order. One invocation for each pair of channels; workgroups are folded into x and y.
// Bindings: parts [parts,O,I,36], dw [O,I,3,3]. Twin: reference/conv2d.rs
// Imports: grid, winograd_points

struct Params {
    pairs: u32,
    parts: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

// Gᵀ·u
fn gathered(u: array<f32, 6>) -> array<f32, 3> {
    let even_p = AT_P * (u[1] + u[2]);
    let odd_p = AT_P * P * (u[1] - u[2]);
    let even_q = AT_Q * (u[3] + u[4]);
    let odd_q = AT_Q * Q * (u[3] - u[4]);
    return array<f32, 3>(AT_0 * u[0] + even_p + even_q, odd_p + odd_q, P * P * even_p + Q * Q * even_q + u[5]);
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let pair = number_of(invocation);
    if (pair >= p.pairs) {
        return;
    }
    var rows: array<array<f32, 3>, 6>;
    for (var i = 0u; i < 6u; i++) {
        var row: array<f32, 6>;
        for (var j = 0u; j < 6u; j++) {
            row[j] = 0.0;
        }
        for (var part = 0u; part < p.parts; part++) {
            let at = (part * p.pairs + pair) * 36u + i * 6u;
            for (var j = 0u; j < 6u; j++) {
                row[j] += parts[at + j];
            }
        }
        rows[i] = gathered(row);
    }
    for (var j = 0u; j < 3u; j++) {
        let column = gathered(array<f32, 6>(rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j]));
        for (var i = 0u; i < 3u; i++) {
            dw[pair * 9u + i * 3u + j] = column[i];
        }
    }
}
