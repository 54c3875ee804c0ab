//! Ranges of sorted sets, by rank, score or member: counting, reading, storing and removing them.
//! All become a range of ranks, of which the length is known before its first member is read.

use std::ops::Range;

use crate::effects::notify::Class;
use crate::keyspace::{LexRange, ScoreRange, Zset};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, access, key};
use super::zset::{reply_header, reply_scored};
use super::zset_bounds::{lex_range, score_range};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "sorted-set",
    commands: &[
        command!("ZCOUNT", 4, READ | FAST, [key(1, access::READ)], zcount,
            "2.0.0", "O(log(N)) with N being the number of elements in the sorted set.",
            "Returns the count of members in a sorted set that have scores within a range.", "key min max"),
        command!("ZLEXCOUNT", 4, READ | FAST, [key(1, access::READ)], zlexcount,
            "2.8.9", "O(log(N)) with N being the number of elements in the sorted set.",
            "Returns the number of members in a sorted set within a lexicographical range.", "key min:string max:string"),
        command!("ZRANGE", -4, READ, [key(1, access::READ)], zrange,
            "1.2.0", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
            "Returns members in a sorted set within a range of indexes.",
            "key start:string stop:string [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]"),
        command!("ZRANGESTORE", -5, WRITE | OOM, [key(1, access::OVERWRITE), key(2, access::READ)], zrangestore,
            "6.2.0", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.",
            "Stores a range of members from sorted set in a key.",
            "dst:key src:key min:string max:string [BYSCORE|BYLEX] [REV] [LIMIT offset count]"),
        command!("ZREVRANGE", -4, READ, [key(1, access::READ)], zrevrange,
            "1.2.0", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
            "Returns members in a sorted set within a range of indexes in reverse order.", "key start stop [WITHSCORES]"),
        command!("ZRANGEBYSCORE", -4, READ, [key(1, access::READ)], zrangebyscore,
            "1.0.5", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
            "Returns members in a sorted set within a range of scores.", "key min max [WITHSCORES] [LIMIT offset count]"),
        command!("ZREVRANGEBYSCORE", -4, READ, [key(1, access::READ)], zrevrangebyscore,
            "2.2.0", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
            "Returns members in a sorted set within a range of scores in reverse order.",
            "key max min [WITHSCORES] [LIMIT offset count]"),
        command!("ZRANGEBYLEX", -4, READ, [key(1, access::READ)], zrangebylex,
            "2.8.9", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
            "Returns members in a sorted set within a lexicographical range.", "key min:string max:string [LIMIT offset count]"),
        command!("ZREVRANGEBYLEX", -4, READ, [key(1, access::READ)], zrevrangebylex,
            "2.8.9", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
            "Returns members in a sorted set within a lexicographical range in reverse order.",
            "key max:string min:string [LIMIT offset count]"),
        command!("ZREMRANGEBYRANK", 4, WRITE, [key(1, access::DELETE)], zremrangebyrank,
            "2.0.0", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
            "Removes members in a sorted set within a range of indexes. Deletes the sorted set if all members were removed.",
            "key start stop"),
        command!("ZREMRANGEBYSCORE", 4, WRITE, [key(1, access::DELETE)], zremrangebyscore,
            "1.2.0", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
            "Removes members in a sorted set within a range of scores. Deletes the sorted set if all members were removed.",
            "key min max"),
        command!("ZREMRANGEBYLEX", 4, WRITE, [key(1, access::DELETE)], zremrangebylex,
            "2.8.9", "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
            "Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all members were removed.",
            "key min:string max:string"),
    ],
};

/// By what a range is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A range that a command names.
enum Bounds<'a> {
    /// Ranks, from the end if negative.
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

impl<'a> Bounds<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, CommandError> {
        Ok(match by {
            By::Rank => Bounds::Rank(args::integer(min)?, args::integer(max)?),
            By::Score => Bounds::Score(score_range(min, max)?),
            By::Lex => Bounds::Lex(lex_range(min, max)?),
        })
    }

    /// The ranks of the members that it means.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        match self {
            Bounds::Rank(start, stop) => ranks(*start, *stop, zset.len()),
            Bounds::Score(range) => zset.ranks_by_score(range),
            Bounds::Lex(range) => zset.ranks_by_lex(range),
        }
    }
}

