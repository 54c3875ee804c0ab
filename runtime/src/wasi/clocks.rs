//! `wasi:clocks`: both clocks stand at the command's time, so that a replay sees the same, and whatever one waits for has
//! already come.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Duration, Instant};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};

use crate::guest::Guest;
use crate::wasi::io::Ready;

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        self.pay(0)?;
        let now = self.with_host(|c| c.host.now_us())?;
        let micros = u32::try_from(now % 1_000_000).expect("a remainder of a million");
        Ok(Datetime { seconds: now / 1_000_000, nanoseconds: micros * 1000 })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        self.pay(0)?;
        Ok(Datetime { seconds: 0, nanoseconds: 1000 })
    }
}

impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        self.pay(0)?;
        Ok(self.with_host(|c| c.host.now_us())?.saturating_mul(1000))
    }

    fn resolution(&mut self) -> wasmtime::Result<Instant> {
        self.pay(0)?;
        Ok(1000)
    }

    fn subscribe_instant(&mut self, _when: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        Ready::subscribe(self)
    }

    fn subscribe_duration(&mut self, _when: Duration) -> wasmtime::Result<Resource<DynPollable>> {
        Ready::subscribe(self)
    }
}
