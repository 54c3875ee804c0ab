//! Modules: what is loaded, its instances, its limits and what it used.
//! The sandbox itself is the library `sandkey-runtime`; here a component becomes commands in the table, and a
//! running command becomes the `Host` that the component's imports ask.

mod call;
mod command;
mod commit;
mod host;
mod list_host;
mod load;
mod object_host;
mod objects;
mod parameters;
mod registry;
mod replay;
mod set_host;
mod sorted_set_host;
mod starting;
mod stream_host;
mod upgrade;
mod values;

pub use load::{LoadRequest, Source};
pub use registry::Registry;
pub use sandkey_runtime::ConfigValue;
pub use values::{check_loadable, copied, digested, folded, object_memory, rewritten};

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{ArcMutexGuard, Mutex, RawMutex, RwLock};
use sandkey_runtime::{ArgvBuf, Instance, Limits, LogLevel, Manifest, State, Throttle};
use smallvec::SmallVec;

use crate::command::spec::KeySpec;
use crate::keyspace::TypeId;
use crate::limits;
use crate::server::Server;
use crate::stats::{Counter, PerWorker};

use objects::{Object, Objects};
use parameters::Unusual;
use starting::Starting;

/// A module that is loaded.
pub struct LoadedModule {
    /// Its place in the order of loading, which is the order in which instances are locked.
    pub id: u64,
    /// Its name, from the manifest.
    pub name: String,
    /// Where it came from: a path, or what MODULE LOADBYTES called it.
    pub path: String,
    /// Whether it came from a file, so that a start can load it again.
    pub from_file: bool,
    /// The arguments of MODULE LOAD.
    pub args: Vec<Vec<u8>>,
    /// What it declared.
    pub manifest: Manifest,
    /// Where the keys of each command are.
    key_specs: Vec<Vec<KeySpec>>,
    /// What the keyspace event of each command is called: its name.
    events: Vec<&'static str>,
    /// Its types of values, with the versions that it saves.
    types: Vec<TypeId>,
    /// Another version has its place, or none: its commands must not run any more.
    retired: AtomicBool,
    /// The compiled code.
    pub code: sandkey_runtime::Module,
    /// What it was and is allowed to use.
    limits: RwLock<Limits>,
    /// Values of its configuration parameters, those of earlier revisions first: journals were written under them.
    configs: RwLock<Vec<BTreeMap<String, ConfigValue>>>,
    /// The position of today's.
    config_revision: AtomicU32,
    /// Those of today's that are not the defaults, as text.
    unusual: RwLock<Unusual>,
    /// Grows with every change to `limits` or `configs`: an instance that is behind catches up before its next command.
    revision: AtomicU64,
    /// One slot for each worker, or one for all.
    slots: Box<[Arc<Mutex<Slot>>]>,
    /// An instance for work on single values that needs no lock on keys.
    workshop: Mutex<Slot>,
    /// What it used, by worker.
    pub counters: PerWorker<ModuleCounters>,
    /// How long its commands waited for fuel.
    throttled_ns: AtomicU64,
    throttle: Mutex<Throttle>,
    /// No command may start before this time of the server's clock; 0 when nothing is known.
    blocked_until_ns: AtomicU64,
    fuel_per_command: AtomicU64,
}

/// What a module used.
#[derive(Debug, Default)]
pub struct ModuleCounters {
    /// Commands that it ran.
    pub calls: Counter,
    /// Commands that ended in an error of its own.
    pub errors: Counter,
    /// Commands that were ended by a trap, fuel or memory.
    pub traps: Counter,
    /// Fuel that its commands used.
    pub fuel: Counter,
    /// Instances that were made.
    pub instances: Counter,
    /// Fuel that is not yet taken out of the bucket.
    unbilled: Counter,
}

/// Where an instance lives.
#[derive(Default)]
pub struct Slot {
    instance: Option<Instance>,
    /// The objects that it has.
    objects: Objects,
    /// Objects that stand for nothing any more, and that it has not freed yet.
    unfreed: Vec<Object>,
    revision: u64,
    /// Traps since the last command that succeeded: each one makes the next instance wait longer.
    failures: u32,
    /// When the next instance may be made.
    retry_at_ns: u64,
    /// The arguments of a command, in one piece, as they cross into the instance.
    args: ArgvBuf,
}

