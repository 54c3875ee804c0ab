//! The `Host` of a running command: what a module's imports ask is answered from the command's context.
//! Keys must be among those that the command declared; writes are recorded so that they can be undone.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sandkey_runtime as rt;
use sandkey_runtime::{
    ArgvBuf, ClientInfo, ContextFlags, Error, Host, HostFault, HostResult, LogLevel, Mode, Refusal,
    ValueType, ValuesBuf,
};
use smallvec::SmallVec;

use crate::command::context::CommandContext;
use crate::command::error::CommandError;
use crate::command::lock_plan::for_each_key;
use crate::command::spec::access;
use crate::command::undo::Part;
use crate::effects::notify::Class;
use crate::keyspace::{self, Collection, Db, EditError, Expire, Hash, Key, Revision, StringRef};
use crate::limits;
use crate::net::argv::Argv;

use super::LoadedModule;
use super::call;
use super::object_host::ObjectUse;
use super::objects::Objects;

/// Answers the imports of one command.
pub(super) struct ModuleHost<'h, 'c, 'a> {
    pub(super) ctx: &'h mut CommandContext<'c>,
    pub(super) module: &'a LoadedModule,
    /// The command's position in the manifest.
    pub(super) index: usize,
    spec: &'a rt::Command,
    /// The keys that the command declared, in its arguments.
    declared: SmallVec<[&'a [u8]; 4]>,
    /// The same to be looked up in, made when there are many and one is asked for.
    declared_set: OnceCell<HashSet<&'a [u8]>>,
    pub(super) handles: SmallVec<[Handle<'a>; 4]>,
    /// The objects that the instance has.
    pub(super) objects: &'h mut Objects,
    /// What the command does with them.
    pub(super) used: ObjectUse,
    seed: Option<u64>,
    rng: Option<SmallRng>,
    /// Where a value that is not stored as bytes is written, to be lent from.
    digits: itoa::Buffer,
}

/// An open key.
pub(super) struct Handle<'a> {
    name: Cow<'a, [u8]>,
    hash: u64,
    slot: u16,
    mode: Mode,
}

impl<'h, 'c, 'a> ModuleHost<'h, 'c, 'a> {
    pub(super) fn new(
        ctx: &'h mut CommandContext<'c>,
        module: &'a LoadedModule,
        index: usize,
        argv: Argv<'a>,
        objects: &'h mut Objects,
    ) -> Self {
        let mut declared = SmallVec::new();
        for_each_key(&module.key_specs[index], argv, |_, key| declared.push(key));
        let spec = &module.manifest.commands[index];
        Self {
            ctx,
            module,
            index,
            spec,
            declared,
            declared_set: OnceCell::new(),
            handles: SmallVec::new(),
            objects,
            used: ObjectUse::default(),
            seed: None,
            rng: None,
            digits: itoa::Buffer::new(),
        }
    }

