//! Members of sorted sets by lot and in walks: ZRANDMEMBER and ZSCAN.

use crate::keyspace::Zset;
use crate::limits::{RANDOM_DRAWS_MAX, RANDOM_DRAWS_STEP};
use crate::net::argv::Argv;
use crate::net::double::DoubleText;

use super::args;
use super::context::CommandContext;
use super::draws;
use super::error::{CommandError, CommandResult};
use super::scan::{ScanOptions, parse_cursor, reply_step};
use super::spec::{Family, access, key, tips};
use super::zset::{reply_header, reply_scored};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "sorted-set",
    commands: &[
        command!("ZRANDMEMBER", -2, READ, [key(1, access::READ)], zrandmember,
            "6.2.0", "O(N) where N is the number of members returned",
            "Returns one or more random members from a sorted set.", "key [count [WITHSCORES]]", tips: tips::VARIES),
        command!("ZSCAN", -3, READ, [key(1, access::READ)], zscan,
            "2.8.0", "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over members and scores of a sorted set.", "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
            tips: tips::VARIES),
    ],
};

/// `ZRANDMEMBER key [count [WITHSCORES]]` -- O(N) in the count. A member, or null. With a count different members, as many as
/// there are at the most; with a negative one exactly that many, some of them more than once.
fn zrandmember(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut rng = ctx.rng();
    let key = ctx.key_at(argv, 1);
    let Some(count) = argv.get(2) else {
        let zset = ctx.keys.read_as::<Zset>(&key)?;
        ctx.reply.bulk_or_null(zset.and_then(|zset| zset.random(&mut rng)).map(|(member, _)| member));
        return Ok(());
    };
    let (count, with_scores) = parse_count(count, argv.tail(3))?;
    let Some(zset) = ctx.keys.read_as::<Zset>(&key)? else {
        ctx.reply.array_header(0);
        return Ok(());
    };
    if count >= 0 {
        let drawn = zset.random_distinct(&mut rng, usize::try_from(count).unwrap_or(usize::MAX));
        reply_header(ctx.reply, drawn.len(), with_scores);
        drawn.into_iter().for_each(|scored| reply_scored(ctx.reply, scored, with_scores));
        return Ok(());
    }
    let mut left = count.unsigned_abs();
    if left > RANDOM_DRAWS_MAX {
        return Err(draws::refuse(ctx, left));
    }
    reply_header(ctx.reply, left as usize, with_scores);
    while left > 0 {
        let step = left.min(RANDOM_DRAWS_STEP);
        for scored in zset.random_repeated(&mut rng, step as usize) {
            reply_scored(ctx.reply, scored, with_scores);
        }
        left -= step;
    }
    Ok(())
}

fn parse_count(count: &[u8], options: Argv<'_>) -> Result<(i64, bool), CommandError> {
    let count = args::integer_in(count, -i64::MAX, i64::MAX)?;
    let with_scores = match options.len() {
        0 => false,
        1 if args::is(options.at(0), "WITHSCORES") => true,
        _ => return Err(CommandError::Syntax),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CommandError::line("ERR value is out of range"));
    }
    Ok((count, with_scores))
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]` -- O(1) a call. The next cursor, and members with their scores.
fn zscan(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let cursor = parse_cursor(argv.at(2))?;
    let key = ctx.key_at(argv, 1);
    let zset = ctx.keys.read_as::<Zset>(&key)?;
    let empty = Zset::default();
    // Redis does not look at the options when there is nothing to report.
    let (zset, options) = match zset {
        None => (&empty, ScanOptions::default()),
        Some(zset) => (zset, ScanOptions::parse(argv.tail(3), false, Some("NOSCORES"))?),
    };
    reply_step(ctx.reply, |reply| {
        let mut reported = 0;
        let next = zset.scan(cursor, options.count, |member, score| {
            if options.matches(member) {
                reply.bulk(member);
                reported += 1;
                if !options.names_only {
                    // A string in RESP3, too.
                    reply.bulk(DoubleText::new(score).as_bytes());
                    reported += 1;
                }
            }
        });
        Ok((next, reported))
    })
}
