//! The one place where a command and its consequences happen: stops 4 to 11 of a command's way.
//! Clients, EXEC, a module's `call` and the replay of the append-only file all enter here.
//!
//! The order of locks: instances that the commands of a module share, in the order in which the modules were loaded; then
//! shards, ascending; nothing else is ever waited for while one is held, and none is held across an await. An instance may stay
//! locked from one command of a batch to the next.
//! Undo and effects are decided here and nowhere else; reasons to refuse are in `refusal`, what a command does is in its family's file.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::config::Config;
use crate::effects::Effects;
use crate::effects::notify::Class;
use crate::effects::tracking::Own;
use crate::keyspace::{Key, Locked, Thresholds};
use crate::limits;
use crate::module::InstanceGuards;
use crate::net::argv::{Argv, OwnedArgv};
use crate::net::client::flag;
use crate::net::reply::ReplyWriter;
use crate::server::Server;

use super::args;
pub use super::batch::Prepared;
use super::batch::{ElementAt, Held, InBatch};
pub use super::blocking::Waiter;
use super::context::{Called, CommandContext};
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::lock_plan::LockPlan;
use super::monitor;
use super::resolve::resolve_original;
pub use super::resolve::{resolve, resolve_subcommand};
use super::scratch::Scratch;
use super::session::{ReplyMode, Session};
use super::spec::Flags;
use super::table::{Command, CommandTable};

/// What the connection has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The reply, if there is one, is in the writer.
    Done,
    /// Nothing has happened: ask again after this time, with the same arguments.
    Delay(Duration),
    /// The session has a job, from which the reply comes.
    Job,
    /// The session waits for something, from which the reply comes.
    Wait,
}

/// How a run of a command ended.
enum Ran {
    /// There is a reply.
    Done,
    /// A module that it needs was unloaded or upgraded before it had its locks.
    Stale,
    /// It needs these keys, too, and has left nothing behind.
    NeedsKeys(Vec<Box<[u8]>>),
}

/// Where a client hears of keys that it tracks.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// Before its reply: what happened before its command ran.
    Before,
    /// Behind it: what its command did.
    Behind,
}

/// What one worker needs to execute commands.
pub struct Executor {
    /// The server.
    pub server: &'static Server,
    /// The number of the worker.
    pub worker: usize,
    /// Microseconds since 1970, as of the last `begin`.
    pub now_us: u64,
    /// Taken out while a command runs, which borrows from it: a reference count that all workers change would cost
    /// more than the look-up.
    table: Option<Arc<CommandTable>>,
    pub(super) config: Arc<Config>,
    /// What the configuration says of encodings.
    thresholds: Thresholds,
    generation: (u64, u64),
    pub(super) effects: Effects,
    scratch: Scratch,
    tick: u64,
    /// The tick and the number of commands at which the batch began.
    turn: (u64, u64),
    /// What the client whose command runs is told of keys that it tracks: before the reply, and behind it.
    told: [Own; 2],
    /// For the length of a batch.
    pub(super) held: Held,
}

impl Executor {
    /// For this worker.
    pub fn new(server: &'static Server, worker: usize) -> Self {
        let mut executor = Self {
            server,
            worker,
            now_us: 0,
            table: None,
            config: server.config.current(),
            thresholds: Thresholds::default(),
            generation: (u64::MAX, u64::MAX),
            effects: Effects::default(),
            scratch: Scratch::default(),
            tick: 0,
            turn: (0, 0),
            told: Default::default(),
            held: Held::default(),
        };
        executor.begin();
        executor
    }

