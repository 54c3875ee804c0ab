//! Whether a manifest makes sense. What does not contradict itself here is enforced by the server as it stands.
//!
//! Each contradiction is one sentence that names the part and what is wrong with it, for the author of the module.

use std::collections::HashSet;
use std::fmt::Display;

use super::manifest::{
    ArgumentKind, Command, Config, ConfigKind, DataType, FindKeys, KeyAccess, KeySpec, Manifest, State,
};
use crate::limits::{
    DATA_TYPE_NAME_BYTES, ENCVER, MANIFEST_COMMANDS, MANIFEST_DATA_TYPES, MANIFEST_LIST, MANIFEST_NAME_BYTES,
    MANIFEST_TEXT_BYTES,
};

/// A manifest as a module declared it, with the parts that this version reserves.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) manifest: Manifest,
    pub(crate) events: Vec<String>,
    pub(crate) capabilities: Vec<String>,
}

/// Which of the interfaces a module exports that need not be there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exported {
    pub(crate) configs: bool,
    pub(crate) values: bool,
}

/// What is wrong with a manifest, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(String);

type Checked<T = ()> = Result<T, Contradiction>;

fn wrong<T>(sentence: impl Display) -> Checked<T> {
    Err(Contradiction(sentence.to_string()))
}

/// Check all of it, and spell what has no case in lower case.
pub(crate) fn check(declared: Declared, exported: Exported) -> Checked<Manifest> {
    let Declared { mut manifest, events, capabilities } = declared;
    name("the module", &manifest.name, b"_-.")?;
    text("the module's summary", &manifest.summary)?;
    if let Some(event) = events.first() {
        return wrong(format!(
            "it declares keyspace events ({event:?}), which this version of the server reserves"
        ));
    }
    if let Some(capability) = capabilities.first() {
        return wrong(format!("it asks for the capability {capability:?}, which this server does not know"));
    }
    if manifest.commands.is_empty() {
        return wrong("it declares no command");
    }
    if manifest.commands.len() > MANIFEST_COMMANDS {
        return wrong(format!("it declares more than {MANIFEST_COMMANDS} commands"));
    }
    let mut names = HashSet::new();
    for declared in &mut manifest.commands {
        command(declared)?;
        if !names.insert(declared.name.to_ascii_lowercase()) {
            return wrong(format!("it declares the command '{}' twice", declared.name));
        }
    }
    if !manifest.configs.is_empty() && !exported.configs {
        return wrong("it declares configuration parameters and does not export the interface configs");
    }
    few("the module", "configuration parameters", manifest.configs.len())?;
    names.clear();
    for declared in &manifest.configs {
        config(declared)?;
        if !names.insert(declared.name.to_ascii_lowercase()) {
            return wrong(format!("it declares the parameter '{}' twice", declared.name));
        }
    }
    data_types(&manifest, exported.values)?;
    few("the module", "commands that it calls", manifest.calls.len())?;
    for call in &mut manifest.calls {
        called(call)?;
        call.make_ascii_lowercase();
    }
    Ok(manifest)
}

fn data_types(manifest: &Manifest, exports_values: bool) -> Checked {
    let types = &manifest.data_types;
    if types.is_empty() {
        if exports_values {
            return wrong("it exports the interface values and declares no data types");
        }
        return Ok(());
    }
    if !exports_values {
        return wrong("it declares data types and does not export the interface values");
    }
    if manifest.state == State::None {
        return wrong("it declares data types and the state none, which keeps no objects of them");
    }
    if types.len() > MANIFEST_DATA_TYPES {
        return wrong(format!("it declares more than {MANIFEST_DATA_TYPES} data types"));
    }
    let mut names = HashSet::new();
    for declared in types {
        data_type(declared)?;
        if !names.insert(&declared.name) {
            return wrong(format!("it declares the data type '{}' twice", declared.name));
        }
    }
    Ok(())
}

