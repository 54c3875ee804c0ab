//! HRANDFIELD and HSCAN: fields of a hash drawn at random, or reported in steps.

use crate::command;
use crate::keyspace::{Hash, StringRef};
use crate::net::argv::Argv;
use crate::net::reply::{Protocol, ReplyWriter};

use super::context::CommandContext;
use super::error::CommandResult;
use super::lots::{self, Draw};
use super::scan::{ScanOptions, parse_cursor, reply_step};
use super::spec::{Family, access, key, tips};
use super::string::reply_string;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "hash",
    commands: &[
        command!("HRANDFIELD", -2, READ, [key(1, access::READ)], hrandfield,
            "6.2.0", "O(N) where N is the number of fields returned", "Returns one or more random fields from a hash.",
            "key [count [WITHVALUES]]", tips: tips::VARIES),
        command!("HSCAN", -3, READ, [key(1, access::READ)], hscan,
            "2.8.0", "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over fields and values of a hash.", "key cursor [MATCH pattern] [COUNT count] [NOVALUES]", tips: tips::VARIES),
    ],
};

/// `HRANDFIELD key [count [WITHVALUES]]` -- O(N) in the count. A field, or null. With a count different fields, as many as
/// there are at the most; with a negative one exactly that many, some of them more than once.
fn hrandfield(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut rng = ctx.rng();
    let key = ctx.key_at(argv, 1);
    let Some(count) = argv.get(2) else {
        let hash = ctx.keys.read_hash(&key)?;
        ctx.reply.bulk_or_null(hash.and_then(|hash| hash.random(&mut rng)).map(|(field, _)| field));
        return Ok(());
    };
    let (count, with_values) = lots::parse_pairs(count, argv.tail(3), "WITHVALUES")?;
    let Some(hash) = ctx.keys.read_hash(&key)? else {
        ctx.reply.array_header(0);
        return Ok(());
    };
    let draw = |draw| match draw {
        Draw::Distinct(n) => hash.random_distinct(&mut rng, n),
        Draw::Repeated(n) => hash.random_repeated(&mut rng, n),
    };
    let header = |reply: &mut ReplyWriter, len| reply_header(reply, len, with_values);
    lots::reply(ctx.reply, count, header, draw, |reply, drawn| reply_field(reply, drawn, with_values))
        .map_err(|many| many.refuse(ctx))
}

/// Only RESP3 puts a field and its value into an array of their own.
fn reply_header(reply: &mut ReplyWriter, count: usize, with_values: bool) {
    let flat = with_values && reply.protocol() == Protocol::Resp2;
    reply.array_header(if flat { count * 2 } else { count });
}

fn reply_field(reply: &mut ReplyWriter, (field, value): (&[u8], StringRef<'_>), with_values: bool) {
    if with_values && reply.protocol() == Protocol::Resp3 {
        reply.array_header(2);
    }
    reply.bulk(field);
    if with_values {
        reply_string(reply, value);
    }
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]` -- O(1) a call. The next cursor, and fields with their values, or
/// alone.
fn hscan(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let cursor = parse_cursor(argv.at(2))?;
    let key = ctx.key_at(argv, 1);
    let hash = ctx.keys.read_hash(&key)?;
    let empty = Hash::new();
    // Redis does not look at the options when there is nothing to report.
    let (hash, options) = match hash {
        None => (&empty, ScanOptions::default()),
        Some(hash) => (hash, ScanOptions::parse(argv.tail(3), false, Some("NOVALUES"))?),
    };
    reply_step(ctx.reply, |reply| {
        let mut reported = 0;
        let next = hash.scan(cursor, options.count, |field, value| {
            if options.matches(field) {
                reply.bulk(field);
                reported += 1;
                if !options.names_only {
                    reply_string(reply, value);
                    reported += 1;
                }
            }
        });
        Ok((next, reported))
    })
}
