//! Fields that expire: HEXPIRE and its like, HTTL and its like, HPERSIST, and HGETDEL, HGETEX and HSETEX, which get or set fields and
//! do something about them at once. A field whose time has come is taken out when its hash is looked up or by active expiry, so that no
//! command here or elsewhere sees it; `keyspace::db` does that.
//!
//! All that sets a time is repeated as the time at which the field expires, and what deletes a field because that has passed as HDEL.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Hash, Key};
use crate::limits::FIELD_EXPIRY_MS_MAX;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Access, Family, access, key};
use super::string::{TimeUnit, reply_string};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "hash",
    commands: &[
        command!("HEXPIRE", -6, WRITE | OOM | FAST, [key(1, access::UPDATE)], hexpire,
            "7.4.0", "O(N) where N is the number of specified fields", "Sets the expiration of hash fields in seconds.",
            "key seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]"),
        command!("HPEXPIRE", -6, WRITE | OOM | FAST, [key(1, access::UPDATE)], hpexpire,
            "7.4.0", "O(N) where N is the number of specified fields", "Sets the expiration of hash fields in milliseconds.",
            "key milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]"),
        command!("HEXPIREAT", -6, WRITE | OOM | FAST, [key(1, access::UPDATE)], hexpireat,
            "7.4.0", "O(N) where N is the number of specified fields", "Sets the expiration of hash fields to a Unix time in seconds.",
            "key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]"),
        command!("HPEXPIREAT", -6, WRITE | OOM | FAST, [key(1, access::UPDATE)], hpexpireat,
            "7.4.0", "O(N) where N is the number of specified fields", "Sets the expiration of hash fields to a Unix time in milliseconds.",
            "key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]"),
        command!("HTTL", -5, READ | FAST, [key(1, access::READ)], httl,
            "7.4.0", "O(N) where N is the number of specified fields", "Returns how many seconds hash fields still have.",
            "key FIELDS numfields field [field ...]"),
        command!("HPTTL", -5, READ | FAST, [key(1, access::READ)], hpttl,
            "7.4.0", "O(N) where N is the number of specified fields", "Returns how many milliseconds hash fields still have.",
            "key FIELDS numfields field [field ...]"),
        command!("HEXPIRETIME", -5, READ | FAST, [key(1, access::READ)], hexpiretime,
            "7.4.0", "O(N) where N is the number of specified fields", "Returns when hash fields expire, as a Unix time in seconds.",
            "key FIELDS numfields field [field ...]"),
        command!("HPEXPIRETIME", -5, READ | FAST, [key(1, access::READ)], hpexpiretime,
            "7.4.0", "O(N) where N is the number of specified fields", "Returns when hash fields expire, as a Unix time in milliseconds.",
            "key FIELDS numfields field [field ...]"),
        command!("HPERSIST", -5, WRITE | FAST, [key(1, access::UPDATE)], hpersist,
            "7.4.0", "O(N) where N is the number of specified fields", "Removes the expiration of hash fields.",
            "key FIELDS numfields field [field ...]"),
        command!("HGETDEL", -5, WRITE | FAST, [key(1, Access::RW.with(Access::ACCESS).with(Access::DELETE))], hgetdel,
            "8.0.0", "O(N) where N is the number of specified fields",
            "Returns the values of hash fields after deleting them. Deletes the hash if no fields remain.",
            "key FIELDS numfields field [field ...]"),
        command!("HGETEX", -5, WRITE | FAST, [
                key(1, access::MODIFY).with_notes("RW and UPDATE because it changes the TTL")
            ], hgetex,
            "8.0.0", "O(N) where N is the number of specified fields",
            "Returns the values of hash fields after setting their expiration.",
            "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST] FIELDS numfields field [field ...]"),
        command!("HSETEX", -6, WRITE | OOM | FAST, [key(1, access::UPDATE)], hsetex,
            "8.0.0", "O(N) where N is the number of specified fields", "Sets the values of hash fields and their expiration.",
            "key [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL] FIELDS numfields field value [field value ...]"),
    ],
};

/// Replies of commands about times.
const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
const REFUSED: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

