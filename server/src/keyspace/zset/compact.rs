//! The compact form of a sorted set: members in order of score and member, one behind the other in one buffer.
//!
//! ```text
//! | score: 1 to 9 bytes | length of the member (LEB128) | member | score | ...
//! ```
//!
//! The first byte of a score tells its form: up to 0xEF it is the score; 0xF1 to 0xF7 are followed by an integer of one to seven bytes;
//! 0xF8 by a double of four bytes, if that is exact, and 0xF9 by one of eight. What most people score by, ranks, counts and times,
//! takes one to seven bytes so.

use std::cmp::Ordering;
use std::ops::Range;

use smallvec::SmallVec;

use crate::keyspace::packed;
use crate::keyspace::prefetch::prefetch_bytes;

/// Scores up to this are one byte.
const DIRECT_MAX: u8 = 0xEF;
const INTEGER: u8 = 0xF0;
const INTEGER_BYTES_MAX: usize = 7;
const SINGLE: u8 = 0xF8;
const DOUBLE: u8 = 0xF9;

/// Members in order.
#[derive(Clone, Default)]
pub(super) struct Compact {
    bytes: Vec<u8>,
    len: u32,
}

/// A member with its score, and where both are in the buffer.
pub(super) struct Item<'a> {
    pub(super) member: &'a [u8],
    pub(super) score: f64,
    start: usize,
    end: usize,
}

/// How two elements are ordered.
#[inline]
pub(super) fn compare(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
    // Scores are no NaN; 0 and -0 are the same.
    a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(b.1))
}

/// Appends a score.
fn push_score(bytes: &mut SmallVec<[u8; 24]>, score: f64) {
    // The sign of a zero is lost here, as in Redis's compact form.
    let integer = score as i64;
    let is_integer = integer as f64 == score;
    if is_integer && (0..=i64::from(DIRECT_MAX)).contains(&integer) {
        bytes.push(integer as u8);
        return;
    }
    // All bits but those that repeat the sign.
    let len = (72 - (integer ^ (integer >> 63)).leading_zeros() as usize) / 8;
    if is_integer && len <= INTEGER_BYTES_MAX {
        bytes.push(INTEGER + len as u8);
        bytes.extend_from_slice(&integer.to_le_bytes()[..len]);
    } else if f64::from(score as f32) == score {
        bytes.push(SINGLE);
        bytes.extend_from_slice(&(score as f32).to_le_bytes());
    } else {
        bytes.push(DOUBLE);
        bytes.extend_from_slice(&score.to_le_bytes());
    }
}

/// How many bytes follow the first byte of a score.
#[inline]
fn score_tail(first: u8) -> usize {
    match first {
        0..=DIRECT_MAX => 0,
        SINGLE => 4,
        DOUBLE.. => 8,
        _ => usize::from(first - INTEGER),
    }
}

/// The score that these bytes are, which are as many as the first of them says.
#[inline]
fn score_of(first: u8, tail: &[u8]) -> f64 {
    let mut word = [0; 8];
    match first {
        0..=DIRECT_MAX => f64::from(first),
        SINGLE => {
            word[..4].copy_from_slice(tail);
            f64::from(f32::from_bits(u64::from_le_bytes(word) as u32))
        }
        DOUBLE.. => {
            word.copy_from_slice(tail);
            f64::from_le_bytes(word)
        }
        _ => {
            word[8 - tail.len()..].copy_from_slice(tail);
            (i64::from_le_bytes(word) >> (64 - 8 * tail.len())) as f64
        }
    }
}

