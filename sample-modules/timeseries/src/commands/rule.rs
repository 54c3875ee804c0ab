//! TS.CREATERULE and TS.DELETERULE: from one series to another.
//!
//! A series is a source or a destination, never both, so that no chain of rules can grow. What a series says of its partners may
//! be outdated (see `compaction`); so they are asked before it counts, and what proves wrong is forgotten.

use sandkey::prelude::*;

use crate::arguments::{NO_KEY, aggregation, not_negative};
use crate::bucket::Buckets;
use crate::compaction::{true_rules, true_source};
use crate::rules::Rule;
use crate::series::{Bytes, Series};

const SAME: &str = "ERR TSDB: the source key and destination key should be different";
const BAD_AGGREGATION: &str = "ERR TSDB: Couldn't parse AGGREGATION";
const BAD_ALIGN: &str = "ERR TSDB: Couldn't parse alignTimestamp";
const SOURCE_IS_COMPACTED: &str = "ERR TSDB: the source key already has a source rule";
const HAS_SOURCE: &str = "ERR TSDB: the destination key already has a src rule";
const HAS_RULES: &str = "ERR TSDB: the destination key already has a dst rule";
const NO_RULE: &str = "ERR TSDB: compaction rule does not exist";

/// Compact the samples of a series into another from now on.
///
/// `TS.CREATERULE sourceKey destKey AGGREGATION aggregator bucketDuration [alignTimestamp]` -- O(1).
#[command("ts.createrule", write, denyoom, finds_keys, complexity = "O(1)", since = "1.0.0", options(AGGREGATION = string))]
pub fn createrule(ctx: &Context, source_key: Key, destination_key: Key, options: Args) -> Result<()> {
    let mut options = options;
    if !options.keyword("AGGREGATION") {
        return Err(BAD_AGGREGATION.into());
    }
    let (aggregator, duration) = aggregation(&mut options)?;
    let align = match options.bytes() {
        Ok(align) => not_negative(align).ok_or(BAD_ALIGN)?,
        Err(_) => 0,
    };
    options.finish()?;
    let (source_name, destination_name) = (source_key.name(), destination_key.name());
    bail!(if source_name == destination_name, "{SAME}");
    let claims = claims(ctx, &source_key, &destination_key)?;
    let mut source = ctx.open_mut::<Series>(&source_key)?.get().ok_or(NO_KEY)?;
    let mut destination = ctx.open_mut::<Series>(&destination_key)?.get().ok_or(NO_KEY)?;
    source.source = None;
    // A rule that was dead until now would come to life with the new one.
    source.rules.retain(|rule| claims.contains(&rule.destination));
    source.rules.push(Rule::new(destination_name, aggregator, Buckets { duration, align }));
    destination.rules.clear();
    destination.source = Some(source_name.into());
    Ok(())
}

/// Whether the two can be source and destination; the answer is to which keys rules of the source lead already.
fn claims(ctx: &Context, source_key: &Key, destination_key: &Key) -> Result<Vec<Bytes>> {
    let (source_name, destination_name) = (source_key.name(), destination_key.name());
    let source = ctx.open_ref::<Series>(source_key)?;
    let destination = ctx.open_ref::<Series>(destination_key)?;
    let (source, destination) = (source.ok_or(NO_KEY)?, destination.ok_or(NO_KEY)?);
    // All four are asked before one is given up for.
    let compacted = true_source(ctx, source_name, &source);
    let taken = true_source(ctx, destination_name, &destination);
    let rules_there = true_rules(ctx, destination_name, &destination);
    let rules_here = true_rules(ctx, source_name, &source);
    bail!(if compacted?.is_some(), "{SOURCE_IS_COMPACTED}");
    bail!(if taken?.is_some(), "{HAS_SOURCE}");
    bail!(if !rules_there?.is_empty(), "{HAS_RULES}");
    Ok(rules_here?.into_iter().map(|rule| rule.destination.clone()).collect())
}

/// Stop compacting a series into another.
///
/// `TS.DELETERULE sourceKey destKey` -- O(1). What was compacted stays.
#[command("ts.deleterule", write, fast, complexity = "O(1)", since = "1.0.0")]
pub fn deleterule(ctx: &Context, source_key: Key, destination_key: Key) -> Result<()> {
    let (source_name, destination_name) = (source_key.name(), destination_key.name());
    let mut source = ctx.open_mut::<Series>(&source_key)?.get().ok_or(NO_KEY)?;
    bail!(if source.rule_to(destination_name).is_none(), "{NO_RULE}");
    source.rules.retain(|rule| *rule.destination != *destination_name);
    if source_name == destination_name {
        return Ok(());
    }
    let destination = match ctx.open_mut::<Series>(&destination_key) {
        Ok(slot) => slot.get(),
        Err(Error::WrongType) => None,
        Err(error) => return Err(error),
    };
    if let Some(mut destination) = destination
        && destination.source.as_deref() == Some(source_name)
    {
        destination.source = None;
    }
    Ok(())
}
