//! What a running command can reach: the client's session, its keys, the clock, the configuration, the reply.

use rand::Rng;

use crate::config::Config;
use crate::keyspace::Key;
use crate::module::InstanceGuards;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;
use crate::server::Server;
use crate::stats::Stats;
use crate::tenant::Tenant;

use super::blocking::Wait;
use super::error::CommandError;
use super::keys::Keys;
use super::session::Session;

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
    /// Microseconds since 1970, the same for the length of the command.
    pub now_us: u64,
    /// The command that runs.
    pub command_id: u32,
    /// It runs in EXEC.
    pub in_transaction: bool,
    /// What a module's random numbers begin with, if the command did this before and must do the same.
    pub seed: Option<u64>,
    /// Keys that the command turns out to need and that are not locked: it has done nothing yet, and runs again with them.
    pub more_keys: Vec<Box<[u8]>>,
    /// It has found nothing and wants to wait.
    pub wait: Option<Wait>,
    /// What a module's command has had other commands do.
    pub called: Called,
    /// The instances that it has locked.
    pub instances: InstanceGuards,
    /// One of its keys, hashed when its shard was looked up.
    pub known_key: Option<Key<'a>>,
    /// The keys that it has locked.
    pub keys: Keys<'a>,
}

/// What the commands have used that a module's command has called, all together.
#[derive(Debug, Default)]
pub struct Called {
    /// Fuel, of modules.
    pub fuel: u64,
    /// Nanoseconds.
    pub ns: u64,
}

impl CommandContext<'_> {
    /// Milliseconds since 1970.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.keys.now_ms
    }

    /// Whether a client reads the reply, and not a module or nobody.
    pub fn answers_client(&self) -> bool {
        self.keys.scratch.undo.depth() == 0 && !self.session.is_loader
    }

    /// This worker's counters.
    #[inline]
    pub fn stats(&self) -> &'static Stats {
        self.keys.stats
    }

    /// The key at a position of the arguments, which arity has checked.
    #[inline]
    pub fn key_at<'k>(&self, argv: Argv<'k>, position: usize) -> Key<'k> {
        self.key_of(argv.get(position).unwrap_or_default())
    }

    /// The key with this name, without hashing it again if it is the argument that dispatch has hashed.
    #[inline]
    pub fn key_of<'k>(&self, name: &'k [u8]) -> Key<'k> {
        Key::known_or_new(self.known_key, name)
    }

    /// Choose a database.
    pub fn select(&mut self, index: usize) {
        self.session.select(index);
        self.keys.db = index;
    }

    /// Random numbers for RANDOMKEY, HRANDFIELD and their like.
    pub fn rng(&self) -> impl Rng + use<> {
        rand::rng()
    }

    /// The arity error of the command that runs.
    pub fn wrong_arity(&self) -> CommandError {
        let table = self.tenant.commands();
        let name = table
            .iter_all()
            .find(|command| command.id == self.command_id)
            .map(|command| command.name.clone());
        CommandError::WrongArity(name.unwrap_or_default())
    }
}
