//! XINFO: what is known of a stream, its groups and their consumers.

use super::{no_group, reply_record};
use crate::command::args;
use crate::command::context::CommandContext;
use crate::command::error::{CommandError, CommandResult};
use crate::command::help;
use crate::command::spec::{Family, Spec, access, key, tips};
use crate::keyspace::stream::group::Consumer;
use crate::keyspace::stream::{Group, Log};
use crate::keyspace::{Stream, StreamId};
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

/// The row.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "stream",
    commands: &[
        command!("XINFO", -2, NONE, [], xinfo,
            "5.0.0", "Depends on subcommand.", "A container for stream introspection commands.", "", subcommands: SUBCOMMANDS),
    ],
};

#[rustfmt::skip]
const SUBCOMMANDS: &[Spec] = &[
    command!("CONSUMERS", 4, READ, [key(2, access::READ)], consumers,
        "5.0.0", "O(1)", "Returns a list of the consumers in a consumer group.", "key group", tips: tips::VARIES),
    command!("GROUPS", 3, READ, [key(2, access::READ)], groups,
        "5.0.0", "O(1)", "Returns a list of the consumer groups of a stream.", "key"),
    command!("STREAM", -3, READ, [key(2, access::READ)], stream,
        "5.0.0", "O(1)", "Returns information about a stream.", "key [FULL [COUNT count]]"),
    command!("HELP", 2, LOADING | STALE, [], xinfo_help,
        "5.0.0", "O(1)", "Returns helpful text about the different subcommands.", ""),
];

/// `XINFO` alone names nothing; dispatch has refused it already.
fn xinfo(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    Err(ctx.wrong_arity())
}

/// `XINFO HELP` -- O(1). What the subcommands do.
fn xinfo_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "XINFO", SUBCOMMANDS);
    Ok(())
}

/// A name and what stands for it.
fn integer(reply: &mut ReplyWriter, name: &str, value: u64) {
    reply.bulk(name);
    reply.integer(value as i64);
}

fn id(reply: &mut ReplyWriter, name: &str, id: StreamId) {
    reply.bulk(name);
    reply.bulk(id.text());
}

fn integer_or_null(reply: &mut ReplyWriter, name: &str, value: Option<u64>) {
    match value {
        Some(value) => integer(reply, name, value),
        None => {
            reply.bulk(name);
            reply.null();
        }
    }
}

/// `XINFO CONSUMERS key group` -- O(N) in the consumers. A map for each.
fn consumers(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (key, name, now_ms) = (ctx.key_at(argv, 2), argv.at(3), ctx.time_ms());
    let stream = ctx.keys.read_as::<Stream>(&key)?.ok_or(CommandError::NoSuchKey)?;
    let words = ["No such consumer group '", "' for key name '", "'"];
    let group = stream.group(name).ok_or_else(|| no_group(words, [name, key.bytes]))?;
    let consumers = group.consumers();
    ctx.reply.array_header(consumers.len());
    for consumer in consumers {
        ctx.reply.map_header(4);
        ctx.reply.bulk("name");
        ctx.reply.bulk(&consumer.name);
        integer(ctx.reply, "pending", consumer.pending_len() as u64);
        integer(ctx.reply, "idle", now_ms.saturating_sub(consumer.seen_ms));
        ctx.reply.bulk("inactive");
        ctx.reply.integer(consumer.active_ms.map_or(-1, |at| now_ms.wrapping_sub(at) as i64));
    }
    Ok(())
}

/// `XINFO GROUPS key` -- O(N) in the groups. A map for each.
fn groups(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 2);
    let stream = ctx.keys.read_as::<Stream>(&key)?.ok_or(CommandError::NoSuchKey)?;
    let groups = stream.groups();
    ctx.reply.array_header(groups.len());
    for (name, group) in groups {
        ctx.reply.map_header(6);
        ctx.reply.bulk("name");
        ctx.reply.bulk(name);
        integer(ctx.reply, "consumers", group.consumers().len() as u64);
        integer(ctx.reply, "pending", group.pending_len() as u64);
        reply_position(ctx.reply, group, &stream.log);
    }
    Ok(())
}

/// Where a group stands: three pairs.
fn reply_position(reply: &mut ReplyWriter, group: &Group, log: &Log) {
    id(reply, "last-delivered-id", group.last_id);
    integer_or_null(reply, "entries-read", group.entries_read);
    integer_or_null(reply, "lag", log.lag(group.last_id, group.entries_read));
}

