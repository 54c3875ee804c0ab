//! CLIENT and its subcommands: what a connection calls itself and how it wants to be treated. Who is connected, and how to be rid
//! of them, is in `client_list`, client-side caching in `tracking`.

use crate::command;
use crate::net::argv::Argv;
use crate::net::client::flag;

use super::args;
use super::client_list::{info, kill, list};
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::session::ReplyMode;
use super::spec::{Spec, tips};
use super::tracking;

/// The rows.
pub const CLIENT_COMMANDS: &[Spec] = &[
    command!(
        "CACHING",
        3,
        NOSCRIPT | LOADING | STALE,
        [],
        tracking::caching,
        "6.0.0",
        "O(1)",
        "Instructs the server whether to track the keys in the next request.",
        "YES|NO"
    ),
    command!(
        "GETNAME",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        getname,
        "2.6.9",
        "O(1)",
        "Returns the name of the connection.",
        ""
    ),
    command!(
        "GETREDIR",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        tracking::getredir,
        "6.0.0",
        "O(1)",
        "Returns the client ID to which the connection's tracking notifications are redirected.",
        ""
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        client_help,
        "5.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "ID",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        id,
        "5.0.0",
        "O(1)",
        "Returns the unique client ID of the connection.",
        ""
    ),
    command!(
        "INFO",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        info,
        "6.2.0",
        "O(1)",
        "Returns information about the connection.",
        "",
        tips: tips::VARIES
    ),
    command!(
        "KILL",
        -3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        kill,
        "2.4.0",
        "O(N) where N is the number of client connections",
        "Terminates open connections.",
        "ip:port|<[ID client-id]|[TYPE normal|master|slave|replica|pubsub]|[USER username]|[ADDR ip:port]|[LADDR ip:port]|[SKIPME yes|no]|[MAXAGE maxage] ...>"
    ),
    command!(
        "LIST",
        -2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        list,
        "2.4.0",
        "O(N) where N is the number of client connections",
        "Lists open connections.",
        "[TYPE normal|master|replica|pubsub] [ID client-id [client-id ...]]",
        tips: tips::VARIES
    ),
    command!(
        "NO-EVICT",
        3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        no_evict,
        "7.0.0",
        "O(1)",
        "Sets the client eviction mode of the connection.",
        "ON|OFF"
    ),
    command!(
        "NO-TOUCH",
        3,
        NOSCRIPT | LOADING | STALE,
        [],
        no_touch,
        "7.2.0",
        "O(1)",
        "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        "ON|OFF"
    ),
    command!(
        "PAUSE",
        -3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        pause,
        "3.0.0",
        "O(1)",
        "Suspends commands processing.",
        "timeout [WRITE|ALL]"
    ),
    command!(
        "REPLY",
        3,
        NOSCRIPT | LOADING | STALE,
        [],
        reply,
        "3.2.0",
        "O(1)",
        "Instructs the server whether to reply to commands.",
        "ON|OFF|SKIP"
    ),
    command!(
        "SETINFO",
        4,
        NOSCRIPT | LOADING | STALE,
        [],
        setinfo,
        "7.2.0",
        "O(1)",
        "Sets information specific to the client or connection.",
        "LIB-NAME libname|LIB-VER libver"
    ),
    command!(
        "SETNAME",
        3,
        NOSCRIPT | LOADING | STALE,
        [],
        setname,
        "2.6.9",
        "O(1)",
        "Sets the connection name.",
        "connection-name"
    ),
    command!(
        "TRACKING",
        -3,
        NOSCRIPT | LOADING | STALE,
        [],
        tracking::tracking,
        "6.0.0",
        "O(1). Some options may introduce additional complexity.",
        "Controls server-assisted client-side caching for the connection.",
        "ON|OFF [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]"
    ),
    command!(
        "TRACKINGINFO",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        tracking::trackinginfo,
        "6.2.0",
        "O(1)",
        "Returns information about server-assisted client-side caching for the connection.",
        ""
    ),
    command!(
        "UNBLOCK",
        -3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        unblock,
        "5.0.0",
        "O(log N) where N is the number of client connections",
        "Unblocks a client blocked by a blocking command from a different connection.",
        "client-id [TIMEOUT|ERROR]"
    ),
    command!(
        "UNPAUSE",
        2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        unpause,
        "6.2.0",
        "O(N) Where N is the number of paused clients",
        "Resumes processing commands from paused clients.",
        ""
    ),
];

