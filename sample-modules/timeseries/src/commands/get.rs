//! TS.GET: the latest sample of a series.

use sandkey::prelude::*;

use crate::arguments::NO_KEY;
use crate::compaction;
use crate::reply::Answer;
use crate::sample::Sample;
use crate::series::Series;

/// Get the latest sample of a time series.
///
/// `TS.GET key [LATEST]` -- O(1). LATEST counts the open bucket of a compaction.
///
/// Reply: timestamp and value, or an empty list.
#[command("ts.get", readonly, fast, finds_keys, complexity = "O(1)", since = "1.0.0", options(LATEST))]
pub fn get(ctx: &Context, key: Key, options: Args) -> Result<Reply> {
    let mut options = options;
    let with_latest = options.keyword("LATEST");
    options.finish()?;
    let series = ctx.open_ref::<Series>(&key)?.ok_or(NO_KEY)?;
    let sample = last_of(ctx, key.name(), &series, with_latest)?;
    Ok(Answer::build(ctx, |answer| answer.maybe_sample(sample)))
}

/// The latest sample of the series under `name`.
pub fn last_of(ctx: &Context, name: &[u8], series: &Series, with_latest: bool) -> Result<Option<Sample>> {
    let last = series.samples.last();
    let open = if with_latest { compaction::latest(ctx, name, series)? } else { None };
    Ok(open.filter(|open| last.is_none_or(|last| last.timestamp < open.timestamp)).or(last))
}
