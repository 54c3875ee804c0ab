//! How the functions that a module imports are defined: once each, for both ways into a module.
//!
//! A definition gives a name, the shapes of the parameters and of the answer, and a closure that asks the [`Host`] and sees
//! bytes of the guest as slices of its memory:
//!
//! ```text
//! on.refusable::<(u32, Bytes), bool>("exists", |c, (key, field)| c.host.hash_exists(key, field))
//! ```
//!
//! [`component`] defines it on wasmtime's linker of components, [`core`] on the one of core modules by the canonical ABI. What a
//! call costs, and when it is allowed, is the same in both.
//!
//! [`Host`]: crate::host::Host

mod answers;
mod component;
mod core;
mod params;

pub(crate) use answers::{
    Answer, Bytes as AnswerBytes, Client, KeyPage, MaybeBytes, PairPage, Scalar, Strings, Text, Values,
};
pub(crate) use params::{Argv, Bytes, MaybePattern, Params, Utf8};

use crate::guest::{Context, Phase};
use crate::host::{HostFault, HostResult};

/// A linker on which the interfaces of the contract can be defined.
pub(crate) trait Linking {
    type Interface<'l>: Interface
    where
        Self: 'l;

    /// The interface with this name, to be filled.
    fn interface(&mut self, name: &str) -> wasmtime::Result<Self::Interface<'_>>;
}

/// One interface of the contract, whose functions are being defined.
pub(crate) trait Interface {
    /// A function of commands that can refuse: `result<answer, error>`.
    fn refusable<P: Params, A: Answer>(
        &mut self,
        name: &str,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> HostResult<A::Of<'h>> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>;

    /// A function of commands that cannot refuse, only fault, and whose answer is more than one number.
    fn sure<P: Params, A: Answer>(
        &mut self,
        name: &str,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<A::Of<'h>, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>;

    /// A function that cannot refuse and whose answer is one number or none, open from a phase on.
    fn scalar<P: Params, S: Scalar>(
        &mut self,
        name: &str,
        from: Phase,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<S::Of, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>;
}
