//! `sorted-sets`: keys that hold sorted sets. That no score is NaN is seen to here.

use crate::contract::Error;
use crate::host::{HostFault, HostResult, ScoreRange};
use crate::linking::{Bytes, Count, Doubles, Interface, MaybeDoubles, ScoredMembers, Strings};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(u32, Strings, Doubles), u32>("add", |c, (key, members, scores)| {
        if members.len() != scores.len() {
            return Err(
                HostFault::Other("add was given another number of scores than of members".into()).into()
            );
        }
        scores.iter().try_for_each(|&score| number(score))?;
        c.host.zset_add(key, members, scores)
    })?;
    on.refusable::<(u32, Bytes, f64), f64>("increment", |c, (key, member, by)| {
        number(by)?;
        c.host.zset_increment(key, member, by)
    })?;
    on.refusable::<(u32, Strings), u32>("remove", |c, (key, members)| c.host.zset_remove(key, members))?;
    on.refusable::<(u32, Bytes), Option<f64>>("score", |c, (key, member)| c.host.zset_score(key, member))?;
    on.refusable::<(u32, Strings), MaybeDoubles>("scores", |c, (key, members)| {
        c.host.zset_scores(key, members)
    })?;
    on.refusable::<(u32, Bytes, bool), Option<u64>>("rank", |c, (key, member, reverse)| {
        c.host.zset_rank(key, member, reverse)
    })?;
    on.refusable::<(u32,), u64>("len", |c, (key,)| c.host.zset_len(key))?;
    on.refusable::<(u32, ScoreRange), u64>("count", |c, (key, scores)| {
        c.host.zset_count(key, numbers(scores)?)
    })?;
    on.refusable::<(u32, u64, Count, bool), ScoredMembers>("range", |c, (key, start, count, reverse)| {
        c.list(|host, members| host.zset_range(key, start, count, reverse, members))
    })?;
    on.refusable::<(u32, ScoreRange, u64, Count, bool), ScoredMembers>(
        "range-by-score",
        |c, (key, scores, offset, count, reverse)| {
            let scores = numbers(scores)?;
            c.list(|host, members| host.zset_range_by_score(key, scores, offset, count, reverse, members))
        },
    )?;
    on.refusable::<(u32, Count, bool), ScoredMembers>("pop", |c, (key, count, reverse)| {
        c.list(|host, members| host.zset_pop(key, count, reverse, members))
    })
}

/// A score must be a number.
fn number(score: f64) -> HostResult<()> {
    if score.is_nan() { Err(Error::NotAFloat.into()) } else { Ok(()) }
}

/// The bounds of a range must be numbers.
fn numbers(range: ScoreRange) -> HostResult<ScoreRange> {
    number(range.min)?;
    number(range.max)?;
    Ok(range)
}
