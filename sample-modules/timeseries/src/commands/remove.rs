//! TS.DEL: samples out of a series.

use sandkey::prelude::*;

use crate::arguments::NO_KEY;
use crate::compaction::Destinations;
use crate::query::times;
use crate::series::Series;

const EXPIRED: &str = "ERR TSDB: Can't delete an event which is older than retention time, in such case no valid way to update the downsample";

/// Delete the samples from one time to another, both included.
///
/// `TS.DEL key fromTimestamp toTimestamp` -- O(N), the samples of the chunks that are touched. Buckets of compactions that lose
/// samples are made anew from those that are left. That cannot be when some of those have expired, so nothing is deleted then.
///
/// Reply: how many there were.
#[command(
    "ts.del",
    write,
    finds_keys,
    complexity = "O(N) where N is the number of data points that will be removed",
    since = "1.6.0"
)]
pub fn del(ctx: &Context, key: Key, range: Args) -> Result<u64> {
    let mut range = range;
    bail!(if range.len() != 2, "ERR wrong number of arguments for 'ts.del' command");
    let open_start = range.peek() == Some(b"-");
    let (from, to) = times(&mut range)?;
    let mut series = ctx.open_mut::<Series>(&key)?.get().ok_or(NO_KEY)?;
    let since = series.alive_since();
    let from = if open_start { since } else { from };
    bail!(if from < since, "{EXPIRED}");
    if from > to || series.range(from, to).next().is_none() {
        return Ok(0);
    }
    let expired = |rule: &crate::rules::Rule| {
        let starts = rule.buckets_around(&series.samples, from, to);
        rule.open.is_some() && starts.first().is_some_and(|start| (*start).max(0) < since)
    };
    bail!(if series.rules.iter().any(expired), "{EXPIRED}");
    let rules = series.rules.iter().filter(|rule| rule.needs_destination_to_remove(from));
    let needed = rules.map(|rule| rule.destination.clone()).collect();
    let mut destinations = Destinations::open(ctx, key.name(), &mut series, needed)?;
    let (removed, changes) = series.remove(from, to);
    destinations.apply(&series, &changes);
    Ok(removed)
}
