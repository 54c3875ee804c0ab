//! EVAL, FUNCTION, SCRIPT and their kin, as a server answers them that has no script and runs none: what empties, lists or stops
//! scripts does its work on nothing, a script that is named by its digest is not found, and what would run or keep one is refused
//! with one line. Clients and tools that tidy up before they begin therefore find what they expect. Modules do here what scripts do
//! elsewhere.

use crate::command;
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Access, Family, Find, KeySpec, Spec, tips};

/// The keys that a script is given: as many as it says, and any others that it likes.
const fn script_keys(access: Access) -> KeySpec {
    let notes = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE";
    KeySpec { access, find: Find::Count { count: 2, first: 3, step: 1 }, notes }
}

const MAY_WRITE: KeySpec = script_keys(Access::RW.with(Access::ACCESS).with(Access::UPDATE));
const MAY_WRITE_BY_SHA: KeySpec = KeySpec { notes: "", ..MAY_WRITE };
const MAY_READ: KeySpec = KeySpec {
    notes: "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
    ..script_keys(Access::RO.with(Access::ACCESS))
};
const MAY_READ_BY_SHA: KeySpec = KeySpec { notes: "", ..MAY_READ };

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "scripting",
    commands: &[
        command!("EVAL", -3, NOSCRIPT | STALE | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS, [MAY_WRITE], refuse,
            "2.6.0", "Depends on the script that is executed.", "Executes a server-side Lua script.",
            "script numkeys [key [key ...]] [arg [arg ...]]"),
        command!("EVALSHA", -3, NOSCRIPT | STALE | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS, [MAY_WRITE_BY_SHA], evalsha,
            "2.6.0", "Depends on the script that is executed.", "Executes a server-side Lua script by SHA1 digest.",
            "sha1 numkeys [key [key ...]] [arg [arg ...]]"),
        command!("EVALSHA_RO", -3, NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | READ, [MAY_READ_BY_SHA], evalsha,
            "7.0.0", "Depends on the script that is executed.",
            "Executes a read-only server-side Lua script by SHA1 digest.",
            "sha1 numkeys [key [key ...]] [arg [arg ...]]"),
        command!("EVAL_RO", -3, NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | READ, [MAY_READ], refuse,
            "7.0.0", "Depends on the script that is executed.", "Executes a read-only server-side Lua script.",
            "script numkeys [key [key ...]] [arg [arg ...]]"),
        command!("FCALL", -3, NOSCRIPT | STALE | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS, [MAY_WRITE], refuse,
            "7.0.0", "Depends on the function that is executed.", "Invokes a function.",
            "function numkeys [key [key ...]] [arg [arg ...]]"),
        command!("FCALL_RO", -3, NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | READ, [MAY_READ], refuse,
            "7.0.0", "Depends on the function that is executed.", "Invokes a read-only function.",
            "function numkeys [key [key ...]] [arg [arg ...]]"),
        command!("FUNCTION", -2, NONE, [], function_help,
            "7.0.0", "Depends on subcommand.", "A container for function commands.", "",
            subcommands: FUNCTION_COMMANDS),
        command!("SCRIPT", -2, NONE, [], script_help,
            "2.6.0", "Depends on subcommand.", "A container for Lua scripts management commands.", "",
            subcommands: SCRIPT_COMMANDS),
    ],
};

