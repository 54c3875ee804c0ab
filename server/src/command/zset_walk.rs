//! Members of sorted sets by lot and in walks: ZRANDMEMBER and ZSCAN.

use crate::keyspace::Zset;
use crate::net::argv::Argv;
use crate::net::double::DoubleText;
use crate::net::reply::ReplyWriter;

use super::context::CommandContext;
use super::error::CommandResult;
use super::lots::{self, Draw};
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
    let (count, with_scores) = lots::parse_pairs(count, argv.tail(3), "WITHSCORES")?;
    let Some(zset) = ctx.keys.read_as::<Zset>(&key)? else {
        ctx.reply.array_header(0);
        return Ok(());
    };
    let draw = |draw| match draw {
        Draw::Distinct(n) => zset.random_distinct(&mut rng, n),
        Draw::Repeated(n) => zset.random_repeated(&mut rng, n),
    };
    let header = |reply: &mut ReplyWriter, len| reply_header(reply, len, with_scores);
    lots::reply(ctx.reply, count, header, draw, |reply, drawn| reply_scored(reply, drawn, with_scores))
        .map_err(|many| many.refuse(ctx))
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
