//! Programs that replay a graph: recorded launches, their submissions and pace, profiles, and what an adapter can do at best.

mod ceiling;
mod host_time;
mod profile;
mod program;
mod record;
mod step_part;
mod submissions;

pub use profile::KernelTime;
pub use program::Program;
pub use step_part::StepPart;
