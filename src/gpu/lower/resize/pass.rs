//! Which way a resize goes, and along which axis a shifted one.

use crate::graph::ResizeMode;

/// Which way a resize goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gpu::lower) enum Pass {
    /// the result is what it is resized to
    Forward,
    /// the result is the gradient of what was resized, the input that of the result
    Gradient,
}

impl Pass {
    /// One of two entry points.
    pub(super) fn entry(self, forward: &'static str, gradient: &'static str) -> &'static str {
        match self {
            Pass::Forward => forward,
            Pass::Gradient => gradient,
        }
    }

    /// What was resized and what it was resized to, given what the kernel reads and writes.
    pub(super) fn ends<T>(self, read: T, written: T) -> [T; 2] {
        match self {
            Pass::Forward => [read, written],
            Pass::Gradient => [written, read],
        }
    }
}

/// A resize along one axis, of parts that are moved against each other.
#[derive(Clone, Copy, Debug)]
pub(in crate::gpu::lower) struct Shifted {
    pub(in crate::gpu::lower) mode: ResizeMode,
    pub(in crate::gpu::lower) axis: usize,
    pub(in crate::gpu::lower) taps: usize,
}
