//! The large form of a sorted set: a table of members, which finds a score, and the order of them, which finds ranks and ranges.
//!
//! The table is the same as a large hash's; an entry's value is the score's bits, so that it costs no more than its header. The
//! order (`ranked`) has scores and the addresses of these entries. What makes that sound: every address in the order is of an
//! entry in the table, which is put into the order after, and taken out before it changes or goes.

use std::cmp::Ordering;
use std::ops::Range;

use rand::Rng;

use super::compact::compare;
use super::member::Member;
use super::ranked::{Cursor, Ranked};
use crate::keyspace::entry::Entry;
use crate::keyspace::entry_ref::EntryRef;
use crate::keyspace::key;
use crate::keyspace::lots;
use crate::keyspace::prefetch::Aim;
use crate::keyspace::table::Table;
use crate::keyspace::value::{StringRef, Value};

/// How many members ahead of a walk are asked for: about as many as fit into a cache miss.
const AHEAD: usize = 6;

/// Members with their scores.
#[derive(Default)]
pub(super) struct Large {
    table: Table<Entry>,
    order: Ranked<Item>,
    /// Sum of `Entry::memory` of the members.
    bytes: usize,
}

/// What the order has of a member.
#[derive(Clone, Copy)]
struct Item {
    score: f64,
    member: Member,
}

impl Item {
    /// How it stands to a score and a member. Called for items in the order of a `Large` that is borrowed, alone.
    #[inline]
    fn compare(&self, score: f64, member: &[u8]) -> Ordering {
        match self.score.partial_cmp(&score) {
            // The member is in another cache line, and looked at only if it decides.
            Some(Ordering::Equal) => compare((score, self.bytes()), (score, member)),
            unequal => unequal.unwrap_or(Ordering::Equal),
        }
    }

    /// The same.
    #[inline]
    fn bytes<'a>(&self) -> &'a [u8] {
        // SAFETY: items are private to this file, which keeps them in an order only as long as their entries are in the table,
        // and looks at them under a borrow of both; what it gives out lives as long as that borrow.
        unsafe { self.member.bytes() }
    }
}

fn entry_of(member: &[u8], score: f64) -> Entry {
    Entry::new(member, Value::Int(score.to_bits().cast_signed()), None, 0)
}

/// The score in an entry.
#[inline]
fn score_of(entry: EntryRef<'_>) -> f64 {
    match entry.string() {
        Some(StringRef::Int(bits)) => f64::from_bits(bits.cast_unsigned()),
        _ => unreachable!("the value of a member is an integer"),
    }
}

fn pair(entry: EntryRef<'_>) -> (&[u8], f64) {
    (entry.key(), score_of(entry))
}

impl Large {
    /// Members in order, none of them twice; None if one is.
    pub(super) fn of_sorted<'a>(members: impl Iterator<Item = (&'a [u8], f64)>) -> Option<Large> {
        let mut large = Large::default();
        let mut items = Vec::with_capacity(members.size_hint().0);
        for (member, score) in members {
            let hash = key::hash(member);
            if large.table.find(hash, member).is_some() {
                return None;
            }
            let member = large.add_entry(hash, entry_of(member, score));
            items.push(Item { score, member });
        }
        large.order = Ranked::of_sorted(&items);
        Some(large)
    }

    fn add_entry(&mut self, hash: u64, entry: Entry) -> Member {
        self.bytes += entry.as_ref().memory();
        let place = self.table.insert(hash, entry);
        Member::of(self.table.at(place))
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.bytes + self.table.memory() + self.order.memory()
    }

    /// Asks for what leads to a member in the table, and to its place in the order if its score is known.
    #[inline]
    pub(super) fn prefetch(&self, step: usize, aim: Aim) -> bool {
        let in_table = self.table.prefetch(step, aim.hash);
        let in_order = aim.score.is_some_and(|score| self.order.prefetch(step, |item| item.score < score));
        in_table || in_order
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.table.get(key::hash(member), member).map(score_of)
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.rank_in_order(score, member), score))
    }

    /// How many stand before a member of that score.
    fn rank_in_order(&self, score: f64, member: &[u8]) -> usize {
        self.order.rank(|item| item.compare(score, member).is_lt())
    }

    /// Sets the score of a member. The result is the one it had.
    pub(super) fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let hash = key::hash(member);
        let (old, at) = match self.table.find(hash, member) {
            None => (None, self.add_entry(hash, entry_of(member, score))),
            Some(place) => {
                let old = score_of(self.table.at(place));
                // Equal is also what differs in the sign of zero alone, as Redis has it.
                if old == score {
                    return Some(old);
                }
                let rank = self.rank_in_order(old, member);
                self.order.remove_at(rank);
                self.table.update(place, |entry| entry.set_int(score.to_bits().cast_signed()));
                (Some(old), Member::of(self.table.at(place)))
            }
        };
        self.order.insert(Item { score, member: at }, |item| item.compare(score, member).is_lt());
        old
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let place = self.table.find(key::hash(member), member)?;
        let score = score_of(self.table.at(place));
        let rank = self.rank_in_order(score, member);
        self.order.remove_at(rank);
        self.bytes -= self.table.remove_at(place).as_ref().memory();
        Some(score)
    }

    /// Removes those with these ranks, which must be below the length.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        for _ in ranks.clone() {
            let member = self.order.remove_at(ranks.start).bytes();
            let place = self.table.find(key::hash(member), member);
            let place = place.expect("what is in the order is in the table");
            self.bytes -= self.table.remove_at(place).as_ref().memory();
        }
    }

    /// How many stand before a place.
    pub(super) fn rank_by_score(&self, before: impl Fn(f64) -> bool) -> usize {
        self.order.rank(|item| before(item.score))
    }

    /// The same by member.
    pub(super) fn rank_by_member(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        self.order.rank(|item| before(item.bytes()))
    }

    /// A walk from a rank on; in reverse from the one before it.
    pub(super) fn walk(&self, rank: usize, reverse: bool) -> Walk<'_> {
        let cursor = self.order.cursor(rank);
        (1..AHEAD).filter_map(|n| cursor.ahead(n, reverse)).for_each(|item| item.member.prefetch());
        Walk { cursor, reverse }
    }

    pub(super) fn scan<'a>(&'a self, cursor: u64, count: usize, mut f: impl FnMut(&'a [u8], f64)) -> u64 {
        self.table.scan(cursor, count, |entry| f(entry.key(), score_of(entry)))
    }

    pub(super) fn random(&self, rng: &mut impl Rng) -> Option<(&[u8], f64)> {
        self.table.random(rng).map(pair)
    }

    /// `n` members, which are few of them, none twice.
    pub(super) fn random_distinct(&self, rng: &mut impl Rng, n: usize) -> Vec<(&[u8], f64)> {
        lots::few_of(&self.table, n, rng).into_iter().map(pair).collect()
    }
}

impl Clone for Large {
    fn clone(&self) -> Self {
        let mut walk = self.walk(0, false);
        let members = std::iter::from_fn(|| walk.next());
        Large::of_sorted(members).expect("no member is there twice")
    }
}

/// A walk over members in order.
pub(super) struct Walk<'a> {
    cursor: Cursor<'a, Item>,
    reverse: bool,
}

impl<'a> Walk<'a> {
    #[inline]
    pub(super) fn next(&mut self) -> Option<(&'a [u8], f64)> {
        if let Some(item) = self.cursor.ahead(AHEAD, self.reverse) {
            item.member.prefetch();
        }
        let item = if self.reverse { self.cursor.back() } else { self.cursor.next() }?;
        Some((item.bytes(), item.score))
    }
}