/// The fields of `FIELDS numfields field [field ...]`, which must be all that is left; each has so many arguments.
fn fields_of<'a>(words: Argv<'a>, each: usize) -> Result<Argv<'a>, CommandError> {
    if words.len() < 2 || !args::is(words.at(0), "FIELDS") {
        return Err(CommandError::line(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let count = args::parse_i64(words.at(1)).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|&count| count > 0);
    let count = count.ok_or(CommandError::line("ERR Parameter `numFields` should be greater than 0"))?;
    let fields = words.tail(2);
    if count.checked_mul(each) != Some(fields.len()) {
        return Err(CommandError::line("ERR The `numfields` parameter must match the number of arguments"));
    }
    Ok(fields)
}

/// A time that a field may have.
fn checked(at_ms: u64, name: &str) -> Result<u64, CommandError> {
    if at_ms > FIELD_EXPIRY_MS_MAX {
        return Err(CommandError::err(format_args!("invalid expire time in '{name}' command")));
    }
    Ok(at_ms)
}

/// When HEXPIRE and its like do anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfNone,
    IfAny,
    IfLater,
    IfEarlier,
}

impl Condition {
    fn parse(word: &[u8]) -> Option<Self> {
        let words =
            [("NX", Self::IfNone), ("XX", Self::IfAny), ("GT", Self::IfLater), ("LT", Self::IfEarlier)];
        words.into_iter().find(|(name, _)| args::is(word, name)).map(|(_, condition)| condition)
    }

    /// A field that never expires does so later than any other.
    fn allows(self, old: Option<u64>, new: u64) -> bool {
        match self {
            Self::Always => true,
            Self::IfNone => old.is_none(),
            Self::IfAny => old.is_some(),
            Self::IfLater => old.is_some_and(|old| new > old),
            Self::IfEarlier => old.is_none_or(|old| new < old),
        }
    }
}

/// Tell that something was done to so many fields.
fn tell(ctx: &mut CommandContext<'_>, key: &Key<'_>, event: &'static str, fields: usize) {
    ctx.keys.modified(key, Class::HASH, event);
    ctx.keys.effects.dirty += fields as u64 - 1;
}

/// Repeat a command that ends in `FIELDS numfields field ...`.
fn propagate(ctx: &mut CommandContext<'_>, head: &[&[u8]], fields: usize, words: &[&[u8]]) {
    let mut digits = itoa::Buffer::new();
    let count = digits.format(fields).as_bytes();
    ctx.keys.propagate(&[head, &[b"FIELDS", count], words].concat());
}

/// Tell and repeat that fields have a time now, if there are any.
fn tell_expiry(ctx: &mut CommandContext<'_>, key: &Key<'_>, at_ms: u64, fields: &[&[u8]]) {
    if !fields.is_empty() {
        tell(ctx, key, "hexpire", fields.len());
        let mut digits = itoa::Buffer::new();
        let head = [&b"HPEXPIREAT"[..], key.bytes, digits.format(at_ms).as_bytes()];
        propagate(ctx, &head, fields.len(), fields);
    }
}

/// Tell and repeat that fields are gone, if there are any, and perhaps the hash with them.
fn tell_deletion(ctx: &mut CommandContext<'_>, key: &Key<'_>, fields: &[&[u8]], emptied: bool) {
    if !fields.is_empty() {
        tell(ctx, key, "hdel", fields.len());
        if emptied {
            ctx.keys.event(key, Class::GENERIC, "del");
        }
        ctx.keys.propagate(&[&[b"HDEL", key.bytes], fields].concat());
    }
}

/// Tell and repeat that fields do not expire any more, if there are any.
fn tell_persistence(ctx: &mut CommandContext<'_>, key: &Key<'_>, fields: &[&[u8]]) {
    if !fields.is_empty() {
        tell(ctx, key, "hpersist", fields.len());
        propagate(ctx, &[b"HPERSIST", key.bytes], fields.len(), fields);
    }
}

