//! OBJECT: what is known of a value beside the value.

use crate::command;
use crate::keyspace::{AccessClock, Encoding, EntryRef, StringRef};
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, Spec, access, key, tips};

/// The row.
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[command!("OBJECT", -2, NONE, [], object,
        "2.2.3", "Depends on subcommand.", "A container for object introspection commands.", "",
        subcommands: SUBCOMMANDS)],
};

#[rustfmt::skip]
const SUBCOMMANDS: &[Spec] = &[
    command!("ENCODING", 3, READ, [key(2, access::INSPECT)], encoding,
        "2.2.3", "O(1)", "Returns the internal encoding of an object.", "key", tips: tips::VARIES),
    command!("FREQ", 3, READ, [key(2, access::INSPECT)], freq,
        "4.0.0", "O(1)", "Returns the logarithmic access frequency counter of an object.", "key", tips: tips::VARIES),
    command!("IDLETIME", 3, READ, [key(2, access::INSPECT)], idletime,
        "2.2.3", "O(1)", "Returns the time since the last access to an object.", "key", tips: tips::VARIES),
    command!("REFCOUNT", 3, READ, [key(2, access::INSPECT)], refcount,
        "2.2.3", "O(1)", "Returns the reference count of a value of a key.", "key", tips: tips::VARIES),
    command!("HELP", 2, LOADING | STALE, [], help,
        "6.2.0", "O(1)", "Returns helpful text about the different subcommands.", ""),
];

/// `OBJECT` alone names nothing; dispatch has refused it already.
fn object(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    Err(ctx.wrong_arity())
}

/// `OBJECT ENCODING key` -- O(1). How the value is stored; null if there is no such key.
fn encoding(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let encoding = ctx.keys.inspect(&ctx.key_at(argv, 2))?.map(EntryRef::encoding);
    ctx.reply.bulk_or_null(encoding.map(|encoding| encoding.name().as_bytes()));
    Ok(())
}

/// Redis keeps these integers once for all keys, and says so.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

/// `OBJECT REFCOUNT key` -- O(1). 1, as nothing is shared; for a small integer what Redis says of one, null without a key.
fn refcount(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    // Not where each key needs a clock of its own.
    let may_share = ctx.config.maxmemory == 0 || !ctx.config.evicts_by_access();
    let Some(entry) = ctx.keys.inspect(&ctx.key_at(argv, 2))? else {
        ctx.reply.null();
        return Ok(());
    };
    let number = entry.string().and_then(StringRef::int).filter(|_| entry.encoding() == Encoding::Int);
    let is_shared = may_share && number.is_some_and(|number| SHARED_INTEGERS.contains(&number));
    ctx.reply.integer(if is_shared { i64::from(i32::MAX) } else { 1 });
    Ok(())
}

/// `OBJECT IDLETIME key` -- O(1). The seconds since the key was used; null if there is no such key.
fn idletime(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 2);
    let now_ms = ctx.now_ms();
    let clock = ctx.config.access_clock();
    let Some(entry) = ctx.keys.inspect(&key)? else {
        ctx.reply.null();
        return Ok(());
    };
    if clock != AccessClock::Lru {
        return Err(CommandError::line(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    ctx.reply.integer((clock.idle_ms(entry.clock(), now_ms) / 1000) as i64);
    Ok(())
}

/// `OBJECT FREQ key` -- O(1). How often the key is used, logarithmically; null if there is no such key.
fn freq(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 2);
    let now_ms = ctx.now_ms();
    let clock = ctx.config.access_clock();
    let Some(entry) = ctx.keys.inspect(&key)? else {
        ctx.reply.null();
        return Ok(());
    };
    if clock == AccessClock::Lru {
        return Err(CommandError::line(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    ctx.reply.integer(i64::from(clock.frequency(entry.clock(), now_ms)));
    Ok(())
}

/// `OBJECT HELP` -- O(1). What the subcommands do.
fn help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    super::help::reply(ctx.reply, "OBJECT", SUBCOMMANDS);
    Ok(())
}
