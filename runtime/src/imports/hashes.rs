//! `hashes`: keys that hold hashes.

use crate::host::HostFault;
use crate::linking::{Bytes, Count, Interface, PairPage, Strings, Values};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(u32, Bytes), Option<Bytes>>("get", |c, (key, field)| c.host.hash_get(key, field))?;
    on.refusable::<(u32, Strings), Values>("get-many", |c, (key, fields)| {
        c.values(|host, values| host.hash_get_many(key, fields, values))
    })?;
    on.refusable::<(u32,), Strings>("get-all", |c, (key,)| {
        let ((), pairs) = c.list(|host, pairs| host.hash_get_all(key, pairs))?;
        Ok(pairs)
    })?;
    on.refusable::<(u32, Bytes, Bytes), bool>("set", |c, (key, field, value)| {
        c.host.hash_set(key, field, value)
    })?;
    on.refusable::<(u32, Strings), u32>("set-many", |c, (key, pairs)| {
        if pairs.len() % 2 != 0 {
            return Err(HostFault::Other("set-many was given a field without a value".into()).into());
        }
        c.host.hash_set_many(key, pairs)
    })?;
    on.refusable::<(u32, Strings), u32>("delete", |c, (key, fields)| c.host.hash_delete(key, fields))?;
    on.refusable::<(u32, Bytes), bool>("exists", |c, (key, field)| c.host.hash_exists(key, field))?;
    on.refusable::<(u32,), u64>("len", |c, (key,)| c.host.hash_len(key))?;
    on.refusable::<(u32, Bytes, i64), i64>("incr-by", |c, (key, field, by)| {
        c.host.hash_incr_by(key, field, by)
    })?;
    on.refusable::<(u32, u64, Count), PairPage>("scan", |c, (key, cursor, count)| {
        c.list(|host, pairs| host.hash_scan(key, cursor, count, pairs))
    })
}
