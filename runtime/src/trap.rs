//! What ended a command, or the start of an instance, that did not end by itself.
//!
//! wasmtime reports a trap as an error of any kind with a backtrace attached. Here it becomes a cause that can be counted
//! and named to a client in one line, and frames with the names that the module's own symbols give.

use std::fmt;

use wasmtime::{FrameInfo, WasmBacktrace};

use crate::host::HostFault;
use crate::text::one_line;

/// A command that ended before it had an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Why.
    pub cause: TrapCause,
    /// Where, innermost first: the module's own function names, for the log.
    pub backtrace: Vec<String>,
}

/// More bytes than may cross to the server at once: the error that becomes [`TrapCause::TooLarge`].
#[derive(Debug, thiserror::Error)]
#[error("more bytes at once than may cross to the server")]
pub(crate) struct TooLarge;

/// Why a command trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrapCause {
    /// It used up its fuel.
    Fuel,
    /// It wanted more memory, or larger tables, than its limit.
    Memory,
    /// Its stack overflowed.
    Stack,
    /// It broke a rule of the host, such as using a key handle that was never given out.
    HostFault(HostFault),
    /// Its answer is none that a client could be sent. The instance can go on.
    BadReply(String),
    /// What a function of `values` gave is not what it must give. The instance can go on.
    BadValue(String),
    /// Its answer, or an argument of a host function, has more bytes than may cross at once.
    TooLarge,
    /// It left by WASI's `exit`.
    Exit(i32),
    /// The instance trapped before and must be made anew.
    Dead,
    /// Anything else, in the engine's words: `unreachable` (what a Rust panic ends in), a division by zero, memory
    /// out of bounds ...
    Other(String),
}

impl TrapCause {
    /// One word for statistics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::HostFault(_) => "host-fault",
            Self::BadReply(_) => "bad-reply",
            Self::BadValue(_) => "bad-value",
            Self::TooLarge => "too-large",
            Self::Exit(_) => "exit",
            Self::Dead => "dead",
            Self::Other(_) => "trap",
        }
    }
}

impl fmt::Display for TrapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fuel => f.write_str("out of fuel"),
            Self::Memory => f.write_str("out of memory: it wanted more than its limit"),
            Self::Stack => f.write_str("stack overflow"),
            Self::HostFault(fault) => write!(f, "{fault}"),
            Self::BadReply(sentence) | Self::BadValue(sentence) | Self::Other(sentence) => {
                f.write_str(sentence)
            }
            Self::TooLarge => f.write_str("more bytes at once than may cross to the server"),
            Self::Exit(status) => write!(f, "it called exit({status})"),
            Self::Dead => f.write_str("the instance has trapped before"),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for Trap {}

impl Trap {
    pub(crate) fn new(cause: TrapCause) -> Self {
        Self { cause, backtrace: Vec::new() }
    }

    /// Parse what wasmtime returned. `memory_refused` says whether the limiter refused memory meanwhile, of which the
    /// guest then most likely died.
    #[cold]
    pub(crate) fn from_error(error: &wasmtime::Error, memory_refused: bool) -> Self {
        Self { cause: cause(error, memory_refused), backtrace: backtrace(error) }
    }
}

fn cause(error: &wasmtime::Error, memory_refused: bool) -> TrapCause {
    if let Some(fault) = error.downcast_ref::<HostFault>() {
        return TrapCause::HostFault(fault.clone());
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return TrapCause::Exit(exit.0);
    }
    if error.is::<TooLarge>() {
        return TrapCause::TooLarge;
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) => TrapCause::Fuel,
        Some(wasmtime::Trap::StackOverflow) => TrapCause::Stack,
        _ if memory_refused => TrapCause::Memory,
        Some(trap) => {
            let words = trap.to_string();
            TrapCause::Other(words.strip_prefix("wasm trap: ").unwrap_or(&words).to_owned())
        }
        None => {
            let words = error.root_cause().to_string();
            // wasmtime keeps this error's type to itself; a test pins its words.
            if words.contains("fuel allocated for hostcalls has been exhausted") {
                return TrapCause::TooLarge;
            }
            TrapCause::Other(one_line(&words, 300))
        }
    }
}

/// One string for each frame.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    backtrace.map_or_else(Vec::new, |backtrace| backtrace.frames().iter().filter_map(frame).collect())
}

/// `module!function`. None for the trampolines that the toolchain puts between modules: they say nothing to the author.
fn frame(frame: &FrameInfo) -> Option<String> {
    let module = frame.module().name().filter(|name| !name.starts_with("wit-component:"))?;
    let function = match frame.func_name() {
        // Only Rust's names are written out as their authors know them: what a short name of C++ stands for can be longer than all
        // memory, and a hostile module chooses its names.
        Some(name) => rustc_demangle::demangle(beginning(name)).to_string(),
        None => format!("<wasm function {}>", frame.func_index()),
    };
    Some(one_line(&format!("{}!{function}", beginning(module)), 200))
}

/// As much of a name as anybody reads.
fn beginning(name: &str) -> &str {
    &name[..name.floor_char_boundary(1000)]
}
