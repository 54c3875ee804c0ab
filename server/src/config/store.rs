//! Where the configuration lives while the server runs: CONFIG GET, CONFIG SET, and the snapshot for everybody else.
//!
//! Readers take the current [`Config`] as an `Arc`. A worker keeps a [`ConfigReader`], which compares one atomic
//! number and takes a lock only when that has changed. Writers go one after another. A change is computed and
//! checked in full, then the hooks act upon it, then it becomes visible: either all of it happens or nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::glob;
use super::kind::Value;
use super::line::split_args;
use super::params::{Param, ParamSpec, ParamValue, Setter};
use super::snapshot::{Config, settle};
use super::table::{self, Directive, Flags, Place};

/// How long a change waits for another one. The other one may be waiting for the module instance that this change
/// comes from, so waiting for ever could mean for ever.
const CHANGE_WAIT_MAX: Duration = Duration::from_secs(1);

/// The error of a CONFIG command. Its text is the line that the client gets, without the `-`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Names without values.
    #[error("ERR syntax error")]
    Syntax,
    /// There is no such directive.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{0}'")]
    Unknown(String),
    /// This directive could not be set, for this reason.
    #[error("ERR CONFIG SET failed (possibly related to argument '{0}') - {1}")]
    Failed(String, String),
    /// The directive cannot be set while data is being loaded.
    #[error("LOADING Redis is loading the dataset in memory")]
    Loading,
    /// There is no file to rewrite.
    #[error("ERR The server is running without a config file")]
    NoConfigFile,
    /// The file could not be rewritten.
    #[error("ERR Rewriting config file: {0}")]
    Rewrite(String),
    /// A module was given a parameter that it does not have.
    #[error("ERR the module has no configuration parameter '{0}'")]
    UnknownParam(String),
    /// Two parameters of the same name.
    #[error("ERR the configuration parameter '{0}' exists already")]
    DuplicateParam(String),
    /// Another change did not end in time.
    #[error("ERR another change of the configuration is under way, try again")]
    Busy,
}

/// Who asks, as far as it matters to what may be changed or seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    /// The client is connected from this machine.
    pub local: bool,
    /// The server is loading its data.
    pub loading: bool,
}

/// What a hook is told: the configuration before and after.
#[derive(Debug)]
pub struct Change<'a> {
    /// Before.
    pub old: &'a Config,
    /// After.
    pub new: &'a Config,
    /// The directives that were set, by their names in the table.
    pub names: &'a [&'static str],
}

impl Change<'_> {
    /// Whether this directive was set.
    #[must_use]
    pub fn touches(&self, name: &str) -> bool {
        self.names.contains(&name)
    }
}

/// Acts upon a change. The text of an error refuses it: then everything stays as it was.
pub type Hook = Box<dyn Fn(&Change<'_>) -> Result<(), String> + Send + Sync>;

/// What CONFIG SET changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The names that were set, as in the table, those of modules as `module.name`.
    pub names: Vec<String>,
    /// The generation of the new snapshot.
    pub generation: u64,
}

/// The configuration of a running server.
pub struct ConfigStore {
    current: RwLock<Arc<Config>>,
    generation: AtomicU64,
    /// Held while a change is made, so that changes follow each other.
    changing: Mutex<()>,
    hooks: RwLock<Vec<(&'static [&'static str], Hook)>>,
    config_file: Option<PathBuf>,
}

impl std::fmt::Debug for ConfigStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigStore").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// A directive or parameter that CONFIG SET names, with its new value.
enum Setting<'a> {
    Directive { place: Place, directive: &'static Directive, asked: String, value: &'a [u8] },
    Param { name: String, value: &'a [u8] },
}

impl ConfigStore {
    /// A store that begins with this configuration, and knows the file that it came from.
    #[must_use]
    pub fn new(config: Config, config_file: Option<PathBuf>) -> Self {
        Self {
            current: RwLock::new(Arc::new(config)),
            generation: AtomicU64::new(1),
            changing: Mutex::new(()),
            hooks: RwLock::default(),
            config_file,
        }
    }

