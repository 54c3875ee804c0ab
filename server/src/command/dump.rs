//! DUMP and RESTORE: a value as bytes that any server of this family takes, and back. What the bytes are is in
//! `effects::rdb::dump`.

use crate::command;
use crate::effects::notify::Class;
use crate::effects::rdb::{VERSION, dump as payload, value};
use crate::effects::save;
use crate::keyspace::{AccessClock, Entry, EntryRef, Key, Value};
use crate::module::check_loadable;
use crate::net::argv::Argv;
use crate::server::Server;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, access, key, tips};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("DUMP", 2, READ, [key(1, access::READ)], dump,
            "2.6.0", "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
            "Returns a serialized representation of the value stored at a key.", "key", tips: tips::VARIES),
        command!("RESTORE", -4, WRITE | OOM, [key(1, access::OVERWRITE)], restore,
            "2.6.0", "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
            "Creates a key from the serialized representation of a value.",
            "key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency:integer]",
            categories: &["dangerous"]),
    ],
};

/// `DUMP key` -- O(N) in the size of the value. Its serialised form, or null.
fn dump(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (server, compress) = (ctx.server, ctx.config.rdbcompression);
    match ctx.keys.read(&ctx.key_at(argv, 1))? {
        Some(entry) => ctx.reply.bulk(dumped(server, entry, compress)?),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// The payload of a value.
pub(super) fn dumped(
    server: &'static Server,
    entry: EntryRef<'_>,
    compress: bool,
) -> Result<Vec<u8>, CommandError> {
    save::dumped(server, entry, compress)
        .map_err(|reason| CommandError::err(format_args!("the value cannot be dumped: {reason}")))
}

/// The options of RESTORE.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_s: Option<u64>,
    freq: Option<u8>,
}

impl Options {
    fn parse(options: Argv<'_>) -> Result<Self, CommandError> {
        let mut parsed = Self::default();
        let mut options = options.iter();
        while let Some(option) = options.next() {
            if args::is(option, "REPLACE") {
                parsed.replace = true;
            } else if args::is(option, "ABSTTL") {
                parsed.absolute = true;
            } else if args::is(option, "IDLETIME")
                && parsed.freq.is_none()
                && let Some(argument) = options.next()
            {
                let idle = args::unsigned_integer(argument, "ERR Invalid IDLETIME value, must be >= 0")?;
                parsed.idle_s = Some(idle);
            } else if args::is(option, "FREQ")
                && parsed.idle_s.is_none()
                && let Some(argument) = options.next()
            {
                let freq = u8::try_from(args::integer(argument)?);
                let freq =
                    freq.map_err(|_| CommandError::line("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
                parsed.freq = Some(freq);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(parsed)
    }

    /// The access clock of a key that is made with them.
    fn clock(&self, access: AccessClock, now_ms: u64) -> u32 {
        match (access, self.idle_s, self.freq) {
            (AccessClock::Lru, Some(idle_s), _) => {
                AccessClock::with_idle(idle_s.saturating_mul(1000), now_ms)
            }
            (AccessClock::Lfu { .. }, _, Some(freq)) => AccessClock::with_frequency(freq, now_ms),
            _ => access.initial(now_ms),
        }
    }
}

/// `RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]` -- O(N) in the size of the value. OK.
fn restore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options = Options::parse(argv.tail(4))?;
    let key = ctx.key_at(argv, 1);
    let there = ctx.keys.peek(&key)?.is_some();
    if there && !options.replace {
        return Err(CommandError::line("BUSYKEY Target key name already exists."));
    }
    let ttl = args::unsigned_integer(argv.at(2), "ERR Invalid TTL value, must be >= 0")?;
    let value = restored(ctx, argv.at(3))?;
    let expire_at = match ttl {
        0 => None,
        at if options.absolute => Some(at),
        // Files and commands have times with a sign.
        ttl => Some(ttl.saturating_add(ctx.time_ms()).min(i64::MAX as u64)),
    };
    let now_ms = ctx.now_ms();
    if expire_at.is_some_and(|at| at <= now_ms) {
        // It is gone at once, and so is what was there.
        if there {
            ctx.delete(&key, "del")?;
            ctx.keys.propagate_deletion(&key, false);
        }
        ctx.reply.ok();
        return Ok(());
    }
    let db = ctx.keys.write(&key)?;
    let entry = Entry::new(key.bytes, value, expire_at, options.clock(db.access(), now_ms));
    let old = db.restore(entry);
    old.into_iter().for_each(|old| ctx.keys.drop_later(old));
    ctx.keys.event(&key, Class::NEW, "new");
    ctx.keys.modified(&key, Class::GENERIC, "restore");
    propagate(ctx, argv, &key, &options, expire_at)?;
    ctx.reply.ok();
    Ok(())
}

/// The value of a payload. What comes out of a file that this server wrote need not be tried.
fn restored(ctx: &CommandContext<'_>, payload: &[u8]) -> Result<Value, CommandError> {
    let value = value::restore(payload, ctx.keys.thresholds, ctx.time_ms());
    let value = value.map_err(|error| CommandError::Other(error.to_string().into()))?;
    if let Value::Module(module) = &value
        && !ctx.session.is_loader
        && let Err(reason) = check_loadable(ctx.server, module)
    {
        tracing::warn!("A value of type '{}' is not restored: {reason}", module.id().name());
        return Err(CommandError::line("ERR Bad data format"));
    }
    Ok(value)
}

/// Repeat RESTORE with the time that it came to, and with a payload that every reader of our files knows.
fn propagate(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    key: &Key<'_>,
    options: &Options,
    expire_at: Option<u64>,
) -> CommandResult {
    let newer = payload::version(argv.at(3)) > VERSION;
    if !ctx.keys.propagates() || !newer && (options.absolute || expire_at.is_none()) {
        return Ok(());
    }
    let (server, compress) = (ctx.server, ctx.config.rdbcompression);
    let ours = match ctx.keys.peek(key)? {
        Some(entry) if newer => Some(dumped(server, entry, compress)?),
        _ => None,
    };
    let mut digits = itoa::Buffer::new();
    let time = digits.format(expire_at.unwrap_or(0)).as_bytes();
    let head = [argv.at(0), argv.at(1), time, ours.as_deref().unwrap_or(argv.at(3))];
    let absolute = (!options.absolute).then_some(&b"ABSTTL"[..]);
    let args: Vec<&[u8]> = head.into_iter().chain(argv.tail(4)).chain(absolute).collect();
    ctx.keys.propagate(&args);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::argv::OwnedArgv;

    fn options(line: &str) -> Result<Options, CommandError> {
        Options::parse(line.split_whitespace().collect::<OwnedArgv>().as_argv())
    }

    #[test]
    fn options_are_read_as_redis_reads_them() {
        let all = Options { replace: true, absolute: true, idle_s: Some(7), freq: None };
        assert_eq!(options("replace ABSTTL IdleTime 7"), Ok(all));
        assert_eq!(options("FREQ 255 FREQ 3").map(|options| options.freq), Ok(Some(3)));
        for (line, error) in [
            ("REPLACED", CommandError::Syntax),
            ("IDLETIME", CommandError::Syntax),
            ("IDLETIME 1 FREQ 1", CommandError::Syntax),
            ("FREQ 1 IDLETIME 1", CommandError::Syntax),
            ("FREQ x", CommandError::NotInteger),
            ("FREQ 256", CommandError::line("ERR Invalid FREQ value, must be >= 0 and <= 255")),
            ("FREQ -1", CommandError::line("ERR Invalid FREQ value, must be >= 0 and <= 255")),
            ("IDLETIME -1", CommandError::line("ERR Invalid IDLETIME value, must be >= 0")),
        ] {
            assert_eq!(options(line), Err(error), "{line}");
        }
    }

    #[test]
    fn the_clock_is_the_one_that_the_policy_looks_at() {
        let now_ms = 100_000_000;
        let lfu = AccessClock::Lfu { log_factor: 10, decay_minutes: 1 };
        let idle = Options { idle_s: Some(60), ..Options::default() };
        let freq = Options { freq: Some(77), ..Options::default() };
        assert_eq!(AccessClock::Lru.idle_ms(idle.clock(AccessClock::Lru, now_ms), now_ms), 60_000);
        assert_eq!(lfu.frequency(freq.clock(lfu, now_ms), now_ms), 77);
        assert_eq!(freq.clock(AccessClock::Lru, now_ms), AccessClock::Lru.initial(now_ms));
        assert_eq!(idle.clock(lfu, now_ms), lfu.initial(now_ms));
    }
}