/// `HEXPIRE key seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]` -- O(N). For each field 1 if it expires then, 2 if it is gone
/// since that has passed, 0 if the condition did not hold, -2 if it is not there.
fn hexpire(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire(ctx, argv, 1000, true, "hexpire")
}

/// `HPEXPIRE key milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]` -- O(N). As HEXPIRE.
fn hpexpire(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire(ctx, argv, 1, true, "hpexpire")
}

/// `HEXPIREAT key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]` -- O(N). As HEXPIRE.
fn hexpireat(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire(ctx, argv, 1000, false, "hexpireat")
}

/// `HPEXPIREAT key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]` -- O(N). As HEXPIRE.
fn hpexpireat(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire(ctx, argv, 1, false, "hpexpireat")
}

fn expire(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    millis: u64,
    relative: bool,
    name: &str,
) -> CommandResult {
    let number = args::unsigned_integer(argv.at(2), "ERR invalid expire time, must be >= 0")?;
    let base = if relative { ctx.time_ms() } else { 0 };
    let at_ms = checked(number.saturating_mul(millis).saturating_add(base), name)?;
    let condition = Condition::parse(argv.at(3));
    let fields = fields_of(argv.tail(if condition.is_some() { 4 } else { 3 }), 1)?;
    let condition = condition.unwrap_or(Condition::Always);
    let key = ctx.key_at(argv, 1);
    let exists = ctx.keys.peek_hash(&key)?.is_some();
    ctx.reply.array_header(fields.len());
    if !exists {
        fields.iter().for_each(|_| ctx.reply.integer(NO_FIELD));
        return Ok(());
    }
    let has_passed = at_ms <= ctx.now_ms();
    let mut changed = Vec::new();
    let edited = ctx.keys.change(&key, |hash: &mut Hash| {
        for field in fields {
            let Some(old) = hash.expire_at(field) else {
                ctx.reply.integer(NO_FIELD);
                continue;
            };
            if !condition.allows(old, at_ms) {
                ctx.reply.integer(REFUSED);
                continue;
            }
            changed.push(field);
            if has_passed {
                hash.del(field);
            } else {
                hash.set_expire(field, Some(at_ms));
            }
            ctx.reply.integer(if has_passed { DELETED } else { DONE });
        }
    })?;
    if has_passed {
        tell_deletion(ctx, &key, &changed, edited.is_gone);
    } else {
        tell_expiry(ctx, &key, at_ms, &changed);
    }
    Ok(())
}

/// `HTTL key FIELDS numfields field [field ...]` -- O(N). For each field the seconds that it still has, rounded up; -1 if it never
/// expires, -2 if it is not there.
fn httl(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let now_ms = ctx.now_ms();
    times(ctx, argv, |at_ms| at_ms.saturating_sub(now_ms).div_ceil(1000))
}

/// `HPTTL key FIELDS numfields field [field ...]` -- O(N). As HTTL, in milliseconds.
fn hpttl(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let now_ms = ctx.now_ms();
    times(ctx, argv, |at_ms| at_ms.saturating_sub(now_ms))
}

/// `HEXPIRETIME key FIELDS numfields field [field ...]` -- O(N). For each field when it expires, in seconds since 1970, rounded up; -1 and
/// -2 as HTTL.
fn hexpiretime(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    times(ctx, argv, |at_ms| at_ms.div_ceil(1000))
}

/// `HPEXPIRETIME key FIELDS numfields field [field ...]` -- O(N). As HEXPIRETIME, in milliseconds.
fn hpexpiretime(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    times(ctx, argv, |at_ms| at_ms)
}

fn times(ctx: &mut CommandContext<'_>, argv: Argv<'_>, shown: impl Fn(u64) -> u64) -> CommandResult {
    let fields = fields_of(argv.tail(2), 1)?;
    let hash = ctx.keys.read_hash(&ctx.key_at(argv, 1))?;
    ctx.reply.array_header(fields.len());
    for field in fields {
        ctx.reply.integer(match hash.and_then(|hash| hash.expire_at(field)) {
            None => NO_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(at_ms)) => i64::try_from(shown(at_ms)).unwrap_or(i64::MAX),
        });
    }
    Ok(())
}

