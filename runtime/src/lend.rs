//! How a guest's host functions reach the [`Host`] of the command that runs, and how bytes of that host reach the guest
//! without a copy in between. The only places that need `unsafe` for it.
//!
//! The data of a wasmtime store is `'static` and the host of a command is a borrow, so for the length of one call a
//! pointer to it stands in the store. Likewise wasmtime takes only `'static` results from host functions, and copies
//! them into the guest at once; so a slice of the host goes there under a longer lifetime than it has.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use wasmtime::component::{ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower};
use wasmtime::{Store, StoreContextMut};

use crate::bindings::sandkey::module::types::{ArgvParam, Error as WireError};
use crate::contract::{ArgvBuf, ValuesBuf};
use crate::guest::{self, Guest, Moved};
use crate::host::{Host, HostResult, Refusal};

/// The place of the current host in a store: empty unless a call is under way and no host function has taken it.
#[derive(Default)]
pub(crate) struct HostSlot(Option<NonNull<dyn Host>>);

// SAFETY: the slot is only filled while `with_host` runs, which borrows the store exclusively until it has emptied the
// slot again. A store that moves to another thread therefore has an empty slot.
unsafe impl Send for HostSlot {}

impl HostSlot {
    /// Run `f` with the current host; none when there is no command, or when a host function already has it.
    pub(crate) fn with<R>(&mut self, f: impl FnOnce(&mut dyn Host) -> R) -> Option<R> {
        let mut pointer = self.0.take()?;
        // SAFETY: a pointer is in the slot only while `with_host` runs, which holds the exclusive borrow that it was made
        // from. It has been taken out, so nobody else can make a second reference while this one lives; `f` cannot keep
        // it, because it must accept any lifetime.
        let result = f(unsafe { pointer.as_mut() });
        self.0 = Some(pointer);
        Some(result)
    }
}

/// Run `f`, which enters the guest, with `host` in the store's slot.
pub(crate) fn with_host<R>(
    store: &mut Store<Guest>,
    host: &mut dyn Host,
    f: impl FnOnce(&mut Store<Guest>) -> R,
) -> R {
    struct Emptied<'s>(&'s mut Store<Guest>);
    impl Drop for Emptied<'_> {
        fn drop(&mut self) {
            self.0.data_mut().host.0 = None;
        }
    }
    // SAFETY: only the lifetime changes. The pointer leaves the slot before this function returns or unwinds, by the guard
    // below, which nothing can forget; and `host` stays exclusively borrowed until then.
    let pointer =
        unsafe { std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(NonNull::from(host)) };
    store.data_mut().host.0 = Some(pointer);
    let emptied = Emptied(store);
    f(emptied.0)
}

/// Define a host function whose answer is bytes of the host: `f` returns the slice and [`Shape`] says how it crosses.
pub(crate) fn define_bytes<P, A>(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    f: impl for<'h> Fn(&'h mut dyn Host, &StoreContextMut<'_, Guest>, P) -> HostResult<A::Of<'h>>
    + Send
    + Sync
    + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Moved + 'static,
    A: Shape,
{
    linker.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, params: P| {
        let mut moved = params.moved();
        let mut pointer = guest::take_command_host(&mut store)?.0;
        let host = pointer.as_mut().ok_or_else(guest::no_host)?;
        // SAFETY: as in `HostSlot::with`: the pointer is valid while the guest runs, and taken out of the slot, so this
        // reference is the only one. It is not used once the pointer is back in the slot.
        let host: &mut dyn Host = unsafe { host.as_mut() };
        let answer = match f(host, &store, params) {
            // SAFETY: wasmtime copies the answer into the guest as soon as this closure has returned, and drops it. What runs
            // until then is the guest's `realloc`, which the component model forbids to call imports, so nothing
            // touches the host and the slice stays what it is.
            Ok(answer) => Ok(unsafe { A::extend(answer) }),
            Err(Refusal::Error(error)) => Err(WireError::from(error)),
            Err(Refusal::Fault(fault)) => return Err(fault.into()),
        };
        store.data_mut().host.0 = pointer;
        if let Ok(answer) = &answer {
            moved += A::len(answer);
        }
        guest::charge(&mut store, moved)?;
        Ok((answer,))
    })
}

