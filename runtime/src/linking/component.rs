//! Host functions on wasmtime's linker of components.

#![allow(unsafe_code)]

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance};

use super::{Answer, Interface, Linking, Params, Scalar};
use crate::guest::{self, Context, Guest, Phase};
use crate::host::HostFault;
use crate::lend::Lent;

/// An interface that components import.
pub(crate) struct ComponentInterface<'l>(LinkerInstance<'l, Guest>);

impl Linking for Linker<Guest> {
    type Interface<'l> = ComponentInterface<'l>;

    fn interface(&mut self, name: &str) -> wasmtime::Result<ComponentInterface<'_>> {
        Ok(ComponentInterface(self.instance(name)?))
    }
}

/// Pay for a call with these parameters, before anything is done for it. wasmtime has seen to it that not too many bytes cross.
fn pay<P: Params>(params: &P::Wire, store: &mut StoreContextMut<'_, Guest>) -> wasmtime::Result<()> {
    let moved = P::moved(&P::of_wire(params, store)?);
    guest::charge_call(store, moved)
}

/// A context whose answers wasmtime may keep until it has copied them.
fn lasting(lent: &mut Lent) -> wasmtime::Result<Context<'static>> {
    // SAFETY: wasmtime copies an answer into the guest as soon as the host function has returned, and drops it. What runs until
    // then is the guest's `realloc`, which the component model forbids to call imports. So nothing touches the host or the
    // buffers, and what was borrowed of them stays what it is; that the box around the buffers goes back into the store does
    // not move what they have allocated.
    unsafe { lent.lasting_context() }.ok_or_else(guest::no_host)
}

impl Interface for ComponentInterface<'_> {
    fn sure<P: Params, A: Answer>(
        &mut self,
        name: &str,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<A::Of<'h>, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        self.0.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, params: P::Wire| {
            let mut lent = store.data_mut().take_lent(Phase::Command)?;
            let context = lasting(&mut lent)?;
            pay::<P>(&params, &mut store)?;
            let answer = f(context, P::of_wire(&params, &store)?)?;
            let moved = A::moved(&answer);
            let answer = A::into_wire(answer);
            store.data_mut().lent = Some(lent);
            guest::charge_answer(&mut store, moved)?;
            Ok((answer,))
        })
    }

    fn scalar<P: Params, S: Scalar>(
        &mut self,
        name: &str,
        from: Phase,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<S::Of, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        self.0.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, params: P::Wire| {
            let mut lent = store.data_mut().take_lent(from)?;
            let context = lent.context().ok_or_else(guest::no_host)?;
            pay::<P>(&params, &mut store)?;
            let answer = f(context, P::of_wire(&params, &store)?)?;
            store.data_mut().lent = Some(lent);
            Ok(S::into_wire(answer))
        })
    }
}
