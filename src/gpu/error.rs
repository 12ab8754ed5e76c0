//! What can go wrong on an adapter, each in one sentence.

/// An error of the adapter, the driver, or of a graph that does not fit them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GpuError {
    #[error(
        "no graphics adapter was found; install a Vulkan, Metal or DX12 driver (on Debian or Ubuntu `apt-get install mesa-vulkan-drivers` brings a software one) or pass `--device cpu`"
    )]
    NoAdapter,
    #[error("no adapter matches `{wanted}`; found: {found}")]
    UnknownAdapter { wanted: String, found: String },
    #[error("adapter `{adapter}` could not be opened: {reason}")]
    Open { adapter: String, reason: String },
    #[error("`{adapter}` allows {limit} bytes for a buffer, but {what} needs {bytes}; use a smaller --batch or --size")]
    TooLarge { adapter: String, what: String, bytes: u64, limit: u64 },
    #[error("out of memory on `{adapter}` while allocating {bytes} bytes for {what}; use a smaller --batch or --size")]
    OutOfMemory { adapter: String, what: String, bytes: u64 },
    #[error("`{adapter}` reported an error: {message}")]
    Driver { adapter: String, message: String },
    #[error("`{adapter}` was lost: {message}")]
    Lost { adapter: String, message: String },
    #[error("the graph has no {kind} named `{name}`")]
    UnknownName { kind: &'static str, name: String },
    #[error("{kind} `{name}` has {expected} values, was given {given}")]
    WrongLength { kind: &'static str, name: String, expected: usize, given: usize },
    #[error("{op} is not supported by `{adapter}`: {reason}")]
    Unsupported { op: &'static str, adapter: String, reason: String },
}

/// Result of a call that reaches the adapter.
pub type Result<T> = std::result::Result<T, GpuError>;
