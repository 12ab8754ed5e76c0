//! What can go wrong on an adapter, each in one sentence.

use bytesize::ByteSize;

use crate::gpu::kernel::shader::ShaderError;

fn iec(bytes: u64) -> impl std::fmt::Display {
    ByteSize(bytes).display().iec()
}

/// An error of the adapter, the driver, or of a graph that does not fit them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GpuError {
    /// A launch would bind memory in two ways that exclude each other, which is a fault of its launcher.
    #[error("`{shader}` of {label} binds {a} and {b}, which WebGPU does not allow")]
    Clash {
        /// the kernel
        shader: &'static str,
        /// the operator
        label: &'static str,
        /// one binding
        a: String,
        /// the other
        b: String,
    },
    /// The machine has no adapter with compute shaders, not even a software one: install a driver or use the reference.
    #[error(
        "no graphics adapter was found; install a Vulkan, Metal or DX12 driver (on Debian or Ubuntu `apt-get install mesa-vulkan-drivers` brings a software one)"
    )]
    NoAdapter,
    /// No adapter has this index, or a name that this is part of: choose one of those found.
    #[error("no adapter matches `{wanted}`; found: {found}")]
    UnknownAdapter {
        /// as the caller gave it
        wanted: String,
        /// index and name of every adapter, for the message
        found: String,
    },
    /// The driver refuses a device: another program may hold it, or the driver is too old.
    #[error("adapter `{adapter}` could not be opened: {reason}")]
    Open {
        /// name of the adapter
        adapter: String,
        /// in the driver's words
        reason: String,
    },
    /// One value is larger than a buffer of the adapter or what a shader may bind of one, however much memory is free:
    /// take smaller images or a smaller batch.
    #[error("`{adapter}` allows {} for a buffer, but {what} needs {}", iec(*limit), iec(*bytes))]
    TooLarge {
        /// name of the adapter
        adapter: String,
        /// the value, or the operator that binds it
        what: String,
        /// bytes that it needs
        bytes: u64,
        /// bytes that the adapter allows
        limit: u64,
    },
    /// The same of what a launch binds for one sample, which is as large in a smaller batch: take smaller images.
    #[error("`{adapter}` allows {} for a buffer, but one sample of {operator} needs {}", iec(*limit), iec(*bytes))]
    SampleTooLarge {
        /// name of the adapter
        adapter: String,
        /// the operator that binds it
        operator: &'static str,
        /// bytes that it needs
        bytes: u64,
        /// bytes that the adapter allows
        limit: u64,
    },
    /// The adapter's memory is full: take smaller images or a smaller batch, or end what else uses it.
    #[error("out of memory on `{adapter}` while allocating {bytes} bytes for {what}")]
    OutOfMemory {
        /// name of the adapter
        adapter: String,
        /// what was to be allocated
        what: String,
        /// bytes of that allocation alone
        bytes: u64,
    },
    /// The driver or its shader compiler refused a call. No value of this run is to be trusted; if the same happens
    /// again, another driver, another adapter or the reference may do it.
    #[error("`{adapter}` reported an error: {message}")]
    Driver {
        /// name of the adapter
        adapter: String,
        /// in the driver's words, on one line
        message: String,
    },
    /// No kernel computes an operator rightly: update the driver, or take another adapter or the reference.
    #[error("`{adapter}` computes {what} wrongly with every kernel")]
    Wrong {
        /// name of the adapter
        adapter: String,
        /// the operator
        what: String,
    },
    /// The adapter is gone (reset by its driver after a fault or a time limit, or unplugged), and all that lay on it:
    /// open it anew and load the states again.
    #[error("`{adapter}` was lost: {message}")]
    Lost {
        /// name of the adapter
        adapter: String,
        /// in the driver's words, on one line
        message: String,
    },
    /// The program or the states know no such name: it is misspelt, or the graph does not need it.
    #[error("the graph has no {kind} named `{name}`")]
    UnknownName {
        /// `input`, `output`, `state` or `value`
        kind: &'static str,
        /// as the caller gave it
        name: String,
    },
    /// Values do not fill the shape that the graph has for the name, or a state is there with another shape.
    #[error("{kind} `{name}` has {expected} values, was given {given}")]
    WrongLength {
        /// `input` or `state`
        kind: &'static str,
        /// whose values they are
        name: String,
        /// elements of its shape
        expected: usize,
        /// values that the caller gave
        given: usize,
    },
    /// The adapter's memory is full, as its driver told without saying of what.
    #[error("`{adapter}` reported an error: out of memory")]
    MemoryFull {
        /// name of the adapter
        adapter: String,
    },
    /// Feature maps cannot be kept in 16 bits: the adapter's shaders have no such floats.
    #[error("16-bit feature maps are not supported by `{adapter}`: its shaders have no 16-bit floats")]
    NoHalf {
        /// name of the adapter
        adapter: String,
    },
    /// The adapter has no cooperative matrices of the kind that is used.
    #[error(
        "multiplying in cooperative matrices is not supported by `{adapter}`: it reports none with f16 factors and f32 sums"
    )]
    NoMatrices {
        /// name of the adapter
        adapter: String,
    },
    /// The adapter was opened without its cooperative matrices.
    #[error("a kernel on cooperative matrices is not supported by `{adapter}`: it was opened without them")]
    MatricesOff {
        /// name of the adapter
        adapter: String,
    },
    /// The adapter lacks a feature that was asked for: ask for something else, or choose another adapter.
    #[error("{op} is not supported by `{adapter}`: {reason}")]
    Unsupported {
        /// what was asked for: an operator, a flag or an activity
        op: &'static str,
        /// name of the adapter
        adapter: String,
        /// the feature or limit that is missing
        reason: String,
    },
    /// A launch does not fit its shader's text, as with 16-bit floats that a shader does not take: a fault of the engine.
    #[error(transparent)]
    Shader(#[from] ShaderError),
}

/// Result of a call that reaches the adapter.
pub type Result<T> = std::result::Result<T, GpuError>;
