//! Everything that a module can ask of the server that hosts it: one trait.
//!
//! A server implements [`Host`] for the context of one command. The runtime calls it on the thread that called
//! [`Instance::call`](crate::Instance::call), and never after that call has returned.
//!
//! Bytes come in as slices of the guest's memory and go out as slices of the host's, so that each is copied once.
//! A refusal ([`Error`]) goes back to the module as a value; a [`HostFault`] ends the command with a trap.

mod lists;
mod sets;
mod sorted_sets;
mod streams;

use std::borrow::Cow;

use crate::contract::{Argv, ArgvBuf, Error, Reply, ValuesBuf};

pub use lists::{End, Lists, Side};
pub use sets::Sets;
pub use sorted_sets::{ScoreRange, SortedSets};
pub use streams::Streams;

/// The client behind a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo<'a> {
    /// As CLIENT ID reports it; 0 when there is none.
    pub id: u64,
    /// What CLIENT SETNAME gave it, or empty.
    pub name: Cow<'a, str>,
    /// `address:port`, or the path of the Unix socket.
    pub address: Cow<'a, str>,
    /// 2 or 3.
    pub resp: u8,
}

/// In which circumstances a command runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContextFlags {
    /// It is part of MULTI ... EXEC.
    pub in_multi: bool,
    /// It comes from the primary or from the append-only file.
    pub replaying: bool,
    /// The server is at `maxmemory`.
    pub out_of_memory: bool,
    /// Another module runs it.
    pub called: bool,
}

/// Redis's log levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is Redis's log level of that name")]
pub enum LogLevel {
    Debug,
    Verbose,
    Notice,
    Warning,
}

/// What a key is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The value is only looked at.
    Read,
    /// It may be changed.
    Write,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what TYPE answers, and None that there is no such key")]
pub enum ValueType {
    None,
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
    Module,
}

/// What only a bug in a module can do, or what only a bug in the server can cause. The command traps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostFault {
    /// A key handle that the host did not give out for this command.
    #[error("key handle {0} was never given out")]
    BadHandle(u32),
    /// More keys were opened than a command may hold open.
    #[error("too many keys are open")]
    TooManyHandles,
    /// A number of a data type that the manifest does not have.
    #[error("the module has no data type {0}")]
    BadDataType(u32),
    /// Anything else, as a sentence for the log.
    #[error("{0}")]
    Other(String),
}

/// Why a host function does not do what it was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The module gets this as a value and goes on.
    Error(Error),
    /// The command ends.
    Fault(HostFault),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<HostFault> for Refusal {
    fn from(fault: HostFault) -> Self {
        Self::Fault(fault)
    }
}

/// What the functions answer that can refuse.
pub type HostResult<T> = Result<T, Refusal>;

/// What the server does for a module while one command runs. `key` is always a handle from [`Host::open`]; one that was
/// never given out is [`HostFault::BadHandle`]. `data_type` is always the position of a type in the module's manifest.
///
/// `wit/` says what each function means, function by function; this trait adds nothing to that. While an instance starts, only
/// `now_us`, `random` and `log` are called; while a function of `values` runs, only `now_us` and `log`, and `random` by modules that
/// import WASI: their languages seed their tables with it when they make the first.
pub trait Host: Sets + Lists + SortedSets + Streams {
    /// The client behind the command.
    fn client(&mut self) -> ClientInfo<'_>;
    /// The name of its ACL user.
    fn user(&mut self) -> Cow<'_, str>;
    /// The number of the selected database.
    fn db(&mut self) -> u32;
    /// The circumstances.
    fn flags(&mut self) -> ContextFlags;
    /// Microseconds since 1970, the same throughout one command.
    fn now_us(&mut self) -> u64;
    /// The next 64 bits of the command's random sequence.
    fn random(&mut self) -> u64;

    /// Write a line to the log. It has been escaped, cut and counted against the module's limit of lines; the module's
    /// name is for the host to add.
    fn log(&mut self, level: LogLevel, line: &str);

