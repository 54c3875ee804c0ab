//! The elements of a collection on their way from a file into the keyspace: all their bytes in one buffer and where each ends in
//! another, both used again for the next value. Two vectors for an element would cost more than everything else that is done to it.
//!
//! An element has two parts: a field and its value, a member and its score (eight bytes, little endian), or for lists and sets
//! itself and nothing.

use crate::limits::RDB_SCRATCH_KEPT;

/// Elements in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs {
    bytes: Vec<u8>,
    /// Where a first part and where its second part ends.
    ends: Vec<(usize, usize)>,
    /// The numbers of fields that expire, ascending, and when they do.
    times: Vec<(usize, u64)>,
}

impl Pairs {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Both parts of each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |&(field_end, end)| {
            let pair = (&self.bytes[start..field_end], &self.bytes[field_end..end]);
            start = end;
            pair
        })
    }

    /// The first parts.
    pub fn firsts(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.iter().map(|(first, _)| first)
    }

    /// Members with their scores.
    pub fn scored(&self) -> impl ExactSizeIterator<Item = (&[u8], f64)> + Clone {
        let score = |bytes: &[u8]| bytes.try_into().map_or(f64::NAN, f64::from_le_bytes);
        self.iter().map(move |(member, bytes)| (member, score(bytes)))
    }

    /// Forgets all, and most of the room that they took.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.times.clear();
        self.times.shrink_to(RDB_SCRATCH_KEPT / size_of::<(usize, u64)>());
        self.bytes.shrink_to(RDB_SCRATCH_KEPT);
        self.ends.shrink_to(RDB_SCRATCH_KEPT / size_of::<(usize, usize)>());
    }

    /// Adds one with both parts.
    pub fn push(&mut self, field: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(field);
        let field_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((field_end, self.bytes.len()));
    }

    /// Adds the first part of one, whose second part must follow.
    #[inline]
    pub(super) fn push_field<E>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        append(&mut self.bytes)?;
        self.ends.push((self.bytes.len(), self.bytes.len()));
        Ok(())
    }

    /// Adds the second part of the one that was added last.
    #[inline]
    pub(super) fn push_value<E>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        append(&mut self.bytes)?;
        if let Some((_, end)) = self.ends.last_mut() {
            *end = self.bytes.len();
        }
        Ok(())
    }

    /// The field that was added last expires then.
    pub(super) fn expire_last(&mut self, at_ms: u64) {
        self.times.push((self.ends.len() - 1, at_ms));
    }

    /// The fields that expire, and when.
    pub fn expiries(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.times.iter().map(|&(number, at_ms)| {
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before].1);
            (&self.bytes[start..self.ends[number].0], at_ms)
        })
    }

    /// Takes the last one back, which does not expire.
    pub(super) fn pop(&mut self) {
        self.ends.pop();
        self.bytes.truncate(self.ends.last().map_or(0, |&(_, end)| end));
    }
}
