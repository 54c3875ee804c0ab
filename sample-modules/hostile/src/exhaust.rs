//! Attacks that use up something: time, stack, memory, the server's patience.
use sandkey::prelude::*;

use crate::raw;

/// Loop for ever. Out of fuel: one error line, and the next command works.
#[command("hostile.loop")]
pub fn spin(_ctx: &Context) -> Result<()> {
    raw::forever()
}

/// Wait for an hour by the clock. The clock stands still in a command, so out of fuel.
#[command("hostile.sleep")]
pub fn sleep(_ctx: &Context) -> Result<()> {
    raw::sleep();
    Ok(())
}

/// Recurse for ever. The stack overflows or the fuel ends: one error line.
#[command("hostile.recurse")]
pub fn recurse(_ctx: &Context) -> Result<u64> {
    Ok(raw::recurse(0))
}

/// Allocate for ever. At the memory limit the allocation fails and the module traps: one error line.
#[command("hostile.memory")]
pub fn memory(_ctx: &Context) -> Result<()> {
    raw::eat_memory()
}

/// Ask for so many pages of 64 KiB. True if they came; false at the limit, with no trap.
#[command("hostile.grow")]
pub fn memory_by(_ctx: &Context, pages: usize) -> Result<bool> {
    Ok(raw::grow_memory(pages))
}

/// Ask for so many entries in the table. True if they came; false at the limit, with no trap.
#[command("hostile.table")]
pub fn table(_ctx: &Context, entries: u32) -> Result<bool> {
    Ok(raw::grow_table(entries))
}

/// Call the server for ever. Host calls cost fuel: out of fuel.
#[command("hostile.calls")]
pub fn calls(ctx: &Context) -> Result<()> {
    loop {
        std::hint::black_box(ctx.random());
    }
}

/// Call itself through the server. Entering a running module is refused: the reply is that error.
#[command("hostile.self")]
pub fn calls_back(ctx: &Context) -> Result<Value> {
    ctx.call(["HOSTILE.SELF"])
}

/// Write so many lines into the log. Beyond a hundred in a second they are counted and not written: OK.
#[command("hostile.logs")]
pub fn logs(_ctx: &Context, lines: u32) -> Result<()> {
    let long = "x".repeat(10_000);
    for line in 0..lines {
        warning!("{line} \u{1b}[31m\r\nforged line {long}");
    }
    Ok(())
}

/// Open one key so many times. More than 65,536 trap: one error line.
#[command("hostile.keys", readonly)]
pub fn keys(ctx: &Context, key: ReadKey, times: u32) -> Result<u32> {
    for _ in 0..times {
        ctx.open_read(key.name())?;
    }
    Ok(times)
}

/// Fill a key with so many mebibytes. At `maxmemory` it is refused before it starts; a string beyond `proto-max-bulk-len` is an error,
/// and then the key is as before.
#[command("hostile.store", write, denyoom)]
pub fn store(_ctx: &Context, key: Key, mebibytes: u32) -> Result<u64> {
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..mebibytes {
        key.append(&chunk)?;
    }
    key.len()
}

/// Reply with so many mebibytes. It arrives whole, or the memory limit or the output buffer limit ends it with one error line.
#[command("hostile.huge")]
pub fn huge(_ctx: &Context, mebibytes: usize) -> Result<Vec<u8>> {
    Ok(vec![b'x'; mebibytes.saturating_mul(1 << 20)])
}
