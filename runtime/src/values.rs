//! What the server asks of a module's values: to become bytes, to come back, and what they are worth.
//!
//! An object is known by the number that the module gave out for it. The server asks between commands, and the module may only
//! log and ask for time then: everything else that it imports of the contract traps, random numbers too. What has as many bytes as a value, in either direction, is copied once, and its size is bounded by the
//! caller and by the memory that the instance may have, not by [`Limits::reply_bytes`](crate::Limits).
//!
//! Bytes that cross cost fuel as they do in commands. Those that go in are paid for first, so whoever loads a value of
//! hundreds of megabytes gives fuel for them: one unit for [`BYTES_PER_FUEL`](crate::limits::BYTES_PER_FUEL).

use crate::bindings::sandkey::module::types::ArgvResult;
use crate::contract::{Argv, ArgvBuf};
use crate::entry::Ended;
use crate::entry::values::{
    AofRewrite, Copy, Digest, Free, FreeEffort, Load, MemoryUsage, Save, ValueFunction,
};
use crate::guest;
use crate::host::Host;
use crate::instance::{self, Instance};
use crate::text::one_line;
use crate::trap::{Trap, TrapCause};
use crate::value_fields;

/// How a function of `values` ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueOutcome<T> {
    /// What it answered, or a trap. After a trap other than [`TrapCause::BadValue`] the instance is dead.
    pub result: Result<T, Trap>,
    /// What it used of its fuel; a little more than it had, if its answer was large.
    pub fuel_used: u64,
}

impl<T> ValueOutcome<T> {
    fn and_then<U>(self, f: impl FnOnce(T) -> Result<U, String>) -> ValueOutcome<U> {
        let wrong = |sentence| Trap::new(TrapCause::BadValue(sentence));
        let result = self.result.and_then(|answer| f(answer).map_err(wrong));
        ValueOutcome { result, fuel_used: self.fuel_used }
    }
}

/// An inner error is the module's refusal, a sentence. `data_type` is the position of a type in the manifest, and `object` a number
/// that the module gave out.
impl Instance {
    /// Make an object from the bytes of a value: its number.
    pub fn load_value(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        encver: u32,
        bytes: &[u8],
        fuel: u64,
    ) -> ValueOutcome<Result<u32, String>> {
        let load = Load { data_type, encver, bytes };
        self.value(host, &load, bytes.len(), fuel, self.reply_bytes())
            .and_then(|answer| Ok(answer.map_err(refusal)))
    }

    /// An object's bytes, of which there are at most `limit`: well-formed fields.
    pub fn save_value(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        object: u32,
        fuel: u64,
        limit: usize,
    ) -> ValueOutcome<Vec<u8>> {
        self.value(host, &Save(data_type, object), 0, fuel, limit).and_then(|bytes| fields("save", bytes))
    }

    /// Drop an object.
    pub fn free_value(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        object: u32,
        fuel: u64,
    ) -> ValueOutcome<()> {
        self.value(host, &Free(data_type, object), 0, fuel, 0)
    }

    /// How many bytes an object takes, as the module has it.
    pub fn value_memory(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        object: u32,
        fuel: u64,
    ) -> ValueOutcome<u64> {
        self.value(host, &MemoryUsage(data_type, object), 0, fuel, 0)
    }

    /// About how many steps it takes to drop an object, as the module has it.
    pub fn value_free_effort(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        object: u32,
        fuel: u64,
    ) -> ValueOutcome<u64> {
        self.value(host, &FreeEffort(data_type, object), 0, fuel, 0)
    }

    /// The bytes of an object's copy under another key, at most `limit`: well-formed fields.
    #[expect(
        clippy::too_many_arguments,
        reason = "it is a function of two keys, and has what every function here has"
    )]
    pub fn copy_value(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        object: u32,
        source: &[u8],
        target: &[u8],
        fuel: u64,
        limit: usize,
    ) -> ValueOutcome<Result<Vec<u8>, String>> {
        let copy = Copy { data_type, object, source, target };
        self.value(host, &copy, source.len() + target.len(), fuel, limit).and_then(|answer| match answer {
            Ok(bytes) => fields("copy", bytes).map(Ok),
            Err(sentence) => Ok(Err(refusal(sentence))),
        })
    }

    /// What is equal for equal values, at most `limit` bytes.
    pub fn value_digest(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        object: u32,
        fuel: u64,
        limit: usize,
    ) -> ValueOutcome<Vec<u8>> {
        self.value(host, &Digest(data_type, object), 0, fuel, limit)
    }

    /// The commands that make a value under a key, each with its name at least, together of at most `limit` bytes. None: whoever writes
    /// an append-only file writes the value's bytes.
    pub fn rewrite_value(
        &mut self,
        host: &mut dyn Host,
        data_type: u32,
        object: u32,
        key: &[u8],
        fuel: u64,
        limit: usize,
    ) -> ValueOutcome<Vec<ArgvBuf>> {
        self.value(host, &AofRewrite { data_type, object, key }, key.len(), fuel, limit)
            .and_then(|commands| commands.iter().map(command).collect::<Result<Vec<ArgvBuf>, String>>())
    }

    /// Call one of these functions, which is given so many bytes and answers with at most `limit`.
    fn value<F: ValueFunction>(
        &mut self,
        host: &mut dyn Host,
        function: &F,
        bytes: usize,
        fuel: u64,
        limit: usize,
    ) -> ValueOutcome<F::Answer> {
        if self.dead {
            return ValueOutcome { result: Err(Trap::new(TrapCause::Dead)), fuel_used: 0 };
        }
        let copying = guest::bytes_fuel(bytes).min(fuel);
        let most = limit.min(self.store.data().limiter.memory_max());
        let (result, used) = match self.entry.value(&mut self.store, host, function, fuel - copying, most) {
            Ok((answer, used)) => {
                let bytes = F::bytes(&answer);
                let fits = if bytes > most { Err(Trap::new(TrapCause::TooLarge)) } else { Ok(answer) };
                (fits, used + guest::bytes_fuel(bytes))
            }
            Err(Ended { error, fuel_used }) => (Err(instance::trap(&self.store, &error)), fuel_used),
        };
        self.dead = result.is_err();
        ValueOutcome { result, fuel_used: used + copying }
    }

    fn reply_bytes(&self) -> usize {
        self.store.data().reply_bytes
    }
}

/// A module's own words, fit for an error line.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn refusal(sentence: String) -> String {
    one_line(&sentence, 1000)
}

/// The bytes, if they are what may stand in a file.
fn fields(function: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    match value_fields::validate(&bytes) {
        Ok(()) => Ok(bytes),
        Err(invalid) => Err(format!("what values.{function} gave is no value: {invalid}")),
    }
}

/// A command, if it is one.
fn command(wire: &ArgvResult) -> Result<ArgvBuf, String> {
    match Argv::new(&wire.data, &wire.ends) {
        Some(argv) if !argv.is_empty() => Ok(argv.iter().collect()),
        Some(_) => Err("values.aof-rewrite gave a command without a name".into()),
        None => {
            Err("values.aof-rewrite gave an argv whose ends do not ascend to the length of its data".into())
        }
    }
}