    /// The key of this name in the command's arguments.
    fn declared(&self, name: &[u8]) -> Option<&'a [u8]> {
        if self.declared.len() <= limits::DECLARED_LOOKED_THROUGH {
            return self.declared.iter().find(|declared| **declared == name).copied();
        }
        self.declared_set.get_or_init(|| self.declared.iter().copied().collect()).get(name).copied()
    }

    /// Whether the command may touch this key.
    pub(super) fn declares(&self, name: &[u8]) -> bool {
        self.spec.flags.all_keys || self.declared(name).is_some()
    }

    /// Whether the module may call this command.
    pub(super) fn may_call(&self, name: &str) -> bool {
        let container = name.split('|').next().unwrap_or(name);
        self.module.manifest.calls.iter().any(|allowed| allowed == name || allowed == container)
    }

    /// Whether the command may touch any key.
    pub(super) fn is_all_keys(&self) -> bool {
        self.spec.flags.all_keys
    }

    /// What the command's random numbers begin with.
    pub(super) fn seed(&self) -> u64 {
        self.seed.unwrap_or_default()
    }

    /// What it runs under.
    pub(super) fn revision(&self) -> Revision {
        let parameters = self.module.config_revision.load(Relaxed);
        Revision { module: self.module.id, parameters }
    }

    fn key(&self, handle: u32) -> Result<(Key<'_>, Mode), HostFault> {
        key_of(&self.handles, handle)
    }

    /// The database, to read a key.
    pub(super) fn read(
        &mut self,
        handle: u32,
    ) -> Result<(Option<keyspace::EntryRef<'_>>, &mut itoa::Buffer), HostFault> {
        let (key, _) = key_of(&self.handles, handle)?;
        let entry = self.ctx.keys.read(&key).map_err(undeclared)?;
        Ok((entry, &mut self.digits))
    }

    /// A key that is not among the arguments, for a command that may have such: nobody has asked yet whether the client may use it.
    fn undeclared_key(&mut self, name: &[u8], mode: Mode) -> HostResult<Cow<'a, [u8]>> {
        let flags = self.spec.flags;
        if !flags.all_keys && !flags.finds_keys {
            return Err(Error::UndeclaredKey.into());
        }
        let access = if mode == Mode::Write { access::MODIFY } else { access::READ };
        self.ctx.may_open(name, access).map_err(refusal)?;
        if !flags.all_keys && !self.find_key(name) {
            return Err(Error::UndeclaredKey.into());
        }
        Ok(Cow::Owned(name.to_vec()))
    }

    /// The string under a key.
    fn string(&mut self, handle: u32) -> HostResult<(Option<StringRef<'_>>, &mut itoa::Buffer)> {
        let (entry, digits) = self.read(handle)?;
        match entry {
            None => Ok((None, digits)),
            Some(entry) => Ok((Some(entry.string().ok_or(Error::WrongType)?), digits)),
        }
    }

    /// The collection under a key.
    pub(super) fn read_as<T: Collection>(&mut self, handle: u32) -> HostResult<Option<&T>> {
        let (entry, _) = self.read(handle)?;
        Ok(entry.map(|entry| T::of(entry).ok_or(Error::WrongType)).transpose()?)
    }

    /// Change a key as a whole: it is copied first, so that this can be undone.
    fn change<R>(
        &mut self,
        handle: u32,
        change: impl FnOnce(&mut Db, &Key<'_>, u64) -> Result<R, EditError>,
        class: Class,
        event: &'static str,
    ) -> HostResult<R> {
        let key = key_to_write(&self.handles, handle)?;
        let keys = &mut self.ctx.keys;
        let now_ms = keys.now_ms;
        let is_new = keys.is_heard_as_new(&key).map_err(undeclared)?;
        let db = keys.write(&key).map_err(refusal)?;
        let result = change(db, &key, now_ms).map_err(edit_error)?;
        keys.made_or_modified(&key, is_new, class, event);
        Ok(result)
    }

    /// Store a string, whatever is there.
    fn store(&mut self, handle: u32, value: &[u8], expire: Expire) -> HostResult<()> {
        let key = key_to_write(&self.handles, handle)?;
        let was_there = self.ctx.keys.set_string(&key, value, expire).map_err(refusal)?;
        self.ctx.keys.made_or_modified(&key, !was_there, Class::STRING, "set");
        let args: [&[u8]; 4] = [b"SET", key.bytes, value, b"KEEPTTL"];
        self.ctx.keys.propagate(if matches!(expire, Expire::Keep) { &args } else { &args[..3] });
        Ok(())
    }

    /// Repeat a change of a key with this command.
    pub(super) fn propagate(&mut self, handle: u32, name: &[u8], args: &[&[u8]]) -> HostResult<()> {
        let keys = &self.ctx.keys;
        if keys.scratch.undo.part_bytes() + keys.effects.propagation.bytes() > limits::CHANGES_BYTES_MAX {
            return Err(HostFault::Other("it changes more than one command may".into()).into());
        }
        if self.ctx.keys.propagates() {
            let (key, _) = key_of(&self.handles, handle)?;
            let args: SmallVec<[&[u8]; 8]> =
                [name, key.bytes].into_iter().chain(args.iter().copied()).collect();
            self.ctx.keys.propagate(&args);
        }
        Ok(())
    }

    fn check_len(&self, len: u64) -> HostResult<()> {
        if len > self.ctx.config.proto_max_bulk_len as u64 { Err(Error::TooLong.into()) } else { Ok(()) }
    }

    /// Change one field of a hash. The old value is recorded, not the whole hash.
    fn set_field(&mut self, handle: u32, field: &[u8], value: &[u8]) -> HostResult<bool> {
        let key = key_to_write(&self.handles, handle)?;
        let keys = &mut self.ctx.keys;
        let (index, now_ms, limits) = (keys.db, keys.now_ms, keys.thresholds.hash);
        let old = match keys.peek(&key).map_err(undeclared)? {
            None => None,
            Some(entry) => {
                let hash = entry.hash().ok_or(Error::WrongType)?;
                Some(Part::field(hash, field))
            }
        };
        let Some(old) = old else {
            let mut hash = Hash::new();
            hash.set(field, value, limits);
            let db = keys.write(&key).map_err(refusal)?;
            db.set_value(&key, keyspace::Value::Hash(Box::new(hash)), Expire::Clear, now_ms);
            keys.made_or_modified(&key, true, Class::HASH, "hset");
            return Ok(true);
        };
        if !keys.may_write {
            return Err(Error::ReadOnly.into());
        }
        keys.scratch.undo.record_part(index, &key, old);
        let new = {
            let mut entry = keys.db_of(&key).map_err(undeclared)?.get_mut(&key, now_ms);
            let hash = entry.as_mut().and_then(|entry| entry.hash());
            hash.is_some_and(|hash| hash.set(field, value, limits))
        };
        keys.modified(&key, Class::HASH, "hset");
        Ok(new)
    }
}