impl LoadedModule {
    /// The limits as they are now.
    pub fn limits(&self) -> Limits {
        *self.limits.read()
    }

    /// Change the limits. Instances take them over before their next command.
    pub fn set_limits(&self, limits: Limits, now_ns: u64) {
        self.fuel_per_command.store(limits.fuel_per_command, Relaxed);
        self.throttle.lock().set_rate(limits.fuel_per_second, now_ns);
        self.blocked_until_ns.store(0, Relaxed);
        *self.limits.write() = limits;
        self.revision.fetch_add(1, Relaxed);
    }

    /// Take over the value of a configuration parameter. One instance is asked at once whether it accepts it; the others
    /// hear of it before their next command.
    fn set_config(&self, name: &str, value: ConfigValue, now_ns: u64) -> Result<(), String> {
        {
            // A transaction may hold the instance while it changes the parameter: it must not wait for itself.
            let slot = self.slots[0].try_lock_for(limits::INSTANCE_WAIT_MAX);
            let mut slot = slot.ok_or("the module is busy, try again")?;
            // One that trapped is made anew: nobody else can say whether the value is good.
            self.make_ready(&mut slot, 0, || now_ns, &mut Starting::new(&self.name))?;
            if let Some(instance) = &mut slot.instance {
                match instance.set_config(&mut Starting::new(&self.name), name, &value) {
                    Ok(accepted) => accepted?,
                    Err(trap) => {
                        slot.lose_instance();
                        return Err(trap.to_string());
                    }
                }
            }
        }
        self.enter_config(name, value);
        Ok(())
    }

    /// A line of the module's own in the log.
    fn log(&self, level: LogLevel, line: &str) {
        log_line(&self.name, level, line);
    }

    /// Whether another version has its place, or none. Asked while its slots are locked, it stays true.
    #[inline]
    pub fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// The slot that a worker's commands use.
    fn slot(&self, worker: usize) -> &Arc<Mutex<Slot>> {
        &self.slots[worker % self.slots.len()]
    }

    /// Whether it has types of values of its own.
    pub fn has_types(&self) -> bool {
        !self.types.is_empty()
    }

    /// What it keeps in its own memory, as the manifest has it.
    pub fn state_name(&self) -> &'static str {
        match self.manifest.state {
            State::None => "none",
            State::Global => "global",
            State::Values => "values",
        }
    }

    /// Bytes in the linear memories of its instances. One that is at work for longer than nearly all commands take is left out.
    pub fn memory_bytes(&self) -> usize {
        let until = Instant::now() + limits::INSTANCE_LOOK_MAX;
        let slots = self.slots.iter().filter_map(|slot| slot.try_lock_until(until));
        slots.filter_map(|slot| slot.instance.as_ref().map(Instance::memory_bytes)).sum()
    }

    /// How many instances are alive.
    pub fn instance_count(&self) -> usize {
        self.slots.iter().filter(|slot| slot.try_lock().is_none_or(|slot| slot.instance.is_some())).count()
    }

    /// What it has used, by name: the numbers of MODULE INSPECT, INFO and the metrics.
    pub fn usage(&self) -> [(&'static str, u64); 8] {
        [
            ("calls", self.counters.sum(|counters| &counters.calls)),
            ("errors", self.counters.sum(|counters| &counters.errors)),
            ("traps", self.counters.sum(|counters| &counters.traps)),
            ("fuel", self.counters.sum(|counters| &counters.fuel)),
            ("throttled_usec", self.throttled().as_micros() as u64),
            ("memory_bytes", self.memory_bytes() as u64),
            ("instances", self.instance_count() as u64),
            ("instances_created", self.counters.sum(|counters| &counters.instances)),
        ]
    }

    /// How long its commands have waited for fuel, in all.
    pub fn throttled(&self) -> Duration {
        Duration::from_nanos(self.throttled_ns.load(Relaxed))
    }

    /// How long a command has to wait until the module has fuel again.
    #[inline]
    pub fn must_wait(&self, now_ns: impl FnOnce() -> u64) -> Option<Duration> {
        let until = self.blocked_until_ns.load(Relaxed);
        if until == 0 {
            return None;
        }
        let now_ns = now_ns();
        if until > now_ns {
            return Some(Duration::from_nanos(until - now_ns));
        }
        self.look_into_bucket(now_ns)
    }

    fn look_into_bucket(&self, now_ns: u64) -> Option<Duration> {
        let wait = self.throttle.lock().admit(now_ns).err();
        let until = wait.map_or(0, |wait| now_ns + wait.as_nanos() as u64);
        self.blocked_until_ns.store(until, Relaxed);
        wait
    }

    /// Note that a command has waited.
    pub fn count_throttled(&self, time: Duration) {
        self.throttled_ns.fetch_add(time.as_nanos() as u64, Relaxed);
    }

    /// Take fuel out of the bucket. Small amounts are collected by worker first, so that workers do not meet at the bucket
    /// with every command.
    #[inline]
    fn bill(&self, worker: usize, fuel: u64, now_ns: impl FnOnce() -> u64) {
        let counters = self.counters.of(worker);
        counters.fuel.add(fuel);
        counters.unbilled.add(fuel);
        let unbilled = counters.unbilled.get();
        if unbilled >= limits::FUEL_BILL {
            counters.unbilled.reset();
            let now_ns = now_ns();
            self.throttle.lock().charge(unbilled);
            self.look_into_bucket(now_ns);
        }
    }
}

