//! Walking over elements from both ends. Where to begin is found once; after that a step is a step within a run.

use std::ops::Range;

use super::List;
use super::chunk::Chunk;

/// The elements of a range of a list.
#[derive(Clone)]
pub struct Iter<'a> {
    rows: (&'a [Chunk], &'a [Chunk]),
    /// How many are left.
    left: usize,
    front: Place,
    back: Place,
}

/// A place in a run: the run's number, and where in its buffer.
#[derive(Clone, Copy)]
struct Place {
    chunk: usize,
    at: usize,
}

impl<'a> Iter<'a> {
    pub(super) fn new(list: &'a List, range: Range<usize>) -> Self {
        let (rows, len) = (list.chunks(), list.len());
        let start = range.start.min(len);
        let end = range.end.clamp(start, len);
        let mut iter = Iter {
            rows,
            left: end - start,
            front: Place { chunk: 0, at: 0 },
            back: Place { chunk: 0, at: 0 },
        };
        if iter.left > 0 {
            iter.front = iter.find(start, len);
            iter.back = if end == len { iter.end() } else { iter.find(end, len) };
        }
        iter
    }

    #[inline]
    fn chunk(&self, at: usize) -> &'a Chunk {
        let (first, second) = self.rows;
        if at < first.len() { &first[at] } else { &second[at - first.len()] }
    }

    fn rows(&self) -> usize {
        self.rows.0.len() + self.rows.1.len()
    }

    /// Behind the last element.
    fn end(&self) -> Place {
        let chunk = self.rows() - 1;
        Place { chunk, at: self.chunk(chunk).end() }
    }

    /// Where the element with this index begins; there is one. The nearer end is where the search begins.
    fn find(&self, index: usize, len: usize) -> Place {
        let place = |chunk: usize, inner: usize| Place { chunk, at: self.chunk(chunk).place(inner) };
        if index <= len / 2 {
            let mut left = index;
            for chunk in 0..self.rows() {
                match left.checked_sub(self.chunk(chunk).len()) {
                    None => return place(chunk, left),
                    Some(rest) => left = rest,
                }
            }
        } else {
            let mut behind = len - index;
            for chunk in (0..self.rows()).rev() {
                match self.chunk(chunk).len().checked_sub(behind) {
                    Some(inner) => return place(chunk, inner),
                    None => behind -= self.chunk(chunk).len(),
                }
            }
        }
        self.end()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let mut chunk = self.chunk(self.front.chunk);
        if self.front.at == chunk.end() {
            self.front.chunk += 1;
            chunk = self.chunk(self.front.chunk);
            self.front.at = chunk.start();
        }
        let (element, next) = chunk.next(self.front.at);
        self.front.at = next;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let mut chunk = self.chunk(self.back.chunk);
        if self.back.at == chunk.start() {
            self.back.chunk -= 1;
            chunk = self.chunk(self.back.chunk);
            self.back.at = chunk.end();
        }
        let (element, at) = chunk.previous(self.back.at);
        self.back.at = at;
        Some(element)
    }
}

impl ExactSizeIterator for Iter<'_> {}
