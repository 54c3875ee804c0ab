//! Who runs the command, where and when, and everything in the server that is not behind one key.
//! `Context::test()` makes one for unit tests (`test`).

use std::fmt;
use std::time::Duration;

use crate::bytes::ToBytes;
use crate::error::Result;
use crate::host::Host;
use crate::key::{Key, ReadKey};
use crate::strings::Strings;
use crate::value::Value;

/// The client that sent a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Client {
    /// As CLIENT ID reports it; 0 when no client is behind the command.
    pub id: u64,
    /// What CLIENT SETNAME gave it, or empty.
    pub name: String,
    /// `address:port`, or the path of the Unix socket.
    pub address: String,
    /// The protocol that it speaks: 2 or 3.
    pub resp: u8,
}

/// In which circumstances a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// It is part of MULTI ... EXEC.
    pub in_multi: bool,
    /// It came from the primary or from the append-only file and must do exactly what it did there.
    pub replaying: bool,
    /// The server is at `maxmemory`.
    pub out_of_memory: bool,
    /// Another module runs it.
    pub called: bool,
}

/// A running command's view of the server. It is valid until the command returns.
pub struct Context {
    pub(crate) host: Host,
    pub(crate) write: bool,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("write", &self.write).finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) const fn new(host: Host, write: bool) -> Self {
        Self { host, write }
    }

    /// Microseconds since 1970-01-01 UTC. The same at every call within one command.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.host.now_us()
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// Time since 1970-01-01 UTC.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.now_us())
    }

    /// The next 64 bits of the command's random sequence. A replay yields the same sequence.
    /// It is not meant for keys and passwords.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.host.random()
    }

    /// The client behind this command.
    #[must_use]
    pub fn client(&self) -> Client {
        self.host.client()
    }

    /// The name of its ACL user.
    #[must_use]
    pub fn user(&self) -> String {
        self.host.user()
    }

    /// The number of the selected database.
    #[must_use]
    pub fn db(&self) -> u32 {
        self.host.db()
    }

    /// The circumstances.
    #[must_use]
    pub fn flags(&self) -> Circumstances {
        self.host.flags()
    }

    /// Open a key by name, for changing if the command is flagged `write`. The command's key specs must find it:
    /// this is for commands that read their keys from [`Args`](crate::Args).
    pub fn open<'a>(&self, name: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Key<'a>> {
        Key::open(&self.host, name.as_ref(), self.write)
    }

    /// Open a key by name, for reading.
    pub fn open_read<'a>(&self, name: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<ReadKey<'a>> {
        ReadKey::open(&self.host, name.as_ref(), false)
    }

    /// Some keys of the selected database, and the cursor for the next call: begin with 0, and 0 means the end.
    /// It gives SCAN's guarantees. About `count` keys come, at most 1,000; `pattern` is a glob.
    /// The command must be flagged `all_keys`.
    pub fn scan(&self, cursor: u64, pattern: Option<&[u8]>, count: u32) -> Result<(u64, Strings)> {
        self.host.scan(cursor, pattern, count)
    }

    /// Run another command: `ctx.call(["SET", "k", "v"])?`. The module's table must list it in `calls`.
    /// An error that it answers comes back as [`Error`](crate::Error), ready for `?`.
    pub fn call<T: AsRef<[u8]>>(&self, argv: impl IntoIterator<Item = T>) -> Result<Value> {
        Value::from_reply(self.host.call(argv.into_iter().collect())?)
    }

    /// The same with arguments of different types: `ctx.command("SET").arg(name).arg(5).run()?`.
    pub fn command(&self, name: &str) -> Call<'_> {
        Call { host: &self.host, argv: Strings::from_iter([name]) }
    }
}

/// A command that is going to be called. [`Context::command`] makes it.
#[must_use = "nothing is called until `run`"]
#[derive(Clone)]
pub struct Call<'c> {
    host: &'c Host,
    argv: Strings,
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("argv", &self.argv).finish_non_exhaustive()
    }
}

impl Call<'_> {
    /// Add an argument.
    pub fn arg(mut self, value: impl ToBytes) -> Self {
        value.with_bytes(|bytes| self.argv.push(bytes));
        self
    }

    /// Add several arguments.
    pub fn args<T: ToBytes>(self, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, Self::arg)
    }

    /// Run it.
    pub fn run(self) -> Result<Value> {
        Value::from_reply(self.host.call(self.argv)?)
    }
}