    /// The configuration now.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.current.read())
    }

    /// The number of the current snapshot; it grows with every change.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The file that the server was started with.
    #[must_use]
    pub fn config_file(&self) -> Option<&PathBuf> {
        self.config_file.as_ref()
    }

    /// Let `hook` act upon every change of one of these directives, before it becomes visible. Hooks run in the order
    /// in which they were added, once for a change; the first name that was set is the one that its error names.
    /// A hook may read the store, and must neither change it nor add hooks.
    pub fn on_change(&self, names: &'static [&'static str], hook: Hook) {
        self.hooks.write().push((names, hook));
    }

    /// CONFIG GET: names and values of all that one of the patterns matches, in the order of the table.
    /// A plain name is answered as it was asked, in its own case of letters; patterns do not see hidden directives.
    #[must_use]
    pub fn get<P: AsRef<[u8]>>(&self, patterns: &[P], caller: Caller) -> Vec<(Vec<u8>, Vec<u8>)> {
        let config = self.current();
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut add = |name: &[u8], value: Vec<u8>| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.to_vec(), value));
            }
        };
        let secrets = config.enable_protected_configs.allows(caller.local);
        for pattern in patterns {
            let pattern = pattern.as_ref();
            if !glob::is_pattern(pattern) {
                if let Some((place, directive)) = table::lookup(pattern) {
                    add(pattern, directive.kind.format(&config.values[place]));
                } else if let Some(param) = config.param(pattern, secrets) {
                    add(pattern, param.format());
                }
                continue;
            }
            for (place, directive) in table::directives().enumerate() {
                let names = std::iter::once(directive.name).chain(directive.alias);
                for name in names.filter(|name| glob::matches(pattern, name.as_bytes(), true)) {
                    if !directive.flags.has(Flags::HIDDEN) {
                        add(name.as_bytes(), directive.kind.format(&config.values[place]));
                    }
                }
            }
            for (name, param) in config.params.iter() {
                if glob::matches(pattern, name.as_bytes(), true) && (secrets || !param.spec.sensitive) {
                    add(name.as_bytes(), param.format());
                }
            }
        }
        found
    }

    /// CONFIG SET: set all of these or none.
    ///
    /// # Errors
    ///
    /// The first reason against one of them, in Redis's words.
    pub fn set<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        pairs: &[(N, V)],
        caller: Caller,
    ) -> Result<Changed, ConfigError> {
        let _changing = self.begin()?;
        let old = self.current();
        let settings = find_settings(pairs, &old, caller)?;
        let mut values = old.values.to_vec();
        let mut params = BTreeMap::clone(&old.params);
        let mut changed_params: Vec<&str> = Vec::new();
        let mut names: Vec<&'static str> = Vec::new();
        for setting in &settings {
            match setting {
                Setting::Directive { place, directive, asked, value } => {
                    let new = parse_set(directive, value, &values[*place])
                        .map_err(|why| ConfigError::Failed(asked.clone(), why))?;
                    let new = settle(*place, new);
                    if new != values[*place] || directive.flags.has(Flags::VOLATILE) {
                        names.push(directive.name);
                    }
                    values[*place] = new;
                }
                Setting::Param { name, value } => {
                    let Some(param) = params.get_mut(name) else { continue };
                    let new =
                        param.spec.parse(value).map_err(|why| ConfigError::Failed(name.clone(), why))?;
                    if new != param.value {
                        changed_params.push(name);
                    }
                    param.value = new;
                }
            }
        }
        let new = Config::new(values.into(), Arc::new(params));
        let change = Change { old: &old, new: &new, names: &names };
        self.run_hooks(&change)?;
        if let Err(error) = tell_modules(&changed_params, &old, &new) {
            self.undo_hooks(&change, usize::MAX);
            return Err(error);
        }
        let generation = self.publish(new);
        let names = settings.iter().map(|setting| match setting {
            Setting::Directive { directive, .. } => directive.name.to_owned(),
            Setting::Param { name, .. } => name.clone(),
        });
        Ok(Changed { names: names.collect(), generation })
    }

    /// Take over the parameters of a module that is being loaded: `given` are values from MODULE LOADEX or from the
    /// file, by the parameters' names with or without the module's; the others have their defaults. The module is told
    /// every value; when it refuses one, nothing is registered.
    ///
    /// # Errors
    ///
    /// What was given does not exist or is no good value, a name is taken, or the module refuses.
    pub fn register_module(
        &self,
        module: &str,
        specs: Vec<ParamSpec>,
        given: &[(Vec<u8>, Vec<u8>)],
        setter: &Setter,
    ) -> Result<(), ConfigError> {
        let _changing = self.begin()?;
        let old = self.current();
        let module: Arc<str> = module.into();
        let mut params = BTreeMap::clone(&old.params);
        let mut own: Vec<String> = Vec::new();
        for spec in specs {
            let name = format!("{module}.{}", spec.name).to_ascii_lowercase();
            let value = spec.default_value();
            let param = Param {
                module: Arc::clone(&module),
                spec: Arc::new(spec),
                value,
                setter: Arc::clone(setter),
            };
            if params.insert(name.clone(), param).is_some() {
                return Err(ConfigError::DuplicateParam(name));
            }
            own.push(name);
        }
        for (name, value) in given {
            let asked = String::from_utf8_lossy(name).to_ascii_lowercase();
            let full = format!("{}.{asked}", module.to_ascii_lowercase());
            let name = [asked.clone(), full].into_iter().find(|name| own.contains(name));
            let param = name.and_then(|name| params.get_mut(&name));
            let param = param.ok_or_else(|| ConfigError::UnknownParam(asked.clone()))?;
            param.value = param.spec.parse(value).map_err(|why| ConfigError::Failed(asked, why))?;
        }
        for name in &own {
            let param = &params[name];
            (param.setter)(&param.spec.name, &param.value)
                .map_err(|why| ConfigError::Failed(name.clone(), why))?;
        }
        self.publish(Config::new(Arc::clone(&old.values), Arc::new(params)));
        Ok(())
    }

    /// Forget the parameters of a module that is being unloaded.
    ///
    /// # Errors
    ///
    /// Another change does not end.
    pub fn unregister_module(&self, module: &str) -> Result<(), ConfigError> {
        let _changing = self.begin()?;
        let old = self.current();
        let mut params = BTreeMap::clone(&old.params);
        params.retain(|_, param| &*param.module != module);
        self.publish(Config::new(Arc::clone(&old.values), Arc::new(params)));
        Ok(())
    }

    /// The parameters of a module with their values, to tell a new instance of it.
    #[must_use]
    pub fn module_values(&self, module: &str) -> Vec<(String, ParamValue)> {
        let config = self.current();
        let own = config.params.values().filter(|param| &*param.module == module);
        own.map(|param| (param.spec.name.clone(), param.value.clone())).collect()
    }

    /// Begin a change: nobody else makes one until the guard is dropped.
    pub(crate) fn begin(&self) -> Result<MutexGuard<'_, ()>, ConfigError> {
        self.changing.try_lock_for(CHANGE_WAIT_MAX).ok_or(ConfigError::Busy)
    }

    fn run_hooks(&self, change: &Change<'_>) -> Result<(), ConfigError> {
        for (done, (names, hook)) in self.hooks.read().iter().enumerate() {
            let Some(name) = change.names.iter().find(|name| names.contains(name)) else { continue };
            if let Err(why) = hook(change) {
                self.undo_hooks(change, done);
                return Err(ConfigError::Failed((*name).to_owned(), why));
            }
        }
        Ok(())
    }

    /// Let the first `count` hooks act upon the opposite change. One that fails now has said so in its own log, and
    /// there is nothing better to go back to.
    fn undo_hooks(&self, change: &Change<'_>, count: usize) {
        let back = Change { old: change.new, new: change.old, names: change.names };
        for (names, hook) in self.hooks.read().iter().take(count) {
            if back.names.iter().any(|name| names.contains(name)) {
                drop(hook(&back));
            }
        }
    }

    fn publish(&self, config: Config) -> u64 {
        let mut current = self.current.write();
        *current = Arc::new(config);
        // While the lock is held: whoever sees the number finds the snapshot, or waits for it.
        self.generation.fetch_add(1, Ordering::Release) + 1
    }
}

