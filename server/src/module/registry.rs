//! The list of loaded modules of a tenant, and the one place where it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::{Mutex, RwLock};
use sandkey_runtime as rt;

use crate::config::Config;
use crate::keyspace::Locked;
use crate::net::reply::ReplyWriter;
use crate::server::Server;

use super::LoadedModule;
use super::load::{self, LoadRequest};
use super::upgrade::Stopped;

/// The modules of a tenant.
pub struct Registry {
    engine: rt::Engine,
    loaded: RwLock<Vec<Arc<LoadedModule>>>,
    /// Modules that were loaded when a snapshot began that is under way: their journals may be in it.
    former: RwLock<Vec<Arc<LoadedModule>>>,
    /// Held while a module is loaded or unloaded: these follow each other.
    changing: Mutex<()>,
    next_id: AtomicU64,
}

impl Registry {
    /// A registry without modules.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        // A module is compiled by another process of this program: see `main`.
        let compiler = rt::Compiler::Child(std::env::current_exe().context("where is this program?")?);
        let engine = rt::Engine::new(engine_config(config, compiler))?;
        Ok(Self {
            engine,
            loaded: RwLock::default(),
            former: RwLock::default(),
            changing: Mutex::new(()),
            next_id: AtomicU64::new(0),
        })
    }

    /// Load a module; the error is one line for whoever asked. Blocks while the module is compiled.
    pub fn load(&self, server: &'static Server, request: LoadRequest) -> Result<Arc<LoadedModule>, String> {
        self.load_with(server, request, |_| Vec::new())
    }

    /// The same, with more values of parameters once the module's name is known.
    pub fn load_with(
        &self,
        server: &'static Server,
        request: LoadRequest,
        configs: impl FnOnce(&str) -> Vec<(Vec<u8>, Vec<u8>)>,
    ) -> Result<Arc<LoadedModule>, String> {
        let _changing = self.changing.lock();
        let id = self.next_id.fetch_add(1, Relaxed);
        let module = load::load(server, &self.engine, id, request, configs)?;
        self.loaded.write().push(Arc::clone(&module));
        tracing::info!("Module '{}' loaded from {}", module.name, module.path);
        Ok(module)
    }

    /// Unload a module: its commands are gone at once, its code when the last command that runs has ended. Its values stay, as bytes,
    /// until a module comes that has their type.
    pub fn unload(&self, server: &'static Server, name: &str) -> Result<(), String> {
        let _changing = self.changing.lock();
        let module = self.get(name).ok_or("no such module with that name")?;
        module.fold_in_passing(server)?;
        let stopped = module.stop();
        let mut locked = lock_values(server, &module);
        stopped.fold_all(server, &mut locked)?;
        server.config.unregister_module(&module.name).map_err(|error| error.to_string())?;
        server.tenant.change_commands(|table| {
            load::leave_commands(table, &module);
            Ok::<(), String>(())
        })?;
        self.loaded.write().retain(|loaded| loaded.id != module.id);
        self.retire(server, &module, stopped, &mut locked);
        tracing::info!("Module {} unloaded", module.name);
        Ok(())
    }

    /// Put another version of a module into its place, with all of its values. If anything fails, nothing has happened.
    pub fn upgrade(&self, server: &'static Server, name: &str, request: LoadRequest) -> Result<(), String> {
        let _changing = self.changing.lock();
        let old = self.get(name).ok_or("no such module with that name")?;
        let id = self.next_id.fetch_add(1, Relaxed);
        let next = load::prepare(server, &self.engine, id, request, Some(&old))?;
        load::exchange_configs(server, &old, &next)?;
        let switched = self.switch(server, &old, &next);
        match &switched {
            Ok(()) => tracing::info!(
                "Module '{name}' upgraded from version {} to {}, from {}",
                old.manifest.version,
                next.manifest.version,
                next.path
            ),
            Err(reason) => {
                tracing::warn!("Module '{name}' stays at version {}: {reason}", old.manifest.version);
                load::exchange_configs(server, &next, &old)?;
            }
        }
        switched
    }

    fn switch(
        &self,
        server: &'static Server,
        old: &Arc<LoadedModule>,
        next: &Arc<LoadedModule>,
    ) -> Result<(), String> {
        let mut conversion = old.convert_in_passing(server, next)?;
        let stopped = old.stop();
        let mut locked = lock_values(server, old);
        stopped.fold_all(server, &mut locked)?;
        conversion.complete(server, old, next, &mut locked)?;
        server.tenant.change_commands(|table| {
            load::leave_commands(table, old);
            load::enter_commands(table, next, server.workers())
        })?;
        conversion.apply(&mut locked);
        for loaded in self.loaded.write().iter_mut().filter(|loaded| loaded.id == old.id) {
            *loaded = Arc::clone(next);
        }
        self.retire(server, old, stopped, &mut locked);
        Ok(())
    }

    /// A module that is not in the list any more: nobody enters it again, and nothing that it wrote waits for it longer than needed.
    fn retire(
        &self,
        server: &Server,
        module: &Arc<LoadedModule>,
        stopped: Stopped<'_>,
        locked: &mut Locked<'_>,
    ) {
        stopped.retire(locked);
        self.former.write().push(Arc::clone(module));
        // What stands in the append-only file are commands of this version of the module. No other may have to replay them.
        if server.config.current().appendonly && !module.types.is_empty() {
            server.aof.schedule_rewrite();
        }
    }

    /// Free what was let go, while no command of the modules comes that would do it.
    pub fn tidy(&self, server: &Server) {
        for module in self.list() {
            module.tidy();
        }
        if !self.former.read().is_empty() && !server.tenant.keyspace.is_in_snapshot() {
            self.former.write().clear();
        }
    }

    /// The module with this number, if it is loaded or a snapshot may need it.
    pub(super) fn by_id(&self, id: u64) -> Option<Arc<LoadedModule>> {
        let is_it = |module: &&Arc<LoadedModule>| module.id == id;
        let loaded = self.loaded.read().iter().find(is_it).cloned();
        loaded.or_else(|| self.former.read().iter().find(is_it).cloned())
    }

    /// A loaded module.
    pub fn get(&self, name: &str) -> Option<Arc<LoadedModule>> {
        self.loaded.read().iter().find(|module| module.name == name).cloned()
    }

    /// All loaded modules, in load order.
    pub fn list(&self) -> Vec<Arc<LoadedModule>> {
        self.loaded.read().clone()
    }

    /// The array of MODULE LIST and HELLO: a map for each module.
    pub fn reply_list(&self, reply: &mut ReplyWriter) {
        let modules = self.list();
        reply.array_header(modules.len());
        for module in modules {
            reply.map_header(4);
            reply.bulk("name");
            reply.bulk(&module.name);
            reply.bulk("ver");
            reply.integer(i64::from(module.manifest.version));
            reply.bulk("path");
            reply.bulk(&module.path);
            reply.bulk("args");
            reply.array_header(module.args.len());
            module.args.iter().for_each(|arg| reply.bulk(arg));
        }
    }
}

/// Lock the keys under which values of a module can be: all of them, or none if it has no types.
fn lock_values<'s>(server: &'s Server, module: &LoadedModule) -> Locked<'s> {
    let keyspace = &server.tenant.keyspace;
    if module.types.is_empty() { keyspace.lock_none() } else { keyspace.lock_all() }
}

fn engine_config(config: &Config, compiler: rt::Compiler) -> rt::EngineConfig {
    rt::EngineConfig {
        cache: config.module_cache_dir.as_ref().map(|dir| config.in_dir(dir)),
        compile_time: Duration::from_secs(config.module_compile_time_limit),
        compile_memory: config.module_compile_memory,
        module_bytes: config.module_file_max_size,
        ..rt::EngineConfig::new(compiler)
    }
}
