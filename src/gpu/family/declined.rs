//! Why a variant of a kernel does not compute an operator.

use crate::gpu::machine::ConvVariant;

/// The reason why a variant leaves an operator to the next one of its family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Declined {
    /// Another kind of kernel was chosen, by the table, by measurement or by the caller.
    #[error("{} kernels were chosen", .0.name())]
    AnotherChosen(ConvVariant),
    /// It has not one filter for each channel.
    #[error("it is not depthwise")]
    NotDepthwise,
    /// The sums of all lanes for each tap do not fit a workgroup's memory.
    #[error("its kernel has {taps} taps, more than {most}")]
    TooManyTaps {
        /// of a kernel
        taps: usize,
        /// that a workgroup adds up
        most: usize,
    },
    /// The channels are divided into groups.
    #[error("its channels are in groups")]
    Grouped,
    /// The transform is made for one kernel, stride and dilation.
    #[error("it is not 3x3 with stride 1, dilation 1 and padding up to 2")]
    NotWinograd,
    /// The transforms would cost more than they save.
    #[error("it has {channels} channels on one side, fewer than {least}")]
    TooFewChannels {
        /// on the narrower side
        channels: usize,
        /// from which on it pays
        least: usize,
    },
    /// A sample has more tiles than are transformed at once.
    #[error("a sample has {tiles} tiles, more than {most}")]
    TooManyTiles {
        /// of one sample
        tiles: usize,
        /// that are transformed
        most: usize,
    },
    /// A texture does not hold the values.
    #[error("{what} take {texels} texels, and a texture has {most}")]
    TooLargeForTexture {
        /// which values
        what: &'static str,
        /// that they take
        texels: usize,
        /// of the largest texture
        most: usize,
    },
    /// One binding does not hold the values.
    #[error("{what} take {elements} elements, and a binding has {most}")]
    TooLargeForBinding {
        /// which values
        what: &'static str,
        /// that they take
        elements: usize,
        /// of the largest binding
        most: usize,
    },
    /// Only feature maps are packed.
    #[error("it does not read feature maps")]
    NoMaps,
    /// There is no such kernel.
    #[error("no kernel computes it from textures")]
    NoKernel,
    /// The function makes something of the zeros that fill the last texels.
    #[error("it does not leave 0 where channels fill no texel")]
    ChangesZero,
    /// Operands of different shapes.
    #[error("its operands differ in shape")]
    Broadcasts,
    /// The launch would have too many workgroups along an axis.
    #[error("it has {planes} planes of texels, more than {most}")]
    TooManyPlanes {
        /// of texels
        planes: usize,
        /// along an axis of a launch
        most: usize,
    },
    /// Texels hold four channels.
    #[error("it would divide texels, which hold four channels")]
    DividesTexels,
    /// Updates find the slice where it lies.
    #[error("it is read where it lies")]
    InPlace,
    /// Packing would cost more than it saves.
    #[error("none of its feature maps is in a texture")]
    NothingPacked,
}
