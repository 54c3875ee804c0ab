//! A tenant: keys, commands, modules and subscriptions that belong together. Nothing of that is global, so that several
//! tenants can share a server; today there is one, `default`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Release};

use parking_lot::RwLock;

use crate::acl::{Acl, User, Users};
use crate::command;
use crate::command::blocking::Blocked;
use crate::command::migrate::Migrations;
use crate::command::table::CommandTable;
use crate::config::RenameCommand;
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
    /// Its users.
    pub acl: Acl,
    /// Grows when commands or users change; workers and sessions compare it with what they have.
    pub generation: AtomicU64,
    commands: RwLock<Arc<CommandTable>>,
}

impl Tenant {
    /// A tenant with the native commands and no keys.
    pub fn new(databases: usize, workers: usize, access: AccessClock, modules: Registry) -> Self {
        let commands = CommandTable::native(command::FAMILIES, workers);
        Self {
            keyspace: Keyspace::new(limits::SHARDS, databases, access, rand::random()),
            modules,
            pubsub: PubSub::default(),
            blocked: Blocked::default(),
            tracking: Tracking::default(),
            migrations: Migrations::default(),
            acl: Acl::new(&commands),
            generation: AtomicU64::new(0),
            commands: RwLock::new(Arc::new(commands)),
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
        {
            let mut current = self.commands.write();
            let mut next = current.fork();
            change(&mut next)?;
            *current = Arc::new(next);
        }
        // What users may do is said in terms of commands. Until this is done, those that are new are refused to all whom not
        // everything is allowed.
        let mut users = self.acl.users.write();
        users.renew(&self.commands());
        self.generation.fetch_add(1, Release);
        Ok(())
    }

    /// A user for work that nobody asked for, as reading a file: nothing is forbidden to it, whatever clients may do.
    pub fn anybody(&self) -> Arc<User> {
        Arc::new(User::unlimited(0, &self.commands()))
    }

    /// Change users. Whoever sees the new generation finds them changed.
    pub fn change_users<R, E>(
        &self,
        change: impl FnOnce(&mut Users, &CommandTable) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut users = self.acl.users.write();
        // While the lock is held, so that a change of the table comes either before this or renews the users after it.
        let result = change(&mut users, &self.commands())?;
        self.generation.fetch_add(1, Release);
        Ok(result)
    }

    /// Do what `rename-command` says, in order, before anybody has seen the table. The error is the line that is wrong.
    pub fn rename_commands<'r>(
        &self,
        renames: &'r [RenameCommand],
    ) -> Result<(), (&'r RenameCommand, &'static str)> {
        let mut current = self.commands.write();
        for rename in renames {
            let table =
                Arc::get_mut(&mut current).ok_or((rename, "Commands are renamed at the start only"))?;
            table.rename(&rename.from, &rename.to).map_err(|reason| (rename, reason))?;
        }
        Ok(())
    }
}
