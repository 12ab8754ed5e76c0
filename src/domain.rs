//! The two cameras, as all parts name them.

/// One of the two cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// the labelled one
    Source,
    /// the one that is adapted to
    Target,
}

impl Domain {
    /// Name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Domain::Source => "source",
            Domain::Target => "target",
        }
    }
}
