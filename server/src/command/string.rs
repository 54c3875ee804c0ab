//! Commands on strings: GET, SET and their family. A string is bytes of any content; one that reads as a 64-bit
//! integer is stored as such, and nobody but OBJECT ENCODING can tell.

use crate::effects::notify::Class;
use crate::keyspace::{Expire, StringRef};
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Access, Family, access, key};

/// The rows.
pub const FAMILY: Family = Family {
    group: "string",
    commands: &[
        command!(
            "GET",
            2,
            READ | FAST,
            [key(1, access::READ)],
            get,
            "1.0.0",
            "O(1)",
            "Returns the string value of a key.",
            "key"
        ),
        command!(
            "SET",
            -3,
            WRITE | OOM,
            [key(1, access::MODIFY.with(Access::VARIABLE))],
            set,
            "1.0.0",
            "O(1)",
            "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
            "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]"
        ),
    ],
};

/// A string as a bulk reply.
pub(super) fn reply_string(reply: &mut ReplyWriter, value: StringRef<'_>) {
    match value {
        StringRef::Bytes(bytes) => reply.bulk(bytes),
        StringRef::Int(number) => reply.bulk_integer(number),
    }
}

/// `GET key` -- O(1). The value; null if there is none.
fn get(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    match ctx.keys.read_string(&ctx.key_at(argv, 1))? {
        Some(value) => reply_string(ctx.reply, value),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// When SET is to do anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfMissing,
    IfThere,
}

/// What stands behind the value in SET.
struct SetOptions {
    condition: Condition,
    get: bool,
    expire: Expire,
}

/// `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]` -- O(1). OK; null if the condition did not hold.
/// With GET the old value, whether or not it was replaced.
fn set(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let value = argv.at(2);
    if argv.len() == 3 {
        let now_ms = ctx.now_ms();
        ctx.keys.write(&key)?.set_string(&key, value, Expire::Clear, now_ms);
        ctx.keys.modified(&key, Class::STRING, "set");
        ctx.reply.ok();
        return Ok(());
    }
    let options = SetOptions::parse(argv.tail(3), ctx.now_ms())?;
    set_with(ctx, argv, &options)
}

fn set_with(ctx: &mut CommandContext<'_>, argv: Argv<'_>, options: &SetOptions) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let now_ms = ctx.now_ms();
    let exists = if options.get {
        match ctx.keys.read_string(&key)? {
            Some(old) => {
                reply_string(ctx.reply, old);
                true
            }
            None => {
                ctx.reply.null();
                false
            }
        }
    } else {
        ctx.keys.peek(&key)?.is_some()
    };
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
    if let Expire::At(at) = options.expire
        && at <= now_ms
    {
        // A time that has passed: the key goes, as if it had expired at once.
        if let Some(old) = ctx.keys.write(&key)?.remove(&key, now_ms) {
            ctx.keys.drop_later(old);
            ctx.keys.modified(&key, Class::GENERIC, "del");
        }
    } else {
        ctx.keys.write(&key)?.set_string(&key, argv.at(2), options.expire, now_ms);
        ctx.keys.modified(&key, Class::STRING, "set");
        if matches!(options.expire, Expire::At(_)) {
            ctx.keys.event(&key, Class::GENERIC, "expire");
        }
    }
    if !options.get {
        ctx.reply.ok();
    }
    Ok(())
}

impl SetOptions {
    fn parse(options: Argv<'_>, now_ms: u64) -> Result<Self, CommandError> {
        let mut parsed = Self { condition: Condition::Always, get: false, expire: Expire::Clear };
        let mut i = 0;
        while i < options.len() {
            let option = options.at(i);
            let condition_free = parsed.condition == Condition::Always;
            let expire_free = parsed.expire == Expire::Clear;
            if args::is(option, "NX") && condition_free {
                parsed.condition = Condition::IfMissing;
            } else if args::is(option, "XX") && condition_free {
                parsed.condition = Condition::IfThere;
            } else if args::is(option, "GET") {
                parsed.get = true;
            } else if args::is(option, "KEEPTTL") && expire_free {
                parsed.expire = Expire::Keep;
            } else if let Some(unit) = TimeUnit::of(option)
                && expire_free
                && i + 1 < options.len()
            {
                parsed.expire = Expire::At(unit.at(options.at(i + 1), now_ms, "set")?);
                i += 1;
            } else {
                return Err(CommandError::Syntax);
            }
            i += 1;
        }
        Ok(parsed)
    }
}

/// How the time of an option such as EX is meant.
#[derive(Clone, Copy)]
pub(super) struct TimeUnit {
    millis: i64,
    relative: bool,
}

impl TimeUnit {
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
