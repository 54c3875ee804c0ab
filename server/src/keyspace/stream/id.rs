//! The ids of a stream's entries: a time in milliseconds and a number within it, in that order.
//! How clients may abbreviate one is known to the commands.

use std::fmt;
use std::ops::Deref;

/// The name of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds.
    pub ms: u64,
    /// Which of that millisecond.
    pub seq: u64,
}

impl StreamId {
    /// Before all ids. No entry has it.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// Behind all ids that are not this one.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// The next id, if there is one.
    #[inline]
    pub fn next(self) -> Option<StreamId> {
        let (seq, carry) = self.seq.overflowing_add(1);
        Some(StreamId { ms: self.ms.checked_add(u64::from(carry))?, seq })
    }

    /// The id before, if there is one.
    #[inline]
    pub fn previous(self) -> Option<StreamId> {
        let (seq, borrow) = self.seq.overflowing_sub(1);
        Some(StreamId { ms: self.ms.checked_sub(u64::from(borrow))?, seq })
    }

    /// Sixteen bytes, big endian, that sort as the ids do.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// The id that these bytes are.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let id = u128::from_be_bytes(bytes);
        StreamId { ms: (id >> 64) as u64, seq: id as u64 }
    }

    /// The id as clients see it.
    #[inline]
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; TEXT_MAX], len: 0 };
        text.push(itoa::Buffer::new().format(self.ms).as_bytes());
        text.push(b"-");
        text.push(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Two numbers of twenty digits, and what stands between them.
const TEXT_MAX: usize = 41;

/// An id as text, without a heap block.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; TEXT_MAX],
    len: u8,
}

impl IdText {
    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }
}

impl Deref for IdText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for IdText {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_over_the_millisecond() {
        let id = |ms, seq| StreamId { ms, seq };
        for (one, next) in [
            (id(0, 0), Some(id(0, 1))),
            (id(0, u64::MAX), Some(id(1, 0))),
            (id(7, 9), Some(id(7, 10))),
            (StreamId::MAX, None),
        ] {
            assert_eq!(one.next(), next);
            assert_eq!(next.map_or(Some(one), StreamId::previous), Some(one));
        }
        assert_eq!(StreamId::MIN.previous(), None);
    }

    #[test]
    fn ids_have_a_text_and_bytes_that_sort() {
        assert_eq!(&*StreamId::MIN.text(), b"0-0");
        assert_eq!(&*StreamId::MAX.text(), b"18446744073709551615-18446744073709551615");
        let ids = [(0, 1), (0, 256), (1, 0), (256, 3), (u64::MAX, 0)].map(|(ms, seq)| StreamId { ms, seq });
        for id in ids {
            assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
            assert_eq!(id.text().to_vec(), id.to_string().into_bytes());
        }
        assert!(ids.is_sorted_by_key(|id| id.to_bytes()));
    }
}
