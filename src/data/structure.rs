//! What a mask shows.

/// What a mask shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Structure {
    /// disc and cup, by its values
    Both,
    /// the disc with its cup
    Disc,
    /// the cup
    Cup,
}
