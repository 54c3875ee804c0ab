//! Commands that wait: BLPOP and its kin, XREAD BLOCK, WAIT.
//!
//! A command that finds nothing writes what it answers when its time is over, and asks to wait ([`CommandContext::wait_for`]);
//! where nobody may wait, in EXEC, below a module or in a file that is replayed, that is its answer at once. Who waits stands in a
//! queue at each of its keys, with a ticket. Whoever changes such a key runs the commands of those who wait for it, first come, first
//! served, before it unlocks: so no other client can take away what they have waited for, and they cost nothing meanwhile.
//!
//! A command can need keys in other shards than those that the writer has locked, as BLMOVE its destination. Then the queue of that key is
//! served right after the writer has unlocked, under the locks of all that those in it need.
//!
//! How a connection waits is in `net::connection`. The order of locks: shards, then one waiter's answer, then the list of all.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::acl::User;
use crate::acl::log::Context;
use crate::command;
use crate::keyspace::{EntryRef, Key, Locked, ReadyKey, Ticket, ValueType};
use crate::net::argv::{Argv, OwnedArgv};
use crate::net::client::{Client, flag};
use crate::net::reply::{Protocol, ReplyWriter};
use crate::server::Server;

use super::args;
use super::context::CommandContext;
use super::dispatch::{Executor, run_counted};
use super::error::{CommandError, CommandResult};
use super::lock_plan::for_each_key;
use super::permission::Question;
use super::session::Session;
use super::spec::{Family, Flags, tips};
use super::strtod;
use super::table::Command;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("WAIT", 3, NOSCRIPT, [], wait,
            "3.0.0", "O(1)",
            "Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.",
            "numreplicas:integer timeout",
            categories: &["connection"], tips: tips::SHARDS_MIN),
        command!("WAITAOF", 4, NOSCRIPT, [], waitaof,
            "7.2.0", "O(1)",
            "Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the master and/or replicas.",
            "numlocal numreplicas timeout",
            categories: &["connection"], tips: tips::SHARDS_MIN),
    ],
};

/// What a command asks for that waits.
#[derive(Debug)]
pub struct Wait {
    /// The keys for which it waits.
    pub keys: Vec<Box<[u8]>>,
    /// For how long; for ever if none.
    pub timeout: Option<Duration>,
    /// What has to be there before it can be served.
    pub until: Until,
    /// What runs then, if it is not what the client sent: `$` of XREAD means the moment at which it was said.
    pub argv: Option<OwnedArgv>,
}

impl Wait {
    /// For no key.
    fn without_keys(timeout: Option<Duration>, until: Until) -> Self {
        Self { keys: Vec::new(), timeout, until, argv: None }
    }
}

/// When somebody is served who waits for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When a value of this type is there; values of others are not what it has waited for.
    Holds(ValueType),
    /// With any change: that the key is gone is news, too.
    Changed,
    /// When the append-only file is on disk up to here, and as many replicas have it.
    OnDisk(u64, u64),
}

impl Until {
    /// How far WAITAOF has come.
    fn on_disk(self, server: &Server) -> Option<OnDisk> {
        let Self::OnDisk(end, replicas) = self else { return None };
        Some(OnDisk { here: server.aof.is_on() && server.aof.is_on_disk(end), wanted_replicas: replicas })
    }
}

/// Whether what was appended is on the disk here, and on how many replicas it is to be.
struct OnDisk {
    here: bool,
    wanted_replicas: u64,
}

impl OnDisk {
    fn reply(&self) -> Vec<u8> {
        format!("*2\r\n:{}\r\n:0\r\n", u8::from(self.here)).into_bytes()
    }
}

