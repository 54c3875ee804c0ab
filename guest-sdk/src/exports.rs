//! The exports of the contract that are entered rarely, answered from the table of a module. `module!` instantiates them in the
//! module's crate. The one that is entered all the time is in `entry`.

use crate::bindings::configurable::exports::sandkey::module::configs as wit_configs;
use crate::bindings::exports::sandkey::module::lifecycle as wit_lifecycle;
use crate::bindings::sandkey::module::{manifest as wit, types};
use crate::collections;
use crate::config::{ConfigKind, ConfigSpec, ConfigValue};
use crate::host::Host;
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
        },
        commands: module.commands.iter().map(|entry| command(&entry.spec)).collect(),
        configs: module.configs.iter().map(|parameter| config(parameter.spec())).collect(),
        data_types: Vec::new(),
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
