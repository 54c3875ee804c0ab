//! What safe Rust and the SDK do not let anybody do. The only unsafe code of the sample modules.
use std::hint::black_box;

/// Never returns, and uses nothing but time.
pub fn forever() -> ! {
    let mut round = 0u64;
    loop {
        round = black_box(round.wrapping_add(1));
    }
}

/// Waits for the clock, which stands still in a command.
pub fn sleep() {
    let until = now_us() + 3_600_000_000;
    while now_us() < until {}
}

/// Uses the stack.
pub fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1).wrapping_add(frame[63]) }
}

/// Allocates and touches until there is no more, and then some.
pub fn eat_memory() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![0xaa; 1 << 20]);
        black_box(&hoard);
    }
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use sandkey::bindings::sandkey::module::{context, keyspace, strings};
    use sandkey::prelude::*;

    pub fn now_us() -> u64 {
        context::now_us()
    }

    /// Asks for memory in pages of 64 KiB; the answer is whether it came.
    pub fn grow_memory(pages: usize) -> bool {
        core::arch::wasm32::memory_grow(0, pages) != usize::MAX
    }

    /// Asks for room in the table; the answer is whether it came.
    pub fn grow_table(entries: u32) -> bool {
        unsafe extern "C" {
            fn hostile_table_grow(entries: u32) -> i32;
        }
        // SAFETY: the function comes from build.rs with this signature, and a larger table harms nothing in it.
        unsafe { hostile_table_grow(entries) != -1 }
    }

    pub fn unreachable() -> ! {
        core::arch::wasm32::unreachable()
    }

    /// Reads the last byte of four gigabytes.
    pub fn read_outside() -> u8 {
        // SAFETY: nothing is there, so the sandbox traps and no value is made of it. That is what it is for.
        unsafe { std::ptr::read_volatile(std::ptr::without_provenance(usize::MAX)) }
    }

    /// Uses a handle that was never given out.
    pub fn use_handle(handle: u32) -> Result<Option<Vec<u8>>> {
        Ok(strings::get(handle)?)
    }

    pub fn touch_keys_in_init() -> Result<()> {
        keyspace::open(b"key", keyspace::Mode::Read)?;
        Ok(())
    }

    /// A status line with a second reply hidden behind a line break.
    pub fn two_lines() -> Reply {
        Reply::Simple("first\r\n+second".into())
    }
}

/// The same for the host machine, where nobody runs it.
#[cfg(not(target_arch = "wasm32"))]
mod native {
    use sandkey::prelude::*;

    const ONLY: &str = "attacks run in the sandbox only";

    pub fn now_us() -> u64 {
        unreachable!("{ONLY}")
    }

    pub fn grow_memory(_pages: usize) -> bool {
        unreachable!("{ONLY}")
    }

    pub fn grow_table(_entries: u32) -> bool {
        unreachable!("{ONLY}")
    }

    pub fn unreachable() -> ! {
        unreachable!("{ONLY}")
    }

    pub fn read_outside() -> u8 {
        unreachable!("{ONLY}")
    }

    pub fn use_handle(_handle: u32) -> Result<Option<Vec<u8>>> {
        unreachable!("{ONLY}")
    }

    pub fn touch_keys_in_init() -> Result<()> {
        unreachable!("{ONLY}")
    }

    pub fn two_lines() -> Reply {
        unreachable!("{ONLY}")
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use native::*;
#[cfg(target_arch = "wasm32")]
pub use wasm::*;
