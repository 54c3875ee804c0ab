//! The entries of a stream and what is known of all that ever were there. Blocks are found by the id that they begin with; appending
//! touches the last alone. Counting what a group has read is here, too, since it follows from the log and
//! from nothing else.

use std::collections::BTreeMap;

use super::before::LogBefore;
use super::block::{Block, Record};
use super::id::StreamId;
use crate::keyspace::thresholds::BlockLimits;
use crate::limits::STREAM_BLOCK_BYTES_MAX;

/// What a block takes beside its buffer: leaves of the tree are half full when only the end grows.
pub(super) const BLOCK_BYTES: usize = 2 * size_of::<(StreamId, Block)>();

/// Which entries of the beginning go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// All but so many.
    MaxLen(u64),
    /// Those whose id is lower.
    MinId(StreamId),
}

/// Entries in the order of their ids.
#[derive(Default, PartialEq, Eq)]
pub struct Log {
    pub(super) blocks: BTreeMap<StreamId, Block>,
    /// Bytes of the buffers of all blocks.
    pub(super) heap: usize,
    pub(super) len: u64,
    pub(super) first_id: StreamId,
    pub(super) last_id: StreamId,
    pub(super) max_deleted_id: StreamId,
    pub(super) entries_added: u64,
}

/// The log that was to be made contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction(pub &'static str);

/// What is known of a log beside its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogInfo {
    /// How many entries there are.
    pub len: u64,
    /// The highest id that was ever used.
    pub last_id: StreamId,
    /// The highest id of an entry that was deleted.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
}

impl Log {
    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The highest id that was ever used.
    #[inline]
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The id of the first entry; 0-0 without one.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The same of the first that still takes room, be it deleted or not.
    pub fn first_kept_id(&self) -> StreamId {
        self.blocks.keys().next().copied().unwrap_or_default()
    }

    /// The highest id of an entry that was deleted by its id; 0-0 without one.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The blocks with their ids.
    pub fn iter_blocks(&self) -> impl ExactSizeIterator<Item = (StreamId, &Block)> {
        self.blocks.iter().map(|(id, block)| (*id, block))
    }

    /// Heap bytes.
    #[inline]
    pub fn heap(&self) -> usize {
        self.heap + self.blocks.len() * BLOCK_BYTES
    }

    /// The id of the last entry; none without one.
    pub fn top(&self) -> Option<StreamId> {
        // Nearly always the last that was added.
        self.range_back(StreamId::MIN, StreamId::MAX).next().map(|record| record.id)
    }