    /// Open a key.
    fn open(&mut self, name: &[u8], mode: Mode) -> HostResult<u32>;
    /// The type of its value.
    fn type_of(&mut self, key: u32) -> Result<ValueType, HostFault>;
    /// Whether it exists.
    fn exists(&mut self, key: u32) -> Result<bool, HostFault>;
    /// Delete it; whether it existed.
    fn delete(&mut self, key: u32) -> HostResult<bool>;
    /// When it expires, if it exists and does.
    fn expires_at_ms(&mut self, key: u32) -> Result<Option<u64>, HostFault>;
    /// Let it expire then, or never; whether it exists.
    fn expire_at_ms(&mut self, key: u32, when: Option<u64>) -> HostResult<bool>;
    /// Append keys of the selected database to `keys`; the next cursor. `count` is 1 to 1,000.
    fn scan(
        &mut self,
        cursor: u64,
        pattern: Option<&[u8]>,
        count: u32,
        keys: &mut ArgvBuf,
    ) -> HostResult<u64>;

    /// The value. A value that is not kept as bytes is written into a buffer of the host and lent from there.
    fn string_get(&mut self, key: u32) -> HostResult<Option<&[u8]>>;
    /// Its bytes from `start` to `end`, as GETRANGE has it.
    fn string_get_range(&mut self, key: u32, start: i64, end: i64) -> HostResult<&[u8]>;
    /// Its length.
    fn string_len(&mut self, key: u32) -> HostResult<u64>;
    /// Set it, whatever the key held, without a time to live.
    fn string_set(&mut self, key: u32, value: &[u8]) -> HostResult<()>;
    /// Set it and keep the time to live.
    fn string_replace(&mut self, key: u32, value: &[u8]) -> HostResult<()>;
    /// Append; the new length.
    fn string_append(&mut self, key: u32, value: &[u8]) -> HostResult<u64>;
    /// Overwrite from `offset` on; the new length.
    fn string_set_range(&mut self, key: u32, offset: u64, value: &[u8]) -> HostResult<u64>;
    /// Add; the sum.
    fn string_incr_by(&mut self, key: u32, by: i64) -> HostResult<i64>;

    /// The value of a field.
    fn hash_get(&mut self, key: u32, field: &[u8]) -> HostResult<Option<&[u8]>>;
    /// Append the values of several fields to `values`, one for each.
    fn hash_get_many(&mut self, key: u32, fields: Argv<'_>, values: &mut ValuesBuf) -> HostResult<()>;
    /// Append all fields and values, alternately, to `pairs`.
    fn hash_get_all(&mut self, key: u32, pairs: &mut ArgvBuf) -> HostResult<()>;
    /// Set a field; whether it is new.
    fn hash_set(&mut self, key: u32, field: &[u8], value: &[u8]) -> HostResult<bool>;
    /// Set fields from an even number of strings, fields and values alternately; how many are new.
    fn hash_set_many(&mut self, key: u32, pairs: Argv<'_>) -> HostResult<u32>;
    /// Delete fields; how many there were.
    fn hash_delete(&mut self, key: u32, fields: Argv<'_>) -> HostResult<u32>;
    /// Whether a field exists.
    fn hash_exists(&mut self, key: u32, field: &[u8]) -> HostResult<bool>;
    /// The number of fields.
    fn hash_len(&mut self, key: u32) -> HostResult<u64>;
    /// Add to a field; the sum.
    fn hash_incr_by(&mut self, key: u32, field: &[u8], by: i64) -> HostResult<i64>;
    /// Append fields and values to `pairs`; the next cursor. `count` is 1 to 1,000.
    fn hash_scan(&mut self, key: u32, cursor: u64, count: u32, pairs: &mut ArgvBuf) -> HostResult<u64>;

    /// The object under a key, to look at it.
    fn object_get(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>>;
    /// The same, before it is changed in place.
    fn object_edit(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>>;
    /// Note the command that has changed an object, to run it again on the value when the object is lost.
    fn object_journal(&mut self, key: u32, command: Argv<'_>) -> HostResult<()>;
    /// Put a new object under a key, whatever it held.
    fn object_set(&mut self, key: u32, data_type: u32, object: u32) -> HostResult<()>;
    /// The name of the data type of its value, if that is of some module's type.
    fn object_type_name(&mut self, key: u32) -> Result<Option<Cow<'_, str>>, HostFault>;
    /// Append keys of the selected database whose values are of a type to `keys`; the next cursor. `count` is 1 to 1,000.
    fn object_scan(&mut self, data_type: u32, cursor: u64, count: u32, keys: &mut ArgvBuf)
    -> HostResult<u64>;

    /// Run another command. An error reply is an [`Error`].
    fn call(&mut self, args: Argv<'_>) -> HostResult<Reply>;
}
