//! Commands that do as little as possible, each in one way, so that a benchmark sees what the way costs. Their twins, native
//! modules and Lua scripts, are with the benchmarks: keep them alike.
use sandkey::prelude::*;

/// Do nothing.
#[command("bench.nop", fast)]
fn nop(_ctx: &Context) -> Result<()> {
    Ok(())
}

/// Read one key and write it: a counter, by get and set.
#[command("bench.incr", write, fast, denyoom)]
fn incr(_ctx: &Context, key: Key) -> Result<i64> {
    let sum = key.get_as::<i64>()?.unwrap_or(0).checked_add(1).ok_or(Error::Overflow)?;
    key.set(sum)?;
    Ok(sum)
}

/// Reply with the arguments.
#[command("bench.echo", fast)]
fn echo<'a>(_ctx: &Context, args: Vec<&'a [u8]>) -> Result<Vec<&'a [u8]>> {
    Ok(args)
}

/// Reply with so many pairs of a number and its text, each an array in an array.
#[command("bench.nest", fast)]
fn nest(_ctx: &Context, pairs: u32) -> Result<Reply> {
    bail!(if pairs > 1_000_000, "ERR at most 1000000 pairs");
    Ok(Reply::array((0..pairs).map(|number| (number, number.to_string()))))
}

/// Add up so many numbers: nothing but the module's own code.
#[command("bench.spin")]
fn spin(_ctx: &Context, rounds: u64) -> Result<u64> {
    let mut sum = 0u64;
    for round in 0..rounds {
        // A step that the compiler cannot turn into a formula.
        sum = std::hint::black_box(sum.rotate_left(5) ^ round);
    }
    Ok(sum)
}

module! { name: "bench", version: 1, commands: [nop, incr, echo, nest, spin] }
