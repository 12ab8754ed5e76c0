//! What GPUs' compilers make of the shaders, without a GPU: Mesa's drivers run on shims that stand in for the hardware.
//! `.ci/compilers` asks them, and holds what they say against `data/compilers/`.

mod compiler;
mod held;
mod record;
mod statistics;
mod table;

pub use compiler::{COMPILERS, Compiler, kernel};
pub use held::{Complaint, Known, held, known_spill};
pub use record::{Record, RecordError};
pub use statistics::{Figures, Keys};
pub use table::{long, replaced, short};
