//! Commands on the connection itself: PING, HELLO, AUTH, SELECT and their like. CLIENT is in `client`.

use std::sync::atomic::Ordering::Relaxed;

use crate::acl::DEFAULT;
use crate::command;
use crate::net::argv::Argv;
use crate::net::reply::Protocol;
use crate::version::{COMPATIBLE_WITH, SERVER_NAME};

use super::args;
use super::client::{CLIENT_COMMANDS, client_help, parse_name};
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::session::{ReplyMode, Session};
use super::spec::{Family, tips};
use super::tracking;

/// The rows.
pub const FAMILY: Family = Family {
    group: "connection",
    commands: &[
        command!(
            "AUTH",
            -2,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NO_AUTH,
            [],
            auth,
            "1.0.0",
            "O(N) where N is the number of passwords defined for the user",
            "Authenticates the connection.",
            "[username] password"
        ),
        command!("CLIENT", -2, NONE, [], client_help,
            "2.4.0", "Depends on subcommand.", "A container for client connection commands.", "",
            subcommands: CLIENT_COMMANDS),
        command!(
            "ECHO",
            2,
            LOADING | STALE | FAST,
            [],
            echo,
            "1.0.0",
            "O(1)",
            "Returns the given string.",
            "message"
        ),
        command!(
            "HELLO",
            -1,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NO_AUTH,
            [],
            hello,
            "6.0.0",
            "O(1)",
            "Handshakes with the Redis server.",
            "[protover [AUTH username password] [SETNAME clientname]]"
        ),
        command!(
            "PING",
            -1,
            FAST,
            [],
            ping,
            "1.0.0",
            "O(1)",
            "Returns the server's liveliness response.",
            "[message]",
            tips: tips::SHARDS_OK
        ),
        command!(
            "QUIT",
            -1,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NO_AUTH | NOT_QUEUED,
            [],
            quit,
            "1.0.0",
            "O(1)",
            "Closes the connection.",
            ""
        ),
        command!(
            "RESET",
            1,
            NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NO_AUTH | NOT_QUEUED,
            [],
            reset,
            "6.2.0",
            "O(1)",
            "Resets the connection.",
            ""
        ),
        command!(
            "SELECT",
            2,
            LOADING | STALE | FAST,
            [],
            select,
            "1.0.0",
            "O(1)",
            "Changes the selected database.",
            "index"
        ),
    ],
};

/// `PING [message]` -- O(1). PONG, or the message.
fn ping(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.len() > 2 {
        return Err(ctx.wrong_arity());
    }
    let message = argv.get(1);
    if ctx.session.in_pubsub_mode() {
        ctx.reply.array_header(2);
        ctx.reply.bulk("pong");
        ctx.reply.bulk(message.unwrap_or_default());
    } else if let Some(message) = message {
        ctx.reply.bulk(message);
    } else {
        ctx.reply.simple("PONG");
    }
    Ok(())
}

/// `ECHO message` -- O(1). The message.
fn echo(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.reply.bulk(argv.at(1));
    Ok(())
}

/// `SELECT index` -- O(1). OK.
fn select(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let index = database(ctx, argv.at(1))?;
    // In a transaction shards are locked, and waiting for others would be out of order.
    if ctx.keys.locked.is_none() {
        ctx.tenant.keyspace.open(index);
    }
    ctx.select(index);
    ctx.reply.ok();
    Ok(())
}

/// The number of a database in an argument.
pub fn database(ctx: &CommandContext<'_>, argument: &[u8]) -> Result<usize, CommandError> {
    args::database(argument, ctx.config.databases)
}

/// `QUIT` -- O(1). OK, and then the connection is closed.
fn quit(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.session.closing = true;
    ctx.session.client.leave();
    ctx.reply.ok();
    Ok(())
}

/// `AUTH [username] password` -- O(1). OK.
fn auth(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    match argv.len() {
        2 if ctx.tenant.acl.default_user().needs_no_password() => Err(CommandError::line(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        )),
        2 => ctx.log_in(DEFAULT, argv.at(1), argv),
        3 => ctx.log_in(argv.at(1), argv.at(2), argv),
        _ => Err(CommandError::Syntax),
    }?;
    ctx.reply.ok();
    Ok(())
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]` -- O(1). A map that describes server and connection.
fn hello(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut protocol = ctx.session.protocol;
    if let Some(version) = argv.get(1) {
        let version = args::parse_i64(version)
            .ok_or(CommandError::line("ERR Protocol version is not an integer or out of range"))?;
        protocol = Protocol::from_version(version)
            .ok_or(CommandError::line("NOPROTO unsupported protocol version"))?;
    }
    let mut login = None;
    let mut name = None;
    let mut i = 2;
    while i < argv.len() {
        let left = argv.len() - i - 1;
        if args::is(argv.at(i), "AUTH") && left >= 2 {
            login = Some((argv.at(i + 1), argv.at(i + 2)));
            i += 3;
        } else if args::is(argv.at(i), "SETNAME") && left >= 1 {
            name = Some(parse_name(argv.at(i + 1))?);
            i += 2;
        } else {
            let option = args::printable(argv.at(i));
            return Err(CommandError::err(format_args!("Syntax error in HELLO option '{option}'")));
        }
    }
    if let Some((user, password)) = login {
        ctx.log_in(user, password, argv)?;
    }
    if !ctx.session.is_authenticated() {
        return Err(CommandError::line(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        ctx.session.client.names.lock().name = name;
    }
    ctx.session.set_protocol(protocol);
    ctx.reply.set_protocol(protocol);
    describe_server(ctx);
    Ok(())
}

fn describe_server(ctx: &mut CommandContext<'_>) {
    let reply = &mut *ctx.reply;
    reply.map_header(7);
    for (name, value) in [("server", SERVER_NAME), ("version", COMPATIBLE_WITH)] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk("proto");
    reply.integer(ctx.session.protocol.version());
    reply.bulk("id");
    reply.integer(ctx.session.client.id as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk("modules");
    ctx.tenant.modules.reply_list(reply);
}

/// `RESET` -- O(1). RESET; everything that the client has set up on the connection is as it was at the start.
fn reset(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let server = ctx.server;
    ctx.session.discard_transaction();
    server.unwatch_all(ctx.session);
    server.unsubscribe_all(ctx.session);
    server.set_monitor(ctx.session, false);
    tracking::end(ctx);
    ctx.select(0);
    restore_defaults(ctx.session);
    ctx.session.log_out(ctx.tenant.acl.default_user());
    ctx.reply.set_protocol(Protocol::Resp2);
    ctx.reply.simple("RESET");
    Ok(())
}

fn restore_defaults(session: &mut Session) {
    session.set_protocol(Protocol::Resp2);
    session.reply_mode = ReplyMode::On;
    session.no_touch = false;
    session.client.flags.fetch_and(crate::net::client::flag::UNIX, Relaxed);
    session.client.names.lock().name.clear();
}
