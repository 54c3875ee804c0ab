//! Values of modules' own types: how bytes and journal become an object, and an object bytes.
//!
//! An object is made by loading what was saved and running the journal's commands on it again, each with its time and seed, under the
//! parameters that the module had then. Nothing else of the server is there for them: only commands that needed nothing
//! else are in a journal.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use sandkey_runtime::{ArgvBuf, Instance, Trap};

use crate::command::args::printable;
use crate::effects::rdb::fields;
use crate::keyspace::{ModuleValue, Revision, TypeId};
use crate::limits;
use crate::server::Server;

use super::objects::Object;
use super::replay::Replay;
use super::starting::Starting;
use super::{LoadedModule, Slot};

/// Why a value cannot be used. The bytes stay as they are.
#[derive(Debug)]
pub(super) enum Unusable {
    /// The instance has trapped and is lost.
    Trap(Trap),
    /// The module, or we, refuse it; the instance is fine.
    Refused(String),
}

impl Unusable {
    /// For whoever asked.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Trap(trap) => trap.to_string(),
            Self::Refused(reason) => reason.clone(),
        }
    }
}

impl From<Trap> for Unusable {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

impl LoadedModule {
    /// The position of a type in the manifest.
    pub(super) fn type_of(&self, id: TypeId) -> Option<u32> {
        self.types.iter().position(|own| own.is_same_type(id)).map(|at| at as u32)
    }

    /// The fuel for working on a value of so many bytes.
    fn value_fuel(&self, bytes: usize) -> u64 {
        let fuel = self.fuel_per_command.load(Relaxed).max(limits::VALUE_FUEL_MIN);
        fuel.saturating_add(limits::VALUE_FUEL_PER_BYTE.saturating_mul(bytes as u64))
    }

    /// The fuel for repeating a command that has succeeded once. It may need a little more than then, and the limit may have been a
    /// higher one.
    pub(super) fn replay_fuel(&self) -> u64 {
        self.fuel_per_command.load(Relaxed).saturating_mul(2).max(limits::REPLAY_FUEL)
    }

    /// Have the instance make the object of a value.
    fn revive(&self, instance: &mut Instance, value: &ModuleValue, now_us: u64) -> Result<Object, Unusable> {
        let name = || value.id().name();
        let at = self.type_of(value.id());
        let data_type =
            at.ok_or_else(|| Unusable::Refused(format!("the module has no type '{}'", name())))?;
        let known = self.types[data_type as usize].encver();
        if value.id().encver() > known {
            return Err(Unusable::Refused(format!(
                "the value was saved by version {} of the type '{}', and the module knows versions up to {known}",
                value.id().encver(),
                name()
            )));
        }
        let fuel = self.value_fuel(value.saved().len() + value.journal().bytes());
        let host = &mut Starting::at(&self.name, now_us);
        let bytes = if value.is_home_made() {
            Cow::Borrowed(value.saved().as_slice())
        } else {
            fields::plain(value.saved()).map_err(|error| Unusable::Refused(error.to_string()))?
        };
        let loaded = instance.load_value(host, data_type, value.id().encver(), &bytes, fuel);
        let number = loaded.result?.map_err(|reason| {
            Unusable::Refused(format!("the module cannot load it: {}", printable(reason.as_bytes())))
        })?;
        let object = Object { data_type, number };
        if !value.is_folded()
            && let Err(unusable) = self.replay(instance, value, object)
        {
            if matches!(unusable, Unusable::Refused(_)) {
                instance.free_value(host, data_type, number, fuel).result?;
            }
            return Err(unusable);
        }
        Ok(object)
    }

    /// The same in a slot that has an instance.
    pub(super) fn revive_in(
        &self,
        slot: &mut Slot,
        value: &ModuleValue,
        now_us: u64,
    ) -> Result<Object, Unusable> {
        let instance = slot.instance.as_mut();
        let instance = instance.ok_or_else(|| Unusable::Refused("the module has no instance".into()))?;
        self.revive(instance, value, now_us)
    }

    /// Run the commands of a value's journal on its object.
    fn replay(&self, instance: &mut Instance, value: &ModuleValue, object: Object) -> Result<(), Unusable> {
        let Revision { module, parameters } = value.journal().revision();
        if module != self.id {
            return Err(Unusable::Refused("its journal was written by another version of the module".into()));
        }
        let now = self.config_revision.load(Relaxed);
        if parameters != now {
            self.configure(instance, parameters)?;
        }
        let result = self.replay_commands(instance, value, object);
        if parameters != now {
            self.configure(instance, now)?;
        }
        result
    }

