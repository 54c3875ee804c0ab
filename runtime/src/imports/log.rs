//! `log`: lines in the server's log.

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmStr};

use crate::bindings::sandkey::module::log::Level;
use crate::guest::{self, Guest};
use crate::host::LogLevel;

pub(super) fn define(linker: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    linker.func_wrap("write", |mut store: StoreContextMut<'_, Guest>, (level, message): (Level, WasmStr)| {
        let message = message.to_str(&store)?.into_owned();
        guest::charge(&mut store, message.len())?;
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Verbose => LogLevel::Verbose,
            Level::Notice => LogLevel::Notice,
            Level::Warning => LogLevel::Warning,
        };
        let gate = store.data().log.clone();
        store.data_mut().with_host(|host| gate.write(host, level, &message))
    })
}
