//! Host functions on wasmtime's linker of core modules, by the canonical ABI.
//!
//! This is the hot way in: a host function is one call through wasmtime's trampoline, its arguments are read from the guest's
//! memory in place, and the guest is entered only for an answer that carries bytes.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use wasmtime::{Caller, FuncType, Linker, ValRaw, ValType};

use super::{Answer, Interface, Linking, Params, Scalar};
use crate::canonical::{Arguments, CoreParts, MAX_ARGUMENTS, Memory, Writer, answer_at};
use crate::guest::{self, Context, Guest, Phase};
use crate::host::HostFault;

/// An interface that core modules import.
pub(crate) struct CoreInterface<'l> {
    linker: &'l mut Linker<Guest>,
    /// The name that its functions are imported from.
    interface: String,
}

impl Linking for Linker<Guest> {
    type Interface<'l> = CoreInterface<'l>;

    fn interface(&mut self, name: &str) -> wasmtime::Result<CoreInterface<'_>> {
        Ok(CoreInterface { linker: self, interface: name.to_owned() })
    }
}

impl CoreInterface<'_> {
    /// Define a function of these types.
    fn define(
        &mut self,
        name: &str,
        params: Vec<ValType>,
        results: &[ValType],
        f: impl Fn(Caller<'_, Guest>, &mut Arguments<'_>) -> wasmtime::Result<Option<ValRaw>>
        + Send
        + Sync
        + 'static,
    ) -> wasmtime::Result<()> {
        assert!(params.len() <= MAX_ARGUMENTS, "{name} has more parameters than the ABI passes on the stack");
        let (count, answers) = (params.len(), !results.is_empty());
        let ty = FuncType::new(self.linker.engine(), params, results.iter().cloned());
        let function = move |caller: Caller<'_, Guest>, values: &mut [MaybeUninit<ValRaw>]| {
            // SAFETY: wasmtime passes as many initialised values as the type, which was made of the same list, has parameters.
            // `ValRaw` is plain data, and whatever its bits are, they are a number of every width.
            let arguments = unsafe { &*(&raw const values[..count] as *const [ValRaw]) };
            let answer = f(caller, &mut Arguments::new(arguments))?;
            if let Some(answer) = answer.filter(|_| answers) {
                values[0].write(answer);
            }
            Ok(())
        };
        // SAFETY: the values are read and written as numbers of the widths in the type: `Params` reads what it declares in `flat`,
        // and an answer is what its shape declares in `FLAT`.
        unsafe { self.linker.func_new_unchecked(&self.interface, name, ty, function) }?;
        Ok(())
    }
}

impl Interface for CoreInterface<'_> {
    fn sure<P: Params, A: Answer>(
        &mut self,
        name: &str,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<A::Of<'h>, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        let mut types = P::flat();
        types.push(ValType::I32);
        self.define(name, types, &[], move |mut caller, arguments| {
            let mut lent = caller.data_mut().take_lent(Phase::Command)?;
            let (context, parts) = lent.split().ok_or_else(guest::no_host)?;
            pay::<P>(arguments.clone(), parts, &mut caller)?;
            let params = P::of_core(arguments, memory(parts, &caller))?;
            let at = answer_at::<A>(arguments.u32())?;
            let parts = parts.ok_or_else(too_early)?;
            let answer = f(context, params)?;
            guest::charge_answer(&mut caller, A::moved(&answer))?;
            A::put(answer, &mut Writer::new(&mut caller, parts), at)?;
            caller.data_mut().lent = Some(lent);
            Ok(None)
        })
    }

    fn scalar<P: Params, S: Scalar>(
        &mut self,
        name: &str,
        from: Phase,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<S::Of, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        self.define(name, P::flat(), S::FLAT, move |mut caller, arguments| {
            let mut lent = caller.data_mut().take_lent(from)?;
            let (context, parts) = lent.split().ok_or_else(guest::no_host)?;
            pay::<P>(arguments.clone(), parts, &mut caller)?;
            let params = P::of_core(arguments, memory(parts, &caller))?;
            let answer = f(context, params)?;
            caller.data_mut().lent = Some(lent);
            Ok(Some(S::into_core(answer)))
        })
    }
}

/// Pay for a call with these parameters, before anything is done for it.
#[inline]
fn pay<P: Params>(
    mut arguments: Arguments<'_>,
    parts: Option<&CoreParts>,
    caller: &mut Caller<'_, Guest>,
) -> wasmtime::Result<()> {
    let moved = P::moved(&P::of_core(&mut arguments, memory(parts, caller))?);
    guest::check_crossing(moved.bytes, caller.data().reply_bytes)?;
    guest::charge_call(caller, moved)
}

/// What the guest has in its memory.
#[inline]
fn memory<'m>(parts: Option<&CoreParts>, caller: &'m Caller<'_, Guest>) -> Memory<'m> {
    // An instance that calls the host while it is made has no memory yet that would be known.
    Memory::new(parts.map_or(&[][..], |parts| parts.memory.data(caller)), caller.data().reply_bytes)
}

#[cold]
fn too_early() -> wasmtime::Error {
    HostFault::Other("a host function was called before the instance was made".into()).into()
}
