// max_pool: maximum over windows; padding counts as minus infinity, the first maximum wins, NaN spreads.
// The gradient gathers: each input pixel asks the windows that cover it whether it was their maximum.
// One invocation for each element of the result; workgroups are folded into x and y.
// Bindings of `main`: x, y; of `gradient`: x, dy, dx. Twin: reference/max_pool.rs
// Imports: grid

const KERNEL_H: u32 = 3u;
const KERNEL_W: u32 = 3u;
const STRIDE_H: u32 = 2u;
const STRIDE_W: u32 = 2u;
const PAD_H: u32 = 1u;
const PAD_W: u32 = 1u;

struct Params {
    count: u32,
    base_x: u32,
    base_y: u32,
    base_dx: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
}

alias XType = f32;
alias YType = f32;
alias DxType = f32;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<XType>;
@group(0) @binding(2) var<storage, read_write> y: array<YType>;
@group(0) @binding(2) var<storage, read> dy: array<YType>;
@group(0) @binding(3) var<storage, read_write> dx: array<DxType>;

struct Maximum {
    value: f32,
    position: u32,
}

// NaN as bits: comparisons with NaN may be folded away.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

fn window_maximum(plane: u32, oh: u32, ow: u32) -> Maximum {
    // Every window meets the map, so that its first pixel replaces this.
    var best = Maximum(0.0, 0xffffffffu);
    for (var kh = 0u; kh < KERNEL_H; kh++) {
        let ih = oh * STRIDE_H + kh - PAD_H;
        for (var kw = 0u; kw < KERNEL_W; kw++) {
            let iw = ow * STRIDE_W + kw - PAD_W;
            if (ih < p.in_h && iw < p.in_w) {
                let value = f32(x[p.base_x + (plane * p.in_h + ih) * p.in_w + iw]);
                if (best.position == 0xffffffffu || value > best.value || is_nan(value)) {
                    best = Maximum(value, ih * p.in_w + iw);
                }
            }
        }
    }
    return best;
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.count) {
        return;
    }
    let row = i / p.out_w;
    let plane = row / p.out_h;
    y[p.base_y + i] = YType(window_maximum(plane, row - plane * p.out_h, i - row * p.out_w).value);
}

@compute @workgroup_size(64)
fn gradient(invocation: Invocation) {
    let i = number_of(invocation);
    if (i >= p.count) {
        return;
    }
    let row = i / p.in_w;
    let plane = row / p.in_h;
    let ih = row - plane * p.in_h + PAD_H;
    let iw = i - row * p.in_w + PAD_W;
    let position = i - plane * p.in_h * p.in_w;
    // Windows that cover the pixel: those that start at most KERNEL - 1 before it.
    let first_h = (max(ih + STRIDE_H, KERNEL_H) - KERNEL_H) / STRIDE_H;
    let first_w = (max(iw + STRIDE_W, KERNEL_W) - KERNEL_W) / STRIDE_W;
    let end_h = min(ih / STRIDE_H + 1u, p.out_h);
    let end_w = min(iw / STRIDE_W + 1u, p.out_w);
    var total = 0.0;
    for (var oh = first_h; oh < end_h; oh++) {
        for (var ow = first_w; ow < end_w; ow++) {
            if (window_maximum(plane, oh, ow).position == position) {
                total += f32(dy[p.base_y + (plane * p.out_h + oh) * p.out_w + ow]);
            }
        }
    }
    dx[p.base_dx + i] = DxType(total);
}
