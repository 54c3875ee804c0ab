//! What a module says has changed a value, in the fake server: a command, noted instead of the value's bytes. The real one believes
//! it until the object is lost, and then has the command make the value again. Here it is tried at once, in a world where there
//! is nothing but the value as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::fake::Host;
use super::values::Value;
use super::world::{Data, Database, Entry, Rights, World};
use crate::error::Result;
use crate::module::CommandEntry;
use crate::spec::Flags;
use crate::strings::Strings;

/// A command that a module wants in the journal of a value.
#[derive(Debug)]
pub(super) struct Note {
    db: u32,
    key: Vec<u8>,
    command: Strings,
}

impl Host {
    pub(crate) fn object_journal(&self, key: u32, command: Strings) -> Result<()> {
        let mut world = self.world();
        let (key, db) = (world.name_to_write(key)?, world.db);
        let edited = match world.database().get(&key).map(|entry| &entry.data) {
            Some(Data::Value(value)) => value.object,
            _ => None,
        };
        let values = &mut world.values;
        let edited = edited.is_some_and(|object| values.touched.contains(&object));
        assert!(edited, "journal is called for a value that is not being changed: this traps");
        let twice = values.notes.iter().any(|note| note.db == db && note.key == key);
        assert!(!twice, "journal is called twice for a value: this traps");
        values.notes.push(Note { db, key, command });
        Ok(())
    }
}

impl World {
    /// The command that ran has succeeded: see whether what it noted is true. Without MODULE LOAD nobody knows the commands, and
    /// nothing is tried.
    pub(super) fn check_notes(&mut self, before: &BTreeMap<u32, Database>, seed: u64) {
        for Note { db, key, command } in mem::take(&mut self.values.notes) {
            let of = |databases: &BTreeMap<u32, Database>| match &databases.get(&db)?.get(&key)?.data {
                Data::Value(value) => Some(value.clone()),
                _ => None,
            };
            // A value that is new is saved whole, whatever is said about it, and one that is gone not at all.
            let (Some(was), Some(is)) = (of(before), of(&self.databases)) else { continue };
            if self.values.commands.is_empty() || was.data_type != is.data_type {
                continue;
            }
            let name = command.iter().next().unwrap_or_default();
            let known = |entry: &&CommandEntry| entry.spec.name.as_bytes().eq_ignore_ascii_case(name);
            let entry = *self.values.commands.iter().find(known).unwrap_or_else(|| {
                panic!(
                    "the journal names {}, which is no command of the module",
                    String::from_utf8_lossy(name)
                )
            });
            let made = self.replay(&entry, &command, (db, key), was, seed);
            assert!(
                made == is.bytes,
                "{} in the journal makes another value than the one that is there",
                entry.spec.name
            );
        }
    }

    /// What a command makes of a value.
    fn replay(
        &self,
        entry: &CommandEntry,
        command: &Strings,
        (db, key): (u32, Vec<u8>),
        was: Value,
        seed: u64,
    ) -> Vec<u8> {
        let data = Data::Value(was.without_object());
        let database = BTreeMap::from([(key.clone(), Entry { data, expires_at_ms: None })]);
        let host = Host::of(Self {
            now_us: self.now_us,
            seed,
            db,
            values: self.values.same_types(),
            databases: BTreeMap::from([(db, database)]),
            ..Self::default()
        });
        host.world().load_value(&key).expect("it was loaded before the command");
        host.world().rights = Rights {
            write: entry.spec.flags.has(Flags::WRITE),
            all_keys: false,
            finds_keys: false,
            declared: Some(BTreeSet::from([key.clone()])),
        };
        if let Err(error) = entry.enter(&host, command.as_argv()) {
            panic!("{} in the journal fails: {error}", entry.spec.name);
        }
        host.world().keep_values();
        match host.world().database().remove(&key).map(|entry| entry.data) {
            Some(Data::Value(value)) => value.bytes,
            _ => panic!("{} in the journal leaves no value", entry.spec.name),
        }
    }
}
