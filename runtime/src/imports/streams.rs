//! `streams`: keys that hold streams.

use crate::contract::{EntryId, StreamInfo, Trimming};
use crate::host::HostFault;
use crate::linking::{Count, EntryIds, EntryPage, Interface, Strings};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(u32, Option<EntryId>, Strings), EntryId>("add", |c, (key, id, fields)| {
        if fields.is_empty() || fields.len() % 2 != 0 {
            return Err(HostFault::Other("add was given a field without a value, or none".into()).into());
        }
        c.host.stream_add(key, id, fields)
    })?;
    on.refusable::<(u32, EntryIds), u32>("delete", |c, (key, ids)| c.host.stream_delete(key, &ids))?;
    on.refusable::<(u32, Trimming, bool), u64>("trim", |c, (key, to, exact)| {
        c.host.stream_trim(key, to, exact)
    })?;
    on.refusable::<(u32,), u64>("len", |c, (key,)| c.host.stream_len(key))?;
    on.refusable::<(u32, EntryId, EntryId, Count, bool), EntryPage>(
        "range",
        |c, (key, first, last, count, reverse)| {
            c.list(|host, fields| host.stream_range(key, first..=last, count, reverse, fields))
        },
    )?;
    on.refusable::<(u32,), StreamInfo>("info", |c, (key,)| c.host.stream_info(key))
}