#[rustfmt::skip]
const FUNCTION_COMMANDS: &[Spec] = &[
    command!("DELETE", 3, WRITE | NOSCRIPT, [], refuse,
        "7.0.0", "O(1)", "Deletes a library and its functions.", "library-name", tips: tips::SHARDS_OK),
    command!("DUMP", 2, NOSCRIPT, [], refuse,
        "7.0.0", "O(N) where N is the number of functions", "Dumps all libraries into a serialized binary payload.", ""),
    command!("FLUSH", -2, WRITE | NOSCRIPT, [], function_flush,
        "7.0.0", "O(N) where N is the number of functions deleted", "Deletes all libraries and functions.",
        "[ASYNC|SYNC]", tips: tips::SHARDS_OK),
    command!("HELP", 2, LOADING | STALE, [], function_help,
        "7.0.0", "O(1)", "Returns helpful text about the different subcommands.", ""),
    command!("KILL", 2, NOSCRIPT | ALLOW_BUSY, [], kill,
        "7.0.0", "O(1)", "Terminates a function during execution.", "",
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"]),
    command!("LIST", -2, NOSCRIPT, [], function_list,
        "7.0.0", "O(N) where N is the number of functions", "Returns information about all libraries.",
        "[LIBRARYNAME library-name-pattern] [WITHCODE]", tips: tips::UNORDERED),
    command!("LOAD", -3, WRITE | OOM | NOSCRIPT, [], refuse,
        "7.0.0", "O(1) (considering compilation time is redundant)", "Creates a library.", "[REPLACE] function-code",
        tips: tips::SHARDS_OK),
    command!("RESTORE", -3, WRITE | OOM | NOSCRIPT, [], refuse,
        "7.0.0", "O(N) where N is the number of functions on the payload", "Restores all libraries from a payload.",
        "serialized-value [FLUSH|APPEND|REPLACE]", tips: tips::SHARDS_OK),
    command!("STATS", 2, NOSCRIPT | ALLOW_BUSY, [], function_stats,
        "7.0.0", "O(1)", "Returns information about a function during execution.", "",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
];

#[rustfmt::skip]
const SCRIPT_COMMANDS: &[Spec] = &[
    command!("DEBUG", 3, NOSCRIPT, [], refuse,
        "3.2.0", "O(1)", "Sets the debug mode of server-side Lua scripts.", "YES|SYNC|NO"),
    command!("EXISTS", -3, NOSCRIPT, [], script_exists,
        "2.6.0", "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
        "Determines whether server-side Lua scripts exist in the script cache.", "sha1 [sha1 ...]",
        tips: &["request_policy:all_shards", "response_policy:agg_logical_and"]),
    command!("FLUSH", -2, NOSCRIPT, [], script_flush,
        "2.6.0", "O(N) with N being the number of scripts in cache", "Removes all server-side Lua scripts from the script cache.",
        "[ASYNC|SYNC]", tips: tips::NODES_OK),
    command!("HELP", 2, LOADING | STALE, [], script_help,
        "5.0.0", "O(1)", "Returns helpful text about the different subcommands.", ""),
    command!("KILL", 2, NOSCRIPT | ALLOW_BUSY, [], kill,
        "2.6.0", "O(1)", "Terminates a server-side Lua script during execution.", "",
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"]),
    command!("LOAD", 3, NOSCRIPT | STALE, [], refuse,
        "2.6.0", "O(N) with N being the length in bytes of the script body.",
        "Loads a server-side Lua script to the script cache.", "script", tips: tips::NODES_OK),
];

/// What needs a script to be kept or run.
fn refuse(_ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    Err(CommandError::line("ERR this server does not run scripts and functions yet"))
}

/// Hexadecimal digits of a script's name.
const DIGEST_LEN: usize = 40;

/// `EVALSHA sha1 numkeys [key ...] [arg ...]`, `EVALSHA_RO` -- O(1). An error: there is no such script.
fn evalsha(_ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.at(1).len() == DIGEST_LEN {
        match args::integer(argv.at(2))? {
            ..0 => return Err(CommandError::line("ERR Number of keys can't be negative")),
            keys if keys as u64 > argv.len() as u64 - 3 => {
                return Err(CommandError::line("ERR Number of keys can't be greater than number of args"));
            }
            _ => {}
        }
    }
    Err(CommandError::line("NOSCRIPT No matching script. Please use EVAL."))
}

/// `FUNCTION HELP` -- O(1). What the subcommands do.
fn function_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "FUNCTION", FUNCTION_COMMANDS);
    Ok(())
}

/// `SCRIPT HELP` -- O(1). What the subcommands do.
fn script_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "SCRIPT", SCRIPT_COMMANDS);
    Ok(())
}

/// The option of FLUSH, which changes nothing here; or the error for another.
fn check_flush(argv: Argv<'_>, error: &'static str) -> CommandResult {
    match argv.get(2) {
        None => Ok(()),
        Some(mode) if argv.len() == 3 && (args::is(mode, "SYNC") || args::is(mode, "ASYNC")) => Ok(()),
        Some(_) => Err(CommandError::line(error)),
    }
}

/// `FUNCTION FLUSH [ASYNC|SYNC]` -- O(1). OK.
fn function_flush(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    check_flush(argv, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option")?;
    ctx.reply.ok();
    Ok(())
}

/// `SCRIPT FLUSH [ASYNC|SYNC]` -- O(1). OK.
fn script_flush(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    check_flush(argv, "ERR SCRIPT FLUSH only support SYNC|ASYNC option")?;
    ctx.reply.ok();
    Ok(())
}

/// `SCRIPT EXISTS sha1 [sha1 ...]` -- O(N). 0 for each: there are none.
fn script_exists(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.reply.array_header(argv.len() - 2);
    (2..argv.len()).for_each(|_| ctx.reply.integer(0));
    Ok(())
}

/// `SCRIPT KILL`, `FUNCTION KILL` -- O(1). An error, as none runs.
fn kill(_ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    Err(CommandError::line("NOTBUSY No scripts in execution right now."))
}

/// `FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]` -- O(N). An array that is empty.
fn function_list(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (mut with_code, mut pattern) = (false, false);
    let mut position = 2;
    while let Some(option) = argv.get(position) {
        if !with_code && args::is(option, "WITHCODE") {
            with_code = true;
        } else if !pattern && args::is(option, "LIBRARYNAME") {
            position += 1;
            if position == argv.len() {
                return Err(CommandError::line("ERR library name argument was not given"));
            }
            pattern = true;
        } else {
            let name = args::printable(option);
            return Err(CommandError::err(format_args!("Unknown argument {name}")));
        }
        position += 1;
    }
    ctx.reply.array_header(0);
    Ok(())
}

/// `FUNCTION STATS` -- O(1). A map: no script runs, and there is no engine.
fn function_stats(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.map_header(2);
    ctx.reply.bulk("running_script");
    ctx.reply.null();
    ctx.reply.bulk("engines");
    ctx.reply.map_header(0);
    Ok(())
}
