//! WAIT and WAITAOF: how far what a client wrote has come. There are no replicas, so that none has it; whether this server's own
//! disk does, its append-only file tells.

use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::Family;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("WAIT", 3, NOSCRIPT, [], wait,
            "3.0.0", "O(1)", "Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.",
            "numreplicas timeout", categories: &["connection"],
            tips: &["request_policy:all_shards", "response_policy:agg_min"]),
        command!("WAITAOF", 4, NOSCRIPT | BLOCKING, [], waitaof,
            "7.2.0", "O(1)", "Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the master and/or replicas.",
            "numlocal numreplicas timeout", categories: &["connection"],
            tips: &["request_policy:all_shards", "response_policy:agg_min"]),
    ],
};

/// Milliseconds; 0 is without end.
fn timeout(argument: &[u8]) -> Result<u64, CommandError> {
    let millis = args::parse_i64(argument);
    let millis = millis.ok_or(CommandError::line("ERR timeout is not an integer or out of range"))?;
    u64::try_from(millis).map_err(|_| CommandError::line("ERR timeout is negative"))
}

/// `WAIT numreplicas timeout` -- O(1). How many replicas have what the client wrote: none, as there are none.
fn wait(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    args::integer(argv.at(1))?;
    timeout(argv.at(2))?;
    ctx.reply.integer(0);
    Ok(())
}

/// `WAITAOF numlocal numreplicas timeout` -- O(1). An array: whether what the client wrote is on this server's disk, and on those
/// of how many replicas.
fn waitaof(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let local = args::integer_in(argv.at(1), 0, 1)?;
    args::unsigned(argv.at(2), "ERR value is out of range, must be positive")?;
    timeout(argv.at(3))?;
    let aof = &ctx.server.aof;
    if local > 0 && !aof.is_on() {
        return Err(CommandError::line(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    let is_synced = aof.is_on() && aof.is_synced(ctx.session.appended);
    ctx.reply.array_header(2);
    ctx.reply.integer(i64::from(is_synced));
    ctx.reply.integer(0);
    Ok(())
}
