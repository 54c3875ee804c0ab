//! What a store holds beside the guest itself, and how its host functions get at the server.
//!
//! A host function charges fuel for itself and for the bytes that it moves, so that a command cannot buy more of the
//! server's time with host calls than with instructions. The keyspace is there for commands only: while an instance
//! starts, there is none.

use wasmtime::component::{ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, WasmList};
use wasmtime::{Store, StoreContextMut};

use crate::bindings::sandkey::module::types::Error as WireError;
use crate::contract::{Argv, ArgvBuf, ValuesBuf};
use crate::host::{Host, HostFault, HostResult, Refusal};
use crate::lend::HostSlot;
use crate::limiter::Limiter;
use crate::limits::{BYTES_PER_FUEL, HOST_CALL_FUEL, Limits};
use crate::log_gate::LogGate;
use crate::wasi::Wasi;

/// The data of a store.
pub(crate) struct Guest {
    pub(crate) host: HostSlot,
    /// Whether a command runs, rather than the start of an instance.
    pub(crate) in_command: bool,
    pub(crate) limiter: Limiter,
    /// Buffers for answers of the host, kept from call to call.
    pub(crate) list: ArgvBuf,
    pub(crate) values: ValuesBuf,
    pub(crate) log: LogGate,
    /// Only for modules that import WASI, so that others pay nothing for it.
    pub(crate) wasi: Option<Box<Wasi>>,
}

impl Guest {
    pub(crate) fn new(limits: &Limits, log: LogGate, wasi: Option<Box<Wasi>>) -> Self {
        // What does not fit into the guest need not be collected for it.
        let (mut list, mut values) = (ArgvBuf::new(), ValuesBuf::new());
        list.set_limit(limits.memory_bytes);
        values.set_limit(limits.memory_bytes);
        Self {
            host: HostSlot::default(),
            in_command: false,
            limiter: Limiter::new(limits),
            list,
            values,
            log,
            wasi,
        }
    }

    /// Whatever the state of the instance, the functions that need no keyspace.
    pub(crate) fn with_host<R>(&mut self, f: impl FnOnce(&mut dyn Host) -> R) -> wasmtime::Result<R> {
        self.host.with(f).ok_or_else(no_host)
    }
}

#[cold]
pub(crate) fn no_host() -> wasmtime::Error {
    HostFault::Other("a host function was called outside of a command".into()).into()
}

#[cold]
fn not_in_a_command() -> wasmtime::Error {
    HostFault::Other("init may only log and ask for time and random numbers".into()).into()
}

/// The slot of the host, which is empty until it is put back. For functions of commands.
pub(crate) fn take_command_host(store: &mut StoreContextMut<'_, Guest>) -> wasmtime::Result<HostSlot> {
    let guest = store.data_mut();
    if !guest.in_command {
        return Err(not_in_a_command());
    }
    Ok(std::mem::take(&mut guest.host))
}

#[cold]
pub(crate) fn too_large() -> wasmtime::Error {
    HostFault::Other("the answer is larger than the module's memory".into()).into()
}

