//! What a module's imports are resolved with: one linker for each way in, and one for components that import WASI.

use std::sync::{Arc, OnceLock};

use wasmtime::component;

use crate::guest::Guest;
use crate::imports;
use crate::load_error::LoadError;
use crate::wasi;

pub(crate) struct Linkers {
    component: component::Linker<Guest>,
    /// Made when the first module wants it.
    with_wasi: OnceLock<component::Linker<Guest>>,
    core: Option<Arc<wasmtime::Linker<Guest>>>,
}

impl Linkers {
    /// `direct` says whether core modules are entered past the component model.
    pub(crate) fn new(engine: &wasmtime::Engine, direct: bool) -> wasmtime::Result<Self> {
        let mut component = component::Linker::new(engine);
        imports::define(&mut component)?;
        let mut core = None;
        if direct {
            let mut linker = wasmtime::Linker::new(engine);
            imports::define(&mut linker)?;
            core = Some(Arc::new(linker));
        }
        Ok(Self { component, with_wasi: OnceLock::new(), core })
    }

    pub(crate) fn of_components(&self, wasi: bool) -> Result<&component::Linker<Guest>, LoadError> {
        if !wasi {
            return Ok(&self.component);
        }
        if let Some(linker) = self.with_wasi.get() {
            return Ok(linker);
        }
        let mut linker = self.component.clone();
        wasi::define(&mut linker).map_err(|error| LoadError::Compiler(format!("{error:#}")))?;
        Ok(self.with_wasi.get_or_init(|| linker))
    }

    pub(crate) fn of_core_modules(&self) -> Option<Arc<wasmtime::Linker<Guest>>> {
        self.core.clone()
    }
}
