//! From operators to launches: one folder for each kernel family.

mod axes;
mod batch_norm;
mod conv2d;
mod copy;
mod elementwise;
mod joined;
mod lowering;
mod on_load;
mod on_store;
mod operators;
mod optimizer;
mod packed;
mod packed_values;
mod prototype;
mod reduce;
mod resize;

pub(crate) use lowering::Lowering;
