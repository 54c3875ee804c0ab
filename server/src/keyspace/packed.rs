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
        let mut len = 0usize;
        let mut shift = 0;
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            len |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        self.at += len;
        Some(&self.bytes[self.at - len..self.at])
    }
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
