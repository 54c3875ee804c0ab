//! The shards and their locks. A command locks once, everything it needs and in ascending order, so that two commands
//! can never wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use rand::Rng;

use super::db::Db;
use super::entry::Entry;
use super::entry_ref::EntryRef;
use super::evict::AccessClock;
use super::key::{self, Key};
use super::prefetch::{Aim, STEPS, prefetch};
use super::shard::Shard;
use super::table::below;
use super::tracked::{Invalidations, TrackedTotals};
use super::waiting::ReadyKey;
use crate::limits::{BATCH_COMMANDS_MAX, HASH_SLOTS};

/// Bits of a SCAN cursor that belong to the walk inside of a shard.
const SHARD_CURSOR_BITS: u32 = 52;

/// Number of a shard.
pub type ShardId = u16;

/// A shard's lock on cache lines of its own (processors fetch lines in pairs), so that two workers in
/// neighbouring shards do not slow each other.
#[repr(align(128))]
struct Padded(Mutex<Shard>);

/// What a command of a batch will look up.
#[derive(Clone, Copy)]
pub struct Wanted<'k> {
    /// A key.
    pub key: Key<'k>,
    /// Of its value this field or member, or the ends if it has none: if a value is likely that has more to it than an entry.
    pub element: Option<&'k [u8]>,
    /// The score that it is to have.
    pub score: Option<f64>,
}

/// All keys of all databases.
pub struct Keyspace {
    shards: Box<[Padded]>,
    databases: usize,
    /// By how much a slot is shifted to give its shard.
    shift: u32,
    /// Whether a snapshot is under way.
    pub(super) in_snapshot: AtomicBool,
    tracked: Arc<TrackedTotals>,
    /// The databases that all shards have made.
    opened: Box<[AtomicBool]>,
}

impl Keyspace {
    /// An empty keyspace. `shards` is a power of two; `seed` feeds the LFU counters.
    pub fn new(shards: usize, databases: usize, access: AccessClock, seed: u64) -> Self {
        assert!(
            shards.is_power_of_two() && shards <= usize::from(HASH_SLOTS),
            "a shard is a run of whole slots"
        );
        let tracked = Arc::<TrackedTotals>::default();
        let shard = |id: usize| Shard::new(access, seed ^ (id as u64) << 32, Arc::clone(&tracked));
        let padded = |id: usize| Padded(Mutex::new(shard(id)));
        Keyspace {
            shards: (0..shards).map(padded).collect(),
            databases,
            shift: usize::from(HASH_SLOTS).ilog2() - shards.ilog2(),
            in_snapshot: AtomicBool::new(false),
            tracked,
            opened: (0..databases).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Makes a database in all shards, which else do so when they get their first key of it: what it takes is taken at once then, and
    /// not bit by bit beside the first thousand keys. No shard is locked by the caller.
    pub fn open(&self, index: usize) {
        if !self.opened[index].swap(true, Relaxed) {
            for shard in &self.shards {
                shard.0.lock().db(index);
            }
        }
    }

    /// How many databases there are: the directive `databases`.
    pub fn databases(&self) -> usize {
        self.databases
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The shard of a cluster slot: neighbouring slots share one.
    #[inline]
    pub fn shard_of(&self, slot: u16) -> ShardId {
        slot >> self.shift
    }

    /// Locks none yet.
    pub fn lock_none(&self) -> Locked<'_> {
        Locked { keyspace: self, guards: Guards::Many(SmallVec::new()) }
    }

    /// Locks one shard.
    #[inline]
    pub fn lock_one(&self, id: ShardId) -> Locked<'_> {
        Locked { keyspace: self, guards: Guards::One(id, self.shards[usize::from(id)].0.lock()) }
    }

    /// Locks several shards. `ids` is ascending and has none twice.
    pub fn lock_many(&self, ids: &[ShardId]) -> Locked<'_> {
        debug_assert!(ids.is_sorted_by(|a, b| a < b), "unordered locking can wait for ever");
        let guards = ids.iter().map(|&id| (id, self.shards[usize::from(id)].0.lock())).collect();
        Locked { keyspace: self, guards: Guards::Many(guards) }
    }

    /// Locks the shards of some keys, in order.
    pub fn lock_keys<'k>(&self, keys: impl IntoIterator<Item = &'k Key<'k>>) -> Locked<'_> {
        let mut ids: SmallVec<[ShardId; 16]> = keys.into_iter().map(|key| self.shard_of(key.slot)).collect();
        ids.sort_unstable();
        ids.dedup();
        if let [id] = ids[..] { self.lock_one(id) } else { self.lock_many(&ids) }
    }