/// The key behind a handle. A function of the handles alone, so that the context stays free to be borrowed.
pub(super) fn key_of<'s>(handles: &'s [Handle<'_>], handle: u32) -> Result<(Key<'s>, Mode), HostFault> {
    let open = handles.get(handle as usize).ok_or(HostFault::BadHandle(handle))?;
    Ok((Key { bytes: &open.name, hash: open.hash, slot: open.slot }, open.mode))
}

/// The same for a key that is to be changed.
pub(super) fn key_to_write<'s>(handles: &'s [Handle<'_>], handle: u32) -> HostResult<Key<'s>> {
    let (key, mode) = key_of(handles, handle)?;
    writable(mode)?;
    Ok(key)
}

pub(super) fn writable(mode: Mode) -> HostResult<()> {
    match mode {
        Mode::Read => Err(Error::ReadOnly.into()),
        Mode::Write => Ok(()),
    }
}

/// Opening a key has made sure that its shard is locked.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn undeclared(error: CommandError) -> HostFault {
    HostFault::Other(format!("a key that was opened is not locked: {error}"))
}

pub(super) fn refusal(error: CommandError) -> Refusal {
    to_error(error).into()
}

/// An error of a native command, as a module sees it.
pub(super) fn to_error(error: CommandError) -> Error {
    match error {
        CommandError::WrongType => Error::WrongType,
        CommandError::Syntax => Error::Syntax,
        CommandError::NotInteger => Error::NotAnInteger,
        CommandError::NotFloat => Error::NotAFloat,
        CommandError::Overflow => Error::Overflow,
        CommandError::TooLong => Error::TooLong,
        CommandError::OutOfMemory => Error::OutOfMemory,
        CommandError::UndeclaredKey => Error::UndeclaredKey,
        CommandError::ReadOnly => Error::ReadOnly,
        other => Error::other(&other.to_string()),
    }
}

