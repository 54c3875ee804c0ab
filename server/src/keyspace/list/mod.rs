//! The list type: elements in the order in which they were put at either end or between others.
//!
//! A small list is one run of elements in one buffer (`chunk`); a large one is a row of such runs, each of the size that
//! `list-max-listpack-size` allows, so that both ends take and give in constant time and the middle is found by stepping over whole runs.
//! No crate has that: a deque of boxed elements takes three times the memory and a cache miss an element.
//!
//! When a list changes its form is Redis's rule (7.2): from one run to many before it would exceed the size of one, and back when
//! all is in one run of half that size.

mod chunk;
mod iter;

use std::collections::VecDeque;

use super::prefetch::prefetch_lines;
use super::value::Encoding;
use chunk::Chunk;
pub use iter::Iter;

/// Bytes of a run by the negative values of `list-max-listpack-size`, from -1 on.
const CHUNK_BYTES: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];

/// Bytes of a run that is limited by the number of its elements.
const COUNTED_CHUNK_BYTES: usize = 8192;

/// What Redis has around the elements of a run.
const FRAME_BYTES: usize = 7;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Left: the first element.
    Head,
    /// Right: the last one.
    Tail,
}

/// How large one run may get: the directive `list-max-listpack-size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit(pub i32);

impl Default for NodeLimit {
    fn default() -> Self {
        NodeLimit(-2)
    }
}

impl NodeLimit {
    /// Whether so many elements with so many bytes are too large for one run.
    fn is_exceeded(self, bytes: usize, len: usize) -> bool {
        match usize::try_from(self.0) {
            Ok(max) => bytes > COUNTED_CHUNK_BYTES || len > max.max(1),
            Err(_) => bytes > CHUNK_BYTES[(self.0.unsigned_abs() as usize).min(CHUNK_BYTES.len()) - 1],
        }
    }

    /// Whether an element can still be put into a run. A large one has a run of its own.
    fn has_room(self, chunk: &Chunk, element: &[u8]) -> bool {
        chunk.len() == 0
            || !self.is_exceeded(chunk.bytes() + chunk::room(element) + FRAME_BYTES, chunk.len() + 1)
    }
}

/// Elements in order.
#[derive(Clone)]
pub struct List(Form);

#[derive(Clone)]
enum Form {
    Packed(Chunk),
    Chunks(Box<Chunks>),
}

/// Runs, none of them empty.
#[derive(Clone, Default)]
struct Chunks {
    row: VecDeque<Chunk>,
    /// Elements.
    len: usize,
    /// Heap bytes of the runs.
    bytes: usize,
}

impl Chunks {
    /// The first run and the last.
    fn ends(&self) -> impl Iterator<Item = &Chunk> {
        self.row.front().into_iter().chain(self.row.back())
    }
}

impl Default for List {
    fn default() -> Self {
        List(Form::Packed(Chunk::default()))
    }
}

