//! How the writes of a module's command are undone when it fails.
//! Native commands check everything before their first write and need no undo; a module can trap at any moment.
//!
//! Before a key is changed for the first time its entry is copied, or moved here if another value replaces it; fields of hashes and
//! members of sets and sorted sets are recorded one by one, since these may be large, and of a module's value that only its object changes. Undoing walks the records backwards. Those who watch a key are told only
//! when the change stands.
//!
//! A command of a module that runs below another one is undone alone when it fails. So what the outer one has recorded says nothing
//! to it: it records the same key again.

mod part;

use hashbrown::HashTable;

use crate::keyspace::{Cause, Db, Entry, Invalidations, Key, Locked, ShardId, ValueType};
use crate::limits;
pub use part::Part;

/// What a module's command has changed so far.
#[derive(Default)]
pub struct UndoLog {
    /// How many commands of modules run inside each other.
    depth: u32,
    records: Vec<Record>,
    /// What the records of fields and members take; unlike those of keys there can be any number of the same.
    part_bytes: usize,
    /// Positions of whole-key records by key, once there are too many to look through.
    index: HashTable<usize>,
    /// Where the command that runs began, or behind the last flush or swap: a copy from before says nothing about a key now.
    since: usize,
}

/// Where a module's command began in the log.
#[derive(Clone, Copy)]
pub struct Mark {
    records: usize,
    /// What counted for the command above it.
    since: usize,
}

enum Record {
    /// The key was like this.
    Key { db: usize, hash: u64, slot: u16, was: Was },
    /// A part of a value was like this.
    Part { db: usize, name: Box<[u8]>, hash: u64, slot: u16, part: Part },
    /// The database was like this.
    Flush { db: usize, old: Vec<(ShardId, Db)> },
    /// These were exchanged.
    Swap(usize, usize),
}

/// What a key was.
enum Was {
    /// This, which has the key's name in it.
    Entry(Entry),
    /// Nothing; its name.
    Missing(Box<[u8]>),
}

impl Was {
    fn name(&self) -> &[u8] {
        match self {
            Self::Entry(entry) => entry.as_ref().key(),
            Self::Missing(name) => name,
        }
    }
}

impl UndoLog {
    /// A module's command begins.
    pub fn enter(&mut self) -> Mark {
        self.depth += 1;
        let mark = Mark { records: self.records.len(), since: self.since };
        self.since = mark.records;
        mark
    }

    /// A module's command ends. The answer is whether it was the outermost.
    pub fn leave(&mut self, mark: Mark) -> bool {
        self.depth -= 1;
        self.since = self.behind_last_whole(mark.records).max(mark.since);
        self.depth == 0
    }

    /// The first record behind the last flush or swap, if there was one from `first` on; 0 if not.
    fn behind_last_whole(&self, first: usize) -> usize {
        let last = self.records[first..].iter().rposition(Record::is_whole);
        last.map_or(0, |whole| first + whole + 1)
    }

