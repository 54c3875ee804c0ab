//! `strings`: keys that hold strings.

use crate::linking::{Bytes, Interface};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(u32,), Option<Bytes>>("get", |c, (key,)| c.host.string_get(key))?;
    on.refusable::<(u32, i64, i64), Bytes>("get-range", |c, (key, start, end)| {
        c.host.string_get_range(key, start, end)
    })?;
    on.refusable::<(u32,), u64>("len", |c, (key,)| c.host.string_len(key))?;
    on.refusable::<(u32, Bytes), ()>("set", |c, (key, value)| c.host.string_set(key, value))?;
    on.refusable::<(u32, Bytes), ()>("replace", |c, (key, value)| c.host.string_replace(key, value))?;
    on.refusable::<(u32, Bytes), u64>("append", |c, (key, value)| c.host.string_append(key, value))?;
    on.refusable::<(u32, u64, Bytes), u64>("set-range", |c, (key, offset, value)| {
        c.host.string_set_range(key, offset, value)
    })?;
    on.refusable::<(u32, i64), i64>("incr-by", |c, (key, by)| c.host.string_incr_by(key, by))
}
