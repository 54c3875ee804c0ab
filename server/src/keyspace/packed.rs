//! Strings one after the other in one buffer, each a length (LEB128) and its bytes: the form of small collections. Searching some
//! hundred bytes from their beginning beats any table, and nothing is smaller. What the strings mean (fields and values,
//! members, members and scores) is known to the collections alone.

use std::ops::Range;

use super::entry_ref::size_class;

/// Buffers that are smaller are never given back in part.
const SHRUNK_FROM: usize = 64;

/// The strings of a buffer, in order.
#[derive(Clone)]
pub struct Strings<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Strings<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Strings { bytes, at: 0 }
    }

    /// The strings from an offset on.
    #[inline]
    pub(super) fn from(bytes: &'a [u8], at: usize) -> Self {
        Strings { bytes, at }
    }

    /// Where the next one begins, its length included.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let mut len = usize::from(*self.bytes.get(self.at)?);
        self.at += 1;
        if len >= 0x80 {
            len = self.long_len(len)?;
        }
        self.at += len;
        Some(&self.bytes[self.at - len..self.at])
    }
}

impl Strings<'_> {
    /// The rest of a length that takes several bytes.
    #[cold]
    fn long_len(&mut self, first: usize) -> Option<usize> {
        let (mut len, mut shift) = (first & 0x7F, 7);
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            len |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(len);
            }
        }
    }
}

/// A string that is searched for. Those of one collection often begin alike and have one length (`user:1001`, `user:1002`), so their
/// last bytes are compared first: nearly always that decides.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    bytes: &'a [u8],
    tail: u64,
}

/// The last bytes of a string, as many as fit into a word.
#[inline]
fn tail(bytes: &[u8]) -> u64 {
    match bytes.last_chunk() {
        Some(last) => u64::from_le_bytes(*last),
        None => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

impl<'a> Sought<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Sought { bytes, tail: tail(bytes) }
    }

    /// Whether this is it.
    #[inline]
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.bytes.len() && tail(bytes) == self.tail && bytes == self.bytes
    }
}

/// Where a string is, its length included.
pub(super) fn find(bytes: &[u8], string: &[u8]) -> Option<Range<usize>> {
    let sought = Sought::new(string);
    let mut strings = Strings::new(bytes);
    let mut start = 0;
    while !sought.is(strings.next()?) {
        start = strings.at();
    }
    Some(start..strings.at())
}

/// How many bytes a string takes.
pub(super) fn room(string: &[u8]) -> usize {
    let bits = usize::BITS - string.len().leading_zeros();
    string.len() + bits.div_ceil(7).max(1) as usize
}

/// Appends a string.
#[inline]
pub(super) fn push(bytes: &mut Vec<u8>, string: &[u8]) {
    push_len(string.len(), |byte| bytes.push(byte));
    bytes.extend_from_slice(string);
}

/// The bytes of a length.
#[inline]
pub(super) fn push_len(len: usize, mut push: impl FnMut(u8)) {
    let mut rest = len;
    while rest >= 0x80 {
        push(rest as u8 | 0x80);
        rest >>= 7;
    }
    push(rest as u8);
}

/// Makes room for so many more bytes by the allocator's size classes: doubling would leave a small collection with a third of its
/// buffer unused.
pub(super) fn reserve(bytes: &mut Vec<u8>, room: usize) {
    let needed = bytes.len() + room;
    if needed > bytes.capacity() {
        // There is no smaller class that is worth a step.
        bytes.reserve_exact(size_class(needed.max(16)) - bytes.len());
    }
}

/// Puts another string in the place of one, whose range includes its length.
pub(super) fn replace(bytes: &mut Vec<u8>, range: Range<usize>, string: &[u8]) {
    // A value of the same length, as a counter's nearly always is, overwrites the old one.
    let old_len = Strings { bytes, at: range.start }.next().map_or(0, <[u8]>::len);
    if old_len == string.len() {
        bytes[range.end - old_len..range.end].copy_from_slice(string);
        return;
    }
    let mut fresh = Vec::with_capacity(room(string));
    push(&mut fresh, string);
    bytes.splice(range, fresh);
}

/// Takes out what lies in a range, and gives room back that is hardly used any more.
pub(super) fn remove(bytes: &mut Vec<u8>, range: Range<usize>) {
    bytes.drain(range);
    if bytes.capacity() > SHRUNK_FROM && bytes.len() < bytes.capacity() / 4 {
        bytes.shrink_to(bytes.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_found_whatever_its_length_and_its_ends() {
        let lengths = [0usize, 1, 2, 7, 8, 9, 16, 127, 128, 300, 20_000];
        let string = |len: usize, first: u8, last: u8| {
            let mut string = vec![b'x'; len];
            if let [.., end] = &mut string[..] {
                *end = last;
            }
            if let [begin, ..] = &mut string[..] {
                *begin = first;
            }
            string
        };
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        for len in lengths {
            for (first, last) in [(b'a', b'a'), (b'a', b'b'), (b'b', b'b')] {
                let one = string(len, first, last);
                if find(&bytes, &one).is_none() {
                    let start = bytes.len();
                    push(&mut bytes, &one);
                    places.push((one, start..bytes.len()));
                }
            }
        }
        assert_eq!(places.len(), 1 + 2 + 3 * (lengths.len() - 2), "those that are alike were found");
        for (one, place) in &places {
            assert_eq!(find(&bytes, one).as_ref(), Some(place));
            assert_eq!(find(&bytes[..place.start], one), None);
        }
        for len in lengths {
            assert_eq!(find(&bytes, &string(len + 3, b'c', b'a')), None);
        }
    }
}