impl Config {
    fn param(&self, name: &[u8], secrets: bool) -> Option<&Param> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.params.get(&name).filter(|param| secrets || !param.spec.sensitive)
    }
}

/// Find what CONFIG SET names, and refuse what may not be set, in the order in which Redis looks.
fn find_settings<'a, N: AsRef<[u8]>, V: AsRef<[u8]>>(
    pairs: &'a [(N, V)],
    config: &Config,
    caller: Caller,
) -> Result<Vec<Setting<'a>>, ConfigError> {
    let mut settings: Vec<Setting<'a>> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
        let refuse =
            |why: &str| Err(ConfigError::Failed(String::from_utf8_lossy(name).into_owned(), why.to_owned()));
        let (immutable, protected, no_loading) = if let Some((place, directive)) = table::lookup(name) {
            let flag = |flag| directive.flags.has(flag);
            let is_kept = || {
                let current = &config.values[place];
                flag(Flags::FIXED) && parse_set(directive, value, current).is_ok_and(|new| new == *current)
            };
            (flag(Flags::IMMUTABLE) && !is_kept(), flag(Flags::PROTECTED), flag(Flags::DENY_LOADING))
        } else if let Some(param) = config.params.get(&lower) {
            (param.spec.immutable, false, false)
        } else {
            return Err(ConfigError::Unknown(String::from_utf8_lossy(name).into_owned()));
        };
        if immutable {
            return refuse("can't set immutable config");
        }
        if protected && !config.enable_protected_configs.allows(caller.local) {
            return refuse("can't set protected config");
        }
        if no_loading && caller.loading {
            return Err(ConfigError::Loading);
        }
        if seen.contains(&lower) {
            return refuse("duplicate parameter");
        }
        settings.push(match table::lookup(name) {
            Some((place, directive)) => Setting::Directive { place, directive, asked: lower.clone(), value },
            None => Setting::Param { name: lower.clone(), value },
        });
        seen.push(lower);
    }
    Ok(settings)
}

