//! Values of the module's own types in the fake server. As in the real one, the bytes are the value and the object is a cache of
//! it: what a command changed is saved when it has succeeded, and dropped when it has failed. A command that asks for an object
//! that is not there, or finds a key, is undone and runs again with it.

use std::collections::BTreeSet;
use std::mem;

use super::fake::Host;
use super::journal::Note;
use super::world::{Data, Entry, World};
use crate::data_type::store::Store;
use crate::data_type::{TypeEntry, saved};
use crate::error::{Error, Result};
use crate::module::{CommandEntry, Module, State};
use crate::strings::Strings;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub(super) data_type: u32,
    encver: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) object: Option<u32>,
}

impl Value {
    /// Its bytes, as another server has them.
    pub(super) fn without_object(self) -> Self {
        Self { object: None, ..self }
    }
}

/// What the fake server knows of types and objects.
#[derive(Default)]
pub(crate) struct Values {
    types: Vec<TypeEntry>,
    /// What MODULE LOAD has said of the module; until then types are added as they are used.
    state: Option<State>,
    pub(super) commands: Vec<CommandEntry>,
    store: Store,
    /// Objects that may differ from their bytes.
    pub(super) touched: BTreeSet<u32>,
    /// What the running command wants in journals.
    pub(super) notes: Vec<Note>,
    /// What the running command asked for and did not get.
    wanted: Wanted,
}

/// What a command needs to run again.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Keys that it found.
    pub(crate) keys: BTreeSet<Vec<u8>>,
    /// Keys whose objects were not in memory.
    pub(crate) objects: BTreeSet<Vec<u8>>,
}

/// What a module is told that asks for an object that is not in memory.
const NOT_IN_MEMORY: &str = "ERR the object is not in memory, the command will run again";

impl Host {
    pub(crate) fn store<R>(&self, with: impl FnOnce(&Store) -> R) -> R {
        with(&self.world().values.store)
    }

    pub(crate) fn type_number(&self, data_type: &TypeEntry) -> u32 {
        let values = &mut self.world().values;
        let known = values.types.iter().position(|known| known.id == data_type.id);
        let number = known.unwrap_or_else(|| {
            assert!(values.state.is_none(), "{} is not among the module's `types`", data_type.name);
            values.add(*data_type)
        });
        u32::try_from(number).expect("a module has few types")
    }

    /// MODULE LOAD says which types and commands there are.
    pub(crate) fn know(&self, module: &Module) {
        let values = &mut self.world().values;
        for data_type in module.types {
            if !values.types.iter().any(|known| known.id == data_type.id) {
                values.add(*data_type);
            }
        }
        values.state = Some(module.state);
        values.commands = module.commands.to_vec();
    }

    pub(crate) fn object_get(&self, key: u32, data_type: u32) -> Result<Option<u32>> {
        let mut world = self.world();
        let name = world.name(key);
        world.object(&name, data_type)
    }

    pub(crate) fn object_edit(&self, key: u32, data_type: u32) -> Result<Option<u32>> {
        let mut world = self.world();
        let name = world.name_to_write(key)?;
        let object = world.object(&name, data_type)?;
        world.values.touched.extend(object);
        Ok(object)
    }

    pub(crate) fn object_set(&self, key: u32, data_type: u32, object: u32) -> Result<()> {
        let mut world = self.world();
        let name = world.name_to_write(key)?;
        assert!(!world.objects().contains(&object), "the object stands under a key already: this traps");
        world.values.touched.insert(object);
        let encver = world.values.types[data_type as usize].encver;
        let value = Value { data_type, encver, bytes: Vec::new(), object: Some(object) };
        world.database().insert(name, Entry { data: Data::Value(value), expires_at_ms: None });
        Ok(())
    }

    pub(crate) fn type_name(&self, key: u32) -> Option<String> {
        let mut world = self.world();
        let name = world.name(key);
        match world.database().get(&name)?.data {
            Data::Value(Value { data_type, .. }) => {
                Some(world.values.types[data_type as usize].name.to_owned())
            }
            _ => None,
        }
    }

    pub(crate) fn scan_type(&self, data_type: u32, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        let mut world = self.world();
        if !world.rights.all_keys {
            return Err(Error::UndeclaredKey);
        }
        let all: Vec<Vec<u8>> = world.database().keys().cloned().collect();
        let mut page = Vec::new();
        let cursor = world.page(cursor, &all, count, |name| page.push(name.to_vec()));
        let is_one =
            |entry: &Entry| matches!(&entry.data, Data::Value(value) if value.data_type == data_type);
        page.retain(|name| world.database().get(name).is_some_and(is_one));
        Ok((cursor, page.into_iter().collect()))
    }
}

impl Values {
    /// Without any objects, for a server with the same module.
    pub(super) fn same_types(&self) -> Self {
        Self { types: self.types.clone(), ..Self::default() }
    }

    fn add(&mut self, data_type: TypeEntry) -> usize {
        let twice = self.types.iter().any(|known| known.name == data_type.name);
        assert!(!twice, "two types have the name {}", data_type.name);
        self.types.push(data_type);
        self.types.len() - 1
    }
}

