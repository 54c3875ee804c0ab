//! What the server does for a module with keys that hold lists: `wit/lists.wit`, function by function.
//! The functions as they are here are those of a host without keys.

use super::{HostFault, HostResult};
use crate::contract::{Argv, ArgvBuf};

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where index 0 is.
    Head,
    /// Where index -1 is.
    Tail,
}

/// Where a new element goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each says it")]
pub enum Side {
    Before,
    After,
}

/// A part of [`Host`](super::Host).
pub trait Lists {
    /// Put elements at an end, one after the other; the list's length.
    fn list_push(&mut self, key: u32, _end: End, _elements: Argv<'_>) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Take elements off an end and append them to `elements`, the outermost first. `count` is 1 to 1,000.
    fn list_pop(&mut self, key: u32, _end: End, _count: u32, _elements: &mut ArgvBuf) -> HostResult<()> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The number of elements.
    fn list_len(&mut self, key: u32) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The element at an index, which counts from the tail if it is negative.
    fn list_get(&mut self, key: u32, _index: i64) -> HostResult<Option<&[u8]>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Replace it; whether there is such.
    fn list_set(&mut self, key: u32, _index: i64, _element: &[u8]) -> HostResult<bool> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Put an element beside the first one that is equal to `pivot`; the list's length if there is such.
    fn list_insert(
        &mut self,
        key: u32,
        _side: Side,
        _pivot: &[u8],
        _element: &[u8],
    ) -> HostResult<Option<u64>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Remove the first `count` elements from an end on that are equal to this one, or all with 0; how many there were.
    fn list_remove(&mut self, key: u32, _element: &[u8], _from: End, _count: u64) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Keep only the elements from one index to another, both included.
    fn list_trim(&mut self, key: u32, _start: i64, _stop: i64) -> HostResult<()> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Append the elements from an index on to `elements`. `count` is 1 to 1,000.
    fn list_range(&mut self, key: u32, _start: i64, _count: u32, _elements: &mut ArgvBuf) -> HostResult<()> {
        Err(HostFault::BadHandle(key).into())
    }
}
