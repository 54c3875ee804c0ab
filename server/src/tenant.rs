//! A tenant: keys, commands, modules and subscriptions that belong together. Nothing of that is global, so that several
//! tenants can share a server; today there is one, `default`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Release};

use parking_lot::RwLock;

use crate::command;
use crate::command::blocking::Blocked;
use crate::command::migrate::Migrations;
use crate::command::table::CommandTable;
use crate::effects::pubsub::PubSub;
use crate::effects::tracking::Tracking;
use crate::keyspace::{AccessClock, Keyspace};
use crate::limits;
use crate::module::Registry;

/// What belongs to one tenant.
pub struct Tenant {
    /// Its keys.
    pub keyspace: Keyspace,
    /// Its modules.
    pub modules: Registry,
    /// Its subscriptions.
    pub pubsub: PubSub,
    /// Its clients that wait in a command.
    pub blocked: Blocked,
    /// Its clients that hold copies of keys.
    pub tracking: Tracking,
    /// Its keys that are on their way to another server.
    pub migrations: Migrations,
    /// Grows when the command table changes; workers compare it with what they have.
    pub command_generation: AtomicU64,
    commands: RwLock<Arc<CommandTable>>,
}

impl Tenant {
    /// A tenant with the native commands and no keys.
    pub fn new(databases: usize, workers: usize, access: AccessClock, modules: Registry) -> Self {
        Self {
            keyspace: Keyspace::new(limits::SHARDS, databases, access, rand::random()),
            modules,
            pubsub: PubSub::default(),
            blocked: Blocked::default(),
            tracking: Tracking::default(),
            migrations: Migrations::default(),
            command_generation: AtomicU64::new(0),
            commands: RwLock::new(Arc::new(CommandTable::native(command::FAMILIES, workers))),
        }
    }

    /// The commands as they are now.
    pub fn commands(&self) -> Arc<CommandTable> {
        Arc::clone(&self.commands.read())
    }

    /// Change the command table: all of the change is seen, or nothing of it when `change` fails.
    pub fn change_commands<E>(
        &self,
        change: impl FnOnce(&mut CommandTable) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut current = self.commands.write();
        let mut next = current.fork();
        change(&mut next)?;
        *current = Arc::new(next);
        self.command_generation.fetch_add(1, Release);
        Ok(())
    }
}
