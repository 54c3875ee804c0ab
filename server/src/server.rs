//! The server: what all threads share, and what is done to it from more than one place.
//! A worker is a thread with an event loop of its own that serves its connections. The acceptor, one more
//! thread, takes connections in and hands each to a worker (`listen`, `balance`). The main thread starts them all
//! (`start`), and then keeps time (`cron`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::balance::Balance;
use crate::clock::Clock;
use crate::command::session::Session;
use crate::command::slowlog::Slowlog;
use crate::command::spec::Flags;
use crate::command::table::Command;
use crate::config::{Config, ConfigStore};
use crate::effects::Effects;
use crate::effects::aof::Aof;
use crate::effects::pubsub::Kind;
use crate::latency::LatencyMonitor;
use crate::limits;
use crate::memory::Memory;
use crate::module::Registry;
use crate::net::client::{Client, Clients};
use crate::persistence::Persistence;
use crate::shutdown::Shutdown;
use crate::stats::{CommandCounters, PerWorker, Rates, Stats};
use crate::tenant::Tenant;

/// What CLIENT PAUSE asked for.
#[derive(Debug, Default, Clone, Copy)]
pub struct Pause {
    /// Until when, in microseconds since 1970.
    pub until_us: u64,
    /// Only commands that may write wait.
    pub writes_only: bool,
}

/// A server. There is one in a process, and it lives as long as the process does.
pub struct Server {
    /// The directives, as they are now.
    pub config: ConfigStore,
    /// The one tenant.
    pub tenant: Tenant,
    /// Everybody who is connected.
    pub clients: Clients,
    /// Connections taken in, and refused because of `maxclients`.
    pub accepted: AtomicU64,
    /// Clients that were disconnected because of `maxmemory-clients`.
    pub evicted_clients: AtomicU64,
    /// What those of them used whose workers have not got there yet.
    pub leaving_memory: AtomicUsize,
    /// About what all clients occupy, while that is limited.
    pub client_memory: AtomicUsize,
    /// See `accepted`.
    pub rejected: AtomicU64,
    /// How many of them are in MONITOR.
    pub monitors: AtomicUsize,
    /// The workers, and who serves which connections.
    pub balance: Balance,
    /// The counters of each worker.
    pub stats: PerWorker<Stats>,
    /// How often each error code was answered.
    pub error_stats: Mutex<BTreeMap<String, u64>>,
    /// Slow commands.
    pub slowlog: Slowlog,
    /// What took long; `latency-monitor-threshold`.
    pub latency: LatencyMonitor,
    /// Where changes are kept.
    pub aof: Aof,
    /// What happens in a second.
    pub rates: Mutex<Rates>,
    /// How much memory is used, and by what.
    pub memory: Memory,
    /// What is known of the server's own files.
    pub persistence: Persistence,
    /// The clocks.
    pub clock: Clock,
    /// 40 hexadecimal digits that tell this run from others.
    pub run_id: String,
    /// When it started.
    pub started_us: u64,
    /// Whether keys expire without being asked for; DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: AtomicBool,
    /// Whether cron stands still; DEBUG PAUSE-CRON.
    pub cron_paused: AtomicBool,
    /// Whether what changes a module's value is kept; DEBUG MODULE-JOURNAL.
    pub keeps_journals: AtomicBool,
    /// Keys that expired without being asked for.
    pub cron_expired: AtomicU64,
    /// Turns of cron.
    pub cron_turns: AtomicU64,
    /// Nanoseconds that they took.
    pub cron_nanos: AtomicU64,
    /// Keys that were evicted without a client's asking for room.
    pub cron_evicted: AtomicU64,
    /// Keys of databases that were emptied and that a thread has yet to free.
    pub lazyfree_pending: AtomicU64,
    /// Keys that were freed so.
    pub lazyfreed: AtomicU64,
    /// What signals have asked for.
    pub shutdown: Shutdown,
    pause: Mutex<Pause>,
    paused: AtomicBool,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Server {
    /// A server that does not run yet.
    pub fn new(config: ConfigStore) -> anyhow::Result<&'static Self> {
        let current = config.current();
        let workers = current.workers();
        let clock = Clock::default();
        let mut id = [0u8; 20];
        rand::fill(&mut id);
        // It lives as long as the process: a plain reference spares every command a shared reference count.
        Ok(Box::leak(Box::new(Self {
            tenant: Tenant::new(current.databases, workers, current.access_clock(), Registry::new(&current)?),
            clients: Clients::default(),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            evicted_clients: AtomicU64::new(0),
            leaving_memory: AtomicUsize::new(0),
            client_memory: AtomicUsize::new(0),
            monitors: AtomicUsize::new(0),
            balance: Balance::new(workers),
            stats: PerWorker::new(workers),
            error_stats: Mutex::new(BTreeMap::new()),
            slowlog: Slowlog::default(),
            latency: LatencyMonitor::default(),
            aof: Aof::default(),
            rates: Mutex::default(),
            memory: Memory::new(workers),
            persistence: Persistence::new(clock.now_us() / 1_000_000),
            started_us: clock.now_us(),
            clock,
            run_id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            active_expire: AtomicBool::new(true),
            cron_paused: AtomicBool::new(false),
            keeps_journals: AtomicBool::new(true),
            cron_expired: AtomicU64::new(0),
            cron_turns: AtomicU64::new(0),
            cron_nanos: AtomicU64::new(0),
            cron_evicted: AtomicU64::new(0),
            lazyfree_pending: AtomicU64::new(0),
            lazyfreed: AtomicU64::new(0),
            shutdown: Shutdown::default(),
            pause: Mutex::new(Pause::default()),
            paused: AtomicBool::new(false),
            stop: tokio::sync::watch::Sender::new(false),
            config,
        })))
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.balance.workers()
    }

