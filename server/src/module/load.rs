//! Loading a module: bytes become code, an instance says what it declares, and then all of it is entered at once:
//! parameters, commands, the list of modules. Whatever fails on the way leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use sandkey_runtime as rt;
use sandkey_runtime::{ArgvBuf, ConfigKind, ConfigValue, Instance, Manifest, State, Throttle};

use crate::command::spec::{Access, Find, Flags, KeySpec, access};
use crate::command::table::{Command, CommandTable, Docs, categories};
use crate::config::{Config, ParamKind, ParamSpec, ParamValue, Setter};
use crate::keyspace::TypeId;
use crate::server::Server;
use crate::stats::PerWorker;

use super::command::ModuleCommand;
use super::parameters::config_text;
use super::starting::Starting;
use super::{LoadedModule, ModuleCounters, Slot};

/// Where the bytes of a module come from.
pub enum Source {
    /// A file on this machine.
    File(PathBuf),
    /// Bytes that a client sent, under the name that it gave them.
    Bytes(String, Vec<u8>),
}

/// What MODULE LOAD asks for.
pub struct LoadRequest {
    /// The module.
    pub source: Source,
    /// Arguments for `init`.
    pub args: Vec<Vec<u8>>,
    /// Values of configuration parameters.
    pub configs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Source {
    /// What MODULE LIST calls it.
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bytes(name, _) => name.clone(),
        }
    }

    fn read(self, limit: usize) -> Result<Vec<u8>, String> {
        let too_large = |bytes| format!("it has {bytes} bytes, and 'module-file-max-size' allows {limit}");
        match self {
            Self::Bytes(_, bytes) if bytes.len() > limit => Err(too_large(bytes.len())),
            Self::Bytes(_, bytes) => Ok(bytes),
            Self::File(path) => {
                let file =
                    std::fs::File::open(&path).map_err(|error| format!("cannot open the file: {error}"))?;
                let meta = file.metadata().map_err(|error| format!("cannot read the file: {error}"))?;
                if !meta.is_file() {
                    return Err("it is not a file".to_owned());
                }
                if meta.len() > limit as u64 {
                    return Err(too_large(meta.len() as usize));
                }
                let mut bytes = Vec::new();
                file.take(limit as u64 + 1)
                    .read_to_end(&mut bytes)
                    .map_err(|error| format!("cannot read the file: {error}"))?;
                Ok(bytes)
            }
        }
    }
}

/// The limits that a new module gets from the configuration.
pub(super) fn configured_limits(config: &Config) -> rt::Limits {
    rt::Limits {
        fuel_per_command: config.module_fuel,
        fuel_per_second: config.module_fuel_rate,
        memory_bytes: config.module_memory,
        ..rt::Limits::default()
    }
}

/// Load a module. Takes as long as compiling takes; nothing is locked meanwhile.
pub(super) fn load(
    server: &'static Server,
    engine: &rt::Engine,
    id: u64,
    mut request: LoadRequest,
    configs: impl FnOnce(&str) -> Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<Arc<LoadedModule>, String> {
    let mut given = std::mem::take(&mut request.configs);
    let module = prepare(server, engine, id, request, None)?;
    given.extend(configs(&module.name));
    register_configs(server, &module, &given)?;
    let entered = server.tenant.change_commands(|table| enter_commands(table, &module, server.workers()));
    if entered.is_err() {
        // Nothing else can have changed these parameters: loads follow each other.
        let _ = server.config.unregister_module(&module.name);
    }
    entered?;
    Ok(module)
}

/// Make a module of what was asked for, known to nobody yet. `old` is the module whose place it shall have.
pub(super) fn prepare(
    server: &'static Server,
    engine: &rt::Engine,
    id: u64,
    request: LoadRequest,
    old: Option<&LoadedModule>,
) -> Result<Arc<LoadedModule>, String> {
    let config = server.config.current();
    let path = request.source.name();
    let from_file = matches!(request.source, Source::File(_));
    let bytes = request.source.read(config.module_file_max_size)?;
    let code = engine.load(&bytes).map_err(|error| error.to_string())?;
    drop(bytes);
    let limits = old.map_or_else(|| configured_limits(&config), LoadedModule::limits);
    let args: ArgvBuf = request.args.iter().map(Vec::as_slice).collect();
    let made = code.instantiate(&limits, args.as_argv(), &mut Starting::new(&path), None);
    let (instance, manifest) = made.map_err(|error| error.to_string())?;
    check_free(server, &manifest, old)?;
    Ok(assemble(server, id, path, from_file, request.args, code, manifest, limits, instance))
}

/// Refuse names that exist, before anything is registered.
fn check_free(server: &Server, manifest: &Manifest, old: Option<&LoadedModule>) -> Result<(), String> {
    match old {
        Some(old) if old.name != manifest.name => {
            return Err(format!("the file has the module '{}', not '{}'", manifest.name, old.name));
        }
        None if server.tenant.modules.get(&manifest.name).is_some() => {
            return Err(format!("module '{}' is already loaded", manifest.name));
        }
        _ => {}
    }
    let is_old = |module: &LoadedModule| old.is_some_and(|old| old.id == module.id);
    for kind in &manifest.data_types {
        let id = TypeId::new(&kind.name, kind.encver);
        let declares = |module: &&Arc<LoadedModule>| {
            !is_old(module) && id.is_some_and(|id| module.type_of(id).is_some())
        };
        if let Some(other) = server.tenant.modules.list().iter().find(declares) {
            return Err(format!("module '{}' declares the type '{}' already", other.name, kind.name));
        }
    }
    let table = server.tenant.commands();
    let taken = |name: &str| {
        let command = table.get(name.as_bytes());
        command.is_some_and(|command| !command.run.module().is_some_and(|module| is_old(module)))
    };
    match manifest.commands.iter().find(|command| taken(&command.name)) {
        Some(command) => Err(format!("command '{}' exists already", command.name.to_ascii_lowercase())),
        None => Ok(()),
    }
}

/// Let the parameters of a module give way to those of its other version, which takes over the values that it knows.
pub(super) fn exchange_configs(
    server: &'static Server,
    from: &Arc<LoadedModule>,
    to: &Arc<LoadedModule>,
) -> Result<(), String> {
    let shared = |name: &str| to.manifest.configs.iter().any(|config| config.name == name);
    let values = from.configs().into_iter().filter(|(name, _)| shared(name));
    let given: Vec<_> = values.map(|(name, value)| (name.into_bytes(), config_text(&value))).collect();
    server.config.unregister_module(&from.name).map_err(|error| error.to_string())?;
    register_configs(server, to, &given).inspect_err(|_| {
        // It had these before.
        let own: Vec<_> = from
            .configs()
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), config_text(value)))
            .collect();
        let _ = register_configs(server, from, &own);
    })
}

