//! Consumer groups: XGROUP makes and removes them and their members, XACK says what has been dealt with.

use super::{group_changed, ids, no_group};
use crate::command::args;
use crate::command::context::CommandContext;
use crate::command::error::{CommandError, CommandResult};
use crate::command::help;
use crate::command::spec::{Family, Spec, access, key};
use crate::effects::notify::Class;
use crate::keyspace::stream::Group;
use crate::keyspace::{Key, Stream, StreamId};
use crate::net::argv::Argv;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "stream",
    commands: &[
        command!("XGROUP", -2, NONE, [], xgroup,
            "5.0.0", "Depends on subcommand.", "A container for consumer groups commands.", "", subcommands: SUBCOMMANDS),
        command!("XACK", -4, WRITE | FAST, [key(1, access::UPDATE)], xack,
            "5.0.0", "O(1) for each message ID processed.",
            "Returns the number of messages that were successfully acknowledged by the consumer group member of a stream.",
            "key group id [id ...]"),
    ],
};

#[rustfmt::skip]
const SUBCOMMANDS: &[Spec] = &[
    command!("CREATE", -5, WRITE | OOM, [key(2, access::INSERT)], create,
        "5.0.0", "O(1)", "Creates a consumer group.", "key group id|$ [MKSTREAM] [ENTRIESREAD entries-read:integer]"),
    command!("SETID", -5, WRITE, [key(2, access::UPDATE)], setid,
        "5.0.0", "O(1)", "Sets the last-delivered ID of a consumer group.", "key group id|$ [ENTRIESREAD entries-read:integer]"),
    command!("DESTROY", 4, WRITE, [key(2, access::DELETE)], destroy,
        "5.0.0", "O(N) where N is the number of entries in the group's pending entries list (PEL).",
        "Destroys a consumer group.", "key group"),
    command!("CREATECONSUMER", 5, WRITE | OOM, [key(2, access::INSERT)], createconsumer,
        "6.2.0", "O(1)", "Creates a consumer in a consumer group.", "key group consumer"),
    command!("DELCONSUMER", 5, WRITE, [key(2, access::DELETE)], delconsumer,
        "5.0.0", "O(1)", "Deletes a consumer from a consumer group.", "key group consumer"),
    command!("HELP", 2, LOADING | STALE, [], xgroup_help,
        "5.0.0", "O(1)", "Returns helpful text about the different subcommands.", ""),
];

/// `XGROUP` alone names nothing; dispatch has refused it already.
fn xgroup(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    Err(ctx.wrong_arity())
}

/// What stands behind the id of XGROUP CREATE and SETID.
#[derive(Default)]
struct Options {
    mkstream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(argv: Argv<'_>, creates: bool) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut words = argv.tail(5).iter();
        while let Some(word) = words.next() {
            if creates && args::is(word, "MKSTREAM") {
                options.mkstream = true;
                continue;
            }
            let Some(argument) = words.next().filter(|_| args::is(word, "ENTRIESREAD")) else {
                return Err(help::unknown("XGROUP", argv));
            };
            let read = args::integer(argument)?;
            if read < -1 {
                return Err(CommandError::line("ERR value for ENTRIESREAD must be positive or -1"));
            }
            options.entries_read = u64::try_from(read).ok();
        }
        Ok(options)
    }
}

const NO_KEY: CommandError = CommandError::line(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
);

/// The stream of a subcommand that needs one.
fn stream<'k>(ctx: &'k mut CommandContext<'_>, key: &Key<'_>) -> Result<&'k Stream, CommandError> {
    ctx.keys.peek_as::<Stream>(key)?.ok_or(NO_KEY)
}

/// The group of a subcommand that needs one.
fn group<'k>(ctx: &'k mut CommandContext<'_>, argv: Argv<'_>) -> Result<&'k Group, CommandError> {
    let (key, name) = (ctx.key_at(argv, 2), argv.at(3));
    let group = stream(ctx, &key)?.group(name);
    group.ok_or_else(|| no_group(["No such consumer group '", "' for key name '", "'"], [name, key.bytes]))
}

