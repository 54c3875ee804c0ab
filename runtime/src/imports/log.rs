//! `log`: lines in the server's log.

use crate::guest::Phase;
use crate::host::LogLevel;
use crate::linking::{Interface, Utf8};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.scalar::<(LogLevel, Utf8), ()>("write", Phase::Start, |c, (level, message)| {
        c.log.write(c.host, level, &message);
        Ok(())
    })
}
