//! What is added to a stream, taken away from it, and shown of it.

use smallvec::SmallVec;

use super::add::{Asker, Options};
use super::change::{self, Added};
use super::ids::{self, NewId};
use super::{group_changed, reply_record};
use crate::command::args;
use crate::command::context::CommandContext;
use crate::command::error::{CommandError, CommandResult};
use crate::command::spec::{Family, access, key, tips};
use crate::keyspace::{Stream, StreamId};
use crate::net::argv::Argv;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "stream",
    commands: &[
        command!("XADD", -5, WRITE | OOM | FAST, [key(1, access::UPDATE).with_notes("UPDATE instead of INSERT because of the optional trimming feature")], xadd,
            "5.0.0", "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
            "Appends a new message to a stream. Creates the key if it doesn't exist.",
            "key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value [field value ...]",
            tips: tips::VARIES),
        command!("XLEN", 2, READ | FAST, [key(1, access::INSPECT)], xlen,
            "5.0.0", "O(1)", "Returns the number of messages in a stream.", "key"),
        command!("XRANGE", -4, READ, [key(1, access::READ)], xrange,
            "5.0.0", "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).",
            "Returns the messages from a stream within a range of IDs.", "key start:string end:string [COUNT count]"),
        command!("XREVRANGE", -4, READ, [key(1, access::READ)], xrevrange,
            "5.0.0", "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).",
            "Returns the messages from a stream within a range of IDs in reverse order.", "key end:string start:string [COUNT count]"),
        command!("XDEL", -3, WRITE | FAST, [key(1, access::DELETE)], xdel,
            "5.0.0", "O(1) for each single item to delete in the stream, regardless of the stream size.",
            "Returns the number of messages after removing them from a stream.", "key id [id ...]"),
        command!("XTRIM", -4, WRITE, [key(1, access::DELETE)], xtrim,
            "5.0.0", "O(N), with N being the number of evicted entries. Constant times are very small however, since entries are organized in macro nodes containing multiple entries that can be released in a single deallocation.",
            "Deletes messages from the beginning of a stream.", "key <MAXLEN|MINID [=|~] threshold [LIMIT count]>",
            tips: tips::VARIES),
        command!("XSETID", -3, WRITE | OOM | FAST, [key(1, access::UPDATE)], xsetid,
            "5.0.0", "O(1)", "An internal command for replicating stream values.",
            "key last-id [ENTRIESADDED entries-added:integer] [MAXDELETEDID max-deleted-id]"),
    ],
};

fn asker(ctx: &CommandContext<'_>, adds: bool) -> Asker {
    Asker { adds, is_loader: ctx.session.is_loader, node_entries: ctx.keys.thresholds.stream.entries }
}

/// `XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value [field value ...]` -- O(1). The id of the
/// entry; null if there is no stream and none was to be made.
fn xadd(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options = Options::parse(argv, asker(ctx, true))?;
    let fields = argv.tail(options.id_at + 1);
    if fields.len() < 2 || !fields.len().is_multiple_of(2) {
        return Err(ctx.wrong_arity());
    }
    options.id.check()?;
    let key = ctx.key_at(argv, 1);
    if options.no_mkstream && ctx.keys.peek_as::<Stream>(&key)?.is_none() {
        ctx.reply.null();
        return Ok(());
    }
    let (trim, now_ms) = (options.trim.as_ref(), ctx.time_ms());
    let Added { id, done } = change::append(&mut ctx.keys, &key, options.id, fields.iter(), trim, now_ms)?;
    let text = id.text();
    ctx.reply.bulk(text);
    let chosen = !matches!(options.id, NewId::Exactly(_));
    if ctx.keys.propagates() && (chosen || done.is_some()) {
        let mut args: SmallVec<[&[u8]; 16]> = match (trim, &done) {
            (Some(trim), Some(done)) => trim.rewrite(argv, done),
            _ => argv.iter().collect(),
        };
        args[options.id_at] = &text;
        propagate_without_limit(ctx, args, trim.and_then(super::add::Trimming::limit_at));
    }
    Ok(())
}

fn propagate_without_limit(
    ctx: &mut CommandContext<'_>,
    mut args: SmallVec<[&[u8]; 16]>,
    limit_at: Option<usize>,
) {
    if let Some(at) = limit_at {
        args.drain(at..at + 2);
    }
    ctx.keys.propagate(&args);
}

