//! Values of modules' own types: how bytes and journal become one again.

use std::sync::Arc;

use crate::keyspace::{ModuleValue, TypeId};
use crate::server::Server;

/// The bytes of a value with its journal in them, and the version that they are of. No lock may be held: a value with a journal is
/// made in an instance of its own.
pub fn folded(_server: &'static Server, value: &ModuleValue) -> Result<(TypeId, Arc<Vec<u8>>), String> {
    if value.is_folded() {
        return Ok((value.id(), Arc::clone(value.saved())));
    }
    Err(format!("the module that owns the type '{}' is not loaded", value.id().name()))
}
