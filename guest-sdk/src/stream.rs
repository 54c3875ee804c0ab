//! A key as a stream: entries with ascending ids. A missing key is an empty stream, but one that has lost its entries stays, since
//! its ids must not come again. Groups of consumers are left to [`Context::call`](crate::Context::call).

use std::fmt;
use std::iter::FusedIterator;
use std::ops::{Bound, RangeBounds};
use std::rc::Rc;

use crate::bytes::{FromBytes, ToBytes};
use crate::error::Result;
use crate::host::Host;
use crate::strings::Strings;
use crate::views::views;

/// How many a walk asks for at once: few enough for whoever stops soon.
const WALK_COUNT: u32 = 100;

/// The id of an entry: a time, and a number within it. As text it is `ms-seq`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since 1970-01-01 UTC, if the server chose it.
    pub ms: u64,
    /// Which of that millisecond.
    pub seq: u64,
}

impl EntryId {
    /// Before all entries. No entry has it.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// Behind all entries.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The next id, if there is one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(Self { ms: self.ms, seq }),
            (None, Some(ms)) => Some(Self { ms, seq: 0 }),
            (None, None) => None,
        }
    }

    /// The id before, if there is one.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(Self { ms: self.ms, seq }),
            (None, Some(ms)) => Some(Self { ms, seq: u64::MAX }),
            (None, None) => None,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Which entries of the beginning go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// All but so many.
    MaxLen(u64),
    /// Those whose id is lower.
    MinId(EntryId),
}

/// What is known of a stream beside its entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// How many entries were ever added.
    pub entries_added: u64,
    /// The highest id that was ever used; 0-0 before the first.
    pub last_id: EntryId,
    /// The id of the first entry that is there.
    pub first_id: Option<EntryId>,
}

/// Entries as they come from the server.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) ids: Vec<EntryId>,
    pub(crate) counts: Vec<u32>,
    pub(crate) fields: Strings,
}

/// An entry of a stream. It shares the memory of those that came with it.
#[derive(Clone)]
pub struct Entry {
    page: Rc<Page>,
    id: EntryId,
    /// Where its fields begin, and how many there are.
    at: usize,
    len: usize,
}

impl Entry {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// Its fields with their values, in their order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let (argv, at) = (self.page.fields.as_argv(), self.at);
        (0..self.len).map(move |pair| {
            let field = at + 2 * pair;
            (argv.get(field).unwrap_or_default(), argv.get(field + 1).unwrap_or_default())
        })
    }

    /// The value of a field, the first if there are several of this name.
    #[must_use]
    pub fn get(&self, field: impl ToBytes) -> Option<&[u8]> {
        field.with_bytes(|field| self.fields().find(|(name, _)| *name == field).map(|(_, value)| value))
    }

    /// The same as a number, as text, or as anything else that can be read from bytes.
    pub fn get_as<'e, T: FromBytes<'e>>(&'e self, field: impl ToBytes) -> Result<Option<T>> {
        self.get(field).map(T::from_bytes).transpose()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.id)?;
        let text = |bytes| String::from_utf8_lossy(bytes);
        f.debug_map().entries(self.fields().map(|(field, value)| (text(field), text(value)))).finish()
    }
}

/// A stream that can be read. [`ReadKey::as_stream`](crate::ReadKey::as_stream) gives it.
#[derive(Clone, Copy)]
pub struct ReadStream<'k> {
    host: &'k Host,
    handle: u32,
}

/// A stream that can be read and changed. [`Key::as_stream`](crate::Key::as_stream) gives it.
#[derive(Clone, Copy)]
pub struct Stream<'k>(ReadStream<'k>);

views!(ReadStream, Stream);

impl<'k> ReadStream<'k> {
    /// The number of entries.
    pub fn len(&self) -> Result<u64> {
        self.host.stream_len(self.handle)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// What is known of the stream beside its entries.
    pub fn info(&self) -> Result<StreamInfo> {
        self.host.stream_info(self.handle)
    }

    /// The entry of this id.
    pub fn get(&self, id: EntryId) -> Result<Option<Entry>> {
        self.range(id..=id).next().transpose()
    }

    /// All entries whose ids are in a range, or `..` for all that there are. They are fetched some at a time, on the way; an error
    /// ends it. What is added behind on the way comes, too.
    pub fn range(&self, ids: impl RangeBounds<EntryId>) -> Entries<'k> {
        Entries::new(*self, &ids, false)
    }