impl List {
    /// A list with these elements.
    pub fn of_elements<'a>(elements: impl Iterator<Item = &'a [u8]> + Clone, limit: NodeLimit) -> List {
        let mut list = List::default();
        let (len, bytes) = elements.clone().fold((0, 0), |(n, sum), one| (n + 1, sum + chunk::room(one)));
        list.make_room(len, bytes, limit);
        for element in elements {
            list.push(End::Tail, element, limit);
        }
        list
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(chunk) => chunk.len(),
            Form::Chunks(chunks) => chunks.len,
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack` or `quicklist`.
    pub fn encoding(&self) -> Encoding {
        match &self.0 {
            Form::Packed(_) => Encoding::Listpack,
            Form::Chunks(_) => Encoding::Quicklist,
        }
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<List>()
            + match &self.0 {
                Form::Packed(chunk) => chunk.capacity(),
                Form::Chunks(chunks) => {
                    size_of::<Chunks>() + chunks.row.capacity() * size_of::<Chunk>() + chunks.bytes
                }
            }
    }

    /// Asks for what leads to both ends, once the list itself is there. False when nothing is left to ask for.
    #[inline]
    pub(super) fn prefetch(&self, step: usize) -> bool {
        match (&self.0, step) {
            (Form::Packed(chunk), _) => chunk.prefetch_ends(),
            (Form::Chunks(chunks), 0) => prefetch_lines(&**chunks),
            (Form::Chunks(chunks), 1) => chunks.ends().for_each(prefetch_lines),
            (Form::Chunks(chunks), _) => chunks.ends().for_each(Chunk::prefetch_ends),
        }
        step < 2 && matches!(self.0, Form::Chunks(_))
    }

    /// Bytes that an element takes.
    pub fn room(element: &[u8]) -> usize {
        chunk::room(element)
    }

    /// Before so many elements with so many bytes are added: takes the form that the list will have.
    pub fn make_room(&mut self, len: usize, bytes: usize, limit: NodeLimit) {
        let Form::Packed(chunk) = &mut self.0 else { return };
        if limit.is_exceeded(chunk.bytes() + bytes + FRAME_BYTES, chunk.len() + len) {
            let chunk = std::mem::take(chunk);
            let mut chunks = Chunks::default();
            if chunk.len() > 0 {
                chunks.add(End::Tail, chunk);
            }
            self.0 = Form::Chunks(Box::new(chunks));
        } else if chunk.len() == 0 {
            chunk.reserve(bytes);
        }
    }

    /// After elements were taken out: goes back to one run if that leaves room to grow.
    fn settle(&mut self, limit: NodeLimit) {
        let Form::Chunks(chunks) = &mut self.0 else { return };
        match chunks.row.make_contiguous() {
            [] => *self = List::default(),
            [chunk] if !limit.is_exceeded(2 * (chunk.bytes() + FRAME_BYTES), 2 * chunk.len()) => {
                self.0 = Form::Packed(std::mem::take(chunk));
            }
            _ => {}
        }
    }

    /// Puts an element at an end.
    #[inline]
    pub fn push(&mut self, end: End, element: &[u8], limit: NodeLimit) {
        if let Form::Packed(chunk) = &mut self.0 {
            // A single element can be too large for this form.
            if !limit.is_exceeded(chunk.bytes() + chunk::room(element) + FRAME_BYTES, chunk.len() + 1) {
                return match end {
                    End::Head => chunk.push_front(element),
                    End::Tail => chunk.push_back(element),
                };
            }
            self.make_room(1, chunk::room(element), limit);
        }
        if let Form::Chunks(chunks) = &mut self.0 {
            chunks.push(end, element, limit);
        }
    }

    /// The element at an end.
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match end {
            End::Head => self.iter().next(),
            End::Tail => self.iter().next_back(),
        }
    }

    /// Takes `n` elements off an end, or all if there are fewer.
    pub fn take(&mut self, end: End, n: usize, limit: NodeLimit) {
        match &mut self.0 {
            Form::Packed(chunk) => take(chunk, end, n.min(chunk.len())),
            Form::Chunks(chunks) => {
                chunks.take(end, n);
                self.settle(limit);
            }
        }
    }

    /// The element with this index.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.range(index..self.len()).next()
    }

    /// Puts another element in the place of the one with this index, which there must be.
    pub fn set(&mut self, index: usize, element: &[u8], limit: NodeLimit) {
        // As if it were one more: Redis's rule.
        self.make_room(1, chunk::room(element), limit);
        match &mut self.0 {
            Form::Packed(chunk) => chunk.replace(chunk.place(index), element),
            Form::Chunks(chunks) => chunks.set(index, element, limit),
        }
        self.settle(limit);
    }

    /// Puts an element before the one with this index, or behind all others.
    pub fn insert(&mut self, index: usize, element: &[u8], limit: NodeLimit) {
        self.make_room(1, chunk::room(element), limit);
        match &mut self.0 {
            Form::Packed(chunk) => chunk.insert(chunk.place(index), element),
            Form::Chunks(chunks) => chunks.insert(index, element, limit),
        }
    }

    /// Takes out up to `count` elements that are equal to this one, beginning at an end. Returns how many it were.
    pub fn remove_equal(&mut self, element: &[u8], count: usize, from: End, limit: NodeLimit) -> usize {
        let removed = match &mut self.0 {
            Form::Packed(chunk) => remove_equal(chunk, element, count, from),
            Form::Chunks(chunks) => chunks.remove_equal(element, count, from, limit),
        };
        self.settle(limit);
        removed
    }

    /// All elements.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len())
    }

    /// The elements with these indices.
    pub fn range(&self, range: std::ops::Range<usize>) -> Iter<'_> {
        Iter::new(self, range)
    }

    /// The runs.
    fn chunks(&self) -> (&[Chunk], &[Chunk]) {
        match &self.0 {
            Form::Packed(chunk) => (std::slice::from_ref(chunk), &[]),
            Form::Chunks(chunks) => chunks.row.as_slices(),
        }
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} elements", self.encoding().name(), self.len())
    }
}

/// Takes elements off an end of a run, which has so many.
fn take(chunk: &mut Chunk, end: End, n: usize) {
    match end {
        End::Head => chunk.remove(chunk.start(), chunk.place(n), n),
        End::Tail => chunk.remove(chunk.place(chunk.len() - n), chunk.end(), n),
    }
}

fn remove_equal(chunk: &mut Chunk, element: &[u8], count: usize, from: End) -> usize {
    let mut removed = 0;
    match from {
        End::Head => {
            let mut at = chunk.start();
            while at < chunk.end() && removed < count {
                let (found, next) = chunk.next(at);
                if found == element {
                    let (end, next) = (chunk.end(), next);
                    chunk.remove(at, next, 1);
                    removed += 1;
                    // The run may have moved: what is left of it ends where it ends now.
                    at = chunk.end() - (end - next).min(chunk.end());
                } else {
                    at = next;
                }
            }
        }
        End::Tail => {
            let mut left = chunk.bytes();
            while left > 0 && removed < count {
                let end = chunk.start() + left;
                let (found, start) = chunk.previous(end);
                let is_equal = found == element;
                left = start - chunk.start();
                if is_equal {
                    chunk.remove(start, end, 1);
                    removed += 1;
                }
            }
        }
    }
    removed
}

impl Chunks {
    /// Changes a run, and the account of memory and elements.
    fn edit<R>(&mut self, at: usize, edit: impl FnOnce(&mut Chunk) -> R) -> R {
        let chunk = &mut self.row[at];
        self.bytes -= chunk.capacity();
        self.len -= chunk.len();
        let result = edit(chunk);
        self.bytes += chunk.capacity();
        self.len += chunk.len();
        result
    }

    /// Puts a run at an end.
    fn add(&mut self, end: End, chunk: Chunk) {
        self.bytes += chunk.capacity();
        self.len += chunk.len();
        match end {
            End::Head => self.row.push_front(chunk),
            End::Tail => self.row.push_back(chunk),
        }
    }

    /// Takes out a run.
    fn remove_chunk(&mut self, at: usize) {
        if let Some(chunk) = self.row.remove(at) {
            self.bytes -= chunk.capacity();
            self.len -= chunk.len();
        }
    }

    fn last(&self, end: End) -> usize {
        if end == End::Head { 0 } else { self.row.len().saturating_sub(1) }
    }

    fn push(&mut self, end: End, element: &[u8], limit: NodeLimit) {
        let at = self.last(end);
        match self.row.get(at) {
            Some(chunk) if limit.has_room(chunk, element) => {}
            Some(_) => {
                // It grows no more at this end.
                self.edit(at, Chunk::close);
                self.add(end, Chunk::default());
            }
            None => self.add(end, Chunk::default()),
        }
        let at = self.last(end);
        self.edit(at, |chunk| match end {
            End::Head => chunk.push_front(element),
            End::Tail => chunk.push_back(element),
        });
    }

    fn take(&mut self, end: End, n: usize) {
        let mut left = n;
        while left > 0 && !self.row.is_empty() {
            let at = self.last(end);
            let here = self.row[at].len();
            if here <= left {
                left -= here;
                self.remove_chunk(at);
            } else {
                self.edit(at, |chunk| take(chunk, end, left));
                left = 0;
            }
        }
    }

    /// The run of an index, and the index in it; behind the last element for the number of elements.
    fn find(&self, index: usize) -> (usize, usize) {
        if index <= self.len / 2 {
            let mut left = index;
            for (at, chunk) in self.row.iter().enumerate() {
                if left < chunk.len() {
                    return (at, left);
                }
                left -= chunk.len();
            }
        } else {
            let mut behind = self.len - index;
            for (at, chunk) in self.row.iter().enumerate().rev() {
                if behind <= chunk.len() {
                    return (at, chunk.len() - behind);
                }
                behind -= chunk.len();
            }
        }
        let last = self.last(End::Tail);
        (last, self.row.get(last).map_or(0, Chunk::len))
    }

    fn set(&mut self, index: usize, element: &[u8], limit: NodeLimit) {
        let (at, inner) = self.find(index);
        let old = chunk::room(self.row[at].next(self.row[at].place(inner)).0);
        let (bytes, len) =
            (self.row[at].bytes() - old + chunk::room(element) + FRAME_BYTES, self.row[at].len());
        if len == 1 || !limit.is_exceeded(bytes, len) {
            return self.edit(at, |chunk| chunk.replace(chunk.place(inner), element));
        }
        self.edit(at, |chunk| {
            let from = chunk.place(inner);
            let to = chunk.next(from).1;
            chunk.remove(from, to, 1);
        });
        self.insert_at(at, inner, element, limit);
    }

    fn insert(&mut self, index: usize, element: &[u8], limit: NodeLimit) {
        let (at, inner) = self.find(index);
        self.insert_at(at, inner, element, limit);
    }

    /// Puts an element into a run, or between what is before and behind it there.
    fn insert_at(&mut self, at: usize, inner: usize, element: &[u8], limit: NodeLimit) {
        if self.row.get(at).is_none_or(|chunk| limit.has_room(chunk, element)) {
            if self.row.is_empty() {
                self.add(End::Tail, Chunk::default());
            }
            return self.edit(at, |chunk| chunk.insert(chunk.place(inner), element));
        }
        let tail = self.edit(at, |chunk| {
            let len = chunk.len() - inner;
            chunk.split_off(chunk.place(inner), len)
        });
        let mut middle = Chunk::default();
        middle.push_back(element);
        for chunk in [tail, middle] {
            if chunk.len() > 0 {
                self.bytes += chunk.capacity();
                self.len += chunk.len();
                self.row.insert(at + 1, chunk);
            }
        }
        if self.row[at].len() == 0 {
            self.remove_chunk(at);
            return self.merge(at, limit);
        }
        self.merge(at, limit);
    }

    /// Makes one run of each two neighbours around a place that fit into one.
    fn merge(&mut self, at: usize, limit: NodeLimit) {
        let mut here = (at + 2).min(self.row.len().saturating_sub(1));
        while here > at.saturating_sub(1) {
            let (left, right) = (&self.row[here - 1], &self.row[here]);
            if !limit.is_exceeded(left.bytes() + right.bytes() + FRAME_BYTES, left.len() + right.len()) {
                let right = self.row[here].clone();
                self.remove_chunk(here);
                self.edit(here - 1, |chunk| chunk.append(&right));
            }
            here -= 1;
        }
    }

    fn remove_equal(&mut self, element: &[u8], count: usize, from: End, limit: NodeLimit) -> usize {
        let mut removed = 0;
        let mut steps = 0;
        let rows = self.row.len();
        let mut at = self.last(from);
        while steps < rows && removed < count {
            let here = self.edit(at, |chunk| remove_equal(chunk, element, count - removed, from));
            removed += here;
            steps += 1;
            let is_gone = self.row[at].len() == 0;
            if is_gone {
                self.remove_chunk(at);
            }
            at = match from {
                End::Head if is_gone => at,
                End::Head => at + 1,
                End::Tail => at.saturating_sub(1),
            };
        }
        if removed > 0 {
            for at in (0..self.row.len()).rev().step_by(2) {
                self.merge(at, limit);
            }
        }
        removed
    }
}

#[cfg(test)]
mod tests;
