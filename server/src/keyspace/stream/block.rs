//! A run of entries in one buffer, in the form of the blocks of Redis's streams: the names of the fields of the entry that began the
//! block stand at its beginning, and entries with the same ones do not repeat them.
//!
//! ```text
//! block  fields  name ...  0  entry ...
//! entry  flags  ms  seq  [fields]  [name] value ...  elements      ms and seq count from the block's id
//! ```
//!
//! A deleted entry is marked and stays until its whole block goes: its id may be asked for, and what is behind it need not move.

use super::element::{self, ELEMENT_ROOM};
use super::id::StreamId;
use crate::keyspace::prefetch::prefetch;
use crate::keyspace::thresholds::BlockLimits;
use crate::keyspace::value::StringRef;
use crate::limits::STREAM_BLOCK_BYTES_MAX;

const DELETED: u8 = 1;
const SAME_FIELDS: u8 = 2;

/// What a listpack has before and behind its elements.
const LISTPACK_FRAME: usize = 7;

/// Some entries that follow each other.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Vec<u8>,
    /// Where the first entry begins.
    entries_at: u32,
    /// How many fields the block's names are.
    names: u32,
    live: u32,
    deleted: u32,
    /// How many elements `bytes` are.
    elements: u32,
}

impl Block {
    /// A block without entries, for entries with these fields.
    pub fn new<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>, room: usize) -> Block {
        let count = names.len();
        let mut bytes = Vec::with_capacity(room);
        element::push_int(&mut bytes, count as i64);
        names.for_each(|name| element::push(&mut bytes, name));
        element::push_int(&mut bytes, 0);
        let entries_at = bytes.len() as u32;
        Block { bytes, entries_at, names: count as u32, live: 0, deleted: 0, elements: count as u32 + 2 }
    }

    /// How many entries there are.
    #[inline]
    pub fn live(&self) -> u64 {
        u64::from(self.live)
    }

    /// Heap bytes.
    #[inline]
    pub fn heap(&self) -> usize {
        self.bytes.capacity()
    }

    /// Asks for the bytes where the next entry goes, and for the names that it may share.
    #[inline]
    pub(super) fn prefetch_end(&self) {
        prefetch(self.bytes.as_ptr());
        prefetch(self.bytes.as_ptr().wrapping_add(self.bytes.len()));
    }

    /// Whether an entry whose names and values have so many bytes belongs into a block of its own.
    #[inline]
    pub fn is_full(&self, entry_bytes: usize, limits: BlockLimits) -> bool {
        let bytes =
            if limits.bytes == 0 { STREAM_BLOCK_BYTES_MAX } else { limits.bytes.min(STREAM_BLOCK_BYTES_MAX) };
        let entries = (self.live + self.deleted) as usize;
        self.bytes.len() + LISTPACK_FRAME + entry_bytes >= bytes
            || limits.entries != 0 && entries >= limits.entries
            || entries >= u32::MAX as usize / 4
    }

    /// How far it goes now.
    pub(super) fn length(&self) -> Length {
        let Block { live, deleted, elements, .. } = *self;
        Length { bytes: self.bytes.len(), live, deleted, elements }
    }

    /// Takes back what was appended since; nothing else was changed.
    pub(super) fn truncate(&mut self, length: &Length) {
        self.bytes.truncate(length.bytes);
        (self.live, self.deleted, self.elements) = (length.live, length.deleted, length.elements);
    }

    /// Gives back the room that no entry will need any more.
    pub fn seal(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Whether these are the block's fields. Names and values alternate.
    #[inline]
    fn has_names<'a>(&self, fields: impl ExactSizeIterator<Item = &'a [u8]>) -> bool {
        if fields.len() != 2 * self.names as usize {
            return false;
        }
        let mut names = self.names();
        fields.step_by(2).all(|name| names.next().is_some_and(|own| own == *name))
    }

    fn names(&self) -> Elements<'_> {
        let (_, at) = element::read_int(&self.bytes, 0);
        Elements { bytes: &self.bytes, at, left: self.names as usize }
    }

    /// Appends an entry. Names and values alternate. Its id must be above all of the block's.
    #[inline]
    pub fn append<'a>(
        &mut self,
        first: StreamId,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) {
        let same = self.has_names(fields.clone());
        self.append_as(first, id, fields, same, false);
    }

    /// Appends an entry that may be deleted already. `same`: it has the block's fields, and its are not looked at.
    pub fn append_as<'a>(
        &mut self,
        first: StreamId,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = &'a [u8]>,
        same: bool,
        deleted: bool,
    ) {
        let (out, count) = (&mut self.bytes, fields.len());
        let flags = if same { SAME_FIELDS } else { 0 } | if deleted { DELETED } else { 0 };
        element::push_int(out, i64::from(flags));
        element::push_int(out, id.ms.wrapping_sub(first.ms) as i64);
        element::push_int(out, id.seq.wrapping_sub(first.seq) as i64);
        let elements = if same {
            fields.skip(1).step_by(2).for_each(|value| element::push(out, value));
            count / 2 + 3
        } else {
            element::push_int(out, (count / 2) as i64);
            fields.for_each(|field| element::push(out, field));
            count + 4
        };
        element::push_int(out, elements as i64);
        self.elements = self.elements.saturating_add(elements as u32 + 1);
        if deleted {
            self.deleted += 1;
        } else {
            self.live += 1;
        }
    }

    /// The entry at a place, deleted or not, and where the next one begins; none at the end.
    #[inline]
    fn entry_at(&self, first: StreamId, at: usize) -> Option<(Record<'_>, usize)> {
        if at >= self.bytes.len() {
            return None;
        }
        let bytes = &self.bytes;
        let flags = bytes[at];
        let (ms, next) = element::read_int(bytes, at + 2);
        let (seq, next) = element::read_int(bytes, next);
        let same = flags & SAME_FIELDS != 0;
        let (count, fields_at) =
            if same { (i64::from(self.names), next) } else { element::read_int(bytes, next) };
        let elements = if same { count } else { 2 * count };
        let mut end = fields_at;
        // One more: the number of elements.
        for _ in 0..=elements {
            end = element::read(bytes, end).1;
        }
        let id = StreamId { ms: first.ms.wrapping_add(ms as u64), seq: first.seq.wrapping_add(seq as u64) };
        let record = Record { id, block: self, at, fields_at, count: count as usize };
        Some((record, end))
    }

    /// Where the entry begins that ends at a place; none at the beginning.
    #[inline]
    fn before(&self, end: usize) -> Option<usize> {
        if end <= self.entries_at as usize {
            return None;
        }
        let mut at = element::before(&self.bytes, end);
        let (elements, _) = element::read_int(&self.bytes, at);
        for _ in 0..elements {
            at = element::before(&self.bytes, at);
        }
        Some(at)
    }

    /// All entries, the deleted ones too, from the first.
    pub fn records(&self, first: StreamId) -> Records<'_> {
        Records { block: self, first, at: self.entries_at as usize }
    }

    /// The same from the last.
    pub fn records_back(&self, first: StreamId) -> RecordsBack<'_> {
        RecordsBack { block: self, first, end: self.bytes.len() }
    }

    /// Deletes the first entries, as many as `wanted` says of their ids. The result is how many they were.
    pub fn delete_while(&mut self, first: StreamId, mut wanted: impl FnMut(StreamId) -> bool) -> u64 {
        let (mut at, mut count) = (self.entries_at as usize, 0);
        while let Some((record, next)) = self.entry_at(first, at) {
            let (deleted, id) = (record.is_deleted(), record.id);
            if !deleted {
                if !wanted(id) {
                    break;
                }
                self.mark_deleted(at);
                count += 1;
            }
            at = next;
        }
        count
    }

    /// Deletes an entry. False if it is not there.
    pub fn delete(&mut self, first: StreamId, id: StreamId) -> bool {
        let found = self.records(first).find(|record| record.id >= id);
        let Some(at) = found.filter(|record| record.id == id && !record.is_deleted()).map(|record| record.at)
        else {
            return false;
        };
        self.mark_deleted(at);
        true
    }

    fn mark_deleted(&mut self, at: usize) {
        self.bytes[at] |= DELETED;
        self.live -= 1;
        self.deleted += 1;
    }

    /// The block as Redis writes it: a listpack.
    pub fn put_listpack(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.bytes.len() + LISTPACK_FRAME + 2 * ELEMENT_ROOM);
        out.extend_from_slice(&[0; 6]);
        element::push_int(out, i64::from(self.live));
        element::push_int(out, i64::from(self.deleted));
        out.extend_from_slice(&self.bytes);
        out.push(0xFF);
        let total = (out.len() - start) as u32;
        out[start..start + 4].copy_from_slice(&total.to_le_bytes());
        // The highest number says that they must be counted.
        let elements = u16::try_from(self.elements + 2).unwrap_or(u16::MAX);
        out[start + 4..start + 6].copy_from_slice(&elements.to_le_bytes());
    }
}

