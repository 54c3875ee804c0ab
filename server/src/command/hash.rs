//! Commands on hashes: fields with a value each under one key. Their form is chosen in `keyspace::hash`.
//! A hash without fields does not exist: whoever takes the last field takes the key.
//! Drawing fields and walking over them is in `hash_walk`, fields that expire are in `hash_expiry`.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Hash, Key, PackedLimits, StringRef};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::increment::{stored_float, sum_of_floats};
use super::long_double::LongDouble;
use super::spec::{Family, access, key, tips};
use super::string::reply_string;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "hash",
    commands: &[
        command!("HSET", -4, WRITE | OOM | FAST, [key(1, access::UPDATE)], hset,
            "2.0.0", "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.",
            "Creates or modifies the value of a field in a hash.", "key field value [field value ...]"),
        command!("HMSET", -4, WRITE | OOM | FAST, [key(1, access::UPDATE)], hmset,
            "2.0.0", "O(N) where N is the number of fields being set.", "Sets the values of multiple fields.",
            "key field value [field value ...]"),
        command!("HSETNX", 4, WRITE | OOM | FAST, [key(1, access::INSERT)], hsetnx,
            "2.0.0", "O(1)", "Sets the value of a field in a hash only when the field doesn't exist.", "key field value"),
        command!("HGET", 3, READ | FAST, [key(1, access::READ)], hget,
            "2.0.0", "O(1)", "Returns the value of a field in a hash.", "key field"),
        command!("HMGET", -3, READ | FAST, [key(1, access::READ)], hmget,
            "2.0.0", "O(N) where N is the number of fields being requested.", "Returns the values of all fields in a hash.",
            "key field [field ...]"),
        command!("HGETALL", 2, READ, [key(1, access::READ)], hgetall,
            "2.0.0", "O(N) where N is the size of the hash.", "Returns all fields and values in a hash.", "key",
            tips: tips::UNORDERED),
        command!("HKEYS", 2, READ, [key(1, access::READ)], hkeys,
            "2.0.0", "O(N) where N is the size of the hash.", "Returns all fields in a hash.", "key", tips: tips::UNORDERED),
        command!("HVALS", 2, READ, [key(1, access::READ)], hvals,
            "2.0.0", "O(N) where N is the size of the hash.", "Returns all values in a hash.", "key", tips: tips::UNORDERED),
        command!("HLEN", 2, READ | FAST, [key(1, access::INSPECT)], hlen,
            "2.0.0", "O(1)", "Returns the number of fields in a hash.", "key"),
        command!("HSTRLEN", 3, READ | FAST, [key(1, access::INSPECT)], hstrlen,
            "3.2.0", "O(1)", "Returns the length of the value of a field.", "key field"),
        command!("HEXISTS", 3, READ | FAST, [key(1, access::INSPECT)], hexists,
            "2.0.0", "O(1)", "Determines whether a field exists in a hash.", "key field"),
        command!("HDEL", -3, WRITE | FAST, [key(1, access::DELETE)], hdel,
            "2.0.0", "O(N) where N is the number of fields to be removed.",
            "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.",
            "key field [field ...]"),
        command!("HINCRBY", 4, WRITE | OOM | FAST, [key(1, access::MODIFY)], hincrby,
            "2.0.0", "O(1)",
            "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist.",
            "key field increment"),
        command!("HINCRBYFLOAT", 4, WRITE | OOM | FAST, [key(1, access::MODIFY)], hincrbyfloat,
            "2.6.0", "O(1)",
            "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
            "key field increment:double"),
    ],
};

/// Set one field, whose hash has been checked to be one. The time at which it expires stays.
fn set_field(
    ctx: &mut CommandContext<'_>,
    key: &Key<'_>,
    field: &[u8],
    value: &[u8],
    event: &'static str,
) -> CommandResult {
    let limits = ctx.keys.thresholds.hash;
    ctx.keys.write_fields(key, std::iter::once(field))?;
    let changed = ctx.keys.change_recorded(key, |hash: &mut Hash| hash.set_value(field, value, limits))?;
    ctx.keys.made_or_modified(key, changed.is_new, Class::HASH, event);
    Ok(())
}

/// Set the pairs from the third argument on. The result is how many fields are new.
fn set_pairs(ctx: &mut CommandContext<'_>, argv: Argv<'_>, name: &str) -> Result<i64, CommandError> {
    if !argv.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity(name.to_owned()));
    }
    let key = ctx.key_at(argv, 1);
    let (pairs, limits) = (argv.tail(2), ctx.keys.thresholds.hash);
    ctx.keys.write_fields(&key, pairs.iter().step_by(2))?;
    let changed = ctx.keys.change_recorded(&key, |hash: &mut Hash| set_all(hash, pairs, limits))?;
    ctx.keys.made_or_modified(&key, changed.is_new, Class::HASH, "hset");
    // Redis counts a change for each pair.
    ctx.keys.effects.dirty += pairs.len() as u64 / 2 - 1;
    Ok(changed.result)
}

fn set_all(hash: &mut Hash, pairs: Argv<'_>, limits: PackedLimits) -> i64 {
    let pairs = (0..pairs.len()).step_by(2).map(|at| (pairs.at(at), pairs.at(at + 1)));
    pairs.map(|(field, value)| i64::from(hash.set(field, value, limits))).sum()
}

/// `HSET key field value [field value ...]` -- O(1) a field. How many fields are new.
fn hset(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let new = set_pairs(ctx, argv, "hset")?;
    ctx.reply.integer(new);
    Ok(())
}

