//! Hosts WebAssembly components that add commands to a key-value server.
//!
//! A module is compiled once ([`Engine::load`]), put into a sandbox of its own ([`Module::instantiate`]) and called
//! ([`Instance::call`]) under a budget of fuel and memory. Whatever it does ends in an [`Outcome`]: a reply, an error
//! line or a [`Trap`] that says what went wrong.
//!
//! Everything that a module may ask of the server is one trait, [`Host`], so that another front end can host the same
//! modules. Nothing here knows a socket, a request, or how keys are kept. What comes out of a component is parsed
//! once, into the types of [`contract`]; the types that are generated from `wit/` stay inside.

#![deny(unsafe_code)]

mod artifact;
mod bindings;
mod cache;
mod canonical;
mod compile;
pub mod compile_child;
mod composed;
pub mod contract;
mod convert;
mod direct;
mod engine;
mod engine_config;
mod entry;
mod guest;
pub mod host;
mod imports;
mod instance;
mod interfaces;
mod lend;
mod limiter;
pub mod limits;
mod linkers;
mod linking;
mod load_error;
mod log_gate;
mod module;
mod probe;
pub mod resp3;
mod rlimit;
mod text;
pub mod throttle;
mod trap;
pub mod value_fields;
#[cfg(test)]
mod value_fields_differential;
mod values;
mod wasi;

pub use compile::Compiler;
pub use contract::{
    ArgumentKind, Argv, ArgvBuf, Command, CommandArgument, CommandDocs, CommandFlags, Config, ConfigKind,
    ConfigValue, Contradiction, DataType, EntryHeads, EntryId, Error, FindKeys, KeyAccess, KeySpec, Manifest,
    Reply, Resp3, State, StreamInfo, Trimming, ValuesBuf,
};
pub use engine::{Engine, EngineConfig, EngineError};
pub use host::{
    ClientInfo, ContextFlags, End, Host, HostFault, HostResult, Lists, LogLevel, Mode, Refusal, ScoreRange,
    Sets, Side, SortedSets, Streams, ValueType,
};
pub use instance::{Instance, Outcome};
pub use limits::Limits;
pub use load_error::LoadError;
pub use module::Module;
pub use throttle::Throttle;
pub use trap::{Trap, TrapCause};
pub use values::ValueOutcome;

#[cfg(test)]
extern crate self as sandkey_runtime;
#[cfg(test)]
#[path = "../tests/support/host.rs"]
mod testing;
