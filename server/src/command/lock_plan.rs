//! What a command locks, known before it takes the first lock: instances of modules in load order, then the shards of its
//! keys, ascending. Finding the keys among the arguments is here too. Who waits, and what runs under the locks, is in
//! `dispatch`.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::keyspace::{Key, Locked, ShardId, key};
use crate::limits;
use crate::module::{InstanceGuards, ModuleRef};
use crate::net::argv::Argv;
use crate::server::Server;

use super::args::parse_i64;
use super::session::Session;
use super::spec::{Find, Flags, KeySpec};
use super::table::Command;

/// What a command locks. It is known before the first lock is taken.
pub struct LockPlan<'p> {
    /// The modules whose code may run, in load order.
    modules: SmallVec<[ModuleRef<'p>; 1]>,
    shards: Shards,
    /// A key of the command, nearly always its only one: hashed here for its shard, and not again when it runs.
    key: Option<Key<'p>>,
    /// Whether there are several keys.
    several: bool,
}

enum Shards {
    Some(SmallVec<[ShardId; 4]>),
    All,
}

impl<'p> LockPlan<'p> {
    /// For a command with these arguments; `known` is one of them that has been hashed already.
    pub fn of(
        server: &Server,
        session: &Session,
        command: &'p Command,
        argv: Argv<'p>,
        known: Option<Key<'p>>,
    ) -> Self {
        let shards = Shards::Some(SmallVec::new());
        let mut plan = Self { modules: SmallVec::new(), shards, key: known, several: false };
        match &session.transaction {
            Some(transaction) if command.flags.has(Flags::RUNS_QUEUE) => {
                for (queued, argv) in &transaction.queue {
                    if let Some(module) = queued.run.module()
                        && !module.is_retired()
                    {
                        plan.add_module(server, ModuleRef::Owned(Arc::clone(module)));
                    }
                    if queued.flags.has(Flags::WALKS_KEYS) || may_find_keys(queued, argv.as_argv()) {
                        plan.shards = Shards::All;
                    }
                    plan.add_keys(server, queued, argv.as_argv(), |_, key| key::slot(key));
                }
                for watched in &session.watched {
                    plan.add_slot(server, key::slot(&watched.key));
                }
            }
            _ => {
                if let Some(module) = command.run.module() {
                    plan.add_module(server, ModuleRef::Borrowed(module));
                }
                plan.add_keys(server, command, argv, Self::slot_of);
            }
        }
        if let Shards::Some(shards) = &mut plan.shards
            && shards.len() > 1
        {
            plan.several = true;
            shards.sort_unstable();
            shards.dedup();
        }
        if plan.modules.len() > 1 {
            plan.modules.sort_unstable_by_key(|module| module.id);
            plan.modules.dedup_by_key(|module| module.id);
        }
        plan
    }

    /// Add keys that an earlier run of the command turned out to need; all keys once that has happened too often.
    pub fn add_found(&mut self, server: &Server, found: &[Box<[u8]>], rounds: usize) {
        for key in found {
            self.add_slot(server, key::slot(key));
        }
        match &mut self.shards {
            _ if rounds > limits::LOCK_ROUNDS => self.shards = Shards::All,
            Shards::Some(shards) => {
                shards.sort_unstable();
                shards.dedup();
            }
            Shards::All => {}
        }
    }

    /// Whether a module was unloaded or upgraded after the plan was made. Asked when the instances are locked.
    #[inline]
    pub fn is_stale(&self) -> bool {
        self.modules.iter().any(|module| module.is_retired())
    }

    /// A module, and those that it may call.
    fn add_module(&mut self, server: &Server, module: ModuleRef<'p>) {
        if !module.manifest.calls.is_empty() {
            let table = server.tenant.commands();
            let called = module.manifest.calls.iter().filter_map(|name| table.find(name));
            let callees = called.filter_map(|command| command.run.module());
            self.modules.extend(callees.map(|callee| ModuleRef::Owned(Arc::clone(callee))));
        }
        self.modules.push(module);
    }

    #[inline]
    fn add_keys<'b>(
        &mut self,
        server: &Server,
        command: &Command,
        argv: Argv<'b>,
        slot_of: impl Fn(&mut Self, &'b [u8]) -> u16,
    ) {
        if command.flags.has(Flags::ALL_KEYS) {
            self.shards = Shards::All;
            return;
        }
        for_each_key(&command.keys, argv, |_, key| {
            let slot = slot_of(self, key);
            self.add_slot(server, slot);
        });
    }

    /// The slot of one of the command's own keys. The first is hashed for all that follows.
    #[inline]
    fn slot_of(&mut self, bytes: &'p [u8]) -> u16 {
        match self.key {
            Some(key) if std::ptr::eq(key.bytes, bytes) => key.slot,
            Some(_) => key::slot(bytes),
            None => self.key.insert(Key::new(bytes)).slot,
        }
    }

    #[inline]
    fn add_slot(&mut self, server: &Server, slot: u16) {
        if let Shards::Some(shards) = &mut self.shards {
            shards.push(server.tenant.keyspace.shard_of(slot));
        }
    }