fn edit_error(error: EditError) -> Refusal {
    match error {
        EditError::WrongType => Error::WrongType,
        EditError::NotInteger => Error::NotAnInteger,
        EditError::Overflow => Error::Overflow,
    }
    .into()
}

/// The part of `len` bytes that GETRANGE means by `start` and `end`.
fn range(len: usize, start: i64, end: i64) -> std::ops::Range<usize> {
    let len = len as i64;
    let from_end = |index: i64| if index < 0 { (len + index).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end || len == 0 { 0..0 } else { start as usize..end as usize + 1 }
}

impl Host for ModuleHost<'_, '_, '_> {
    fn client(&mut self) -> ClientInfo<'_> {
        self.is_personal();
        let client = &self.ctx.session.client;
        ClientInfo {
            id: client.id,
            name: Cow::Owned(client.names.lock().name.clone()),
            address: Cow::Borrowed(&client.addr),
            resp: self.ctx.session.protocol.version() as u8,
        }
    }

    fn user(&mut self) -> Cow<'_, str> {
        self.is_personal();
        Cow::Owned(String::from_utf8_lossy(self.ctx.session.user().name()).into_owned())
    }

    fn db(&mut self) -> u32 {
        self.uses_outside();
        self.ctx.keys.db as u32
    }

    fn flags(&mut self) -> ContextFlags {
        self.is_personal();
        let config = self.ctx.config;
        ContextFlags {
            in_multi: self.ctx.in_transaction,
            replaying: self.ctx.session.is_loader,
            out_of_memory: config.maxmemory != 0 && self.ctx.server.memory.used() as u64 > config.maxmemory,
            called: self.ctx.keys.scratch.undo.depth() > 1,
        }
    }

    fn now_us(&mut self) -> u64 {
        self.ctx.now_us
    }

    fn random(&mut self) -> u64 {
        let given = self.ctx.seed;
        let seed = *self.seed.get_or_insert_with(|| given.unwrap_or_else(rand::random));
        self.rng.get_or_insert_with(|| SmallRng::seed_from_u64(seed)).next_u64()
    }

    fn log(&mut self, level: LogLevel, line: &str) {
        self.module.log(level, line);
    }

    fn open(&mut self, name: &[u8], mode: Mode) -> HostResult<u32> {
        if mode == Mode::Write && !self.ctx.keys.may_write {
            return Err(Error::ReadOnly.into());
        }
        if self.handles.len() == limits::OPEN_KEYS {
            return Err(HostFault::TooManyHandles.into());
        }
        let name = match self.declared(name) {
            Some(declared) => Cow::Borrowed(declared),
            None => self.undeclared_key(name, mode)?,
        };
        if self.handles.first().is_some_and(|first| first.name != name) {
            self.uses_outside();
        }
        let key = self.ctx.key_of(&name);
        let (hash, slot) = (key.hash, key.slot);
        self.handles.push(Handle { name, hash, slot, mode });
        Ok(self.handles.len() as u32 - 1)
    }

    fn type_of(&mut self, key: u32) -> Result<ValueType, HostFault> {
        let (key, _) = key_of(&self.handles, key)?;
        let found = self.ctx.keys.type_of(&key).map_err(undeclared)?;
        Ok(match found {
            None => ValueType::None,
            Some(keyspace::ValueType::String) => ValueType::String,
            Some(keyspace::ValueType::List) => ValueType::List,
            Some(keyspace::ValueType::Set) => ValueType::Set,
            Some(keyspace::ValueType::Zset) => ValueType::Zset,
            Some(keyspace::ValueType::Hash) => ValueType::Hash,
            Some(keyspace::ValueType::Stream) => ValueType::Stream,
            Some(keyspace::ValueType::Module) => ValueType::Module,
        })
    }

    fn exists(&mut self, key: u32) -> Result<bool, HostFault> {
        let (key, _) = key_of(&self.handles, key)?;
        Ok(self.ctx.keys.peek(&key).map_err(undeclared)?.is_some())
    }

    fn delete(&mut self, key: u32) -> HostResult<bool> {
        self.uses_outside();
        let key = key_to_write(&self.handles, key)?;
        let now_ms = self.ctx.keys.now_ms;
        let Some(old) = self.ctx.keys.write(&key).map_err(refusal)?.remove(&key, now_ms) else {
            return Ok(false);
        };
        self.ctx.keys.drop_later(old);
        self.ctx.keys.modified(&key, Class::GENERIC, "del");
        self.ctx.keys.propagate(&[b"DEL", key.bytes]);
        Ok(true)
    }

    fn expires_at_ms(&mut self, key: u32) -> Result<Option<u64>, HostFault> {
        self.uses_outside();
        let (key, _) = key_of(&self.handles, key)?;
        Ok(self.ctx.keys.peek(&key).map_err(undeclared)?.and_then(keyspace::EntryRef::expire_at))
    }

    fn expire_at_ms(&mut self, key: u32, when: Option<u64>) -> HostResult<bool> {
        self.uses_outside();
        let handle = key;
        if !self.exists(handle)? {
            let (_, mode) = self.key(handle)?;
            writable(mode)?;
            return Ok(false);
        }
        let now_ms = self.ctx.keys.now_ms;
        let event = match when {
            Some(at) if at <= now_ms => return self.delete(handle),
            Some(_) => "expire",
            None => "persist",
        };
        let set = |db: &mut Db, key: &Key<'_>, now| Ok(db.set_expire(key, when, now));
        let changed = self.change(handle, set, Class::GENERIC, event)?;
        match when {
            Some(at) => {
                self.propagate(handle, b"PEXPIREAT", &[itoa::Buffer::new().format(at).as_bytes()])?;
            }
            None => self.propagate(handle, b"PERSIST", &[])?,
        }
        Ok(changed)
    }

    fn scan(
        &mut self,
        cursor: u64,
        pattern: Option<&[u8]>,
        count: u32,
        keys: &mut ArgvBuf,
    ) -> HostResult<u64> {
        if !self.spec.flags.all_keys {
            return Err(Error::UndeclaredKey.into());
        }
        self.uses_outside();
        Ok(call::scan(self.ctx, cursor, pattern, count, keys))
    }

    fn string_get(&mut self, key: u32) -> HostResult<Option<&[u8]>> {
        let (value, digits) = self.string(key)?;
        Ok(value.map(|value| value.bytes(digits)))
    }

    fn string_get_range(&mut self, key: u32, start: i64, end: i64) -> HostResult<&[u8]> {
        let (value, digits) = self.string(key)?;
        let Some(value) = value else { return Ok(&[]) };
        let bytes = value.bytes(digits);
        Ok(&bytes[range(bytes.len(), start, end)])
    }

    fn string_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.string(key)?.0.map_or(0, |value| value.len() as u64))
    }

    fn string_set(&mut self, key: u32, value: &[u8]) -> HostResult<()> {
        self.check_len(value.len() as u64)?;
        self.store(key, value, Expire::Clear)
    }

    fn string_replace(&mut self, key: u32, value: &[u8]) -> HostResult<()> {
        self.check_len(value.len() as u64)?;
        self.string(key)?;
        self.store(key, value, Expire::Keep)
    }

    fn string_append(&mut self, key: u32, value: &[u8]) -> HostResult<u64> {
        let old = self.string(key)?.0.map_or(0, StringRef::len);
        self.check_len((old + value.len()) as u64)?;
        let append = |db: &mut Db, key: &Key<'_>, now| db.append(key, value, now);
        let len = self.change(key, append, Class::STRING, "append")?;
        self.propagate(key, b"APPEND", &[value])?;
        Ok(len as u64)
    }

    fn string_set_range(&mut self, key: u32, offset: u64, value: &[u8]) -> HostResult<u64> {
        let len = self.string(key)?.0.map_or(0, StringRef::len);
        if value.is_empty() {
            let (_, mode) = self.key(key)?;
            writable(mode)?;
            return Ok(len as u64);
        }
        self.check_len(offset.saturating_add(value.len() as u64))?;
        let set = |db: &mut Db, key: &Key<'_>, now| db.set_range(key, offset as usize, value, now);
        let len = self.change(key, set, Class::STRING, "setrange")?;
        self.propagate(key, b"SETRANGE", &[itoa::Buffer::new().format(offset).as_bytes(), value])?;
        Ok(len as u64)
    }

    fn string_incr_by(&mut self, key: u32, by: i64) -> HostResult<i64> {
        let sum = self.change(key, |db, key, now| db.incr_by(key, by, now), Class::STRING, "incrby")?;
        self.propagate(key, b"INCRBY", &[itoa::Buffer::new().format(by).as_bytes()])?;
        Ok(sum)
    }

    fn hash_get(&mut self, key: u32, field: &[u8]) -> HostResult<Option<&[u8]>> {
        let (entry, digits) = self.read(key)?;
        let Some(entry) = entry else { return Ok(None) };
        let hash = entry.hash().ok_or(Error::WrongType)?;
        Ok(hash.get(field).map(|value| value.bytes(digits)))
    }

    fn hash_get_many(&mut self, key: u32, fields: rt::Argv<'_>, values: &mut ValuesBuf) -> HostResult<()> {
        let hash = self.read_as::<Hash>(key)?;
        let mut digits = itoa::Buffer::new();
        for field in fields.iter() {
            let value = hash.and_then(|hash| hash.get(field));
            values.push(value.map(|value| value.bytes(&mut digits)));
            // The same large value can be asked for any number of times.
            if values.overflowed() {
                break;
            }
        }
        Ok(())
    }

    fn hash_get_all(&mut self, key: u32, pairs: &mut ArgvBuf) -> HostResult<()> {
        // The order of a table is another one in the next process.
        self.is_personal();
        let mut digits = itoa::Buffer::new();
        for (field, value) in self.read_as::<Hash>(key)?.into_iter().flat_map(Hash::iter) {
            pairs.push(field);
            pairs.push(value.bytes(&mut digits));
        }
        Ok(())
    }

    fn hash_set(&mut self, key: u32, field: &[u8], value: &[u8]) -> HostResult<bool> {
        let new = self.set_field(key, field, value)?;
        self.propagate(key, b"HSET", &[field, value])?;
        Ok(new)
    }

    fn hash_set_many(&mut self, key: u32, pairs: rt::Argv<'_>) -> HostResult<u32> {
        let mut new = 0;
        let mut strings = pairs.iter();
        while let (Some(field), Some(value)) = (strings.next(), strings.next()) {
            // A refusal comes with the first field or not at all.
            new += u32::from(self.set_field(key, field, value)?);
        }
        if !pairs.is_empty() && self.ctx.keys.propagates() {
            let whole = pairs.iter().len() / 2 * 2;
            let strings: Vec<&[u8]> = pairs.iter().take(whole).collect();
            self.propagate(key, b"HSET", &strings)?;
        }
        Ok(new)
    }

    fn hash_delete(&mut self, key: u32, fields: rt::Argv<'_>) -> HostResult<u32> {
        let handle = key;
        let (_, mode) = self.key(handle)?;
        writable(mode)?;
        let mut deleted = 0;
        for field in fields.iter() {
            if self.delete_field(handle, field)? {
                deleted += 1;
                self.propagate(handle, b"HDEL", &[field])?;
            }
        }
        Ok(deleted)
    }

    fn hash_exists(&mut self, key: u32, field: &[u8]) -> HostResult<bool> {
        Ok(self.read_as::<Hash>(key)?.is_some_and(|hash| hash.exists(field)))
    }

    fn hash_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.read_as::<Hash>(key)?.map_or(0, |hash| hash.len() as u64))
    }

    fn hash_incr_by(&mut self, key: u32, field: &[u8], by: i64) -> HostResult<i64> {
        let value = self.read_as::<Hash>(key)?.and_then(|hash| hash.get(field));
        let old = match value {
            None => 0,
            Some(value) => value.int().ok_or(Error::HashValueNotAnInteger)?,
        };
        let sum = old.checked_add(by).ok_or(Error::Overflow)?;
        let mut digits = itoa::Buffer::new();
        self.set_field(key, field, digits.format(sum).as_bytes())?;
        self.propagate(key, b"HINCRBY", &[field, itoa::Buffer::new().format(by).as_bytes()])?;
        Ok(sum)
    }

    fn hash_scan(&mut self, key: u32, cursor: u64, count: u32, pairs: &mut ArgvBuf) -> HostResult<u64> {
        self.is_personal();
        let Some(hash) = self.read_as::<Hash>(key)? else { return Ok(0) };
        let mut digits = itoa::Buffer::new();
        Ok(hash.scan(cursor, count as usize, |field, value| {
            pairs.push(field);
            pairs.push(value.bytes(&mut digits));
        }))
    }

    fn object_get(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>> {
        Ok(self.object(key, data_type)?.map(|object| object.number))
    }

    fn object_edit(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>> {
        Ok(self.edit_object(key, data_type)?.map(|object| object.number))
    }

    fn object_journal(&mut self, key: u32, command: rt::Argv<'_>) -> HostResult<()> {
        self.note_change(key, command)
    }

    fn object_set(&mut self, key: u32, data_type: u32, object: u32) -> HostResult<()> {
        self.set_object(key, data_type, object)
    }

    fn object_type_name(&mut self, key: u32) -> Result<Option<Cow<'_, str>>, HostFault> {
        self.type_name_of(key)
    }

    fn object_scan(
        &mut self,
        data_type: u32,
        cursor: u64,
        count: u32,
        keys: &mut ArgvBuf,
    ) -> HostResult<u64> {
        self.scan_objects(data_type, cursor, count, keys)
    }

    fn call(&mut self, args: rt::Argv<'_>) -> HostResult<rt::Reply> {
        self.is_personal();
        call::run(self, args)
    }
}

