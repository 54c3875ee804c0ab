//! Modules: what is loaded, its instances, its limits and what it used.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// A module that is loaded.
pub struct LoadedModule {
    /// Its place in the order of loading.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The commands that it may call.
    pub calls: Vec<String>,
}

impl LoadedModule {
    /// How long a command has to wait until the module has fuel again.
    pub fn must_wait(&self, _now_ns: impl FnOnce() -> u64) -> Option<Duration> {
        None
    }
    /// Note that a command has waited.
    pub fn count_throttled(&self, _time: Duration) {}
}

/// A reference to a module for the length of a command.
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

/// The instances that a command has locked.
#[derive(Default)]
pub struct InstanceGuards<'p>(PhantomData<&'p ()>);

impl<'p> InstanceGuards<'p> {
    /// Lock.
    pub fn lock(_modules: &'p [ModuleRef<'_>], _worker: usize) -> Self {
        Self(PhantomData)
    }
}
