//! How many bits a graph's feature maps are kept in.

use crate::named::named_enum;

named_enum! {
    /// How feature maps are kept between launches. Kernels compute in f32 either way.
    #[derive(Default)]
    pub enum Precision {
        /// everything in 32-bit floats
        #[default]
        F32 = "f32",
        /// feature maps and their gradients in 16-bit floats; weights, statistics and losses in 32-bit ones
        F16 = "f16",
    }
}
