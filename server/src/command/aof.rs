//! BGREWRITEAOF. What the append-only file is, and how it is rewritten, is in `effects::aof`.

use crate::command;
use crate::net::argv::Argv;
use crate::persistence::{NotBegun, Work};

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::Family;

/// The row.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[
        command!("BGREWRITEAOF", 1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING, [], bgrewriteaof,
            "1.0.0", "O(1)", "Asynchronously rewrites the append-only file to disk.", ""),
    ],
};

/// `BGREWRITEAOF` -- O(1). Says that rewriting has begun, or will begin when other work has ended.
fn bgrewriteaof(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let running = ctx.server.persistence.running().work;
    if running == Some(Work::AofRewrite) {
        return Err(CommandError::line("ERR Background append only file rewriting already in progress"));
    }
    ctx.server.aof.forget_failures();
    let begun = match running {
        None if !ctx.in_transaction => ctx.server.begin_rewrite(),
        None => Err(NotBegun::Busy(Work::AofRewrite)),
        Some(work) => Err(NotBegun::Busy(work)),
    };
    match begun {
        Ok(()) => ctx.reply.simple("Background append only file rewriting started"),
        Err(NotBegun::Busy(_)) => {
            ctx.server.aof.schedule_rewrite();
            ctx.reply.simple("Background append only file rewriting scheduled");
        }
        Err(NotBegun::NoThread) => {
            return Err(CommandError::line(
                "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.",
            ));
        }
    }
    Ok(())
}