/// `CLIENT HELP` -- O(1). What the subcommands do.
pub fn client_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "CLIENT", CLIENT_COMMANDS);
    Ok(())
}

/// `CLIENT ID` -- O(1). The number of this connection; it is never given twice.
fn id(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.integer(ctx.session.client.id as i64);
    Ok(())
}

/// `CLIENT GETNAME` -- O(1). The name of this connection; null if it has none.
fn getname(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let name = ctx.session.client.names.lock().name.clone();
    if name.is_empty() {
        ctx.reply.null();
    } else {
        ctx.reply.bulk(name);
    }
    Ok(())
}

/// `CLIENT SETNAME name` -- O(1). OK.
fn setname(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.session.client.names.lock().name = parse_name(argv.at(2))?;
    ctx.reply.ok();
    Ok(())
}

/// A name for a connection: printable, so that CLIENT LIST stays one line each.
pub fn parse_name(name: &[u8]) -> Result<String, CommandError> {
    printable_word(name)
        .ok_or(CommandError::line("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn printable_word(word: &[u8]) -> Option<String> {
    let printable = word.iter().all(|byte| (b'!'..=b'~').contains(byte));
    printable.then(|| String::from_utf8_lossy(word).into_owned())
}

/// `CLIENT SETINFO LIB-NAME name|LIB-VER version` -- O(1). OK.
fn setinfo(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let attribute = argv.at(2);
    let value = printable_word(argv.at(3)).ok_or_else(|| {
        let name = String::from_utf8_lossy(attribute).to_ascii_lowercase();
        CommandError::err(format_args!("{name} cannot contain spaces, newlines or special characters."))
    });
    let mut names = ctx.session.client.names.lock();
    if args::is(attribute, "LIB-NAME") {
        names.lib_name = value?;
    } else if args::is(attribute, "LIB-VER") {
        names.lib_ver = value?;
    } else {
        let name = args::printable(attribute);
        return Err(CommandError::err(format_args!("Unrecognized option '{name}'")));
    }
    drop(names);
    ctx.reply.ok();
    Ok(())
}

fn on_or_off(argument: &[u8]) -> Result<bool, CommandError> {
    match argument.to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

/// `CLIENT NO-EVICT ON|OFF` -- O(1). OK.
fn no_evict(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.session.client.set_flag(flag::NO_EVICT, on_or_off(argv.at(2))?);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT NO-TOUCH ON|OFF` -- O(1). OK; reads of this connection no longer count as accesses.
fn no_touch(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let on = on_or_off(argv.at(2))?;
    ctx.session.no_touch = on;
    ctx.session.client.set_flag(flag::NO_TOUCH, on);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT REPLY ON|OFF|SKIP` -- O(1). OK after ON; nothing after the others.
fn reply(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    match argv.at(2).to_ascii_lowercase().as_slice() {
        b"on" => {
            ctx.session.reply_mode = ReplyMode::On;
            ctx.reply.ok();
        }
        b"off" => ctx.session.reply_mode = ReplyMode::Off,
        b"skip" if ctx.session.reply_mode == ReplyMode::Off => {}
        b"skip" => ctx.session.reply_mode = ReplyMode::SkipNext,
        _ => return Err(CommandError::Syntax),
    }
    Ok(())
}

/// `CLIENT PAUSE milliseconds [WRITE|ALL]` -- O(1). OK; commands, or those that write, wait that long.
fn pause(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let writes_only = match argv.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"all") => false,
        Some(b"write") => true,
        _ => return Err(CommandError::line("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    if argv.len() > 4 {
        return Err(CommandError::Syntax);
    }
    let millis = args::parse_i64(argv.at(2))
        .ok_or(CommandError::line("ERR timeout is not an integer or out of range"))?;
    let millis = u64::try_from(millis).map_err(|_| CommandError::line("ERR timeout is negative"))?;
    let until_us = ctx.now_us.saturating_add(millis.saturating_mul(1000));
    ctx.server.pause(until_us, writes_only, ctx.now_us);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT UNPAUSE` -- O(1). OK.
fn unpause(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.server.unpause();
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT UNBLOCK id [TIMEOUT|ERROR]` -- O(N) in those who wait. Whether the client waited in a command.
fn unblock(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let with_error = match argv.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"timeout") => false,
        Some(b"error") => true,
        _ => return Err(CommandError::line("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = u64::try_from(args::integer(argv.at(2))?).ok();
    let ended = id.is_some_and(|id| ctx.tenant.blocked.unblock(id, with_error));
    ctx.reply.integer(i64::from(ended));
    Ok(())
}
