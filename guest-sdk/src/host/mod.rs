//! The server as the SDK sees it: one type with one method per function of the contract. In a module it is nothing but the
//! imports (`wasm`); in unit tests it is a small server in memory (`fake`).

#[cfg(not(target_arch = "wasm32"))]
mod fake;
#[cfg(not(target_arch = "wasm32"))]
mod journal;
#[cfg(not(target_arch = "wasm32"))]
mod lists;
#[cfg(not(target_arch = "wasm32"))]
mod sets;
#[cfg(not(target_arch = "wasm32"))]
mod sorted_sets;
#[cfg(not(target_arch = "wasm32"))]
mod streams;
#[cfg(not(target_arch = "wasm32"))]
mod values;
#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(not(target_arch = "wasm32"))]
mod world;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use fake::{Host, log};
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::{Host, log, set_types};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use fake::{Rights, keys_of, take_logs};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use values::Wanted;
#[cfg(target_arch = "wasm32")]
pub use wasm::bindings;
