//! Programs that replay a graph: recorded launches, their submissions and pace, profiles, and what an adapter can do at best.

mod ceiling;
mod host_time;
mod profile;
mod program;
mod record;
mod submissions;

pub use ceiling::Ceiling;
pub use profile::KernelTime;
pub use program::Program;
