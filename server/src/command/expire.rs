//! When keys expire: EXPIRE, TTL, PERSIST and their family. A key expires at a millisecond; how it is found dead then, and who is
//! told, is in `keyspace::db` and `keys`.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{EntryRef, Key};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, access, key, tips};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("EXPIRE", -3, WRITE | FAST, [key(1, access::UPDATE)], expire,
            "1.0.0", "O(1)", "Sets the expiration time of a key in seconds.", "key seconds [NX|XX|GT|LT]"),
        command!("PEXPIRE", -3, WRITE | FAST, [key(1, access::UPDATE)], pexpire,
            "2.6.0", "O(1)", "Sets the expiration time of a key in milliseconds.", "key milliseconds [NX|XX|GT|LT]"),
        command!("EXPIREAT", -3, WRITE | FAST, [key(1, access::UPDATE)], expireat,
            "1.2.0", "O(1)", "Sets the expiration time of a key to a Unix timestamp.", "key unix-time-seconds [NX|XX|GT|LT]"),
        command!("PEXPIREAT", -3, WRITE | FAST, [key(1, access::UPDATE)], pexpireat,
            "2.6.0", "O(1)", "Sets the expiration time of a key to a Unix milliseconds timestamp.",
            "key unix-time-milliseconds [NX|XX|GT|LT]"),
        command!("TTL", 2, READ | FAST, [key(1, access::READ)], ttl,
            "1.0.0", "O(1)", "Returns the expiration time in seconds of a key.", "key", tips: tips::VARIES),
        command!("PTTL", 2, READ | FAST, [key(1, access::READ)], pttl,
            "2.6.0", "O(1)", "Returns the expiration time in milliseconds of a key.", "key", tips: tips::VARIES),
        command!("EXPIRETIME", 2, READ | FAST, [key(1, access::READ)], expiretime,
            "7.0.0", "O(1)", "Returns the expiration time of a key as a Unix timestamp.", "key"),
        command!("PEXPIRETIME", 2, READ | FAST, [key(1, access::READ)], pexpiretime,
            "7.0.0", "O(1)", "Returns the expiration time of a key as a Unix milliseconds timestamp.", "key"),
        command!("PERSIST", 2, WRITE | FAST, [key(1, access::UPDATE)], persist,
            "2.2.0", "O(1)", "Removes the expiration time of a key.", "key"),
    ],
};

/// `EXPIRE key seconds [NX|XX|GT|LT]` -- O(1). 1 if the time was set, 0 if there is no such key or the condition does not hold.
fn expire(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire_with(ctx, argv, 1000, ctx.time_ms(), "expire")
}

/// `PEXPIRE key milliseconds [NX|XX|GT|LT]` -- O(1). As EXPIRE.
fn pexpire(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire_with(ctx, argv, 1, ctx.time_ms(), "pexpire")
}

/// `EXPIREAT key unix-time-seconds [NX|XX|GT|LT]` -- O(1). As EXPIRE.
fn expireat(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire_with(ctx, argv, 1000, 0, "expireat")
}

/// `PEXPIREAT key unix-time-milliseconds [NX|XX|GT|LT]` -- O(1). As EXPIRE.
fn pexpireat(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    expire_with(ctx, argv, 1, 0, "pexpireat")
}

/// When EXPIRE is to do anything. None of them is set for: always.
#[derive(Default)]
struct Conditions {
    /// There is no time yet.
    missing: bool,
    /// There is one.
    there: bool,
    /// The new time is later; never is the latest.
    later: bool,
    /// The new time is earlier.
    earlier: bool,
}

