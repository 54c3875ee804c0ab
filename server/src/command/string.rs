//! Commands on whole strings: GET, SET and their family. A string is bytes of any content; one that reads as a 64-bit
//! integer is stored as such, and nobody but OBJECT ENCODING can tell.
//! Parts of strings are in `substring`, numbers in `increment`.

use crate::effects::notify::Class;
use crate::keyspace::{EntryRef, Expire, Key, StringRef};
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Access, Family, access, key, keys, tips};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "string",
    commands: &[
        command!("GET", 2, READ | FAST, [key(1, access::READ)], get,
            "1.0.0", "O(1)", "Returns the string value of a key.", "key"),
        command!("SET", -3, WRITE | OOM, [
                key(1, access::MODIFY.with(Access::VARIABLE)).with_notes("RW and ACCESS due to the optional `GET` argument")
            ], set,
            "1.0.0", "O(1)", "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
            "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]"),
        command!("SETNX", 3, WRITE | OOM | FAST, [key(1, Access::OW.with(Access::INSERT))], setnx,
            "1.0.0", "O(1)", "Set the string value of a key only when the key doesn't exist.", "key value"),
        command!("SETEX", 4, WRITE | OOM, [key(1, access::OVERWRITE)], setex,
            "2.0.0", "O(1)", "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
            "key seconds value"),
        command!("PSETEX", 4, WRITE | OOM, [key(1, access::OVERWRITE)], psetex,
            "2.6.0", "O(1)",
            "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
            "key milliseconds value"),
        command!("GETSET", 3, WRITE | OOM | FAST, [key(1, access::MODIFY)], getset,
            "1.0.0", "O(1)", "Returns the previous string value of a key after setting it to a new value.", "key value"),
        command!("GETDEL", 2, WRITE | FAST, [key(1, Access::RW.with(Access::ACCESS).with(Access::DELETE))], getdel,
            "6.2.0", "O(1)", "Returns the string value of a key after deleting the key.", "key"),
        command!("GETEX", -2, WRITE | FAST, [
                key(1, access::MODIFY).with_notes("RW and UPDATE because it changes the TTL")
            ], getex,
            "6.2.0", "O(1)", "Returns the string value of a key after setting its expiration time.",
            "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]"),
        command!("MGET", -2, READ | FAST, [keys(1, -1, 1, access::READ)], mget,
            "1.0.0", "O(N) where N is the number of keys to retrieve.",
            "Atomically returns the string values of one or more keys.", "key [key ...]",
            tips: &["request_policy:multi_shard"]),
        command!("MSET", -3, WRITE | OOM, [keys(1, -1, 2, access::OVERWRITE)], mset,
            "1.0.1", "O(N) where N is the number of keys to set.",
            "Atomically creates or modifies the string values of one or more keys.", "key value [key value ...]",
            tips: tips::SPLIT_OK),
        command!("MSETNX", -3, WRITE | OOM, [keys(1, -1, 2, Access::OW.with(Access::INSERT))], msetnx,
            "1.0.1", "O(N) where N is the number of keys to set.",
            "Atomically modifies the string values of one or more keys only when all keys don't exist.",
            "key value [key value ...]", tips: &["request_policy:multi_shard", "response_policy:agg_min"]),
    ],
};

/// A string as a bulk reply.
pub(super) fn reply_string(reply: &mut ReplyWriter, value: StringRef<'_>) {
    match value {
        StringRef::Bytes(bytes) => reply.bulk(bytes),
        StringRef::Int(number) => reply.bulk_integer(number),
    }
}

/// Answer with the string under a key, or null. The result is whether there is one.
fn reply_get(ctx: &mut CommandContext<'_>, key: &Key<'_>) -> Result<bool, CommandError> {
    let value = ctx.keys.read_string(key)?;
    match value {
        Some(value) => reply_string(ctx.reply, value),
        None => ctx.reply.null(),
    }
    Ok(value.is_some())
}

/// Store a string, whatever is there.
fn store(ctx: &mut CommandContext<'_>, key: &Key<'_>, value: &[u8], expire: Expire) -> CommandResult {
    let was_there = ctx.keys.set_string(key, value, expire)?;
    ctx.keys.made_or_modified(key, !was_there, Class::STRING, "set");
    if matches!(expire, Expire::At(_)) {
        ctx.keys.event(key, Class::GENERIC, "expire");
    }
    Ok(())
}

/// `GET key` -- O(1). The value; null if there is none.
fn get(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_get(ctx, &ctx.key_at(argv, 1))?;
    Ok(())
}