    /// How many commands of modules run inside each other.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether writes must be recorded.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.depth != 0
    }

    /// A key is about to be changed.
    pub fn record_key(&mut self, index: usize, key: &Key<'_>, db: &mut Db, now_ms: u64) {
        if self.has_key(index, key) {
            return;
        }
        self.record_entry(index, key, db.snapshot(key, now_ms));
    }

    /// A key, of which nothing is recorded yet, was changed: this is what it was.
    pub fn record_entry(&mut self, index: usize, key: &Key<'_>, entry: Option<Entry>) {
        let was = entry.map_or_else(|| Was::Missing(key.bytes.into()), Was::Entry);
        self.push_key(Record::Key { db: index, hash: key.hash, slot: key.slot, was });
    }

    /// A part of a value that exists is about to be changed.
    pub fn record_part(&mut self, index: usize, key: &Key<'_>, part: Part) {
        if self.has_key(index, key) {
            return;
        }
        let record = Record::Part { db: index, name: key.bytes.into(), hash: key.hash, slot: key.slot, part };
        self.part_bytes += record.part_bytes();
        self.records.push(record);
    }

    /// The object of a module's value is about to be changed. Its bytes change when the command has succeeded, which only the
    /// outermost knows.
    pub fn record_object(&mut self, index: usize, key: &Key<'_>, db: &mut Db, now_ms: u64) {
        if self.depth > 1 {
            return self.record_key(index, key, db, now_ms);
        }
        self.record_part(index, key, Part::Object);
    }

    /// A database was emptied.
    pub fn record_flush(&mut self, db: usize, old: Vec<(ShardId, Db)>) {
        self.records.push(Record::Flush { db, old });
        self.since = self.records.len();
    }

    /// Two databases were exchanged.
    pub fn record_swap(&mut self, a: usize, b: usize) {
        self.records.push(Record::Swap(a, b));
        self.since = self.records.len();
    }

    fn push_key(&mut self, record: Record) {
        self.records.push(record);
        let len = self.records.len();
        if len > limits::UNDO_LOOKED_THROUGH {
            // The index may have to be made: parts and others were pushed without it.
            let first = if self.index.is_empty() { 0 } else { len - 1 };
            self.add_to_index(first);
        }
    }

    fn add_to_index(&mut self, first: usize) {
        let records = &self.records;
        for (i, record) in records.iter().enumerate().skip(first) {
            if matches!(record, Record::Key { .. }) {
                self.index.insert_unique(record.hash(), i, |&i| records[i].hash());
            }
        }
    }

    /// Whether it is recorded already what the key was.
    pub fn has_key(&self, index: usize, key: &Key<'_>) -> bool {
        if self.records.len() <= limits::UNDO_LOOKED_THROUGH {
            return self.records[self.since..].iter().any(|record| record.is_key(index, key));
        }
        let is_it = |&i: &usize| i >= self.since && self.records[i].is_key(index, key);
        self.index.find(key.hash, is_it).is_some()
    }

    /// Undo what a command that has left has recorded, newest first.
    pub fn undo_to(&mut self, mark: Mark, keyspace: &mut Locked<'_>) {
        self.since = mark.since;
        if self.records.len() == mark.records {
            return;
        }
        while self.records.len() > mark.records {
            let Some(record) = self.records.pop() else { break };
            self.part_bytes -= record.part_bytes();
            record.undo(keyspace);
        }
        self.index.clear();
        if mark.records > limits::UNDO_LOOKED_THROUGH {
            self.add_to_index(0);
        }
        self.give_back_room();
    }

    /// The changes stand: tell those who watch the keys, and forget. What may take long to free goes where it is freed later.
    pub fn keep(
        &mut self,
        keyspace: &mut Locked<'_>,
        garbage: &mut Vec<Entry>,
        flushed: &mut Vec<(ShardId, Db)>,
        told: &mut Invalidations,
    ) {
        for record in self.records.drain(..) {
            record.tell_watchers(keyspace, told);
            match record {
                Record::Key { was: Was::Entry(entry), .. }
                    if entry.as_ref().value_type() != ValueType::String =>
                {
                    garbage.push(entry);
                }
                Record::Flush { old, .. } => flushed.extend(old),
                _ => {}
            }
        }
        self.index.clear();
        self.since = 0;
        self.part_bytes = 0;
        self.give_back_room();
    }

    /// Heap bytes of what is recorded of parts.
    pub fn part_bytes(&self) -> usize {
        self.part_bytes
    }

    /// Whether nothing is recorded and no module's command runs.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.depth == 0 && self.records.is_empty()
    }

    /// The log is used again by the next command, which hardly ever records as much.
    fn give_back_room(&mut self) {
        if self.records.capacity() > limits::SCRATCH_KEPT && self.records.is_empty() {
            self.records = Vec::new();
            self.index = HashTable::new();
        }
    }
}

impl Record {
    fn hash(&self) -> u64 {
        match self {
            Self::Key { hash, .. } | Self::Part { hash, .. } => *hash,
            Self::Flush { .. } | Self::Swap(..) => 0,
        }
    }

    fn is_key(&self, index: usize, key: &Key<'_>) -> bool {
        matches!(self, Self::Key { db, was, .. } if *db == index && was.name() == key.bytes)
    }

    /// Bytes of a part's record; those of others do not count.
    fn part_bytes(&self) -> usize {
        match self {
            // At most one for each key, and each key has an object.
            Self::Part { part: Part::Object, .. } => 0,
            Self::Part { name, part, .. } => size_of::<Self>() + name.len() + part.bytes(),
            _ => 0,
        }
    }

    fn is_whole(&self) -> bool {
        matches!(self, Self::Flush { .. } | Self::Swap(..))
    }

    fn undo(self, keyspace: &mut Locked<'_>) {
        match self {
            Self::Key { db, hash, slot, was } => {
                let key = Key { bytes: was.name(), hash, slot };
                let Some(keys) = keyspace.db(&key, db) else { return };
                match was {
                    // The time of a live entry may have come meanwhile; then the next look-up finds that.
                    Was::Entry(entry) => drop(keys.restore(entry)),
                    Was::Missing(_) => drop(keys.remove(&key, 0)),
                }
            }
            Self::Part { db, name, hash, slot, part } => {
                let key = Key { bytes: &name, hash, slot };
                if let Some(keys) = keyspace.db(&key, db) {
                    part.undo(keys, &key);
                }
            }
            Self::Flush { db, old } => keyspace.unflush(db, old),
            // At time 0 nothing has expired.
            Self::Swap(a, b) => drop(keyspace.swapdb(a, b, 0)),
        }
    }

    fn tell_watchers(&self, keyspace: &mut Locked<'_>, told: &mut Invalidations) {
        let (db, name, hash, slot) = match self {
            Self::Key { db, hash, slot, was } => (db, was.name(), hash, slot),
            Self::Part { db, name, hash, slot, .. } => (db, &**name, hash, slot),
            Self::Flush { .. } => return keyspace.forget_tracked(told),
            Self::Swap(..) => return,
        };
        let key = Key { bytes: name, hash: *hash, slot: *slot };
        if let Some(shard) = keyspace.shard(&key) {
            shard.touch(*db, &key, Cause::Client, told);
        }
    }
}
