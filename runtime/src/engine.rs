//! From the bytes of a file to a module that can be instantiated.
//!
//! Look at the bytes, look into the cache, compile in a child, keep the result; then look at what the component imports
//! and exports, so that whoever built it against something else is told so by name, and prepare everything that
//! can be prepared once: imports resolved, exports found.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracing::warn;
use wasmtime::component::Component;

use crate::cache::{self, Cache};
use crate::compile::{self, CompileLimits, Compiler};
use crate::engine_config;
use crate::interfaces::Interfaces;
use crate::limits::{COMPILE_MEMORY, COMPILE_TIME, MODULE_BYTES};
use crate::linkers::Linkers;
use crate::load_error::LoadError;
use crate::module::Module;
use crate::probe::probe;

/// How an [`Engine`] works.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where compiled modules are kept; none to compile every time. Nobody else may be able to write there.
    pub cache: Option<PathBuf>,
    /// Who compiles.
    pub compiler: Compiler,
    /// How long one compilation may take.
    pub compile_time: Duration,
    /// How much address space it may take.
    pub compile_memory: u64,
    /// The largest file.
    pub module_bytes: usize,
    /// Enter a module that is one core module past the component model. Off only to compare the two.
    pub direct: bool,
}

impl EngineConfig {
    /// The limits that are usual, no cache.
    pub fn new(compiler: Compiler) -> Self {
        Self {
            cache: None,
            compiler,
            compile_time: COMPILE_TIME,
            compile_memory: COMPILE_MEMORY,
            module_bytes: MODULE_BYTES,
            direct: true,
        }
    }
}

/// Loads modules. A server has one; a clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    config: EngineConfig,
    engine: wasmtime::Engine,
    cache: Option<Cache>,
    linkers: Linkers,
}

/// The engine cannot work on this machine. For whoever starts the server.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start: {0}")]
pub struct EngineError(String);

impl Engine {
    /// Start the engine. A cache that may not be used is told to the log and done without.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let broken = |error: wasmtime::Error| EngineError(format!("{error:#}"));
        let engine = engine_config::engine().map_err(broken)?;
        let cache = config.cache.as_deref().and_then(|directory| {
            Cache::open(directory, &engine)
                .inspect_err(|error| {
                    warn!("no cache of compiled modules in {}: {error}", directory.display());
                })
                .ok()
        });
        let linkers = Linkers::new(&engine, config.direct).map_err(broken)?;
        Ok(Self { inner: Arc::new(Inner { config, engine, cache, linkers }) })
    }

    /// Load a module: a component, or a core module that carries its WIT. This takes as long as compiling does, so it is
    /// not for a thread that serves clients.
    pub fn load(&self, wasm: &[u8]) -> Result<Module, LoadError> {
        let inner = &*self.inner;
        if wasm.len() > inner.config.module_bytes {
            return Err(LoadError::TooLarge { bytes: wasm.len(), most: inner.config.module_bytes });
        }
        probe(wasm)?;
        let digest: [u8; 32] = Sha256::digest(wasm).into();
        let component = self.component(&digest, wasm)?;
        let interfaces = Interfaces::of(&component, &inner.engine)?;
        Module::prepare(&inner.linkers, &component, interfaces, cache::hex(&digest), wasm.len())
    }

    /// From the cache or from the compiler.
    fn component(&self, digest: &[u8; 32], wasm: &[u8]) -> Result<Component, LoadError> {
        let inner = &*self.inner;
        if let Some(artifact) = inner.cache.as_ref().and_then(|cache| cache.get(digest)) {
            match artifact.load(&inner.engine) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    warn!("a compiled module in the cache does not fit: {error:#}; compiling again");
                }
            }
        }
        let limits = CompileLimits { time: inner.config.compile_time, memory: inner.config.compile_memory };
        let artifact = compile::compile(&inner.config.compiler, limits, &inner.engine, wasm)?;
        let component =
            artifact.load(&inner.engine).map_err(|error| LoadError::Compiler(format!("{error:#}")))?;
        if let Some(cache) = &inner.cache {
            cache.put(digest, &artifact);
        }
        Ok(component)
    }
}
