//! SAVE, BGSAVE and LASTSAVE. How keys become a file, and what is noted about it, is in `effects`.

use crate::command;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;
use crate::persistence::{NotBegun, Work};

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, tips};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[
        command!("SAVE", 1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI, [], save,
            "1.0.0", "O(N) where N is the total number of keys in all databases",
            "Saves a snapshot of all databases, and replies when it is on disk.", ""),
        command!("BGSAVE", -1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING, [], bgsave,
            "1.0.0", "O(1)", "Saves a snapshot of all databases in the background.", "[SCHEDULE]"),
        command!("LASTSAVE", 1, LOADING | STALE | FAST, [], lastsave,
            "1.0.0", "O(1)", "Returns the time of the last snapshot that was saved.", "",
            categories: &["admin", "dangerous"], tips: tips::VARIES),
    ],
};

const IN_PROGRESS: CommandError = CommandError::line("ERR Background save already in progress");

/// `SAVE` -- O(N). OK when all keys are on disk as they were when the command ran; only its client waits for that. While the
/// append-only file is being rewritten everybody does, as there is one snapshot at a time.
fn save(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let server = ctx.server;
    let failed = |_| CommandError::line("ERR The snapshot could not be saved. Check the server's log.");
    match server.begin_save(Work::Save) {
        Ok(begun) => {
            ctx.session.job = Some(Box::new(move |reply: &mut ReplyWriter| {
                begun.run().map_err(failed)?;
                reply.ok();
                Ok(())
            }));
            Ok(())
        }
        Err(NotBegun::Busy(Work::AofRewrite)) => {
            ctx.session.job = Some(Box::new(move |reply: &mut ReplyWriter| {
                server.save_locked(&mut server.tenant.keyspace.lock_all()).map_err(failed)?;
                reply.ok();
                Ok(())
            }));
            Ok(())
        }
        Err(NotBegun::Busy(_) | NotBegun::NoThread) => Err(IN_PROGRESS),
    }
}

/// `BGSAVE [SCHEDULE]` -- O(1). Says that saving has begun, or will begin when other work has ended.
fn bgsave(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let schedule = match argv.len() {
        1 => false,
        2 if args::is(argv.at(1), "SCHEDULE") => true,
        _ => return Err(CommandError::Syntax),
    };
    let running = ctx.server.persistence.running().work;
    // In EXEC keys are locked, and the snapshot locks all of them.
    let begun = match running {
        None if ctx.in_transaction => Err(NotBegun::Busy(Work::AofRewrite)),
        None => ctx.server.begin_background_save(),
        Some(work) => Err(NotBegun::Busy(work)),
    };
    match begun {
        Ok(()) => ctx.reply.simple("Background saving started"),
        Err(NotBegun::Busy(Work::AofRewrite)) if schedule || ctx.in_transaction => {
            ctx.server.persistence.schedule_save();
            ctx.reply.simple("Background saving scheduled");
        }
        Err(NotBegun::Busy(Work::AofRewrite)) => {
            return Err(CommandError::line(
                "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
                 schedule a BGSAVE whenever possible.",
            ));
        }
        Err(NotBegun::Busy(Work::Save | Work::BackgroundSave)) => return Err(IN_PROGRESS),
        Err(NotBegun::NoThread) => return Err(CommandError::line("ERR Can't save in background: no thread")),
    }
    Ok(())
}

/// `LASTSAVE` -- O(1). The second in which the last snapshot was saved, or the server started.
fn lastsave(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.integer(ctx.server.persistence.last_save_s() as i64);
    Ok(())
}
