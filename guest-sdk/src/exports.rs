//! The exports of the contract that are entered rarely, answered from the table of a module. `module!` instantiates them in the
//! module's crate. The one that is entered all the time is in `entry`.

use crate::bindings::configurable::exports::sandkey::module::configs as wit_configs;
use crate::bindings::data::exports::sandkey::module::values as wit_values;
use crate::bindings::data::sandkey::module::types as wit_values_types;
use crate::bindings::exports::sandkey::module::lifecycle as wit_lifecycle;
use crate::bindings::sandkey::module::{manifest as wit, types};
use crate::collections;
use crate::config::{ConfigKind, ConfigSpec, ConfigValue};
use crate::data_type::{Object, Writer, saved};
use crate::host::{self, Host};
use crate::log::Level;
use crate::module::{Module, State};
use crate::spec::{Access, ArgumentDoc, ArgumentKind, CommandSpec, FindKeys, KeySpec};
use crate::strings::Argv;

/// A type that knows its crate's table; `module!` makes one and exports through it.
pub trait HasModule {
    /// The table.
    const MODULE: &'static Module;
}

impl<T: HasModule> wit_lifecycle::Guest for T {
    fn init(args: types::Argv) -> Result<wit::Manifest, String> {
        report_panics();
        host::set_types(T::MODULE.types);
        let host = Host;
        collections::seed(host.random(), host.random());
        T::MODULE.start(&host, Argv::new(&args.data, &args.ends))?;
        Ok(manifest(T::MODULE))
    }
}

impl<T: HasModule> wit_configs::Guest for T {
    fn set(name: String, value: wit_configs::ConfigValue) -> Result<(), String> {
        let value = match value {
            wit_configs::ConfigValue::Boolean(yes) => ConfigValue::Boolean(yes),
            wit_configs::ConfigValue::Integer(number) => ConfigValue::Integer(number),
            wit_configs::ConfigValue::String(text) => ConfigValue::String(text),
        };
        T::MODULE.configure(&name, value)
    }
}

/// The number of a type is not needed where an object's own is given: it knows its type.
impl<T: HasModule> wit_values::Guest for T {
    fn load(data_type: u32, encver: u32, bytes: Vec<u8>) -> Result<u32, String> {
        // The server passes positions of the manifest that it read from this very table.
        let object = T::MODULE.types[data_type as usize].load(encver, &bytes)?;
        Ok(Host.store(|store| store.insert(object)))
    }

    fn save(_data_type: u32, object: u32) -> Vec<u8> {
        saved(&*object_at(object))
    }

    fn free(_data_type: u32, object: u32) {
        Host.store(|store| store.free(object));
    }

    fn memory_usage(_data_type: u32, object: u32) -> u64 {
        object_at(object).memory_usage() as u64
    }

    fn free_effort(_data_type: u32, object: u32) -> u64 {
        object_at(object).free_effort() as u64
    }

    fn copy(_data_type: u32, object: u32, source: Vec<u8>, target: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut writer = Writer::new();
        object_at(object).copy(&source, &target, &mut writer).map_err(|error| error.to_string())?;
        Ok(writer.into_bytes())
    }

    fn digest(_data_type: u32, object: u32) -> Vec<u8> {
        let mut digest = Vec::new();
        object_at(object).digest(&mut digest);
        digest
    }

    fn aof_rewrite(_data_type: u32, object: u32, key: Vec<u8>) -> Vec<wit_values_types::Argv> {
        let commands = object_at(object).aof_rewrite(&key);
        commands.into_iter().map(|argv| wit_values_types::Argv { data: argv.data, ends: argv.ends }).collect()
    }
}

fn object_at(number: u32) -> Object {
    Host.store(|store| store.any(number))
}

/// A panic ends in a trap, and a trap has no words: say them before.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        let words = panic.payload_as_str().unwrap_or("no message");
        crate::log::write(Level::Warning, &format!("panicked{place}: {words}"));
    }));
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn manifest(module: &Module) -> wit::Manifest {
    wit::Manifest {
        name: module.name.to_owned(),
        version: module.version,
        summary: module.summary.to_owned(),
        state: match module.state {
            State::None => wit::State::None,
            State::Global => wit::State::Global,
            State::Values => wit::State::Values,
        },
        commands: module.commands.iter().map(|entry| command(&entry.spec)).collect(),
        configs: module.configs.iter().map(|parameter| config(parameter.spec())).collect(),
        data_types: module
            .types
            .iter()
            .map(|entry| wit::DataType { name: entry.name.to_owned(), encver: entry.encver })
            .collect(),
        events: Vec::new(),
        calls: owned(module.calls),
        capabilities: owned(module.capabilities),
    }
}

fn command(spec: &CommandSpec) -> wit::Command {
    wit::Command {
        name: spec.name.to_owned(),
        arity: spec.arity,
        // Our constants have the bits in the contract's order; a test reads wit/ and compares.
        flags: wit::CommandFlags::from_bits_truncate(spec.flags.0 as _),
        key_specs: spec.keys.as_slice().iter().map(key_spec).collect(),
        acl_categories: owned(spec.acl_categories),
        docs: wit::CommandDocs {
            summary: spec.summary.to_owned(),
            complexity: spec.complexity.to_owned(),
            since: spec.since.to_owned(),
            arguments: spec.arguments.iter().map(argument).collect(),
        },
    }
}

fn key_spec(spec: &KeySpec) -> wit::KeySpec {
    wit::KeySpec {
        access: match spec.access {
            Access::Read => wit::KeyAccess::Read,
            Access::Update => wit::KeyAccess::Update,
            Access::Overwrite => wit::KeyAccess::Overwrite,
            Access::Remove => wit::KeyAccess::Remove,
        },
        find: match spec.find {
            FindKeys::Range { first, last, step } => {
                wit::FindKeys::Range(wit::KeyRange { first, last, step })
            }
            FindKeys::Count { count, first, step } => {
                wit::FindKeys::Count(wit::KeyCount { count, first, step })
            }
        },
    }
}

fn argument(doc: &ArgumentDoc) -> wit::CommandArgument {
    wit::CommandArgument {
        name: doc.name.to_owned(),
        kind: match doc.kind {
            ArgumentKind::String => wit::ArgumentKind::String,
            ArgumentKind::Integer => wit::ArgumentKind::Integer,
            ArgumentKind::Double => wit::ArgumentKind::Double,
            ArgumentKind::Key => wit::ArgumentKind::Key,
            ArgumentKind::Token => wit::ArgumentKind::Token,
        },
        token: doc.token.to_owned(),
        optional: doc.optional,
        multiple: doc.multiple,
    }
}

fn config(spec: &ConfigSpec) -> wit::Config {
    wit::Config {
        name: spec.name.to_owned(),
        kind: match spec.kind {
            ConfigKind::Boolean(default) => wit::ConfigKind::Boolean(default),
            ConfigKind::Integer { default, min, max, memory } => {
                wit::ConfigKind::Integer(wit::IntegerConfig { default, min, max, memory })
            }
            ConfigKind::Enum { default, values } => {
                wit::ConfigKind::Enum(wit::EnumConfig { default: default.to_owned(), values: owned(values) })
            }
            ConfigKind::String(default) => wit::ConfigKind::String(default.to_owned()),
        },
        immutable: spec.immutable,
        sensitive: spec.sensitive,
    }
}
