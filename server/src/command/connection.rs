//! Commands on the connection itself: PING, HELLO, AUTH, SELECT, CLIENT and their family.

use crate::command;
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::CommandResult;
use super::spec::Family;

/// The rows.
pub const FAMILY: Family = Family {
    group: "connection",
    commands: &[
        command!("PING", -1, FAST, [], ping, "1.0.0", "O(1)", "Returns the server's liveliness response.", "[message]"),
    ],
};

/// `PING [message]` -- O(1). PONG, or the message.
fn ping(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    match argv.len() {
        1 if ctx.session.in_pubsub_mode() => {
            ctx.reply.array_header(2);
            ctx.reply.bulk("pong");
            ctx.reply.bulk("");
        }
        1 => ctx.reply.simple("PONG"),
        2 if ctx.session.in_pubsub_mode() => {
            ctx.reply.array_header(2);
            ctx.reply.bulk("pong");
            ctx.reply.bulk(argv.at(1));
        }
        2 => ctx.reply.bulk(argv.at(1)),
        _ => return Err(ctx.wrong_arity()),
    }
    Ok(())
}
