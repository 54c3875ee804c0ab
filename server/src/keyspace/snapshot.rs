//! A snapshot: all keys as they are at one moment, while writers go on, and without `fork`.
//!
//! At the moment of the snapshot all shards are locked, and each database that has keys gets a `Part` and turns its mark over,
//! one bit that all of its entries have alike until then. From then on an entry with the old mark is one that the snapshot has yet to
//! copy, and one with the new mark is done with, or was made later. A walker copies the old ones, some under one lock; a writer
//! that is about to change, replace or remove an old one copies it first, into the part, where the walker finds it. When all are
//! marked the part goes, and the entries are alike again. So no pass over all keys is needed before or after, and a
//! table may grow and shrink meanwhile: the walk is that of SCAN, and the marks make its repetitions harmless.
//!
//! The part is the database's, not the shard's: a database that is swapped takes it along, and one that is flushed goes to the
//! walker with it (`Orphan`) instead of being freed.
//!
//! What comes out are copies in the form that they have in memory: whoever writes them to a file compresses and formats outside of the
//! locks. The bytes of a module's value are shared, and its journal is short. A large string or hash is copied whole under its shard's
//! lock, about as long as a GET or an HGETALL of it would take.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use super::db::Db;
use super::dbs::Dbs;
use super::entry::Entry;
use super::entry_ref::{EntryRef, SNAPSHOT_MARK};
use super::lock::{Keyspace, Locked, ShardId};
use super::table::Table;
use crate::limits::{SNAPSHOT_STEP_BYTES, SNAPSHOT_STEP_KEYS, SNAPSHOT_STEP_MARKS};

/// Another snapshot is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// What a database had at the moment of the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Its number.
    pub index: usize,
    /// Its keys, dead ones that nobody has found yet included.
    pub keys: usize,
    /// Those with an expiry.
    pub volatile: usize,
}

/// What all parts of a snapshot know.
#[derive(Debug, Default)]
struct Shared {
    /// Heap bytes that writers copied.
    copied: AtomicU64,
    /// Nobody wants the copies any more.
    given_up: AtomicBool,
}

/// What a snapshot that is under way has to do with a database: one shard's part of it that has yet to be walked.
pub(super) struct Part {
    /// The number of the database at the moment of the snapshot.
    index: usize,
    /// Where the walk goes on.
    cursor: u64,
    /// What writers copied and the walker has not fetched yet.
    copies: Vec<Entry>,
    /// Where the database goes if it is dropped.
    orphans: Sender<Orphan>,
    shared: Arc<Shared>,
}

impl Part {
    /// An entry is about to be changed or removed; `mark` is that of entries that are done with.
    #[cold]
    pub(super) fn preserve(&mut self, entry: EntryRef<'_>, mark: u32) {
        if entry.snapshot_mark() == mark {
            return;
        }
        entry.set_snapshot_mark(mark);
        if !self.shared.given_up.load(Relaxed) {
            self.shared.copied.fetch_add(entry.memory() as u64, Relaxed);
            self.copies.push(entry.to_entry());
        }
    }

    /// Copies some of the entries that have not been copied yet. True when none is left.
    fn step(&mut self, table: &Table<Entry>, mark: u32, batch: &mut Vec<Entry>) -> bool {
        std::mem::swap(batch, &mut self.copies);
        batch.append(&mut self.copies);
        let mut bytes = SNAPSHOT_STEP_BYTES;
        let mut left_out = false;
        let next = table.scan(self.cursor, SNAPSHOT_STEP_KEYS, |entry| {
            if entry.snapshot_mark() == mark {
                return;
            }
            // The same stretch is walked once more for those that are too much for this time.
            left_out |= bytes == 0;
            if bytes > 0 {
                bytes = bytes.saturating_sub(entry.memory());
                entry.set_snapshot_mark(mark);
                batch.push(entry.to_entry());
            }
        });
        if !left_out {
            self.cursor = next;
        }
        !left_out && next == 0
    }

    /// Marks some of the entries that were not copied. True when none is left.
    fn give_up_step(&mut self, table: &Table<Entry>, mark: u32) -> bool {
        self.cursor = table.scan(self.cursor, SNAPSHOT_STEP_MARKS, |entry| entry.set_snapshot_mark(mark));
        self.cursor == 0
    }
}

/// A database that was flushed before the walk had been through.
struct Orphan {
    table: Table<Entry>,
    mark: u32,
    part: Part,
}

impl Drop for Db {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            let orphans = part.orphans.clone();
            let table = std::mem::take(&mut self.table);
            // Without a receiver the snapshot was given up, and the table is freed here as it would have been.
            let _ = orphans.send(Orphan { table, mark: self.mark, part: *part });
        }
    }
}

/// All keys as they were at one moment.
pub struct Snapshot<'k> {
    keyspace: &'k Keyspace,
    databases: Vec<Counts>,
    shared: Arc<Shared>,
    /// Its senders are the parts: when none is left, all has been copied.
    orphans: Receiver<Orphan>,
    orphan: Option<Orphan>,
    /// Which of `databases` is walked, and in which shard.
    at: (usize, usize),
}

impl<'k> Snapshot<'k> {
    /// Take a snapshot. `at_begin` runs at its very moment, while all shards are locked.
    pub fn begin<T>(keyspace: &'k Keyspace, at_begin: impl FnOnce() -> T) -> Result<(Self, T), Busy> {
        // If this thread's turn on its core is nearly over, it ends now and not while everybody waits.
        std::thread::yield_now();
        Self::begin_in(keyspace, &mut keyspace.lock_all(), at_begin)
    }

