//! A key as a list. A missing key is an empty list, and a list whose last element goes is gone itself.
//!
//! An index counts from the head, beginning with 0, or, when it is negative, from the tail, beginning with -1.

use crate::bytes::ToBytes;
use crate::error::Result;
use crate::host::Host;
use crate::strings::Strings;
use crate::views::views;

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Where index 0 is.
    Head,
    /// Where index -1 is.
    Tail,
}

/// Where a new element goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// A list that can be read. [`ReadKey::as_list`](crate::ReadKey::as_list) gives it.
#[derive(Clone, Copy)]
pub struct ReadList<'k> {
    host: &'k Host,
    handle: u32,
}

/// A list that can be read and changed. [`Key::as_list`](crate::Key::as_list) gives it.
#[derive(Clone, Copy)]
pub struct List<'k>(ReadList<'k>);

views!(ReadList, List);

impl<'k> ReadList<'k> {
    /// The number of elements.
    pub fn len(&self) -> Result<u64> {
        self.host.list_len(self.handle)
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The element at an index; `None` if there is no such.
    pub fn get(&self, index: i64) -> Result<Option<Vec<u8>>> {
        self.host.list_get(self.handle, index)
    }

    /// The elements from `start` on, towards the tail: `count` of them, at most 1,000, or as many as there are. A start before
    /// the head is the head.
    pub fn range(&self, start: i64, count: u32) -> Result<Strings> {
        if count == 0 { Ok(Strings::new()) } else { self.host.list_range(self.handle, start, count) }
    }
}

impl<'k> List<'k> {
    /// Put an element at an end; the answer is the list's length.
    pub fn push(&self, end: End, element: impl ToBytes) -> Result<u64> {
        self.push_many(end, [element])
    }

    /// Put elements at an end, one after the other, so that the last one is the outermost; the answer is the list's length.
    pub fn push_many<T: ToBytes>(&self, end: End, elements: impl IntoIterator<Item = T>) -> Result<u64> {
        let mut strings = Strings::new();
        for element in elements {
            element.with_bytes(|element| strings.push(element));
        }
        self.host.list_push(self.handle, end, strings)
    }

    /// Take an element off an end; `None` if there is none.
    pub fn pop(&self, end: End) -> Result<Option<Vec<u8>>> {
        Ok(self.pop_many(end, 1)?.iter().next().map(<[u8]>::to_vec))
    }

    /// Take elements off an end, the outermost first: `count` of them, at most 1,000, or all if there are fewer.
    pub fn pop_many(&self, end: End, count: u32) -> Result<Strings> {
        if count == 0 { Ok(Strings::new()) } else { self.host.list_pop(self.handle, end, count) }
    }

    /// Replace the element at an index; the answer is whether there is such.
    pub fn set(&self, index: i64, element: impl ToBytes) -> Result<bool> {
        element.with_bytes(|element| self.host.list_set(self.handle, index, element))
    }

    /// Put an element before the first one that is equal to `pivot`; the answer is the list's length, `None` if there is no such.
    pub fn insert_before(&self, pivot: impl ToBytes, element: impl ToBytes) -> Result<Option<u64>> {
        self.insert(Side::Before, pivot, element)
    }

    /// Put an element behind the first one that is equal to `pivot`; the answer is the list's length, `None` if there is no such.
    pub fn insert_after(&self, pivot: impl ToBytes, element: impl ToBytes) -> Result<Option<u64>> {
        self.insert(Side::After, pivot, element)
    }

    fn insert(&self, side: Side, pivot: impl ToBytes, element: impl ToBytes) -> Result<Option<u64>> {
        pivot.with_bytes(|pivot| {
            element.with_bytes(|element| self.host.list_insert(self.handle, side, pivot, element))
        })
    }

    /// Remove all elements that are equal to this one; the answer is how many there were.
    pub fn remove(&self, element: impl ToBytes) -> Result<u64> {
        element.with_bytes(|element| self.host.list_remove(self.handle, element, End::Head, 0))
    }

    /// Remove up to `count` of them, beginning at an end; the answer is how many there were.
    pub fn remove_some(&self, element: impl ToBytes, from: End, count: u64) -> Result<u64> {
        // To the server, 0 is all of them.
        if count == 0 {
            return Ok(0);
        }
        element.with_bytes(|element| self.host.list_remove(self.handle, element, from, count))
    }

    /// Keep only the elements from `start` to `stop`, both included.
    pub fn trim(&self, start: i64, stop: i64) -> Result<()> {
        self.host.list_trim(self.handle, start, stop)
    }
}
