//! TS.ADD: one sample into one series.

use sandkey::data_type::ValueMut;
use sandkey::prelude::*;

use crate::arguments::{Given, Takes, timestamp, value};
use crate::compaction;
use crate::config;
use crate::policy::Duplicates;
use crate::sample::Sample;
use crate::series::{Series, Verdict};

/// Add a sample to a time series, and make the series if there is none.
///
/// `TS.ADD key timestamp value [RETENTION ms] [ENCODING COMPRESSED|UNCOMPRESSED] [CHUNK_SIZE bytes] [DUPLICATE_POLICY policy]
/// [ON_DUPLICATE policy] [IGNORE ms difference] [LABELS [label value ...]]` -- O(1) at the end of a series, and
/// the number of its rules. All options but ON_DUPLICATE are for a new series.
///
/// Reply: the timestamp; of a sample that is ignored, the latest one.
#[command(
    "ts.add",
    write,
    denyoom,
    finds_keys,
    complexity = "O(M) when M is the amount of compaction rules or O(1) with no compaction",
    since = "1.0.0",
    options(
        RETENTION = integer,
        ENCODING = string,
        CHUNK_SIZE = integer,
        DUPLICATE_POLICY = string,
        ON_DUPLICATE = string,
        IGNORE = string,
        LABELS = string
    )
)]
pub fn add(ctx: &Context, key: Key, timestamp_text: &[u8], value_text: &[u8], options: Args) -> Result<i64> {
    let sample = Sample::new(timestamp(ctx, timestamp_text)?, value(value_text)?);
    let given = Given::parse(options, Takes::Addition)?;
    let on_duplicate = given.on_duplicate;
    match ctx.open_mut::<Series>(&key)?.get() {
        Some(mut series) => add_to(ctx, key.name(), &mut series, sample, on_duplicate)?.map_err(Error::from),
        None => begin(ctx, &key, given, sample),
    }
}

/// Add a sample to a series. The inner error is about the sample, the outer one about the command.
pub fn add_to(
    ctx: &Context,
    name: &[u8],
    series: &mut ValueMut<'_, Series>,
    sample: Sample,
    on_duplicate: Option<Duplicates>,
) -> Result<Result<i64, &'static str>> {
    match series.judge(sample, on_duplicate, config::duplicates) {
        Verdict::Refuse(why) => return Ok(Err(why)),
        Verdict::Keep(timestamp) => return Ok(Ok(timestamp)),
        Verdict::Set(sample) => compaction::put(ctx, name, series, sample)?,
    }
    Ok(Ok(sample.timestamp))
}

/// Make a series with a first sample.
pub fn begin(ctx: &Context, key: &Key, mut given: Given, sample: Sample) -> Result<i64> {
    let labels = given.labels().unwrap_or_default();
    let mut series = Series::new(given.options(), labels);
    compaction::automatic(ctx, key.name(), &mut series)?;
    // It is the first sample, so no rule closes a bucket.
    series.put(sample);
    ctx.open_mut::<Series>(key)?.set(series)?;
    Ok(sample.timestamp)
}
