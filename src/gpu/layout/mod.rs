//! Where values lie before anything is lowered: in which memory, and which of them packed in textures.

mod assign;
mod both_gradients;
mod combined;
mod crossed;
mod explain;
mod joined;
mod on_store;
mod over_passes;
mod placed;
mod places;
mod unwritten;

pub(crate) use assign::{Layout, Layouts, Move, NodeLayout};
pub(crate) use both_gradients::{both_gradients, passed};
pub(crate) use combined::combined_on_store;
pub(crate) use crossed::crossed;
pub use explain::{KernelReport, Reason};
pub(crate) use joined::{ELEMENTS, reduced_in_part, unjoined};
pub(crate) use on_store::reduced_on_store;
pub(crate) use over_passes::{OverPasses, over_passes};
pub(crate) use placed::{Placed, placed, read_within};
pub(crate) use places::{late_reads, slices_in_place, value_target};
pub(crate) use unwritten::unwritten;
