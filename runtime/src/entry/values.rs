//! The functions of `values`, each with both ways to call it.

use wasmtime::{Instance, Store};

use super::core::{Entering, Function};
use crate::bindings::exports::sandkey::module::values::Guest as ComponentValues;
use crate::bindings::sandkey::module::types::ArgvResult;
use crate::guest::Guest;

/// What a server reads that calls them in a module without any.
pub(super) const NO_VALUES: &str = "the module has no data types";

/// A function with its arguments.
pub(crate) trait ValueFunction {
    type Answer;

    fn of_component(
        &self,
        values: &ComponentValues,
        store: &mut Store<Guest>,
    ) -> wasmtime::Result<Self::Answer>;
    fn of_core(&self, values: &CoreValues, guest: Entering<'_>) -> wasmtime::Result<Self::Answer>;

    /// How many bytes an answer has brought.
    fn bytes(answer: &Self::Answer) -> usize;
}

/// A data type and an object.
type Object = (u32, u32);

/// A data type, an object, and the address and the length of a list.
type WithList = (u32, u32, u32, u32);

/// The functions of a core module, by the names that a toolchain gives them.
pub(crate) struct CoreValues {
    load: Function<WithList>,
    save: Function<Object>,
    free: Function<Object, ()>,
    memory_usage: Function<Object, u64>,
    free_effort: Function<Object, u64>,
    copy: Function<(u32, u32, u32, u32, u32, u32)>,
    digest: Function<Object>,
    aof_rewrite: Function<WithList>,
}

impl CoreValues {
    /// Find them. `interface` is the full name of `values`.
    pub(super) fn find(
        instance: &Instance,
        store: &mut Store<Guest>,
        interface: &str,
    ) -> wasmtime::Result<Self> {
        let interface = Some(interface);
        Ok(Self {
            load: Function::find(instance, store, interface, "load")?,
            save: Function::find(instance, store, interface, "save")?,
            free: Function::find(instance, store, interface, "free")?,
            memory_usage: Function::find(instance, store, interface, "memory-usage")?,
            free_effort: Function::find(instance, store, interface, "free-effort")?,
            copy: Function::find(instance, store, interface, "copy")?,
            digest: Function::find(instance, store, interface, "digest")?,
            aof_rewrite: Function::find(instance, store, interface, "aof-rewrite")?,
        })
    }
}

/// `load`.
pub(crate) struct Load<'a> {
    pub(crate) data_type: u32,
    pub(crate) encver: u32,
    pub(crate) bytes: &'a [u8],
}

impl ValueFunction for Load<'_> {
    type Answer = Result<u32, String>;

    fn of_component(
        &self,
        values: &ComponentValues,
        store: &mut Store<Guest>,
    ) -> wasmtime::Result<Self::Answer> {
        values.call_load(store, self.data_type, self.encver, self.bytes)
    }

    fn of_core(&self, values: &CoreValues, mut guest: Entering<'_>) -> wasmtime::Result<Self::Answer> {
        let (at, len) = guest.list(self.bytes)?;
        guest.answer(&values.load, (self.data_type, self.encver, at, len))
    }

    fn bytes(answer: &Self::Answer) -> usize {
        answer.as_ref().err().map_or(0, String::len)
    }
}

/// Functions of an object alone.
macro_rules! of_an_object {
    ($($(#[$doc:meta])* $function:ident -> $answer:ty: $call:ident, $enter:ident($name:ident), |$of:ident| $bytes:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $function(pub(crate) u32, pub(crate) u32);

            impl ValueFunction for $function {
                type Answer = $answer;

                fn of_component(&self, values: &ComponentValues, store: &mut Store<Guest>) -> wasmtime::Result<$answer> {
                    values.$call(store, self.0, self.1)
                }

                fn of_core(&self, values: &CoreValues, guest: Entering<'_>) -> wasmtime::Result<$answer> {
                    guest.$enter(&values.$name, (self.0, self.1))
                }

                fn bytes($of: &$answer) -> usize {
                    $bytes
                }
            }
        )*
    };
}

of_an_object! {
    /// `save`.
    Save -> Vec<u8>: call_save, answer(save), |bytes| bytes.len();
    /// `free`.
    Free -> (): call_free, number(free), |_nothing| 0;
    /// `memory-usage`.
    MemoryUsage -> u64: call_memory_usage, number(memory_usage), |_number| 0;
    /// `free-effort`.
    FreeEffort -> u64: call_free_effort, number(free_effort), |_number| 0;
    /// `digest`.
    Digest -> Vec<u8>: call_digest, answer(digest), |bytes| bytes.len();
}

/// `copy`.
pub(crate) struct Copy<'a> {
    pub(crate) data_type: u32,
    pub(crate) object: u32,
    pub(crate) source: &'a [u8],
    pub(crate) target: &'a [u8],
}

impl ValueFunction for Copy<'_> {
    type Answer = Result<Vec<u8>, String>;

    fn of_component(
        &self,
        values: &ComponentValues,
        store: &mut Store<Guest>,
    ) -> wasmtime::Result<Self::Answer> {
        values.call_copy(store, self.data_type, self.object, self.source, self.target)
    }

    fn of_core(&self, values: &CoreValues, mut guest: Entering<'_>) -> wasmtime::Result<Self::Answer> {
        let (source, source_len) = guest.list(self.source)?;
        let (target, target_len) = guest.list(self.target)?;
        let params = (self.data_type, self.object, source, source_len, target, target_len);
        guest.answer(&values.copy, params)
    }

    fn bytes(answer: &Self::Answer) -> usize {
        answer.as_ref().map_or_else(String::len, Vec::len)
    }
}

/// `aof-rewrite`.
pub(crate) struct AofRewrite<'a> {
    pub(crate) data_type: u32,
    pub(crate) object: u32,
    pub(crate) key: &'a [u8],
}

impl ValueFunction for AofRewrite<'_> {
    type Answer = Vec<ArgvResult>;

    fn of_component(
        &self,
        values: &ComponentValues,
        store: &mut Store<Guest>,
    ) -> wasmtime::Result<Self::Answer> {
        values.call_aof_rewrite(store, self.data_type, self.object, self.key)
    }

    fn of_core(&self, values: &CoreValues, mut guest: Entering<'_>) -> wasmtime::Result<Self::Answer> {
        let (at, len) = guest.list(self.key)?;
        guest.answer(&values.aof_rewrite, (self.data_type, self.object, at, len))
    }

    fn bytes(commands: &Vec<ArgvResult>) -> usize {
        let of_one = |command: &ArgvResult| command.data.len() + size_of_val(command.ends.as_slice());
        size_of_val(commands.as_slice()) + commands.iter().map(of_one).sum::<usize>()
    }
}
