//! What a running command can reach: the client's session, the locked keys, the clock, the reply, the effects.
//! All access to keys goes through here, so that expiry, statistics, watched keys, events and undo happen
//! once and for every command. What the values themselves can do is in `keyspace`.

use rand::Rng;

use crate::config::Config;
use crate::effects::Effects;
use crate::effects::notify::Class;
use crate::keyspace::{Db, Entry, EntryRef, Hash, HashLimits, Key, Locked, StringRef, ValueType};
use crate::module::InstanceGuards;
use crate::net::reply::ReplyWriter;
use crate::net::argv::Argv;
use crate::server::Server;
use crate::stats::Stats;
use crate::tenant::Tenant;

use super::error::CommandError;
use super::session::Session;
use super::undo::UndoLog;

/// One command's surroundings.
pub struct CommandContext<'a> {
    /// The whole server.
    pub server: &'static Server,
    /// Where the keys, commands, modules and subscriptions belong.
    pub tenant: &'static Tenant,
    /// The configuration, the same for the length of the command.
    pub config: &'a Config,
    /// The number of the worker that runs it.
    pub worker: usize,
    /// The client.
    pub session: &'a mut Session,
    /// Where the reply goes.
    pub reply: &'a mut ReplyWriter,
    /// What follows from the command.
    pub effects: &'a mut Effects,
    /// Microseconds since 1970, the same for the length of the command.
    pub now_us: u64,
    /// The command that runs.
    pub command_id: u32,
    /// It runs in EXEC.
    pub in_transaction: bool,
    /// It may write: always, unless it runs below a module's command that may not.
    pub may_write: bool,
    /// The instances that it has locked.
    pub instances: InstanceGuards<'a>,
    /// The keys that it has locked.
    pub keyspace: Locked<'a>,
    /// What a module's command has changed so far.
    pub undo: UndoLog,
    /// Values that were replaced or deleted and take long to free: dropped after the locks.
    pub garbage: Vec<Entry>,
}