/// Run `f` with the host and with the store, whose memory it may read. For functions of commands.
pub(crate) fn with_command_host<R>(
    store: &mut StoreContextMut<'_, Guest>,
    f: impl FnOnce(&mut dyn Host, &StoreContextMut<'_, Guest>) -> R,
) -> wasmtime::Result<R> {
    let mut slot = take_command_host(store)?;
    let result = slot.with(|host| f(host, store)).ok_or_else(no_host);
    store.data_mut().host = slot;
    result
}

/// Take the fuel for one host call that moves `bytes`. What is missing is an exhausted budget.
#[inline]
pub(crate) fn charge(store: &mut StoreContextMut<'_, Guest>, bytes: usize) -> wasmtime::Result<()> {
    let cost = HOST_CALL_FUEL + bytes_fuel(bytes);
    match store.get_fuel()?.checked_sub(cost) {
        Some(left) => store.set_fuel(left),
        None => {
            store.set_fuel(0)?;
            Err(wasmtime::Trap::OutOfFuel.into())
        }
    }
}

/// Fuel for bytes that cross the boundary.
#[inline]
pub(crate) fn bytes_fuel(bytes: usize) -> u64 {
    bytes as u64 / BYTES_PER_FUEL
}

/// Define a host function of commands whose answer is a number or nothing, or a refusal.
pub(crate) fn define<P, R>(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    f: impl Fn(&mut dyn Host, &StoreContextMut<'_, Guest>, P) -> HostResult<R> + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Moved + 'static,
    R: ComponentType + Lower + Send + Sync + 'static,
{
    linker.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, params: P| {
        let moved = params.moved();
        let answer = with_command_host(&mut store, |host, store| f(host, store, params))?;
        charge(&mut store, moved)?;
        match answer {
            Ok(answer) => Ok((Ok(answer),)),
            Err(Refusal::Error(error)) => Ok((Err(WireError::from(error)),)),
            Err(Refusal::Fault(fault)) => Err(fault.into()),
        }
    })
}

/// Define a host function of commands that cannot refuse, only fault.
pub(crate) fn define_sure<P, R>(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    f: impl Fn(&mut dyn Host, P) -> Result<R, HostFault> + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Moved + 'static,
    R: ComponentType + Lower + Send + Sync + 'static,
{
    linker.func_wrap(name, move |mut store: StoreContextMut<'_, Guest>, params: P| {
        let moved = params.moved();
        let answer = with_command_host(&mut store, |host, _| f(host, params))??;
        charge(&mut store, moved)?;
        Ok((answer,))
    })
}

/// `argv` as a guest passes it: still in the guest's memory.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lift)]
#[component(record)]
pub(crate) struct ArgvIn {
    data: WasmList<u8>,
    ends: WasmList<u32>,
}

impl ArgvIn {
    /// The strings, once their ends have been checked.
    pub(crate) fn read<'s>(&self, store: &'s StoreContextMut<'_, Guest>) -> Result<Argv<'s>, HostFault> {
        Argv::new(self.data.as_le_slice(store), self.ends.as_le_slice(store)).ok_or_else(|| {
            HostFault::Other("the ends of an argv do not ascend to the length of its data".into())
        })
    }
}

/// How many bytes parameters bring from the guest.
pub(crate) trait Moved {
    fn moved(&self) -> usize;
}

macro_rules! moves_nothing {
    ($($scalar:ty)*) => {
        $(impl Moved for $scalar {
            #[inline]
            fn moved(&self) -> usize {
                0
            }
        })*
    };
}

moves_nothing! { u32 u64 i64 Option<u64> crate::bindings::sandkey::module::keyspace::Mode }

impl Moved for WasmList<u8> {
    #[inline]
    fn moved(&self) -> usize {
        self.len()
    }
}

impl Moved for Option<WasmList<u8>> {
    fn moved(&self) -> usize {
        self.as_ref().map_or(0, WasmList::len)
    }
}

impl Moved for ArgvIn {
    fn moved(&self) -> usize {
        self.data.len() + 4 * self.ends.len()
    }
}

macro_rules! sums {
    ($($name:ident)*) => {
        impl<$($name: Moved),*> Moved for ($($name,)*) {
            #[inline]
            #[expect(non_snake_case, reason = "each variable is named after its type")]
            fn moved(&self) -> usize {
                let ($($name,)*) = self;
                0 $(+ $name.moved())*
            }
        }
    };
}

sums! { A }
sums! { A B }
sums! { A B C }

impl Moved for () {
    fn moved(&self) -> usize {
        0
    }
}

/// Give memory back that a rare large answer has left in the buffers.
pub(crate) fn shrink(store: &mut Store<Guest>) {
    const KEEP: usize = 64 << 10;
    let guest = store.data_mut();
    if guest.list.bytes() > KEEP {
        guest.list.clear();
        guest.list.shrink_to(KEEP);
    }
    if guest.values.bytes() > KEEP {
        guest.values.clear();
        guest.values.shrink_to(KEEP);
    }
}
