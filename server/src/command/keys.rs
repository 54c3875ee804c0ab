//! The keys that a running command has locked, and the only way to them: here expiry, statistics, watched keys, events
//! and undo happen once and for every command. What the values themselves can do is in `keyspace`.

use crate::effects::notify::Class;
use crate::effects::{Effects, Gone};
use crate::keyspace::{
    Db, Encoding, Entry, EntryRef, Expire, Hash, HashLimits, Key, Locked, Overwritten, StringRef, ValueType,
};
use crate::stats::Stats;

use super::error::CommandError;
use super::scratch::Scratch;
use super::undo::{Mark, OldField};

/// What a command may do to keys. A field of its own in the context, so that a value can be read while the reply is written.
pub struct Keys<'a> {
    /// The selected database.
    pub db: usize,
    /// Milliseconds since 1970, the same for the length of the command.
    pub now_ms: u64,
    /// Reads leave the access clock alone: CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// It may write: always, unless it runs below a module's command that may not.
    pub may_write: bool,
    /// The classes of events that somebody may listen to.
    pub notify: Class,
    /// Keys that have expired are unlinked.
    pub lazy_expire: bool,
    /// The thresholds between the two forms of a hash.
    pub hash_limits: HashLimits,
    /// This worker's counters.
    pub stats: &'static Stats,
    /// What follows from the command.
    pub effects: &'a mut Effects,
    /// The shards that are locked.
    pub locked: Locked<'a>,
    /// What it must undo, and what is freed after the locks.
    pub scratch: &'a mut Scratch,
}