/// `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]` -- O(1). OK; null if the condition did not hold.
/// With GET the old value, whether or not it was replaced.
fn set(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.len() == 3 {
        store(ctx, &ctx.key_at(argv, 1), argv.at(2), Expire::Clear)?;
        ctx.reply.ok();
        return Ok(());
    }
    let options = Options::parse(argv.tail(3), Of::Set)?;
    let expire = match options.time {
        Some((unit, argument)) => Expire::At(unit.at(argument, ctx.time_ms(), "set")?),
        None if options.keep => Expire::Keep,
        None => Expire::Clear,
    };
    set_with(ctx, argv, &options, expire)
}

fn set_with(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    options: &Options<'_>,
    expire: Expire,
) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let exists = if options.get { reply_get(ctx, &key)? } else { ctx.keys.peek(&key)?.is_some() };
    let holds = match options.condition {
        Condition::Always => true,
        Condition::IfMissing => !exists,
        Condition::IfThere => exists,
    };
    if !holds {
        if !options.get {
            ctx.reply.null();
        }
        return Ok(());
    }
    // A time that has passed is no error: the key is set, and the next look finds it expired.
    store(ctx, &key, argv.at(2), expire)?;
    match expire {
        Expire::At(at) => propagate_set(ctx, &key, argv.at(2), at),
        _ if options.get => propagate_without_get(ctx, argv),
        _ => {}
    }
    if !options.get {
        ctx.reply.ok();
    }
    Ok(())
}

/// Repeat that a key was set, with the time at which it expires.
fn propagate_set(ctx: &mut CommandContext<'_>, key: &Key<'_>, value: &[u8], at_ms: u64) {
    let mut digits = itoa::Buffer::new();
    ctx.keys.propagate(&[b"SET", key.bytes, value, b"PXAT", digits.format(at_ms).as_bytes()]);
}

/// Repeat SET without asking for the old value.
fn propagate_without_get(ctx: &mut CommandContext<'_>, argv: Argv<'_>) {
    if ctx.keys.propagates() {
        let options = argv.iter().skip(3).filter(|option| !args::is(option, "GET"));
        let args: Vec<&[u8]> = argv.iter().take(3).chain(options).collect();
        ctx.keys.propagate(&args);
    }
}

/// `SETNX key value` -- O(1). 1 if the key was set, 0 if it was there already.
fn setnx(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let free = ctx.keys.peek(&key)?.is_none();
    if free {
        store(ctx, &key, argv.at(2), Expire::Clear)?;
    }
    ctx.reply.integer(i64::from(free));
    Ok(())
}

/// `SETEX key seconds value` -- O(1). SET with EX.
fn setex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    set_expiring(ctx, argv, TimeUnit::SECONDS, "setex")
}

/// `PSETEX key milliseconds value` -- O(1). SET with PX.
fn psetex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    set_expiring(ctx, argv, TimeUnit::MILLISECONDS, "psetex")
}

fn set_expiring(ctx: &mut CommandContext<'_>, argv: Argv<'_>, unit: TimeUnit, name: &str) -> CommandResult {
    let at = unit.at(argv.at(2), ctx.time_ms(), name)?;
    let key = ctx.key_at(argv, 1);
    store(ctx, &key, argv.at(3), Expire::At(at))?;
    propagate_set(ctx, &key, argv.at(3), at);
    ctx.reply.ok();
    Ok(())
}

/// `GETSET key value` -- O(1). The old value; null if there was none.
fn getset(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    reply_get(ctx, &key)?;
    store(ctx, &key, argv.at(2), Expire::Clear)?;
    ctx.keys.propagate(&[b"SET", key.bytes, argv.at(2)]);
    Ok(())
}

/// `GETDEL key` -- O(1). The value, then the key is gone; null if there was none.
fn getdel(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    if reply_get(ctx, &key)? {
        ctx.delete(&key, "del")?;
        ctx.keys.propagate_deletion(&key, ctx.config.lazyfree_lazy_user_del);
    }
    Ok(())
}

/// `GETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]` -- O(1). The value, which expires then, or never any more.
fn getex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options = Options::parse(argv.tail(2), Of::GetEx)?;
    let key = ctx.key_at(argv, 1);
    let now_ms = ctx.now_ms();
    if !reply_get(ctx, &key)? {
        return Ok(());
    }
    // Redis looks at the time only when there is a key.
    let time = options.time.map(|(unit, argument)| unit.at(argument, ctx.time_ms(), "getex")).transpose()?;
    match time {
        Some(at) if at <= now_ms => {
            ctx.delete(&key, "del")?;
            ctx.keys.propagate_deletion(&key, ctx.config.lazyfree_lazy_expire);
        }
        Some(at) => {
            ctx.keys.write(&key)?.set_expire(&key, Some(at), now_ms);
            ctx.keys.modified(&key, Class::GENERIC, "expire");
            ctx.keys.propagate_expiry(&key, at);
        }
        None if options.persist && ctx.persist(&key)? => ctx.keys.propagate(&[b"PERSIST", key.bytes]),
        None => {}
    }
    Ok(())
}

