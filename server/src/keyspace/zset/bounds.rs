//! What a range of a sorted set may begin and end with: a score, or, where all scores are the same, a member.
//! How clients write these is in `command::zset_bounds`.

use std::ops::Range;

/// A range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lowest score.
    pub min: f64,
    /// That score itself is not in the range.
    pub min_excluded: bool,
    /// The highest score.
    pub max: f64,
    /// That score itself is not in the range.
    pub max_excluded: bool,
}

impl ScoreRange {
    /// Whether a score is too low for the range.
    #[inline]
    pub(super) fn is_above(&self, score: f64) -> bool {
        if self.min_excluded { score <= self.min } else { score < self.min }
    }

    /// Whether a score is not too high for the range.
    #[inline]
    pub(super) fn reaches(&self, score: f64) -> bool {
        if self.max_excluded { score < self.max } else { score <= self.max }
    }
}

/// Where a range of members begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member.
    Lowest,
    /// Behind every member.
    Highest,
    /// With this member.
    Included(&'a [u8]),
    /// With this member, which is itself not in the range.
    Excluded(&'a [u8]),
}

/// A range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The beginning.
    pub min: LexBound<'a>,
    /// The end.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Whether a member stands before the range.
    #[inline]
    pub(super) fn is_above(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(min) => member < min,
            LexBound::Excluded(min) => member <= min,
        }
    }

    /// Whether a member does not stand behind the range.
    #[inline]
    pub(super) fn reaches(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(max) => member <= max,
            LexBound::Excluded(max) => member < max,
        }
    }
}

/// A range of ranks, which is empty where the end would stand before the beginning.
pub(super) fn ranks(start: usize, end: usize) -> Range<usize> {
    start..end.max(start)
}
