//! The keys that a running command has locked, and the only way to them: here expiry, statistics, watched keys, events
//! and undo happen once and for every command. What the values themselves can do is in `keyspace`.

use crate::effects::Effects;
use crate::effects::notify::Class;
use crate::keyspace::{
    Db, Encoding, Entry, EntryRef, Hash, HashLimits, Key, Locked, ShardId, StringRef, ValueType,
};
use crate::stats::Stats;

use super::error::CommandError;
use super::undo::UndoLog;

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
    /// The thresholds between the two forms of a hash.
    pub hash_limits: HashLimits,
    /// This worker's counters.
    pub stats: &'static Stats,
    /// What follows from the command.
    pub effects: &'a mut Effects,
    /// The shards that are locked.
    pub locked: Locked<'a>,
    /// What a module's command has changed so far.
    pub undo: UndoLog,
    /// Values that were replaced or deleted and take long to free: dropped after the locks.
    pub garbage: Vec<Entry>,
    /// Databases that were emptied: dropped after the locks, too.
    pub flushed: Vec<(ShardId, Db)>,
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
        let db = self.locked.db(key, self.db).ok_or(CommandError::UndeclaredKey)?;
        match db.locate(key, self.now_ms) {
            Some(place) => {
                self.stats.keyspace_hits.add(1);
                Ok(Some(if self.no_touch { db.entry_at(place) } else { db.use_at(place, self.now_ms) }))
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

    /// Look a key up in order to tell something about it (its type, its time): counts a hit or a miss, but no access.
    pub fn inspect(&mut self, key: &Key<'_>) -> Result<Option<EntryRef<'_>>, CommandError> {
        let no_touch = std::mem::replace(&mut self.no_touch, true);
        let result = self.read(key).map(|entry| entry.is_some());
        self.no_touch = no_touch;
        if result? { self.peek(key) } else { Ok(None) }
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
        if self.undo.is_active() {
            self.undo.record_key(index, key, db, self.now_ms);
        }
        Ok(db)
    }

    /// The database of a key, to change fields of its hash. Below a module's command the old value of the field is kept
    /// instead of a copy of the whole hash if that is large. The hash must not become empty.
    pub fn write_field(&mut self, key: &Key<'_>, field: &[u8]) -> Result<&mut Db, CommandError> {
        if self.undo.is_active() && self.may_write {
            let hash = self.peek(key)?.and_then(EntryRef::hash);
            if let Some(hash) = hash.filter(|hash| hash.encoding() == Encoding::Hashtable) {
                let old = hash.get(field).map(StringRef::to_vec);
                self.undo.record_field(self.db, key, field, old);
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
        // Below a module's command this happens when it has succeeded.
        if !self.undo.is_active()
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

    /// Free a value after the locks if that may take long.
    pub fn drop_later(&mut self, entry: Entry) {
        if entry.as_ref().value_type() != ValueType::String {
            self.garbage.push(entry);
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
                self.effects.event(self.notify, Class::EXPIRED, "expired", index, key.bytes);
                shard.touch(index, &key);
                self.garbage.push(entry);
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
    pub fn undo_to(&mut self, mark: usize) {
        self.undo.undo_to(mark, &mut self.locked);
    }

    /// A module's command has succeeded: what it changed stands, and those who watch it are told.
    pub fn keep_changes(&mut self) {
        self.undo.keep(&mut self.locked);
    }
}
