//! What the server does for a module with keys that hold sorted sets: `wit/sorted-sets.wit`, function by function. No score that
//! comes in is NaN. The functions as they are here are those of a host without keys.

use super::{HostFault, HostResult};
use crate::contract::{Argv, ArgvBuf};

/// A range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lowest score.
    pub min: f64,
    /// Whether that score itself is outside.
    pub min_excluded: bool,
    /// The highest score.
    pub max: f64,
    /// Whether that score itself is outside.
    pub max_excluded: bool,
}

/// A part of [`Host`](super::Host). What answers with members appends them to `members`, and returns the score of each.
pub trait SortedSets {
    /// Add members, of which each has a score; how many are new.
    fn zset_add(&mut self, key: u32, _members: Argv<'_>, _scores: &[f64]) -> HostResult<u32> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Add to a member's score; the sum.
    fn zset_increment(&mut self, key: u32, _member: &[u8], _by: f64) -> HostResult<f64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Remove members; how many there were.
    fn zset_remove(&mut self, key: u32, _members: Argv<'_>) -> HostResult<u32> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The score of a member.
    fn zset_score(&mut self, key: u32, _member: &[u8]) -> HostResult<Option<f64>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The scores of several members, in their order.
    fn zset_scores(&mut self, key: u32, _members: Argv<'_>) -> HostResult<Vec<Option<f64>>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// How many members stand before one, or behind it if `reverse`.
    fn zset_rank(&mut self, key: u32, _member: &[u8], _reverse: bool) -> HostResult<Option<u64>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The number of members.
    fn zset_len(&mut self, key: u32) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The number of members with scores in a range.
    fn zset_count(&mut self, key: u32, _scores: ScoreRange) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The members from a rank on, which counts from the last if `reverse`. `count` is 1 to 1,000.
    fn zset_range(
        &mut self,
        key: u32,
        _start: u64,
        _count: u32,
        _reverse: bool,
        _members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The members with scores in a range, without the first `offset`. `count` is 1 to 1,000.
    fn zset_range_by_score(
        &mut self,
        key: u32,
        _scores: ScoreRange,
        _offset: u64,
        _count: u32,
        _reverse: bool,
        _members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Take out the first members, or the last if `reverse`. `count` is 1 to 1,000.
    fn zset_pop(
        &mut self,
        key: u32,
        _count: u32,
        _reverse: bool,
        _members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        Err(HostFault::BadHandle(key).into())
    }
}
