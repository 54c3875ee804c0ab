//! The keys that a running command has locked, and the only way to them: here expiry, statistics, watched keys, events
//! and undo happen once and for every command. What the values themselves can do is in `keyspace`.

use crate::config::Config;
use crate::effects::notify::Class;
use crate::effects::{Effects, Gone};
use crate::keyspace::{
    BlockLimits, Cause, Collection, Db, Entry, EntryRef, Expire, Hash, Key, Locked, NodeLimit, Overwritten,
    PackedLimits, Place, Set, Shard, StringRef, Thresholds, Value, ValueType,
};
use crate::stats::Stats;

use super::error::CommandError;
use super::scratch::Scratch;
use super::undo::{Mark, Part};

/// What became of a key whose collection was changed.
pub struct Changed<R> {
    /// What the change answered.
    pub result: R,
    /// It was not there before, and is now.
    pub is_new: bool,
    /// It was there before, and nothing was left.
    pub is_gone: bool,
}

/// What a command may do to keys. A field of its own in the context, so that a value can be read while the reply is written.
pub struct Keys<'a> {
    /// The selected database.
    pub db: usize,
    /// Milliseconds since 1970, the same for the length of the command.
    pub now_ms: u64,
    /// Reads leave the access clock alone: CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// Clients are paused: reads do not see a dead key, and leave it where it is.
    pub keeps_dead: bool,
    /// It may write: always, unless it runs below a module's command that may not.
    pub may_write: bool,
    /// The classes of events that somebody may listen to.
    pub notify: Class,
    /// Keys that have expired are unlinked.
    pub lazy_expire: bool,
    /// Up to where collections stay compact.
    pub thresholds: &'a Thresholds,
    /// This worker's counters.
    pub stats: &'static Stats,
    /// What follows from the command.
    pub effects: &'a mut Effects,
    /// The shards that are locked.
    pub locked: &'a mut Locked<'static>,
    /// What it must undo, and what is freed after the locks.
    pub scratch: &'a mut Scratch,
}

