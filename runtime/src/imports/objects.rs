//! `objects`: keys that hold values of the module's own types.

use crate::linking::{Count, Interface, KeyPage, Strings, Text};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(u32, u32), Option<u32>>("get", |c, (key, data_type)| {
        c.host.object_get(key, c.data_type(data_type)?)
    })?;
    on.refusable::<(u32, u32), Option<u32>>("edit", |c, (key, data_type)| {
        c.host.object_edit(key, c.data_type(data_type)?)
    })?;
    on.refusable::<(u32, Strings), ()>("journal", |c, (key, command)| c.host.object_journal(key, command))?;
    on.refusable::<(u32, u32, u32), ()>("set", |c, (key, data_type, object)| {
        c.host.object_set(key, c.data_type(data_type)?, object)
    })?;
    on.sure::<(u32,), Option<Text>>("type-name", |c, (key,)| c.host.object_type_name(key))?;
    on.refusable::<(u32, u64, Count), KeyPage>("scan", |c, (data_type, cursor, count)| {
        let data_type = c.data_type(data_type)?;
        c.list(|host, keys| host.object_scan(data_type, cursor, count, keys))
    })
}
