//! The sorted set type: members with a score each, none of them twice, in order of score, and of their bytes where scores are the same.
//!
//! A small one is one packed buffer (`compact`); a large one is a table of members and an order of them (`large`), which OBJECT ENCODING calls a
//! skip list, as Redis's is. It never goes back to the compact form, as in Redis.
//!
//! Whatever is asked by rank, score or member becomes a range of ranks first: then its length is known before its first member is
//! read, and every range is walked in the same way. Scores are never NaN; who makes one, refuses it.

mod bounds;
mod compact;
mod large;
mod member;
mod ranked;

use std::cmp::Ordering;
use std::ops::Range;

use rand::Rng;

pub use bounds::{LexBound, LexRange, ScoreRange};
use compact::{Compact, Items, compare};
use large::{Large, Walk};

use super::key;
use super::lots;
use super::prefetch::{Aim, prefetch_lines};
use super::table::below;
use super::thresholds::{PackedLimits, Thresholds};
use super::value::Encoding;

/// A member and its score.
pub type Scored<'a> = (&'a [u8], f64);

/// Members with their scores.
#[derive(Clone)]
pub struct Zset(Form);

#[derive(Clone)]
enum Form {
    Compact(Compact),
    Large(Box<Large>),
}

impl Default for Zset {
    fn default() -> Self {
        Zset(Form::Compact(Compact::default()))
    }
}

