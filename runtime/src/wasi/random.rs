//! `wasi:random`: the command's random sequence, for everything. A replay draws the same; it is not for keys and passwords.

use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::guest::Guest;

/// Bytes that one call may draw. A language seeds its tables with 16 to 32.
const MOST: u64 = 64 << 10;

/// What drawing eight bytes costs beside copying them, counted in bytes.
const DRAW: u64 = 8;

impl Guest {
    fn draw(&mut self) -> wasmtime::Result<u64> {
        self.pay(0)?;
        self.with_host(|c| c.host.random())
    }

    fn draw_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.pay(length.min(MOST) * DRAW)?;
        if length > MOST {
            wasmtime::bail!("{length} random bytes at once, of {MOST} allowed");
        }
        let length = usize::try_from(length).expect("it is at most MOST");
        self.with_host(|c| {
            let mut bytes = Vec::with_capacity(length + 8);
            while bytes.len() < length {
                bytes.extend_from_slice(&c.host.random().to_le_bytes());
            }
            bytes.truncate(length);
            bytes
        })
    }
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.draw_bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.draw()
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.draw_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.draw()
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.draw()?, self.draw()?))
    }
}