/// The range from one rank to another, that one included, of so many; negative ones count from the end.
fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_front = |rank: i64| if rank < 0 { rank.saturating_add(len as i64) } else { rank };
    let (start, stop) = (from_front(start).max(0), from_front(stop).min(len as i64 - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

/// Which part of a range is wanted.
#[derive(Clone, Copy)]
struct Limit {
    offset: i64,
    /// All if negative.
    count: i64,
}

impl Limit {
    /// The wanted part of a range that is read in this direction.
    fn of(self, ranks: Range<usize>, reverse: bool) -> Range<usize> {
        let len = ranks.len();
        // An offset that is negative is behind every end.
        let offset = usize::try_from(self.offset).map_or(len, |offset| offset.min(len));
        let count =
            usize::try_from(self.count).map_or(len, |count| count.min(len - offset)).min(len - offset);
        if reverse {
            ranks.end - offset - count..ranks.end - offset
        } else {
            ranks.start + offset..ranks.start + offset + count
        }
    }
}

/// What a command of ZRANGE's kind asks for.
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    limit: Limit,
    with_scores: bool,
}

/// What the name of a command decides already.
#[derive(Clone, Copy)]
struct Named {
    by: Option<By>,
    reverse: Option<bool>,
    /// It stores what it finds, and so takes no WITHSCORES.
    stores: bool,
}

impl<'a> Query<'a> {
    /// Reads bounds and options, which are the whole of `argv`.
    fn parse(argv: Argv<'a>, named: Named) -> Result<Self, CommandError> {
        let (mut by, mut reverse) = (named.by, named.reverse);
        let mut limit = Limit { offset: 0, count: -1 };
        let mut with_scores = false;
        let mut words = argv.tail(2).iter();
        while let Some(word) = words.next() {
            if !named.stores && args::is(word, "WITHSCORES") {
                with_scores = true;
            } else if args::is(word, "LIMIT") {
                let (Some(offset), Some(count)) = (words.next(), words.next()) else {
                    return Err(CommandError::Syntax);
                };
                limit = Limit { offset: args::integer(offset)?, count: args::integer(count)? };
            } else if reverse.is_none() && args::is(word, "REV") {
                reverse = Some(true);
            } else if by.is_none() && args::is(word, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && args::is(word, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit.count != -1 && by == By::Rank {
            return Err(CommandError::line(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(CommandError::line(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        // Who reads backwards names the end first; only ranks count from where the reading begins.
        let (min, max) = if reverse && by != By::Rank { (1, 0) } else { (0, 1) };
        let bounds = Bounds::parse(by, argv.at(min), argv.at(max))?;
        Ok(Query { bounds, reverse, limit, with_scores })
    }

    /// The ranks of what it finds.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        match &self.bounds {
            Bounds::Rank(start, stop) if self.reverse => {
                let len = zset.len();
                let from_end = ranks(*start, *stop, len);
                len - from_end.end..len - from_end.start
            }
            Bounds::Rank(..) => self.bounds.ranks(zset),
            _ => self.limit.of(self.bounds.ranks(zset), self.reverse),
        }
    }
}

/// Answer with a range.
fn reply_range(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    by: Option<By>,
    reverse: Option<bool>,
) -> CommandResult {
    let query = Query::parse(argv.tail(2), Named { by, reverse, stores: false })?;
    let key = ctx.key_at(argv, 1);
    let Some(zset) = ctx.keys.read_as::<Zset>(&key)? else {
        ctx.reply.array_header(0);
        return Ok(());
    };
    let ranks = query.ranks(zset);
    reply_header(ctx.reply, ranks.len(), query.with_scores);
    for scored in zset.range(ranks, query.reverse) {
        reply_scored(ctx.reply, scored, query.with_scores);
    }
    Ok(())
}

/// `ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]` -- O(log(N)+M). The members of the range.
fn zrange(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_range(ctx, argv, None, None)
}

/// `ZREVRANGE key start stop [WITHSCORES]` -- O(log(N)+M). The members of the range, which counts from the highest score.
fn zrevrange(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_range(ctx, argv, Some(By::Rank), Some(true))
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]` -- O(log(N)+M). The members with such scores.
fn zrangebyscore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_range(ctx, argv, Some(By::Score), Some(false))
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]` -- O(log(N)+M). The same from the highest score on.
fn zrevrangebyscore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_range(ctx, argv, Some(By::Score), Some(true))
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]` -- O(log(N)+M). The members in a range of members.
fn zrangebylex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_range(ctx, argv, Some(By::Lex), Some(false))
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]` -- O(log(N)+M). The same from the last one on.
fn zrevrangebylex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_range(ctx, argv, Some(By::Lex), Some(true))
}

/// `ZRANGESTORE dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]` -- O(log(N)+M). How many members were stored.
fn zrangestore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let query = Query::parse(argv.tail(3), Named { by: None, reverse: None, stores: true })?;
    let (target, source) = (ctx.key_at(argv, 1), ctx.key_at(argv, 2));
    let thresholds = ctx.keys.thresholds;
    let found = match ctx.keys.read_as::<Zset>(&source)? {
        None => Zset::default(),
        Some(zset) => {
            let members: Vec<_> = zset.range(query.ranks(zset), false).collect();
            Zset::of_members(members.iter().copied(), thresholds).expect("no member is there twice")
        }
    };
    let stored = found.len();
    ctx.keys.store_result(&target, found, Class::ZSET, "zrangestore")?;
    ctx.reply.integer(stored as i64);
    Ok(())
}

fn count(ctx: &mut CommandContext<'_>, argv: Argv<'_>, by: By) -> CommandResult {
    let bounds = Bounds::parse(by, argv.at(2), argv.at(3))?;
    let zset = ctx.keys.read_as::<Zset>(&ctx.key_at(argv, 1))?;
    ctx.reply.integer(zset.map_or(0, |zset| bounds.ranks(zset).len()) as i64);
    Ok(())
}

/// `ZCOUNT key min max` -- O(log(N)). How many members have such scores.
fn zcount(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    count(ctx, argv, By::Score)
}

/// `ZLEXCOUNT key min max` -- O(log(N)). How many members are in a range of members.
fn zlexcount(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    count(ctx, argv, By::Lex)
}

fn remove(ctx: &mut CommandContext<'_>, argv: Argv<'_>, by: By, event: &'static str) -> CommandResult {
    let bounds = Bounds::parse(by, argv.at(2), argv.at(3))?;
    let key = ctx.key_at(argv, 1);
    let ranks = ctx.keys.peek_as::<Zset>(&key)?.map_or(0..0, |zset| bounds.ranks(zset));
    let removed = ranks.len();
    ctx.keys.remove_ranks(&key, ranks, event)?;
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop` -- O(log(N)+M). How many members were removed.
fn zremrangebyrank(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    remove(ctx, argv, By::Rank, "zremrangebyrank")
}

/// `ZREMRANGEBYSCORE key min max` -- O(log(N)+M). How many members were removed.
fn zremrangebyscore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    remove(ctx, argv, By::Score, "zremrangebyscore")
}

/// `ZREMRANGEBYLEX key min max` -- O(log(N)+M). How many members were removed.
fn zremrangebylex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    remove(ctx, argv, By::Lex, "zremrangebylex")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_from_both_ends() {
        for (start, stop, len, expected) in [
            (0, -1, 5, 0..5),
            (1, 2, 5, 1..3),
            (-2, -1, 5, 3..5),
            (-100, 100, 5, 0..5),
            (3, 1, 5, 0..0),
            (5, 9, 5, 0..0),
            (0, -6, 5, 0..0),
            (i64::MIN, i64::MAX, 5, 0..5),
            (i64::MAX, i64::MIN, 5, 0..0),
            (0, -1, 0, 0..0),
        ] {
            assert_eq!(ranks(start, stop, len), expected, "{start} {stop} of {len}");
        }
    }

    #[test]
    fn limits_cut_from_where_the_reading_begins() {
        for (offset, count, forward, backward) in [
            (0, -1, 10..20, 10..20),
            (2, 3, 12..15, 15..18),
            (0, 0, 10..10, 20..20),
            (9, 5, 19..20, 10..11),
            (10, 5, 20..20, 10..10),
            (-1, 5, 20..20, 10..10),
            (1, i64::MIN, 11..20, 10..19),
            (i64::MAX, i64::MAX, 20..20, 10..10),
        ] {
            let limit = Limit { offset, count };
            assert_eq!(limit.of(10..20, false), forward, "{offset} {count}");
            assert_eq!(limit.of(10..20, true), backward, "{offset} {count} in reverse");
        }
    }
}
