//! The types that wasmtime generates from `wit/`. Nothing outside this crate ever sees one.
//!
//! They are used for what is rare or has a shape of its own (manifests, replies, errors). Arguments and results that carry
//! bytes are lent instead of owned, and the functions that a module imports are written by hand, one file an
//! interface, in `imports`.

#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_qualifications,
    unused_variables,
    clippy::all
)]
#![allow(clippy::undocumented_unsafe_blocks)]

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package sandkey:runtime;
        world everything {
            include sandkey:module/configurable-module@0.1.0;
            include sandkey:module/data-module@0.1.0;
        }
    ",
    world: "sandkey:runtime/everything",
    ownership: Borrowing { duplicate_if_necessary: true },
});