impl Conditions {
    fn parse(options: Argv<'_>) -> Result<Self, CommandError> {
        let mut parsed = Self::default();
        for option in options {
            let condition = match option {
                nx if args::is(nx, "NX") => &mut parsed.missing,
                xx if args::is(xx, "XX") => &mut parsed.there,
                gt if args::is(gt, "GT") => &mut parsed.later,
                lt if args::is(lt, "LT") => &mut parsed.earlier,
                other => return Err(unsupported(other)),
            };
            *condition = true;
        }
        if parsed.missing && (parsed.there || parsed.later || parsed.earlier) {
            return Err(CommandError::line(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if parsed.later && parsed.earlier {
            return Err(CommandError::line("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(parsed)
    }

    /// Whether they hold for a key that expires at `now`, or never, and is to expire `at`.
    fn hold(&self, now: Option<i64>, at: i64) -> bool {
        !(self.missing && now.is_some()
            || self.there && now.is_none()
            || self.later && now.is_none_or(|now| at <= now)
            || self.earlier && now.is_some_and(|now| at >= now))
    }
}

/// Redis repeats the option as C reads it: up to a zero byte.
fn unsupported(option: &[u8]) -> CommandError {
    let text = option.split(|&byte| byte == 0).next().unwrap_or_default();
    CommandError::Bytes([b"ERR Unsupported option ", text].concat())
}

fn expire_with(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    millis: i64,
    base_ms: u64,
    name: &str,
) -> CommandResult {
    let conditions = Conditions::parse(argv.tail(3))?;
    let number = args::integer(argv.at(2))?;
    let at = number.checked_mul(millis).and_then(|time| time.checked_add(base_ms as i64));
    let at = at.ok_or_else(|| CommandError::err(format_args!("invalid expire time in '{name}' command")))?;
    let key = ctx.key_at(argv, 1);
    let now_ms = ctx.now_ms();
    let Some(current) = ctx.keys.write(&key)?.get(&key, now_ms).map(EntryRef::expire_at) else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let holds = conditions.hold(current.map(|at| at as i64), at);
    if holds && at <= now_ms as i64 {
        // A time that has passed: the key is gone at once.
        ctx.delete(&key, "del")?;
        ctx.keys.propagate_deletion(&key, ctx.config.lazyfree_lazy_expire);
    } else if holds {
        ctx.keys.db_of(&key)?.set_expire(&key, Some(at as u64), now_ms);
        ctx.keys.modified(&key, Class::GENERIC, "expire");
        if base_ms != 0 || millis != 1 {
            propagate_expire(ctx, argv, at);
        }
    }
    ctx.reply.integer(i64::from(holds));
    Ok(())
}

/// Repeat EXPIRE with the time that it came to; the conditions hold again.
fn propagate_expire(ctx: &mut CommandContext<'_>, argv: Argv<'_>, at: i64) {
    if ctx.keys.propagates() {
        let mut digits = itoa::Buffer::new();
        let head = [b"PEXPIREAT", argv.at(1), digits.format(at).as_bytes()];
        let args: Vec<&[u8]> = head.into_iter().chain(argv.tail(3)).collect();
        ctx.keys.propagate(&args);
    }
}

/// Answer when a key expires: -2 if there is no such key, -1 if it never does.
fn reply_time(ctx: &mut CommandContext<'_>, argv: Argv<'_>, since_ms: u64, millis: u64) -> CommandResult {
    let time = match ctx.keys.inspect(&ctx.key_at(argv, 1))?.map(EntryRef::expire_at) {
        None => -2,
        Some(None) => -1,
        // To the nearest second, as Redis rounds.
        Some(Some(at)) => ((at.saturating_sub(since_ms) + millis / 2) / millis) as i64,
    };
    ctx.reply.integer(time);
    Ok(())
}

/// `TTL key` -- O(1). The seconds that are left.
fn ttl(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_time(ctx, argv, ctx.now_ms(), 1000)
}

/// `PTTL key` -- O(1). The milliseconds that are left.
fn pttl(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_time(ctx, argv, ctx.now_ms(), 1)
}

/// `EXPIRETIME key` -- O(1). The second since 1970 in which it expires.
fn expiretime(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_time(ctx, argv, 0, 1000)
}

/// `PEXPIRETIME key` -- O(1). The millisecond since 1970 in which it expires.
fn pexpiretime(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_time(ctx, argv, 0, 1)
}

impl CommandContext<'_> {
    /// Take the expiry from a key and tell about it. The result is whether there was one.
    pub(super) fn persist(&mut self, key: &Key<'_>) -> Result<bool, CommandError> {
        let now_ms = self.now_ms();
        let db = self.keys.write(key)?;
        if db.get(key, now_ms).and_then(EntryRef::expire_at).is_none() {
            return Ok(false);
        }
        db.set_expire(key, None, now_ms);
        self.keys.modified(key, Class::GENERIC, "persist");
        Ok(true)
    }
}

/// `PERSIST key` -- O(1). 1 if the key has no expiry any more, 0 if it had none.
fn persist(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let persisted = ctx.persist(&ctx.key_at(argv, 1))?;
    ctx.reply.integer(i64::from(persisted));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::argv::OwnedArgv;

    fn conditions(options: &[&str]) -> Result<Conditions, CommandError> {
        Conditions::parse(options.iter().collect::<OwnedArgv>().as_argv())
    }

    #[test]
    fn conditions_compare_with_never_as_redis_does() {
        for (options, without, earlier, later) in [
            (&[][..], true, true, true),
            (&["nx"], true, false, false),
            (&["XX"], false, true, true),
            (&["gt"], false, false, true),
            (&["LT"], true, true, false),
            (&["XX", "LT"], false, true, false),
            (&["XX", "GT", "gt"], false, false, true),
        ] {
            let conditions = conditions(options).expect("these go together");
            let hold = [(None, 5), (Some(9), 5), (Some(1), 5)].map(|(now, at)| conditions.hold(now, at));
            assert_eq!(hold, [without, earlier, later], "{options:?}");
        }
        for options in [&["NX", "XX"][..], &["LT", "NX"], &["GT", "LT"], &["EX"]] {
            assert!(conditions(options).is_err(), "{options:?}");
        }
    }
}