fn data_type(DataType { name, encver }: &DataType) -> Checked {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.len() != DATA_TYPE_NAME_BYTES || !name.bytes().all(allowed) {
        return wrong(format!(
            "a data type has the name {name:?}; it must be exactly {DATA_TYPE_NAME_BYTES} letters, digits, - and _"
        ));
    }
    if *encver > ENCVER {
        return wrong(format!("the data type '{name}' has the encver {encver}, of at most {ENCVER}"));
    }
    Ok(())
}

fn command(command: &mut Command) -> Checked {
    name("a command", &command.name, b"_-.:")?;
    let who = format!("the command '{}'", command.name);
    let flags = command.flags;
    if command.arity == 0 {
        return wrong(format!("{who} has arity 0, which not even its name satisfies"));
    }
    if command.arity.unsigned_abs() > 1 << 20 {
        return wrong(format!("{who} has an arity beyond what a request can have"));
    }
    if flags.write && flags.readonly {
        return wrong(format!("{who} is flagged both write and readonly"));
    }
    if flags.write && command.key_specs.is_empty() && !flags.all_keys && !flags.finds_keys {
        return wrong(format!("{who} is flagged write and declares no keys to write to"));
    }
    few(&who, "key specs", command.key_specs.len())?;
    for spec in &command.key_specs {
        key_spec(&who, command.arity, flags.write, spec)?;
    }
    few(&who, "ACL categories", command.acl_categories.len())?;
    for category in &mut command.acl_categories {
        let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if category.is_empty() || category.len() > MANIFEST_NAME_BYTES || !category.bytes().all(letters) {
            return wrong(format!("{who} has the ACL category {category:?}, which is no name of one"));
        }
        category.make_ascii_lowercase();
    }
    docs(&who, command)
}

fn docs(who: &str, command: &Command) -> Checked {
    let docs = &command.docs;
    text(&format!("{who} has a summary that"), &docs.summary)?;
    text(&format!("{who} has a complexity that"), &docs.complexity)?;
    text(&format!("{who} has a since that"), &docs.since)?;
    few(who, "documented arguments", docs.arguments.len())?;
    for argument in &docs.arguments {
        if argument.name.is_empty() {
            return wrong(format!("{who} documents an argument without a name"));
        }
        text(&format!("{who} has an argument whose name"), &argument.name)?;
        text(&format!("{who} has an argument whose token"), argument.token.as_deref().unwrap_or_default())?;
        if argument.kind == ArgumentKind::Token && argument.token.is_none() {
            return wrong(format!("{who} documents the token '{}' without its word", argument.name));
        }
    }
    Ok(())
}

fn key_spec(who: &str, arity: i32, writes: bool, spec: &KeySpec) -> Checked {
    let access = match spec.access {
        KeyAccess::Read => None,
        KeyAccess::Update => Some("update"),
        KeyAccess::Overwrite => Some("overwrite"),
        KeyAccess::Remove => Some("remove"),
    };
    if let Some(access) = access.filter(|_| !writes) {
        return wrong(format!("{who} has a key spec with access {access} and is not flagged write"));
    }
    // With a fixed arity, positions are known; with an open one, arguments may follow.
    let beyond = |position: u32| i64::from(arity) > 0 && i64::from(position) >= i64::from(arity);
    let (first, step) = match spec.find {
        FindKeys::Range { first, step, .. } | FindKeys::Count { first, step, .. } => (first, step),
    };
    if first == 0 {
        return wrong(format!("{who} has a key spec whose first key is position 0, the command's name"));
    }
    if step == 0 {
        return wrong(format!("{who} has a key spec with step 0"));
    }
    if beyond(first) {
        return wrong(format!(
            "{who} has a key spec whose first key, {first}, is beyond its arity of {arity}"
        ));
    }
    match spec.find {
        FindKeys::Range { last, .. } if last >= 0 => {
            let last = last.unsigned_abs();
            if last < first {
                return wrong(format!(
                    "{who} has a key spec whose last key, {last}, is before its first, {first}"
                ));
            }
            if beyond(last) {
                return wrong(format!(
                    "{who} has a key spec whose last key, {last}, is beyond its arity of {arity}"
                ));
            }
        }
        FindKeys::Range { last, .. } => {
            if arity > 0 && i64::from(arity) + i64::from(last) < i64::from(first) {
                return wrong(format!(
                    "{who} has a key spec whose last key, {last}, is before its first, {first}, at an arity of {arity}"
                ));
            }
        }
        FindKeys::Count { count, .. } => {
            if count == 0 {
                return wrong(format!("{who} has a key spec counted by position 0, the command's name"));
            }
            if count >= first {
                return wrong(format!(
                    "{who} has a key spec whose first key, {first}, is not behind its count, {count}"
                ));
            }
        }
    }
    Ok(())
}

