//! The two ways into an instance.
//!
//! A module that is no more than one core module is entered [directly](core), by the canonical ABI as [`crate::canonical`] has it.
//! Any other is entered as the [component] that it is. What they do and what they cost in fuel is the same but for the few
//! instructions of the component's own trampolines.

pub(crate) mod component;
pub(crate) mod core;
pub(crate) mod values;

use wasmtime::Store;

use self::values::ValueFunction;
use crate::bindings::sandkey::module::manifest::Manifest as WireManifest;
use crate::contract::{Argv, ConfigValue};
use crate::guest::{Guest, Phase};
use crate::host::Host;
use crate::instance::Outcome;

/// What the server reads when it sets a parameter of a module without any.
const NO_CONFIGS: &str = "the module takes no configuration parameters";

/// How the functions that an instance exports are called.
#[expect(clippy::large_enum_variant, reason = "there is one in each instance, which is itself not moved")]
pub(crate) enum Entry {
    Component(component::Entry),
    Core(core::Entry),
}

/// A call that did not end by itself, and the fuel that was used.
pub(crate) struct Ended {
    pub(crate) error: wasmtime::Error,
    pub(crate) fuel_used: u64,
}

impl Entry {
    /// Run a command. `spent` is fuel that it has used already, beside what it may use.
    #[inline]
    pub(crate) fn call(
        &mut self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        (command, argv): (u32, Argv<'_>),
        fuel: u64,
        spent: u64,
    ) -> Result<Outcome, Ended> {
        match self {
            Self::Core(entry) => entry.call(store, host, (command, argv), fuel, spent),
            Self::Component(entry) => entry.call(store, host, (command, argv), fuel, spent),
        }
    }

    /// Ask for the manifest, or why there is none.
    pub(crate) fn init(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        args: Argv<'_>,
        fuel: u64,
    ) -> wasmtime::Result<Result<WireManifest, String>> {
        begin(store, Phase::Start, fuel);
        match self {
            Self::Core(entry) => entry.init(store, host, args),
            Self::Component(entry) => entry.init(store, host, args),
        }
    }

    /// Give it a parameter; an error is its refusal.
    pub(crate) fn set_config(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        name: &str,
        value: &ConfigValue,
        fuel: u64,
    ) -> wasmtime::Result<Result<(), String>> {
        begin(store, Phase::Start, fuel);
        match self {
            Self::Core(entry) => entry.set_config(store, host, name, value),
            Self::Component(entry) => entry.set_config(store, host, name, value),
        }
    }

    /// Call a function of `values`, whose answer has at most so many bytes.
    pub(crate) fn value<F: ValueFunction>(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        function: &F,
        fuel: u64,
        most: usize,
    ) -> Result<(F::Answer, u64), Ended> {
        begin(store, Phase::Value, fuel);
        let answer = match self {
            Self::Core(entry) => entry.value(store, host, function, most),
            Self::Component(entry) => entry.value(store, host, function, most),
        };
        let fuel_used = used(store, fuel);
        answer.map(|answer| (answer, fuel_used)).map_err(|error| Ended { error, fuel_used })
    }
}

/// Before a guest is entered: what it may do, and how much of it.
#[inline]
pub(crate) fn begin(store: &mut Store<Guest>, phase: Phase, fuel: u64) {
    store.set_fuel(fuel).expect("the engine is configured to consume fuel");
    let guest = store.data_mut();
    guest.phase = phase;
    guest.limiter.begin();
    if let Some(wasi) = &mut guest.wasi {
        wasi.begin(fuel);
    }
}

/// What has been used of this much fuel.
#[inline]
pub(crate) fn used(store: &Store<Guest>, fuel: u64) -> u64 {
    let left = store.get_fuel().expect("the engine is configured to consume fuel");
    let wasi = store.data().wasi.as_ref().map_or(0, |wasi| fuel.saturating_sub(wasi.fuel_left()));
    fuel.saturating_sub(left) + wasi
}