/// Read a value of CONFIG SET: one word, or for directives of several words one word with single blanks in it.
fn parse_set(directive: &Directive, value: &[u8], old: &Value) -> Result<Value, String> {
    if directive.is_multi_arg() {
        let words = value.split(|byte| *byte == b' ').map(<[u8]>::to_vec);
        // The empty value has no words at all.
        let words: Vec<Vec<u8>> = words.filter(|_| !value.is_empty()).collect();
        directive.kind.parse(&words, old)
    } else {
        directive.kind.parse(&[value.to_vec()], old)
    }
}

/// Tell the modules their new values; when one refuses, tell those before it the old ones again.
fn tell_modules(names: &[&str], old: &Config, new: &Config) -> Result<(), ConfigError> {
    for (done, name) in names.iter().enumerate() {
        let param = &new.params[*name];
        let Err(why) = (param.setter)(&param.spec.name, &param.value) else { continue };
        for name in &names[..done] {
            let before = &old.params[*name];
            // It took this value once; if it refuses now, its next instance is told it again.
            drop((before.setter)(&before.spec.name, &before.value));
        }
        return Err(ConfigError::Failed((*name).to_owned(), why));
    }
    Ok(())
}

/// The configuration as one worker sees it: a snapshot that is renewed when there is a newer one.
#[derive(Clone, Debug)]
pub struct ConfigReader {
    store: Arc<ConfigStore>,
    config: Arc<Config>,
    generation: u64,
}

impl ConfigReader {
    /// A reader of this store.
    #[must_use]
    pub fn new(store: Arc<ConfigStore>) -> Self {
        let generation = store.generation();
        let config = store.current();
        Self { store, config, generation }
    }

    /// The current configuration, at the cost of reading one number when nothing has changed.
    pub fn get(&mut self) -> &Arc<Config> {
        let generation = self.store.generation();
        if generation != self.generation {
            // The number first: should the snapshot be newer still, the next call takes it again.
            self.generation = generation;
            self.config = self.store.current();
        }
        &self.config
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Arc<ConfigStore> {
        &self.store
    }
}

/// The words of a directive's value in a file: one quoted word is split again for directives of several words.
pub(crate) fn file_words(directive: &Directive, words: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
    match words {
        [only] if directive.is_multi_arg() && !only.is_empty() => {
            split_args(only).ok_or_else(|| "Unbalanced quotes in configuration line".to_owned())
        }
        [_] => Ok(words.to_vec()),
        _ if directive.is_multi_arg() => Ok(words.to_vec()),
        _ => Err("wrong number of arguments".to_owned()),
    }
}

#[cfg(test)]
mod tests;