fn config(config: &Config) -> Checked {
    name("a configuration parameter", &config.name, b"_-")?;
    let who = format!("the parameter '{}'", config.name);
    match &config.kind {
        ConfigKind::Boolean(_) => Ok(()),
        ConfigKind::String(default) => text(&format!("{who} has a default that"), default),
        ConfigKind::Integer { default, min, max, memory } => {
            if min > max {
                return wrong(format!("{who} has the minimum {min} above its maximum {max}"));
            }
            if !(min..=max).contains(&default) {
                return wrong(format!(
                    "{who} has the default {default}, outside of its bounds {min} to {max}"
                ));
            }
            if *memory && *min < 0 {
                return wrong(format!("{who} is a size in bytes and may be negative"));
            }
            Ok(())
        }
        ConfigKind::Enum { default, values } => {
            few(&who, "words", values.len())?;
            let mut seen = HashSet::new();
            for value in values {
                if value.is_empty() || value.contains(|c: char| c.is_whitespace() || c.is_control()) {
                    return wrong(format!("{who} has the value {value:?}, which is not one word"));
                }
                text(&format!("{who} has a value that"), value)?;
                if !seen.insert(value.to_ascii_lowercase()) {
                    return wrong(format!("{who} has the value '{value}' twice"));
                }
            }
            if !values.contains(default) {
                return wrong(format!("{who} has the default {default:?}, which is not among its values"));
            }
            Ok(())
        }
    }
}

/// `get` or `config|get`.
fn called(call: &str) -> Checked {
    let (command, subcommand) = match call.split_once('|') {
        Some((command, subcommand)) => (command, Some(subcommand)),
        None => (call, None),
    };
    name("a command that the module calls", command, b"_-.:")?;
    subcommand.map_or(Ok(()), |subcommand| name("a subcommand that the module calls", subcommand, b"_-.:"))
}

fn name(who: &str, name: &str, punctuation: &[u8]) -> Checked {
    if name.is_empty() {
        return wrong(format!("{who} has no name"));
    }
    if name.len() > MANIFEST_NAME_BYTES {
        return wrong(format!("{who} has a name of more than {MANIFEST_NAME_BYTES} characters"));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || punctuation.contains(&b);
    if !name.bytes().all(allowed) {
        let marks: Vec<String> = punctuation.iter().map(|&b| char::from(b).to_string()).collect();
        return wrong(format!(
            "{who} has the name {name:?}; letters, digits and {} are allowed",
            marks.join(" ")
        ));
    }
    Ok(())
}

fn text(who: &str, text: &str) -> Checked {
    if text.len() > MANIFEST_TEXT_BYTES {
        return wrong(format!("{who} is longer than {MANIFEST_TEXT_BYTES} bytes"));
    }
    if text.contains(char::is_control) {
        return wrong(format!("{who} contains a control character"));
    }
    Ok(())
}

fn few(who: &str, what: &str, count: usize) -> Checked {
    if count > MANIFEST_LIST {
        return wrong(format!("{who} has more than {MANIFEST_LIST} {what}"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
