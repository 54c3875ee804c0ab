//! A compiled module, ready to be instantiated any number of times.

use std::fmt;
use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::bindings::exports::sandkey::module::{commands, configs, lifecycle};
use crate::contract::{Argv, Manifest};
use crate::guest::Guest;
use crate::host::Host;
use crate::instance::Instance;
use crate::interfaces::Interfaces;
use crate::limits::Limits;
use crate::load_error::LoadError;
use crate::log_gate::LogGate;
use crate::text::one_line;
use crate::wasi::Wasi;

/// A module that [`Engine::load`](crate::Engine::load) has accepted. A clone is the same module.
#[derive(Clone)]
pub struct Module {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    digest: String,
    wasm_bytes: usize,
    pub(crate) interfaces: Interfaces,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) lifecycle: lifecycle::GuestIndices,
    pub(crate) commands: commands::GuestIndices,
    pub(crate) configs: Option<configs::GuestIndices>,
    log: LogGate,
}

impl Module {
    /// Resolve the imports and find the exports.
    pub(crate) fn prepare(
        linker: &Linker<Guest>,
        component: &Component,
        interfaces: Interfaces,
        digest: String,
        wasm_bytes: usize,
    ) -> Result<Self, LoadError> {
        let pre = linker.instantiate_pre(component).map_err(|error| bad_import(&error))?;
        let bad = |error: wasmtime::Error| LoadError::BadExport(one_line(&format!("{error:#}"), 500));
        let lifecycle = lifecycle::GuestIndices::new(&pre).map_err(bad)?;
        let commands = commands::GuestIndices::new(&pre).map_err(bad)?;
        let configs =
            interfaces.configs.then(|| configs::GuestIndices::new(&pre)).transpose().map_err(bad)?;
        let log = LogGate::default();
        Ok(Self {
            inner: Arc::new(Inner { digest, wasm_bytes, interfaces, pre, lifecycle, commands, configs, log }),
        })
    }

    /// SHA-256 of the file, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// The length of the file.
    pub fn wasm_bytes(&self) -> usize {
        self.inner.wasm_bytes
    }

    /// The interfaces that it imports.
    pub fn imports(&self) -> &[String] {
        &self.inner.interfaces.imports
    }

    /// The interfaces that it exports.
    pub fn exports(&self) -> &[String] {
        &self.inner.interfaces.exports
    }

    /// Make an instance: start it, call its `init` with `args`, check what it declares. Both within
    /// [`Limits::fuel_init`].
    ///
    /// `expected` is what an earlier instance declared for the same arguments; another answer is refused.
    pub fn instantiate(
        &self,
        limits: &Limits,
        args: Argv<'_>,
        host: &mut dyn Host,
        expected: Option<&Manifest>,
    ) -> Result<(Instance, Manifest), LoadError> {
        let wasi = self.inner.interfaces.wasi.then(|| Box::new(Wasi::new()));
        let guest = Guest::new(limits, self.inner.log.clone(), wasi);
        let mut store = Store::new(self.inner.pre.engine(), guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(limits.reply_bytes);
        Instance::start(self, store, limits, args, host, expected)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("digest", &self.inner.digest).finish_non_exhaustive()
    }
}

/// What the linker refused. wasmtime's chain of reasons names the interface first, then the function, and why last.
fn bad_import(error: &wasmtime::Error) -> LoadError {
    let reasons: Vec<String> = error.chain().map(ToString::to_string).collect();
    let mut named = reasons.iter().filter_map(|reason| reason.split('`').nth(1));
    let interface = named.next().unwrap_or("something");
    let function = named.next().map(|function| format!("#{function}")).unwrap_or_default();
    let why = reasons.last().map(|reason| one_line(reason, 300)).unwrap_or_default();
    if why.ends_with("implementation is missing") {
        return LoadError::UnknownImport(format!("{interface}{function}"));
    }
    LoadError::BadImport(format!("{interface}{function} in another form than this server gives it: {why}"))
}