/// A client that waits in a command.
pub struct Waiter {
    /// Its number in the queues.
    ticket: Ticket,
    /// Who it is.
    pub client: Arc<Client>,
    command: Arc<Command>,
    argv: OwnedArgv,
    /// On whose behalf it runs.
    user: Arc<User>,
    db: usize,
    protocol: Protocol,
    no_touch: bool,
    /// The keys for which it waits.
    keys: Vec<Box<[u8]>>,
    until: Until,
    /// When it gives up.
    pub deadline: Option<tokio::time::Instant>,
    /// What it answers then.
    timeout_reply: Vec<u8>,
    answer: Mutex<Option<Answer>>,
}

/// What a client has got that has waited.
#[derive(Debug, Default)]
pub struct Answer {
    /// The reply.
    pub reply: Vec<u8>,
    /// Where in the append-only file the change that it made ends.
    pub appended: u64,
    /// The command has not run again, so that nobody has counted it.
    pub is_given_up: bool,
}

/// What INFO says of those who wait.
#[derive(Debug, Clone, Copy)]
pub struct BlockedFigures {
    /// Keys for which somebody waits.
    pub keys: usize,
    /// Those of them of which also the end is awaited.
    pub keys_until_changed: usize,
    /// Clients that give up at some time.
    pub timeouts: usize,
}

/// All who wait.
#[derive(Default)]
pub struct Blocked {
    last_ticket: AtomicU64,
    count: AtomicUsize,
    waiters: Mutex<BTreeMap<Ticket, Arc<Waiter>>>,
}

impl Blocked {
    /// Whether anybody waits.
    #[inline]
    pub fn is_any(&self) -> bool {
        self.count.load(Relaxed) != 0
    }

    fn add(&self, waiter: &Arc<Waiter>) {
        let mut waiters = self.waiters.lock();
        waiters.insert(waiter.ticket, Arc::clone(waiter));
        self.count.store(waiters.len(), Relaxed);
    }

    fn remove(&self, ticket: Ticket) {
        let mut waiters = self.waiters.lock();
        waiters.remove(&ticket);
        self.count.store(waiters.len(), Relaxed);
    }

    fn get(&self, ticket: Ticket) -> Option<Arc<Waiter>> {
        self.waiters.lock().get(&ticket).cloned()
    }

    /// For how many keys clients wait, for how many with any change, and how many have a time at which they give up.
    pub fn figures(&self) -> BlockedFigures {
        let waiters: Vec<_> = self.waiters.lock().values().cloned().collect();
        let keys = |all: bool| {
            let waiters = waiters.iter().filter(|waiter| all || waiter.until == Until::Changed);
            let keys = waiters.flat_map(|waiter| waiter.keys.iter().map(|key| (waiter.db, &**key)));
            keys.collect::<HashSet<_>>().len()
        };
        BlockedFigures {
            keys: keys(true),
            keys_until_changed: keys(false),
            timeouts: waiters.iter().filter(|waiter| waiter.deadline.is_some()).count(),
        }
    }

    /// Ends the wait of a client, as if its time were over or with an error. False if it does not wait.
    pub fn unblock(&self, client: u64, with_error: bool) -> bool {
        let waiter = self.waiters.lock().values().find(|waiter| waiter.client.id == client).cloned();
        waiter.is_some_and(|waiter| {
            let error = || b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n".to_vec();
            waiter.end(if with_error { error() } else { waiter.timeout_reply.clone() })
        })
    }
}

impl Waiter {
    /// Ends the wait with this reply, if it has not ended yet.
    fn end(&self, reply: Vec<u8>) -> bool {
        let mut answer = self.answer.lock();
        if answer.is_some() {
            return false;
        }
        *answer = Some(Answer { reply, appended: 0, is_given_up: true });
        drop(answer);
        self.client.remind();
        true
    }

    /// Its time is over.
    pub fn time_out(&self, server: &Server) {
        let reached = self.until.on_disk(server).map(|on_disk| on_disk.reply());
        self.end(reached.unwrap_or_else(|| self.timeout_reply.clone()));
    }

    /// Whether the wait is over.
    pub fn is_answered(&self) -> bool {
        self.answer.lock().is_some()
    }

