//! TS.RANGE and TS.REVRANGE: the samples of one series.

use sandkey::prelude::*;

use crate::arguments::NO_KEY;
use crate::compaction;
use crate::query;
use crate::range::{Query, View, check_rows};
use crate::reply::Answer;
use crate::series::Series;

/// Get the samples of a time series from one time to another.
///
/// `TS.RANGE key fromTimestamp toTimestamp [LATEST] [FILTER_BY_TS timestamp ...] [FILTER_BY_VALUE min max] [COUNT count]
/// [[ALIGN align] AGGREGATION aggregator bucketDuration [BUCKETTIMESTAMP bt] [EMPTY]]` -- O(log C + N), C chunks
/// and N samples.
///
/// Reply: pairs of timestamp and value.
#[command(
    "ts.range",
    readonly,
    finds_keys,
    complexity = "O(n/m+k) where n = Number of data points, m = Chunk size (data points per chunk), k = Number of data points that are in the requested range",
    since = "1.0.0",
    options(
        LATEST,
        FILTER_BY_TS = integer,
        FILTER_BY_VALUE = double,
        COUNT = integer,
        ALIGN = string,
        AGGREGATION = string,
        BUCKETTIMESTAMP = string,
        EMPTY
    )
)]
pub fn range(ctx: &Context, key: Key, options: Args) -> Result<Reply> {
    answer(ctx, &key, &query::range(options, false)?)
}

/// Get the samples of a time series from one time to another, the latest first.
///
/// `TS.REVRANGE key fromTimestamp toTimestamp [...]`, otherwise as TS.RANGE.
#[command(
    "ts.revrange",
    readonly,
    finds_keys,
    complexity = "O(n/m+k) where n = Number of data points, m = Chunk size (data points per chunk), k = Number of data points that are in the requested range",
    since = "1.4.0",
    options(
        LATEST,
        FILTER_BY_TS = integer,
        FILTER_BY_VALUE = double,
        COUNT = integer,
        ALIGN = string,
        AGGREGATION = string,
        BUCKETTIMESTAMP = string,
        EMPTY
    )
)]
pub fn revrange(ctx: &Context, key: Key, options: Args) -> Result<Reply> {
    answer(ctx, &key, &query::range(options, true)?)
}

fn answer(ctx: &Context, key: &Key, query: &Query) -> Result<Reply> {
    let series = ctx.open_ref::<Series>(key)?.ok_or(NO_KEY)?;
    let latest = if query.latest { compaction::latest(ctx, key.name(), &series)? } else { None };
    let view = View::new(&series, latest, query);
    check_rows([view])?;
    let samples = view.answer();
    Ok(Answer::build(ctx, |answer| answer.samples(&samples)))
}
