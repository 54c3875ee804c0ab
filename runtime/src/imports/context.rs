//! `context`: who runs the command, where, and when.

use crate::guest::Phase;
use crate::host::ContextFlags;
use crate::linking::{Client, Interface, Text};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.sure::<(), Client>("client", |c, ()| Ok(c.host.client()))?;
    on.sure::<(), Text>("user", |c, ()| Ok(c.host.user()))?;
    on.scalar::<(), u32>("db", Phase::Command, |c, ()| Ok(c.host.db()))?;
    on.scalar::<(), ContextFlags>("flags", Phase::Command, |c, ()| Ok(c.host.flags()))?;
    // Randomness is there for `init` too, and time for the functions of `values` as well.
    on.scalar::<(), u64>("now-us", Phase::Value, |c, ()| Ok(c.host.now_us()))?;
    on.scalar::<(), u64>("random", Phase::Start, |c, ()| Ok(c.host.random()))
}
