//! `keyspace`: keys, whatever their type.

use crate::guest::Phase;
use crate::host::{Mode, ValueType};
use crate::linking::{Bytes, Count, Interface, KeyPage};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(Bytes, Mode), u32>("open", |c, (name, mode)| c.host.open(name, mode))?;
    on.scalar::<(u32,), ValueType>("type-of", Phase::Command, |c, (key,)| c.host.type_of(key))?;
    on.scalar::<(u32,), bool>("exists", Phase::Command, |c, (key,)| c.host.exists(key))?;
    on.refusable::<(u32,), bool>("delete", |c, (key,)| c.host.delete(key))?;
    on.sure::<(u32,), Option<u64>>("expires-at-ms", |c, (key,)| c.host.expires_at_ms(key))?;
    on.refusable::<(u32, Option<u64>), bool>("expire-at-ms", |c, (key, when)| {
        c.host.expire_at_ms(key, when)
    })?;
    on.refusable::<(u64, Option<Bytes>, Count), KeyPage>("scan", |c, (cursor, pattern, count)| {
        c.list(|host, keys| host.scan(cursor, pattern, count, keys))
    })
}