/// Where a live key is.
#[inline]
fn locate(db: &mut Db, key: &Key<'_>, now_ms: u64, keeps_dead: bool) -> Option<Place> {
    if keeps_dead { db.locate_only(key, now_ms) } else { db.locate(key, now_ms) }
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
        match locate(db, key, self.now_ms, self.keeps_dead) {
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
        let db = self.locked.db(key, self.db).ok_or(CommandError::UndeclaredKey)?;
        Ok(locate(db, key, self.now_ms, self.keeps_dead).map(|place| db.entry_at(place)))
    }

    /// Whether a database has a key. If it was found expired there, that is told at once: the database may not be selected.
    pub fn peek_in(&mut self, index: usize, key: &Key<'_>) -> Result<bool, CommandError> {
        let db = self.locked.db(key, index).ok_or(CommandError::UndeclaredKey)?;
        let found = locate(db, key, self.now_ms, self.keeps_dead).is_some();
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

    /// The collection under a key, to be changed: counts nothing.
    pub fn peek_as<T: Collection>(&mut self, key: &Key<'_>) -> Result<Option<&T>, CommandError> {
        self.peek(key)?.map(|entry| T::of(entry).ok_or(CommandError::WrongType)).transpose()
    }

    /// The hash under a key, to be changed: counts nothing.
    pub fn peek_hash(&mut self, key: &Key<'_>) -> Result<Option<&Hash>, CommandError> {
        self.peek_as(key)
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

    /// The collection under a key, to be read.
    #[inline]
    pub fn read_as<T: Collection>(&mut self, key: &Key<'_>) -> Result<Option<&T>, CommandError> {
        self.read(key)?.map(|entry| T::of(entry).ok_or(CommandError::WrongType)).transpose()
    }

    /// The collection under a key that has been read already, beside others. Counts nothing.
    pub fn beside<T: Collection>(&self, key: &Key<'_>) -> Option<&T> {
        self.locked.peek(key, self.db, self.now_ms).and_then(T::of)
    }

    /// The hash under a key, to be read.
    #[inline]
    pub fn read_hash(&mut self, key: &Key<'_>) -> Result<Option<&Hash>, CommandError> {
        self.read_as(key)
    }

    /// Change the collection under a key, which is made if it is not there and goes if nothing is left of it. Nothing is told to
    /// anybody: call `modified` when something was changed, and record the events of a key that came or went.
    pub fn change<T: Collection, R>(
        &mut self,
        key: &Key<'_>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<Changed<R>, CommandError> {
        self.write(key)?;
        self.change_recorded(key, change)
    }

    /// The same for a key whose undo has been recorded, as `write_parts` does.
    pub fn change_recorded<T: Collection, R>(
        &mut self,
        key: &Key<'_>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<Changed<R>, CommandError> {
        let now_ms = self.now_ms;
        let db = self.db_of(key)?;
        let Some(mut entry) = db.get_mut(key, now_ms) else {
            let mut value = T::default();
            let result = change(&mut value);
            let is_new = !value.is_nothing();
            if is_new {
                db.set_value(key, value.into_value(), Expire::Clear, now_ms);
            }
            return Ok(Changed { result, is_new, is_gone: false });
        };
        let value = T::of_mut(&mut entry).ok_or(CommandError::WrongType)?;
        let result = change(value);
        let is_gone = value.is_nothing();
        drop(entry);
        if is_gone {
            db.remove(key, now_ms);
        }
        Ok(Changed { result, is_new: false, is_gone })
    }

    /// Store a collection in the place of whatever is there, or delete that if the collection is nothing. What was there is freed
    /// after the locks. The result is whether something was there.
    pub fn store<T: Collection>(&mut self, key: &Key<'_>, value: T) -> Result<bool, CommandError> {
        let value = (!value.is_nothing()).then(|| value.into_value());
        self.replace(key, value, Expire::Clear)
    }

    /// The same for what a command has made, and tell everybody.
    pub fn store_result<T: Collection>(
        &mut self,
        key: &Key<'_>,
        value: T,
        class: Class,
        event: &'static str,
    ) -> Result<(), CommandError> {
        let is_nothing = value.is_nothing();
        let was_there = self.store(key, value)?;
        if !is_nothing {
            self.made_or_modified(key, !was_there, class, event);
        } else if was_there {
            self.modified(key, Class::GENERIC, "del");
        }
        Ok(())
    }

    /// Put a value in the place of whatever is there, or delete that. What was there is freed after the locks, or goes into the undo
    /// log as it is, without a copy. The result is whether something was there.
    pub fn replace(
        &mut self,
        key: &Key<'_>,
        value: Option<Value>,
        expire: Expire,
    ) -> Result<bool, CommandError> {
        if !self.may_write {
            return Err(CommandError::ReadOnly);
        }
        let (index, now_ms) = (self.db, self.now_ms);
        let db = self.db_of(key)?;
        let old = match value {
            None => db.remove(key, now_ms),
            Some(value) => db.set_value(key, value, expire, now_ms),
        };
        let was_there = old.is_some();
        let undo = &mut self.scratch.undo;
        if undo.is_active() && !undo.has_key(index, key) {
            undo.record_entry(index, key, old);
        } else if let Some(old) = old {
            self.drop_later(old);
        }
        Ok(was_there)
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

    /// Record what undo needs before fields of the hash under a key are set or deleted. Below a module's command that is what they are now
    /// instead of a copy of the whole hash, if that is large; then it does not become empty.
    #[inline]
    pub fn write_fields<'f>(
        &mut self,
        key: &Key<'_>,
        fields: impl ExactSizeIterator<Item = &'f [u8]>,
    ) -> Result<(), CommandError> {
        self.write_parts(key, fields, Hash::len, Part::field)
    }

    /// The same for members of the set under a key.
    #[inline]
    pub fn write_members<'m>(
        &mut self,
        key: &Key<'_>,
        members: impl ExactSizeIterator<Item = &'m [u8]>,
    ) -> Result<(), CommandError> {
        self.write_parts(key, members, Set::len, Part::member)
    }

    /// The same for elements of any collection of which there are parts. What may go as a whole is recorded as a whole.
    #[inline]
    pub(super) fn write_parts<'e, T: Collection>(
        &mut self,
        key: &Key<'_>,
        elements: impl ExactSizeIterator<Item = &'e [u8]>,
        len: fn(&T) -> usize,
        part: fn(&T, &[u8]) -> Part,
    ) -> Result<(), CommandError> {
        if self.scratch.undo.is_active() && self.may_write {
            let (index, now_ms) = (self.db, self.now_ms);
            self.peek_as::<T>(key)?;
            let entry = self.locked.peek(key, index, now_ms);
            let large = entry.filter(|entry| entry.encoding().is_table()).and_then(T::of);
            if let Some(value) = large.filter(|value| len(value) > elements.len()) {
                for element in elements {
                    self.scratch.undo.record_part(index, key, part(value, element));
                }
                return Ok(());
            }
        }
        self.write(key).map(drop)
    }

    /// A key of the selected database was changed: count it, tell those who watch it, record the event.
    #[inline]
    pub fn modified(&mut self, key: &Key<'_>, class: Class, event: &'static str) {
        self.modified_in(self.db, key, class, event);
    }

    /// The same, with the event of a key that was made before it, if it was.
    #[inline]
    pub fn made_or_modified(&mut self, key: &Key<'_>, is_new: bool, class: Class, event: &'static str) {
        if is_new {
            self.event(key, Class::NEW, "new");
        }
        self.modified(key, class, event);
    }

    /// `modified` for a key of any database.
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
            shard.touch(index, key, Cause::Client, &mut self.effects.invalidations);
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

/// Where keys of the selected database go that were found expired.
pub struct Expired<'k> {
    index: usize,
    notify: Class,
    lazily: bool,
    stats: &'static Stats,
    /// What follows from it.
    pub effects: &'k mut Effects,
    garbage: &'k mut Vec<Entry>,
}

