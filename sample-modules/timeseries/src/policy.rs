//! What becomes of a sample whose time is taken.

use crate::words::Words;

/// The policy for duplicate samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// Refuse the new one.
    Block,
    /// Keep the old one.
    First,
    /// Take the new one.
    Last,
    /// Take the lower one.
    Min,
    /// Take the higher one.
    Max,
    /// Add them.
    Sum,
}

impl Words for Duplicates {
    const ALL: &'static [(&'static str, Self)] = &[
        ("block", Self::Block),
        ("first", Self::First),
        ("last", Self::Last),
        ("min", Self::Min),
        ("max", Self::Max),
        ("sum", Self::Sum),
    ];
}

impl Duplicates {
    /// The value that stands from now on; none if the new one is refused.
    pub const fn resolve(self, old: f64, new: f64) -> Option<f64> {
        match self {
            Self::Block => None,
            Self::First => Some(old),
            Self::Last => Some(new),
            Self::Min => Some(if new < old { new } else { old }),
            Self::Max => Some(if new > old { new } else { old }),
            Self::Sum => Some(old + new),
        }
    }
}