/// `XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]` -- O(1). OK.
fn create(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options = Options::parse(argv, true)?;
    let (key, name) = (ctx.key_at(argv, 2), argv.at(3));
    let stream = ctx.keys.peek_as::<Stream>(&key)?;
    if stream.is_none() && !options.mkstream {
        return Err(NO_KEY);
    }
    let id = match argv.at(4) {
        b"$" => stream.map_or(StreamId::MIN, |stream| stream.log.last_id()),
        id => ids::id(id, 0)?,
    };
    if stream.is_some_and(|stream| stream.group(name).is_some()) {
        return Err(CommandError::line("BUSYGROUP Consumer Group name already exists"));
    }
    let group = Group::new(id, options.entries_read);
    let changed = ctx.keys.change(&key, |stream: &mut Stream| stream.add_group(name, group))?;
    if changed.is_new {
        ctx.keys.event(&key, Class::NEW, "new");
        ctx.keys.modified(&key, Class::STREAM, "xgroup-create");
    } else {
        group_changed(&mut ctx.keys, &key, "xgroup-create");
    }
    ctx.reply.ok();
    Ok(())
}

/// `XGROUP SETID key group id|$ [ENTRIESREAD entries-read]` -- O(1). OK.
fn setid(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options = Options::parse(argv, false)?;
    let key = ctx.key_at(argv, 2);
    group(ctx, argv)?;
    let id = match argv.at(4) {
        b"$" => stream(ctx, &key)?.log.last_id(),
        id => ids::id_or_end(id, 0)?,
    };
    ctx.keys.change(&key, |stream: &mut Stream| {
        stream.change_group(argv.at(3), |group, _| {
            group.last_id = id;
            group.entries_read = options.entries_read;
        })
    })?;
    group_changed(&mut ctx.keys, &key, "xgroup-setid");
    ctx.reply.ok();
    Ok(())
}

/// `XGROUP DESTROY key group` -- O(N) in what is pending. 1 if there was such a group, else 0.
fn destroy(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 2);
    let is_there = stream(ctx, &key)?.group(argv.at(3)).is_some();
    if is_there {
        ctx.keys.change(&key, |stream: &mut Stream| drop(stream.remove_group(argv.at(3))))?;
        group_changed(&mut ctx.keys, &key, "xgroup-destroy");
        // Whoever waits in XREADGROUP is told that there is nothing to wait for.
        let db = ctx.keys.db;
        if let Some(shard) = ctx.keys.locked.shard(&key) {
            shard.waiting().mark_ready(db, key.bytes);
        }
    }
    ctx.reply.integer(i64::from(is_there));
    Ok(())
}

/// `XGROUP CREATECONSUMER key group consumer` -- O(1). 1 if the consumer is new, else 0.
fn createconsumer(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let is_new = group(ctx, argv)?.consumer_id(argv.at(4)).is_none();
    if is_new {
        let (key, now_ms) = (ctx.key_at(argv, 2), ctx.time_ms());
        ctx.keys.change(&key, |stream: &mut Stream| {
            stream.change_group(argv.at(3), |group, _| group.add_consumer(argv.at(4), now_ms, None))
        })?;
        group_changed(&mut ctx.keys, &key, "xgroup-createconsumer");
    }
    ctx.reply.integer(i64::from(is_new));
    Ok(())
}

/// `XGROUP DELCONSUMER key group consumer` -- O(N) in what it has pending. How much that was.
fn delconsumer(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let is_there = group(ctx, argv)?.consumer_id(argv.at(4)).is_some();
    let mut pending = 0;
    if is_there {
        let key = ctx.key_at(argv, 2);
        let changed = ctx.keys.change(&key, |stream: &mut Stream| {
            stream.change_group(argv.at(3), |group, _| group.remove_consumer(argv.at(4)))
        })?;
        pending = changed.result.flatten().unwrap_or(0);
        group_changed(&mut ctx.keys, &key, "xgroup-delconsumer");
    }
    ctx.reply.integer(pending as i64);
    Ok(())
}

/// `XGROUP HELP` -- O(1). What the subcommands do.
fn xgroup_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "XGROUP", SUBCOMMANDS);
    Ok(())
}

/// `XACK key group id [id ...]` -- O(log N) an entry. How many were pending and are so no more.
fn xack(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let stream = ctx.keys.peek_as::<Stream>(&key)?;
    if stream.is_none_or(|stream| stream.group(argv.at(2)).is_none()) {
        ctx.reply.integer(0);
        return Ok(());
    }
    let ids = ids::all(argv.tail(3).iter())?;
    let changed = ctx.keys.change(&key, |stream: &mut Stream| {
        stream.change_group(argv.at(2), |group, _| {
            ids.iter().filter(|id| group.acknowledge(**id).is_some()).count()
        })
    })?;
    let acknowledged = changed.result.unwrap_or(0);
    ctx.keys.effects.dirty += acknowledged as u64;
    ctx.reply.integer(acknowledged as i64);
    Ok(())
}