/// How many entries and pending ones XINFO STREAM FULL shows unless it is told.
const FULL_COUNT: usize = 10;

/// `XINFO STREAM key [FULL [COUNT count]]` -- O(1), or O(N) in what is shown. A map.
fn stream(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 2);
    // The key comes first: a wrong option is not noticed without it.
    let stream = ctx.keys.read_as::<Stream>(&key)?.ok_or(CommandError::NoSuchKey)?;
    let full = match argv.len() {
        3 => None,
        4 if args::is(argv.at(3), "FULL") => Some(FULL_COUNT),
        6 if args::is(argv.at(3), "FULL") && args::is(argv.at(4), "COUNT") => {
            Some(usize::try_from(args::integer(argv.at(5))?).unwrap_or(FULL_COUNT))
        }
        _ => return Err(help::unknown("XINFO", argv)),
    };
    let (reply, log) = (&mut *ctx.reply, &stream.log);
    reply.map_header(if full.is_some() { 9 } else { 10 });
    integer(reply, "length", log.len());
    // What Redis's tree would be: its keys, and a root.
    integer(reply, "radix-tree-keys", log.blocks() as u64);
    integer(reply, "radix-tree-nodes", log.blocks() as u64 + 1);
    id(reply, "last-generated-id", log.last_id());
    id(reply, "max-deleted-entry-id", log.max_deleted_id());
    integer(reply, "entries-added", log.entries_added());
    id(reply, "recorded-first-entry-id", log.first_id());
    match full {
        Some(count) => reply_full(reply, stream, if count == 0 { usize::MAX } else { count }),
        None => {
            integer(reply, "groups", stream.groups().len() as u64);
            let ends = [
                ("first-entry", log.range(StreamId::MIN, StreamId::MAX).next()),
                ("last-entry", log.range_back(StreamId::MIN, StreamId::MAX).next()),
            ];
            for (name, record) in ends {
                reply.bulk(name);
                match record {
                    Some(record) => reply_record(reply, &record),
                    None => reply.null(),
                }
            }
        }
    }
    Ok(())
}

/// The entries and the groups, so many of each.
fn reply_full(reply: &mut ReplyWriter, stream: &Stream, count: usize) {
    reply.bulk("entries");
    reply.array_header(count.min(usize::try_from(stream.log.len()).unwrap_or(usize::MAX)));
    let entries = stream.log.range(StreamId::MIN, StreamId::MAX);
    entries.take(count).for_each(|record| reply_record(reply, &record));
    reply.bulk("groups");
    let groups = stream.groups();
    reply.array_header(groups.len());
    for (name, group) in groups {
        reply.map_header(7);
        reply.bulk("name");
        reply.bulk(name);
        reply_position(reply, group, &stream.log);
        integer(reply, "pel-count", group.pending_len() as u64);
        reply.bulk("pending");
        reply.array_header(count.min(group.pending_len()));
        for (id, pending) in group.pending(StreamId::MIN..).take(count) {
            reply.array_header(4);
            reply.bulk(id.text());
            reply.bulk(&group.consumer(pending.owner).name);
            reply.integer(pending.delivered_ms as i64);
            reply.integer(pending.deliveries as i64);
        }
        reply.bulk("consumers");
        let consumers = group.consumers();
        reply.array_header(consumers.len());
        consumers.for_each(|consumer| reply_consumer(reply, group, consumer, count));
    }
}

fn reply_consumer(reply: &mut ReplyWriter, group: &Group, consumer: &Consumer, count: usize) {
    reply.map_header(5);
    reply.bulk("name");
    reply.bulk(&consumer.name);
    integer(reply, "seen-time", consumer.seen_ms);
    reply.bulk("active-time");
    reply.integer(consumer.active_ms.map_or(-1, |at| at as i64));
    integer(reply, "pel-count", consumer.pending_len() as u64);
    reply.bulk("pending");
    reply.array_header(count.min(consumer.pending_len()));
    for id in consumer.pending(StreamId::MIN..).take(count) {
        let pending = group.pending_of(id).expect("what a consumer has is its group's");
        reply.array_header(3);
        reply.bulk(id.text());
        reply.integer(pending.delivered_ms as i64);
        reply.integer(pending.deliveries as i64);
    }
}