/// `HMSET key field value [field value ...]` -- O(1) a field. OK.
fn hmset(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    set_pairs(ctx, argv, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

/// `HSETNX key field value` -- O(1). 1 if the field was set, 0 if it was there already.
fn hsetnx(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let free = !ctx.keys.peek_hash(&key)?.is_some_and(|hash| hash.exists(argv.at(2)));
    if free {
        set_field(ctx, &key, argv.at(2), argv.at(3), "hset")?;
    }
    ctx.reply.integer(i64::from(free));
    Ok(())
}

/// `HGET key field` -- O(1). The value; null if there is no such field.
fn hget(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let hash = ctx.keys.read_hash(&ctx.key_at(argv, 1))?;
    match hash.and_then(|hash| hash.get(argv.at(2))) {
        Some(value) => reply_string(ctx.reply, value),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `HMGET key field [field ...]` -- O(N). The values; null for fields that are not there.
fn hmget(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let hash = ctx.keys.read_hash(&ctx.key_at(argv, 1))?;
    ctx.reply.array_header(argv.len() - 2);
    for field in argv.iter().skip(2) {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => reply_string(ctx.reply, value),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `HGETALL key` -- O(N). A map of all fields.
fn hgetall(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let hash = ctx.keys.read_hash(&ctx.key_at(argv, 1))?;
    ctx.reply.map_header(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        ctx.reply.bulk(field);
        reply_string(ctx.reply, value);
    }
    Ok(())
}

/// `HKEYS key` -- O(N). All fields.
fn hkeys(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let hash = ctx.keys.read_hash(&ctx.key_at(argv, 1))?;
    ctx.reply.array_header(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(field, _)| ctx.reply.bulk(field));
    Ok(())
}

/// `HVALS key` -- O(N). All values.
fn hvals(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let hash = ctx.keys.read_hash(&ctx.key_at(argv, 1))?;
    ctx.reply.array_header(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(_, value)| reply_string(ctx.reply, value));
    Ok(())
}

/// `HLEN key` -- O(1). How many fields there are.
fn hlen(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.read_hash(&ctx.key_at(argv, 1))?.map_or(0, Hash::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `HSTRLEN key field` -- O(1). The length of the value; 0 if there is no such field.
fn hstrlen(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.read_hash(&ctx.key_at(argv, 1))?.map_or(0, |hash| hash.strlen(argv.at(2)));
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `HEXISTS key field` -- O(1). 1 if there is such a field, else 0.
fn hexists(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let exists = ctx.keys.read_hash(&ctx.key_at(argv, 1))?.is_some_and(|hash| hash.exists(argv.at(2)));
    ctx.reply.integer(i64::from(exists));
    Ok(())
}

/// `HDEL key field [field ...]` -- O(N). How many fields were there and are gone.
fn hdel(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    if ctx.keys.peek_hash(&key)?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let fields = argv.tail(2).iter();
    ctx.keys.write_fields(&key, fields.clone())?;
    let delete = |hash: &mut Hash| fields.filter(|field| hash.del(field)).count();
    let changed = ctx.keys.change_recorded(&key, delete)?;
    if changed.result > 0 {
        ctx.keys.modified(&key, Class::HASH, "hdel");
        ctx.keys.effects.dirty += changed.result as u64 - 1;
    }
    if changed.is_gone {
        ctx.keys.event(&key, Class::GENERIC, "del");
    }
    ctx.reply.integer(changed.result as i64);
    Ok(())
}

/// `HINCRBY key field increment` -- O(1). The sum.
fn hincrby(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let by = args::integer(argv.at(3))?;
    let (key, field) = (ctx.key_at(argv, 1), argv.at(2));
    let value = match ctx.keys.peek_hash(&key)?.and_then(|hash| hash.get(field)) {
        Some(value) => StringRef::int(value).ok_or(CommandError::line("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = value.checked_add(by).ok_or(CommandError::Overflow)?;
    set_field(ctx, &key, field, itoa::Buffer::new().format(sum).as_bytes(), "hincrby")?;
    ctx.reply.integer(sum);
    Ok(())
}

/// `HINCRBYFLOAT key field increment` -- O(1). The sum.
fn hincrbyfloat(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let by = LongDouble::parse(argv.at(3)).ok_or(CommandError::NotFloat)?;
    if by.is_infinite() {
        return Err(CommandError::line("ERR value is NaN or Infinity"));
    }
    let (key, field) = (ctx.key_at(argv, 1), argv.at(2));
    let hash = ctx.keys.peek_hash(&key)?;
    let expires = hash.is_some_and(|hash| hash.expire_at(field).flatten().is_some());
    let value = match hash.and_then(|hash| hash.get(field)) {
        Some(value) => stored_float(value).ok_or(CommandError::line("ERR hash value is not a float"))?,
        None => LongDouble::from(0),
    };
    let sum = sum_of_floats(value, by)?;
    set_field(ctx, &key, field, sum.as_bytes(), "hincrbyfloat")?;
    if expires {
        let args = [&b"HSETEX"[..], key.bytes, b"KEEPTTL", b"FIELDS", b"1", field, sum.as_bytes()];
        ctx.keys.propagate(&args);
    } else {
        ctx.keys.propagate(&[b"HSET", key.bytes, field, sum.as_bytes()]);
    }
    ctx.reply.bulk(sum);
    Ok(())
}
