//! A running module: a store of its own, entered for one command at a time.
//!
//! Entering costs two lists copied into the guest, and its answer copied out; the functions were found when the instance
//! was made. Any trap locks the whole store, so an instance that has trapped is dead and its owner makes another.
//!
//! A call borrows the instance exclusively. So a command that reaches its own module again, through others, finds the
//! instance taken and cannot enter it; the owner refuses that call instead of waiting for itself. wasmtime does not check
//! this when its concurrency support is off.

use wasmtime::Store;

use crate::bindings::exports::sandkey::module::{commands, configs};
use crate::bindings::sandkey::module::types::ArgvParam;
use crate::contract::{self, Argv, ConfigValue, Error, Manifest, Reply};
use crate::convert;
use crate::guest::{self, Guest};
use crate::host::Host;
use crate::lend;
use crate::limits::Limits;
use crate::load_error::LoadError;
use crate::module::Module;
use crate::text::one_line;
use crate::trap::{Trap, TrapCause};

/// A module's instance. It may move between threads, and runs on the thread that calls it.
pub struct Instance {
    store: Store<Guest>,
    commands: commands::Guest,
    configs: Option<configs::Guest>,
    fuel_init: u64,
    dead: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// A reply, an error that the module answered, or a trap.
    pub result: Result<Result<Reply, Error>, Trap>,
    /// What it used of its fuel.
    pub fuel_used: u64,
}

/// Whether the keyspace is open to what runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Command,
}

impl Instance {
    /// Instantiate, call `init`, and check the manifest.
    pub(crate) fn start(
        module: &Module,
        mut store: Store<Guest>,
        limits: &Limits,
        args: Argv<'_>,
        host: &mut dyn Host,
        expected: Option<&Manifest>,
    ) -> Result<(Self, Manifest), LoadError> {
        let inner = &*module.inner;
        let instantiate = |store: &mut Store<Guest>| {
            let instance = inner.pre.instantiate(&mut *store)?;
            let lifecycle = inner.lifecycle.load(&mut *store, &instance);
            let commands = inner.commands.load(&mut *store, &instance);
            let configs =
                inner.configs.as_ref().map(|configs| configs.load(&mut *store, &instance)).transpose();
            Ok((lifecycle, commands, configs))
        };
        let (made, used) = enter(&mut store, host, Phase::Start, limits.fuel_init, instantiate);
        let (lifecycle, commands, configs) = made.map_err(|error| LoadError::Start(trap(&store, &error)))?;
        let bad = |error: wasmtime::Error| LoadError::BadExport(one_line(&format!("{error:#}"), 500));
        let (lifecycle, commands, configs) =
            (lifecycle.map_err(bad)?, commands.map_err(bad)?, configs.map_err(bad)?);

        let fuel = limits.fuel_init - used.min(limits.fuel_init);
        let argv = ArgvParam { data: args.data(), ends: args.ends() };
        let (answer, _) =
            enter(&mut store, host, Phase::Start, fuel, |store| lifecycle.call_init(store, argv));
        let declared = answer
            .map_err(|error| LoadError::InitTrapped(trap(&store, &error)))?
            .map_err(|sentence| LoadError::InitRefused(one_line(&sentence, 1000)))?;
        let manifest = contract::check(convert::declared(declared), configs.is_some())?;
        if expected.is_some_and(|expected| *expected != manifest) {
            return Err(LoadError::ManifestChanged);
        }
        Ok((Self { store, commands, configs, fuel_init: limits.fuel_init, dead: false }, manifest))
    }

    /// Run a command: its position in the manifest, and its arguments with its name first.
    pub fn call(&mut self, host: &mut dyn Host, command: u32, argv: Argv<'_>, fuel: u64) -> Outcome {
        if self.dead {
            return Outcome { result: Err(Trap::new(TrapCause::Dead)), fuel_used: 0 };
        }
        // Copying the arguments in costs what copying always costs.
        let copying = guest::bytes_fuel(argv.data().len() + 4 * argv.len()).min(fuel);
        let function = self.commands.func_call();
        let (answer, used) = enter(&mut self.store, host, Phase::Command, fuel - copying, |store| {
            function.call(store, (command, ArgvParam { data: argv.data(), ends: argv.ends() }))
        });
        guest::shrink(&mut self.store);
        let fuel_used = used + copying;
        // Each arm makes the whole outcome, so that an answer is moved once: in between, the compiler copies enums in
        // pieces that the processor cannot forward, at a dozen cycles each.
        match answer {
            Ok((Ok(wire),)) => convert::outcome(wire, fuel_used),
            Ok((Err(error),)) => Outcome { result: Ok(Err(convert::error(error))), fuel_used },
            Err(error) => {
                self.dead = true;
                Outcome { result: Err(trap(&self.store, &error)), fuel_used }
            }
        }
    }

    /// Give the module a value of one of its parameters, of the declared type and within its bounds. The inner error is
    /// the module's refusal, a sentence.
    ///
    /// # Errors
    /// The trap, if it trapped. Then the instance is dead.
    pub fn set_config(
        &mut self,
        host: &mut dyn Host,
        name: &str,
        value: &ConfigValue,
    ) -> Result<Result<(), String>, Trap> {
        if self.dead {
            return Err(Trap::new(TrapCause::Dead));
        }
        let Some(configs) = &self.configs else {
            return Ok(Err("the module takes no configuration parameters".into()));
        };
        let (answer, _) = enter(&mut self.store, host, Phase::Start, self.fuel_init, |store| {
            configs.call_set(store, name, convert::config_value(value))
        });
        match answer {
            Ok(answer) => Ok(answer.map_err(|sentence| one_line(&sentence, 1000))),
            Err(error) => {
                self.dead = true;
                Err(trap(&self.store, &error))
            }
        }
    }

    /// Bytes that its memories and tables take.
    pub fn memory_bytes(&self) -> usize {
        self.store.data().limiter.bytes()
    }

    /// Change how much memory it may have. What it has already, it keeps.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.store.data_mut().limiter.set_memory(bytes);
    }

    /// Whether it has trapped and must be replaced.
    pub fn is_dead(&self) -> bool {
        self.dead
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("memory_bytes", &self.memory_bytes())
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}

/// Enter the guest with this much fuel; what came of it, and the fuel that it used.
#[inline]
fn enter<R>(
    store: &mut Store<Guest>,
    host: &mut dyn Host,
    phase: Phase,
    fuel: u64,
    f: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<R>,
) -> (wasmtime::Result<R>, u64) {
    store.set_fuel(fuel).expect("the engine is configured to consume fuel");
    let guest = store.data_mut();
    guest.in_command = phase == Phase::Command;
    guest.limiter.begin();
    if let Some(wasi) = &mut guest.wasi {
        wasi.begin(fuel);
    }
    let result = lend::with_host(store, host, f);
    let left = store.get_fuel().expect("the engine is configured to consume fuel");
    let wasi = store.data().wasi.as_ref().map_or(0, |wasi| fuel.saturating_sub(wasi.fuel_left()));
    (result, fuel.saturating_sub(left) + wasi)
}

/// What an error of the engine means for the command.
#[cold]
fn trap(store: &Store<Guest>, error: &wasmtime::Error) -> Trap {
    Trap::from_error(error, store.data().limiter.refused())
}
