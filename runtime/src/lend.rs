//! How a guest's host functions reach the [`Host`] of the command that runs.
//!
//! The data of a wasmtime store is `'static` and the host of a command is a borrow, so for the length of one call a
//! pointer to it stands in the store, in a box together with the buffers that its answers are collected in. A host function
//! takes the whole box out of the store and puts it back, so it can borrow from the host while it works on the store,
//! and while it does nobody else can reach the host.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use wasmtime::Store;

use crate::canonical::CoreParts;
use crate::contract::{ArgvBuf, ValuesBuf};
use crate::guest::{Context, Guest};
use crate::host::Host;
use crate::log_gate::LogGate;

/// What host functions work with: the current host, if the guest is running, and what lasts.
pub(crate) struct Lent {
    host: Option<NonNull<dyn Host>>,
    log: LogGate,
    /// What the canonical ABI needs of a guest that is entered directly, once it is made.
    pub(crate) parts: Option<CoreParts>,
    /// Buffers for answers of the host, kept from call to call.
    list: ArgvBuf,
    values: ValuesBuf,
    /// How many data types the module has, once it has declared them.
    pub(crate) data_types: u32,
}

// SAFETY: the pointer is only there while `with_host` runs, which borrows the store exclusively until it has taken the pointer
// out again. A store that moves to another thread therefore has none.
unsafe impl Send for Lent {}

impl Lent {
    /// Without a host. What does not fit into the guest's memory is not collected for it.
    pub(crate) fn new(memory_bytes: usize, log: LogGate) -> Self {
        let mut lent = Self {
            host: None,
            log,
            parts: None,
            list: ArgvBuf::new(),
            values: ValuesBuf::new(),
            data_types: 0,
        };
        lent.set_limit(memory_bytes);
        lent
    }

    /// Collect no more than so many bytes.
    pub(crate) fn set_limit(&mut self, memory_bytes: usize) {
        self.list.set_limit(memory_bytes);
        self.values.set_limit(memory_bytes);
    }

    /// The current host and the buffers; none while nothing runs.
    #[inline]
    pub(crate) fn context(&mut self) -> Option<Context<'_>> {
        self.split().map(|(context, _)| context)
    }

    /// The same, and the parts of a guest that is entered directly.
    #[inline]
    pub(crate) fn split(&mut self) -> Option<(Context<'_>, Option<&CoreParts>)> {
        let mut pointer = self.host?;
        // SAFETY: the pointer is there only while `with_host` runs, which holds the exclusive borrow that it was made from. It
        // is reached only through `self`, of which this is an exclusive borrow for as long as the reference lives.
        let host: &mut dyn Host = unsafe { pointer.as_mut() };
        let (list, values) = (&mut self.list, &mut self.values);
        let context = Context { host, log: &self.log, list, values, data_types: self.data_types };
        Some((context, self.parts.as_ref()))
    }

    /// The same, for a caller to whom the compiler cannot prove how long it lasts.
    ///
    /// # Safety
    /// Neither the context nor what was borrowed through it is used once another context has been made, or the buffers have changed,
    /// or the guest has returned.
    pub(crate) unsafe fn lasting_context(&mut self) -> Option<Context<'static>> {
        let context = self.context()?;
        // SAFETY: only the lifetime changes, and the caller promises to keep to the one that it had.
        Some(unsafe { std::mem::transmute::<Context<'_>, Context<'static>>(context) })
    }

    /// Give memory back that a rare large answer has left in the buffers.
    pub(crate) fn shrink(&mut self) {
        const KEEP: usize = 64 << 10;
        self.list.clear();
        self.list.shrink_to(KEEP);
        self.values.clear();
        self.values.shrink_to(KEEP);
    }
}

/// Run `f`, which enters the guest, with `host` at hand for its host functions.
pub(crate) fn with_host<R>(
    store: &mut Store<Guest>,
    host: &mut dyn Host,
    f: impl FnOnce(&mut Store<Guest>) -> R,
) -> R {
    struct Emptied<'s>(&'s mut Store<Guest>);
    impl Drop for Emptied<'_> {
        fn drop(&mut self) {
            // A host function that did not put it back has failed, and the pointer went with it.
            if let Some(lent) = &mut self.0.data_mut().lent {
                lent.host = None;
            }
        }
    }
    // SAFETY: only the lifetime changes. The pointer leaves the store before this function returns or unwinds, by the guard
    // below, which nothing can forget; and `host` stays exclusively borrowed until then.
    let pointer =
        unsafe { std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(NonNull::from(host)) };
    if let Some(lent) = &mut store.data_mut().lent {
        lent.host = Some(pointer);
    }
    let emptied = Emptied(store);
    f(emptied.0)
}