/// Reading and writing keys.
impl CommandContext<'_> {
    /// Milliseconds since 1970.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// This worker's counters.
    #[inline]
    pub fn stats(&self) -> &'static Stats {
        self.server.stats.of(self.worker)
    }

    /// The key at a position of the arguments, which arity has checked.
    #[inline]
    pub fn key_at<'k>(&self, argv: Argv<'k>, position: usize) -> Key<'k> {
        Key::new(argv.get(position).unwrap_or_default())
    }

    /// The selected database, as far as it lies in the key's shard.
    #[inline]
    pub fn db(&mut self, key: &Key<'_>) -> Result<&mut Db, CommandError> {
        self.keyspace.db(key, self.session.db).ok_or(CommandError::UndeclaredKey)
    }

    /// Look a key up in order to read its value: counts a hit or a miss, and an access.
    #[inline]
    pub fn read(&mut self, key: &Key<'_>) -> Result<Option<EntryRef<'_>>, CommandError> {
        let (stats, index, now_ms) = (self.stats(), self.session.db, self.now_ms());
        let db = self.keyspace.db(key, index).ok_or(CommandError::UndeclaredKey)?;
        match db.locate(key, now_ms) {
            Some(place) => {
                stats.keyspace_hits.add(1);
                Ok(Some(if self.session.no_touch { db.entry_at(place) } else { db.use_at(place, now_ms) }))
            }
            None => {
                stats.keyspace_misses.add(1);
                self.effects.event(self.config.notify_keyspace_events, Class::KEY_MISS, "keymiss", index, key.bytes);
                Ok(None)
            }
        }
    }

    /// Look a key up without counting anything: for TYPE, TTL, OBJECT and their like.
    #[inline]
    pub fn peek(&mut self, key: &Key<'_>) -> Result<Option<EntryRef<'_>>, CommandError> {
        let now_ms = self.now_ms();
        let db = self.db(key)?;
        Ok(db.locate(key, now_ms).map(|place| db.entry_at(place)))
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
        self.write_in(self.session.db, key)
    }

    /// The same for a key of any database.
    #[inline]
    pub fn write_in(&mut self, index: usize, key: &Key<'_>) -> Result<&mut Db, CommandError> {
        if !self.may_write {
            return Err(CommandError::ReadOnly);
        }
        let now_ms = self.now_ms();
        let db = self.keyspace.db(key, index).ok_or(CommandError::UndeclaredKey)?;
        if self.undo.is_active() {
            self.undo.record_key(index, key, db, now_ms);
        }
        Ok(db)
    }

    /// A key of the selected database was changed: count it, tell those who watch it, record the event.
    #[inline]
    pub fn modified(&mut self, key: &Key<'_>, class: Class, event: &'static str) {
        self.modified_in(self.session.db, key, class, event);
    }

    /// The same for a key of any database.
    #[inline]
    pub fn modified_in(&mut self, index: usize, key: &Key<'_>, class: Class, event: &'static str) {
        self.effects.dirty += 1;
        self.effects.event(self.config.notify_keyspace_events, class, event, index, key.bytes);
        // Below a module's command this happens when it has succeeded.
        if !self.undo.is_active()
            && let Some(shard) = self.keyspace.shard(key)
        {
            shard.touch(index, key);
        }
    }

    /// Record an event for a key that `modified` has counted already, or that did not change.
    pub fn event(&mut self, key: &Key<'_>, class: Class, event: &'static str) {
        self.effects.event(self.config.notify_keyspace_events, class, event, self.session.db, key.bytes);
    }

    /// Free a value after the locks if that may take long.
    pub fn drop_later(&mut self, entry: Entry) {
        if entry.as_ref().value_type() != ValueType::String {
            self.garbage.push(entry);
        }
    }

    /// The thresholds between the two forms of a hash.
    pub fn hash_limits(&self) -> HashLimits {
        HashLimits {
            entries: self.config.hash_max_listpack_entries,
            value: self.config.hash_max_listpack_value,
        }
    }

    /// Random numbers for RANDOMKEY, HRANDFIELD and their like.
    pub fn rng(&self) -> impl Rng + use<> {
        rand::rng()
    }

    /// The arity error of the command that runs.
    pub fn wrong_arity(&self) -> CommandError {
        let table = self.tenant.commands();
        let name = table.iter_all().find(|command| command.id == self.command_id).map(|command| command.name.clone());
        CommandError::WrongArity(name.unwrap_or_default())
    }
}

/// What happens after a command.
impl CommandContext<'_> {
    /// Keys that were found expired: raise their events, tell those who watch them, free them later.
    #[inline]
    pub fn collect_expired(&mut self) {
        let (mask, index) = (self.config.notify_keyspace_events, self.session.db);
        for (_, shard) in self.keyspace.shards_mut() {
            if shard.dbs().get(index).is_none_or(|db| !db.has_expired()) {
                continue;
            }
            for entry in shard.db(index).take_expired() {
                let key = Key::new(entry.as_ref().key());
                self.server.stats.of(self.worker).expired_keys.add(1);
                self.effects.event(mask, Class::EXPIRED, "expired", index, key.bytes);
                shard.touch(index, &key);
                self.garbage.push(entry);
            }
        }
    }

    /// Look whether a key of any database has expired, and tell those who watch it if so.
    pub fn expire_if_due(&mut self, index: usize, key: &Key<'_>) {
        let now_ms = self.now_ms();
        if let Some(shard) = self.keyspace.shard(key)
            && shard.db(index).contains(key, now_ms)
        {
            return;
        }
        let home = std::mem::replace(&mut self.session.db, index);
        self.collect_expired();
        self.session.db = home;
    }

    /// Undo what was written since, newest first.
    pub fn undo_to(&mut self, mark: usize) {
        self.undo.undo_to(mark, &mut self.keyspace);
    }

    /// A module's command has succeeded: what it changed stands, and those who watch it are told.
    pub fn keep_changes(&mut self) {
        self.undo.keep(&mut self.keyspace);
    }
}
