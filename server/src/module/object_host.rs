//! `objects`: a module's values under keys, as its running command sees and changes them.
//!
//! Nothing is saved or journaled here: the command may yet fail. What it edits is noted, and `commit` does the rest when it has
//! succeeded. An object that is not in memory, and a key whose shard is not locked, are noted too: then the command is
//! undone and runs again with them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sandkey_runtime::{Argv, ArgvBuf, Command, Error, HostFault, HostResult};
use smallvec::SmallVec;

use crate::effects::notify::Class;
use crate::keyspace::{EntryRef, Expire, Key, ModuleValue, TypeId, Value};
use crate::limits;

use super::host::{Handle, ModuleHost, key_of, refusal, undeclared, writable};
use super::objects::Object;

/// An object that a command changes.
pub(super) struct Edit {
    /// The open key.
    pub handle: u32,
    /// The object.
    pub object: Object,
    /// It was put there by this command.
    pub new: bool,
    /// What the module says has changed it: a command, packed.
    pub journal: Option<ArgvBuf>,
}

/// What a command has done with objects so far.
#[derive(Default)]
pub(super) struct ObjectUse {
    /// The objects that it changes, by key.
    pub edits: SmallVec<[Edit; 1]>,
    /// The same to be found quickly, once there are too many to look through.
    found: Found,
    /// Keys whose objects it asked for and that are not in memory.
    pub missing: Vec<Box<[u8]>>,
    /// Keys that it wants and that are not locked.
    pub unlocked: Vec<Box<[u8]>>,
    /// It used more than one key, or anything of the server but time and random numbers: running it again on one value alone
    /// would not do the same.
    pub outside: bool,
    /// It asked who runs it and how, or ran other commands: running it again elsewhere might not do the same at all.
    pub personal: bool,
}

/// Edits by what they are asked for.
#[derive(Default)]
struct Found {
    objects: HashSet<Object>,
    names: HashMap<Box<[u8]>, usize>,
}

