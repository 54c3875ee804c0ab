//! SHUTDOWN, MONITOR, ROLE and LOLWUT: commands on the server as a whole that have no family of their own.

use crate::command;
use crate::config::ShutdownFlags;
use crate::net::argv::Argv;
use crate::version::VERSION;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::Family;

/// The rows.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[
        command!(
            "LOLWUT",
            -1,
            READ | FAST,
            [],
            lolwut,
            "5.0.0",
            "O(N) where N is the number of grains",
            "Displays computer art and the server's version.",
            "[VERSION version:integer] [grains:integer]"
        ),
        command!(
            "MONITOR",
            1,
            ADMIN | NOSCRIPT | LOADING | STALE,
            [],
            monitor,
            "1.0.0",
            "O(1)",
            "Listens for all requests received by the server in real-time.",
            ""
        ),
        command!(
            "ROLE",
            1,
            NOSCRIPT | LOADING | STALE | FAST,
            [],
            role,
            "2.8.12",
            "O(1)",
            "Returns the replication role.",
            "",
            categories: &["admin", "dangerous"]
        ),
        command!(
            "SHUTDOWN",
            -1,
            ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY | NO_MULTI,
            [],
            shutdown,
            "1.0.0",
            "O(1)",
            "Closes all connections and ends the server.",
            "[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]"
        ),
    ],
};

/// `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]` -- O(1), and O(N) in all keys if they are saved. No reply: the server is gone. If
/// they cannot be saved it goes on, and answers an error. With ABORT: OK if a signal's shutdown was to begin and will not.
fn shutdown(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let has = |word| argv.iter().skip(1).any(|arg| args::is(arg, word));
    let known =
        |arg: &[u8]| ["NOSAVE", "SAVE", "NOW", "FORCE", "ABORT"].iter().any(|word| args::is(arg, word));
    let abort = has("ABORT");
    if !argv.iter().skip(1).all(known) || abort && argv.len() > 2 || has("SAVE") && has("NOSAVE") {
        return Err(CommandError::Syntax);
    }
    if abort && ctx.server.shutdown.abort() {
        tracing::warn!("Shutdown manually aborted.");
        ctx.reply.ok();
        return Ok(());
    }
    if abort {
        return Err(CommandError::line("ERR No shutdown in progress."));
    }
    let flags =
        ShutdownFlags { save: has("SAVE"), nosave: has("NOSAVE"), now: has("NOW"), force: has("FORCE") };
    ctx.server.shut_down(flags);
    Err(CommandError::line("ERR Errors trying to SHUTDOWN. Check logs."))
}

/// `MONITOR` -- O(1). OK, and then every command that anybody runs.
fn monitor(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    if ctx.in_transaction {
        return Err(CommandError::err("MONITOR isn't allowed for DENY BLOCKING client"));
    }
    ctx.server.set_monitor(ctx.session, true);
    ctx.reply.ok();
    Ok(())
}

/// `ROLE` -- O(1). What the server is in replication: a primary at offset 0 without replicas.
fn role(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.array_header(3);
    ctx.reply.bulk("master");
    ctx.reply.integer(0);
    ctx.reply.array_header(0);
    Ok(())
}

/// Grains of the pile in LOLWUT without a number, and the most that it takes.
const GRAINS: usize = 600;
const GRAINS_MAX: usize = 5000;

/// `LOLWUT [VERSION version] [grains]` -- O(N) for N grains. A pile of sand, and the version.
fn lolwut(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut rest = argv.tail(1);
    if rest.len() >= 2 && args::is(rest.at(0), "VERSION") {
        args::integer(rest.at(1))?;
        rest = rest.tail(2);
    }
    let grains = rest.get(0).map(args::integer).transpose()?;
    let grains = grains.map_or(GRAINS, |n| usize::try_from(n).unwrap_or(0).min(GRAINS_MAX));
    let mut text = sand_pile(grains);
    text.push_str(&format!("\nSandkey ver. {VERSION}\n"));
    ctx.reply.verbatim(text);
    Ok(())
}

/// The pile that grains make when all of them are let fall on one place, and four that lie there slide to the four sides
/// (Bak, Tang, Wiesenfeld, 1987).
fn sand_pile(grains: usize) -> String {
    const HEIGHT: usize = 17;
    const WIDTH: usize = 33;
    let mut pile = [[0usize; WIDTH]; HEIGHT];
    pile[HEIGHT / 2][WIDTH / 2] = grains;
    let mut unstable = vec![(HEIGHT / 2, WIDTH / 2)];
    while let Some((y, x)) = unstable.pop() {
        let share = pile[y][x] / 4;
        pile[y][x] %= 4;
        if share == 0 {
            continue;
        }
        // What slides over the edge is gone.
        for (y, x) in [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)] {
            if let Some(place) = pile.get_mut(y).and_then(|row| row.get_mut(x)) {
                *place += share;
                unstable.push((y, x));
            }
        }
    }
    let line = |row: &[usize; WIDTH]| -> String {
        let drawn: String = row.iter().map(|&grains| [' ', '.', ':', '#'][grains.min(3)]).collect();
        format!("{}\n", drawn.trim_end())
    };
    pile.iter().filter(|row| row.iter().any(|&grains| grains > 0)).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::sand_pile;

    #[test]
    fn a_pile_is_symmetric_and_comes_to_rest() {
        assert_eq!(sand_pile(0), "");
        let pile = sand_pile(5000);
        let rows: Vec<&str> = pile.lines().collect();
        assert!(rows.len() <= 17 && rows.iter().eq(rows.iter().rev()), "{pile}");
        assert_eq!(sand_pile(4).lines().count(), 3);
    }
}
