//! Compiled code becomes a component again. The only place that trusts bytes to be machine code.

#![allow(unsafe_code)]

use wasmtime::component::Component;

/// Machine code that this server's own compiler made, for this very engine.
///
/// There are two ways to one: it came through the pipe from the child that this process started to compile
/// ([`crate::compile`]), or from the disk with a code of authentication made with this server's secret
/// ([`crate::cache`]).
pub(crate) struct Artifact(Vec<u8>);

impl Artifact {
    /// To be called by those two only.
    pub(crate) fn vouched_for(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Load it. An artifact of another version or configuration of wasmtime is refused, not misread.
    pub(crate) fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes must come from wasmtime's compiler, unmodified. An `Artifact` is only made of what the child
        // process wrote that runs this same executable and was given the module, or of what was found in the cache
        // with a correct HMAC under a secret that only this server's user can read. They are in our memory, so they do
        // not change while they are loaded.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
