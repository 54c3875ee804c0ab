//! A running module: a store of its own, entered for one command at a time.
//!
//! Entering costs two lists copied into the guest, and its answer copied out; the functions were found when the instance
//! was made. Any trap locks the whole store, so an instance that has trapped is dead and its owner makes another.
//!
//! A call borrows the instance exclusively. So a command that reaches its own module again, through others, finds the
//! instance taken and cannot enter it; the owner refuses that call instead of waiting for itself. wasmtime does not check
//! this when its concurrency support is off.

use wasmtime::Store;

use crate::contract::{self, Argv, ConfigValue, Error, Exported, Manifest, Reply};
use crate::convert;
use crate::entry::{self, Ended, Entry};
use crate::guest::{self, Guest};
use crate::host::Host;
use crate::limits::Limits;
use crate::load_error::LoadError;
use crate::text::one_line;
use crate::trap::{Trap, TrapCause};

/// A module's instance. It may move between threads, and runs on the thread that calls it.
pub struct Instance {
    pub(crate) store: Store<Guest>,
    pub(crate) entry: Entry,
    fuel_init: u64,
    pub(crate) dead: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// A reply, an error that the module answered, or a trap.
    pub result: Result<Result<Reply, Error>, Trap>,
    /// What it used of its fuel.
    pub fuel_used: u64,
}

impl Instance {
    /// Call `init` of an instance that has just been made, with what is left of its fuel, and check the manifest.
    pub(crate) fn start(
        mut store: Store<Guest>,
        entry: Entry,
        limits: &Limits,
        args: Argv<'_>,
        host: &mut dyn Host,
        expected: Option<&Manifest>,
        exported: Exported,
    ) -> Result<(Self, Manifest), LoadError> {
        let fuel = limits.fuel_init.saturating_sub(entry::used(&store, limits.fuel_init));
        let declared = entry
            .init(&mut store, host, args, fuel)
            .map_err(|error| LoadError::InitTrapped(trap(&store, &error)))?
            .map_err(|sentence| LoadError::InitRefused(one_line(&sentence, 1000)))?;
        let manifest = contract::check(convert::declared(declared), exported)?;
        if expected.is_some_and(|expected| *expected != manifest) {
            return Err(LoadError::ManifestChanged);
        }
        if let Some(lent) = &mut store.data_mut().lent {
            lent.data_types = manifest.data_types.len() as u32;
        }
        store.data_mut().limiter.finish();
        Ok((Self { store, entry, fuel_init: limits.fuel_init, dead: false }, manifest))
    }

    /// Run a command: its position in the manifest, and its arguments with its name first.
    pub fn call(&mut self, host: &mut dyn Host, command: u32, argv: Argv<'_>, fuel: u64) -> Outcome {
        if self.dead {
            return Outcome { result: Err(Trap::new(TrapCause::Dead)), fuel_used: 0 };
        }
        // Copying the arguments in costs what copying always costs.
        let copying = guest::bytes_fuel(argv.data().len() + 4 * argv.len()).min(fuel);
        let ended = self.entry.call(&mut self.store, host, (command, argv), fuel - copying, copying);
        guest::shrink(&mut self.store);
        match ended {
            Ok(outcome) => outcome,
            Err(Ended { error, fuel_used }) => {
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
        let answer = self.entry.set_config(&mut self.store, host, name, value, self.fuel_init);
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

    /// Whether the last call was refused memory that a new instance, without what this one has kept, would have given it.
    pub fn is_crowded(&self) -> bool {
        self.store.data().limiter.is_crowded()
    }

    /// Forget what earlier calls were refused, before work of which one cannot tell whether it will call.
    pub fn forget_refusals(&mut self) {
        self.store.data_mut().limiter.begin();
    }

    /// Change how much memory it may have. What it has already, it keeps.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        let guest = self.store.data_mut();
        guest.limiter.set_memory(bytes);
        if let Some(lent) = &mut guest.lent {
            lent.set_limit(bytes);
        }
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

/// What an error of the engine means for the command.
#[cold]
pub(crate) fn trap(store: &Store<Guest>, error: &wasmtime::Error) -> Trap {
    Trap::from_error(error, store.data().limiter.refused())
}
