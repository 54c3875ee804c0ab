//! Commands on databases as a whole: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB; and TIME, which has no better place.
//! An emptied database is not freed under the locks: the command that emptied it does so after them, or with ASYNC a thread.

use std::sync::atomic::Ordering::Relaxed;

use crate::command;
use crate::effects::Gone;
use crate::keyspace::{Db, ShardId};
use crate::net::argv::Argv;
use crate::persistence::Work;
use crate::server::Server;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, tips};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[
        command!("DBSIZE", 1, READ | FAST | ALL_KEYS, [], dbsize,
            "1.0.0", "O(1)", "Returns the number of keys in the database.", "", categories: &["keyspace"],
            tips: tips::SHARDS_SUM),
        command!("FLUSHDB", -1, WRITE | ALL_KEYS, [], flushdb,
            "1.0.0", "O(N) where N is the number of keys in the selected database", "Remove all keys from the current database.",
            "[ASYNC|SYNC]", categories: &["keyspace", "dangerous"], tips: tips::SHARDS_OK),
        command!("FLUSHALL", -1, WRITE | ALL_KEYS, [], flushall,
            "1.0.0", "O(N) where N is the total number of keys in all databases", "Removes all keys from all databases.",
            "[ASYNC|SYNC]", categories: &["keyspace", "dangerous"], tips: tips::SHARDS_OK),
        command!("SWAPDB", 3, WRITE | FAST | ALL_KEYS, [], swapdb,
            "4.0.0", "O(N) where N is the count of clients watching or blocking on keys from both databases.",
            "Swaps two Redis databases.", "index1 index2", categories: &["keyspace", "dangerous"]),
        command!("TIME", 1, LOADING | STALE | FAST, [], time,
            "2.6.0", "O(1)", "Returns the server time.", "", tips: tips::VARIES),
    ],
};

