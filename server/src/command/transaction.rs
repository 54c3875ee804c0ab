//! MULTI, EXEC, DISCARD, WATCH, UNWATCH. EXEC runs all that was queued under the locks of all of its keys, so
//! that nobody sees a part of it; as in Redis, a command that fails does not undo the others.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::keyspace::Key;
use crate::net::argv::Argv;
use crate::net::client::flag;

use super::context::CommandContext;
use super::dispatch::run_counted;
use super::error::{CommandError, CommandResult};
use super::session::{Transaction, WatchedKey};
use super::spec::{Access, Family, keys};

/// The rows.
pub const FAMILY: Family = Family {
    group: "transactions",
    commands: &[
        command!(
            "MULTI",
            1,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NOT_QUEUED,
            [],
            multi,
            "1.2.0",
            "O(1)",
            "Starts a transaction.",
            ""
        ),
        command!(
            "EXEC",
            1,
            NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG | NOT_QUEUED | RUNS_QUEUE,
            [],
            exec,
            "1.2.0",
            "Depends on commands in the transaction",
            "Executes all commands in a transaction.",
            ""
        ),
        command!(
            "DISCARD",
            1,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NOT_QUEUED,
            [],
            discard,
            "2.0.0",
            "O(N), when N is the number of queued commands",
            "Discards a transaction.",
            ""
        ),
        command!(
            "WATCH",
            -2,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NOT_QUEUED,
            [keys(1, -1, 1, Access::RO)],
            watch,
            "2.2.0",
            "O(1) for every key.",
            "Monitors changes to keys to determine the execution of a transaction.",
            "key [key ...]"
        ),
        command!(
            "UNWATCH",
            1,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY,
            [],
            unwatch,
            "2.2.0",
            "O(1)",
            "Forgets about watched keys of a transaction.",
            ""
        ),
    ],
};

/// `MULTI` -- O(1). From here on commands are queued.
fn multi(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    if ctx.session.transaction.is_some() {
        return Err(CommandError::line("ERR MULTI calls can not be nested"));
    }
    ctx.session.transaction = Some(Box::<Transaction>::default());
    ctx.session.client.set_flag(flag::MULTI, true);
    ctx.session.client.multi.store(0, Relaxed);
    ctx.reply.ok();
    Ok(())
}

/// `EXEC` -- the cost of what was queued. An array of the replies; null if a watched key has changed.
fn exec(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let Some(transaction) = ctx.session.discard_transaction() else {
        return Err(CommandError::line("ERR EXEC without MULTI"));
    };
    let changed = ctx.watched_key_changed();
    ctx.unwatch_all();
    if transaction.refused {
        return Err(CommandError::line("EXECABORT Transaction discarded because of previous errors."));
    }
    if changed {
        ctx.reply.null_array();
        return Ok(());
    }
    ctx.stats().transactions.add(1);
    ctx.reply.array_header(transaction.queue.len());
    let mut tick = ctx.server.clock.ticks();
    ctx.in_transaction = true;
    for (queued, argv) in transaction.queue {
        if let Err(error) = ctx.may_still_run(&queued, argv.as_argv()) {
            ctx.server.count_error(ctx.worker, &error.code());
            ctx.reply.error(error.wire());
            continue;
        }
        let outer = std::mem::replace(&mut ctx.command_id, queued.id);
        run_counted(ctx, &queued, argv.as_argv(), &mut tick);
        ctx.command_id = outer;
    }
    ctx.in_transaction = false;
    Ok(())
}

/// `DISCARD` -- O(N) in what was queued. Forgets it, and what was watched.
fn discard(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    if ctx.session.discard_transaction().is_none() {
        return Err(CommandError::line("ERR DISCARD without MULTI"));
    }
    // Neither DISCARD nor UNWATCH has a key locked, and in EXEC nothing is watched any more.
    ctx.server.unwatch_all(ctx.session);
    ctx.reply.ok();
    Ok(())
}

/// `WATCH key [key ...]` -- O(1) a key. The next EXEC does nothing if one of them changes before.
fn watch(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if ctx.session.transaction.is_some() {
        return Err(CommandError::line("ERR WATCH inside MULTI is not allowed"));
    }
    for name in argv.iter().skip(1) {
        let watched = WatchedKey { db: ctx.session.db, key: name.into() };
        if ctx.session.watched.contains(&watched) {
            continue;
        }
        let key = Key::new(name);
        // A key that is dead already must not count as changed later.
        ctx.keys.expire_if_due(watched.db, &key);
        if let Some(shard) = ctx.keys.locked.shard(&key) {
            shard.watch(watched.db, &key, &ctx.session.watch_dirty);
        }
        ctx.session.client.hold(watched.bytes());
        ctx.session.watched.push(watched);
    }
    ctx.session.client.watch.store(ctx.session.watched.len() as u32, Relaxed);
    ctx.reply.ok();
    Ok(())
}

/// `UNWATCH` -- O(1). Watches nothing any more.
fn unwatch(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.server.unwatch_all(ctx.session);
    ctx.reply.ok();
    Ok(())
}

impl CommandContext<'_> {
    /// Whether a watched key was changed, or has expired, since WATCH. The plan of EXEC locked every one.
    fn watched_key_changed(&mut self) -> bool {
        let watched = std::mem::take(&mut self.session.watched);
        for WatchedKey { db, key } in &watched {
            self.keys.expire_if_due(*db, &Key::new(key));
        }
        self.session.watched = watched;
        self.session.watch_dirty.load(Acquire)
    }

    /// Take the watches out of the shards, which are locked.
    fn unwatch_all(&mut self) {
        for watched in std::mem::take(&mut self.session.watched) {
            self.session.client.let_go(watched.bytes());
            let key = Key::new(&watched.key);
            if let Some(shard) = self.keys.locked.shard(&key) {
                shard.unwatch(watched.db, &key, &self.session.watch_dirty);
            }
        }
        self.session.watch_dirty.store(false, Relaxed);
        self.session.client.watch.store(0, Relaxed);
    }
}
