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

pub mod contract;
pub mod host;
pub mod limits;
pub mod resp3;
pub mod throttle;

pub use contract::{
    ArgumentKind, Argv, ArgvBuf, Command, CommandArgument, CommandDocs, CommandFlags, Config, ConfigKind,
    ConfigValue, Error, FindKeys, KeyAccess, KeySpec, Manifest, Reply, Resp3, State, ValuesBuf,
};
pub use host::{ClientInfo, ContextFlags, Host, HostFault, HostResult, LogLevel, Mode, Refusal, ValueType};
pub use limits::Limits;
pub use throttle::Throttle;
