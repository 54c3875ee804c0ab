//! The stream type: a log of entries with ascending ids, and the groups of consumers that read it.
//!
//! ```text
//! Stream -> Log -> blocks, by their first id -> entries, one behind the other in a buffer
//!        -> groups, by name -> pending entries, by id; consumers, by name
//! ```
//!
//! A stream without entries stays: its last id must never be used again. Blocks have the form of Redis's, so that a snapshot writes
//! them as they are ([`block`]).

use std::collections::BTreeMap;

use crate::limits::STREAM_BLOCK_BYTES_MAX;

mod before;
pub mod block;
mod element;
pub mod group;
pub mod id;
pub mod log;
#[cfg(test)]
mod tests;

pub use before::LogBefore;
pub use block::{Block, Record};
pub use group::{ConsumerId, Group, Pending};
pub use id::{IdText, StreamId};
pub use log::{Log, LogInfo, Trim};

/// What a group takes beside its name and what is in it.
const GROUP_BYTES: usize = 2 * size_of::<(Box<[u8]>, Group)>();

/// Entries and the groups that read them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// The entries.
    pub log: Log,
    groups: BTreeMap<Box<[u8]>, Group>,
    /// Heap bytes of the groups.
    groups_heap: usize,
}

impl Stream {
    /// The most bytes that the fields and values of an entry may have together.
    pub const ENTRY_BYTES_MAX: usize = STREAM_BLOCK_BYTES_MAX;

    /// Never: one without entries stays, too.
    pub fn is_nothing(&self) -> bool {
        false
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    #[inline]
    pub fn memory(&self) -> usize {
        size_of::<Stream>() + self.log.heap() + self.groups_heap
    }

    /// Asks for the end, where entries are added. Nothing is left to ask for then.
    #[inline]
    pub(super) fn prefetch(&self) -> bool {
        if let Some((_, block)) = self.log.blocks.last_key_value() {
            block.prefetch_end();
        }
        false
    }

    /// The groups in the order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    /// A group.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Adds a group. False if there is one of this name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.contains_key(name) {
            return false;
        }
        self.groups_heap += group.heap() + name.len() + GROUP_BYTES;
        self.groups.insert(name.into(), group);
        true
    }

    /// Removes a group.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Group> {
        let group = self.groups.remove(name)?;
        self.groups_heap -= group.heap() + name.len() + GROUP_BYTES;
        Some(group)
    }

    /// Changes a group, next to the log that it reads. None if there is no such group.
    pub fn change_group<R>(&mut self, name: &[u8], change: impl FnOnce(&mut Group, &Log) -> R) -> Option<R> {
        let group = self.groups.get_mut(name)?;
        let before = group.heap();
        let result = change(group, &self.log);
        self.groups_heap = self.groups_heap - before + group.heap();
        Some(result)
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream of {} entries and {} groups", self.log.len(), self.groups.len())
    }
}