/// `XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count]` -- O(N) in the entries that go. How many they were.
fn xtrim(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options = Options::parse(argv, asker(ctx, false))?;
    let key = ctx.key_at(argv, 1);
    let Some(trim) = options.trim else { return Err(CommandError::Syntax) };
    if ctx.keys.peek_as::<Stream>(&key)?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let (trimmed, done) = change::trim(&mut ctx.keys, &key, &trim)?;
    if trimmed > 0 && trim.is_approximate() && ctx.keys.propagates() {
        let args = trim.rewrite(argv, &done);
        propagate_without_limit(ctx, args, trim.limit_at());
    }
    ctx.reply.integer(trimmed as i64);
    Ok(())
}

/// `XLEN key` -- O(1). How many entries there are.
fn xlen(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.read_as::<Stream>(&ctx.key_at(argv, 1))?.map_or(0, |stream| stream.log.len());
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `XRANGE key start end [COUNT count]` -- O(N) in what is returned. The entries of an interval.
fn xrange(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (start, end) = (ids::start(argv.at(2))?, ids::end(argv.at(3))?);
    range(ctx, argv, start, end, false)
}

/// `XREVRANGE key end start [COUNT count]` -- O(N) in what is returned. The entries of an interval, the last first.
fn xrevrange(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (start, end) = (ids::start(argv.at(3))?, ids::end(argv.at(2))?);
    range(ctx, argv, start, end, true)
}

fn range(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    start: StreamId,
    end: StreamId,
    backwards: bool,
) -> CommandResult {
    let mut count = usize::MAX;
    let mut words = argv.tail(4).iter();
    while let Some(word) = words.next() {
        let Some(argument) = words.next().filter(|_| args::is(word, "COUNT")) else {
            return Err(CommandError::Syntax);
        };
        count = usize::try_from(args::integer(argument)?).unwrap_or(0);
    }
    let Some(stream) = ctx.keys.read_as::<Stream>(&ctx.key_at(argv, 1))? else {
        ctx.reply.array_header(0);
        return Ok(());
    };
    if count == 0 {
        ctx.reply.null_array();
        return Ok(());
    }
    let header = ctx.reply.deferred_array();
    let mut shown = 0;
    let reply = &mut *ctx.reply;
    let show = |record| {
        reply_record(reply, &record);
        shown += 1;
    };
    if backwards {
        stream.log.range_back(start, end).take(count).for_each(show);
    } else {
        stream.log.range(start, end).take(count).for_each(show);
    }
    ctx.reply.set_deferred(header, shown);
    Ok(())
}

/// `XDEL key id [id ...]` -- O(1) an entry. How many were there and are gone.
fn xdel(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    if ctx.keys.peek_as::<Stream>(&key)?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let ids = ids::all(argv.tail(2).iter())?;
    let deleted = change::delete(&mut ctx.keys, &key, &ids)?;
    ctx.reply.integer(deleted as i64);
    Ok(())
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]` -- O(1). OK.
fn xsetid(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let last_id = ids::id(argv.at(2), 0)?;
    let (mut added, mut max_deleted) = (None, StreamId::MIN);
    let mut words = argv.tail(3).iter();
    while let Some(word) = words.next() {
        let argument = words.next().ok_or(CommandError::Syntax)?;
        if args::is(word, "ENTRIESADDED") {
            added = Some(args::unsigned_integer(argument, "ERR entries_added must be positive")?);
        } else if args::is(word, "MAXDELETEDID") {
            max_deleted = ids::id(argument, 0)?;
            if last_id < max_deleted {
                return Err(CommandError::line(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let key = ctx.key_at(argv, 1);
    let stream = ctx.keys.peek_as::<Stream>(&key)?.ok_or(CommandError::NoSuchKey)?;
    check_ids(stream, last_id, added).map_err(CommandError::line)?;
    let max_deleted = (max_deleted != StreamId::MIN).then_some(max_deleted);
    ctx.keys.change(&key, |stream: &mut Stream| stream.log.set_ids(last_id, max_deleted, added))?;
    group_changed(&mut ctx.keys, &key, "xsetid");
    ctx.reply.ok();
    Ok(())
}

/// Why a stream cannot have this last id.
fn check_ids(stream: &Stream, last_id: StreamId, added: Option<u64>) -> Result<(), &'static str> {
    let log = &stream.log;
    if last_id < log.max_deleted_id() {
        return Err("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
    }
    if log.top().is_some_and(|top| last_id < top) {
        return Err("ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if !log.is_empty() && added.is_some_and(|added| added < log.len()) {
        return Err("ERR The entries_added specified in XSETID is smaller than the target stream length");
    }
    Ok(())
}
