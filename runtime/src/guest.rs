//! What a store holds beside the guest itself, and how its host functions get at the server.
//!
//! A host function charges fuel for itself and for the bytes that it moves, so that a command cannot buy more of the
//! server's time with host calls than with instructions. The keyspace is there for commands only: while an instance
//! starts, there is none.

use std::ops::Add;

use wasmtime::{AsContextMut, Store};

use crate::contract::{Argv, ArgvBuf, ValuesBuf};
use crate::host::{Host, HostFault, HostResult};
use crate::lend::Lent;
use crate::limiter::Limiter;
use crate::limits::{BYTES_PER_FUEL, HOST_CALL_FUEL, Limits, STRING_FUEL, WALKED_FUEL};
use crate::log_gate::LogGate;
use crate::trap::TooLarge;
use crate::wasi::Wasi;

/// What an instance is doing, which decides what it may ask for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It makes an object, looks at one or drops one.
    Value,
    /// It starts, or takes a parameter.
    Start,
    /// It runs a command.
    Command,
}

/// The data of a store.
pub(crate) struct Guest {
    /// What a host function works with. Gone while one has it, and while the guest may not call any.
    pub(crate) lent: Option<Box<Lent>>,
    pub(crate) phase: Phase,
    pub(crate) limiter: Limiter,
    /// Bytes that may cross to the server at once.
    pub(crate) reply_bytes: usize,
    /// Only for modules that import WASI, so that others pay nothing for it.
    pub(crate) wasi: Option<Box<Wasi>>,
}

impl Guest {
    pub(crate) fn new(limits: &Limits, log: LogGate, wasi: Option<Box<Wasi>>) -> Self {
        Self {
            lent: Some(Box::new(Lent::new(limits.memory_bytes, log))),
            phase: Phase::Start,
            limiter: Limiter::new(limits),
            reply_bytes: limits.reply_bytes,
            wasi,
        }
    }

    /// What a host function works with, for functions that are open from this phase on. It must be put back.
    #[inline]
    pub(crate) fn take_lent(&mut self, from: Phase) -> wasmtime::Result<Box<Lent>> {
        if self.phase < from {
            return Err(not_now(self.phase));
        }
        self.lent.take().ok_or_else(no_host)
    }

    /// Run `f` with the host, in whatever phase.
    pub(crate) fn with_host<R>(&mut self, f: impl FnOnce(Context<'_>) -> R) -> wasmtime::Result<R> {
        self.lent.as_mut().and_then(|lent| lent.context()).map(f).ok_or_else(no_host)
    }
}

/// What a host function works with, for the length of one call.
pub(crate) struct Context<'h> {
    pub(crate) host: &'h mut dyn Host,
    pub(crate) log: &'h LogGate,
    pub(crate) list: &'h mut ArgvBuf,
    pub(crate) values: &'h mut ValuesBuf,
    /// How many data types the module has declared.
    pub(crate) data_types: u32,
}

impl<'h> Context<'h> {
    /// A number of one of the module's data types, once it has been checked to be one.
    pub(crate) fn data_type(&self, number: u32) -> Result<u32, HostFault> {
        if number < self.data_types { Ok(number) } else { Err(HostFault::BadDataType(number)) }
    }

    /// Have the host fill a list; its answer beside the list.
    pub(crate) fn list<R>(
        self,
        fill: impl FnOnce(&mut dyn Host, &mut ArgvBuf) -> HostResult<R>,
    ) -> HostResult<(R, Argv<'h>)> {
        self.list.clear();
        let answer = fill(self.host, self.list)?;
        if self.list.overflowed() {
            return Err(larger_than_memory().into());
        }
        Ok((answer, self.list.as_argv()))
    }

    /// Have the host fill a list in which some strings are missing.
    pub(crate) fn values(
        self,
        fill: impl FnOnce(&mut dyn Host, &mut ValuesBuf) -> HostResult<()>,
    ) -> HostResult<&'h ValuesBuf> {
        self.values.clear();
        fill(self.host, self.values)?;
        if self.values.overflowed() {
            return Err(larger_than_memory().into());
        }
        Ok(self.values)
    }
}

#[cold]
fn larger_than_memory() -> HostFault {
    HostFault::Other("the answer is larger than the module's memory".into())
}

#[cold]
pub(crate) fn no_host() -> wasmtime::Error {
    HostFault::Other("a host function was called outside of a command".into()).into()
}

#[cold]
fn not_now(phase: Phase) -> wasmtime::Error {
    let sentence = match phase {
        Phase::Value => "the functions of values may only log and ask for time",
        Phase::Start | Phase::Command => "init may only log and ask for time and random numbers",
    };
    HostFault::Other(sentence.into()).into()
}

/// What the parameters of a host function bring.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moved {
    pub(crate) bytes: usize,
    /// Strings in lists, each of which is something to do.
    pub(crate) strings: usize,
    /// Keys or fields that are looked at for it.
    pub(crate) walked: u32,
}

impl Add for Moved {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            strings: self.strings + other.strings,
            walked: self.walked.saturating_add(other.walked),
        }
    }
}

/// Take the fuel for a host call with such parameters, before it does anything.
#[inline]
pub(crate) fn charge_call(store: impl AsContextMut<Data = Guest>, moved: Moved) -> wasmtime::Result<()> {
    let each = STRING_FUEL * moved.strings as u64 + WALKED_FUEL * u64::from(moved.walked);
    charge(store, HOST_CALL_FUEL + bytes_fuel(moved.bytes) + each)
}

/// Take the fuel for an answer of so many bytes.
#[inline]
pub(crate) fn charge_answer(store: impl AsContextMut<Data = Guest>, bytes: usize) -> wasmtime::Result<()> {
    match bytes_fuel(bytes) {
        0 => Ok(()),
        fuel => charge(store, fuel),
    }
}

/// What is missing is an exhausted budget.
#[inline]
fn charge(mut store: impl AsContextMut<Data = Guest>, fuel: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    match store.get_fuel()?.checked_sub(fuel) {
        Some(left) => store.set_fuel(left),
        None => {
            store.set_fuel(0)?;
            Err(wasmtime::Trap::OutOfFuel.into())
        }
    }
}

/// Fuel for bytes that cross the boundary.
#[inline]
pub(crate) fn bytes_fuel(bytes: usize) -> u64 {
    bytes as u64 / BYTES_PER_FUEL
}

/// Refuse what is more than may cross to the server at once.
#[inline]
pub(crate) fn check_crossing(bytes: usize, most: usize) -> wasmtime::Result<()> {
    if bytes > most { Err(TooLarge.into()) } else { Ok(()) }
}

/// Give memory back that a rare large answer has left in the buffers.
pub(crate) fn shrink(store: &mut Store<Guest>) {
    if let Some(lent) = &mut store.data_mut().lent {
        lent.shrink();
    }
}
