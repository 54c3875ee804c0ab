//! Between the generated types and our own, one way each.
//!
//! Replies and errors are parsed here: what may not go to a client as it is never becomes a [`Reply`]. A manifest is only
//! re-spelled; whether it makes sense is for [`contract::check`](crate::contract) to say.

use crate::bindings::exports::sandkey::module::configs::ConfigValue as WireValue;
use crate::bindings::sandkey::module::manifest as wire;
use crate::bindings::sandkey::module::types::{Error as WireError, Reply as WireReply};
use crate::contract::{
    ArgumentKind, Command, CommandArgument, CommandDocs, CommandFlags, Config, ConfigKind, ConfigValue,
    DataType, Declared, Error, FindKeys, KeyAccess, KeySpec, Manifest, Reply, Resp3, State,
};
use crate::instance::Outcome;
use crate::trap::{Trap, TrapCause};

/// The outcome of a command that answered with a reply, which may turn out to be none.
#[inline]
pub(crate) fn outcome(wire: WireReply, fuel_used: u64) -> Outcome {
    let good = |reply| Outcome { result: Ok(Ok(reply)), fuel_used };
    match wire {
        WireReply::Ok => good(Reply::Ok),
        WireReply::Null => good(Reply::Null),
        WireReply::Integer(number) => good(Reply::Integer(number)),
        WireReply::Double(number) => good(Reply::Double(number)),
        WireReply::Boolean(truth) => good(Reply::Boolean(truth)),
        WireReply::Simple(text) => simple(text, fuel_used),
        WireReply::Bulk(bytes) => good(Reply::Bulk(bytes)),
        WireReply::Resp3(bytes) => resp3(bytes, fuel_used),
    }
}

/// The outcome of a command that answered with a status line.
pub(crate) fn simple(text: String, fuel_used: u64) -> Outcome {
    if text.contains(['\r', '\n']) {
        return bad("the reply is a status line with a line break".into(), fuel_used);
    }
    Outcome { result: Ok(Ok(Reply::Simple(text))), fuel_used }
}

/// The outcome of a command that answered with RESP3.
pub(crate) fn resp3(bytes: Vec<u8>, fuel_used: u64) -> Outcome {
    match Resp3::parse(bytes) {
        Ok(value) => Outcome { result: Ok(Ok(Reply::Resp3(value))), fuel_used },
        Err(invalid) => bad(format!("the reply is not valid RESP3: {invalid}"), fuel_used),
    }
}

#[cold]
fn bad(sentence: String, fuel_used: u64) -> Outcome {
    Outcome { result: Err(Trap::new(TrapCause::BadReply(sentence))), fuel_used }
}

impl From<Reply> for WireReply {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Ok => Self::Ok,
            Reply::Null => Self::Null,
            Reply::Integer(number) => Self::Integer(number),
            Reply::Double(number) => Self::Double(number),
            Reply::Boolean(truth) => Self::Boolean(truth),
            Reply::Simple(text) => Self::Simple(text),
            Reply::Bulk(bytes) => Self::Bulk(bytes),
            Reply::Resp3(value) => Self::Resp3(value.into_bytes()),
        }
    }
}

/// The cases of `error` that carry nothing, by their numbers in `wit/`: from and to the generated type, and the number.
macro_rules! errors {
    ($($number:literal $case:ident)*) => {
        impl From<Error> for WireError {
            fn from(error: Error) -> Self {
                match error {
                    $(Error::$case => Self::$case,)*
                    Error::Other(line) => Self::Other(line),
                }
            }
        }

        /// A guest's error; its text becomes a line that a client can be sent.
        pub(crate) fn error(wire: WireError) -> Error {
            match wire {
                $(WireError::$case => Error::$case,)*
                WireError::Other(text) => Error::other(&text),
            }
        }

        /// The number of an error's case.
        pub(crate) fn case(error: &Error) -> u8 {
            match error {
                $(Error::$case => $number,)*
                Error::Other(_) => OTHER_ERROR,
            }
        }

        /// The error whose case has this number, if it carries nothing.
        pub(crate) fn error_of_case(number: u8) -> Option<Error> {
            match number {
                $($number => Some(Error::$case),)*
                _ => None,
            }
        }
    };
}

errors! {
    0 WrongArity 1 WrongType 2 Syntax 3 NotAnInteger 4 NotAFloat 5 Overflow 6 HashValueNotAnInteger 7 HashValueNotAFloat
    8 TooLong 9 UndeclaredKey 10 ReadOnly 11 OutOfMemory 12 NotCallable
}

/// The number of the case that carries a text.
pub(crate) const OTHER_ERROR: u8 = 13;

