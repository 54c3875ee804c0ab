//! What the server does for a module with keys that hold streams: `wit/streams.wit`, function by function.
//! The functions as they are here are those of a host without keys.

use std::ops::RangeInclusive;

use super::{HostFault, HostResult};
use crate::contract::{Argv, ArgvBuf, EntryHeads, EntryId, StreamInfo, Trimming};

/// A part of [`Host`](super::Host).
pub trait Streams {
    /// Add an entry; its id. `fields` has pairs of field and value, one at least.
    fn stream_add(&mut self, key: u32, _id: Option<EntryId>, _fields: Argv<'_>) -> HostResult<EntryId> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Delete entries; how many there were.
    fn stream_delete(&mut self, key: u32, _ids: &[EntryId]) -> HostResult<u32> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Delete entries of the beginning; how many they were.
    fn stream_trim(&mut self, key: u32, _to: Trimming, _exact: bool) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The number of entries.
    fn stream_len(&mut self, key: u32) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Append the fields of entries to `fields`. `count` is 1 to 1,000.
    fn stream_range(
        &mut self,
        key: u32,
        _ids: RangeInclusive<EntryId>,
        _count: u32,
        _reverse: bool,
        _fields: &mut ArgvBuf,
    ) -> HostResult<EntryHeads> {
        Err(HostFault::BadHandle(key).into())
    }

    /// What is known beside the entries.
    fn stream_info(&mut self, key: u32) -> HostResult<StreamInfo> {
        Err(HostFault::BadHandle(key).into())
    }
}
