//! The `Host` of a running command: what a module's imports ask is answered from the command's context.
//! Keys must be among those that the command declared; writes are recorded so that they can be undone.

use std::borrow::Cow;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sandkey_runtime as rt;
use sandkey_runtime::{
    ArgvBuf, ClientInfo, ContextFlags, Error, Host, HostFault, HostResult, Instance, LogLevel, Mode, Refusal,
    ValueType, ValuesBuf,
};
use smallvec::SmallVec;

use crate::command::context::CommandContext;
use crate::command::dispatch::{for_each_key, resolve, run_nested};
use crate::command::error::CommandError;
use crate::command::spec::Flags;
use crate::effects::notify::Class;
use crate::keyspace::{self, Expire, Key};
use crate::limits;
use crate::net::reply::ReplyWriter;
use crate::net::resp::{Argv, OwnedArgv};

use super::LoadedModule;
use super::command::write_reply;

/// Answers the imports of one command.
pub(super) struct ModuleHost<'h, 'c, 'a> {
    ctx: &'h mut CommandContext<'c>,
    module: &'a LoadedModule,
    spec: &'a rt::Command,
    argv: Argv<'a>,
    handles: SmallVec<[Handle<'a>; 2]>,
    rng: Option<SmallRng>,
    /// Where a value that is not stored as bytes is written, to be lent from.
    buffer: Vec<u8>,
}

/// An open key.
struct Handle<'a> {
    name: Cow<'a, [u8]>,
    hash: u64,
    slot: u16,
    mode: Mode,
}

impl Handle<'_> {
    fn key(&self) -> Key<'_> {
        Key { bytes: &self.name, hash: self.hash, slot: self.slot }
    }
}