#[expect(clippy::too_many_arguments, reason = "the parts of one struct, put together in one place")]
fn assemble(
    server: &Server,
    id: u64,
    path: String,
    from_file: bool,
    args: Vec<Vec<u8>>,
    code: rt::Module,
    manifest: Manifest,
    limits: rt::Limits,
    instance: Instance,
) -> Arc<LoadedModule> {
    let workers = server.workers();
    let slots = if manifest.state != State::None { 1 } else { workers };
    let slots: Box<[Arc<Mutex<Slot>>]> = (0..slots).map(|_| Arc::default()).collect();
    slots[0].lock().instance = Some(instance);
    let counters = PerWorker::<ModuleCounters>::new(workers);
    counters.of(0).instances.add(1);
    Arc::new(LoadedModule {
        id,
        name: manifest.name.clone(),
        path,
        from_file,
        args,
        key_specs: manifest.commands.iter().map(key_specs).collect(),
        events: manifest.commands.iter().map(|command| event_name(&command.name)).collect(),
        types: manifest.data_types.iter().filter_map(|kind| TypeId::new(&kind.name, kind.encver)).collect(),
        retired: AtomicBool::new(false),
        manifest,
        code,
        limits: RwLock::new(limits),
        configs: RwLock::new(vec![BTreeMap::new()]),
        config_revision: AtomicU32::new(0),
        unusual: RwLock::default(),
        revision: AtomicU64::new(0),
        slots,
        workshop: Mutex::default(),
        counters,
        throttled_ns: AtomicU64::new(0),
        throttle: Mutex::new(Throttle::new(limits.fuel_per_second, server.clock.now_ns())),
        blocked_until_ns: AtomicU64::new(0),
        fuel_per_command: AtomicU64::new(limits.fuel_per_command),
    })
}

/// Enter the configuration parameters; the module hears every value and may refuse it.
fn register_configs(
    server: &'static Server,
    module: &Arc<LoadedModule>,
    given: &[(Vec<u8>, Vec<u8>)],
) -> Result<(), String> {
    let specs: Vec<ParamSpec> = module.manifest.configs.iter().map(param_spec).collect();
    if specs.is_empty() && given.is_empty() {
        return Ok(());
    }
    let weak: Weak<LoadedModule> = Arc::downgrade(module);
    let setter: Setter = Arc::new(move |name, value| match weak.upgrade() {
        Some(module) => module.set_config(name, config_value(value), server.clock.now_ns()),
        None => Ok(()),
    });
    let registered = server.config.register_module(&module.name, specs, given, &setter);
    registered.map_err(|error| error.to_string().trim_start_matches("ERR ").to_owned())
}

fn param_spec(config: &rt::Config) -> ParamSpec {
    let kind = match &config.kind {
        ConfigKind::Boolean(default) => ParamKind::Bool { default: *default },
        ConfigKind::Integer { default, min, max, memory } => {
            ParamKind::Integer { default: *default, min: *min, max: *max, memory: *memory }
        }
        ConfigKind::Enum { default, values } => {
            ParamKind::Enum { default: default.clone(), words: values.clone() }
        }
        ConfigKind::String(default) => ParamKind::Text { default: default.clone().into_bytes() },
    };
    ParamSpec { name: config.name.clone(), kind, immutable: config.immutable, sensitive: config.sensitive }
}

