//! The keys of one database in one shard: every key, its value and the time it expires.
//! Reads expire lazily, so that no caller can see a dead key. A key that was found dead is taken out and kept aside for
//! the caller, who raises its event and drops it after unlocking.
//! Nothing here waits, logs, reads a clock or knows a client; what follows from a write is in `effects`.

use std::collections::BTreeSet;

use rand::Rng;

use super::account::Account;
use super::bits;
use super::edited::{Edited, FieldTimes, field_time, retime};
use super::entry::Entry;
use super::entry_ref::EntryRef;
use super::evict::AccessClock;
use super::hash::Hash;
use super::key::{self, Key};
use super::module_value::Live;
use super::snapshot::Part;
use super::table::{Place, Table};
use super::value::{EditError, Value, ValueType};
use crate::limits::RANDOM_KEY_TRIES;

/// What a write does to the expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    /// Leaves it; a new key has none.
    Keep,
    /// Removes it.
    Clear,
    /// Sets it, in ms since 1970. A time that has passed already makes a key that nobody will see.
    At(u64),
}

impl Expire {
    #[inline]
    fn over(self, old: Option<u64>) -> Option<u64> {
        match self {
            Expire::Keep => old,
            Expire::Clear => None,
            Expire::At(at) => Some(at),
        }
    }
}

/// What stood under a key before a string was stored there.
#[derive(Debug)]
pub enum Overwritten {
    /// Nothing that lived.
    Nothing,
    /// A string; it is gone.
    String,
    /// A value of another type, which may take long to free: the caller drops it after unlocking.
    Other(Entry),
}

/// Fields of a hash that were found dead.
#[derive(Debug)]
pub struct ExpiredFields {
    /// The name of the hash.
    pub key: Box<[u8]>,
    /// The fields.
    pub fields: Vec<Box<[u8]>>,
    /// The hash, if they were its last: its key is gone.
    pub emptied: Option<Entry>,
}

/// The keys of one database in one shard.
pub struct Db {
    pub(super) table: Table<Entry>,
    /// Found dead since the caller last looked.
    expired: Vec<Entry>,
    /// The same of fields.
    expired_fields: Vec<ExpiredFields>,
    /// When the first field of a hash expires, and the hash; one for each hash that has such fields.
    field_times: FieldTimes,
    /// What the entries occupy.
    account: Account,
    access: AccessClock,
    /// State of the generator that LFU asks; quality hardly matters there, and it must not cost.
    random: u64,
    /// The mark that new entries get: that of all entries, unless a snapshot is under way. See `snapshot`.
    pub(super) mark: u32,
    /// What a snapshot under way has to do with this database.
    pub(super) part: Option<Box<Part>>,
}

/// Reading.
impl Db {
    /// An empty database. `seed` feeds the generator of the LFU counters.
    pub fn new(access: AccessClock, seed: u64) -> Self {
        Db {
            table: Table::default(),
            expired: Vec::new(),
            expired_fields: Vec::new(),
            field_times: BTreeSet::new(),
            account: Account::default(),
            access,
            random: seed,
            mark: 0,
            part: None,
        }
    }

    /// How many keys there are; those that have expired and were not found yet count, as in Redis.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no key.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// How many keys have an expiry.
    #[inline]
    pub fn volatile_len(&self) -> usize {
        self.table.volatile_len()
    }

    /// Heap bytes of keys and values, as the allocator's size classes have them, without the table.
    #[inline]
    pub fn used_bytes(&self) -> usize {
        self.account.bytes
    }

    /// The same, and what of it is modules' values.
    pub fn account(&self) -> Account {
        self.account
    }

    /// Heap bytes of the table itself.
    pub fn table_bytes(&self) -> usize {
        self.table.memory() + self.field_times.len() * 2 * size_of::<(u64, Box<[u8]>)>()
    }

    /// What the access clocks of this database record.
    pub fn access(&self) -> AccessClock {
        self.access
    }