    /// Locks all shards.
    pub fn lock_all(&self) -> Locked<'_> {
        Locked {
            keyspace: self,
            guards: Guards::All(self.shards.iter().map(|shard| shard.0.lock()).collect()),
        }
    }

    /// Asks for what looking up these keys of one database will touch: the shards of all of them, then the slots, then the
    /// entries, so that no key waits for memory alone. A shard that somebody else has locked is left out: nobody is waited
    /// for, and so the order of these locks does not matter.
    ///
    /// A lock is a barrier that reads before and after it do not cross. So all of them are taken before the first walk.
    ///
    /// Where an element is wanted, too, what leads to it follows, a pointer at a time.
    pub fn prefetch<'k>(&self, wanted: impl Iterator<Item = Wanted<'k>> + Clone, db: usize) {
        let ids: SmallVec<[ShardId; BATCH_COMMANDS_MAX]> =
            wanted.clone().map(|wanted| self.shard_of(wanted.key.slot)).collect();
        ids.iter().for_each(|&id| prefetch((&raw const self.shards[usize::from(id)]).cast()));
        // The first key of the same shard, whose guard does for the others.
        let firsts: SmallVec<[usize; BATCH_COMMANDS_MAX]> =
            ids.iter().enumerate().map(|(at, id)| ids.iter().position(|it| it == id).unwrap_or(at)).collect();
        let try_lock = |(at, &first): (usize, &usize)| {
            if first == at { self.shards[usize::from(ids[at])].0.try_lock() } else { None }
        };
        let guards: SmallVec<[Option<MutexGuard<'_, Shard>>; BATCH_COMMANDS_MAX]> =
            firsts.iter().enumerate().map(try_lock).collect();
        let dbs = firsts.iter().map(|&first| guards[first].as_ref()?.dbs().get(db));
        let found: SmallVec<[(&Db, Wanted<'k>); BATCH_COMMANDS_MAX]> =
            dbs.zip(wanted).filter_map(|(db, wanted)| Some((db?, wanted))).collect();
        found.iter().for_each(|(db, wanted)| db.prefetch_slot(&wanted.key));
        found.iter().for_each(|(db, wanted)| db.prefetch_block(&wanted.key));
        let values = found.iter().filter_map(|(db, Wanted { key, element, score })| {
            let hash = key::hash((*element)?);
            Some((db.get_likely(key)?, Aim { hash, score: *score }))
        });
        let mut values: SmallVec<[(EntryRef<'_>, Aim); BATCH_COMMANDS_MAX]> = values.collect();
        for step in 0..STEPS {
            values.retain(|(value, aim)| value.prefetch_value(step, *aim));
        }
    }

    /// How many keys clients may have copies of.
    pub fn tracked(&self) -> &TrackedTotals {
        &self.tracked
    }

    /// Takes keys out of the table of those that clients may have copies of, until there are no more than `max`. One shard is
    /// locked at a time, and each gives up the same share.
    pub fn limit_tracked(&self, max: usize, told: &mut Invalidations) {
        // Shards are visited in turn and each rounds up: two rounds are enough even if others read meanwhile.
        for shard in self.shards.iter().chain(self.shards.iter()) {
            let total = self.tracked.keys();
            if total <= max {
                return;
            }
            let mut shard = shard.0.lock();
            let share = (shard.tracked().len() * (total - max)).div_ceil(total);
            shard.tracked().evict(share.min(total - max), told);
        }
    }

    /// Changes what access clocks record: `maxmemory-policy` and the LFU directives.
    pub fn set_access(&self, access: AccessClock) {
        self.shards.iter().for_each(|shard| shard.0.lock().set_access(access));
    }
}

/// Shards that are locked, until this is dropped.
pub struct Locked<'a> {
    keyspace: &'a Keyspace,
    guards: Guards<'a>,
}

enum Guards<'a> {
    One(ShardId, MutexGuard<'a, Shard>),
    Many(SmallVec<[(ShardId, MutexGuard<'a, Shard>); 4]>),
    All(Vec<MutexGuard<'a, Shard>>),
}

impl Locked<'_> {
    /// Asks for what looking up these keys of one database will touch: first the slots of all, then their entries.
    pub fn prefetch(&self, keys: &[Key<'_>], db: usize) {
        let found = keys.iter().filter_map(|key| Some((self.shard_to_read(key)?.dbs().get(db)?, key)));
        found.clone().for_each(|(db, key)| db.prefetch_slot(key));
        found.for_each(|(db, key)| db.prefetch_block(key));
    }

    /// The shard with this number, if it is locked.
    #[inline]
    pub fn shard_by_id(&mut self, id: ShardId) -> Option<&mut Shard> {
        match &mut self.guards {
            Guards::One(locked, guard) => (*locked == id).then_some(&mut **guard),
            Guards::Many(guards) => {
                let at = guards.binary_search_by_key(&id, |(locked, _)| *locked).ok()?;
                Some(&mut guards[at].1)
            }
            Guards::All(guards) => guards.get_mut(usize::from(id)).map(|guard| &mut **guard),
        }
    }

    /// The shard of a key, if it is locked.
    #[inline]
    pub fn shard(&mut self, key: &Key<'_>) -> Option<&mut Shard> {
        self.shard_by_id(self.keyspace.shard_of(key.slot))
    }

    /// The part of a database in which a key belongs, if its shard is locked.
    #[inline]
    pub fn db(&mut self, key: &Key<'_>, index: usize) -> Option<&mut Db> {
        self.shard(key).map(|shard| shard.db(index))
    }

    /// Whether a key has changed for which somebody waits.
    pub fn is_ready(&mut self) -> bool {
        self.shards_mut().any(|(_, shard)| shard.waiting().is_ready())
    }

    /// Such a key; of one shard the one that changed first.
    pub fn take_ready(&mut self) -> Option<ReadyKey> {
        self.shards_mut().find_map(|(_, shard)| shard.waiting().take_ready())
    }

    /// The entry of a live key in a locked shard, without a trace, so that several can be looked at side by side.
    pub fn peek(&self, key: &Key<'_>, index: usize, now_ms: u64) -> Option<EntryRef<'_>> {
        self.shard_to_read(key)?.dbs().get(index)?.peek(key, now_ms)
    }

    /// The shard of a key, if it is locked, to look at beside others.
    fn shard_to_read(&self, key: &Key<'_>) -> Option<&Shard> {
        let id = self.keyspace.shard_of(key.slot);
        match &self.guards {
            Guards::One(locked, guard) => (*locked == id).then_some(guard),
            Guards::Many(guards) => {
                let at = guards.binary_search_by_key(&id, |(locked, _)| *locked).ok()?;
                Some(&guards[at].1)
            }
            Guards::All(guards) => guards.get(usize::from(id)).map(|guard| &**guard),
        }
    }

    /// Whether all shards are locked, as DBSIZE, SCAN, KEYS, FLUSHDB and SWAPDB need.
    pub fn is_all(&self) -> bool {
        matches!(self.guards, Guards::All(_))
    }

    /// The shards that are locked, ascending.
    pub fn shards_mut(&mut self) -> impl Iterator<Item = (ShardId, &mut Shard)> {
        let (one, many, all) = match &mut self.guards {
            Guards::One(id, guard) => (Some((*id, &mut **guard)), None, None),
            Guards::Many(guards) => (None, Some(guards), None),
            Guards::All(guards) => (None, None, Some(guards)),
        };
        let many = many.into_iter().flatten().map(|(id, guard)| (*id, &mut **guard));
        let all = all.into_iter().flatten().enumerate().map(|(id, guard)| (id as ShardId, &mut **guard));
        one.into_iter().chain(many).chain(all)
    }

    /// Whether no shard is locked.
    pub fn is_none(&self) -> bool {
        matches!(&self.guards, Guards::Many(guards) if guards.is_empty())
    }

    /// Visits every shard: all of them are locked, or none is, and then each is locked in turn. Otherwise nothing
    /// happens and the answer is false, since locking more would be out of order.
    pub fn walk(&mut self, mut visit: impl FnMut(&mut Shard)) -> bool {
        if self.is_none() {
            self.keyspace.shards.iter().for_each(|shard| visit(&mut shard.0.lock()));
            return true;
        }
        let all = self.is_all();
        if all {
            self.shards_mut().for_each(|(_, shard)| visit(shard));
        }
        all
    }

    /// Keys of a database in the locked shards.
    pub fn dbsize(&mut self, index: usize) -> usize {
        self.shards_mut().filter_map(|(_, shard)| shard.dbs().get(index)).map(Db::len).sum()
    }

    /// One step of SCAN over the locked shards, which are all: the live keys, with the guarantee of `Table::scan`. The
    /// cursor is the shard's number above the cursor inside of the shard; 0 at the end, and below 2^63 always. Shards
    /// without keys cost a few ns each and are passed in the same step, so that few keys come in one reply.
    pub fn scan(
        &mut self,
        index: usize,
        cursor: u64,
        count: usize,
        now_ms: u64,
        mut f: impl FnMut(EntryRef<'_>),
    ) -> u64 {
        let mut inner = cursor & ((1 << SHARD_CURSOR_BITS) - 1);
        let mut left = count.max(1);
        for id in cursor >> SHARD_CURSOR_BITS.. {
            let Ok(shard) = ShardId::try_from(id) else { return 0 };
            let Some(shard) = self.shard_by_id(shard) else { return 0 };
            if left == 0 {
                return id << SHARD_CURSOR_BITS;
            }
            if let Some(db) = shard.dbs().get(index) {
                inner = db.scan(inner, left, now_ms, |entry| {
                    left = left.saturating_sub(1);
                    f(entry);
                });
                if inner != 0 {
                    return id << SHARD_CURSOR_BITS | inner;
                }
            }
            inner = 0;
        }
        0
    }

    /// A live key of the locked shards, each about equally likely.
    pub fn random_key(&mut self, index: usize, rng: &mut impl Rng, now_ms: u64) -> Option<EntryRef<'_>> {
        let total = self.dbsize(index);
        // The shard of a random key: by its size. When all keys there have expired, the shards after it are asked.
        let mut nth = if total == 0 { return None } else { below(rng, total) };
        let mut dbs: Vec<&Db> = self.shards_mut().filter_map(|(_, shard)| shard.dbs().get(index)).collect();
        let first = dbs.iter().position(|db| {
            let here = nth < db.len();
            nth = nth.wrapping_sub(if here { 0 } else { db.len() });
            here
        })?;
        dbs.rotate_left(first);
        dbs.into_iter().find_map(|db| db.random_key(rng, now_ms))
    }

    /// Gives `f` every entry that a lookup found dead since the last call, with the index of its database, so that its
    /// event can be raised before the shards are unlocked.
    #[inline]
    pub fn take_expired(&mut self, mut f: impl FnMut(usize, Entry)) {
        for (_, shard) in self.shards_mut() {
            for (index, db) in shard.dbs_mut().iter_mut().filter(|(_, db)| db.has_expired()) {
                db.take_expired().into_iter().for_each(|entry| f(index, entry));
            }
        }
    }

    /// Empties a database in the locked shards, and tells those who watch a key of it. Drop the result outside of
    /// the lock, or give it to `unflush`.
    pub fn flush(&mut self, index: usize) -> Vec<(ShardId, Db)> {
        let mut old = Vec::new();
        for (id, shard) in self.shards_mut() {
            let Some(db) = shard.flush(index) else { continue };
            for name in shard.heeded(index) {
                let key = Key::new(&name);
                if db.peek(&key, 0).is_some() {
                    shard.tell_heeding(index, &key);
                }
            }
            if !db.is_empty() {
                old.push((id, db));
            }
        }
        old
    }

    /// Forgets which keys clients may have copies of: they are told that none of them is good any more.
    pub fn forget_tracked(&mut self, told: &mut Invalidations) {
        told.everything = true;
        for (_, shard) in self.shards_mut() {
            shard.tracked().clear();
        }
    }

    /// Puts back what `flush` took.
    pub fn unflush(&mut self, index: usize, old: Vec<(ShardId, Db)>) {
        for (id, db) in old {
            if let Some(shard) = self.shard_by_id(id) {
                shard.replace(index, db);
            }
        }
    }

    /// Swaps two databases in the locked shards, and tells those who watch a key that either of them has. A key that has expired
    /// and comes to where it is watched without having been there is none: it is taken out and returned with its database, so
    /// that who watches it does not take its end for a change.
    pub fn swapdb(&mut self, a: usize, b: usize, now_ms: u64) -> Vec<(usize, Entry)> {
        let mut dead = Vec::new();
        for (_, shard) in self.shards_mut() {
            shard.swap(a, b);
            for (here, there) in [(a, b), (b, a)] {
                for name in shard.heeded(here) {
                    let key = Key::new(&name);
                    let peek = |index, now_ms| shard.dbs().get(index).and_then(|db| db.peek(&key, now_ms));
                    let (was, is) = (peek(there, 0), peek(here, now_ms));
                    if was.is_some() || is.is_some() {
                        shard.tell_heeding(here, &key);
                    } else if let Some(entry) = shard.db(here).remove(&key, 0) {
                        dead.push((here, entry));
                    }
                }
            }
        }
        dead
    }
}