    /// The same from the last.
    pub fn range_back(&self, ids: impl RangeBounds<EntryId>) -> Entries<'k> {
        Entries::new(*self, &ids, true)
    }
}

impl<'k> Stream<'k> {
    /// Add an entry, whose id the server chooses. An entry has one field at least: none traps.
    pub fn add<F: ToBytes, V: ToBytes>(&self, fields: impl IntoIterator<Item = (F, V)>) -> Result<EntryId> {
        self.host.stream_add(self.handle, None, flat(fields))
    }

    /// Add an entry of this id, which must be above the last one.
    pub fn add_as<F: ToBytes, V: ToBytes>(
        &self,
        id: EntryId,
        fields: impl IntoIterator<Item = (F, V)>,
    ) -> Result<EntryId> {
        self.host.stream_add(self.handle, Some(id), flat(fields))
    }

    /// Delete an entry; the answer is whether there was one.
    pub fn delete(&self, id: EntryId) -> Result<bool> {
        Ok(self.delete_many([id])? == 1)
    }

    /// Delete several entries; the answer is how many there were.
    pub fn delete_many(&self, ids: impl IntoIterator<Item = EntryId>) -> Result<u32> {
        let ids: Vec<EntryId> = ids.into_iter().collect();
        self.host.stream_delete(self.handle, &ids)
    }

    /// Delete entries from the beginning; the answer is how many they were.
    pub fn trim(&self, to: Trim) -> Result<u64> {
        self.host.stream_trim(self.handle, to, true)
    }

    /// The same at less cost: entries go in blocks and not too many at once, so some may stay that could go.
    pub fn trim_about(&self, to: Trim) -> Result<u64> {
        self.host.stream_trim(self.handle, to, false)
    }
}

fn flat<F: ToBytes, V: ToBytes>(fields: impl IntoIterator<Item = (F, V)>) -> Strings {
    let mut flat = Strings::new();
    for (field, value) in fields {
        field.with_bytes(|field| flat.push(field));
        value.with_bytes(|value| flat.push(value));
    }
    flat
}

/// The entries of a range: what [`ReadStream::range`] gives.
pub struct Entries<'k> {
    stream: ReadStream<'k>,
    reverse: bool,
    /// What has yet to be fetched, if anything.
    left: Option<(EntryId, EntryId)>,
    page: Rc<Page>,
    /// The next entry of the page, and where its fields begin.
    next: usize,
    at: usize,
}

impl<'k> Entries<'k> {
    fn new(stream: ReadStream<'k>, ids: &impl RangeBounds<EntryId>, reverse: bool) -> Self {
        let first = match ids.start_bound() {
            Bound::Included(id) => Some(*id),
            Bound::Excluded(id) => id.next(),
            Bound::Unbounded => Some(EntryId::MIN),
        };
        let last = match ids.end_bound() {
            Bound::Included(id) => Some(*id),
            Bound::Excluded(id) => id.previous(),
            Bound::Unbounded => Some(EntryId::MAX),
        };
        Self { stream, reverse, left: first.zip(last), page: Rc::default(), next: 0, at: 0 }
    }

    /// Fetch the next page; nothing is left behind an empty one.
    fn fetch(&mut self, first: EntryId, last: EntryId) -> Result<()> {
        self.left = None;
        let ReadStream { host, handle } = self.stream;
        let page = host.stream_range(handle, first, last, WALK_COUNT, self.reverse)?;
        self.left = page.ids.last().and_then(|id| match self.reverse {
            false => id.next().map(|next| (next, last)),
            true => id.previous().map(|previous| (first, previous)),
        });
        self.left = self.left.filter(|(first, last)| first <= last);
        (self.page, self.next, self.at) = (Rc::new(page), 0, 0);
        Ok(())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        if self.next == self.page.ids.len() {
            let (first, last) = self.left?;
            if let Err(error) = self.fetch(first, last) {
                return Some(Err(error));
            }
        }
        let (id, len) = (*self.page.ids.get(self.next)?, *self.page.counts.get(self.next)? as usize);
        let entry = Entry { page: Rc::clone(&self.page), id, at: self.at, len };
        self.next += 1;
        self.at += 2 * len;
        Some(Ok(entry))
    }
}

impl FusedIterator for Entries<'_> {}

impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").finish_non_exhaustive()
    }
}
