//! `keyspace`: keys, whatever their type.

use wasmtime::component::{LinkerInstance, WasmList};

use crate::bindings::sandkey::module::keyspace::{Mode as WireMode, ValueType as WireType};
use crate::bindings::sandkey::module::types::ArgvParam;
use crate::guest::{self, Guest, define_sure};
use crate::host::{Mode, ValueType};
use crate::lend::define_list;
use crate::limits::SCAN_COUNT;

/// `page`, with the keys lent.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lower)]
#[component(record)]
struct Page {
    cursor: u64,
    keys: ArgvParam<'static>,
}

pub(super) fn define(linker: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    guest::define(linker, "open", |host, store, (name, mode): (WasmList<u8>, WireMode)| {
        let mode = match mode {
            WireMode::Read => Mode::Read,
            WireMode::Write => Mode::Write,
        };
        host.open(name.as_le_slice(store), mode)
    })?;
    define_sure(linker, "type-of", |host, (key,): (u32,)| {
        Ok(match host.type_of(key)? {
            ValueType::None => WireType::None,
            ValueType::String => WireType::String,
            ValueType::List => WireType::List,
            ValueType::Set => WireType::Set,
            ValueType::Zset => WireType::Zset,
            ValueType::Hash => WireType::Hash,
            ValueType::Stream => WireType::Stream,
            ValueType::Module => WireType::Module,
        })
    })?;
    define_sure(linker, "exists", |host, (key,): (u32,)| host.exists(key))?;
    guest::define(linker, "delete", |host, _, (key,): (u32,)| host.delete(key))?;
    define_sure(linker, "expires-at-ms", |host, (key,): (u32,)| host.expires_at_ms(key))?;
    guest::define(linker, "expire-at-ms", |host, _, (key, when): (u32, Option<u64>)| {
        host.expire_at_ms(key, when)
    })?;
    define_list(
        linker,
        "scan",
        |host, store, (cursor, pattern, count): (u64, Option<WasmList<u8>>, u32), keys| {
            let pattern = pattern.as_ref().map(|pattern| pattern.as_le_slice(store));
            host.scan(cursor, pattern, count.clamp(1, SCAN_COUNT), keys)
        },
        |cursor, keys| Page { cursor, keys },
    )
}
