//! What can be wrong with the maps and masks handed to the metrics.

/// An input that no metric can be computed from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// The number of values does not fit the stated extent.
    #[error("a {width}x{height} map needs {} values, but {found} were given", *width as u64 * *height as u64)]
    Values {
        /// Stated width in pixels.
        width: u32,
        /// Stated height in pixels.
        height: u32,
        /// Number of values given.
        found: usize,
    },
    /// Two masks that are compared pixel by pixel differ in extent.
    #[error(
        "the predicted mask is {}x{} but the true mask is {}x{}; resize one to the other first",
        predicted.0, predicted.1, truth.0, truth.1
    )]
    Extent {
        /// Width and height of the prediction.
        predicted: (u32, u32),
        /// Width and height of the truth.
        truth: (u32, u32),
    },
    /// A median window without a centre pixel.
    #[error("a median window of {0} pixels has no centre; choose an odd size, or 0 for no median")]
    EvenMedian(u32),
}
