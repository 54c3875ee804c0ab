//! `sets`: keys that hold sets.

use crate::linking::{Bools, Bytes, Count, Interface, MemberPage, Strings};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(u32, Strings), u32>("add", |c, (key, members)| c.host.set_add(key, members))?;
    on.refusable::<(u32, Strings), u32>("remove", |c, (key, members)| c.host.set_remove(key, members))?;
    on.refusable::<(u32, Bytes), bool>("contains", |c, (key, member)| c.host.set_contains(key, member))?;
    on.refusable::<(u32, Strings), Bools>("contains-many", |c, (key, members)| {
        c.host.set_contains_many(key, members)
    })?;
    on.refusable::<(u32,), u64>("len", |c, (key,)| c.host.set_len(key))?;
    on.refusable::<(u32,), Strings>("members", |c, (key,)| {
        let ((), members) = c.list(|host, members| host.set_members(key, members))?;
        Ok(members)
    })?;
    on.refusable::<(u32, Count), Strings>("random", |c, (key, count)| {
        let ((), members) = c.list(|host, members| host.set_random(key, count, members))?;
        Ok(members)
    })?;
    on.refusable::<(u32, Count), Strings>("pop", |c, (key, count)| {
        let ((), members) = c.list(|host, members| host.set_pop(key, count, members))?;
        Ok(members)
    })?;
    on.refusable::<(u32, u64, Count), MemberPage>("scan", |c, (key, cursor, count)| {
        c.list(|host, members| host.set_scan(key, cursor, count, members))
    })
}
