//! Strings as numbers: INCR and its like on 64-bit integers, INCRBYFLOAT on what `long_double` calculates.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Expire, StringRef};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::long_double::LongDouble;
use super::spec::{Family, access, key};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "string",
    commands: &[
        command!("INCR", 2, WRITE | OOM | FAST, [key(1, access::MODIFY)], incr,
            "1.0.0", "O(1)", "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.", "key"),
        command!("DECR", 2, WRITE | OOM | FAST, [key(1, access::MODIFY)], decr,
            "1.0.0", "O(1)", "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.", "key"),
        command!("INCRBY", 3, WRITE | OOM | FAST, [key(1, access::MODIFY)], incrby,
            "1.0.0", "O(1)", "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
            "key increment"),
        command!("DECRBY", 3, WRITE | OOM | FAST, [key(1, access::MODIFY)], decrby,
            "1.0.0", "O(1)", "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
            "key decrement"),
        command!("INCRBYFLOAT", 3, WRITE | OOM | FAST, [key(1, access::MODIFY)], incrbyfloat,
            "2.6.0", "O(1)",
            "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
            "key increment:double"),
    ],
};

/// `INCR key` -- O(1). The number after adding 1.
fn incr(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    add(ctx, argv, 1)
}

/// `DECR key` -- O(1). The number after subtracting 1.
fn decr(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    add(ctx, argv, -1)
}

/// `INCRBY key increment` -- O(1). The sum.
fn incrby(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    add(ctx, argv, args::integer(argv.at(2))?)
}

/// `DECRBY key decrement` -- O(1). The difference.
fn decrby(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let by = args::integer(argv.at(2))?;
    let by = by.checked_neg().ok_or(CommandError::line("ERR decrement would overflow"))?;
    add(ctx, argv, by)
}

fn add(ctx: &mut CommandContext<'_>, argv: Argv<'_>, by: i64) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let now_ms = ctx.now_ms();
    let is_new = ctx.keys.is_heard_as_new(&key)?;
    let sum = ctx.keys.write(&key)?.incr_by(&key, by, now_ms)?;
    ctx.keys.made_or_modified(&key, is_new, Class::STRING, "incrby");
    ctx.reply.integer(sum);
    Ok(())
}

/// The number that a stored string is; none if it is no number.
pub(super) fn stored_float(value: StringRef<'_>) -> Option<LongDouble> {
    match value {
        StringRef::Int(number) => Some(LongDouble::from(number)),
        StringRef::Bytes(bytes) => LongDouble::parse(bytes),
    }
}

/// The sum of what is stored and an increment.
pub(super) fn sum_of_floats(value: LongDouble, by: LongDouble) -> Result<String, CommandError> {
    let sum = value + by;
    if sum.is_infinite() {
        return Err(CommandError::line("ERR increment would produce NaN or Infinity"));
    }
    Ok(sum.text())
}

/// `INCRBYFLOAT key increment` -- O(1). The sum. The time at which the key expires stays.
fn incrbyfloat(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let now_ms = ctx.now_ms();
    let old = ctx.keys.peek_string(&key)?;
    let is_new = old.is_none();
    let value = old.map_or(Some(LongDouble::from(0)), stored_float).ok_or(CommandError::NotFloat)?;
    let by = LongDouble::parse(argv.at(2)).ok_or(CommandError::NotFloat)?;
    let sum = sum_of_floats(value, by)?;
    ctx.keys.write(&key)?.set_text(&key, sum.as_bytes(), Expire::Keep, now_ms);
    ctx.keys.made_or_modified(&key, is_new, Class::STRING, "incrbyfloat");
    // The result: whoever repeats it must not depend on how floating point is calculated there.
    ctx.keys.propagate(&[b"SET", key.bytes, sum.as_bytes(), b"KEEPTTL"]);
    ctx.reply.bulk(sum);
    Ok(())
}
