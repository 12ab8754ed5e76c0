//! A graph made ready for a machine without touching one: its launches, and where every value lies.

mod bindings;
mod grouped;
mod memory;
mod textures;
mod traffic;
mod variant;

pub(crate) use grouped::{Located, divide};
pub use memory::Requirements;
pub(crate) use memory::{Plan, is_leaf};
pub(crate) use textures::{ROW, TexturePlan};
pub use variant::Variant;
pub(crate) use variant::variant_name;