/// A shape in which borrowed bytes cross into the guest.
pub(crate) trait Shape: 'static {
    /// With the lifetime of the host.
    type Of<'h>;
    /// As wasmtime wants it.
    type Long: ComponentType + Lower + Send + Sync + 'static;
    /// # Safety
    /// The result is not used after the bytes have changed or gone.
    unsafe fn extend(of: Self::Of<'_>) -> Self::Long;
    /// How many bytes cross.
    fn len(long: &Self::Long) -> usize;
}

/// `list<u8>`.
pub(crate) struct Bytes;

impl Shape for Bytes {
    type Of<'h> = &'h [u8];
    type Long = &'static [u8];
    unsafe fn extend(of: &[u8]) -> &'static [u8] {
        // SAFETY: what the caller promises.
        unsafe { extend(of) }
    }
    fn len(long: &&'static [u8]) -> usize {
        long.len()
    }
}

/// `option<list<u8>>`.
pub(crate) struct MaybeBytes;

impl Shape for MaybeBytes {
    type Of<'h> = Option<&'h [u8]>;
    type Long = Option<&'static [u8]>;
    unsafe fn extend(of: Option<&[u8]>) -> Option<&'static [u8]> {
        // SAFETY: what the caller promises.
        of.map(|bytes| unsafe { extend(bytes) })
    }
    fn len(long: &Option<&'static [u8]>) -> usize {
        long.map_or(0, <[u8]>::len)
    }
}

/// # Safety
/// The result is not used after the elements have changed or gone.
unsafe fn extend<T>(slice: &[T]) -> &'static [T] {
    // SAFETY: pointer and length come from a slice; the lifetime is the caller's promise.
    unsafe { std::slice::from_raw_parts(slice.as_ptr(), slice.len()) }
}

/// Define a host function that fills a list: `f` appends to the store's own buffer, which stays there to be copied into
/// the guest, and `answer` makes what the function returns of it and of what `f` returned.
pub(crate) fn define_list<P, R, A>(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    f: impl Fn(&mut dyn Host, &StoreContextMut<'_, Guest>, P, &mut ArgvBuf) -> HostResult<R>
    + Send
    + Sync
    + 'static,
    answer: impl Fn(R, ArgvParam<'static>) -> A + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Moved + 'static,
    A: ComponentType + Lower + Send + Sync + 'static,
{
    linker.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, params: P| {
        let mut moved = params.moved();
        let mut list = std::mem::take(&mut store.data_mut().list);
        list.clear();
        let result = guest::with_command_host(&mut store, |host, store| f(host, store, params, &mut list))?;
        if list.overflowed() {
            return Err(guest::too_large());
        }
        // The buffer goes back first; moving it does not move what it has allocated.
        store.data_mut().list = list;
        let result = match result {
            Ok(result) => {
                let argv = store.data().list.as_argv();
                moved += argv.data().len() + 4 * argv.len();
                // SAFETY: as in `define_bytes`: the answer is copied and dropped before the guest can call anything, and
                // only a host function touches the store's buffers.
                let argv = unsafe { ArgvParam { data: extend(argv.data()), ends: extend(argv.ends()) } };
                Ok(answer(result, argv))
            }
            Err(Refusal::Error(error)) => Err(WireError::from(error)),
            Err(Refusal::Fault(fault)) => return Err(fault.into()),
        };
        guest::charge(&mut store, moved)?;
        Ok((result,))
    })
}

/// Define a host function that answers with values of which some may be missing.
pub(crate) fn define_values<P>(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    f: impl Fn(&mut dyn Host, &StoreContextMut<'_, Guest>, P, &mut ValuesBuf) -> HostResult<()>
    + Send
    + Sync
    + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Moved + 'static,
{
    linker.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, params: P| {
        let mut moved = params.moved();
        let mut values = std::mem::take(&mut store.data_mut().values);
        values.clear();
        let result = guest::with_command_host(&mut store, |host, store| f(host, store, params, &mut values))?;
        if values.overflowed() {
            return Err(guest::too_large());
        }
        store.data_mut().values = values;
        let result = match result {
            Ok(()) => {
                let values = &store.data().values;
                moved += values.bytes() + 12 * values.iter().len();
                // SAFETY: as in `define_list`.
                let answer = values.iter().map(|value| value.map(|bytes| unsafe { extend(bytes) }));
                Ok(answer.collect::<Vec<Option<&'static [u8]>>>())
            }
            Err(Refusal::Error(error)) => Err(WireError::from(error)),
            Err(Refusal::Fault(fault)) => return Err(fault.into()),
        };
        guest::charge(&mut store, moved)?;
        Ok((result,))
    })
}