    /// A key of the command with its hash, if it has one.
    pub fn key(&self) -> Option<Key<'p>> {
        self.key
    }

    /// The name of the first module that it needs.
    pub fn module_name(&self) -> &str {
        self.modules.first().map_or("", |module| module.name.as_str())
    }

    /// How long the commands of some module must wait for fuel.
    #[inline]
    pub fn throttled(&self, server: &Server) -> Option<Duration> {
        self.modules.iter().filter_map(|module| module.must_wait(|| server.clock.now_ns())).max()
    }

    /// Count that a command of the first module waits.
    pub fn count_waiting(&self, wait: Duration) {
        if let Some(module) = self.modules.first() {
            module.count_throttled(wait);
        }
    }

    /// Whether these instances are just those that the command needs, and there are any.
    #[inline]
    pub fn is_served_by(&self, instances: &InstanceGuards) -> bool {
        !instances.is_empty() && instances.are_of(&self.modules)
    }

    /// Lock the instances, which come before the shards: nobody waits for a module while holding a key.
    #[inline]
    pub fn lock_instances(&self, server: &Server, worker: usize) -> InstanceGuards {
        InstanceGuards::lock(&self.modules, server, worker)
    }

    /// Once they are locked: ask for what looking up the command's keys will touch, so that they do not wait for memory one after the
    /// other. One key alone gains nothing, and shards are held for as long as the command waits.
    #[inline]
    pub fn prefetch_keys(&self, locked: &Locked<'_>, command: &Command, argv: Argv<'_>, db: usize) {
        if self.several {
            prefetch_keys(locked, command, argv, db);
        }
    }

    /// Lock the shards.
    #[inline]
    pub fn lock_shards<'s>(&self, server: &'s Server) -> Locked<'s> {
        let keyspace = &server.tenant.keyspace;
        match &self.shards {
            Shards::Some(ids) => match ids.as_slice() {
                [id] => keyspace.lock_one(*id),
                ids => keyspace.lock_many(ids),
            },
            Shards::All => keyspace.lock_all(),
        }
    }
}

#[inline(never)]
fn prefetch_keys(locked: &Locked<'_>, command: &Command, argv: Argv<'_>, db: usize) {
    let mut keys: SmallVec<[Key<'_>; limits::BATCH_COMMANDS_MAX]> = SmallVec::new();
    for_each_key(&command.keys, argv, |_, bytes| {
        if keys.len() < limits::PREFETCHED_KEYS_MAX {
            keys.push(Key::new(bytes));
        }
    });
    locked.prefetch(&keys, db);
}

/// Call `f` with the position and the bytes of every key among the arguments.
pub fn for_each_key<'b>(specs: &[KeySpec], argv: Argv<'b>, mut f: impl FnMut(usize, &'b [u8])) {
    for spec in specs {
        match spec.find {
            Find::Range { first, last, step } => {
                let last = if last < 0 { argv.len() as isize + last } else { last };
                let mut position = first;
                while position as isize <= last {
                    let Some(key) = argv.get(position) else { break };
                    f(position, key);
                    position += step;
                }
            }
            Find::Count { count, first, step } => {
                let n =
                    argv.get(count).and_then(parse_i64).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                let positions = (0..n).map(|i| first + i * step);
                for position in positions.take_while(|&position| position < argv.len()) {
                    f(position, argv.get(position).expect("checked against the number of arguments"));
                }
            }
            Find::Keyword { word, from } => {
                if let Some(position) = behind(argv, word, from)
                    && let Some(key) = argv.get(position)
                {
                    f(position, key);
                }
            }
            Find::Streams { .. } => {
                let first = behind_options(argv).unwrap_or(argv.len());
                for position in first..first + (argv.len() - first) / 2 {
                    f(position, argv.at(position));
                }
            }
            Find::Derived => {}
            Find::SortStore => {
                if let Some(position) = sort_destination(argv) {
                    f(position, argv.at(position));
                }
            }
            Find::Trailing { word, from } => {
                for position in behind(argv, word, from).into_iter().flat_map(|first| first..argv.len()) {
                    f(position, argv.at(position));
                }
            }
        }
    }
}

/// The position behind STREAMS of XREAD or XREADGROUP: what follows an option may be called the same.
fn behind_options(argv: Argv<'_>) -> Option<usize> {
    let mut position = 1;
    while position < argv.len() {
        let word = argv.at(position);
        let is = |option| super::args::is(word, option);
        position += match () {
            () if is("STREAMS") => return Some(position + 1),
            () if is("BLOCK") || is("COUNT") => 2,
            () if is("GROUP") => 3,
            () => 1,
        };
    }
    None
}

/// Where SORT finds the key to store into.
fn sort_destination(argv: Argv<'_>) -> Option<usize> {
    let (mut position, mut found) = (2, None);
    while position < argv.len() {
        let is = |word| super::args::is(argv.at(position), word);
        position += if is("LIMIT") {
            3
        } else if is("BY") || is("GET") {
            2
        } else {
            if is("STORE") && position + 1 < argv.len() {
                found = Some(position + 1);
            }
            1
        };
    }
    found
}

/// Whether a command may turn out to need keys that its arguments do not name.
pub fn may_find_keys(command: &Command, argv: Argv<'_>) -> bool {
    let is_derived = command.keys.iter().any(|spec| spec.find == Find::Derived);
    command.flags.has(Flags::FINDS_KEYS)
        && (!is_derived || argv.iter().skip(2).any(|arg| arg.contains(&b'*')))
}

/// The position behind a word.
fn behind(argv: Argv<'_>, word: &str, from: usize) -> Option<usize> {
    (from..argv.len()).find(|&position| super::args::is(argv.at(position), word)).map(|position| position + 1)
}