fn config_value(value: &ParamValue) -> ConfigValue {
    match value {
        ParamValue::Bool(value) => ConfigValue::Boolean(*value),
        ParamValue::Integer(value) => ConfigValue::Integer(*value),
        ParamValue::Text(text) => ConfigValue::String(String::from_utf8_lossy(text).into_owned()),
    }
}

/// What the keyspace event of a command is called. Events have names that live for ever, and there are as many as names of commands.
fn event_name(command: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let name = command.to_ascii_lowercase();
    let mut names = NAMES.lock();
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    names.insert(name);
    name
}

/// Enter the commands of a module into the table, all or none.
pub(super) fn enter_commands(
    table: &mut CommandTable,
    module: &Arc<LoadedModule>,
    workers: usize,
) -> Result<(), String> {
    for (index, spec) in module.manifest.commands.iter().enumerate() {
        if table.get(spec.name.as_bytes()).or(table.get_original(spec.name.as_bytes())).is_some() {
            return Err(format!("command '{}' exists already", spec.name.to_ascii_lowercase()));
        }
        table.insert(Arc::new(command(module, index, spec, workers)));
    }
    Ok(())
}

/// Take them out.
pub(super) fn leave_commands(table: &mut CommandTable, module: &LoadedModule) {
    for command in &module.manifest.commands {
        table.remove(&command.name);
    }
}

fn command(module: &Arc<LoadedModule>, index: usize, spec: &rt::Command, workers: usize) -> Command {
    let flags = flags(&spec.flags);
    let docs = Docs {
        summary: spec.docs.summary.clone().into(),
        since: spec.docs.since.clone().into(),
        group: "module".into(),
        complexity: spec.docs.complexity.clone().into(),
        syntax: syntax(&spec.docs.arguments).into(),
    };
    let run = Box::new(ModuleCommand { module: Arc::clone(module), index });
    let keys = module.key_specs[index].clone();
    let mut command = Command::new(&spec.name, spec.arity, flags, keys, docs, run, workers);
    command.categories = categories(flags, "module", &spec.acl_categories);
    command
}

fn flags(declared: &rt::CommandFlags) -> Flags {
    let rows = [
        (declared.write, Flags::WRITE),
        (declared.readonly, Flags::READ),
        (declared.denyoom, Flags::OOM),
        (declared.admin, Flags::ADMIN),
        (declared.fast, Flags::FAST),
        (declared.loading, Flags::LOADING),
        (declared.stale, Flags::STALE),
        (declared.noscript, Flags::NOSCRIPT),
        (declared.no_multi, Flags::NO_MULTI),
        (declared.skip_monitor, Flags::SKIP_MONITOR),
        (declared.skip_slowlog, Flags::SKIP_SLOWLOG),
        (declared.all_keys, Flags::ALL_KEYS),
        (declared.finds_keys, Flags::FINDS_KEYS),
    ];
    rows.into_iter()
        .filter(|(set, _)| *set)
        .fold(Flags::NONE.with(Flags::MODULE), |all, (_, flag)| all | flag)
}

fn key_specs(command: &rt::Command) -> Vec<KeySpec> {
    let one = |spec: &rt::KeySpec| KeySpec {
        access: match spec.access {
            rt::KeyAccess::Read => access::READ,
            rt::KeyAccess::Update => access::MODIFY,
            rt::KeyAccess::Overwrite => access::OVERWRITE,
            rt::KeyAccess::Remove => Access::RM.with(Access::DELETE),
        },
        find: match spec.find {
            rt::FindKeys::Range { first, last, step } => {
                Find::Range { first: first as usize, last: last as isize, step: step as usize }
            }
            rt::FindKeys::Count { count, first, step } => {
                Find::Count { count: count as usize, first: first as usize, step: step as usize }
            }
        },
        notes: "",
    };
    command.key_specs.iter().map(one).collect()
}

/// The arguments in the notation of native rows, each with its type.
fn syntax(arguments: &[rt::CommandArgument]) -> String {
    // What means something in the notation means nothing in a name.
    let plain = |name: &str| name.replace(|c: char| c.is_whitespace() || "[]<>|".contains(c), "-");
    let words = arguments.iter().map(|argument| {
        let value = || format!("{}:{}", plain(&argument.name), argument.kind.name());
        let token = argument.token.as_deref().map(|token| plain(token).to_uppercase());
        let mut word = match (token, argument.kind) {
            (None, rt::ArgumentKind::Token) => plain(&argument.name).to_uppercase(),
            (None, _) => value(),
            (Some(token), rt::ArgumentKind::Token) => token,
            (Some(token), _) => format!("{token} {}", value()),
        };
        if argument.multiple {
            word = format!("{word} [{word} ...]");
        }
        if argument.optional { format!("[{word}]") } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}