    /// Changes what access clocks record from now on. Clocks written before are read in the new way, as in Redis.
    pub fn set_access(&mut self, access: AccessClock) {
        self.access = access;
    }

    /// Finds a live key. A dead one is moved to `expired`.
    #[inline]
    fn find(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Place> {
        let place = self.table.find(key.hash, key.bytes)?;
        if self.table.is_volatile(place) && self.table.at(place).is_expired(now_ms) {
            self.expire_at_place(place);
            return None;
        }
        if field_time(self.table.at(place)).is_some_and(|at| at <= now_ms) {
            return self.expire_fields_at(place, now_ms, usize::MAX);
        }
        Some(place)
    }

    #[cold]
    fn expire_at_place(&mut self, place: Place) {
        let entry = self.take(place);
        self.expired.push(entry);
    }

    /// Takes dead fields out of a hash, and the hash if nothing is left of it.
    #[cold]
    fn expire_fields_at(&mut self, place: Place, now_ms: u64, max: usize) -> Option<Place> {
        let fields = self.edit(place, |entry| {
            entry.as_mut().hash().map(|hash| hash.take_expired(now_ms, max)).unwrap_or_default()
        });
        let entry = self.table.at(place);
        let (key, is_empty) = (entry.key().into(), entry.hash().is_some_and(Hash::is_empty));
        let emptied = is_empty.then(|| self.take(place));
        self.expired_fields.push(ExpiredFields { key, fields, emptied });
        (!is_empty).then_some(place)
    }

    /// Takes an entry out and its memory off the account.
    fn take(&mut self, place: Place) -> Entry {
        self.preserve(place);
        let entry = self.table.remove_at(place);
        self.account.subtract(entry.as_ref());
        retime(&mut self.field_times, entry.as_ref().key(), field_time(entry.as_ref()), None);
        entry
    }

    /// Before an entry is changed: a snapshot under way that has not been there yet gets a copy of it.
    #[inline]
    fn preserve(&mut self, place: Place) {
        if let Some(part) = &mut self.part {
            part.preserve(self.table.at(place), self.mark);
        }
    }

    /// Counts an access.
    #[inline]
    fn touch(access: AccessClock, random: &mut u64, entry: EntryRef<'_>, now_ms: u64) {
        entry.set_clock(access.touched(entry.clock(), now_ms, || split_mix(random)));
    }

    /// Where a live key is, until the next change. For callers that must do something of their own when it is not.
    #[inline]
    pub fn locate(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Place> {
        self.find(key, now_ms)
    }

    /// The same, but a dead key stays where it is.
    #[inline]
    pub fn locate_only(&self, key: &Key<'_>, now_ms: u64) -> Option<Place> {
        let place = self.table.find(key.hash, key.bytes)?;
        (!self.table.at(place).is_expired(now_ms)).then_some(place)
    }

    /// The entry at a place that `locate` has just found. Counts as an access.
    #[inline]
    pub fn use_at(&mut self, place: Place, now_ms: u64) -> EntryRef<'_> {
        let entry = self.table.at(place);
        Self::touch(self.access, &mut self.random, entry, now_ms);
        entry
    }

    /// The same, without a trace.
    #[inline]
    pub fn entry_at(&self, place: Place) -> EntryRef<'_> {
        self.table.at(place)
    }

