//! TS.MADD: samples into series that exist. Each stands for itself: one that is refused does not keep the others out.

use sandkey::prelude::*;

use super::add::add_to;
use crate::arguments::{timestamp, value};
use crate::compaction;
use crate::limits;
use crate::sample::Sample;
use crate::series::{Bytes, Series};

const NOT_A_SERIES: &str = "ERR TSDB: the key is not a TSDB key";
const TOO_MANY: &str = "ERR TSDB: too many keys in one TS.MADD";

/// A sample and where it goes.
type Item<'a> = (&'a [u8], &'a [u8], &'a [u8]);

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
    let turns = samples.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
    bail!(if turns > limits::TURNS_IN_AN_MADD, "{TOO_MANY}");
    fetch_destinations(ctx, &samples)?;
    let mut replies = Vec::with_capacity(samples.len());
    let mut key: Option<Key> = None;
    for item in &samples {
        if key.as_ref().is_none_or(|key| key.name() != item.0) {
            key = Some(ctx.open(item.0)?);
        }
        let key = key.as_ref().expect("it was opened a line above");
        replies.push(add_one(ctx, key, *item)?);
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

/// The inner error is about the sample, the outer one about the command.
fn add_one(ctx: &Context, key: &Key, item: Item) -> Result<Result<i64>> {
    let sample = match (timestamp(ctx, item.1), value(item.2)) {
        (Ok(timestamp), Ok(value)) => Sample::new(timestamp, value),
        (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
    };
    let series = match ctx.open_mut::<Series>(key) {
        Ok(slot) => slot.get(),
        Err(Error::WrongType) => None,
        Err(error) => return Err(error),
    };
    let Some(mut series) = series else { return Ok(Err(NOT_A_SERIES.into())) };
    let added = add_to(ctx, key.name(), &mut series, sample, None)?;
    Ok(added.map_err(Error::from))
}

/// Ask for the destinations of all rules before anything changes. Which are needed by the last sample depends on what the first ones
/// do to the rules, so the times of all samples of a series count together.
fn fetch_destinations(ctx: &Context, samples: &[Item]) -> Result<()> {
    let (mut names, mut error): (Vec<Bytes>, _) = (Vec::new(), None);
    let mut last: Option<&[u8]> = None;
    for (name, ..) in samples {
        if last.replace(name) == Some(name) {
            continue;
        }
        match ctx.open_ref::<Series>(&ctx.open_read(name)?) {
            Ok(Some(series)) if !series.rules.is_empty() => {
                let own = samples.iter().filter(|item| item.0 == *name);
                let times: Vec<i64> = own.filter_map(|item| timestamp(ctx, item.1).ok()).collect();
                names.extend(compaction::needed_to_put(&series, times));
            }
            Ok(_) | Err(Error::WrongType) => {}
            Err(why) => error = error.or(Some(why)),
        }
    }
    // Both are asked for before either is given up for.
    compaction::fetch(ctx, &names).and(error.map_or(Ok(()), Err))
}
