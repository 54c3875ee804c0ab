//! A run of elements in one buffer, which is read and grows at both ends.
//!
//! ```text
//! | room | length  bytes  back | length  bytes  back | ...
//! ```
//!
//! `length` is LEB128. `back` is how many bytes `length` and `bytes` take, in LEB128 too but to be read from its last byte
//! backwards, so that the element in front of any place can be found. The room in front is left by elements that were taken there,
//! or made where one is to be put there: neither end moves what is in between.

use crate::keyspace::prefetch::{LINE, prefetch};

/// One run.
#[derive(Clone, Default)]
pub(super) struct Chunk {
    buffer: Vec<u8>,
    /// Where the first element begins.
    start: u32,
    len: u32,
}

/// Bytes of a number in LEB128.
fn leb_len(number: usize) -> usize {
    (usize::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

/// Bytes that an element takes.
pub(super) fn room(element: &[u8]) -> usize {
    let front = leb_len(element.len()) + element.len();
    front + leb_len(front)
}

/// Writes an element at the beginning of `out`, which has just the room.
fn write(out: &mut [u8], element: &[u8]) {
    let (mut rest, mut at) = (element.len(), 0);
    while rest >= 0x80 {
        out[at] = rest as u8 | 0x80;
        (rest, at) = (rest >> 7, at + 1);
    }
    out[at] = rest as u8;
    at += 1;
    out[at..at + element.len()].copy_from_slice(element);
    // Backwards: the last byte has the lowest bits.
    let (mut rest, mut at) = (at + element.len(), out.len());
    while rest >= 0x80 {
        at -= 1;
        out[at] = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[at - 1] = rest as u8;
}

impl Chunk {
    /// How many elements there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Bytes of the elements.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.buffer.len() - self.start()
    }

    /// Heap bytes.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Where the first element begins.
    #[inline]
    pub(super) fn start(&self) -> usize {
        self.start as usize
    }

    /// Where the last element ends.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.buffer.len()
    }

    /// Asks for the bytes at both ends, where elements are put and taken.
    #[inline]
    pub(super) fn prefetch_ends(&self) {
        let buffer = self.buffer.as_ptr();
        prefetch(buffer.wrapping_add(self.start()));
        prefetch(buffer.wrapping_add(self.start()).wrapping_sub(LINE));
        prefetch(buffer.wrapping_add(self.end()));
    }

    /// The element that begins at a place, and where it ends.
    #[inline]
    pub(super) fn next(&self, at: usize) -> (&[u8], usize) {
        let (mut len, mut shift, mut here) = (0usize, 0, at);
        loop {
            let byte = self.buffer[here];
            here += 1;
            len |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        let end = here + len;
        (&self.buffer[here..end], end + leb_len(end - at))
    }

    /// The element that ends at a place, and where it begins.
    #[inline]
    pub(super) fn previous(&self, at: usize) -> (&[u8], usize) {
        let (mut front, mut shift, mut here) = (0usize, 0, at);
        loop {
            here -= 1;
            let byte = self.buffer[here];
            front |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        let start = here - front;
        (self.next(start).0, start)
    }

    /// Where the element with this index begins; the end of all for the number of elements.
    pub(super) fn place(&self, index: usize) -> usize {
        if index <= self.len() / 2 {
            (0..index).fold(self.start(), |at, _| self.next(at).1)
        } else {
            (index..self.len()).fold(self.end(), |at, _| self.previous(at).1)
        }
    }

    /// Makes room for so many bytes behind the elements, and no more than that.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.buffer.reserve_exact(bytes);
    }

    /// Gives back the room that is not used.
    pub(super) fn close(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start as usize);
            self.start = 0;
        }
        self.buffer.shrink_to_fit();
    }

    /// Puts an element behind the others.
    #[inline]
    pub(super) fn push_back(&mut self, element: &[u8]) {
        let at = self.buffer.len();
        self.buffer.resize(at + room(element), 0);
        write(&mut self.buffer[at..], element);
        self.len += 1;
    }

    /// Puts an element before the others.
    #[inline]
    pub(super) fn push_front(&mut self, element: &[u8]) {
        let room = room(element);
        if self.start() < room {
            self.make_room_in_front(room);
        }
        let at = self.start() - room;
        write(&mut self.buffer[at..at + room], element);
        self.start = at as u32;
        self.len += 1;
    }

    /// As a vector does behind its elements: twice the room, so that each is moved a few times at most.
    #[cold]
    fn make_room_in_front(&mut self, room: usize) {
        let (old, bytes) = (self.start(), self.bytes());
        let front = room.max(bytes.min(u32::MAX as usize / 2));
        let mut buffer = Vec::with_capacity(front + bytes);
        buffer.resize(front, 0);
        buffer.extend_from_slice(&self.buffer[old..]);
        self.buffer = buffer;
        self.start = front as u32;
    }

    /// Puts an element before the one that begins at a place.
    pub(super) fn insert(&mut self, at: usize, element: &[u8]) {
        if at == self.start() {
            return self.push_front(element);
        }
        let room = room(element);
        self.buffer.splice(at..at, std::iter::repeat_n(0, room));
        write(&mut self.buffer[at..at + room], element);
        self.len += 1;
    }

    /// Puts another element in the place of the one that begins there.
    pub(super) fn replace(&mut self, at: usize, element: &[u8]) {
        let end = self.next(at).1;
        let room = room(element);
        if room != end - at {
            self.buffer.splice(at..end, std::iter::repeat_n(0, room));
        }
        write(&mut self.buffer[at..at + room], element);
    }

    /// Takes out `len` elements, which lie between two places.
    pub(super) fn remove(&mut self, from: usize, to: usize, len: usize) {
        if from == self.start() {
            self.start = to as u32;
        } else {
            self.buffer.drain(from..to);
        }
        self.len -= len as u32;
        if self.len == 0 {
            (self.buffer, self.start) = (Vec::new(), 0);
        } else if self.buffer.capacity() > 4 * self.bytes().max(16) {
            self.close();
        }
    }

    /// Takes off what begins at a place, `len` elements, as a run of its own.
    pub(super) fn split_off(&mut self, at: usize, len: usize) -> Chunk {
        let tail = Chunk { buffer: self.buffer[at..].to_vec(), start: 0, len: len as u32 };
        self.buffer.truncate(at);
        self.len -= len as u32;
        self.close();
        tail
    }

    /// Puts all elements of another run behind the own ones.
    pub(super) fn append(&mut self, other: &Chunk) {
        self.buffer.extend_from_slice(&other.buffer[other.start()..]);
        self.len += other.len;
    }
}
