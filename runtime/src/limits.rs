//! Every limit of the sandbox, with its reason.
//!
//! [`Limits`] are an administrator's to change, module by module. The constants are parts of the contract, or bounds that
//! nobody should need to move. Nothing is enforced here.

use std::time::Duration;

/// What one module may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of one command. A unit is about one instruction, so this is 30 to 100 ms of a tight loop: long for a command
    /// of a server that answers in microseconds, short for whoever waits behind it.
    pub fuel_per_command: u64,
    /// Fuel for the start of an instance: building tables or an interpreter takes longer than a command should.
    pub fuel_init: u64,
    /// Fuel per second over all commands of the module, its share of the machine; 0 for no limit.
    pub fuel_per_second: u64,
    /// Linear memory of one instance, over all its memories. Interpreters (Python, JavaScript) start with 10 to 40 MiB.
    pub memory_bytes: usize,
    /// Elements of all tables of an instance. Each costs the host 8 bytes; the largest guests that were measured
    /// have 20,000.
    pub table_elements: usize,
    /// Core instances inside one component. Adapters and shared libraries need some tens.
    pub instances: usize,
    /// Memories of one instance. One for the guest, a few for adapters.
    pub memories: usize,
    /// Tables of one instance. One or two for each core instance.
    pub tables: usize,
    /// Bytes that cross from the module to the server in one go: a reply, or the arguments of one host function. Values of its own
    /// types may be as large as its memory.
    pub reply_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_per_command: 100_000_000,
            fuel_init: 2_000_000_000,
            fuel_per_second: 0,
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            instances: 100,
            memories: 16,
            tables: 100,
            reply_bytes: 32 << 20,
        }
    }
}

/// Stack of a guest. wasmtime's own default; a worker's thread needs this much for every module that calls another,
/// beside its own.
pub const STACK_BYTES: usize = 512 << 10;

/// The largest file that MODULE LOAD takes. A Python interpreter with its library is 18 MB.
pub const MODULE_BYTES: usize = 64 << 20;

/// Time to compile a module. The largest guests that were measured take 5 s; a busy machine takes several times as long.
pub const COMPILE_TIME: Duration = Duration::from_secs(60);

/// Address space of the process that compiles. 18 MB of wasm need less than 2 GiB of it.
pub const COMPILE_MEMORY: u64 = 4 << 30;

/// How deep a RESP3 value may be nested. Clients parse recursively, and none needs more.
pub const RESP3_DEPTH: usize = 32;

/// An error line is for people; a longer one is cut.
pub const ERROR_LINE_BYTES: usize = 4096;

/// A line in the log, before it is cut.
pub const LOG_LINE_BYTES: usize = 1024;

/// Lines that one module may log in a second; the rest are counted.
pub const LOG_LINES_PER_SECOND: u32 = 100;

/// Keys or fields that one step of a scan returns at most, so that a step is never long.
pub const SCAN_COUNT: u32 = 1000;

/// Entries that looking for one in a stream may go through: those of a block, as many as `stream-node-max-entries` is by default.
pub const ENTRIES_IN_BLOCK: u32 = 100;

/// Frames of a backtrace: enough to see where a module went, even when it recursed.
pub const BACKTRACE_FRAMES: usize = 24;

/// Fuel that any host function costs beside its bytes. Entering and leaving the host takes 35 to 110 ns, in which a guest
/// executes about this many instructions; without it a loop of host calls would outlive its budget tenfold.
pub const HOST_CALL_FUEL: u64 = 100;

/// Fuel of a string in a list that a host function is given: it is looked up, or stored and noted for undo. Half of a host call, so
/// that one call with many strings buys hardly more of the server than many calls.
pub const STRING_FUEL: u64 = HOST_CALL_FUEL / 2;

/// Fuel of a key or a field that a step of a walk may look at, paid in advance: what is not among the answer was looked at, too.
pub const WALKED_FUEL: u64 = HOST_CALL_FUEL / 10;

/// Bytes that cross the boundary for one unit of fuel: copying moves about 10 bytes in the time of an instruction,
/// and whoever receives them reads them at least once more.
pub const BYTES_PER_FUEL: u64 = 4;

/// Commands in one manifest. Redis itself has some 240.
pub const MANIFEST_COMMANDS: usize = 1000;

/// Entries of any other list in a manifest.
pub const MANIFEST_LIST: usize = 256;

/// Data types in one manifest. Each is a name that no other module may have; the richest modules have five.
pub const MANIFEST_DATA_TYPES: usize = 64;

/// Bytes of a data type's name: RDB files have it in 54 bits, 6 for each of 64 characters.
pub const DATA_TYPE_NAME_BYTES: usize = 9;

/// The largest version of a saved form: RDB files have it in the 10 bits beside the name.
pub const ENCVER: u32 = 1023;

/// Bytes of a name in a manifest.
pub const MANIFEST_NAME_BYTES: usize = 64;

/// Bytes of any other text in a manifest.
pub const MANIFEST_TEXT_BYTES: usize = 4096;
