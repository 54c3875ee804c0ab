//! `strings`: keys that hold strings.

use wasmtime::component::{LinkerInstance, WasmList};

use crate::guest::{self, Guest};
use crate::lend::{Bytes, MaybeBytes, define_bytes};

pub(super) fn define(linker: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    define_bytes::<_, MaybeBytes>(linker, "get", |host, _, (key,): (u32,)| host.string_get(key))?;
    define_bytes::<_, Bytes>(linker, "get-range", |host, _, (key, start, end): (u32, i64, i64)| {
        host.string_get_range(key, start, end)
    })?;
    guest::define(linker, "len", |host, _, (key,): (u32,)| host.string_len(key))?;
    guest::define(linker, "set", |host, store, (key, value): (u32, WasmList<u8>)| {
        host.string_set(key, value.as_le_slice(store))
    })?;
    guest::define(linker, "replace", |host, store, (key, value): (u32, WasmList<u8>)| {
        host.string_replace(key, value.as_le_slice(store))
    })?;
    guest::define(linker, "append", |host, store, (key, value): (u32, WasmList<u8>)| {
        host.string_append(key, value.as_le_slice(store))
    })?;
    guest::define(linker, "set-range", |host, store, (key, offset, value): (u32, u64, WasmList<u8>)| {
        host.string_set_range(key, offset, value.as_le_slice(store))
    })?;
    guest::define(linker, "incr-by", |host, _, (key, by): (u32, i64)| host.string_incr_by(key, by))
}
