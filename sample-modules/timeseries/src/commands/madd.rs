//! TS.MADD: samples into series that exist. Each stands for itself: one that is refused does not keep the others out.

use sandkey::prelude::*;

use crate::arguments::{timestamp, value};
use crate::compaction::{self, Destinations};
use crate::config;
use crate::limits;
use crate::sample::Sample;
use crate::series::{Bytes, Series, Verdict};

const NOT_A_SERIES: &str = "ERR TSDB: the key is not a TSDB key";
const TOO_MANY: &str = "ERR TSDB: too many keys in one TS.MADD";

/// A sample and where it goes.
type Item<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Samples that come one after the other and go to the same key, which is opened once for all of them.
type Run<'s, 'a> = &'s [Item<'a>];

/// Add samples to time series that exist.
///
/// `TS.MADD key timestamp value [key timestamp value ...]` -- O(N*M), N samples and M rules.
///
/// Reply: of each sample its timestamp, or why it was refused.
#[command(
    "ts.madd",
    write,
    denyoom,
    finds_keys,
    keys(1, -1, 3, update),
    complexity = "O(N*M) when N is the amount of series updated and M is the amount of compaction rules or O(N) with no compaction",
    since = "1.0.0"
)]
pub fn madd(ctx: &Context, samples: Many<(&[u8], &[u8], &[u8])>) -> Result<Reply> {
    let runs: Vec<Run> = samples.chunk_by(|one, next| one.0 == next.0).collect();
    bail!(if runs.len() > limits::RUNS_IN_AN_MADD, "{TOO_MANY}");
    fetch_destinations(ctx, runs.clone())?;
    let mut replies = Vec::with_capacity(samples.len());
    for run in runs {
        add_run(ctx, run, &mut replies)?;
    }
    Ok(Reply::build(|to| {
        to.array(replies.len());
        for reply in replies {
            match reply {
                Ok(timestamp) => to.integer(timestamp),
                Err(why) => to.error(&why.to_string()),
            }
        }
    }))
}

/// What goes wrong with a sample is in its reply; the error that comes back is about the command.
fn add_run(ctx: &Context, run: Run, replies: &mut Vec<Result<i64>>) -> Result<()> {
    let key = ctx.open(run[0].0)?;
    let series = match ctx.open_mut::<Series>(&key) {
        Ok(slot) => slot.get(),
        Err(Error::WrongType) => None,
        Err(error) => return Err(error),
    };
    let Some(mut series) = series else {
        replies.extend(run.iter().map(|item| sample(ctx, item).and_then(|_| Err(NOT_A_SERIES.into()))));
        return Ok(());
    };
    let needed = compaction::needed_to_put(&series, times(ctx, run));
    let mut destinations = Destinations::open(ctx, key.name(), &mut series, needed)?;
    replies.extend(run.iter().map(|item| match series.judge(sample(ctx, item)?, None, config::duplicates) {
        Verdict::Refuse(why) => Err(why.into()),
        Verdict::Keep(timestamp) => Ok(timestamp),
        Verdict::Set(sample) => {
            let changes = series.put(sample);
            destinations.apply(&series, &changes);
            Ok(sample.timestamp)
        }
    }));
    Ok(())
}

fn sample(ctx: &Context, item: &Item) -> Result<Sample> {
    Ok(Sample::new(timestamp(ctx, item.1)?, value(item.2)?))
}

/// The times of those that have one.
fn times<'i, 'a: 'i>(
    ctx: &Context,
    items: impl IntoIterator<Item = &'i Item<'a>, IntoIter: Clone>,
) -> impl Iterator<Item = i64> + Clone {
    items.into_iter().filter_map(|item| timestamp(ctx, item.1).ok())
}

/// Ask for the destinations of all rules before anything changes. Which are needed by the last sample depends on what the first ones
/// do to the rules, so the times of all samples of a series count together.
fn fetch_destinations(ctx: &Context, mut runs: Vec<Run>) -> Result<()> {
    let (mut names, mut error, mut opened): (Vec<Bytes>, _, _) = (Vec::new(), None, 0);
    // The runs of a key stay in their order.
    runs.sort_by_key(|run| run[0].0);
    for of_key in runs.chunk_by(|one, next| one[0].0 == next[0].0) {
        let mut needed = Vec::new();
        match ctx.open_ref::<Series>(&ctx.open_read(of_key[0][0].0)?) {
            Ok(Some(series)) => {
                needed = compaction::needed_to_put(&series, times(ctx, of_key.iter().copied().flatten()));
            }
            Ok(None) | Err(Error::WrongType) => {}
            Err(why) => error = error.or(Some(why)),
        }
        // All of them once now, and again for each run.
        opened += (1 + needed.len()) * (1 + of_key.len());
        names.append(&mut needed);
    }
    bail!(if opened > limits::KEYS_IN_AN_MADD, "{TOO_MANY}");
    // Both are asked for before either is given up for.
    compaction::fetch(ctx, &names).and(error.map_or(Ok(()), Err))
}
