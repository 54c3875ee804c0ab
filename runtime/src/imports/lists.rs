//! `lists`: keys that hold lists.

use crate::host::{End, Side};
use crate::linking::{Bytes, Count, Interface, Strings};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(u32, End, Strings), u64>("push", |c, (key, end, elements)| {
        c.host.list_push(key, end, elements)
    })?;
    on.refusable::<(u32, End, Count), Strings>("pop", |c, (key, end, count)| {
        let ((), elements) = c.list(|host, elements| host.list_pop(key, end, count, elements))?;
        Ok(elements)
    })?;
    on.refusable::<(u32,), u64>("len", |c, (key,)| c.host.list_len(key))?;
    on.refusable::<(u32, i64), Option<Bytes>>("get", |c, (key, index)| c.host.list_get(key, index))?;
    on.refusable::<(u32, i64, Bytes), bool>("set", |c, (key, index, element)| {
        c.host.list_set(key, index, element)
    })?;
    on.refusable::<(u32, Side, Bytes, Bytes), Option<u64>>("insert", |c, (key, side, pivot, element)| {
        c.host.list_insert(key, side, pivot, element)
    })?;
    on.refusable::<(u32, Bytes, End, u64), u64>("remove", |c, (key, element, from, count)| {
        c.host.list_remove(key, element, from, count)
    })?;
    on.refusable::<(u32, i64, i64), ()>("trim", |c, (key, start, stop)| c.host.list_trim(key, start, stop))?;
    on.refusable::<(u32, i64, Count), Strings>("range", |c, (key, start, count)| {
        let ((), elements) = c.list(|host, elements| host.list_range(key, start, count, elements))?;
        Ok(elements)
    })
}
