//! The parameters of modules while a file is loaded: a command that is repeated finds those that it had, and afterwards each module
//! has those that are configured.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::command::dispatch::resolve;
use crate::module::{ConfigValue, LoadedModule};
use crate::net::argv::Argv;
use crate::server::Server;

/// What is configured, of the modules whose commands were repeated so far.
#[derive(Default)]
pub(super) struct Parameters(HashMap<u64, (Arc<LoadedModule>, BTreeMap<String, ConfigValue>)>);

impl Parameters {
    /// Before a command of a module: the first `words` of `given` are the names and values that were not the defaults.
    pub(super) fn enter(
        &mut self,
        server: &Server,
        command: Argv<'_>,
        given: Argv<'_>,
        words: usize,
    ) -> Result<(), String> {
        let table = server.tenant.commands();
        // Whoever runs it says that there is no such command.
        let Some(module) = resolve(&table, command).ok().and_then(|command| command.run.module()) else {
            return Ok(());
        };
        self.0.entry(module.id).or_insert_with(|| (Arc::clone(module), module.configs()));
        module.enter_unusual((0..words / 2).map(|i| (given.at(2 * i), given.at(2 * i + 1))))
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        for (module, configured) in std::mem::take(&mut self.0).into_values() {
            if module.configs() != configured {
                module.enter_configs(configured);
            }
        }
    }
}
