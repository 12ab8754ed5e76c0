// conv_taps: the taps and pixels that a launch takes, and where these meet. Launchers give the values; importers have p.rows
// and p.columns of pixels.
// Imports: conv_steps

// Taps that count: COUNT_W of a row of them, from FIRST on, every STEP-th.
const COUNT_W: u32 = 1u;
const FIRST_H: u32 = 0u;
const FIRST_W: u32 = 0u;
const STEP_H: u32 = 1u;
const STEP_W: u32 = 1u;
// Pixels: every EVERY-th row and column from PHASE on.
const PHASE_H: u32 = 0u;
const PHASE_W: u32 = 0u;
const EVERY_H: u32 = 1u;
const EVERY_W: u32 = 1u;

// Sample, row and column of a pixel.
fn pixel_of(index: u32) -> vec3<u32> {
    let plane = p.rows * p.columns;
    let n = index / plane;
    let rest = index - n * plane;
    let row = rest / p.columns;
    return vec3(n, row * EVERY_H + PHASE_H, (rest - row * p.columns) * EVERY_W + PHASE_W);
}

// Row and column in the kernel of the t-th tap that counts.
fn tap_of(t: u32) -> vec2<u32> {
    let row = t / COUNT_W;
    return vec2(FIRST_H + row * STEP_H, FIRST_W + (t - row * COUNT_W) * STEP_W);
}

// Row and column of x that a pixel of y meets at a tap. Before the map the difference wraps to a row far beyond.
fn met_by_y(pixel: vec3<u32>, tap: vec2<u32>) -> vec2<u32> {
    return vec2(pixel.y * STRIDE_H + tap.x * DILATION_H - PAD_H, pixel.z * STRIDE_W + tap.y * DILATION_W - PAD_W);
}

// Row and column of y that a pixel of x meets at a tap, likewise; taps that do not divide evenly belong to another phase.
fn met_by_x(pixel: vec3<u32>, tap: vec2<u32>) -> vec2<u32> {
    return vec2((pixel.y + PAD_H - tap.x * DILATION_H) / STRIDE_H, (pixel.z + PAD_W - tap.y * DILATION_W) / STRIDE_W);
}
