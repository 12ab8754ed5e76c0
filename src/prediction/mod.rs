//! What is told of images that a network has segmented: masks, figures, what somebody should look at, and agreement with masks that
//! were drawn.

mod deviations;
mod flag;
mod measured;
mod place;
mod row;
mod subject;

pub use flag::{Flag, Unfit, flags};
pub use measured::{LeftOut, MeasureError, Measured};
pub use place::{NoPlace, Place};
pub use row::Row;
pub use subject::{Segmented, Subject};

/// Images computed at once. Masks are the same bit for bit wherever this many are.
pub const BATCH: usize = 4;