    /// The configuration as of the last `begin`.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Before a batch of one client's commands, which ends with what is returned.
    pub fn begin_batch(&mut self) -> InBatch<'_> {
        self.begin();
        self.held.begin();
        self.turn = (self.tick, self.server.stats.of(self.worker).commands.get());
        InBatch(self)
    }

    /// A batch has ended.
    pub(super) fn count_turn(&mut self) {
        let stats = self.server.stats.of(self.worker);
        let (began, commands) = self.turn;
        let nanos = self.server.clock.nanos_between(began, self.tick);
        stats.turns.add(1);
        stats.turn_nanos.add(nanos);
        stats.turn_nanos_max.raise(nanos);
        stats.turn_commands_max.raise(stats.commands.get().saturating_sub(commands));
    }

    /// Before a batch: look at the clock, and take over a new table and configuration.
    pub fn begin(&mut self) {
        self.now_us = self.server.clock.now_us();
        self.tick = self.server.clock.ticks();
        self.server.memory.publish(self.worker);
        self.refresh();
    }

    #[inline]
    fn refresh(&mut self) {
        let generation = (self.server.tenant.generation.load(Acquire), self.server.config.generation());
        if self.generation != generation {
            self.table = Some(self.server.tenant.commands());
            self.config = self.server.config.current();
            self.thresholds = self.config.thresholds();
            self.generation = generation;
        }
    }

    /// Stop 12: whether what the client has changed is as safe as `appendfsync` promises. If not, `waker` is woken then.
    #[inline]
    pub fn poll_synced(&self, session: &Session, waker: &Waker) -> Poll<()> {
        self.server.aof.poll_synced(session.appended, waker)
    }

    /// What a client occupies has changed.
    #[inline]
    pub fn note_client_memory(&self, session: &Session) {
        self.server.note_client_memory(&self.config, &session.client);
    }

    /// Count what was read from a client.
    pub fn count_input(&self, bytes: u64) {
        let stats = self.server.stats.of(self.worker);
        stats.input_bytes.add(bytes);
        stats.reads.add(1);
    }

    /// Hash the keys of the coming commands, and bring what they need into the cache: first the slots of all, then the
    /// entries, then what their values consist of. One command alone gains nothing from it.
    pub fn prepare<'b>(&self, db: usize, batch: impl Iterator<Item = Argv<'b>> + Clone) -> Prepared<'b> {
        // Nearly every command that is sent in pipelines has its key here, and fetching in vain is harmless.
        let bytes =
            batch.clone().map(|argv| argv.get(1).filter(|bytes| bytes.len() <= limits::PREPARED_KEY_BYTES));
        let prepared = Prepared::new(bytes.map(|bytes| bytes.map(Key::new)));
        // What comes in one batch is much alike.
        let element = batch.clone().next().and_then(|argv| self.element_of(argv));
        self.server.tenant.keyspace.prefetch(prepared.wanted(batch, element), db);
        prepared
    }

    /// Where commands like this one name an element of their key's value, if it has such.
    fn element_of(&self, argv: Argv<'_>) -> Option<ElementAt> {
        let command = self.table.as_ref()?.get(argv.get(0)?)?;
        if let Some(module) = command.run.module() {
            return module.has_types().then_some(ElementAt::Last);
        }
        match &*command.docs.group {
            "hash" | "set" | "list" | "stream" => Some(ElementAt::BehindKey),
            "sorted-set" if &*command.name == "zadd" => Some(ElementAt::BehindScore),
            "sorted-set" | "geo" => Some(ElementAt::Last),
            _ => None,
        }
    }

    /// Execute what a client sent.
    pub fn execute(&mut self, session: &mut Session, argv: Argv<'_>, reply: &mut ReplyWriter) -> Outcome {
        self.execute_prepared(session, argv, None, reply)
    }

    /// Execute a command of a batch that was prepared. `key` is one of its arguments.
    pub fn execute_prepared<'b>(
        &mut self,
        session: &mut Session,
        argv: Argv<'b>,
        key: Option<Key<'b>>,
        reply: &mut ReplyWriter,
    ) -> Outcome {
        let mark = reply.len();
        let outcome = loop {
            let table = self.table.take().unwrap_or_else(|| self.server.tenant.commands());
            let outcome = match resolve(&table, argv) {
                Ok(command) => self.execute_command(session, command, argv, key, reply),
                Err(error) => {
                    self.refuse(session, None, &error, reply);
                    Some(Outcome::Done)
                }
            };
            self.table = Some(table);
            if let Some(outcome) = outcome {
                break outcome;
            }
            self.refresh();
        };
        if outcome == Outcome::Done {
            self.apply_reply_mode(session, reply, mark);
            if session.caching && !args::is(&argv[0], "CLIENT") {
                session.end_caching();
            }
            // CONFIG SET, MODULE LOAD and their like hold for the next command of the same batch.
            self.refresh();
        }
        if !self.told.iter().all(|told| told.bytes.is_empty()) {
            self.tell_own(reply, mark);
        }
        outcome
    }

    /// Put what the client is told of its keys around its reply, which begins at `mark`. CLIENT REPLY does not silence it.
    #[cold]
    fn tell_own(&mut self, reply: &mut ReplyWriter, mark: usize) {
        let [before, behind] = &mut self.told;
        reply.insert(mark, &before.bytes);
        reply.raw(&behind.bytes);
        self.told.iter_mut().for_each(|told| told.bytes = Vec::new());
    }

    /// Execute what has been executed before, by this server or another one: nothing refuses it for now, and nobody hears of it.
    pub fn replay(
        &mut self,
        session: &mut Session,
        argv: Argv<'_>,
        reply: &mut ReplyWriter,
    ) -> Result<(), CommandError> {
        let table = self.table.take().unwrap_or_else(|| self.server.tenant.commands());
        let result = match resolve_original(&table, argv) {
            Ok(command) if !command.takes(argv.len()) => Err(CommandError::WrongArity(command.name.clone())),
            Ok(command) => {
                let plan = LockPlan::of(self.server, session, command, argv, None);
                // Modules are neither upgraded nor unloaded while data is loaded.
                self.run_to_end(session, command, argv, reply, &plan);
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.table = Some(table);
        result
    }

    /// None if the command is another one now: its module was upgraded or unloaded in this very moment.
    fn execute_command(
        &mut self,
        session: &mut Session,
        command: &Arc<Command>,
        argv: Argv<'_>,
        key: Option<Key<'_>>,
        reply: &mut ReplyWriter,
    ) -> Option<Outcome> {
        session.client.last_command.store(command.id, Relaxed);
        if std::mem::take(&mut session.postponed) {
            session.client.set_flag(flag::BLOCKED, false);
        }
        session.renew_user_as_of(&self.server.tenant, self.generation.0);
        match self.reasons_to_refuse(session, command, argv) {
            Ok(None) => {}
            Ok(Some(delay)) => return Some(Outcome::Delay(delay)),
            Err(error) => {
                self.refuse(session, Some(command), &error, reply);
                return Some(Outcome::Done);
            }
        }
        if let Some(transaction) = &mut session.transaction
            && !command.flags.has(Flags::NOT_QUEUED)
        {
            self.held.release();
            let bytes = argv.total_len() + size_of::<(Arc<Command>, OwnedArgv)>();
            transaction.bytes += bytes;
            session.client.hold(bytes);
            self.server.note_client_memory(&self.config, &session.client);
            transaction.queue.push((Arc::clone(command), OwnedArgv::from(argv)));
            session.client.multi.store(transaction.queue.len() as u32, Relaxed);
            reply.simple("QUEUED");
            return Some(Outcome::Done);
        }
        if command.flags.has(Flags::RUNS_QUEUE) {
            self.refresh_queue(session);
        }
        let plan = LockPlan::of(self.server, session, command, argv, key);
        if let Some(wait) = plan.throttled(self.server) {
            return Some(self.wait_for_fuel(session, &plan, wait, command, reply));
        }
        session.waiting_since_us = 0;
        if !self.run_to_end(session, command, argv, reply, &plan) {
            return None;
        }
        Some(match () {
            () if session.job.is_some() => Outcome::Job,
            () if session.waiting.is_some() => Outcome::Wait,
            () => Outcome::Done,
        })
    }

    /// Run a command, with all the keys that it turns out to need. False if its module has gone meanwhile.
    fn run_to_end(
        &mut self,
        session: &mut Session,
        command: &Arc<Command>,
        argv: Argv<'_>,
        reply: &mut ReplyWriter,
        plan: &LockPlan<'_>,
    ) -> bool {
        match self.run(session, command, argv, reply, plan) {
            Ran::Done => true,
            Ran::Stale => false,
            Ran::NeedsKeys(found) => self.run_with_more_keys(session, command, argv, reply, found),
        }
    }

    /// Run a command again that turned out to need more keys, until it has all of them. False if its module has gone meanwhile.
    #[cold]
    fn run_with_more_keys(
        &mut self,
        session: &mut Session,
        command: &Arc<Command>,
        argv: Argv<'_>,
        reply: &mut ReplyWriter,
        mut found: Vec<Box<[u8]>>,
    ) -> bool {
        for round in 1.. {
            let mut plan = LockPlan::of(self.server, session, command, argv, None);
            plan.add_found(self.server, &found, round);
            match self.run(session, command, argv, reply, &plan) {
                Ran::Done => return true,
                Ran::Stale => return false,
                Ran::NeedsKeys(more) => found.extend(more),
            }
        }
        true
    }

    /// Take other versions of modules into account that came after commands were queued.
    fn refresh_queue(&self, session: &mut Session) {
        let Some(transaction) = &mut session.transaction else { return };
        for (queued, argv) in &mut transaction.queue {
            if queued.run.module().is_some_and(|module| module.is_retired())
                && let Ok(command) = resolve(&self.server.tenant.commands(), argv.as_argv())
            {
                *queued = Arc::clone(command);
            }
        }
    }

    fn wait_for_fuel(
        &mut self,
        session: &mut Session,
        plan: &LockPlan<'_>,
        wait: Duration,
        command: &Command,
        reply: &mut ReplyWriter,
    ) -> Outcome {
        if session.waiting_since_us == 0 {
            session.waiting_since_us = self.now_us;
        }
        let waited = Duration::from_micros(self.now_us.saturating_sub(session.waiting_since_us));
        plan.count_waiting(wait.min(limits::THROTTLE_STEP));
        if waited < limits::THROTTLE_WAIT_MAX {
            return Outcome::Delay(wait.min(limits::THROTTLE_STEP));
        }
        session.waiting_since_us = 0;
        let name = plan.module_name();
        let error = CommandError::Other(
            format!("THROTTLED module '{name}' has used up its fuel for now, try again later").into(),
        );
        self.refuse(session, Some(command), &error, reply);
        Outcome::Done
    }

    /// Stops 5 to 11.
    fn run(
        &mut self,
        session: &mut Session,
        command: &Arc<Command>,
        argv: Argv<'_>,
        reply: &mut ReplyWriter,
        plan: &LockPlan<'_>,
    ) -> Ran {
        let server = self.server;
        let instances = self.held.lock(plan, server, self.worker, self.tick);
        if plan.is_stale() {
            return Ran::Stale;
        }
        let mut locked = plan.lock_shards(server);
        plan.prefetch_keys(&locked, command, argv, session.db);
        let mut tick = self.tick;
        let mut ctx = self.context(session, reply, &mut locked, command, plan.key());
        ctx.instances = instances;
        // Under the locks: whoever turns it on has held them all.
        ctx.keys.effects.propagation.begin(server.aof.is_on() && !ctx.session.is_loader);
        ctx.keys.effects.invalidations.of_all_keys = server.tenant.tracking.prefixes() != 0;
        let mark = ctx.reply.len();
        run_counted(&mut ctx, command, argv, &mut tick);
        ctx.keys.collect_expired();
        let more_keys = std::mem::take(&mut ctx.more_keys);
        if !ctx.keys.effects.propagation.is_empty() {
            let together = !command.flags.has(Flags::WALKS_KEYS);
            let end = server.aof.append(&mut ctx.keys.effects.propagation, together);
            ctx.session.appended = end;
        }
        let instances = std::mem::take(&mut ctx.instances);
        let wait = ctx.wait.take();
        drop(ctx);
        self.tick = tick;
        if let Some(wait) = wait {
            if server.monitors.load(Relaxed) != 0 {
                monitor::feed(server, session, command, argv, self.now_us);
            }
            let timeout_reply = reply.as_bytes()[mark..].to_vec();
            reply.truncate(mark);
            self.enter_queues(session, (command, argv), &mut locked, wait, timeout_reply);
        }
        let awaited = server.tenant.blocked.is_any() && locked.is_ready();
        let later = if awaited { self.serve_waiting(&mut locked) } else { Vec::new() };
        drop(locked);
        self.held.keep(instances, &server.clock, self.tick);
        if session.is_loader {
            self.effects.discard();
        }
        self.after_keys(session);
        if !later.is_empty() {
            self.serve_later(session, later);
        }
        if more_keys.is_empty() { Ran::Done } else { Ran::NeedsKeys(more_keys) }
    }

    /// What a command runs in.
    pub(super) fn context<'c>(
        &'c mut self,
        session: &'c mut Session,
        reply: &'c mut ReplyWriter,
        locked: &'c mut Locked<'static>,
        command: &Command,
        known_key: Option<Key<'c>>,
    ) -> CommandContext<'c> {
        let server = self.server;
        let (now_us, now_ms) = session.times(self.now_us);
        let keys = Keys {
            db: session.db,
            now_ms,
            no_touch: session.no_touch,
            keeps_dead: server.is_paused(self.now_us),
            may_write: true,
            // Nobody hears of what is repeated.
            notify: if session.is_loader { Class::NONE } else { self.config.notify_keyspace_events },
            lazy_expire: self.config.lazyfree_lazy_expire,
            thresholds: &self.thresholds,
            stats: server.stats.of(self.worker),
            effects: &mut self.effects,
            locked,
            scratch: &mut self.scratch,
        };
        CommandContext {
            server,
            tenant: &server.tenant,
            config: &self.config,
            worker: self.worker,
            seed: session.replay.map(|replay| replay.seed),
            session,
            reply,
            now_us,
            command_id: command.id,
            in_transaction: false,
            more_keys: Vec::new(),
            wait: None,
            called: Called::default(),
            instances: InstanceGuards::default(),
            known_key,
            keys,
        }
    }

    /// No key is locked any more: free what was replaced, and deliver what follows.
    #[inline]
    pub(super) fn after_keys(&mut self, session: &Session) {
        self.scratch.clear();
        self.deliver(session, Told::Behind);
    }

    /// Stop 11: nobody's keys are locked any more.
    pub(super) fn deliver(&mut self, session: &Session, place: Told) {
        if !self.effects.is_empty() {
            self.server.stats.of(self.worker).dirty.add(self.effects.dirty);
            let own = &mut self.told[place as usize];
            own.client = session.client.id;
            self.effects.deliver(&self.server.tenant.pubsub, &self.server.tenant.tracking, Some(own));
        }
    }

    fn apply_reply_mode(&self, session: &mut Session, reply: &mut ReplyWriter, mark: usize) {
        let is_heard = std::mem::take(&mut session.is_heard);
        match session.reply_mode {
            ReplyMode::On => {}
            _ if is_heard => {}
            ReplyMode::Off => reply.truncate(mark),
            ReplyMode::SkipNext => {
                reply.truncate(mark);
                session.reply_mode = ReplyMode::Skip;
            }
            ReplyMode::Skip => {
                reply.truncate(mark);
                session.reply_mode = ReplyMode::On;
            }
        }
    }
}

