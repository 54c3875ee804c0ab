//! SLOWLOG: look at the slow commands, count them, forget them. They are recorded in `slowlog`.

use crate::command;
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Family, Spec, tips};

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!("SLOWLOG", -2, NONE, [], slowlog_help,
        "2.2.12", "Depends on subcommand.", "A container for slow log commands.", "",
        subcommands: SLOWLOG_COMMANDS)],
};

const SLOWLOG_COMMANDS: &[Spec] = &[
    command!(
        "GET",
        -2,
        ADMIN | LOADING | STALE,
        [],
        get,
        "2.2.12",
        "O(N) where N is the number of entries returned",
        "Returns the slow log's entries.",
        "[count]",
        tips: &["request_policy:all_nodes", "nondeterministic_output"]
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        slowlog_help,
        "6.2.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "LEN",
        2,
        ADMIN | LOADING | STALE,
        [],
        len,
        "2.2.12",
        "O(1)",
        "Returns the number of entries in the slow log.",
        "",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]
    ),
    command!(
        "RESET",
        2,
        ADMIN | LOADING | STALE,
        [],
        reset,
        "2.2.12",
        "O(N) where N is the number of entries in the slowlog",
        "Clears all entries from the slow log.",
        "",
        tips: tips::NODES_OK
    ),
];

/// Entries of SLOWLOG GET without a number.
const DEFAULT_COUNT: usize = 10;

/// `SLOWLOG HELP` -- O(1). What the subcommands do.
fn slowlog_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "SLOWLOG", SLOWLOG_COMMANDS);
    Ok(())
}

/// `SLOWLOG GET [count]` -- O(N). An array for each slow command, newest first: number, time, microseconds, arguments,
/// client's address and name. -1 is all of them.
fn get(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.len() > 3 {
        return Err(help::unknown("SLOWLOG", argv));
    }
    let count = match argv.get(2) {
        None => Some(DEFAULT_COUNT),
        Some(count) => {
            let error = CommandError::line("ERR count should be greater than or equal to -1");
            match args::parse_i64(count).filter(|&count| count >= -1).ok_or(error)? {
                -1 => None,
                count => Some(count as usize),
            }
        }
    };
    let records = ctx.server.slowlog.get(count);
    ctx.reply.array_header(records.len());
    for record in records {
        ctx.reply.array_header(6);
        ctx.reply.integer(record.id as i64);
        ctx.reply.integer(record.time_s as i64);
        ctx.reply.integer(record.micros as i64);
        ctx.reply.array_header(record.args.len());
        record.args.iter().for_each(|arg| ctx.reply.bulk(arg));
        ctx.reply.bulk(record.addr);
        ctx.reply.bulk(record.name);
    }
    Ok(())
}

/// `SLOWLOG LEN` -- O(1). How many are kept.
fn len(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.integer(ctx.server.slowlog.len() as i64);
    Ok(())
}

/// `SLOWLOG RESET` -- O(N). OK.
fn reset(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.server.slowlog.reset();
    ctx.reply.ok();
    Ok(())
}
