//! A key as a sorted set: members in the order of their scores, and of their bytes where scores are equal. A missing key is an
//! empty sorted set, and one whose last member goes is gone itself.
//!
//! Scores may be infinite. NaN is no score: it is refused with [`Error::NotAFloat`](crate::Error::NotAFloat).

use std::ops::{Bound, RangeBounds};

use crate::bytes::ToBytes;
use crate::error::Result;
use crate::host::Host;
use crate::strings::Strings;
use crate::views::views;

/// A range of scores, as the contract has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScoreRange {
    pub(crate) min: f64,
    pub(crate) min_excluded: bool,
    pub(crate) max: f64,
    pub(crate) max_excluded: bool,
}

impl ScoreRange {
    fn of(range: &impl RangeBounds<f64>) -> Self {
        let bound = |bound: Bound<&f64>, open: f64| match bound {
            Bound::Included(&score) => (score, false),
            Bound::Excluded(&score) => (score, true),
            Bound::Unbounded => (open, false),
        };
        let (min, min_excluded) = bound(range.start_bound(), f64::NEG_INFINITY);
        let (max, max_excluded) = bound(range.end_bound(), f64::INFINITY);
        Self { min, min_excluded, max, max_excluded }
    }
}

/// Members, each with its score: what ranges and [`SortedSet::pop_min_many`] answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scored {
    pub(crate) members: Strings,
    pub(crate) scores: Vec<f64>,
}

impl Scored {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The members without their scores.
    #[must_use]
    pub const fn members(&self) -> &Strings {
        &self.members
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], f64)> {
        self.members.iter().zip(self.scores.iter().copied())
    }

    fn first(&self) -> Option<(Vec<u8>, f64)> {
        self.iter().next().map(|(member, score)| (member.to_vec(), score))
    }
}

/// A sorted set that can be read. [`ReadKey::as_sorted_set`](crate::ReadKey::as_sorted_set) gives it.
#[derive(Clone, Copy)]
pub struct ReadSortedSet<'k> {
    host: &'k Host,
    handle: u32,
}

/// A sorted set that can be read and changed. [`Key::as_sorted_set`](crate::Key::as_sorted_set) gives it.
#[derive(Clone, Copy)]
pub struct SortedSet<'k>(ReadSortedSet<'k>);

views!(ReadSortedSet, SortedSet);

fn strings<T: ToBytes>(members: impl IntoIterator<Item = T>) -> Strings {
    let mut strings = Strings::new();
    for member in members {
        member.with_bytes(|member| strings.push(member));
    }
    strings
}

/// The server gives one at least.
fn some(count: u32, give: impl FnOnce(u32) -> Result<Scored>) -> Result<Scored> {
    if count == 0 { Ok(Scored::default()) } else { give(count) }
}

impl<'k> ReadSortedSet<'k> {
    /// The number of members.
    pub fn len(&self) -> Result<u64> {
        self.host.zset_len(self.handle)
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The score of a member.
    pub fn score(&self, member: impl ToBytes) -> Result<Option<f64>> {
        member.with_bytes(|member| self.host.zset_score(self.handle, member))
    }

    /// The scores of several members, in their order: one call, however many they are.
    pub fn scores<T: ToBytes>(&self, members: impl IntoIterator<Item = T>) -> Result<Vec<Option<f64>>> {
        self.host.zset_scores(self.handle, strings(members))
    }

    /// How many members stand before one.
    pub fn rank(&self, member: impl ToBytes) -> Result<Option<u64>> {
        member.with_bytes(|member| self.host.zset_rank(self.handle, member, false))
    }

    /// How many members stand behind one.
    pub fn rev_rank(&self, member: impl ToBytes) -> Result<Option<u64>> {
        member.with_bytes(|member| self.host.zset_rank(self.handle, member, true))
    }

    /// The number of members with scores in a range: `count(1.0..)`, `count(..=5.0)`.
    pub fn count(&self, scores: impl RangeBounds<f64>) -> Result<u64> {
        self.host.zset_count(self.handle, ScoreRange::of(&scores))
    }

    /// The members from a rank on: `count` of them, at most 1,000, or as many as there are.
    pub fn range(&self, start: u64, count: u32) -> Result<Scored> {
        some(count, |count| self.host.zset_range(self.handle, start, count, false))
    }

    /// The same from the highest score on: rank 0 is the last member.
    pub fn rev_range(&self, start: u64, count: u32) -> Result<Scored> {
        some(count, |count| self.host.zset_range(self.handle, start, count, true))
    }

    /// The members with scores in a range, without the first `offset`: `count` of them, at most 1,000, or as many as there are.
    pub fn range_by_score(&self, scores: impl RangeBounds<f64>, offset: u64, count: u32) -> Result<Scored> {
        self.by_score(&scores, offset, count, false)
    }

    /// The same from the highest score on.
    pub fn rev_range_by_score(
        &self,
        scores: impl RangeBounds<f64>,
        offset: u64,
        count: u32,
    ) -> Result<Scored> {
        self.by_score(&scores, offset, count, true)
    }

    fn by_score(
        &self,
        scores: &impl RangeBounds<f64>,
        offset: u64,
        count: u32,
        reverse: bool,
    ) -> Result<Scored> {
        let scores = ScoreRange::of(scores);
        some(count, |count| self.host.zset_range_by_score(self.handle, scores, offset, count, reverse))
    }
}

impl<'k> SortedSet<'k> {
    /// Add a member, or change its score; the answer is whether it is new.
    pub fn add(&self, member: impl ToBytes, score: f64) -> Result<bool> {
        Ok(self.add_many([(member, score)])? == 1)
    }

    /// Add several members; the answer is how many are new.
    pub fn add_many<T: ToBytes>(&self, members: impl IntoIterator<Item = (T, f64)>) -> Result<u32> {
        let (members, scores): (Vec<T>, Vec<f64>) = members.into_iter().unzip();
        self.host.zset_add(self.handle, strings(members), &scores)
    }

    /// Add to a member's score, a missing one counting as 0; the answer is the sum.
    pub fn incr_by(&self, member: impl ToBytes, by: f64) -> Result<f64> {
        member.with_bytes(|member| self.host.zset_increment(self.handle, member, by))
    }

    /// Remove a member; the answer is whether there was one.
    pub fn remove(&self, member: impl ToBytes) -> Result<bool> {
        Ok(self.remove_many([member])? == 1)
    }

    /// Remove several members; the answer is how many there were.
    pub fn remove_many<T: ToBytes>(&self, members: impl IntoIterator<Item = T>) -> Result<u32> {
        self.host.zset_remove(self.handle, strings(members))
    }

    /// Take out the member with the lowest score; `None` if there is none.
    pub fn pop_min(&self) -> Result<Option<(Vec<u8>, f64)>> {
        Ok(self.pop_min_many(1)?.first())
    }

    /// Take out the members with the lowest scores: `count` of them, at most 1,000, or all if there are fewer.
    pub fn pop_min_many(&self, count: u32) -> Result<Scored> {
        some(count, |count| self.host.zset_pop(self.handle, count, false))
    }

    /// Take out the member with the highest score; `None` if there is none.
    pub fn pop_max(&self) -> Result<Option<(Vec<u8>, f64)>> {
        Ok(self.pop_max_many(1)?.first())
    }

    /// Take out the members with the highest scores, the highest first.
    pub fn pop_max_many(&self, count: u32) -> Result<Scored> {
        some(count, |count| self.host.zset_pop(self.handle, count, true))
    }
}
