//! A shard: what one lock protects. Its part of every database, who watches a key of it, who waits for one, and who may have a copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use hashbrown::HashMap;

use super::db::Db;
use super::dbs::Dbs;
use super::evict::AccessClock;
use super::key::Key;
use super::tracked::{Cause, Invalidated, Invalidations, Readers, Tracked, TrackedTotals};
use super::waiting::Waiting;

/// Set when a key that its owner WATCHes was written. The owner keeps one for all its keys.
pub type WatchFlag = Arc<AtomicBool>;

/// What one lock protects.
pub struct Shard {
    dbs: Dbs,
    access: AccessClock,
    seed: u64,
    /// By database and key. Empty nearly always, and then nobody pays for it.
    watched: HashMap<usize, HashMap<Box<[u8]>, Vec<WatchFlag>>>,
    waiting: Waiting,
    /// Just so.
    tracked: Tracked,
}

impl Shard {
    pub(super) fn new(access: AccessClock, seed: u64, totals: Arc<TrackedTotals>) -> Self {
        let (watched, waiting, tracked) = (HashMap::new(), Waiting::default(), Tracked::new(totals));
        Shard { dbs: Dbs::new(Db::new(access, seed)), access, seed, watched, waiting, tracked }
    }

    /// This shard's part of a database. The caller has checked the index.
    #[inline]
    pub fn db(&mut self, index: usize) -> &mut Db {
        let Shard { dbs, access, seed, .. } = self;
        dbs.get_or_make(index, || Db::new(*access, *seed ^ index as u64))
    }

    /// The databases that were used so far.
    pub fn dbs(&self) -> &Dbs {
        &self.dbs
    }

    /// The same, to change them.
    pub fn dbs_mut(&mut self) -> &mut Dbs {
        &mut self.dbs
    }

    /// Changes what access clocks record.
    pub fn set_access(&mut self, access: AccessClock) {
        self.access = access;
        self.dbs.iter_mut().for_each(|(_, db)| db.set_access(access));
    }

    /// Empties a database. The old one is returned: dropping it takes long and belongs outside of the lock, and
    /// whoever must undo the flush puts it back with `replace`.
    pub fn flush(&mut self, index: usize) -> Option<Db> {
        let fresh = Db::new(self.access, self.seed ^ index as u64);
        self.dbs.get_mut(index).map(|db| std::mem::replace(db, fresh))
    }

    /// Puts a database in the place of another, which is returned.
    pub fn replace(&mut self, index: usize, db: Db) -> Db {
        std::mem::replace(self.db(index), db)
    }

    /// Swaps two databases. Those who heed their keys are told by the caller.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.db(a);
        self.db(b);
        self.dbs.swap(a, b);
    }

    /// Sets `flag` when the key is written, from now on.
    pub fn watch(&mut self, db: usize, key: &Key<'_>, flag: &WatchFlag) {
        let flags = self.watched.entry(db).or_default().entry(key.bytes.into()).or_default();
        if !flags.iter().any(|known| Arc::ptr_eq(known, flag)) {
            flags.push(Arc::clone(flag));
        }
    }

    /// Ends a watch.
    pub fn unwatch(&mut self, db: usize, key: &Key<'_>, flag: &WatchFlag) {
        let Some(keys) = self.watched.get_mut(&db) else { return };
        if let Some(flags) = keys.get_mut(key.bytes) {
            flags.retain(|known| !Arc::ptr_eq(known, flag));
            if flags.is_empty() {
                keys.remove(key.bytes);
            }
        }
        if keys.is_empty() {
            self.watched.remove(&db);
        }
    }

    /// Who waits for keys of this shard.
    #[inline]
    pub fn waiting(&mut self) -> &mut Waiting {
        &mut self.waiting
    }

    /// The keys of which clients may have copies.
    pub fn tracked(&mut self) -> &mut Tracked {
        &mut self.tracked
    }

    /// Tells those who watch a key or wait for it that it was written, and puts into `told` who may have a copy of it.
    #[inline]
    pub fn touch(&mut self, db: usize, key: &Key<'_>, cause: Cause, told: &mut Invalidations) {
        self.tell_heeding(db, key);
        if told.of_all_keys || !self.tracked.is_empty() {
            self.touch_tracked(key.bytes, cause, told);
        }
    }

    /// Tells those who watch a key or wait for it. Who has copies is told of flushes and swaps as a whole.
    #[inline]
    pub fn tell_heeding(&mut self, db: usize, key: &Key<'_>) {
        if !self.watched.is_empty() {
            self.touch_watched(db, key.bytes);
        }
        if !self.waiting.is_empty() {
            self.waiting.mark_ready(db, key.bytes);
        }
    }

    #[cold]
    fn touch_tracked(&mut self, key: &[u8], cause: Cause, told: &mut Invalidations) {
        let readers = self.tracked.take(key);
        if told.of_all_keys || readers.is_some() {
            let readers: Readers = readers.unwrap_or_default();
            told.keys.push(Invalidated { key: key.into(), readers, cause });
        }
    }

    /// The keys of a database that somebody watches.
    pub fn watched_keys(&self, db: usize) -> Vec<Box<[u8]>> {
        self.watched.get(&db).into_iter().flatten().map(|(key, _)| key.clone()).collect()
    }

    #[cold]
    pub(super) fn touch_watched(&self, db: usize, key: &[u8]) {
        let flags = self.watched.get(&db).and_then(|keys| keys.get(key));
        // The lock orders these stores before the owner's load: EXEC reads its flag with the shards locked.
        flags.into_iter().flatten().for_each(|flag| flag.store(true, Relaxed));
    }

    /// The keys of a database that somebody watches or waits for: few, where FLUSHDB and SWAPDB change many.
    pub fn heeded(&self, db: usize) -> Vec<Box<[u8]>> {
        let watched = self.watched.get(&db).into_iter().flat_map(HashMap::keys).map(|key| &**key);
        watched.chain(self.waiting.keys(db)).map(Box::from).collect()
    }
}
