//! Into a component, through wasmtime.

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Linker};

use super::values::{NO_VALUES, ValueFunction};
use super::{Ended, begin, used};
use crate::bindings::exports::sandkey::module::{commands, configs, lifecycle, values};
use crate::bindings::sandkey::module::manifest::Manifest as WireManifest;
use crate::bindings::sandkey::module::types::ArgvParam;
use crate::contract::{Argv, ConfigValue, Exported};
use crate::convert;
use crate::guest::{Guest, Phase};
use crate::host::Host;
use crate::instance::Outcome;
use crate::lend;

/// A component with its imports resolved and its exports found.
pub(crate) struct Prepared {
    pre: InstancePre<Guest>,
    lifecycle: lifecycle::GuestIndices,
    commands: commands::GuestIndices,
    configs: Option<configs::GuestIndices>,
    values: Option<values::GuestIndices>,
}

/// Why a component cannot be prepared.
pub(crate) enum Unfit {
    Imports(wasmtime::Error),
    Exports(wasmtime::Error),
}

impl Prepared {
    pub(crate) fn new(
        linker: &Linker<Guest>,
        component: &Component,
        exported: Exported,
    ) -> Result<Self, Unfit> {
        let pre = linker.instantiate_pre(component).map_err(Unfit::Imports)?;
        let lifecycle = lifecycle::GuestIndices::new(&pre).map_err(Unfit::Exports)?;
        let commands = commands::GuestIndices::new(&pre).map_err(Unfit::Exports)?;
        let configs = exported.configs.then(|| configs::GuestIndices::new(&pre)).transpose();
        let values = exported.values.then(|| values::GuestIndices::new(&pre)).transpose();
        let (configs, values) = (configs.map_err(Unfit::Exports)?, values.map_err(Unfit::Exports)?);
        Ok(Self { pre, lifecycle, commands, configs, values })
    }

    /// Make an instance.
    pub(crate) fn instantiate(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
    ) -> wasmtime::Result<Instance> {
        lend::with_host(store, host, |store| self.pre.instantiate(store))
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        self.pre.engine()
    }
}

/// The functions that an instance exports.
pub(crate) struct Entry {
    lifecycle: lifecycle::Guest,
    commands: commands::Guest,
    configs: Option<configs::Guest>,
    values: Option<values::Guest>,
}

impl Entry {
    /// Find them, with the types that they have in the contract.
    pub(crate) fn find(
        prepared: &Prepared,
        store: &mut Store<Guest>,
        instance: &Instance,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            lifecycle: prepared.lifecycle.load(&mut *store, instance)?,
            commands: prepared.commands.load(&mut *store, instance)?,
            configs: match &prepared.configs {
                Some(configs) => Some(configs.load(&mut *store, instance)?),
                None => None,
            },
            values: match &prepared.values {
                Some(values) => Some(values.load(&mut *store, instance)?),
                None => None,
            },
        })
    }

    pub(super) fn call(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        (command, argv): (u32, Argv<'_>),
        fuel: u64,
        spent: u64,
    ) -> Result<Outcome, Ended> {
        begin(store, Phase::Command, fuel);
        let function = self.commands.func_call();
        let answer = lend::with_host(store, host, |store| function.call(store, (command, wire(argv))));
        let fuel_used = used(store, fuel) + spent;
        match answer {
            Ok((Ok(reply),)) => Ok(convert::outcome(reply, fuel_used)),
            Ok((Err(error),)) => Ok(Outcome { result: Ok(Err(convert::error(error))), fuel_used }),
            Err(error) => Err(Ended { error, fuel_used }),
        }
    }

    pub(super) fn init(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        args: Argv<'_>,
    ) -> wasmtime::Result<Result<WireManifest, String>> {
        lend::with_host(store, host, |store| self.lifecycle.call_init(store, wire(args)))
    }

    pub(super) fn set_config(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        name: &str,
        value: &ConfigValue,
    ) -> wasmtime::Result<Result<(), String>> {
        let Some(configs) = &self.configs else { return Ok(Err(super::NO_CONFIGS.into())) };
        lend::with_host(store, host, |store| configs.call_set(store, name, convert::config_value(value)))
    }

    pub(super) fn value<F: ValueFunction>(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        function: &F,
        most: usize,
    ) -> wasmtime::Result<F::Answer> {
        let values = self.values.as_ref().ok_or_else(|| wasmtime::format_err!(NO_VALUES))?;
        // wasmtime has one bound for what the guest passes to host functions and for what it answers.
        store.set_hostcall_fuel(most.max(store.data().reply_bytes));
        let answer = lend::with_host(store, host, |store| function.of_component(values, store));
        store.set_hostcall_fuel(store.data().reply_bytes);
        answer
    }
}

fn wire(argv: Argv<'_>) -> ArgvParam<'_> {
    ArgvParam { data: argv.data(), ends: argv.ends() }
}