/// `HPERSIST key FIELDS numfields field [field ...]` -- O(N). For each field 1 if it does not expire any more, -1 if it never did, -2 if it
/// is not there.
fn hpersist(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let fields = fields_of(argv.tail(2), 1)?;
    let key = ctx.key_at(argv, 1);
    let exists = ctx.keys.peek_hash(&key)?.is_some();
    ctx.reply.array_header(fields.len());
    if !exists {
        fields.iter().for_each(|_| ctx.reply.integer(NO_FIELD));
        return Ok(());
    }
    let mut changed = Vec::new();
    ctx.keys.change(&key, |hash: &mut Hash| {
        for field in fields {
            ctx.reply.integer(match hash.expire_at(field) {
                None => NO_FIELD,
                Some(None) => NO_EXPIRY,
                Some(Some(_)) => {
                    hash.set_expire(field, None);
                    changed.push(field);
                    DONE
                }
            });
        }
    })?;
    tell_persistence(ctx, &key, &changed);
    Ok(())
}

/// Answer with the value of a field, or null. The result is whether it is there.
fn reply_field(reply: &mut ReplyWriter, hash: &Hash, field: &[u8]) -> bool {
    let value = hash.get(field);
    match value {
        Some(value) => reply_string(reply, value),
        None => reply.null(),
    }
    value.is_some()
}

/// Answer that a hash is not there, for each field; false if it is.
fn reply_nulls(ctx: &mut CommandContext<'_>, key: &Key<'_>, fields: Argv<'_>) -> Result<bool, CommandError> {
    let exists = ctx.keys.read_hash(key)?.is_some();
    ctx.reply.array_header(fields.len());
    if !exists {
        fields.iter().for_each(|_| ctx.reply.null());
    }
    Ok(!exists)
}

/// `HGETDEL key FIELDS numfields field [field ...]` -- O(N). The values, then the fields are gone; null for what is not there.
fn hgetdel(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let fields = fields_of(argv.tail(2), 1)?;
    let key = ctx.key_at(argv, 1);
    if reply_nulls(ctx, &key, fields)? {
        return Ok(());
    }
    let mut deleted = Vec::new();
    let edited = ctx.keys.change(&key, |hash: &mut Hash| {
        for field in fields {
            if reply_field(ctx.reply, hash, field) {
                hash.del(field);
                deleted.push(field);
            }
        }
    })?;
    tell_deletion(ctx, &key, &deleted, edited.is_gone);
    Ok(())
}

/// What HGETEX and HSETEX do to the times of fields.
#[derive(Clone, Copy)]
enum Time {
    /// HGETEX leaves them, HSETEX removes them.
    Default,
    /// PERSIST of HGETEX, KEEPTTL of HSETEX.
    Word,
    /// They expire then.
    At(u64),
}

/// The option at the beginning of these words, of which `word` is one; and how many words it has.
fn time_option(
    ctx: &CommandContext<'_>,
    words: Argv<'_>,
    word: &str,
    name: &str,
) -> Result<(Time, usize), CommandError> {
    let Some(first) = words.get(0) else { return Ok((Time::Default, 0)) };
    if args::is(first, word) {
        return Ok((Time::Word, 1));
    }
    let Some(unit) = TimeUnit::of(first) else { return Ok((Time::Default, 0)) };
    let argument = words.get(1).ok_or(CommandError::Syntax)?;
    Ok((Time::At(checked(unit.at(argument, ctx.time_ms(), name)?, name)?), 2))
}