impl World {
    /// The object under a key. A command gets one that is in memory, or an error and then another run. Outside of commands, where a
    /// test looks around, there is nobody to run again, so it is loaded at once.
    fn object(&mut self, name: &[u8], data_type: u32) -> Result<Option<u32>> {
        let value = match self.database().get(name).map(|entry| &entry.data) {
            None => return Ok(None),
            Some(Data::Value(value)) if value.data_type == data_type => value,
            Some(_) => return Err(Error::WrongType),
        };
        if value.object.is_none() && self.rights.declared.is_some() {
            self.values.wanted.objects.insert(name.to_vec());
            return Err(Error::Other(NOT_IN_MEMORY.into()));
        }
        self.load_value(name)
    }

    /// A command begins: what it asked for in its last run is in memory, and in a `global` module what is under its keys too.
    pub(crate) fn load_values(&mut self, needs: &Wanted) -> Result<()> {
        let at_once = (self.values.state == Some(State::Global)).then_some(&needs.keys);
        for name in at_once.into_iter().flatten().chain(&needs.objects) {
            self.load_value(name)?;
        }
        Ok(())
    }

    /// Have the object under a key in memory; `None` if there is no value of a module.
    pub(super) fn load_value(&mut self, name: &[u8]) -> Result<Option<u32>> {
        let Some(Entry { data: Data::Value(value), .. }) = self.database().get(name) else { return Ok(None) };
        if value.object.is_some() {
            return Ok(value.object);
        }
        let value = value.clone();
        let loaded = self.values.types[value.data_type as usize].load(value.encver, &value.bytes);
        let object = loaded.map_err(|why| {
            let name = String::from_utf8_lossy(name);
            Error::other(format_args!("ERR the value of the key '{name}' cannot be used: {why}"))
        })?;
        let object = self.values.store.insert(object);
        if let Some(Entry { data: Data::Value(value), .. }) = self.database().get_mut(name) {
            value.object = Some(object);
        }
        Ok(Some(object))
    }

    /// A command opened a key that it did not declare. One that finds keys will get it when it runs again.
    pub(super) fn want(&mut self, name: &[u8]) {
        if self.rights.finds_keys {
            self.values.wanted.keys.insert(name.to_vec());
        }
    }

    /// Whether the running command asked for what it did not get.
    pub(crate) fn wants_more(&self) -> bool {
        let Wanted { keys, objects } = &self.values.wanted;
        !keys.is_empty() || !objects.is_empty()
    }

    /// What the command that ran last needs to run again.
    pub(crate) fn take_wanted(&mut self) -> Wanted {
        mem::take(&mut self.values.wanted)
    }

    fn every_value(&mut self) -> impl Iterator<Item = &mut Value> {
        self.databases.values_mut().flat_map(|database| database.values_mut()).filter_map(|entry| {
            match &mut entry.data {
                Data::Value(value) => Some(value),
                _ => None,
            }
        })
    }

    /// All objects that stand under keys.
    fn objects(&mut self) -> BTreeSet<u32> {
        self.every_value().filter_map(|value| value.object).collect()
    }

    /// Save what was changed, and drop objects that stand under no key any more.
    pub(super) fn keep_values(&mut self) {
        let touched = mem::take(&mut self.values.touched);
        let store = mem::take(&mut self.values.store);
        for value in self.every_value() {
            if let Some(object) = value.object.filter(|object| touched.contains(object)) {
                value.bytes = saved(&*store.any(object));
            }
        }
        self.values.store = store;
        self.free_unreferenced();
    }

    /// Drop what was changed, to be made anew from its bytes.
    pub(super) fn drop_changed_values(&mut self) {
        self.values.notes.clear();
        let touched = mem::take(&mut self.values.touched);
        for value in self.every_value() {
            value.object = value.object.filter(|object| !touched.contains(object));
        }
        self.free_unreferenced();
    }

    fn free_unreferenced(&mut self) {
        let referenced = self.objects();
        let unreferenced: Vec<u32> =
            self.values.store.numbers().filter(|number| !referenced.contains(number)).collect();
        unreferenced.into_iter().for_each(|number| self.values.store.free(number));
    }

    /// Drop all objects, as when the instance is lost.
    pub(crate) fn drop_all_values(&mut self) {
        self.keep_values();
        self.every_value().for_each(|value| value.object = None);
        self.free_unreferenced();
    }

    /// Load every value, and see that it saves what it was loaded from.
    pub(crate) fn load_all_values(&mut self) -> Result<(), String> {
        // In the hand meanwhile, because the databases are walked.
        let values = mem::take(&mut self.values);
        let mut outcome = Ok(());
        for value in self.every_value() {
            let data_type = &values.types[value.data_type as usize];
            let object = data_type.load(value.encver, &value.bytes).and_then(|object| {
                if saved(&*object) == value.bytes {
                    Ok(object)
                } else {
                    Err(format!("{}: a loaded value saves other bytes", data_type.name))
                }
            });
            match object {
                Ok(object) => value.object = Some(values.store.insert(object)),
                Err(why) => outcome = outcome.and(Err(why)),
            }
        }
        self.values = values;
        outcome
    }
}