    fn replay_commands(
        &self,
        instance: &mut Instance,
        value: &ModuleValue,
        object: Object,
    ) -> Result<(), Unusable> {
        for entry in value.journal().iter() {
            let argv: ArgvBuf = entry.argv().collect();
            let name = entry.argv().next().unwrap_or_default();
            let position =
                self.manifest.commands.iter().position(|c| c.name.as_bytes().eq_ignore_ascii_case(name));
            let Some(command) = position else {
                let name = printable(name);
                return Err(Unusable::Refused(format!(
                    "its journal has a command '{name}' that the module does not have"
                )));
            };
            let mut host = Replay::new(object, entry.now_us, entry.seed);
            let outcome = instance.call(&mut host, command as u32, argv.as_argv(), self.replay_fuel());
            if let Err(error) = outcome.result? {
                let line = error.line(&self.manifest.commands[command].name).into_owned();
                return Err(Unusable::Refused(format!("a command of its journal now fails: {line}")));
            }
        }
        Ok(())
    }

    /// Give an instance the parameters of a revision.
    fn configure(&self, instance: &mut Instance, revision: u32) -> Result<(), Unusable> {
        for (name, value) in self.configs_of(revision) {
            let host = &mut Starting::at(&self.name, 0);
            instance.set_config(host, &name, &value)?.map_err(Unusable::Refused)?;
        }
        Ok(())
    }

    /// The bytes of an object, as the module saves it now.
    pub(super) fn save(
        &self,
        instance: &mut Instance,
        object: Object,
        size_hint: usize,
        now_us: u64,
    ) -> (Result<Vec<u8>, Trap>, u64) {
        // The object may be much larger than what was saved last: the module's memory bounds it.
        let fuel = self.value_fuel(size_hint.max(instance.memory_bytes()));
        let limit = self.limits().memory_bytes;
        let host = &mut Starting::at(&self.name, now_us);
        let saved = instance.save_value(host, object.data_type, object.number, fuel, limit);
        (saved.result, saved.fuel_used)
    }

    /// Free objects that no value names any more, not all at once.
    pub(super) fn free_left(&self, slot: &mut Slot) {
        let Slot { instance: Some(instance), objects, unfreed, .. } = slot else {
            slot.unfreed.clear();
            return;
        };
        unfreed.extend(objects.take_left());
        let mut effort = 0_u64;
        while effort < limits::FREE_EFFORT
            && let Some(object) = unfreed.pop()
        {
            let host = &mut Starting::at(&self.name, 0);
            let Object { data_type, number } = object;
            let steps = instance.value_free_effort(host, data_type, number, limits::VALUE_FUEL_MIN);
            effort = effort.saturating_add(steps.result.as_ref().map_or(1, |steps| (*steps).max(1)));
            // What takes long may take as long as it took to make.
            let fuel = self.value_fuel(instance.memory_bytes());
            let freed = steps.result.and_then(|_| {
                instance.free_value(&mut Starting::at(&self.name, 0), data_type, number, fuel).result
            });
            if let Err(trap) = freed {
                tracing::warn!("module '{}' failed to free a value: {trap}", self.name);
                slot.lose_instance();
                return;
            }
        }
    }

    /// Free what was let go, if nobody is at work.
    pub(super) fn tidy(&self) {
        if self.types.is_empty() {
            return;
        }
        if let Some(mut slot) = self.slots[0].try_lock()
            && (slot.objects.has_left() || !slot.unfreed.is_empty())
        {
            self.free_left(&mut slot);
        }
    }

    /// Do something with a value's object in an instance that is nobody else's, so that no lock is needed.
    fn with_object<R>(
        &self,
        server: &'static Server,
        value: &ModuleValue,
        work: impl FnOnce(&mut Work<'_>) -> Result<R, Unusable>,
    ) -> Result<R, String> {
        let now_us = server.clock.now_us();
        // Another thread may be at it for long: then one more is made for this value.
        let mut shared = self.workshop.try_lock();
        let mut own = Slot::default();
        let slot = shared.as_deref_mut().unwrap_or(&mut own);
        self.make_ready(slot, 0, || server.clock.now_ns(), &mut Starting::at(&self.name, now_us))?;
        let Slot { instance: Some(instance), .. } = slot else {
            return Err("the module has no instance".to_owned());
        };
        let result = self.revive(instance, value, now_us).and_then(|object| {
            let fuel = self.value_fuel(instance.memory_bytes());
            let host = Starting::at(&self.name, now_us);
            let mut at_work =
                Work { instance: &mut *instance, object, host, fuel, limit: self.limits().memory_bytes };
            let result = work(&mut at_work)?;
            at_work.free()?;
            Ok(result)
        });
        // The memory of a large value is not kept for the next.
        let large = instance.memory_bytes() > limits::WORKSHOP_KEPT;
        if large || matches!(result, Err(Unusable::Trap(_))) {
            slot.lose_instance();
        }
        result.map_err(|unusable| unusable.reason())
    }

    /// The bytes of a value as the module saves it now, with its journal in them.
    pub(super) fn saved_anew(
        &self,
        server: &'static Server,
        value: &ModuleValue,
    ) -> Result<(TypeId, Vec<u8>), String> {
        self.with_object(server, value, |work| {
            let Object { data_type, number } = work.object;
            let saved = work.instance.save_value(&mut work.host, data_type, number, work.fuel, work.limit);
            Ok((self.types[data_type as usize], saved.result?))
        })
    }
}

/// A value's object, and what working on it takes.
struct Work<'w> {
    instance: &'w mut Instance,
    object: Object,
    host: Starting<'w>,
    fuel: u64,
    /// Bytes that an answer may have.
    limit: usize,
}

impl Work<'_> {
    fn free(self) -> Result<(), Trap> {
        let Self { instance, object: Object { data_type, number }, mut host, fuel, .. } = self;
        instance.free_value(&mut host, data_type, number, fuel).result
    }
}