/// How far a block goes.
pub(super) struct Length {
    bytes: usize,
    live: u32,
    deleted: u32,
    elements: u32,
}

/// An entry where it is stored.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// Its name.
    pub id: StreamId,
    block: &'a Block,
    at: usize,
    fields_at: usize,
    count: usize,
}

impl<'a> Record<'a> {
    /// Whether it is deleted.
    #[inline]
    pub fn is_deleted(&self) -> bool {
        self.flags() & DELETED != 0
    }

    fn flags(&self) -> u8 {
        self.block.bytes[self.at]
    }

    /// Its fields with their values.
    #[inline]
    pub fn fields(&self) -> Fields<'a> {
        let names = (self.flags() & SAME_FIELDS != 0).then(|| self.block.names());
        let own = Elements { bytes: &self.block.bytes, at: self.fields_at, left: usize::MAX };
        Fields { names, own, left: self.count }
    }
}

/// Elements one behind the other.
#[derive(Clone)]
struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = StringRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<StringRef<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (element, next) = element::read(self.bytes, self.at);
        self.at = next;
        Some(element)
    }
}

/// The fields of an entry with their values.
#[derive(Clone)]
pub struct Fields<'a> {
    /// The names, if they do not stand before the values.
    names: Option<Elements<'a>>,
    own: Elements<'a>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (StringRef<'a>, StringRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next()?,
            None => self.own.next()?,
        };
        Some((name, self.own.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// The entries of a block, from the first.
pub struct Records<'a> {
    block: &'a Block,
    first: StreamId,
    at: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let (record, next) = self.block.entry_at(self.first, self.at)?;
        self.at = next;
        Some(record)
    }
}

/// The entries of a block, from the last.
pub struct RecordsBack<'a> {
    block: &'a Block,
    first: StreamId,
    end: usize,
}

impl<'a> Iterator for RecordsBack<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let at = self.block.before(self.end)?;
        self.end = at;
        self.block.entry_at(self.first, at).map(|(record, _)| record)
    }
}