    /// The same for who has locked all shards already.
    ///
    /// # Panics
    ///
    /// If not all shards are locked.
    pub(super) fn begin_in<T>(
        keyspace: &'k Keyspace,
        locked: &mut Locked<'_>,
        at_begin: impl FnOnce() -> T,
    ) -> Result<(Self, T), Busy> {
        assert!(locked.is_all(), "keys that are not locked may change at the moment of the snapshot");
        if keyspace.in_snapshot.swap(true, AcqRel) {
            return Err(Busy);
        }
        let shared = Arc::new(Shared::default());
        let (sender, orphans) = channel();
        let mut databases = Vec::new();
        for (_, shard) in locked.shards_mut() {
            for (index, db) in shard.dbs_mut().iter_mut().filter(|(_, db)| !db.is_empty()) {
                if databases.len() <= index {
                    databases.resize(index + 1, Counts::default());
                }
                let counts = &mut databases[index];
                counts.index = index;
                counts.keys += db.len();
                counts.volatile += db.volatile_len();
                db.mark ^= SNAPSHOT_MARK;
                let (orphans, shared) = (sender.clone(), Arc::clone(&shared));
                db.part = Some(Box::new(Part { index, cursor: 0, copies: Vec::new(), orphans, shared }));
            }
        }
        databases.retain(|counts| counts.keys > 0);
        let value = at_begin();
        Ok((Self { keyspace, databases, shared, orphans, orphan: None, at: (0, 0) }, value))
    }

    /// The databases that had keys, ascending.
    pub fn databases(&self) -> &[Counts] {
        &self.databases
    }

    /// Heap bytes that writers had to copy so far.
    pub fn copied_bytes(&self) -> u64 {
        self.shared.copied.load(Relaxed)
    }

    /// Go on by one step, which holds one shard's lock for some 10 µs: `batch` is emptied, and filled with keys of the database
    /// that is returned; sometimes there are none. At the end there is no database any more.
    pub fn next(&mut self, batch: &mut Vec<Entry>) -> Option<usize> {
        batch.clear();
        if let Some(index) = self.next_of_orphan(batch) {
            return Some(index);
        }
        while let Some(counts) = self.databases.get(self.at.0) {
            let (index, shard) = (counts.index, self.at.1);
            if shard == self.keyspace.shards() {
                self.at = (self.at.0 + 1, 0);
                continue;
            }
            let is_last = self.next_of_shard(shard as ShardId, index, batch);
            if is_last != Some(false) {
                self.at.1 += 1;
            }
            if is_last.is_some() {
                return Some(index);
            }
        }
        // Whoever has emptied a database is about to drop it, after which it arrives here.
        self.orphan = self.orphans.recv().ok();
        self.next_of_orphan(batch)
    }

    /// The next keys of a database's part in a shard, and whether they were the last. None if there is nothing to do.
    fn next_of_shard(&self, shard: ShardId, index: usize, batch: &mut Vec<Entry>) -> Option<bool> {
        let mut locked = self.keyspace.lock_one(shard);
        let db = part_of(locked.shard_by_id(shard)?.dbs_mut(), index)?;
        let is_last = db.part.as_mut()?.step(&db.table, db.mark, batch);
        if is_last {
            db.part = None;
        }
        Some(is_last)
    }

    /// The next keys of a database that was flushed. Nobody else knows it, so it is not locked.
    fn next_of_orphan(&mut self, batch: &mut Vec<Entry>) -> Option<usize> {
        if self.orphan.is_none() {
            match self.orphans.try_recv() {
                Ok(orphan) => self.orphan = Some(orphan),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        }
        let Orphan { table, mark, part } = self.orphan.as_mut()?;
        let index = part.index;
        if part.step(table, *mark, batch) {
            self.orphan = None;
        }
        Some(index)
    }

    /// Mark all that is left in a shard, so that its entries are alike again.
    fn give_up_shard(&self, id: ShardId) {
        loop {
            let mut locked = self.keyspace.lock_one(id);
            let mut dbs = locked.shard_by_id(id).into_iter().flat_map(|shard| shard.dbs_mut().iter_mut());
            let Some((_, db)) = dbs.find(|(_, db)| db.part.is_some()) else { return };
            let Some(part) = &mut db.part else { return };
            let copies = std::mem::take(&mut part.copies);
            if part.give_up_step(&db.table, db.mark) {
                db.part = None;
            }
            drop(dbs);
            drop(locked);
            drop(copies);
        }
    }
}

/// The database that had this number at the moment of the snapshot, if it has not been walked: nearly always it still has it.
fn part_of(dbs: &mut Dbs, index: usize) -> Option<&mut Db> {
    let is_it = |db: &Db| db.part.as_ref().is_some_and(|part| part.index == index);
    let at = if dbs.get(index).is_some_and(is_it) { index } else { dbs.iter().find(|(_, db)| is_it(db))?.0 };
    dbs.get_mut(at)
}

impl Drop for Snapshot<'_> {
    /// One that was given up leaves nothing behind, either: the next could not begin.
    fn drop(&mut self) {
        self.shared.given_up.store(true, Relaxed);
        (0..self.keyspace.shards()).for_each(|shard| self.give_up_shard(shard as ShardId));
        self.keyspace.in_snapshot.store(false, Release);
    }
}

impl Keyspace {
    /// Whether a snapshot is under way.
    pub fn is_in_snapshot(&self) -> bool {
        self.in_snapshot.load(Acquire)
    }
}
