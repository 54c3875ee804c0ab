//! The configuration: what may be set, how it is read at the start, and how it changes while the server runs.
//!
//! One [`table`] of directives carries everything; parsing, CONFIG GET, SET and REWRITE, help and documents
//! derive from it. The start reads the [command line](command_line) and the files that it names into a [`Startup`];
//! the server then keeps a [`ConfigStore`], and everybody reads immutable [`Config`] snapshots.
//!
//! Nothing here knows a socket, a client or a key. What must happen when a directive changes is given to
//! [`ConfigStore::on_change`] by those who can do it.

pub mod command_line;
mod events;
pub mod glob;
mod kind;
mod line;
mod load;
mod params;
mod rewrite;
mod snapshot;
mod start_error;
mod store;
pub mod table;
pub mod units;
mod values;

#[cfg(test)]
mod document;
#[cfg(test)]
mod judge;

pub use command_line::Invocation;
pub use events::EventFlags;
pub(crate) use kind::os_text;
pub use kind::{Check, Kind, Unit, Value, Words};
pub use line::{push_quoted, split_args};
pub use load::{LoadModule, ModuleConfig, RenameCommand, Startup, UserLine};
pub use params::{ParamKind, ParamSpec, ParamValue, Setter};
pub use rewrite::RewriteExtra;
pub(crate) use rewrite::replace_file;
pub use snapshot::Config;
pub use start_error::{Origin, Source, StartError};
pub use store::{Caller, Change, Changed, ConfigError, ConfigReader, ConfigStore, Hook};
pub use table::{
    AclPubsubDefault, AppendFsync, LogLevel, MaxmemoryPolicy, Protection, ShutdownFlags, TlsAuthClients,
};
pub use values::{BIND_ADDRESSES_MAX, BindAddress, OutputLimit, OutputLimits, Primary, SavePoint};
