//! The functions that a module imports, one file for each interface of `wit/`.
//!
//! They are defined by hand on the linker instead of through generated traits: so bytes that a guest passes are read where
//! they lie in its memory, and bytes of the server are copied into it without a stop in between. A set costs 99 ns so and
//! 121 through a `Vec`.

mod call;
mod context;
mod hashes;
mod keyspace;
mod log;
mod strings;

use wasmtime::component::Linker;

use crate::guest::Guest;

/// The version of the contract in `wit/`.
pub(crate) const VERSION: &str = "0.1.0";

/// What every name of the contract begins with.
pub(crate) const PACKAGE: &str = "sandkey:module/";

/// Define every interface that a module may import of the contract.
pub(crate) fn define(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut interface = |name: &str, define: fn(&mut wasmtime::component::LinkerInstance<'_, Guest>) -> _| {
        define(&mut linker.instance(&format!("{PACKAGE}{name}@{VERSION}"))?)
    };
    // Types are only used; whoever imports them imports no function.
    interface("types", |_| Ok(()))?;
    interface("context", context::define)?;
    interface("log", log::define)?;
    interface("keyspace", keyspace::define)?;
    interface("strings", strings::define)?;
    interface("hashes", hashes::define)?;
    interface("call", call::define)
}
