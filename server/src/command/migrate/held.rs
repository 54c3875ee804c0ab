//! Keys that are on their way to another server. Whoever wants to write one waits until it is there: what he wrote would
//! be deleted with the key. Readers need not wait. Nearly always there are none, and that is all that a command finds out.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::command::lock_plan::for_each_key;
use crate::command::session::Session;
use crate::command::spec::Flags;
use crate::command::table::Command;
use crate::keyspace::{Key, WatchFlag};
use crate::net::argv::Argv;
use crate::server::Server;

/// All of them.
#[derive(Default)]
pub struct Held {
    count: AtomicUsize,
    names: Mutex<HashMap<Box<[u8]>, Databases>>,
}

/// The databases in which a name is held; twice the same if two commands hold it.
type Databases = SmallVec<[usize; 1]>;

impl Held {
    /// Whether a command would write one of them. Those of a transaction are asked about when it is executed.
    #[inline]
    pub fn holds_back(&self, command: &Command, session: &Session, argv: Argv<'_>) -> bool {
        self.count.load(Relaxed) != 0 && self.would_write(command, session, argv)
    }

    #[cold]
    fn would_write(&self, command: &Command, session: &Session, argv: Argv<'_>) -> bool {
        match &session.transaction {
            Some(transaction) if command.flags.has(Flags::RUNS_QUEUE) => transaction
                .queue
                .iter()
                .any(|(queued, argv)| self.names_held(queued, session.db, argv.as_argv())),
            Some(_) if !command.flags.has(Flags::NOT_QUEUED) => false,
            _ => self.names_held(command, session.db, argv),
        }
    }

    fn names_held(&self, command: &Command, db: usize, argv: Argv<'_>) -> bool {
        if !command.flags.has(Flags::WRITE) {
            return false;
        }
        if command.flags.has(Flags::ALL_KEYS.with(Flags::WALKS_KEYS).with(Flags::FINDS_KEYS)) {
            return true;
        }
        let names = self.names.lock();
        let mut found = false;
        for_each_key(&command.keys, argv, |_, name| {
            found = found || names.get(name).is_some_and(|dbs| dbs.contains(&db));
        });
        found
    }

    fn add(&self, db: usize, name: &[u8]) {
        self.names.lock().entry(name.into()).or_default().push(db);
        self.count.fetch_add(1, Relaxed);
    }

    fn remove(&self, db: usize, name: &[u8]) {
        let mut names = self.names.lock();
        if let Some(dbs) = names.get_mut(name)
            && let Some(at) = dbs.iter().position(|known| *known == db)
        {
            dbs.swap_remove(at);
            if dbs.is_empty() {
                names.remove(name);
            }
            self.count.fetch_sub(1, Relaxed);
        }
    }
}

/// Keys of one command that are held and watched until this is dropped; nobody may have them locked then.
pub struct Hold {
    server: &'static Server,
    db: usize,
    keys: HashMap<Box<[u8]>, WatchFlag>,
}

impl Hold {
    /// Holds keys that are watched already, and still locked.
    pub fn new(server: &'static Server, db: usize, keys: HashMap<Box<[u8]>, WatchFlag>) -> Self {
        for name in keys.keys() {
            server.tenant.migrations.held.add(db, name);
        }
        Hold { server, db, keys }
    }

    /// What is raised when somebody writes a key.
    pub fn flag(&self, name: &[u8]) -> Option<&WatchFlag> {
        self.keys.get(name)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let tenant = &self.server.tenant;
        for (name, flag) in &self.keys {
            tenant.migrations.held.remove(self.db, name);
            let key = Key::new(name);
            let mut locked = tenant.keyspace.lock_one(tenant.keyspace.shard_of(key.slot));
            if let Some(shard) = locked.shard(&key) {
                shard.unwatch(self.db, &key, flag);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_until_nobody_holds_it() {
        let held = Held::default();
        let is_held = |db, name: &[u8]| held.names.lock().get(name).is_some_and(|dbs| dbs.contains(&db));
        held.add(0, b"a");
        held.add(0, b"a");
        held.add(3, b"a");
        held.remove(0, b"a");
        assert!(is_held(0, b"a") && is_held(3, b"a") && !is_held(1, b"a") && !is_held(0, b"b"));
        held.remove(0, b"a");
        held.remove(0, b"a");
        assert!(!is_held(0, b"a") && is_held(3, b"a"));
        held.remove(3, b"a");
        assert_eq!(held.count.load(Relaxed), 0);
        assert!(held.names.lock().is_empty());
    }
}