    /// Count an error reply by its code.
    pub fn count_error(&self, worker: usize, code: &str) {
        self.stats.of(worker).error_replies.add(1);
        let mut codes = self.error_stats.lock();
        // Modules choose their own codes: a flood of them must not fill the memory.
        let room = codes.len() < limits::ERROR_CODES;
        if let Some(count) = codes.get_mut(code) {
            *count += 1;
        } else if room {
            codes.insert(code.to_owned(), 1);
        }
    }

    /// Look at the totals, for what happens in a second.
    pub fn sample_rates(&self) {
        let now_ns = self.clock.now_ns();
        let mut rates = self.rates.lock();
        rates.commands.sample(self.stats.sum(|stats| &stats.commands), now_ns);
        rates.input.sample(self.stats.sum(|stats| &stats.input_bytes), now_ns);
        rates.output.sample(self.stats.sum(|stats| &stats.output_bytes), now_ns);
        rates.turns.sample(self.turns(), now_ns);
        rates.turn_nanos.sample(self.turn_nanos(), now_ns);
    }

    /// Turns of the workers and of cron.
    pub fn turns(&self) -> u64 {
        self.stats.sum(|stats| &stats.turns) + self.cron_turns.load(Relaxed)
    }

    /// Nanoseconds that these took.
    pub fn turn_nanos(&self) -> u64 {
        self.stats.sum(|stats| &stats.turn_nanos) + self.cron_nanos.load(Relaxed)
    }

    /// Forget what was counted: CONFIG RESETSTAT.
    pub fn reset_stats(&self) {
        self.stats.iter().for_each(|stats| {
            let dirty = stats.dirty.get();
            stats.reset();
            // What a save has yet to write is no statistic.
            stats.dirty.add(dirty);
        });
        for command in self.tenant.commands().iter_all() {
            command.counters.iter().for_each(CommandCounters::reset);
        }
        self.error_stats.lock().clear();
        self.tenant.acl.log.reset_counts();
        let counters = [&self.accepted, &self.rejected, &self.evicted_clients, &self.lazyfreed];
        let of_cron = [&self.cron_expired, &self.cron_evicted, &self.cron_turns, &self.cron_nanos];
        let of_snapshots = [&self.persistence.snapshots, &self.persistence.snapshot_us];
        for counter in counters.into_iter().chain(of_cron).chain(of_snapshots) {
            counter.store(0, Relaxed);
        }
        *self.rates.lock() = Rates::default();
    }

