//! The commands of `sample-modules/bench` and `sample-modules/bench-values`, written as the author of a native module for
//! redis-server would write them, with the interface of the redis-module crate. The comparison loads this into
//! redis-server and asks what the sandbox costs against it.
//!
//! It is not a module for use: a native module shares the server's memory, and one bad line in it ends the server.

mod series;

use redis_module::{Context, NextArg, RedisError, RedisResult, RedisString, RedisValue, redis_module};
use series::SERIES;

/// `BENCH.NOP` -- O(1). OK: what remains is the way in and out.
fn nop(_ctx: &Context, _args: Vec<RedisString>) -> RedisResult {
    Ok(RedisValue::SimpleStringStatic("OK"))
}

/// `BENCH.INCR key` -- O(1). Read a number, add one, write it back, reply with it.
fn incr(ctx: &Context, args: Vec<RedisString>) -> RedisResult {
    let mut args = args.into_iter().skip(1);
    let name = args.next_arg()?;
    args.done()?;

    // Reading and writing in place is the shortest way that the interface has.
    let key = ctx.open_key_writable(&name);
    let mut value = key.as_string_dma()?;
    let number = match &*value {
        [] => 0,
        bytes => str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or(RedisError::Str("ERR value is not an integer or out of range"))?,
    };
    let next = number.checked_add(1).ok_or(RedisError::Str("ERR increment or decrement would overflow"))?;
    value.write(next.to_string().as_bytes())?;
    Ok(RedisValue::Integer(next))
}

redis_module! {
    name: "bench",
    version: 1,
    allocator: (redis_module::alloc::RedisAlloc, redis_module::alloc::RedisAlloc),
    data_types: [SERIES],
    commands: [
        ["bench.nop", nop, "fast readonly", 0, 0, 0, ""],
        ["bench.incr", incr, "write fast deny-oom", 1, 1, 1, ""],
        ["bench.insert", series::insert, "write fast deny-oom", 1, 1, 1, ""],
        ["bench.len", series::len, "fast readonly", 1, 1, 1, ""],
    ],
}