/// `MGET key [key ...]` -- O(N). The values; null for what is not there or no string.
fn mget(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.reply.array_header(argv.len() - 1);
    for name in argv.iter().skip(1) {
        match ctx.keys.read(&ctx.key_of(name))?.and_then(EntryRef::string) {
            Some(value) => reply_string(ctx.reply, value),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// Pairs of key and value from the first argument on.
fn pairs<'a>(argv: Argv<'a>) -> impl Iterator<Item = (Key<'a>, &'a [u8])> {
    (1..argv.len()).step_by(2).map(move |at| (Key::new(argv.at(at)), argv.at(at + 1)))
}

/// `MSET key value [key value ...]` -- O(N). Sets all of them; nobody sees some set and others not.
fn mset(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity("mset".to_owned()));
    }
    for (key, value) in pairs(argv) {
        store(ctx, &key, value, Expire::Clear)?;
    }
    ctx.reply.ok();
    Ok(())
}

/// `MSETNX key value [key value ...]` -- O(N). 1 if all were set, 0 and nothing is if one of them was there.
fn msetnx(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity("msetnx".to_owned()));
    }
    for (key, _) in pairs(argv) {
        if ctx.keys.peek(&key)?.is_some() {
            ctx.reply.integer(0);
            return Ok(());
        }
    }
    for (key, value) in pairs(argv) {
        store(ctx, &key, value, Expire::Clear)?;
    }
    ctx.reply.integer(1);
    Ok(())
}

/// When SET is to do anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfMissing,
    IfThere,
}

/// Whose options they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Set,
    GetEx,
}

/// What stands behind the value in SET, and behind the key in GETEX.
struct Options<'a> {
    condition: Condition,
    get: bool,
    keep: bool,
    persist: bool,
    /// Not looked at yet: a wrong time is reported after what is wrong with the syntax.
    time: Option<(TimeUnit, &'a [u8])>,
}

impl<'a> Options<'a> {
    /// An option may be repeated, but not contradicted.
    fn parse(options: Argv<'a>, of: Of) -> Result<Self, CommandError> {
        let mut parsed =
            Self { condition: Condition::Always, get: false, keep: false, persist: false, time: None };
        let mut words = options.iter();
        while let Some(word) = words.next() {
            if !parsed.flag(word, of) {
                let unit = TimeUnit::of(word).ok_or(CommandError::Syntax)?;
                let argument = words.next().ok_or(CommandError::Syntax)?;
                if parsed.keep || parsed.persist || parsed.time.is_some_and(|(known, _)| known != unit) {
                    return Err(CommandError::Syntax);
                }
                parsed.time = Some((unit, argument));
            }
        }
        Ok(parsed)
    }

    /// Take an option without argument; false if it is none, or out of place.
    fn flag(&mut self, word: &[u8], of: Of) -> bool {
        match of {
            Of::Set if args::is(word, "NX") && self.condition != Condition::IfThere => {
                self.condition = Condition::IfMissing;
            }
            Of::Set if args::is(word, "XX") && self.condition != Condition::IfMissing => {
                self.condition = Condition::IfThere;
            }
            Of::Set if args::is(word, "GET") => self.get = true,
            Of::Set if args::is(word, "KEEPTTL") && self.time.is_none() => self.keep = true,
            Of::GetEx if args::is(word, "PERSIST") && self.time.is_none() => self.persist = true,
            _ => return false,
        }
        true
    }
}

/// How the time of an option such as EX is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeUnit {
    millis: i64,
    relative: bool,
}

impl TimeUnit {
    const SECONDS: Self = Self { millis: 1000, relative: true };
    const MILLISECONDS: Self = Self { millis: 1, relative: true };

    /// The unit of EX, PX, EXAT or PXAT.
    pub(super) fn of(option: &[u8]) -> Option<Self> {
        let units = [("EX", 1000, true), ("PX", 1, true), ("EXAT", 1000, false), ("PXAT", 1, false)];
        let (_, millis, relative) = units.into_iter().find(|(name, ..)| args::is(option, name))?;
        Some(Self { millis, relative })
    }

    /// The time that an argument means, in ms since 1970. It must be positive and fit.
    pub(super) fn at(self, argument: &[u8], now_ms: u64, command: &str) -> Result<u64, CommandError> {
        let invalid = || CommandError::err(format_args!("invalid expire time in '{command}' command"));
        let number = args::integer(argument)?;
        if number <= 0 {
            return Err(invalid());
        }
        let millis = number.checked_mul(self.millis).ok_or_else(invalid)?;
        let base = if self.relative { now_ms as i64 } else { 0 };
        millis.checked_add(base).map(|at| at as u64).ok_or_else(invalid)
    }
}
