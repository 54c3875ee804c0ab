//! `log`: lines in the server's log.

use crate::guest::Phase;
use crate::host::LogLevel;
use crate::linking::{Interface, Text};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.scalar::<(LogLevel, Text), ()>("write", Phase::Value, |c, (level, message)| {
        c.log.write(c.host, level, &message);
        Ok(())
    })
}