/// The bytes of a value with its journal in them, and the version that they are of. Locks on keys may be held: if the module is
/// needed, it works in an instance of its own.
pub fn folded(server: &'static Server, value: &ModuleValue) -> Result<(TypeId, Arc<Vec<u8>>), String> {
    if value.is_folded() {
        return Ok((value.id(), Arc::clone(value.saved())));
    }
    let module = server.tenant.modules.by_id(value.journal().revision().module);
    let module =
        module.ok_or_else(|| format!("no module that is loaded has written '{}'", value.id().name()))?;
    module.saved_anew(server, value).map(|(id, bytes)| (id, Arc::new(bytes)))
}

/// What MEMORY USAGE adds for the object of a value: what its module says, or as many bytes as are saved if it cannot say. Nothing
/// while the module is away.
pub fn object_memory(server: &'static Server, value: &ModuleValue) -> u64 {
    let Some(module) = owner(server, value.id()) else { return 0 };
    let asked = module.with_object(server, value, |work| {
        let Object { data_type, number } = work.object;
        Ok(work.instance.value_memory(&mut work.host, data_type, number, work.fuel).result?)
    });
    asked.unwrap_or(value.saved().len() as u64)
}

/// The bytes of a copy of a value for another key, as its module wants it.
pub fn copied(
    server: &'static Server,
    value: &ModuleValue,
    source: &[u8],
    target: &[u8],
) -> Result<ModuleValue, String> {
    // While its module is away a value is copied as it is.
    let Some(module) = owner(server, value.id()) else { return Ok(value.clone()) };
    module.with_object(server, value, |work| {
        let (Object { data_type, number }, host) = (work.object, &mut work.host);
        let copy = work.instance.copy_value(host, data_type, number, source, target, work.fuel, work.limit);
        let bytes = copy.result?.map_err(Unusable::Refused)?;
        Ok(ModuleValue::new(module.types[data_type as usize], bytes))
    })
}

/// Whether the module can make an object of a value that came from elsewhere, if it is loaded.
pub fn check_loadable(server: &'static Server, value: &ModuleValue) -> Result<(), String> {
    owner(server, value.id()).map_or(Ok(()), |module| module.with_object(server, value, |_| Ok(())))
}

/// What DEBUG DIGEST mixes in for a value.
pub fn digested(server: &'static Server, value: &ModuleValue) -> Result<Vec<u8>, String> {
    let Some(module) = owner(server, value.id()) else { return Ok(value.saved().to_vec()) };
    module.with_object(server, value, |work| {
        let Object { data_type, number } = work.object;
        Ok(work.instance.value_digest(&mut work.host, data_type, number, work.fuel, work.limit).result?)
    })
}

/// The commands that make a value, for an append-only file without a preamble; none if a RESTORE shall do it.
pub fn rewritten(server: &'static Server, key: &[u8], value: &ModuleValue) -> Result<Vec<ArgvBuf>, String> {
    // A journal is for the version that has written it, which may have been replaced since the snapshot.
    let module = match value.is_folded() {
        true => owner(server, value.id()),
        false => server.tenant.modules.by_id(value.journal().revision().module),
    };
    let Some(module) = module else { return Ok(Vec::new()) };
    module.with_object(server, value, |work| {
        let Object { data_type, number } = work.object;
        Ok(work
            .instance
            .rewrite_value(&mut work.host, data_type, number, key, work.fuel, work.limit)
            .result?)
    })
}

/// The loaded module that has a type.
fn owner(server: &'static Server, id: TypeId) -> Option<Arc<LoadedModule>> {
    server.tenant.modules.list().into_iter().find(|module| module.type_of(id).is_some())
}