    /// What it answers. Nothing is answered twice.
    pub fn take_answer(&self) -> Answer {
        self.answer.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether all shards that its command needs are locked.
    fn is_locked(&self, locked: &mut Locked<'_>) -> bool {
        let mut all = true;
        for_each_key(&self.command.keys, self.argv.as_argv(), |_, name| {
            all = all && locked.shard(&Key::new(name)).is_some();
        });
        all
    }

    /// Takes it out of the queues of the shards that are locked.
    fn leave(&self, locked: &mut Locked<'_>) {
        for name in &self.keys {
            let key = Key::new(name);
            if let Some(shard) = locked.shard(&key) {
                shard.waiting().leave(self.db, &key, self.ticket);
            }
        }
    }
}

/// How long a command may wait: seconds, 0 for ever.
pub fn timeout(seconds: &[u8]) -> Result<Option<Duration>, CommandError> {
    let seconds =
        strtod::number(seconds).ok_or(CommandError::line("ERR timeout is not a float or out of range"))?;
    of_ms(seconds * 1000.0)
}

/// The same in whole milliseconds.
pub fn timeout_ms(milliseconds: &[u8]) -> Result<Option<Duration>, CommandError> {
    let milliseconds = args::parse_i64(milliseconds)
        .ok_or(CommandError::line("ERR timeout is not an integer or out of range"))?;
    of_ms(milliseconds as f64)
}

fn of_ms(milliseconds: f64) -> Result<Option<Duration>, CommandError> {
    if milliseconds < 0.0 {
        return Err(CommandError::line("ERR timeout is negative"));
    }
    if milliseconds >= i64::MAX as f64 {
        return Err(CommandError::line("ERR timeout is out of range"));
    }
    // A fraction of a millisecond is no "for ever".
    Ok((milliseconds > 0.0).then(|| Duration::from_millis(milliseconds.ceil() as u64)))
}

impl CommandContext<'_> {
    /// Wait until one of these keys changes, and run again then. The reply that the command has written is its answer when nothing comes
    /// in time; where nobody may wait it is the answer at once. Whether it waits.
    pub fn wait_for<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        timeout: Option<Duration>,
        until: Until,
    ) -> bool {
        self.wait(Wait { keys: keys.map(Box::from).collect(), timeout, until, argv: None })
    }

    /// The same, and run these words then.
    pub fn wait_as<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        timeout: Option<Duration>,
        until: Until,
        argv: OwnedArgv,
    ) {
        self.wait(Wait { keys: keys.map(Box::from).collect(), timeout, until, argv: Some(argv) });
    }

    fn wait(&mut self, wait: Wait) -> bool {
        let may_wait = !self.in_transaction && self.answers_client();
        if may_wait {
            self.wait = Some(wait);
        }
        may_wait
    }
}

impl Server {
    /// A wait is over, or its client has left: nobody may be served for it any more.
    pub fn end_wait(&self, session: &mut Session) -> Answer {
        let Some(waiter) = session.waiting.take() else { return Answer::default() };
        // Whoever has been served has left the queues already; for the others this is the end of the wait.
        waiter.end(Vec::new());
        self.tenant.blocked.remove(waiter.ticket);
        for name in &waiter.keys {
            let key = Key::new(name);
            waiter.leave(&mut self.tenant.keyspace.lock_keys([&key]));
        }
        session.client.set_flag(flag::BLOCKED, false);
        let answer = waiter.take_answer();
        session.appended = session.appended.max(answer.appended);
        answer
    }
}

