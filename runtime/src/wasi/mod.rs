//! WASI for languages whose runtime cannot do without it: all of it is there, and all of it is closed.
//!
//! wasmtime-wasi defines the interfaces; every function that a guest can reach is then replaced by ours, because its own
//! wait on a tokio runtime, which would panic inside a worker's, and ask the machine for time and randomness. What is
//! left of it are the methods of files and sockets, and as nobody ever gets one, nobody can call them.
//!
//! There are no files, no network, no environment and no arguments; standard input is empty; what is written to
//! standard output and error becomes lines of the log; the clock stands at the command's time, and a sleep is over at
//! once; random numbers are the command's.

mod cli;
mod clocks;
mod io;
mod random;
mod sockets;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::p2::bindings;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::guest::Guest;
use crate::limits::{BYTES_PER_FUEL, HOST_CALL_FUEL};

/// Streams, pollables and the like that an instance may hold at once.
const RESOURCES: usize = 1000;

/// What an instance needs for WASI.
pub(crate) struct Wasi {
    context: WasiCtx,
    pub(crate) table: ResourceTable,
    /// What WASI calls may still cost in this command. They cannot reach the store's fuel, so they have as much again,
    /// and what they use is added to the bill.
    fuel: u64,
}

impl Wasi {
    pub(crate) fn new() -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        Self { context: WasiCtx::builder().build(), table, fuel: 0 }
    }

    /// Before a command: what its calls may cost.
    pub(crate) fn begin(&mut self, fuel: u64) {
        self.fuel = fuel;
    }

    /// After it: what is left.
    pub(crate) fn fuel_left(&self) -> u64 {
        self.fuel
    }
}

impl Guest {
    fn wasi(&mut self) -> &mut Wasi {
        self.wasi.as_mut().expect("a module is linked with WASI only when its stores have it")
    }

    /// Pay for one call that moves `bytes`.
    fn pay(&mut self, bytes: u64) -> wasmtime::Result<&mut Wasi> {
        let wasi = self.wasi();
        let cost = HOST_CALL_FUEL.saturating_add(bytes / BYTES_PER_FUEL);
        let left = wasi.fuel.checked_sub(cost);
        wasi.fuel = left.unwrap_or(0);
        if left.is_none() {
            return Err(wasmtime::Trap::OutOfFuel.into());
        }
        Ok(wasi)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

/// Define all of WASI 0.2, closed.
pub(crate) fn define(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    type Own = HasSelf<Guest>;
    bindings::cli::environment::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::cli::exit::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::cli::stdin::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::cli::stdout::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::cli::stderr::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::cli::terminal_stdin::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::cli::terminal_stdout::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::cli::terminal_stderr::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::clocks::wall_clock::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::clocks::monotonic_clock::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::filesystem::preopens::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::random::random::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::random::insecure::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::random::insecure_seed::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::sockets::instance_network::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::sockets::ip_name_lookup::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::sockets::tcp_create_socket::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::sync::sockets::udp_create_socket::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::sync::io::poll::add_to_linker::<_, Own>(linker, |guest| guest)?;
    bindings::sync::io::streams::add_to_linker::<_, Own>(linker, |guest| guest)?;
    linker.allow_shadowing(false);
    Ok(())
}
