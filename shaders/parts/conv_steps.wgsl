// conv_steps: how a convolution goes over its map. Launchers give the values.

const KERNEL_W: u32 = 1u;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const PAD_H: u32 = 0u;
const PAD_W: u32 = 0u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;