/// Run a command, count it, and answer its error if it fails. `tick` is when it began, and then when it ended.
pub fn run_counted(ctx: &mut CommandContext<'_>, command: &Command, argv: Argv<'_>, tick: &mut u64) {
    let mark = ctx.reply.len();
    let effects = ctx.keys.effects.mark();
    let result = command.run.run(ctx, argv);
    if let Err(error) = &result {
        ctx.reply.truncate(mark);
        ctx.keys.forget(effects);
        if !ctx.more_keys.is_empty() {
            return;
        }
        ctx.server.count_error(ctx.worker, &error.code());
        ctx.reply.error(error.wire());
    } else {
        ctx.propagate_after(effects, command, argv);
    }
    // One that waits is counted when it has ended.
    if ctx.session.is_loader || ctx.wait.is_some() {
        return;
    }
    if ctx.session.tracks_reads() && command.flags.has(Flags::READ) {
        ctx.record_reads(command, argv);
    }
    let began = std::mem::replace(tick, ctx.server.clock.ticks());
    let nanos = ctx.server.clock.nanos_between(began, *tick);
    // Afterwards, and while the keys are locked: MONITOR shows commands in the order in which they took effect.
    if ctx.server.monitors.load(Relaxed) != 0 && !ctx.session.is_shown {
        monitor::feed(ctx.server, ctx.session, command, argv, ctx.now_us);
    }
    let counters = command.counters.of(ctx.worker);
    counters.calls.add(1);
    counters.nanos.add(nanos);
    if result.is_err() {
        counters.failed.add(1);
    }
    if ctx.config.latency_tracking {
        counters.latency.record(nanos);
    }
    ctx.server.stats.of(ctx.worker).commands.add(1);
    ctx.session.client.count_command();
    let threshold_ms = ctx.config.latency_monitor_threshold;
    if threshold_ms != 0 && nanos / 1_000_000 >= threshold_ms {
        let event = if command.flags.has(Flags::FAST) { "fast-command" } else { "command" };
        ctx.server.latency.record(event, nanos / 1_000_000, ctx.now_us / 1_000_000);
    }
    let is_slow = |config: &Config| {
        let limit = config.slowlog_log_slower_than;
        limit >= 0 && nanos / 1000 >= limit.unsigned_abs()
    };
    if is_slow(ctx.config) && !command.flags.has(Flags::SKIP_SLOWLOG) {
        // CONFIG SET may just have turned it off.
        let config = ctx.server.config.current();
        if is_slow(&config) {
            let (micros, time_s) = (nanos / 1000, ctx.now_us / 1_000_000);
            ctx.server.slowlog.record(ctx.session, &command.name, argv, micros, time_s, &config);
        }
    }
}

/// Run another command inside the one that runs: under its locks, with the same client. Its reply goes into the
/// context's writer; its error comes back.
pub fn run_nested(ctx: &mut CommandContext<'_>, command: &Command, argv: Argv<'_>) -> CommandResult {
    let outer = std::mem::replace(&mut ctx.command_id, command.id);
    let began = ctx.server.clock.ticks();
    let effects = ctx.keys.effects.mark();
    let result = command.run.run(ctx, argv);
    match &result {
        Ok(()) => ctx.propagate_after(effects, command, argv),
        Err(_) => ctx.keys.forget(effects),
    }
    let nanos = ctx.server.clock.nanos_between(began, ctx.server.clock.ticks());
    // What runs further below is within what runs here.
    if ctx.keys.scratch.undo.depth() == 1 {
        ctx.called.ns += nanos;
    }
    let counters = command.counters.of(ctx.worker);
    counters.calls.add(1);
    counters.nanos.add(nanos);
    if result.is_err() {
        counters.failed.add(1);
    }
    ctx.command_id = outer;
    result
}
