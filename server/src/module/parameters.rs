//! The values of a module's configuration parameters, and those that it had before: a command that is run again must find the ones
//! that it had. In memory a journal names a revision of them; the append-only file has those that were not the defaults beside
//! each command.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use sandkey_runtime::{ConfigKind, ConfigValue};

use super::LoadedModule;

/// Parameters that are not what they are by default: names and values.
pub(super) type Unusual = Arc<[(Vec<u8>, Vec<u8>)]>;

impl LoadedModule {
    /// The values of its configuration parameters.
    pub fn configs(&self) -> BTreeMap<String, ConfigValue> {
        self.configs_of(self.config_revision.load(Relaxed))
    }

    /// The values that they had at a revision.
    pub(super) fn configs_of(&self, revision: u32) -> BTreeMap<String, ConfigValue> {
        self.configs.read().get(revision as usize).cloned().unwrap_or_default()
    }

    /// Those that are not the defaults.
    pub(super) fn unusual_parameters(&self) -> Unusual {
        Arc::clone(&self.unusual.read())
    }

    /// Enter a value.
    pub(super) fn enter_config(&self, name: &str, value: ConfigValue) {
        let mut next = self.configs();
        next.insert(name.to_owned(), value);
        self.enter_configs(next);
    }

    /// Enter the values of all of them. While there are no types of values nobody asks for earlier ones.
    pub fn enter_configs(&self, next: BTreeMap<String, ConfigValue>) {
        let is_default = |name: &str, value: &ConfigValue| {
            let declared = self.manifest.configs.iter().find(|config| config.name == name);
            declared.is_some_and(|config| config.kind.default_value() == *value)
        };
        let unusual = next.iter().filter(|(name, value)| !is_default(name, value));
        let unusual = unusual.map(|(name, value)| (name.clone().into_bytes(), config_text(value)));
        *self.unusual.write() = unusual.collect();
        let mut all = self.configs.write();
        if self.types.is_empty() {
            all.clear();
        }
        all.push(next);
        self.config_revision.store(all.len() as u32 - 1, Relaxed);
        self.revision.fetch_add(1, Relaxed);
    }

    /// Let commands that are repeated find the parameters that they had: the defaults, but for these.
    pub fn enter_unusual<'a>(
        &self,
        unusual: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> Result<(), String> {
        let now = self.unusual_parameters();
        if now.len() == unusual.len()
            && now.iter().zip(unusual.clone()).all(|((name, value), given)| (&name[..], &value[..]) == given)
        {
            return Ok(());
        }
        let defaults =
            self.manifest.configs.iter().map(|config| (config.name.clone(), config.kind.default_value()));
        let mut next: BTreeMap<_, _> = defaults.collect();
        for (name, text) in unusual {
            let name = String::from_utf8_lossy(name);
            let config = self.manifest.configs.iter().find(|config| config.name == name);
            let value = config.and_then(|config| config_of_text(&config.kind, text));
            let value = value.ok_or_else(|| {
                format!("the module '{}' has no parameter '{name}' that takes this value", self.name)
            })?;
            next.insert(name.into_owned(), value);
        }
        self.enter_configs(next);
        Ok(())
    }
}

/// A value as CONFIG SET would take it.
pub(super) fn config_text(value: &ConfigValue) -> Vec<u8> {
    match value {
        ConfigValue::Boolean(yes) => if *yes { "yes" } else { "no" }.into(),
        ConfigValue::Integer(number) => number.to_string().into_bytes(),
        ConfigValue::String(text) => text.clone().into_bytes(),
    }
}

fn config_of_text(kind: &ConfigKind, text: &[u8]) -> Option<ConfigValue> {
    let text = std::str::from_utf8(text).ok()?;
    match kind {
        ConfigKind::Boolean(_) => Some(ConfigValue::Boolean(text == "yes")),
        ConfigKind::Integer { .. } => text.parse().ok().map(ConfigValue::Integer),
        ConfigKind::Enum { .. } | ConfigKind::String(_) => Some(ConfigValue::String(text.to_owned())),
    }
}