/// `HGETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST] FIELDS numfields field [field ...]` -- O(N). The values, which expire then, or never any
/// more; null for what is not there.
fn hgetex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (time, words) = time_option(ctx, argv.tail(2), "PERSIST", "hgetex")?;
    let fields = fields_of(argv.tail(2 + words), 1)?;
    let key = ctx.key_at(argv, 1);
    if reply_nulls(ctx, &key, fields)? {
        return Ok(());
    }
    if let Time::Default = time {
        if let Some(hash) = ctx.keys.peek_hash(&key)? {
            fields.iter().for_each(|field| _ = reply_field(ctx.reply, hash, field));
        }
        return Ok(());
    }
    let now_ms = ctx.now_ms();
    let mut changed = Vec::new();
    let edited = ctx.keys.change(&key, |hash: &mut Hash| {
        for field in fields.iter() {
            if !reply_field(ctx.reply, hash, field) {
                continue;
            }
            match time {
                Time::At(at_ms) if at_ms <= now_ms => _ = hash.del(field),
                Time::At(at_ms) => _ = hash.set_expire(field, Some(at_ms)),
                _ if hash.expire_at(field).flatten().is_none() => continue,
                _ => _ = hash.set_expire(field, None),
            }
            changed.push(field);
        }
    })?;
    match time {
        Time::At(at_ms) if at_ms <= now_ms => tell_deletion(ctx, &key, &changed, edited.is_gone),
        Time::At(at_ms) => tell_expiry(ctx, &key, at_ms, &changed),
        _ => tell_persistence(ctx, &key, &changed),
    }
    Ok(())
}

/// `HSETEX key [FNX|FXX] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL] FIELDS numfields field value [field value ...]` -- O(N). 1 if all were set, 0 and
/// none is if one of them was there (FNX) or was not (FXX).
fn hsetex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let wants = match argv.at(2) {
        word if args::is(word, "FNX") => Some(false),
        word if args::is(word, "FXX") => Some(true),
        _ => None,
    };
    let start = 2 + usize::from(wants.is_some());
    let (time, words) = time_option(ctx, argv.tail(start), "KEEPTTL", "hsetex")?;
    let pairs = fields_of(argv.tail(start + words), 2)?;
    let fields: Vec<&[u8]> = pairs.iter().step_by(2).collect();
    let key = ctx.key_at(argv, 1);
    let hash = ctx.keys.peek_hash(&key)?;
    let exists = hash.is_some();
    let holds = wants.is_none_or(|wanted| {
        fields.iter().all(|field| hash.is_some_and(|hash| hash.exists(field)) == wanted)
    });
    ctx.reply.integer(i64::from(holds));
    if !holds {
        return Ok(());
    }
    if let Time::At(at_ms) = time
        && at_ms <= ctx.now_ms()
    {
        // They would be gone at once.
        return delete_all(ctx, &key, &fields, exists);
    }
    let limits = ctx.keys.thresholds.hash;
    let set = |hash: &mut Hash| {
        for (field, value) in (0..fields.len()).map(|i| (pairs.at(2 * i), pairs.at(2 * i + 1))) {
            match time {
                Time::Word => _ = hash.set_value(field, value, limits),
                _ => _ = hash.set(field, value, limits),
            }
            if let Time::At(at_ms) = time {
                hash.set_expire(field, Some(at_ms));
            }
        }
    };
    if ctx.keys.change(&key, set)?.is_new {
        ctx.keys.event(&key, Class::NEW, "new");
    }
    tell(ctx, &key, "hset", fields.len());
    let words: Vec<&[u8]> = pairs.iter().collect();
    let mut digits = itoa::Buffer::new();
    match time {
        Time::Default => propagate(ctx, &[b"HSETEX", key.bytes], fields.len(), &words),
        Time::Word => propagate(ctx, &[b"HSETEX", key.bytes, b"KEEPTTL"], fields.len(), &words),
        Time::At(at_ms) => {
            ctx.keys.event(&key, Class::HASH, "hexpire");
            let at_ms = digits.format(at_ms).as_bytes();
            propagate(ctx, &[b"HSETEX", key.bytes, b"PXAT", at_ms], fields.len(), &words);
        }
    }
    Ok(())
}

fn delete_all(ctx: &mut CommandContext<'_>, key: &Key<'_>, fields: &[&[u8]], exists: bool) -> CommandResult {
    if exists {
        let delete = |hash: &mut Hash| -> Vec<&[u8]> {
            fields.iter().copied().filter(|field| hash.del(field)).collect()
        };
        let deleted = ctx.keys.change(key, delete)?;
        tell_deletion(ctx, key, &deleted.result, deleted.is_gone);
    }
    Ok(())
}