impl Expired<'_> {
    /// Keys of a locked shard that were found expired: raise their events, tell those who watch them, free them later.
    #[inline]
    pub fn collect(&mut self, shard: &mut Shard) {
        if shard.dbs().get(self.index).is_some_and(Db::has_expired) {
            self.collect_all(shard);
        }
    }

    #[cold]
    fn collect_all(&mut self, shard: &mut Shard) {
        for entry in shard.db(self.index).take_expired() {
            let key = Key::new(entry.as_ref().key());
            self.stats.expired_keys.add(1);
            self.effects.key_gone(self.notify, &Gone::expired(self.index, key.bytes, self.lazily));
            shard.touch(self.index, &key, Cause::Server, &mut self.effects.invalidations);
            self.garbage.push(entry);
        }
        for expired in shard.db(self.index).take_expired_fields() {
            self.effects.fields_gone(self.notify, self.index, &expired);
            let key = Key::new(&expired.key);
            shard.touch(self.index, &key, Cause::Server, &mut self.effects.invalidations);
            self.garbage.extend(expired.emptied);
        }
    }
}

/// What happens around and after a command.
impl Keys<'_> {
    /// Keys that were found expired: raise their events, tell those who watch them, free them later.
    #[inline]
    pub fn collect_expired(&mut self) {
        let (mut expired, locked) = self.expired();
        locked.shards_mut().for_each(|(_, shard)| expired.collect(shard));
    }

    /// What happens to keys that were found expired, beside the shards that are locked.
    #[inline]
    pub fn expired(&mut self) -> (Expired<'_>, &mut Locked<'static>) {
        let expired = Expired {
            index: self.db,
            notify: self.notify,
            lazily: self.lazy_expire,
            stats: self.stats,
            effects: self.effects,
            garbage: &mut self.scratch.garbage,
        };
        (expired, self.locked)
    }

    /// Look whether a key of any database has expired, and tell those who watch it if so.
    pub fn expire_if_due(&mut self, index: usize, key: &Key<'_>) {
        let now_ms = self.now_ms;
        if let Some(shard) = self.locked.shard(key)
            && (self.keeps_dead || shard.db(index).contains(key, now_ms))
        {
            return;
        }
        let home = std::mem::replace(&mut self.db, index);
        self.collect_expired();
        self.db = home;
    }

    /// Undo what was written since, newest first.
    pub fn undo_to(&mut self, mark: Mark) {
        self.scratch.undo.undo_to(mark, self.locked);
    }

    /// A module's command has succeeded: what it changed stands, and those who watch it are told.
    pub fn keep_changes(&mut self) {
        let Scratch { undo, garbage, flushed } = &mut *self.scratch;
        undo.keep(self.locked, garbage, flushed, &mut self.effects.invalidations);
    }
}

impl Config {
    /// Up to where collections stay compact.
    pub fn thresholds(&self) -> Thresholds {
        let packed = |entries, value| PackedLimits { entries, value };
        Thresholds {
            hash: packed(self.hash_max_listpack_entries, self.hash_max_listpack_value),
            set: packed(self.set_max_listpack_entries, self.set_max_listpack_value),
            intset_entries: self.set_max_intset_entries,
            zset: packed(self.zset_max_listpack_entries, self.zset_max_listpack_value),
            list_node: NodeLimit(self.list_max_listpack_size as i32),
            stream: BlockLimits { entries: self.stream_node_max_entries, bytes: self.stream_node_max_bytes },
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
