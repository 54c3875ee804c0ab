//! TS.INCRBY and TS.DECRBY: a counter that remembers how it came to be.

use sandkey::prelude::*;

use super::add::{add_to, begin};
use crate::arguments::{Given, Takes, finite, timestamp};
use crate::policy::Duplicates;
use crate::sample::Sample;
use crate::series::Series;

const BAD_ADDEND: &str = "ERR TSDB: invalid increase/decrease value";
const IN_THE_PAST: &str =
    "ERR TSDB: timestamp must be equal to or higher than the maximum existing timestamp";

/// Add a sample that is higher than the latest one by so much, or raise the latest one.
///
/// `TS.INCRBY key addend [TIMESTAMP timestamp] [RETENTION ms] [ENCODING COMPRESSED|UNCOMPRESSED] [CHUNK_SIZE bytes]
/// [DUPLICATE_POLICY policy] [IGNORE ms difference] [LABELS [label value ...]]` -- O(1) and the number of rules. A
/// series without samples counts from 0.
///
/// Reply: the timestamp; of a sample that is ignored, the latest one.
#[command(
    "ts.incrby",
    write,
    denyoom,
    finds_keys,
    complexity = "O(M) when M is the amount of compaction rules or O(1) with no compaction",
    since = "1.0.0",
    options(
        TIMESTAMP = string,
        RETENTION = integer,
        ENCODING = string,
        CHUNK_SIZE = integer,
        DUPLICATE_POLICY = string,
        IGNORE = string,
        LABELS = string
    )
)]
pub fn incrby(ctx: &Context, key: Key, addend: &[u8], options: Args) -> Result<i64> {
    let addend = finite(addend).ok_or(BAD_ADDEND)?;
    increment(ctx, &key, addend, options)
}

/// Add a sample that is lower than the latest one by so much, or lower the latest one.
///
/// `TS.DECRBY key subtrahend [...]`, otherwise as TS.INCRBY.
#[command(
    "ts.decrby",
    write,
    denyoom,
    finds_keys,
    complexity = "O(M) when M is the amount of compaction rules or O(1) with no compaction",
    since = "1.0.0",
    options(
        TIMESTAMP = string,
        RETENTION = integer,
        ENCODING = string,
        CHUNK_SIZE = integer,
        DUPLICATE_POLICY = string,
        IGNORE = string,
        LABELS = string
    )
)]
pub fn decrby(ctx: &Context, key: Key, subtrahend: &[u8], options: Args) -> Result<i64> {
    let subtrahend = finite(subtrahend).ok_or(BAD_ADDEND)?;
    increment(ctx, &key, -subtrahend, options)
}

fn increment(ctx: &Context, key: &Key, addend: f64, options: Args) -> Result<i64> {
    let given = Given::parse(options, Takes::Increment)?;
    let at = timestamp(ctx, given.timestamp.unwrap_or(b"*"))?;
    let Some(mut series) = ctx.open_mut::<Series>(key)?.get() else {
        return begin(ctx, key, given, Sample::new(at, addend));
    };
    let value = match series.samples.last() {
        Some(last) if at < last.timestamp => return Err(IN_THE_PAST.into()),
        Some(last) => last.value + addend,
        None => addend,
    };
    add_to(ctx, key.name(), &mut series, Sample::new(at, value), Some(Duplicates::Last))?.map_err(Error::from)
}