impl ObjectUse {
    /// Note that an object is changed.
    fn add(&mut self, handles: &[Handle<'_>], edit: Edit) {
        self.edits.push(edit);
        let len = self.edits.len();
        if len <= limits::EDITS_LOOKED_THROUGH {
            return;
        }
        let first = if self.found.names.is_empty() { 0 } else { len - 1 };
        for (at, edit) in self.edits.iter().enumerate().skip(first) {
            self.found.objects.insert(edit.object);
            if let Ok((key, _)) = key_of(handles, edit.handle) {
                self.found.names.entry(key.bytes.into()).or_insert(at);
            }
        }
    }

    /// Whether an object is being changed.
    fn has(&self, object: Object) -> bool {
        match self.found.names.is_empty() {
            true => self.edits.iter().any(|edit| edit.object == object),
            false => self.found.objects.contains(&object),
        }
    }

    /// The position of the first edit under a key.
    fn position(&self, handles: &[Handle<'_>], name: &[u8]) -> Option<usize> {
        let named = |edit: &Edit| key_of(handles, edit.handle).is_ok_and(|(key, _)| key.bytes == name);
        match self.found.names.is_empty() {
            true => self.edits.iter().position(named),
            false => self.found.names.get(name).copied(),
        }
    }
}

/// What a module is told that asks for an object that is not in memory. It never reaches a client.
fn not_in_memory() -> Error {
    Error::other("ERR the object is not in memory, the command will run again")
}

/// Whether these arguments are a call of this command that may change a value.
fn could_run(command: &Command, argv: Argv<'_>) -> bool {
    let named = argv.iter().next().is_some_and(|name| command.name.as_bytes().eq_ignore_ascii_case(name));
    let (given, wanted) = (argv.iter().count(), command.arity.unsigned_abs() as usize);
    named && command.flags.write && if command.arity > 0 { given == wanted } else { given >= wanted }
}

impl ModuleHost<'_, '_, '_> {
    /// Note that the command used more than its one value.
    #[inline]
    pub(super) fn uses_outside(&mut self) {
        self.used.outside = true;
    }

    /// Note that the command used what only this run of it has.
    pub(super) fn is_personal(&mut self) {
        self.used.outside = true;
        self.used.personal = true;
    }

    /// The object under a key.
    pub(super) fn object(&mut self, handle: u32, data_type: u32) -> HostResult<Option<Object>> {
        let id = self.type_id(data_type)?;
        let (key, _) = key_of(&self.handles, handle)?;
        let Some(entry) = self.ctx.keys.read(&key).map_err(undeclared)? else { return Ok(None) };
        let value = entry.module().filter(|value| value.id().is_same_type(id)).ok_or(Error::WrongType)?;
        if let Some(object) = self.objects.of(value) {
            return Ok(Some(object));
        }
        if self.used.missing.len() < limits::OBJECTS_FETCHED {
            self.used.missing.push(key.bytes.into());
        }
        Err(not_in_memory().into())
    }

    fn type_id(&self, data_type: u32) -> Result<TypeId, HostFault> {
        self.module.types.get(data_type as usize).copied().ok_or(HostFault::BadDataType(data_type))
    }

    /// The same, before it is changed in place.
    pub(super) fn edit_object(&mut self, handle: u32, data_type: u32) -> HostResult<Option<Object>> {
        self.check_writable(handle)?;
        let Some(object) = self.object(handle, data_type)? else { return Ok(None) };
        if !self.used.has(object) {
            let (key, _) = key_of(&self.handles, handle)?;
            let keys = &mut self.ctx.keys;
            let db = keys.locked.db(&key, keys.db).ok_or(Error::UndeclaredKey)?;
            keys.scratch.undo.record_object(keys.db, &key, db, keys.now_ms);
            self.used.add(&self.handles, Edit { handle, object, new: false, journal: None });
        }
        Ok(Some(object))
    }

    /// Put a new object under a key. What it will save is not known yet, so nobody but this command may look at it.
    pub(super) fn set_object(&mut self, handle: u32, data_type: u32, number: u32) -> HostResult<()> {
        self.check_writable(handle)?;
        let id = self.type_id(data_type)?;
        let object = Object { data_type, number };
        let (key, _) = key_of(&self.handles, handle)?;
        let now_ms = self.ctx.keys.now_ms;
        let db = self.ctx.keys.write(&key).map_err(refusal)?;
        let twice = || HostFault::Other(format!("object {number} stands under a key already"));
        let live = self.objects.hold(object).ok_or_else(twice)?;
        let mut value = ModuleValue::new(id, Vec::new());
        value.set_live(Some(live));
        let old = db.set_value(&key, Value::Module(Box::new(value)), Expire::Clear, now_ms);
        match old {
            Some(old) => self.ctx.keys.drop_later(old),
            None => self.ctx.keys.event(&key, Class::NEW, "new"),
        }
        self.used.add(&self.handles, Edit { handle, object, new: true, journal: None });
        self.uses_outside();
        Ok(())
    }

    fn check_writable(&self, handle: u32) -> HostResult<()> {
        let (_, mode) = key_of(&self.handles, handle)?;
        if !self.ctx.keys.may_write {
            return Err(Error::ReadOnly.into());
        }
        writable(mode)
    }

    /// Take down what has changed an object, in the module's words.
    pub(super) fn note_change(&mut self, handle: u32, argv: Argv<'_>) -> HostResult<()> {
        let (key, _) = key_of(&self.handles, handle)?;
        let Some(edit) = self.used.position(&self.handles, key.bytes) else {
            return Err(
                HostFault::Other("journal is called for an object that is not being changed".into()).into()
            );
        };
        let edit = &mut self.used.edits[edit];
        if edit.journal.is_some() {
            return Err(HostFault::Other("journal is called twice for an object".into()).into());
        }
        // What else could fail in its next run cannot be known; this would, always.
        if !self.module.manifest.commands.iter().any(|command| could_run(command, argv)) {
            return Err(HostFault::Other("journal is given no writing command of the module".into()).into());
        }
        edit.journal = Some(argv.iter().collect());
        Ok(())
    }

    /// The name of the type under a key.
    pub(super) fn type_name_of(&mut self, handle: u32) -> Result<Option<Cow<'_, str>>, HostFault> {
        let (key, _) = key_of(&self.handles, handle)?;
        let entry = self.ctx.keys.peek(&key).map_err(undeclared)?;
        Ok(entry.and_then(EntryRef::module).map(|value| Cow::Owned(value.id().name())))
    }

    /// One step of a walk over the keys with values of a type.
    pub(super) fn scan_objects(
        &mut self,
        data_type: u32,
        cursor: u64,
        count: u32,
        keys: &mut ArgvBuf,
    ) -> HostResult<u64> {
        let id = self.type_id(data_type)?;
        if !self.is_all_keys() {
            return Err(Error::UndeclaredKey.into());
        }
        self.uses_outside();
        let (db, now_ms) = (self.ctx.keys.db, self.ctx.keys.now_ms);
        Ok(self.ctx.keys.locked.scan(db, cursor, count as usize, now_ms, |entry| {
            if entry.module().is_some_and(|value| value.id().is_same_type(id)) {
                keys.push(entry.key());
            }
        }))
    }

    /// Whether the command has changed the object under a key, which therefore nothing else may use before it ends.
    pub(super) fn is_edited(&self, name: &[u8]) -> bool {
        self.used.position(&self.handles, name).is_some()
    }

    /// A key that the command did not declare: it may have it if its shard is locked, and otherwise in its next run.
    pub(super) fn find_key(&mut self, name: &[u8]) -> bool {
        if self.ctx.keys.locked.shard(&Key::new(name)).is_some() {
            return true;
        }
        if self.used.unlocked.len() < limits::KEYS_FOUND {
            self.used.unlocked.push(name.into());
        }
        false
    }
}
