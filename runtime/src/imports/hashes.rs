//! `hashes`: keys that hold hashes.

use wasmtime::component::{LinkerInstance, WasmList};

use crate::bindings::sandkey::module::types::ArgvParam;
use crate::guest::{self, ArgvIn, Guest};
use crate::host::HostFault;
use crate::lend::{MaybeBytes, define_bytes, define_list, define_values};
use crate::limits::SCAN_COUNT;

/// `page`, with the pairs lent.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lower)]
#[component(record)]
struct Page {
    cursor: u64,
    pairs: ArgvParam<'static>,
}

pub(super) fn define(linker: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    define_bytes::<_, MaybeBytes>(linker, "get", |host, store, (key, field): (u32, WasmList<u8>)| {
        host.hash_get(key, field.as_le_slice(store))
    })?;
    define_values(linker, "get-many", |host, store, (key, fields): (u32, ArgvIn), values| {
        host.hash_get_many(key, fields.read(store)?, values)
    })?;
    define_list(
        linker,
        "get-all",
        |host, _, (key,): (u32,), pairs| host.hash_get_all(key, pairs),
        |(), pairs| pairs,
    )?;
    guest::define(linker, "set", |host, store, (key, field, value): (u32, WasmList<u8>, WasmList<u8>)| {
        host.hash_set(key, field.as_le_slice(store), value.as_le_slice(store))
    })?;
    guest::define(linker, "set-many", |host, store, (key, pairs): (u32, ArgvIn)| {
        let pairs = pairs.read(store)?;
        if pairs.len() % 2 != 0 {
            return Err(HostFault::Other("set-many was given a field without a value".into()).into());
        }
        host.hash_set_many(key, pairs)
    })?;
    guest::define(linker, "delete", |host, store, (key, fields): (u32, ArgvIn)| {
        host.hash_delete(key, fields.read(store)?)
    })?;
    guest::define(linker, "exists", |host, store, (key, field): (u32, WasmList<u8>)| {
        host.hash_exists(key, field.as_le_slice(store))
    })?;
    guest::define(linker, "len", |host, _, (key,): (u32,)| host.hash_len(key))?;
    guest::define(linker, "incr-by", |host, store, (key, field, by): (u32, WasmList<u8>, i64)| {
        host.hash_incr_by(key, field.as_le_slice(store), by)
    })?;
    define_list(
        linker,
        "scan",
        |host, _, (key, cursor, count): (u32, u64, u32), pairs| {
            host.hash_scan(key, cursor, count.clamp(1, SCAN_COUNT), pairs)
        },
        |cursor, pairs| Page { cursor, pairs },
    )
}