/// `DBSIZE` -- O(1). How many keys the database has.
fn dbsize(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.locked.dbsize(ctx.keys.db);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// Whether the databases are to be freed by a thread: what was asked for, or what is configured.
fn is_async(ctx: &CommandContext<'_>, argv: Argv<'_>) -> Result<bool, CommandError> {
    match argv.len() {
        1 => Ok(ctx.config.lazyfree_lazy_user_flush),
        2 if args::is(argv.at(1), "SYNC") => Ok(false),
        2 if args::is(argv.at(1), "ASYNC") => Ok(true),
        _ => Err(CommandError::Syntax),
    }
}

/// `FLUSHDB [ASYNC|SYNC]` -- O(N). OK; the database is empty.
fn flushdb(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let index = ctx.keys.db;
    flush(ctx, argv, index..index + 1)
}

/// `FLUSHALL [ASYNC|SYNC]` -- O(N). OK; all databases are empty.
fn flushall(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let databases = ctx.tenant.keyspace.databases();
    flush(ctx, argv, 0..databases)?;
    forget_snapshot(ctx);
    Ok(())
}

/// A snapshot that is being saved would bring back what was deleted on purpose, and the file still has it: as in Redis, one of no keys
/// takes its place. A command that may be undone leaves both to the next save point.
fn forget_snapshot(ctx: &CommandContext<'_>) {
    if ctx.keys.scratch.undo.is_active() {
        return;
    }
    let persistence = &ctx.server.persistence;
    if persistence.cancel(|work| work == Work::BackgroundSave).is_some() {
        tracing::warn!("There is a child saving an .rdb. Killing it!");
    }
    if !ctx.config.save.is_empty() {
        persistence.schedule_save();
    }
}

fn flush(ctx: &mut CommandContext<'_>, argv: Argv<'_>, databases: std::ops::Range<usize>) -> CommandResult {
    let is_async = is_async(ctx, argv)?;
    if !ctx.keys.may_write {
        return Err(CommandError::ReadOnly);
    }
    let mut flushed = Vec::new();
    for index in databases {
        let old = ctx.keys.locked.flush(index);
        ctx.keys.effects.dirty += old.iter().map(|(_, db)| db.len() as u64).sum::<u64>();
        if old.is_empty() {
            continue;
        }
        if ctx.keys.scratch.undo.is_active() {
            ctx.keys.scratch.undo.record_flush(index, old);
        } else {
            flushed.extend(old);
        }
    }
    if is_async {
        free_in_background(ctx.server, flushed);
    } else {
        ctx.keys.scratch.flushed.extend(flushed);
    }
    if !ctx.keys.scratch.undo.is_active() {
        ctx.keys.locked.forget_tracked(&mut ctx.keys.effects.invalidations);
    }
    // Even if there was nothing: so does Redis, whose replicas may have keys that it has not.
    ctx.keys.propagate_argv(argv);
    ctx.reply.ok();
    Ok(())
}

/// Below this many keys a thread costs more than it spares.
const KEYS_WORTH_A_THREAD: u64 = 1000;

/// Databases that are freed by whoever drops this.
struct Freeing {
    server: &'static Server,
    keys: u64,
    flushed: Vec<(ShardId, Db)>,
}

impl Drop for Freeing {
    fn drop(&mut self) {
        self.flushed.clear();
        self.server.lazyfree_pending.fetch_sub(self.keys, Relaxed);
        self.server.lazyfreed.fetch_add(self.keys, Relaxed);
    }
}

fn free_in_background(server: &'static Server, flushed: Vec<(ShardId, Db)>) {
    let keys = flushed.iter().map(|(_, db)| db.len() as u64).sum();
    server.lazyfree_pending.fetch_add(keys, Relaxed);
    let freeing = Freeing { server, keys, flushed };
    if keys >= KEYS_WORTH_A_THREAD {
        // When no thread can be had, the closure is dropped, and with it what it was to free.
        let thread = std::thread::Builder::new().name("flush".to_owned()).spawn(move || drop(freeing));
        drop(thread);
    }
}

/// `SWAPDB index1 index2` -- O(1), and O(N) in the keys that are watched. OK; who selected one has the keys of the other.
fn swapdb(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let index = |position, text| {
        args::integer_in(argv.at(position), i32::MIN.into(), i32::MAX.into())
            .map_err(|_| CommandError::line(text))
    };
    let a = index(1, "ERR invalid first DB index")?;
    let b = index(2, "ERR invalid second DB index")?;
    let databases = ctx.tenant.keyspace.databases();
    let known = |index: i64| usize::try_from(index).ok().filter(|&index| index < databases);
    let (Some(a), Some(b)) = (known(a), known(b)) else {
        return Err(CommandError::line("ERR DB index is out of range"));
    };
    if !ctx.keys.may_write {
        return Err(CommandError::ReadOnly);
    }
    if a != b {
        let is_undoable = ctx.keys.scratch.undo.is_active();
        let now_ms = if is_undoable { 0 } else { ctx.keys.now_ms };
        for (index, entry) in ctx.keys.locked.swapdb(a, b, now_ms) {
            let (notify, lazily) = (ctx.keys.notify, ctx.keys.lazy_expire);
            ctx.keys.stats.expired_keys.add(1);
            ctx.keys.effects.key_gone(notify, &Gone::expired(index, entry.as_ref().key(), lazily));
            ctx.keys.drop_later(entry);
        }
        if is_undoable {
            ctx.keys.scratch.undo.record_swap(a, b);
        }
    }
    ctx.keys.effects.dirty += 1;
    ctx.reply.ok();
    Ok(())
}

/// `TIME` -- O(1). Seconds since 1970, and microseconds of the second.
fn time(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.array_header(2);
    ctx.reply.bulk_integer((ctx.now_us / 1_000_000) as i64);
    ctx.reply.bulk_integer((ctx.now_us % 1_000_000) as i64);
    Ok(())
}