impl Executor {
    /// A command waits from now on; the shards of its keys are locked. `reply` is what it answers when its time is over.
    pub(super) fn enter_queues(
        &self,
        session: &mut Session,
        (command, argv): (&Arc<Command>, Argv<'_>),
        locked: &mut Locked<'_>,
        wait: Wait,
        timeout_reply: Vec<u8>,
    ) {
        let blocked = &self.server.tenant.blocked;
        // A time that no clock reaches is for ever.
        let deadline = wait.timeout.and_then(|timeout| tokio::time::Instant::now().checked_add(timeout));
        let waiter = Arc::new(Waiter {
            ticket: blocked.last_ticket.fetch_add(1, Relaxed),
            client: Arc::clone(&session.client),
            command: Arc::clone(command),
            argv: wait.argv.unwrap_or_else(|| OwnedArgv::from(argv)),
            user: Arc::clone(session.user()),
            db: session.db,
            protocol: session.protocol,
            no_touch: session.no_touch,
            keys: wait.keys,
            until: wait.until,
            deadline,
            timeout_reply,
            answer: Mutex::new(None),
        });
        for name in &waiter.keys {
            let key = Key::new(name);
            if let Some(shard) = locked.shard(&key) {
                shard.waiting().enter(waiter.db, &key, waiter.ticket);
            }
        }
        blocked.add(&waiter);
        session.client.set_flag(flag::BLOCKED, true);
        session.waiting = Some(waiter);
    }

    /// Serve those who wait for keys that have just changed. The result is the keys whose queues need more shards than these.
    #[cold]
    pub(super) fn serve_waiting(&mut self, locked: &mut Locked<'static>) -> Vec<ReadyKey> {
        // What was there when the command began may have died while it ran.
        self.now_us = self.server.clock.now_us();
        let mut later = Vec::new();
        while let Some((db, name)) = locked.take_ready() {
            let key = Key::new(&name);
            let queue = locked.shard(&key).map(|shard| shard.waiting().queue(db, &name)).unwrap_or_default();
            for ticket in queue {
                let Some(waiter) = self.server.tenant.blocked.get(ticket) else { continue };
                let mut holds =
                    || locked.db(&key, db)?.peek(&key, self.now_us / 1000).map(EntryRef::value_type);
                if waiter.until != Until::Changed && holds().map(Until::Holds) != Some(waiter.until) {
                    continue;
                }
                if !waiter.is_locked(locked) {
                    later.push((db, name));
                    break;
                }
                self.serve(&waiter, locked);
            }
        }
        later
    }

    /// The same for queues that need more shards: no shard is locked.
    #[cold]
    pub(super) fn serve_later(&mut self, session: &Session, keys: Vec<ReadyKey>) {
        let mut locked = self.server.tenant.keyspace.lock_all();
        for (db, name) in keys {
            if let Some(shard) = locked.shard(&Key::new(&name)) {
                shard.waiting().mark_ready(db, &name);
            }
        }
        let left = self.serve_waiting(&mut locked);
        debug_assert!(left.is_empty(), "all shards are locked");
        drop(locked);
        self.after_keys(session);
    }

    /// Count a command whose wait has ended without its running again.
    pub fn count_given_up(&self, waiter: &Waiter, answer: &Answer) {
        let counters = waiter.command.counters.of(self.worker);
        counters.calls.add(1);
        self.server.stats.of(self.worker).commands.add(1);
        waiter.client.count_command();
        if answer.reply.starts_with(b"-") {
            counters.failed.add(1);
            let code = answer.reply[1..].split(|&byte| byte == b' ').next().unwrap_or_default();
            self.server.count_error(self.worker, &String::from_utf8_lossy(code));
        }
    }

    /// Run the command of somebody who waits. It is served, or waits on.
    fn serve(&mut self, waiter: &Waiter, locked: &mut Locked<'static>) {
        let mut answer = waiter.answer.lock();
        if answer.is_some() {
            return;
        }
        let mut session = Session::of_user(Arc::clone(&waiter.client), Arc::clone(&waiter.user));
        (session.db, session.protocol, session.no_touch) = (waiter.db, waiter.protocol, waiter.no_touch);
        session.is_shown = true;
        let mut reply = ReplyWriter::new(Vec::new(), waiter.protocol);
        if let Err(error) = self.may_still_run(&mut session, waiter) {
            waiter.command.counters.of(self.worker).rejected.add(1);
            self.server.count_error(self.worker, &error.code());
            reply.error(error.wire());
            *answer = Some(Answer { reply: reply.into_inner(), ..Answer::default() });
            drop(answer);
            return self.leave(waiter, locked);
        }
        let (server, mut tick) = (self.server, self.server.clock.ticks());
        let together = !waiter.command.flags.has(Flags::WALKS_KEYS);
        let mut ctx = self.context(&mut session, &mut reply, locked, &waiter.command, None);
        ctx.keys.effects.propagation.begin(server.aof.is_on());
        ctx.keys.effects.invalidations.of_all_keys = server.tenant.tracking.prefixes() != 0;
        run_counted(&mut ctx, &waiter.command, waiter.argv.as_argv(), &mut tick);
        ctx.keys.collect_expired();
        let waits_on = ctx.wait.is_some();
        let mut appended = 0;
        if !ctx.keys.effects.propagation.is_empty() {
            appended = server.aof.append(&mut ctx.keys.effects.propagation, together);
        }
        drop(ctx);
        if waits_on {
            return;
        }
        *answer = Some(Answer { reply: reply.into_inner(), appended, is_given_up: false });
        drop(answer);
        self.leave(waiter, locked);
    }

    /// Somebody who waits has an answer.
    fn leave(&self, waiter: &Waiter, locked: &mut Locked<'static>) {
        waiter.leave(locked);
        self.server.tenant.blocked.remove(waiter.ticket);
        waiter.client.remind();
    }

    /// Whether the user of somebody who waits may still do what it might when the wait began.
    fn may_still_run(&self, session: &mut Session, waiter: &Waiter) -> CommandResult {
        session.renew_user(&self.server.tenant);
        if session.is_free() {
            return Ok(());
        }
        if session.must_authenticate() {
            return Err(CommandError::NoAuth);
        }
        let now_ms = self.now_us / 1000;
        let question = Question { server: self.server, config: self.config(), session, now_ms };
        question.ask(&waiter.command, waiter.argv.as_argv(), Context::Toplevel)
    }
}

impl Server {
    /// Serve those who wait for the disk.
    pub fn serve_on_disk(&self) {
        if !self.tenant.blocked.is_any() {
            return;
        }
        let waiters: Vec<_> = self.tenant.blocked.waiters.lock().values().cloned().collect();
        for waiter in waiters {
            let reached = waiter.until.on_disk(self).filter(|disk| disk.here && disk.wanted_replicas == 0);
            reached.map(|on_disk| waiter.end(on_disk.reply()));
        }
    }
}

/// `WAITAOF numlocal numreplicas timeout` -- O(1). How many disks here, and how many replicas, have what this client wrote.
fn waitaof(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let local = args::integer_in(argv.at(1), 0, 1)?;
    let replicas = args::unsigned(argv.at(2), "ERR value is out of range, must be positive")?;
    let timeout = timeout_ms(argv.at(3))?;
    if local == 1 && !ctx.server.aof.is_on() {
        return Err(CommandError::line(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    let here = ctx.server.aof.is_on() && ctx.server.aof.is_on_disk(ctx.session.appended);
    ctx.reply.array_header(2);
    ctx.reply.integer(i64::from(here));
    ctx.reply.integer(0);
    if replicas > 0 || (local == 1 && !here) {
        ctx.wait(Wait::without_keys(timeout, Until::OnDisk(ctx.session.appended, replicas)));
    }
    Ok(())
}

/// `WAIT numreplicas timeout` -- O(1). How many replicas have what this client wrote: there are none.
fn wait(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let wanted = args::integer(argv.at(1))?;
    let timeout = timeout_ms(argv.at(2))?;
    ctx.reply.integer(0);
    if wanted > 0 {
        ctx.wait(Wait::without_keys(timeout, Until::Changed));
    }
    Ok(())
}