impl Compact {
    /// Asks for the buffer.
    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch_bytes(&self.bytes);
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// All of them in order.
    #[inline]
    pub(super) fn iter(&self) -> Items<'_> {
        Items { bytes: &self.bytes, at: 0 }
    }

    pub(super) fn find(&self, member: &[u8]) -> Option<Item<'_>> {
        let member = packed::Sought::new(member);
        self.iter().find(|item| member.is(item.member))
    }

    /// The rank of a member and its score.
    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let member = packed::Sought::new(member);
        let found = self.iter().enumerate().find(|(_, item)| member.is(item.member));
        found.map(|(rank, item)| (rank, item.score))
    }

    /// Sets the score of a member. The result is the one it had.
    pub(super) fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let (old, mut at) = self.locate(member, score);
        let Some((old, range)) = old else {
            self.insert(at, member, score);
            return None;
        };
        // Equal is also what differs in the sign of zero alone, as Redis has it.
        if old != score {
            if at > range.start {
                at -= range.len();
            }
            self.cut(range, 1);
            self.insert(at, member, score);
        }
        Some(old)
    }

    /// Where a member is and its score, and where it would stand with another one: both in one walk.
    fn locate(&self, member: &[u8], score: f64) -> (Option<(f64, Range<usize>)>, usize) {
        let sought = packed::Sought::new(member);
        let (mut found, mut behind) = (None, None);
        for item in self.iter() {
            if sought.is(item.member) {
                found = Some((item.score, item.start..item.end));
            } else if behind.is_none() && compare((item.score, item.member), (score, member)).is_gt() {
                behind = Some(item.start);
            }
            if found.is_some() && behind.is_some() {
                break;
            }
        }
        (found, behind.unwrap_or(self.bytes.len()))
    }

    /// Appends a member that stands behind all others.
    pub(super) fn push(&mut self, member: &[u8], score: f64) {
        self.insert(self.bytes.len(), member, score);
    }

    fn insert(&mut self, at: usize, member: &[u8], score: f64) {
        let mut head = SmallVec::new();
        push_score(&mut head, score);
        packed::push_len(member.len(), |byte| head.push(byte));
        let (old_len, room) = (self.bytes.len(), head.len() + member.len());
        packed::reserve(&mut self.bytes, room);
        self.bytes.resize(old_len + room, 0);
        self.bytes.copy_within(at..old_len, at + room);
        self.bytes[at..at + head.len()].copy_from_slice(&head);
        self.bytes[at + head.len()..at + room].copy_from_slice(member);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let item = self.find(member)?;
        let (score, range) = (item.score, item.start..item.end);
        self.cut(range, 1);
        Some(score)
    }

    /// Removes those with these ranks.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        let mut items = self.iter().skip(ranks.start).take(ranks.len());
        let Some(first) = items.next() else { return };
        let (start, end) = (first.start, first.end);
        let (end, n) = items.fold((end, 1), |(_, n), item| (item.end, n + 1));
        self.cut(start..end, n);
    }

    fn cut(&mut self, range: Range<usize>, members: u32) {
        packed::remove(&mut self.bytes, range);
        self.len -= members;
    }

    /// How many stand before a place.
    pub(super) fn rank_of(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        self.iter().take_while(|item| before(item.score, item.member)).count()
    }
}

/// The items of a buffer.
#[derive(Clone)]
pub(super) struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let start = self.at;
        let first = *self.bytes.get(start)?;
        let tail = start + 1 + score_tail(first);
        let mut strings = packed::Strings::from(self.bytes, tail);
        let member = strings.next()?;
        self.at = strings.at();
        let score = score_of(first, &self.bytes[start + 1..tail]);
        Some(Item { member, score, start, end: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_come_back_and_take_little_room() {
        for (score, room) in [
            (0.0, 1),
            (-0.0, 1),
            (239.0, 1),
            (240.0, 3),
            (-1.0, 2),
            (-128.0, 2),
            (127.0, 1),
            (-129.0, 3),
            (32767.0, 3),
            (32768.0, 4),
            (1.7e9, 5),
            (1_700_000_000_123.0, 7),
            (18014398509481983.0, 8),
            (36028797018963968.0, 5),
            (0.5, 5),
            (0.1, 9),
            (f64::INFINITY, 5),
            (f64::NEG_INFINITY, 5),
            (f64::MAX, 9),
            (5e-324, 9),
            (-9007199254740993.0, 8),
        ] {
            let mut compact = Compact::default();
            compact.push(b"m", score);
            assert_eq!(compact.bytes.len() - 2, room, "{score}");
            let back = compact.iter().next().map(|item| item.score.to_bits());
            assert_eq!(back, Some((score + 0.0).to_bits()), "{score}");
        }
    }

    #[test]
    fn ten_members_of_ten_bytes_fit_in_128_bytes() {
        let mut compact = Compact::default();
        for n in 0..10 {
            compact.set(format!("member-{n:03}").as_bytes(), f64::from(n * 7));
        }
        assert_eq!((compact.len(), compact.memory()), (10, 128));
    }
}
