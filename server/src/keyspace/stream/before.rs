//! What of a log is being changed, as it was: what undo needs instead of a copy of all of it. Entries that were appended are cut
//! off again; blocks that were trimmed, or in which entries were deleted, come back whole.

use std::collections::BTreeMap;

use super::block::{Block, Length};
use super::id::StreamId;
use super::log::{Log, LogInfo};

/// A log before a change.
pub struct LogBefore {
    info: LogInfo,
    first_id: StreamId,
    /// The last block, and how far it went.
    tail: Option<(StreamId, Length)>,
    /// Other blocks that were changed. The last one may be here too, with what was appended.
    blocks: BTreeMap<StreamId, Block>,
}

impl LogBefore {
    /// A block is about to be changed, or is gone.
    pub(super) fn keep(&mut self, first: StreamId, block: impl FnOnce() -> Block) {
        self.blocks.entry(first).or_insert_with(block);
    }

    /// Heap bytes.
    pub fn heap(&self) -> usize {
        size_of::<Self>() + self.blocks.values().map(|block| size_of::<Block>() + block.heap()).sum::<usize>()
    }
}

impl Log {
    /// The log as it is, for a change that may be undone.
    pub fn before(&self) -> LogBefore {
        let Log { len, last_id, max_deleted_id, entries_added, .. } = *self;
        LogBefore {
            info: LogInfo { len, last_id, max_deleted_id, entries_added },
            first_id: self.first_id,
            tail: self.blocks.last_key_value().map(|(id, block)| (*id, block.length())),
            blocks: BTreeMap::new(),
        }
    }

    /// Makes it what it was.
    pub fn restore(&mut self, before: LogBefore) {
        for (first, block) in before.blocks {
            self.heap += block.heap();
            if let Some(changed) = self.blocks.insert(first, block) {
                self.heap -= changed.heap();
            }
        }
        if let Some(next) = before.info.last_id.next() {
            let appended = self.blocks.split_off(&next);
            self.heap -= appended.values().map(Block::heap).sum::<usize>();
        }
        if let Some((first, length)) = before.tail
            && let Some(block) = self.blocks.get_mut(&first)
        {
            block.truncate(&length);
        }
        let LogInfo { len, last_id, max_deleted_id, entries_added } = before.info;
        (self.len, self.last_id, self.first_id) = (len, last_id, before.first_id);
        (self.max_deleted_id, self.entries_added) = (max_deleted_id, entries_added);
    }
}
