//! MODULE UPGRADE and MODULE UNLOAD under live data.
//!
//! Both need every value of the module to be its bytes alone, with nothing in a journal or in an object. An upgrade then has the new
//! version load and save each of them, before anybody can see one, and only if all went well takes the place of the old one.
//!
//! Almost all of that happens shard by shard while clients go on. Under the locks of everything, at the end, only the values are
//! done again that have changed since, and so clients wait for these and for a walk over the keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::MutexGuard;

use crate::command::args::printable;
use crate::keyspace::{Db, Key, Live, Locked, ModuleValue, ShardId, TypeId};
use crate::server::Server;

use super::{LoadedModule, Slot};

/// All slots of a module: while they are held, none of its commands runs.
pub(super) struct Stopped<'m> {
    module: &'m LoadedModule,
    slots: Vec<MutexGuard<'m, Slot>>,
}

/// A value and where it is.
struct Place {
    db: usize,
    key: Box<[u8]>,
}

impl Place {
    fn error(&self, reason: &str) -> String {
        format!("the value of the key '{}' in database {}: {reason}", printable(&self.key), self.db)
    }
}

/// What a value will be: found out before it is that.
struct Converted {
    /// What it was made from.
    from: Arc<Vec<u8>>,
    id: TypeId,
    bytes: Vec<u8>,
}

/// The values of a module as its next version saves them.
pub(super) struct Conversion(HashMap<(usize, Box<[u8]>), Converted>);

impl LoadedModule {
    /// Wait for its commands, and let none begin.
    pub(super) fn stop(&self) -> Stopped<'_> {
        Stopped { module: self, slots: self.slots.iter().map(|slot| slot.lock()).collect() }
    }

    /// Fold the journals of its values while clients go on, so that little is left to do when they have to wait.
    pub(super) fn fold_in_passing(&self, server: &'static Server) -> Result<(), String> {
        if self.types.is_empty() {
            return Ok(());
        }
        for shard in 0..server.tenant.keyspace.shards() {
            let stopped = self.stop();
            let mut locked = server.tenant.keyspace.lock_one(shard as ShardId);
            stopped.fold_all(server, &mut locked)?;
        }
        Ok(())
    }

    /// Have the next version convert all values, while clients go on.
    pub(super) fn convert_in_passing(
        &self,
        server: &'static Server,
        next: &LoadedModule,
    ) -> Result<Conversion, String> {
        let mut conversion = Conversion(HashMap::new());
        for shard in 0..server.tenant.keyspace.shards() {
            let values = {
                let stopped = self.stop();
                let mut locked = server.tenant.keyspace.lock_one(shard as ShardId);
                stopped.fold_all(server, &mut locked)?;
                values_of(self, &mut locked)
            };
            for (place, value) in values {
                conversion.convert(server, next, &place, &value)?;
            }
        }
        Ok(conversion)
    }
}

impl Conversion {
    fn convert(
        &mut self,
        server: &'static Server,
        next: &LoadedModule,
        place: &Place,
        value: &ModuleValue,
    ) -> Result<(), String> {
        let (id, bytes) = next.saved_anew(server, value).map_err(|reason| place.error(&reason))?;
        let from = Arc::clone(value.saved());
        self.0.insert((place.db, place.key.clone()), Converted { from, id, bytes });
        Ok(())
    }

    /// Convert what has changed since it was converted. Nobody sees anything of it yet.
    pub(super) fn complete(
        &mut self,
        server: &'static Server,
        old: &LoadedModule,
        next: &LoadedModule,
        locked: &mut Locked<'_>,
    ) -> Result<(), String> {
        for (place, value) in values_of(old, locked) {
            let done = self.0.get(&(place.db, place.key.clone()));
            if done.is_none_or(|done| !Arc::ptr_eq(&done.from, value.saved())) {
                self.convert(server, next, &place, &value)?;
            }
        }
        Ok(())
    }

    /// Make the values what they were converted to.
    pub(super) fn apply(self, locked: &mut Locked<'_>) {
        for ((index, name), converted) in self.0 {
            let key = Key::new(&name);
            let Some(mut entry) = locked.db(&key, index).and_then(|db| db.revise(&key)) else { continue };
            let Some(value) = entry.module() else { continue };
            if Arc::ptr_eq(value.saved(), &converted.from) {
                value.fold(converted.id, converted.bytes);
                value.set_live(None);
            }
        }
    }
}

impl Stopped<'_> {
    /// Make the values in the locked shards their bytes alone.
    pub(super) fn fold_all(&self, server: &'static Server, locked: &mut Locked<'_>) -> Result<(), String> {
        for (place, value) in values_of(self.module, locked) {
            if value.is_folded() {
                continue;
            }
            let saved = self.module.saved_anew(server, &value);
            let (id, bytes) = saved.map_err(|reason| place.error(&reason))?;
            let key = Key::new(&place.key);
            let Some(mut entry) = locked.db(&key, place.db).and_then(|db| db.revise(&key)) else {
                continue;
            };
            if let Some(value) = entry.module() {
                value.fold(id, bytes);
            }
        }
        Ok(())
    }

    /// Its commands will not run any more, and its objects stand for nothing.
    pub(super) fn retire(mut self, locked: &mut Locked<'_>) {
        self.module.retired.store(true, Relaxed);
        for (place, _) in values_of(self.module, locked) {
            let key = Key::new(&place.key);
            if let Some(db) = locked.db(&key, place.db) {
                db.set_live(&key, None::<Live>);
            }
        }
        self.slots.iter_mut().for_each(|slot| slot.lose_instance());
        // Whoever works on a value right now is not waited for.
        if let Some(mut workshop) = self.module.workshop.try_lock() {
            workshop.lose_instance();
        }
    }
}

/// The values of a module in the locked shards, expired ones among them.
fn values_of(module: &LoadedModule, locked: &mut Locked<'_>) -> Vec<(Place, ModuleValue)> {
    let mut values = Vec::new();
    if module.types.is_empty() {
        return values;
    }
    for (_, shard) in locked.shards_mut() {
        for (db, keys) in shard.dbs().iter() {
            values.extend(in_database(module, db, keys));
        }
    }
    values
}

fn in_database(module: &LoadedModule, db: usize, keys: &Db) -> impl Iterator<Item = (Place, ModuleValue)> {
    keys.iter().filter_map(move |entry| {
        let value = entry.module().filter(|value| module.type_of(value.id()).is_some())?;
        Some((Place { db, key: entry.key().into() }, value.clone()))
    })
}
