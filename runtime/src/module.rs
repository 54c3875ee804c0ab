//! A compiled module, ready to be instantiated any number of times.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use wasmtime::component::Component;
use wasmtime::{InstancePre, Store};

use crate::contract::{Argv, Manifest};
use crate::direct::CORE_MODULE;
use crate::entry::component::{Prepared, Unfit};
use crate::entry::{self, Entry};
use crate::guest::{Guest, Phase};
use crate::host::Host;
use crate::imports::VERSION;
use crate::instance::{self, Instance};
use crate::interfaces::Interfaces;
use crate::limits::Limits;
use crate::linkers::Linkers;
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
    interfaces: Interfaces,
    component: Prepared,
    /// For a component that is entered past the component model.
    core: Option<Core>,
    log: LogGate,
}

/// The core module of a component, with its imports resolved. A component gives it out only once it is instantiated, so that is
/// when it is found.
struct Core {
    linker: Arc<wasmtime::Linker<Guest>>,
    found: OnceLock<InstancePre<Guest>>,
}

impl Module {
    /// Resolve the imports and find the exports.
    pub(crate) fn prepare(
        linkers: &Linkers,
        component: &Component,
        interfaces: Interfaces,
        digest: String,
        wasm_bytes: usize,
    ) -> Result<Self, LoadError> {
        let linker = linkers.of_components(interfaces.wasi)?;
        let prepared =
            Prepared::new(linker, component, interfaces.exported).map_err(|unfit| match unfit {
                Unfit::Imports(error) => bad_import(&error),
                Unfit::Exports(error) => bad_export(&error),
            })?;
        let core = linkers
            .of_core_modules()
            .filter(|_| component.get_export_index(None, CORE_MODULE).is_some())
            .map(|linker| Core { linker, found: OnceLock::new() });
        let log = LogGate::new();
        Ok(Self { inner: Arc::new(Inner { digest, wasm_bytes, interfaces, component: prepared, core, log }) })
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

    /// Whether it is entered past the component model, as one core module.
    pub fn is_entered_directly(&self) -> bool {
        self.inner.core.is_some()
    }

    /// Make an instance: start it, call its `init` with `args`, check what it declares. Both within
    /// [`Limits::fuel_init`]. The first time, a module that is entered directly is started once more before, to get at its core module,
    /// with as much fuel.
    ///
    /// `expected` is what an earlier instance declared for the same arguments; another answer is refused.
    pub fn instantiate(
        &self,
        limits: &Limits,
        args: Argv<'_>,
        host: &mut dyn Host,
        expected: Option<&Manifest>,
    ) -> Result<(Instance, Manifest), LoadError> {
        let inner = &*self.inner;
        let core = inner.core.as_ref().map(|core| self.core_module(core, limits, host)).transpose()?;
        let mut store = self.begin(limits, inner.log.clone());
        let entry = match core {
            Some(core) => {
                let instance = entry::core::Entry::instantiate(core, &mut store, host)
                    .map_err(|error| bad_start(&store, &error))?;
                entry::core::Entry::find(&instance, &mut store, &inner.interfaces).map(Entry::Core)
            }
            None => {
                let instance = inner
                    .component
                    .instantiate(&mut store, host)
                    .map_err(|error| bad_start(&store, &error))?;
                entry::component::Entry::find(&inner.component, &mut store, &instance).map(Entry::Component)
            }
        };
        let entry = entry.map_err(|error| bad_export(&error))?;
        Instance::start(store, entry, limits, args, host, expected, inner.interfaces.exported)
    }

    /// A store whose guest can start.
    fn begin(&self, limits: &Limits, log: LogGate) -> Store<Guest> {
        let wasi = self.inner.interfaces.wasi.then(|| Box::new(Wasi::new()));
        let guest = Guest::new(limits, log, wasi);
        let mut store = Store::new(self.inner.component.engine(), guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(limits.reply_bytes);
        entry::begin(&mut store, Phase::Start, limits.fuel_init);
        store
    }

    /// The core module of the component; found when it is first asked for.
    fn core_module<'m>(
        &self,
        core: &'m Core,
        limits: &Limits,
        host: &mut dyn Host,
    ) -> Result<&'m InstancePre<Guest>, LoadError> {
        if let Some(found) = core.found.get() {
            return Ok(found);
        }
        // What it logs when it starts, it logs once more when it starts in earnest.
        let mut store = self.begin(limits, LogGate::SHUT);
        let component = &self.inner.component;
        let instance = component.instantiate(&mut store, host).map_err(|error| bad_start(&store, &error))?;
        // This is where the types of its exports are compared with the contract's.
        entry::component::Entry::find(component, &mut store, &instance)
            .map_err(|error| bad_export(&error))?;
        let module = instance
            .get_module(&mut store, CORE_MODULE)
            .ok_or_else(|| LoadError::BadExport(format!("{CORE_MODULE} is no module")))?;
        let found = resolve(&core.linker, &module, &self.inner.interfaces)?;
        Ok(core.found.get_or_init(|| found))
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("digest", &self.inner.digest).finish_non_exhaustive()
    }
}

/// Resolve the imports of a core module. It may name interfaces in another version of the same series; these are ours, too.
fn resolve(
    linker: &wasmtime::Linker<Guest>,
    module: &wasmtime::Module,
    interfaces: &Interfaces,
) -> Result<InstancePre<Guest>, LoadError> {
    let mut linker = linker.clone();
    let ours = format!("@{VERSION}");
    let mut seen = HashSet::new();
    for import in module.imports().filter(|import| seen.insert(import.module())) {
        // What its component does not import, nobody would see that it uses.
        if !interfaces.has_import(import.module()) {
            return Err(LoadError::BadImport(format!(
                "{} in its core module and not in the component around it",
                import.module()
            )));
        }
        if let Some((interface, _)) = import.module().split_once('@')
            && !import.module().ends_with(&ours)
        {
            let ours = format!("{interface}{ours}");
            linker.alias_module(&ours, import.module()).map_err(|error| bad_import(&error))?;
        }
    }
    linker.instantiate_pre(module).map_err(|error| bad_import(&error))
}

fn bad_start(store: &Store<Guest>, error: &wasmtime::Error) -> LoadError {
    LoadError::Start(instance::trap(store, error))
}

fn bad_export(error: &wasmtime::Error) -> LoadError {
    LoadError::BadExport(one_line(&format!("{error:#}"), 500))
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