/// Reading and writing.
impl Keys<'_> {
    /// The selected database, as far as it lies in the key's shard.
    #[inline]
    pub fn db_of(&mut self, key: &Key<'_>) -> Result<&mut Db, CommandError> {
        self.locked.db(key, self.db).ok_or(CommandError::UndeclaredKey)
    }

    /// Look a key up in order to read its value: counts a hit or a miss, and an access.
    #[inline]
    pub fn read(&mut self, key: &Key<'_>) -> Result<Option<EntryRef<'_>>, CommandError> {
        self.look_up(key, !self.no_touch)
    }

    /// Look a key up in order to tell something about it (its type, its time): counts a hit or a miss, but no access.
    #[inline]
    pub fn inspect(&mut self, key: &Key<'_>) -> Result<Option<EntryRef<'_>>, CommandError> {
        self.look_up(key, false)
    }

    #[inline]
    fn look_up(&mut self, key: &Key<'_>, touch: bool) -> Result<Option<EntryRef<'_>>, CommandError> {
        let db = self.locked.db(key, self.db).ok_or(CommandError::UndeclaredKey)?;
        match db.locate(key, self.now_ms) {
            Some(place) => {
                self.stats.keyspace_hits.add(1);
                Ok(Some(if touch { db.use_at(place, self.now_ms) } else { db.entry_at(place) }))
            }
            None => {
                self.stats.keyspace_misses.add(1);
                self.effects.event(self.notify, Class::KEY_MISS, "keymiss", self.db, key.bytes);
                Ok(None)
            }
        }
    }

    /// Look a key up without counting anything: for TYPE, TTL, OBJECT and their like.
    #[inline]
    pub fn peek(&mut self, key: &Key<'_>) -> Result<Option<EntryRef<'_>>, CommandError> {
        let now_ms = self.now_ms;
        let db = self.db_of(key)?;
        Ok(db.locate(key, now_ms).map(|place| db.entry_at(place)))
    }

    /// Whether a database has a key. If it was found expired there, that is told at once: the database may not be selected.
    pub fn peek_in(&mut self, index: usize, key: &Key<'_>) -> Result<bool, CommandError> {
        let db = self.locked.db(key, index).ok_or(CommandError::UndeclaredKey)?;
        let found = db.contains(key, self.now_ms);
        if db.has_expired() && index != self.db {
            let home = std::mem::replace(&mut self.db, index);
            self.collect_expired();
            self.db = home;
        }
        Ok(found)
    }

    /// The string under a key, to be changed: counts nothing.
    pub fn peek_string(&mut self, key: &Key<'_>) -> Result<Option<StringRef<'_>>, CommandError> {
        match self.peek(key)? {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(CommandError::WrongType),
        }
    }

    /// The hash under a key, to be changed: counts nothing.
    pub fn peek_hash(&mut self, key: &Key<'_>) -> Result<Option<&Hash>, CommandError> {
        match self.peek(key)? {
            None => Ok(None),
            Some(entry) => entry.hash().map(Some).ok_or(CommandError::WrongType),
        }
    }

    /// Whether a key is not there, and somebody listens to keys being made. Asks the table only in that case.
    #[inline]
    pub fn is_heard_as_new(&mut self, key: &Key<'_>) -> Result<bool, CommandError> {
        Ok(self.notify.intersects(Class::NEW) && self.peek(key)?.is_none())
    }

    /// The string under a key, to be read.
    #[inline]
    pub fn read_string(&mut self, key: &Key<'_>) -> Result<Option<StringRef<'_>>, CommandError> {
        match self.read(key)? {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(CommandError::WrongType),
        }
    }

    /// The hash under a key, to be read.
    #[inline]
    pub fn read_hash(&mut self, key: &Key<'_>) -> Result<Option<&Hash>, CommandError> {
        match self.read(key)? {
            None => Ok(None),
            Some(entry) => entry.hash().map(Some).ok_or(CommandError::WrongType),
        }
    }

    /// The type of the value under a key, without counting anything.
    pub fn type_of(&mut self, key: &Key<'_>) -> Result<Option<ValueType>, CommandError> {
        Ok(self.peek(key)?.map(EntryRef::value_type))
    }

    /// The database of a key, to change the key. Below a module's command the key is copied first, so that the change
    /// can be undone. Call `modified` when something was changed.
    #[inline]
    pub fn write(&mut self, key: &Key<'_>) -> Result<&mut Db, CommandError> {
        self.write_in(self.db, key)
    }

    /// The same for a key of any database.
    #[inline]
    pub fn write_in(&mut self, index: usize, key: &Key<'_>) -> Result<&mut Db, CommandError> {
        if !self.may_write {
            return Err(CommandError::ReadOnly);
        }
        let db = self.locked.db(key, index).ok_or(CommandError::UndeclaredKey)?;
        if self.scratch.undo.is_active() {
            self.scratch.undo.record_key(index, key, db, self.now_ms);
        }
        Ok(db)
    }

    /// The database of a key, to change fields of its hash. Below a module's command the old value of the field is kept
    /// instead of a copy of the whole hash if that is large. The hash must not become empty.
    pub fn write_field(&mut self, key: &Key<'_>, field: &[u8]) -> Result<&mut Db, CommandError> {
        if self.scratch.undo.is_active() && self.may_write {
            let hash = self.peek(key)?.and_then(EntryRef::hash);
            if let Some(hash) = hash.filter(|hash| hash.encoding() == Encoding::Hashtable) {
                let old = OldField::of(hash, field);
                self.scratch.undo.record_field(self.db, key, field, old);
                return self.db_of(key);
            }
        }
        self.write(key)
    }

    /// A key of the selected database was changed: count it, tell those who watch it, record the event.
    #[inline]
    pub fn modified(&mut self, key: &Key<'_>, class: Class, event: &'static str) {
        self.modified_in(self.db, key, class, event);
    }

    /// The same for a key of any database.
    #[inline]
    pub fn modified_in(&mut self, index: usize, key: &Key<'_>, class: Class, event: &'static str) {
        self.effects.dirty += 1;
        self.also_modified_in(index, key, class, event);
    }

    /// The same for a further key of a change that is counted as one, as RENAME's.
    #[inline]
    pub fn also_modified_in(&mut self, index: usize, key: &Key<'_>, class: Class, event: &'static str) {
        self.effects.event(self.notify, class, event, index, key.bytes);
        self.tell_watchers(index, key);
    }

    /// A key of the selected database was changed in a way that no event tells: count it, tell those who watch it.
    pub fn modified_silently(&mut self, key: &Key<'_>) {
        self.effects.dirty += 1;
        self.tell_watchers(self.db, key);
    }

    #[inline]
    fn tell_watchers(&mut self, index: usize, key: &Key<'_>) {
        // Below a module's command this happens when it has succeeded.
        if !self.scratch.undo.is_active()
            && let Some(shard) = self.locked.shard(key)
        {
            shard.touch(index, key);
        }
    }

    /// Record an event for a key that `modified` has counted already, or that did not change.
    pub fn event(&mut self, key: &Key<'_>, class: Class, event: &'static str) {
        self.event_in(self.db, key, class, event);
    }

    /// The same for a key of any database.
    pub fn event_in(&mut self, index: usize, key: &Key<'_>, class: Class, event: &'static str) {
        self.effects.event(self.notify, class, event, index, key.bytes);
    }

    /// Store a string, whatever is there: a value of another type is freed after the locks. The result is whether the key
    /// was there.
    #[inline]
    pub fn set_string(&mut self, key: &Key<'_>, value: &[u8], expire: Expire) -> Result<bool, CommandError> {
        let undo = &self.scratch.undo;
        if undo.is_active() && !undo.has_key(self.db, key) {
            return self.displace_string(key, value, expire);
        }
        let now_ms = self.now_ms;
        Ok(match self.write(key)?.set_string(key, value, expire, now_ms) {
            Overwritten::Nothing => false,
            Overwritten::String => true,
            Overwritten::Other(entry) => {
                self.drop_later(entry);
                true
            }
        })
    }

    /// The same for a key of which the undo log knows nothing yet: what was there goes into the log as it is, without a copy.
    fn displace_string(&mut self, key: &Key<'_>, value: &[u8], expire: Expire) -> Result<bool, CommandError> {
        if !self.may_write {
            return Err(CommandError::ReadOnly);
        }
        let (index, now_ms) = (self.db, self.now_ms);
        let old = self.db_of(key)?.displace_string(key, value, expire, now_ms);
        let was_there = old.is_some();
        self.scratch.undo.record_entry(index, key, old);
        Ok(was_there)
    }

    /// Store a string that was made in a buffer of its own, whatever is there. The result is whether the key was there.
    pub fn set_buffer(&mut self, key: &Key<'_>, bytes: Vec<u8>) -> Result<bool, CommandError> {
        let now_ms = self.now_ms;
        let old = self.write(key)?.set_raw(key, bytes, now_ms);
        let was_there = old.is_some();
        old.into_iter().for_each(|entry| self.drop_later(entry));
        Ok(was_there)
    }

    /// Free a value after the locks if that may take long.
    pub fn drop_later(&mut self, entry: Entry) {
        if entry.as_ref().value_type() != ValueType::String {
            self.scratch.garbage.push(entry);
        }
    }
}

/// What happens around and after a command.
impl Keys<'_> {
    /// Keys that were found expired: raise their events, tell those who watch them, free them later.
    #[inline]
    pub fn collect_expired(&mut self) {
        let index = self.db;
        for (_, shard) in self.locked.shards_mut() {
            if shard.dbs().get(index).is_none_or(|db| !db.has_expired()) {
                continue;
            }
            for entry in shard.db(index).take_expired() {
                let key = Key::new(entry.as_ref().key());
                self.stats.expired_keys.add(1);
                self.effects.key_gone(self.notify, &Gone::expired(index, key.bytes, self.lazy_expire));
                shard.touch(index, &key);
                self.scratch.garbage.push(entry);
            }
            for expired in shard.db(index).take_expired_fields() {
                self.effects.fields_gone(self.notify, index, &expired);
                shard.touch(index, &Key::new(&expired.key));
                self.scratch.garbage.extend(expired.emptied);
            }
        }
    }

    /// Look whether a key of any database has expired, and tell those who watch it if so.
    pub fn expire_if_due(&mut self, index: usize, key: &Key<'_>) {
        let now_ms = self.now_ms;
        if let Some(shard) = self.locked.shard(key)
            && shard.db(index).contains(key, now_ms)
        {
            return;
        }
        let home = std::mem::replace(&mut self.db, index);
        self.collect_expired();
        self.db = home;
    }

    /// Undo what was written since, newest first.
    pub fn undo_to(&mut self, mark: Mark) {
        self.scratch.undo.undo_to(mark, &mut self.locked);
    }

    /// A module's command has succeeded: what it changed stands, and those who watch it are told.
    pub fn keep_changes(&mut self) {
        let Scratch { undo, garbage, flushed } = &mut *self.scratch;
        undo.keep(&mut self.locked, garbage, flushed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{AccessClock, Keyspace, Value};

    const NOW_MS: u64 = 1_000_000;

    fn with_keys(test: impl FnOnce(&mut Keys<'_>)) {
        let keyspace = Keyspace::new(16, 2, AccessClock::Lru, 1);
        let (mut effects, mut scratch) = (Effects::default(), Scratch::default());
        let mut keys = Keys {
            db: 0,
            now_ms: NOW_MS,
            no_touch: false,
            may_write: true,
            notify: Class::NONE,
            lazy_expire: false,
            hash_limits: HashLimits::default(),
            stats: Box::leak(Box::default()),
            effects: &mut effects,
            locked: keyspace.lock_all(),
            scratch: &mut scratch,
        };
        test(&mut keys);
    }

    fn edit_hash(keys: &mut Keys<'_>, key: &Key<'_>, field: &str, value: Option<&str>) {
        let limits = keys.hash_limits;
        let db = keys.write_field(key, field.as_bytes()).expect("all shards are locked");
        let mut entry = db.get_mut(key, NOW_MS).expect("the hash is there");
        let hash = entry.hash().expect("it is a hash");
        match value {
            Some(value) => {
                assert!(hash.set(field.as_bytes(), value.as_bytes(), limits) == (field == "fresh"));
            }
            None => assert!(hash.del(field.as_bytes())),
        }
    }

    /// Both forms of a hash: a small one is recorded whole, a large one field by field.
    #[test]
    fn fields_are_undone_even_if_their_hash_is_gone() {
        for fields in [3, 500] {
            with_keys(|keys| {
                let key = Key::new(b"h");
                let mut hash = Hash::new();
                for i in 0..fields {
                    hash.set(format!("f{i}").as_bytes(), b"old", keys.hash_limits);
                }
                let value = Value::Hash(Box::new(hash));
                keys.write(&key).expect("locked").set_value(&key, value, Expire::Clear, NOW_MS);
                let mark = keys.scratch.undo.enter();
                edit_hash(keys, &key, "f1", Some("new"));
                edit_hash(keys, &key, "f1", Some("newer"));
                edit_hash(keys, &key, "fresh", Some("new"));
                edit_hash(keys, &key, "f2", None);
                drop(keys.write(&key).expect("locked").remove(&key, NOW_MS));
                keys.undo_to(mark);
                let hash = keys.peek_hash(&key).expect("it is a hash").expect("it is there again");
                assert_eq!((hash.len(), hash.exists(b"fresh")), (fields, false));
                let value = |field: &[u8]| hash.get(field).map(StringRef::to_vec);
                assert_eq!([value(b"f1"), value(b"f2")], [Some(b"old".to_vec()), Some(b"old".to_vec())]);
            });
        }
    }

    #[test]
    fn undone_fields_expire_as_before() {
        with_keys(|keys| {
            let key = Key::new(b"h");
            let mut hash = Hash::new();
            for field in [b"a", b"b", b"c"] {
                hash.set(field, b"old", keys.hash_limits);
            }
            hash.set_expire(b"a", Some(NOW_MS + 7));
            let value = Value::Hash(Box::new(hash));
            keys.write(&key).expect("locked").set_value(&key, value, Expire::Clear, NOW_MS);
            let mark = keys.scratch.undo.enter();
            edit_hash(keys, &key, "a", Some("new"));
            edit_hash(keys, &key, "b", None);
            keys.undo_to(mark);
            let hash = keys.peek_hash(&key).expect("it is a hash").expect("it is there again");
            let times = [b"a", b"b"].map(|field| hash.expire_at(field));
            assert_eq!(times, [Some(Some(NOW_MS + 7)), Some(None)]);
        });
    }

    fn number(keys: &mut Keys<'_>, key: &Key<'_>) -> Option<i64> {
        keys.peek_string(key).ok().flatten().and_then(StringRef::int)
    }

    #[test]
    fn a_command_that_fails_below_another_is_undone_alone() {
        for (inner_fails, outer_fails, left) in
            [(true, false, Some(1)), (false, false, Some(2)), (true, true, Some(0)), (false, true, Some(0))]
        {
            with_keys(|keys| {
                let (key, hash) = (Key::new(b"k"), Key::new(b"h"));
                keys.set_string(&key, b"0", Expire::Clear).expect("locked");
                let mut fields = Hash::new();
                for i in 0..500 {
                    fields.set(format!("f{i}").as_bytes(), b"0", keys.hash_limits);
                }
                let value = Value::Hash(Box::new(fields));
                keys.write(&hash).expect("locked").set_value(&hash, value, Expire::Clear, NOW_MS);
                let outer = keys.scratch.undo.enter();
                keys.set_string(&key, b"1", Expire::Clear).expect("locked");
                edit_hash(keys, &hash, "f1", Some("1"));
                let inner = keys.scratch.undo.enter();
                keys.set_string(&key, b"2", Expire::Clear).expect("locked");
                edit_hash(keys, &hash, "f1", Some("2"));
                assert!(!keys.scratch.undo.leave(inner));
                if inner_fails {
                    keys.undo_to(inner);
                    assert_eq!(number(keys, &key), Some(1));
                }
                assert!(keys.scratch.undo.leave(outer));
                if outer_fails {
                    keys.undo_to(outer);
                } else {
                    keys.keep_changes();
                }
                assert!(keys.scratch.undo.is_empty());
                assert_eq!(number(keys, &key), left);
                let fields = keys.peek_hash(&hash).expect("it is a hash").expect("it is there");
                assert_eq!(fields.get(b"f1").and_then(StringRef::int), left);
            });
        }
    }

    #[test]
    fn a_deeper_flush_hides_what_was_recorded_above() {
        with_keys(|keys| {
            let key = Key::new(b"k");
            keys.set_string(&key, b"0", Expire::Clear).expect("locked");
            let outer = keys.scratch.undo.enter();
            keys.set_string(&key, b"1", Expire::Clear).expect("locked");
            let inner = keys.scratch.undo.enter();
            let old = keys.locked.flush(0);
            keys.scratch.undo.record_flush(0, old);
            assert!(!keys.scratch.undo.leave(inner));
            keys.set_string(&key, b"3", Expire::Clear).expect("locked");
            assert!(keys.scratch.undo.leave(outer));
            keys.undo_to(outer);
            assert_eq!(number(keys, &key), Some(0));
        });
    }

    /// SET moves what was there into the log and back: its value, its time, its account of memory and its clock.
    #[test]
    fn a_set_is_undone_whatever_was_there() {
        type Make = fn(&mut Keys<'_>, &Key<'_>);
        let makes: [Make; 5] = [
            |_, _| {},
            |keys, key| drop(keys.set_string(key, b"a string", Expire::Clear)),
            |keys, key| drop(keys.set_string(key, b"12", Expire::At(NOW_MS + 5000))),
            |keys, key| drop(keys.set_string(key, &[b'x'; 5000], Expire::Clear)),
            |keys, key| {
                let mut hash = Hash::new();
                hash.set(b"f", b"v", keys.hash_limits);
                let value = Value::Hash(Box::new(hash));
                let db = keys.write(key).expect("locked");
                db.set_value(key, value, Expire::At(NOW_MS + 9000), NOW_MS);
            },
        ];
        for make in makes {
            for expire in [Expire::Clear, Expire::Keep, Expire::At(NOW_MS + 77_000)] {
                with_keys(|keys| {
                    let key = Key::new(b"k");
                    make(keys, &key);
                    let seen = |keys: &mut Keys<'_>| {
                        let entry = keys.peek(&key).expect("locked").map(|entry| {
                            (entry.value_type(), entry.expire_at(), entry.clock(), entry.memory())
                        });
                        let bytes = keys.db_of(&key).expect("locked").used_bytes();
                        (entry, bytes)
                    };
                    let before = seen(keys);
                    keys.now_ms += 3000;
                    let mark = keys.scratch.undo.enter();
                    let was_there = keys.set_string(&key, b"new", expire).expect("locked");
                    assert_eq!(was_there, before.0.is_some());
                    keys.set_string(&key, b"newer", expire).expect("locked");
                    let (set, _) = seen(keys);
                    let old_expire = before.0.and_then(|(_, expire_at, ..)| expire_at);
                    let expected = match expire {
                        Expire::Clear => None,
                        Expire::Keep => old_expire,
                        Expire::At(at) => Some(at),
                    };
                    assert_eq!(set.map(|(kind, at, ..)| (kind, at)), Some((ValueType::String, expected)));
                    keys.scratch.undo.leave(mark);
                    keys.undo_to(mark);
                    assert_eq!(seen(keys), before);
                });
            }
        }
    }

    #[test]
    fn what_takes_long_to_free_is_freed_later() {
        with_keys(|keys| {
            let key = Key::new(b"h");
            let mut hash = Hash::new();
            hash.set(b"f", b"v", keys.hash_limits);
            let value = Value::Hash(Box::new(hash));
            keys.write(&key).expect("locked").set_value(&key, value, Expire::Clear, NOW_MS);
            let mark = keys.scratch.undo.enter();
            keys.set_string(&key, b"v", Expire::Clear).expect("locked");
            let old = keys.locked.flush(0);
            keys.scratch.undo.record_flush(0, old);
            keys.scratch.undo.leave(mark);
            keys.keep_changes();
            assert_eq!((keys.scratch.garbage.len(), keys.scratch.flushed.is_empty()), (1, false));
        });
    }

    #[test]
    fn flushes_and_swaps_are_undone_in_reverse() {
        with_keys(|keys| {
            let (a, b) = (Key::new(b"a"), Key::new(b"b"));
            keys.write(&a).expect("locked").set_string(&a, b"1", Expire::Clear, NOW_MS);
            let mark = keys.scratch.undo.enter();
            keys.locked.swapdb(0, 1);
            keys.scratch.undo.record_swap(0, 1);
            keys.write_in(1, &a).expect("locked").set_string(&a, b"2", Expire::Clear, NOW_MS);
            let old = keys.locked.flush(1);
            keys.scratch.undo.record_flush(1, old);
            keys.write_in(1, &a).expect("locked").set_string(&a, b"3", Expire::Clear, NOW_MS);
            keys.write(&b).expect("locked").set_string(&b, b"4", Expire::Clear, NOW_MS);
            keys.undo_to(mark);
            assert_eq!(keys.peek_string(&a).ok().flatten().and_then(StringRef::int), Some(1));
            assert_eq!((keys.locked.dbsize(0), keys.locked.dbsize(1)), (1, 0));
        });
    }

    #[test]
    fn inspecting_counts_but_is_no_access() {
        with_keys(|keys| {
            let key = Key::new(b"k");
            keys.write(&key).expect("locked").set_string(&key, b"v", Expire::Clear, NOW_MS);
            keys.now_ms += 60_000;
            let now_ms = keys.now_ms;
            let idle = |entry: EntryRef<'_>| AccessClock::Lru.idle_ms(entry.clock(), now_ms);
            assert_eq!(keys.inspect(&key).ok().flatten().map(idle), Some(60_000));
            assert!(keys.read(&key).is_ok_and(|entry| entry.is_some()));
            assert_eq!(keys.inspect(&key).ok().flatten().map(idle), Some(0));
            assert!(keys.inspect(&Key::new(b"missing")).is_ok_and(|entry| entry.is_none()));
            assert_eq!((keys.stats.keyspace_hits.get(), keys.stats.keyspace_misses.get()), (3, 1));
        });
    }
}