    /// The entry of a live key. Counts as an access.
    #[inline]
    pub fn get(&mut self, key: &Key<'_>, now_ms: u64) -> Option<EntryRef<'_>> {
        let place = self.find(key, now_ms)?;
        let entry = self.table.at(place);
        Self::touch(self.access, &mut self.random, entry, now_ms);
        Some(entry)
    }

    /// The entry of a live key, without a trace: no access is counted, and a dead key stays for others to find.
    #[inline]
    pub fn peek(&self, key: &Key<'_>, now_ms: u64) -> Option<EntryRef<'_>> {
        self.table.get(key.hash, key.bytes).filter(|entry| !entry.is_expired(now_ms))
    }

    /// The entry of a live key, to edit its value in place. Counts as an access.
    #[inline]
    pub fn get_mut(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Edited<'_>> {
        let place = self.find(key, now_ms)?;
        self.preserve(place);
        let entry = self.table.at_mut(place);
        Self::touch(self.access, &mut self.random, entry.as_ref(), now_ms);
        Some(Edited::new(entry, &mut self.account, &mut self.field_times))
    }

    /// The same, dead or alive, for whoever puts a value into another form: that is no access.
    pub fn revise(&mut self, key: &Key<'_>) -> Option<Edited<'_>> {
        let place = self.table.find(key.hash, key.bytes)?;
        self.preserve(place);
        let entry = self.table.at_mut(place);
        Some(Edited::new(entry, &mut self.account, &mut self.field_times))
    }

    /// Whether a key is there and alive.
    #[inline]
    pub fn contains(&mut self, key: &Key<'_>, now_ms: u64) -> bool {
        self.find(key, now_ms).is_some()
    }

    /// When a live key expires; none if it never does, or is not there.
    pub fn expire_at(&mut self, key: &Key<'_>, now_ms: u64) -> Option<u64> {
        let place = self.find(key, now_ms)?;
        self.table.at(place).expire_at()
    }

    /// A deep copy of a live key's entry, in the same encoding: for undo and COPY. No access is counted.
    pub fn snapshot(&self, key: &Key<'_>, now_ms: u64) -> Option<Entry> {
        self.peek(key, now_ms).map(EntryRef::to_entry)
    }

    /// Whether `take_expired` has something to give.
    #[inline]
    pub fn has_expired(&self) -> bool {
        !self.expired.is_empty() || !self.expired_fields.is_empty()
    }

    /// The entries that lookups found dead since the last call, oldest first.
    pub fn take_expired(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.expired)
    }

    /// The fields that lookups and active expiry found dead since the last call, oldest first.
    pub fn take_expired_fields(&mut self) -> Vec<ExpiredFields> {
        std::mem::take(&mut self.expired_fields)
    }

    /// Whether a hash has fields that expire.
    pub fn has_volatile_fields(&self) -> bool {
        !self.field_times.is_empty()
    }

    /// Asks for the cache line of the slots where a key belongs. First stage of a batch.
    #[inline]
    pub fn prefetch_slot(&self, key: &Key<'_>) {
        self.table.prefetch_slot(key.hash);
    }

    /// Asks for the block of a key. Second stage, when the slots have arrived.
    #[inline]
    pub fn prefetch_block(&self, key: &Key<'_>) {
        self.table.prefetch_block(key.hash);
    }

    /// The entry that a key most likely has. Third stage, when the blocks have arrived.
    #[inline]
    pub(super) fn get_likely(&self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        self.table.get_likely(key.hash)
    }
}

/// Writing.
impl Db {
    /// Stores a string under a key, in the block of the old value if that fits.
    #[inline]
    pub fn set_string(&mut self, key: &Key<'_>, bytes: &[u8], expire: Expire, now_ms: u64) -> Overwritten {
        let Some(place) = self.find(key, now_ms) else {
            let clock = self.access.initial(now_ms);
            self.add(key.hash, Entry::string(key.bytes, bytes, expire.over(None), clock));
            return Overwritten::Nothing;
        };
        let old = self.table.at(place);
        Self::touch(self.access, &mut self.random, old, now_ms);
        let keeps_expire =
            expire == Expire::Keep || (expire == Expire::Clear && !self.table.is_volatile(place));
        if keeps_expire {
            self.preserve(place);
            if self.table.at_mut(place).overwrite(bytes) {
                return Overwritten::String;
            }
        }
        let old = self.table.at(place);
        let expire_at = expire.over(old.expire_at());
        if old.value_type() != ValueType::String {
            let new = Entry::string(key.bytes, bytes, expire_at, self.access.initial(now_ms));
            return Overwritten::Other(self.edit(place, |entry| std::mem::replace(entry, new)));
        }
        self.edit(place, |entry| entry.set_string(bytes, expire_at));
        Overwritten::String
    }

    /// The same in a block of its own, so that the old entry stays whole and can be put back. Returns that entry.
    pub fn displace_string(
        &mut self,
        key: &Key<'_>,
        bytes: &[u8],
        expire: Expire,
        now_ms: u64,
    ) -> Option<Entry> {
        let Some(place) = self.find(key, now_ms) else {
            let clock = self.access.initial(now_ms);
            self.add(key.hash, Entry::string(key.bytes, bytes, expire.over(None), clock));
            return None;
        };
        let old = self.table.at(place);
        let clock = match old.value_type() {
            ValueType::String => self.access.touched(old.clock(), now_ms, || split_mix(&mut self.random)),
            _ => self.access.initial(now_ms),
        };
        let new = Entry::string(key.bytes, bytes, expire.over(old.expire_at()), clock);
        Some(self.edit(place, |entry| std::mem::replace(entry, new)))
    }

    /// The same as `set_string`, but not as an integer even if it reads as one: what INCRBYFLOAT leaves.
    pub fn set_text(&mut self, key: &Key<'_>, bytes: &[u8], expire: Expire, now_ms: u64) -> bool {
        let Some(place) = self.find(key, now_ms) else {
            let clock = self.access.initial(now_ms);
            self.add(key.hash, Entry::text(key.bytes, bytes, expire.over(None), clock));
            return false;
        };
        let old = self.table.at(place);
        Self::touch(self.access, &mut self.random, old, now_ms);
        let expire_at = expire.over(old.expire_at());
        self.edit(place, |entry| entry.set_text(bytes, expire_at));
        true
    }

    /// Stores a string that was made in a buffer of its own, and not as an integer. Returns the entry that was there, if it was alive.
    pub fn set_raw(&mut self, key: &Key<'_>, bytes: Vec<u8>, now_ms: u64) -> Option<Entry> {
        self.find(key, now_ms);
        self.restore(Entry::raw(key.bytes, bytes, None, self.access.initial(now_ms)))
    }

    /// Stores any value under a key. Returns the entry that was there, if it was alive.
    pub fn set_value(&mut self, key: &Key<'_>, value: Value, expire: Expire, now_ms: u64) -> Option<Entry> {
        let clock = self.access.initial(now_ms);
        let old = self.find(key, now_ms).and_then(|place| self.table.at(place).expire_at());
        self.restore(Entry::new(key.bytes, value, expire.over(old), clock))
    }

    /// Puts an entry under its own key, as it is. Returns the entry that was there, alive or not.
    pub fn restore(&mut self, entry: Entry) -> Option<Entry> {
        let hash = key::hash(entry.as_ref().key());
        match self.table.find(hash, entry.as_ref().key()) {
            None => {
                self.add(hash, entry);
                None
            }
            Some(place) => Some(self.edit(place, |old| std::mem::replace(old, entry))),
        }
    }

    /// Adds an entry out of a file, whose key has this hash. If the key is there already, nothing happens and the entry comes back.
    #[inline]
    pub fn load(&mut self, hash: u64, entry: Entry) -> Result<(), Entry> {
        if self.table.find(hash, entry.as_ref().key()).is_some() {
            return Err(entry);
        }
        self.add(hash, entry);
        Ok(())
    }

    /// Takes a live key out, with its value: the caller drops it after unlocking, or puts it back.
    pub fn remove(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Entry> {
        let place = self.find(key, now_ms)?;
        Some(self.take(place))
    }

    /// Sets or removes the expiry of a live key. False if there is no such key.
    pub fn set_expire(&mut self, key: &Key<'_>, expire_at: Option<u64>, now_ms: u64) -> bool {
        let Some(place) = self.find(key, now_ms) else { return false };
        self.edit(place, |entry| entry.set_expire(expire_at));
        true
    }

    /// Notes where the object of a module's value is. That is no change of the value, and no access.
    pub fn set_live(&mut self, key: &Key<'_>, live: Option<Live>) {
        let Some(place) = self.table.find(key.hash, key.bytes) else { return };
        if let Some(value) = self.table.at_mut(place).module() {
            value.set_live(live);
        }
    }

    /// Appends to a string, or makes it. Returns the new length.
    pub fn append(&mut self, key: &Key<'_>, bytes: &[u8], now_ms: u64) -> Result<usize, EditError> {
        let Some(place) = self.find_string(key, now_ms)? else {
            self.set_string(key, bytes, Expire::Clear, now_ms);
            return Ok(bytes.len());
        };
        let len = self.edit(place, |entry| {
            entry.edit_string(|string| {
                string.extend_from_slice(bytes);
                string.len()
            })
        });
        len.ok_or(EditError::WrongType)
    }

    /// Overwrites part of a string, or makes it; what lies before `offset` and is not there yet becomes zero bytes.
    /// Returns the new length. With no `bytes` nothing changes. The caller has checked the size that results.
    pub fn set_range(
        &mut self,
        key: &Key<'_>,
        offset: usize,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<usize, EditError> {
        if bytes.is_empty() {
            let place = self.find_string(key, now_ms)?;
            let string = place.and_then(|place| self.table.at(place).string());
            return Ok(string.map_or(0, super::value::StringRef::len));
        }
        self.edit_string(key, now_ms, |string| {
            let end = offset + bytes.len();
            bits::grow(string, end);
            string[offset..end].copy_from_slice(bytes);
            string.len()
        })
    }

    /// Lets `edit` change the bytes of a string where they are; none if it is not there, which makes it. The caller has checked the
    /// size that results.
    pub fn edit_string<R>(
        &mut self,
        key: &Key<'_>,
        now_ms: u64,
        edit: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<R, EditError> {
        let Some(place) = self.find_string(key, now_ms)? else {
            let mut bytes = Vec::new();
            let result = edit(&mut bytes);
            self.add(key.hash, Entry::raw(key.bytes, bytes, None, self.access.initial(now_ms)));
            return Ok(result);
        };
        self.edit(place, |entry| entry.edit_string(edit)).ok_or(EditError::WrongType)
    }

    /// Adds to an integer, or makes it from 0. Returns the sum.
    pub fn incr_by(&mut self, key: &Key<'_>, by: i64, now_ms: u64) -> Result<i64, EditError> {
        let Some(place) = self.find_string(key, now_ms)? else {
            let entry = Entry::new(key.bytes, Value::Int(by), None, self.access.initial(now_ms));
            self.add(key.hash, entry);
            return Ok(by);
        };
        let number = self.table.at(place).string().and_then(super::value::StringRef::int);
        let sum = number.ok_or(EditError::NotInteger)?.checked_add(by).ok_or(EditError::Overflow)?;
        self.edit(place, |entry| entry.set_int(sum));
        Ok(sum)
    }

    /// Finds a live key that must be a string, to change it. Counts as an access.
    fn find_string(&mut self, key: &Key<'_>, now_ms: u64) -> Result<Option<Place>, EditError> {
        let Some(place) = self.find(key, now_ms) else { return Ok(None) };
        let entry = self.table.at(place);
        if entry.value_type() != ValueType::String {
            return Err(EditError::WrongType);
        }
        Self::touch(self.access, &mut self.random, entry, now_ms);
        Ok(Some(place))
    }

    /// Adds an entry whose key is not there.
    #[inline]
    fn add(&mut self, hash: u64, entry: Entry) -> Place {
        entry.as_ref().set_snapshot_mark(self.mark);
        self.account.add(entry.as_ref());
        retime(&mut self.field_times, entry.as_ref().key(), None, field_time(entry.as_ref()));
        self.table.insert(hash, entry)
    }

    /// Changes an entry and the account of memory.
    #[inline]
    fn edit<R>(&mut self, place: Place, edit: impl FnOnce(&mut Entry) -> R) -> R {
        let Db { table, account, mark, part, field_times, .. } = self;
        table.update(place, |entry| {
            if let Some(part) = part {
                part.preserve(entry.as_ref(), *mark);
            }
            account.subtract(entry.as_ref());
            let before = field_time(entry.as_ref());
            let result = edit(entry);
            account.add(entry.as_ref());
            retime(field_times, entry.as_ref().key(), before, field_time(entry.as_ref()));
            // It may be another block now.
            entry.as_ref().set_snapshot_mark(*mark);
            result
        })
    }
}

/// Walks.
impl Db {
    /// All entries, the dead ones included, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.table.iter()
    }

    /// One step of SCAN over the live keys; see `Table::scan` for what it guarantees. The cursor stays below 2^45.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        now_ms: u64,
        mut f: impl FnMut(EntryRef<'a>),
    ) -> u64 {
        self.table.scan(cursor, count, |entry| {
            if !entry.is_expired(now_ms) {
                f(entry);
            }
        })
    }

    /// A live key, each about equally likely.
    pub fn random_key(&self, rng: &mut impl Rng, now_ms: u64) -> Option<EntryRef<'_>> {
        for _ in 0..RANDOM_KEY_TRIES {
            let entry = self.table.random(rng)?;
            if !entry.is_expired(now_ms) {
                return Some(entry);
            }
        }
        self.table.iter().find(|entry| !entry.is_expired(now_ms))
    }

    /// Active expiry: removes keys that died by `now_ms` and hands them to `f`, until about `budget` keys with an
    /// expiry were looked at or the table's end is reached; `cursor` is 0 then. Returns how many it removed.
    pub fn expire_cycle(
        &mut self,
        now_ms: u64,
        budget: usize,
        cursor: &mut u64,
        mut f: impl FnMut(Entry),
    ) -> usize {
        let Db { table, account, mark, part, field_times, .. } = self;
        table.expire(now_ms, budget, cursor, |entry| {
            if let Some(part) = part {
                part.preserve(entry.as_ref(), *mark);
            }
            account.subtract(entry.as_ref());
            retime(field_times, entry.as_ref().key(), field_time(entry.as_ref()), None);
            f(entry);
        })
    }

    /// Active expiry of fields: takes up to `max` of those that died by `now_ms` out of their hashes, for `take_expired_fields`. True if
    /// there may be more.
    pub fn expire_fields(&mut self, now_ms: u64, max: usize) -> bool {
        let mut left = max;
        while let Some((at, name)) = self.field_times.first()
            && *at <= now_ms
        {
            if left == 0 {
                return true;
            }
            let name = name.clone();
            match self.table.find(key::hash(&name), &name) {
                Some(place) => _ = self.expire_fields_at(place, now_ms, left),
                None => _ = self.field_times.pop_first(),
            }
            left -= self.expired_fields.last().map_or(1, |last| last.fields.len().max(1)).min(left);
        }
        false
    }

    /// Shows `f` up to `n` random entries, to choose one of them for eviction; see `evict::Choose`.
    pub fn sample<'a>(
        &'a self,
        rng: &mut impl Rng,
        n: usize,
        volatile_only: bool,
        f: impl FnMut(EntryRef<'a>),
    ) {
        self.table.sample(rng, n, volatile_only, f);
    }

    /// How long ago a key was used, for OBJECT IDLETIME.
    pub fn idle_ms(&self, entry: EntryRef<'_>, now_ms: u64) -> u64 {
        self.access.idle_ms(entry.clock(), now_ms)
    }

    /// How often a key is used, for OBJECT FREQ.
    pub fn freq(&self, entry: EntryRef<'_>, now_ms: u64) -> u32 {
        self.access.frequency(entry.clock(), now_ms)
    }
}

/// SplitMix64 (Steele, Lea, Flood, 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