impl ModuleHost<'_, '_, '_> {
    fn delete_field(&mut self, handle: u32, field: &[u8]) -> HostResult<bool> {
        let (key, _) = key_of(&self.handles, handle)?;
        let keys = &mut self.ctx.keys;
        let (index, now_ms) = (keys.db, keys.now_ms);
        let Some(entry) = keys.peek(&key).map_err(undeclared)? else { return Ok(false) };
        let hash = entry.hash().ok_or(Error::WrongType)?;
        if !hash.exists(field) {
            return Ok(false);
        }
        let old = Part::field(hash, field);
        if hash.len() == 1 {
            // With its last field the hash goes.
            let removed = keys.write(&key).map_err(refusal)?.remove(&key, now_ms);
            keys.modified(&key, Class::HASH, "hdel");
            keys.event(&key, Class::GENERIC, "del");
            removed.into_iter().for_each(|entry| keys.drop_later(entry));
            return Ok(true);
        }
        if !keys.may_write {
            return Err(Error::ReadOnly.into());
        }
        keys.scratch.undo.record_part(index, &key, old);
        {
            let mut entry = keys.db_of(&key).map_err(undeclared)?.get_mut(&key, now_ms);
            if let Some(hash) = entry.as_mut().and_then(|entry| entry.hash()) {
                hash.del(field);
            }
        }
        keys.modified(&key, Class::HASH, "hdel");
        Ok(true)
    }
}
