//! The type of `sample-modules/bench-values`, as a native module has it: the object itself is the value, and only a snapshot
//! makes bytes of it. The same collection of the same library does the work on both sides.
//!
//! redis-server calls back with plain pointers, so there is no safe way to write this.

use redis_module::native_types::RedisType;
use redis_module::{Context, NextArg, RedisResult, RedisString, RedisValue, raw};
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};

/// What was measured when.
struct Series {
    points: BTreeMap<i64, f64>,
}

/// The type, for the table at the end.
pub static SERIES: RedisType = RedisType::new(
    "benchsers",
    1,
    raw::RedisModuleTypeMethods {
        version: raw::REDISMODULE_TYPE_METHOD_VERSION as u64,
        rdb_load: Some(load),
        rdb_save: Some(save),
        aof_rewrite: None,
        free: Some(free),
        mem_usage: None,
        digest: None,
        aux_load: None,
        aux_save: None,
        aux_save2: None,
        aux_save_triggers: 0,
        free_effort: None,
        unlink: None,
        copy: None,
        defrag: None,
        copy2: None,
        free_effort2: None,
        mem_usage2: None,
        unlink2: None,
    },
);

/// `BENCH.INSERT key time value` -- O(log N). Put a point into a series, in place of one of the same time. Reply with how many
/// there are.
pub fn insert(ctx: &Context, args: Vec<RedisString>) -> RedisResult {
    let mut args = args.into_iter().skip(1);
    let name = args.next_arg()?;
    let (at, value) = (args.next_i64()?, args.next_f64()?);
    args.done()?;

    let key = ctx.open_key_writable(&name);
    let count = match key.get_value::<Series>(&SERIES)? {
        Some(series) => {
            series.points.insert(at, value);
            series.points.len()
        }
        None => {
            key.set_value(&SERIES, Series { points: BTreeMap::from([(at, value)]) })?;
            1
        }
    };
    // Without this a restart from the append-only file loses the point.
    ctx.replicate_verbatim();
    Ok(RedisValue::Integer(count as i64))
}

/// `BENCH.LEN key` -- O(1). How many points a series has, null if there is none.
pub fn len(ctx: &Context, args: Vec<RedisString>) -> RedisResult {
    let mut args = args.into_iter().skip(1);
    let name = args.next_arg()?;
    args.done()?;

    let key = ctx.open_key(&name);
    let series = key.get_value::<Series>(&SERIES)?;
    Ok(series.map_or(RedisValue::Null, |series| RedisValue::Integer(series.points.len() as i64)))
}

unsafe extern "C" fn free(value: *mut c_void) {
    // SAFETY: redis-server gives back what `set_value` or `load` has given it, boxed, and forgets it.
    drop(unsafe { Box::from_raw(value.cast::<Series>()) });
}

unsafe extern "C" fn save(file: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: it is what `set_value` or `load` has given, and nobody changes it during the call.
    let series = unsafe { &*value.cast::<Series>() };
    raw::save_unsigned(file, series.points.len() as u64);
    for (&at, &value) in &series.points {
        raw::save_signed(file, at);
        raw::save_double(file, value);
    }
}

unsafe extern "C" fn load(file: *mut raw::RedisModuleIO, _encver: c_int) -> *mut c_void {
    let read = || {
        let count = raw::load_unsigned(file)?;
        let point = |_| Ok((raw::load_signed(file)?, raw::load_double(file)?));
        (0..count).map(point).collect::<Result<_, redis_module::error::Error>>()
    };
    match read() {
        Ok(points) => Box::into_raw(Box::new(Series { points })).cast(),
        // redis-server gives up loading then.
        Err(_) => std::ptr::null_mut(),
    }
}