pub(crate) fn config_value(value: &ConfigValue) -> WireValue<'_> {
    match value {
        ConfigValue::Boolean(value) => WireValue::Boolean(*value),
        ConfigValue::Integer(value) => WireValue::Integer(*value),
        ConfigValue::String(value) => WireValue::String(value),
    }
}

/// What `init` answered, in our own types and not yet checked.
pub(crate) fn declared(wire: wire::Manifest) -> Declared {
    Declared {
        manifest: Manifest {
            name: wire.name,
            version: wire.version,
            summary: wire.summary,
            state: match wire.state {
                wire::State::None => State::None,
                wire::State::Global => State::Global,
                wire::State::Values => State::Values,
            },
            commands: wire.commands.into_iter().map(command).collect(),
            configs: wire.configs.into_iter().map(config).collect(),
            data_types: wire.data_types.into_iter().map(data_type).collect(),
            calls: wire.calls,
        },
        events: wire.events,
        capabilities: wire.capabilities,
    }
}

fn command(wire: wire::Command) -> Command {
    Command {
        name: wire.name,
        arity: wire.arity,
        flags: flags(wire.flags),
        key_specs: wire.key_specs.into_iter().map(key_spec).collect(),
        acl_categories: wire.acl_categories,
        docs: CommandDocs {
            summary: wire.docs.summary,
            complexity: wire.docs.complexity,
            since: wire.docs.since,
            arguments: wire.docs.arguments.into_iter().map(argument).collect(),
        },
    }
}

fn flags(wire: wire::CommandFlags) -> CommandFlags {
    use wire::CommandFlags as Wire;
    let has = |flag| wire.contains(flag);
    CommandFlags {
        write: has(Wire::WRITE),
        readonly: has(Wire::READONLY),
        denyoom: has(Wire::DENYOOM),
        admin: has(Wire::ADMIN),
        fast: has(Wire::FAST),
        loading: has(Wire::LOADING),
        stale: has(Wire::STALE),
        noscript: has(Wire::NOSCRIPT),
        no_multi: has(Wire::NO_MULTI),
        skip_monitor: has(Wire::SKIP_MONITOR),
        skip_slowlog: has(Wire::SKIP_SLOWLOG),
        all_keys: has(Wire::ALL_KEYS),
        finds_keys: has(Wire::FINDS_KEYS),
    }
}

fn key_spec(wire: wire::KeySpec) -> KeySpec {
    KeySpec {
        access: match wire.access {
            wire::KeyAccess::Read => KeyAccess::Read,
            wire::KeyAccess::Update => KeyAccess::Update,
            wire::KeyAccess::Overwrite => KeyAccess::Overwrite,
            wire::KeyAccess::Remove => KeyAccess::Remove,
        },
        find: match wire.find {
            wire::FindKeys::Range(range) => {
                FindKeys::Range { first: range.first, last: range.last, step: range.step }
            }
            wire::FindKeys::Count(count) => {
                FindKeys::Count { count: count.count, first: count.first, step: count.step }
            }
        },
    }
}

fn argument(wire: wire::CommandArgument) -> CommandArgument {
    CommandArgument {
        name: wire.name,
        kind: match wire.kind {
            wire::ArgumentKind::String => ArgumentKind::String,
            wire::ArgumentKind::Integer => ArgumentKind::Integer,
            wire::ArgumentKind::Double => ArgumentKind::Double,
            wire::ArgumentKind::Key => ArgumentKind::Key,
            wire::ArgumentKind::Pattern => ArgumentKind::Pattern,
            wire::ArgumentKind::UnixTime => ArgumentKind::UnixTime,
            wire::ArgumentKind::Token => ArgumentKind::Token,
        },
        token: Some(wire.token).filter(|token| !token.is_empty()),
        optional: wire.optional,
        multiple: wire.multiple,
    }
}

fn data_type(wire: wire::DataType) -> DataType {
    DataType { name: wire.name, encver: wire.encver }
}

fn config(wire: wire::Config) -> Config {
    Config {
        name: wire.name,
        kind: match wire.kind {
            wire::ConfigKind::Boolean(default) => ConfigKind::Boolean(default),
            wire::ConfigKind::Integer(integer) => ConfigKind::Integer {
                default: integer.default,
                min: integer.min,
                max: integer.max,
                memory: integer.memory,
            },
            wire::ConfigKind::Enum(words) => {
                ConfigKind::Enum { default: words.default, values: words.values }
            }
            wire::ConfigKind::String(default) => ConfigKind::String(default),
        },
        immutable: wire.immutable,
        sensitive: wire.sensitive,
    }
}