    /// Appends an entry whose id is above the last one. Names and values alternate, and have `bytes` bytes together.
    pub fn append<'a>(
        &mut self,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        bytes: usize,
        limits: BlockLimits,
    ) {
        debug_assert!(id > self.last_id && bytes <= STREAM_BLOCK_BYTES_MAX);
        match self.blocks.last_entry() {
            Some(mut last) if !last.get().is_full(bytes, limits) => {
                let first = *last.key();
                let block = last.get_mut();
                let before = block.heap();
                block.append(first, id, fields);
                self.heap += block.heap() - before;
            }
            last => {
                if let Some(mut last) = last {
                    let before = last.get().heap();
                    last.get_mut().seal();
                    self.heap -= before - last.get().heap();
                }
                let names: smallvec::SmallVec<[&[u8]; 16]> = fields.clone().step_by(2).collect();
                // Most names are short, and so are the marks around them and the values.
                let mut block = Block::new(names.into_iter(), bytes + 4 * fields.len() + 16);
                block.append_as(id, id, fields, true, false);
                self.heap += block.heap();
                self.blocks.insert(id, block);
            }
        }
        if self.len == 0 {
            self.first_id = id;
        }
        self.len += 1;
        self.entries_added = self.entries_added.wrapping_add(1);
        self.last_id = id;
    }

    /// Adds a block from outside: its entries must ascend and lie behind all others.
    pub fn push_block(&mut self, first: StreamId, mut block: Block) -> Result<(), Contradiction> {
        let mut last = self.blocks.last_key_value().map(|(id, block)| edge(*id, block));
        if last.is_some_and(|last| last >= first) {
            return Err(Contradiction("a stream whose blocks do not ascend"));
        }
        for record in block.records(first) {
            if record.id < first || last.is_some_and(|last| last >= record.id) {
                return Err(Contradiction("a stream whose entries do not ascend"));
            }
            last = Some(record.id);
        }
        if block.live() == 0 {
            return Ok(());
        }
        block.seal();
        self.heap += block.heap();
        self.len += block.live();
        self.blocks.insert(first, block);
        Ok(())
    }

    /// Sets what is known beside the entries, once all blocks are there.
    pub fn set_info(&mut self, info: LogInfo) -> Result<(), Contradiction> {
        if info.len != self.len {
            return Err(Contradiction("a stream with another number of entries than it says"));
        }
        if self.blocks.last_key_value().is_some_and(|(id, block)| edge(*id, block) > info.last_id) {
            return Err(Contradiction("a stream with an entry above its last id"));
        }
        self.last_id = info.last_id;
        self.max_deleted_id = info.max_deleted_id;
        self.entries_added = info.entries_added;
        self.find_first();
        Ok(())
    }

    /// Sets what XSETID sets; the caller has checked it.
    pub fn set_ids(&mut self, last_id: StreamId, max_deleted: Option<StreamId>, added: Option<u64>) {
        self.last_id = last_id;
        self.max_deleted_id = max_deleted.unwrap_or(self.max_deleted_id);
        self.entries_added = added.unwrap_or(self.entries_added);
    }

    /// Whether there is an entry of this id.
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// The entry of this id.
    pub fn get(&self, id: StreamId) -> Option<Record<'_>> {
        let (first, block) = self.blocks.range(..=id).next_back()?;
        block
            .records(*first)
            .find(|record| record.id >= id)
            .filter(|record| record.id == id && !record.is_deleted())
    }

    /// Deletes the entry of this id. False if there is none. What was there goes into `before`, if anybody wants it.
    pub fn delete(&mut self, id: StreamId, before: Option<&mut LogBefore>) -> bool {
        let Some((first, block)) = self.blocks.range_mut(..=id).next_back() else { return false };
        let first = *first;
        if let Some(before) = before {
            before.keep(first, || block.clone());
        }
        if !block.delete(first, id) {
            return false;
        }
        if block.live() == 0 {
            self.heap -= block.heap();
            self.blocks.remove(&first);
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first();
        }
        true
    }

    /// Deletes entries of the beginning, at the most `limit` unless that is 0; whole blocks alone if it is to be `approximate`.
    /// The result is how many. What was there goes into `undo`, if anybody wants it.
    pub fn trim(
        &mut self,
        trim: Trim,
        approximate: bool,
        limit: u64,
        mut undo: Option<&mut LogBefore>,
    ) -> u64 {
        let before = self.len;
        while let Some(mut entry) = self.blocks.first_entry() {
            let (first, live) = (*entry.key(), entry.get().live());
            let deleted = before - self.len;
            if matches!(trim, Trim::MaxLen(max) if self.len <= max) || limit != 0 && deleted + live > limit {
                break;
            }
            let whole = match trim {
                Trim::MaxLen(max) => self.len - live >= max,
                Trim::MinId(id) => edge(first, entry.get()) < id,
            };
            if whole {
                self.heap -= entry.get().heap();
                self.len -= live;
                let block = entry.remove();
                if let Some(undo) = &mut undo {
                    undo.keep(first, || block);
                }
                continue;
            }
            if !approximate {
                if let Some(undo) = &mut undo {
                    undo.keep(first, || entry.get().clone());
                }
                let mut left = self.len;
                let count = entry.get_mut().delete_while(first, |id| {
                    let wanted = match trim {
                        Trim::MaxLen(max) => left > max,
                        Trim::MinId(min) => id < min,
                    };
                    left -= u64::from(wanted);
                    wanted
                });
                self.len -= count;
                // A block of which nothing is left stays, as in Redis: what is added goes into it while it has room.
            }
            break;
        }
        if self.len != before {
            self.find_first();
        }
        before - self.len
    }

    pub(super) fn find_first(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next().map(|record| record.id);
        self.first_id = first.unwrap_or_default();
    }

    /// The entries from one id to another, both included.
    pub fn range(&self, from: StreamId, to: StreamId) -> impl Iterator<Item = Record<'_>> {
        let start = self.blocks.range(..=from).next_back().map_or(from, |(id, _)| *id);
        let records = self.blocks.range(start..).flat_map(|(first, block)| block.records(*first));
        let records = records.skip_while(move |record| record.id < from);
        records.take_while(move |record| record.id <= to).filter(|record| !record.is_deleted())
    }

    /// The same from the last.
    pub fn range_back(&self, from: StreamId, to: StreamId) -> impl Iterator<Item = Record<'_>> {
        let blocks = self.blocks.range(..=to).rev();
        let records = blocks.flat_map(|(first, block)| block.records_back(*first));
        let records = records.skip_while(move |record| record.id > to);
        records.take_while(move |record| record.id >= from).filter(|record| !record.is_deleted())
    }
}

impl Clone for Log {
    fn clone(&self) -> Self {
        let blocks = self.blocks.clone();
        // A copy has no more room than it needs.
        let heap = blocks.values().map(Block::heap).sum();
        Log { blocks, heap, ..*self }
    }
}

/// What a group has read, and what it has yet to.
impl Log {
    /// Whether an entry from this id on may have been deleted from between others.
    pub fn has_gaps_from(&self, id: StreamId) -> bool {
        self.has_gaps() && self.len != 0 && id <= self.max_deleted_id
    }

    /// Whether an entry may have been deleted from between others. What was before the first one has left no gap.
    fn has_gaps(&self) -> bool {
        self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= self.first_id
    }

    /// How many entries were added up to the one of this id, if that can be told.
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            Some(0)
        } else if id == self.last_id || (self.len == 0 && id < self.last_id) {
            Some(self.entries_added)
        } else if id > self.last_id || self.has_gaps() || id > self.first_id {
            None
        } else {
            Some(self.entries_added.wrapping_sub(self.len).wrapping_add(u64::from(id == self.first_id)))
        }
    }

    /// How many entries a group has read once it was given the one of this id, having read `before`.
    pub fn read_with(&self, before: Option<u64>, id: StreamId) -> Option<u64> {
        match before {
            Some(read) if !self.has_gaps_from(id) => Some(read.wrapping_add(1)),
            _ if self.entries_added != 0 => self.added_up_to(id),
            _ => before,
        }
    }

    /// How many entries a group has yet to read that was last given `id` and has read `read`, if that can be told.
    pub fn lag(&self, id: StreamId, read: Option<u64>) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = read.filter(|_| !self.has_gaps_from(id)).or_else(|| self.added_up_to(id))?;
        Some(self.entries_added.wrapping_sub(read))
    }
}

/// The id of the last entry of a block, deleted or not.
fn edge(first: StreamId, block: &Block) -> StreamId {
    block.records_back(first).next().map_or(first, |record| record.id)
}