/// Making and asking.
impl Zset {
    /// A sorted set with these members, made at once; none if a member is there twice, or its score is no number.
    pub fn of_members<'a>(
        members: impl ExactSizeIterator<Item = Scored<'a>> + Clone,
        thresholds: &Thresholds,
    ) -> Option<Zset> {
        let limits = thresholds.zset;
        let mut members: Vec<Scored<'a>> = members.collect();
        if members.iter().any(|(_, score)| score.is_nan()) {
            return None;
        }
        members.sort_unstable_by(|a, b| compare((a.1, a.0), (b.1, b.0)));
        let is_small = |(member, _): &Scored<'_>| member.len() <= limits.value;
        if members.len() > limits.entries || !members.iter().all(is_small) {
            let large = Large::of_sorted(members.into_iter())?;
            return Some(Zset(Form::Large(Box::new(large))));
        }
        if !key::all_differ(members.iter().map(|&(member, _)| member)) {
            return None;
        }
        let mut compact = Compact::default();
        members.iter().for_each(|(member, score)| compact.push(member, *score));
        Some(Zset(Form::Compact(compact)))
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Compact(compact) => compact.len(),
            Form::Large(large) => large.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack` or `skiplist`.
    pub fn encoding(&self) -> Encoding {
        match &self.0 {
            Form::Compact(_) => Encoding::Listpack,
            Form::Large(_) => Encoding::Skiplist,
        }
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<Zset>()
            + match &self.0 {
                Form::Compact(compact) => compact.memory(),
                Form::Large(large) => large.memory(),
            }
    }

    /// Asks for what leads to a member, once the sorted set itself is there. False when nothing is left to ask for.
    #[inline]
    pub(super) fn prefetch(&self, step: usize, aim: Aim) -> bool {
        match &self.0 {
            Form::Compact(compact) => {
                compact.prefetch();
                false
            }
            Form::Large(large) if step == 0 => {
                prefetch_lines(&**large);
                true
            }
            Form::Large(large) => large.prefetch(step - 1, aim),
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Compact(compact) => compact.find(member).map(|item| item.score),
            Form::Large(large) => large.score(member),
        }
    }

    /// How many members stand before one, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match &self.0 {
            Form::Compact(compact) => compact.rank(member),
            Form::Large(large) => large.rank(member),
        }
    }

    /// The ranks of the members with scores in a range.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let (start, end) = match &self.0 {
            Form::Compact(compact) => (
                compact.rank_of(|score, _| range.is_above(score)),
                compact.rank_of(|score, _| range.reaches(score)),
            ),
            Form::Large(large) => (
                large.rank_by_score(|score| range.is_above(score)),
                large.rank_by_score(|score| range.reaches(score)),
            ),
        };
        bounds::ranks(start, end)
    }

    /// The ranks of the members in a range of members. It means something only where all have the same score.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>) -> Range<usize> {
        let (start, end) = match &self.0 {
            Form::Compact(compact) => (
                compact.rank_of(|_, member| range.is_above(member)),
                compact.rank_of(|_, member| range.reaches(member)),
            ),
            Form::Large(large) => (
                large.rank_by_member(|member| range.is_above(member)),
                large.rank_by_member(|member| range.reaches(member)),
            ),
        };
        bounds::ranks(start, end)
    }

    /// How two members are ordered.
    #[inline]
    pub fn compare(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
        compare(a, b)
    }

    /// All of them, in order.
    pub fn iter(&self) -> Members<'_> {
        self.range(0..self.len(), false)
    }

    /// Those with these ranks, in order or from the last to the first.
    pub fn range(&self, ranks: Range<usize>, reverse: bool) -> Members<'_> {
        let ranks = ranks.start..ranks.end.min(self.len());
        let left = ranks.len();
        let walk = match &self.0 {
            Form::Compact(compact) if reverse => {
                let items = compact.iter().skip(ranks.start).take(left);
                MembersWalk::Collected(items.map(|item| (item.member, item.score)).collect())
            }
            Form::Compact(compact) => {
                let mut items = compact.iter();
                (0..ranks.start).for_each(|_| _ = items.next());
                MembersWalk::Compact(items)
            }
            Form::Large(large) => {
                MembersWalk::Large(large.walk(if reverse { ranks.end } else { ranks.start }, reverse))
            }
        };
        Members { walk, left }
    }

    /// One step of ZSCAN, with the guarantees of `Table::scan`. A compact sorted set is reported whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut f: impl FnMut(&'a [u8], f64)) -> u64 {
        match &self.0 {
            Form::Compact(_) => {
                self.iter().for_each(|(member, score)| f(member, score));
                0
            }
            Form::Large(large) => large.scan(cursor, count, f),
        }
    }
}

/// Changing.
impl Zset {
    /// Sets the score of a member, which must be a number. The result is the score that it had.
    pub fn set(&mut self, member: &[u8], score: f64, limits: PackedLimits) -> Option<f64> {
        debug_assert!(!score.is_nan());
        if let Form::Compact(compact) = &mut self.0 {
            let fits = member.len() <= limits.value && compact.len() < limits.entries;
            // A member that is there already takes no more room.
            if fits || compact.find(member).is_some() {
                return compact.set(member, score);
            }
            self.unpack();
        }
        let Form::Large(large) = &mut self.0 else { unreachable!("`unpack` made it large") };
        large.set(member, score)
    }

    /// So many members may come at once: too many for the compact form end it now, as in Redis.
    pub fn expect(&mut self, members: usize, limits: PackedLimits) {
        if members > limits.entries && matches!(self.0, Form::Compact(_)) {
            self.unpack();
        }
    }

    /// Removes a member. The result is its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Form::Compact(compact) => compact.remove(member),
            Form::Large(large) => large.remove(member),
        }
    }

    /// Removes the members with these ranks.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let ranks = ranks.start..ranks.end.min(self.len());
        match &mut self.0 {
            Form::Compact(compact) => compact.remove_range(ranks),
            Form::Large(large) => large.remove_range(ranks),
        }
    }

    fn unpack(&mut self) {
        let large = Large::of_sorted(self.iter()).expect("no member is there twice");
        self.0 = Form::Large(Box::new(large));
    }
}

/// Drawing lots.
impl Zset {
    /// A member, each about equally likely.
    pub fn random(&self, rng: &mut impl Rng) -> Option<Scored<'_>> {
        match &self.0 {
            Form::Compact(compact) if compact.len() > 0 => self.iter().nth(below(rng, compact.len())),
            Form::Compact(_) => None,
            Form::Large(large) => large.random(rng),
        }
    }

    /// `n` members, or all if there are fewer, none of them twice.
    pub fn random_distinct(&self, rng: &mut impl Rng, n: usize) -> Vec<Scored<'_>> {
        match &self.0 {
            Form::Large(large) if lots::are_few(n, self.len()) => large.random_distinct(rng, n),
            _ => lots::distinct(self.iter(), n, rng),
        }
    }

    /// `n` members, the same one possibly several times.
    pub fn random_repeated(&self, rng: &mut impl Rng, n: usize) -> Vec<Scored<'_>> {
        match &self.0 {
            Form::Compact(_) => lots::repeated(self.iter(), n, rng),
            Form::Large(large) => (0..n).map_while(|_| large.random(rng)).collect(),
        }
    }
}

impl std::fmt::Debug for Zset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} members", self.encoding().name(), self.len())
    }
}

/// Iterator over a range of members.
pub struct Members<'a> {
    walk: MembersWalk<'a>,
    left: usize,
}

enum MembersWalk<'a> {
    Compact(Items<'a>),
    /// To be given out from the end.
    Collected(Vec<Scored<'a>>),
    Large(Walk<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Scored<'a>;

    #[inline]
    fn next(&mut self) -> Option<Scored<'a>> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.walk {
            MembersWalk::Compact(items) => items.next().map(|item| (item.member, item.score)),
            MembersWalk::Collected(items) => items.pop(),
            MembersWalk::Large(walk) => walk.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Members<'_> {}
