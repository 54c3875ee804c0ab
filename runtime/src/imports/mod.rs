//! The functions that a module imports, one file for each interface of `wit/`.
//!
//! They are defined by hand instead of through generated traits: so bytes that a guest passes are read where they lie in its
//! memory, and bytes of the server are copied into it without a stop in between.

mod call;
mod context;
mod hashes;
mod keyspace;
mod lists;
mod log;
mod objects;
mod sets;
mod sorted_sets;
mod streams;
mod strings;

use crate::linking::Linking;

/// The version of the contract in `wit/`.
pub(crate) const VERSION: &str = "0.1.0";

/// What every name of the contract begins with.
pub(crate) const PACKAGE: &str = "sandkey:module/";

/// Define every interface that a module may import of the contract.
pub(crate) fn define(linker: &mut impl Linking) -> wasmtime::Result<()> {
    let name = |interface: &str| format!("{PACKAGE}{interface}@{VERSION}");
    // Types are only used; whoever imports them imports no function.
    linker.interface(&name("types"))?;
    context::define(&mut linker.interface(&name("context"))?)?;
    log::define(&mut linker.interface(&name("log"))?)?;
    keyspace::define(&mut linker.interface(&name("keyspace"))?)?;
    strings::define(&mut linker.interface(&name("strings"))?)?;
    hashes::define(&mut linker.interface(&name("hashes"))?)?;
    sets::define(&mut linker.interface(&name("sets"))?)?;
    lists::define(&mut linker.interface(&name("lists"))?)?;
    sorted_sets::define(&mut linker.interface(&name("sorted-sets"))?)?;
    streams::define(&mut linker.interface(&name("streams"))?)?;
    objects::define(&mut linker.interface(&name("objects"))?)?;
    call::define(&mut linker.interface(&name("call"))?)
}