    /// Pause clients until a time. Those that are paused already stay so at least as long, and as strictly, as they were to.
    pub fn pause(&self, until_us: u64, writes_only: bool, now_us: u64) {
        let mut pause = self.pause.lock();
        let is_paused = pause.until_us > now_us;
        pause.writes_only = writes_only && (pause.writes_only || !is_paused);
        pause.until_us = pause.until_us.max(until_us);
        self.paused.store(true, Relaxed);
    }

    /// Whether clients are paused: then nothing expires and nothing is evicted, so that the data stays as it is.
    #[inline]
    pub fn is_paused(&self, now_us: u64) -> bool {
        self.paused.load(Relaxed) && self.pause.lock().until_us > now_us
    }

    /// Let clients go on.
    pub fn unpause(&self) {
        *self.pause.lock() = Pause::default();
        self.paused.store(false, Relaxed);
    }

    /// How long a command has to wait because clients are paused.
    #[inline]
    pub fn paused_for(&self, command: &Command, session: &Session, now_us: u64) -> Option<Duration> {
        if !self.paused.load(Relaxed) {
            return None;
        }
        let pause = *self.pause.lock();
        if pause.until_us <= now_us {
            self.unpause();
            return None;
        }
        let writes = |command: &Command| command.flags.has(Flags::WRITE.with(Flags::MAY_REPLICATE));
        let queued = session.transaction.iter().flat_map(|transaction| &transaction.queue);
        let affected = !pause.writes_only
            || writes(command)
            || command.flags.has(Flags::RUNS_QUEUE) && queued.into_iter().any(|(queued, _)| writes(queued));
        affected.then(|| Duration::from_micros(pause.until_us - now_us).min(limits::PAUSE_STEP))
    }

    /// Forget what a session watches.
    pub fn unwatch_all(&self, session: &mut Session) {
        for watched in session.watched.drain(..) {
            session.client.let_go(watched.bytes());
            let key = crate::keyspace::Key::new(&watched.key);
            let shard = self.tenant.keyspace.shard_of(key.slot);
            let mut locked = self.tenant.keyspace.lock_one(shard);
            if let Some(shard) = locked.shard(&key) {
                shard.unwatch(watched.db, &key, &session.watch_dirty);
            }
        }
        session.watch_dirty.store(false, Relaxed);
        session.client.watch.store(0, Relaxed);
    }

    /// Have no more keys remembered for clients that may have copies of them than `tracking-table-max-keys` says.
    pub fn limit_tracked(&self, config: &Config, effects: &mut Effects) {
        let max = config.tracking_table_max_keys;
        if max != 0 && self.tenant.keyspace.tracked().keys() > max {
            self.tenant.keyspace.limit_tracked(max, &mut effects.invalidations);
        }
    }

    /// A connection has ended: take the client out of everything that it was in.
    pub fn disconnect(&self, session: &mut Session) {
        self.end_wait(session);
        self.unwatch_all(session);
        self.tenant.tracking.end(&session.client);
        self.unsubscribe_all(session);
        self.set_monitor(session, false);
        self.clients.leave(session.client.id);
    }

    /// End all subscriptions of a session.
    pub fn unsubscribe_all(&self, session: &mut Session) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in session.take_subscriptions(kind) {
                self.tenant.pubsub.unsubscribe(kind, &name, &session.client);
            }
        }
    }

    /// Begin or end MONITOR for a session.
    pub fn set_monitor(&self, session: &mut Session, on: bool) {
        if session.monitor == on {
            return;
        }
        session.monitor = on;
        session.client.set_flag(crate::net::client::flag::MONITOR, on);
        if on {
            self.monitors.fetch_add(1, Relaxed);
        } else {
            self.monitors.fetch_sub(1, Relaxed);
        }
    }

    /// More was to be written to a client than its limit allows, which is its end.
    pub fn note_output_limit(&self, worker: usize, client: &Client) {
        tracing::warn!("Client {} closed for overcoming of output buffer limits.", client.addr);
        self.stats.of(worker).output_limit_disconnections.add(1);
    }

    /// Ask the server to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Resolves when somebody has asked the server to stop.
    pub async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as the server, so waiting cannot fail.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}