/// A line of a module in the log, with its name in front.
fn log_line(module: &str, level: LogLevel, line: &str) {
    match level {
        LogLevel::Debug => tracing::trace!("<{module}> {line}"),
        LogLevel::Verbose => tracing::debug!("<{module}> {line}"),
        LogLevel::Notice => tracing::info!("<{module}> {line}"),
        LogLevel::Warning => tracing::warn!("<{module}> {line}"),
    }
}

/// A reference to a module for the length of a command: borrowed from the command table, or owned when the
/// command came out of a transaction's queue. Borrowing spares a count that all workers would change.
pub enum ModuleRef<'t> {
    /// Borrowed.
    Borrowed(&'t LoadedModule),
    /// Owned.
    Owned(Arc<LoadedModule>),
}

impl Deref for ModuleRef<'_> {
    type Target = LoadedModule;
    fn deref(&self) -> &LoadedModule {
        match self {
            Self::Borrowed(module) => module,
            Self::Owned(module) => module,
        }
    }
}

/// A locked slot.
type SlotGuard = ArcMutexGuard<RawMutex, Slot>;

/// The instances that a command has locked. A command of a module takes its own out and puts it back, so that one
/// that is already running cannot be entered a second time.
#[derive(Default)]
pub struct InstanceGuards(SmallVec<[(u64, SlotGuard); 1]>);

impl InstanceGuards {
    /// Lock the slots of these modules, which are in load order.
    #[inline]
    pub fn lock(modules: &[ModuleRef<'_>], server: &Server, worker: usize) -> Self {
        let lock = |slot: &Arc<Mutex<Slot>>| {
            slot.try_lock_arc().unwrap_or_else(|| {
                let began = server.clock.ticks();
                let guard = slot.lock_arc();
                server.balance.count_wait(worker, server.clock.nanos_between(began, server.clock.ticks()));
                guard
            })
        };
        Self(modules.iter().map(|module| (module.id, lock(module.slot(worker)))).collect())
    }

    /// Whether none is locked.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these are the instances of exactly these modules.
    #[inline]
    pub fn are_of(&self, modules: &[ModuleRef<'_>]) -> bool {
        let is_one = |id: &u64| modules.iter().any(|module| module.id == *id);
        self.0.len() == modules.len() && self.0.iter().all(|(id, _)| is_one(id))
    }

    /// Take a module's slot out. None while the module runs.
    #[inline]
    fn take(&mut self, id: u64) -> Option<SlotGuard> {
        let position = self.0.iter().position(|(module, _)| *module == id)?;
        Some(self.0.swap_remove(position).1)
    }

    /// Put a module's slot back.
    #[inline]
    fn put_back(&mut self, id: u64, slot: SlotGuard) {
        self.0.push((id, slot));
    }
}
