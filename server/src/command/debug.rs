//! DEBUG, as far as tools and tests of clients need it. Who may run it is the directive `enable-debug-command`.
//! It is no container, as in redis-server: all of it is one command, which runs with the whole keyspace locked.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::command;
use crate::config::{glob, units};
use crate::digest::Digest;
use crate::effects::notify::Class;
use crate::keyspace::{EntryRef, Expire, Key, ModuleValue, StringRef};
use crate::module;
use crate::net::argv::Argv;
use crate::net::reply::{Protocol, ReplyWriter};
use crate::server::Server;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::reload;
use super::spec::Family;

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!(
        "DEBUG",
        -2,
        ADMIN | NOSCRIPT | LOADING | STALE | ALL_KEYS,
        [],
        debug,
        "1.0.0",
        "Depends on subcommand.",
        "A container for debugging commands.",
        "subcommand [arg [arg ...]]"
    )],
};

type Run = fn(&mut CommandContext<'_>, Argv<'_>) -> CommandResult;

/// One subcommand: its name, the fewest and the most arguments with both names among them, and what HELP says.
struct Subcommand {
    name: &'static str,
    argc: (usize, usize),
    syntax: &'static str,
    summary: &'static str,
    run: Run,
}

const fn row(
    name: &'static str,
    argc: (usize, usize),
    syntax: &'static str,
    summary: &'static str,
    run: Run,
) -> Subcommand {
    Subcommand { name, argc, syntax, summary, run }
}

#[rustfmt::skip]
const SUBCOMMANDS: &[Subcommand] = &[
    row("CHANGE-REPL-ID", (2, 2), "", "Does nothing: there are no replicas yet.", accept),
    row("DICT-RESIZING", (3, 3), "<0|1>", "Does nothing: tables grow and shrink in pieces, and never all at once.", switch),
    row("DIGEST", (2, 2), "", "Returns a fingerprint of all data, the same as redis-server's of the same data.", digest),
    row("DIGEST-VALUE", (2, usize::MAX), "<key> [<key> ...]", "Returns a fingerprint of each value.", digest_value),
    row("ERROR", (3, 3), "<string>", "Returns an error with this text.", error),
    row("HELP", (2, 2), "", "Returns this text.", debug_help),
    row("HTSTATS", (3, 4), "<dbid> [full]", "Shows how many keys a database has and how large their tables are.", htstats),
    row("HTSTATS-KEY", (3, 4), "<key> [full]", "Shows the same of a value that is a table.", htstats_key),
    row("LOADAOF", (2, 2), "", "Loads the append-only file in place of what is in memory.", load_aof),
    row("LOG", (3, 3), "<message>", "Writes a message into the server's log.", log),
    row("MODULE-JOURNAL", (3, 3), "<0|1>",
        "With 0, changes of modules' values are lost with the instance that made them: what journals cost is measured so.",
        module_journal),
    row("OBJECT", (3, 3), "<key>", "Shows how a value is stored.", object),
    row("PAUSE-CRON", (3, 3), "<0|1>", "Says whether what happens without a client's asking does not.", pause_cron),
    row("POPULATE", (3, 5), "<count> [<prefix>] [<size>]",
        "Makes <count> strings named key:<number>, or with another prefix, of <size> bytes each.", populate),
    row("PROTOCOL", (3, 3), "<type>", "Returns a value of this type of the protocol.", protocol),
    row("QUICKLIST-PACKED-THRESHOLD", (3, 3), "<size>", "Does nothing: a large element has a node of its own always.", packed_threshold),
    row("REPLYBUFFER", (4, 4), "<subcommand> <argument>", "Does nothing: a connection that waits keeps no buffer for replies.", accept),
    row("RELOAD", (2, usize::MAX), "[MERGE] [NOFLUSH] [NOSAVE]",
        "Saves all data and loads it again; without saving, without forgetting what is there, or over it.", reload::reload),
    row("SET-ACTIVE-EXPIRE", (3, 3), "<0|1>", "Says whether keys expire without being asked for.", set_active_expire),
    row("SLEEP", (3, 3), "<seconds>", "Stops all that touches keys for so long.", sleep),
    row("STRINGMATCH-LEN", (4, 4), "<len> <pattern>", "Matches that many letters a against a pattern.", stringmatch),
];

/// `DEBUG subcommand [arg ...]` -- see its HELP.
fn debug(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if !ctx.config.enable_debug_command.allows(ctx.session.client.is_local()) {
        return Err(CommandError::line(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
             local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        ));
    }
    let row = SUBCOMMANDS.iter().find(|row| args::is(argv.at(1), row.name));
    let row = row.filter(|row| (row.argc.0..=row.argc.1).contains(&argv.len()));
    (row.ok_or_else(|| help::unknown("DEBUG", argv))?.run)(ctx, argv)
}

fn debug_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.array_header(1 + 2 * SUBCOMMANDS.len());
    ctx.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for row in SUBCOMMANDS {
        ctx.reply.simple(format!("{} {}", row.name, row.syntax).trim_end());
        ctx.reply.simple(format!("    {}", row.summary));
    }
    Ok(())
}

fn accept(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.ok();
    Ok(())
}

/// What takes a number and does nothing.
fn switch(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    args::integer(argv.at(2))?;
    ctx.reply.ok();
    Ok(())
}

fn pause_cron(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.server.cron_paused.store(args::integer(argv.at(2))? != 0, Relaxed);
    ctx.reply.ok();
    Ok(())
}

fn htstats(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let index = args::database(argv.at(2), ctx.config.databases)
        .map_err(|_| CommandError::line("ERR Out of range database"))?;
    let shards = ctx.keys.locked.shards_mut().filter_map(|(_, shard)| shard.dbs().get(index));
    let mut sums = [0; 3];
    for db in shards {
        let figures = [db.len(), db.volatile_len(), db.table_bytes()];
        sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
    }
    let [keys, volatile, bytes] = sums;
    ctx.reply.verbatim(format!(
        "[Dictionary HT]\n number of elements: {keys}\n bytes of tables: {bytes}\n[Expires HT]\n number of elements: {volatile}\n"
    ));
    Ok(())
}

fn htstats_key(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let entry = ctx.keys.peek(&Key::new(argv.at(2)))?.ok_or(CommandError::NoSuchKey)?;
    if !entry.encoding().is_table() {
        return Err(CommandError::line(
            "ERR The value stored at the specified key is not represented using an hash table",
        ));
    }
    let bytes = entry.memory();
    ctx.reply.verbatim(format!("[Dictionary HT]\n bytes of the value: {bytes}\n"));
    Ok(())
}

fn packed_threshold(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    units::parse_memory(argv.at(2)).filter(|&size| size <= 4 << 30).ok_or(CommandError::line(
        "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
    ))?;
    ctx.reply.ok();
    Ok(())
}

fn load_aof(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    if ctx.in_transaction {
        return Err(CommandError::line("ERR Command not allowed inside a transaction"));
    }
    let server = ctx.server;
    // It runs commands of its own, which need the keys that this one has locked.
    ctx.session.job = Some(Box::new(move |reply: &mut ReplyWriter| {
        server.reload_aof().map_err(|error| {
            tracing::warn!("{error}");
            CommandError::line("ERR Error trying to load the AOF files, check server logs.")
        })?;
        tracing::warn!("Append Only File loaded by DEBUG LOADAOF");
        reply.ok();
        Ok(())
    }));
    Ok(())
}

fn error(_: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    Err(CommandError::Other(String::from_utf8_lossy(argv.at(2)).into_owned().into()))
}

fn log(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(argv.at(2)).escape_debug());
    ctx.reply.ok();
    Ok(())
}

fn sleep(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let seconds = args::float(argv.at(2))?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| CommandError::NotFloat)?;
    std::thread::sleep(time);
    ctx.reply.ok();
    Ok(())
}

fn set_active_expire(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.server.active_expire.store(args::integer(argv.at(2))? != 0, Relaxed);
    ctx.reply.ok();
    Ok(())
}

fn module_journal(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.server.keeps_journals.store(args::integer(argv.at(2))? != 0, Relaxed);
    ctx.reply.ok();
    Ok(())
}

/// The longest text that is matched: a pattern can make that slow.
const MATCHED_MAX: i64 = 1 << 20;

fn stringmatch(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = args::integer(argv.at(2))?;
    if !(0..=MATCHED_MAX).contains(&len) {
        return Err(CommandError::OutOfRange);
    }
    let text = vec![b'a'; len as usize];
    ctx.reply.integer(i64::from(glob::matches(argv.at(3), &text, false)));
    Ok(())
}

fn digest(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let mut all = Digest::default();
    let server = ctx.server;
    for index in 0..ctx.config.databases {
        let shards = ctx.keys.locked.shards_mut().filter_map(|(_, shard)| shard.dbs().get(index));
        let dbs: Vec<_> = shards.filter(|db| !db.is_empty()).collect();
        if dbs.is_empty() {
            continue;
        }
        all.append(&(index as u32).to_be_bytes());
        for entry in dbs.into_iter().flat_map(crate::keyspace::Db::iter) {
            let mut one = Digest::default();
            one.append(entry.key());
            one.append_value(entry, |value| digest_of_module(server, value));
            all.add_digest(one);
        }
    }
    ctx.reply.simple(all.hex());
    Ok(())
}

/// What a module says of its value; the bytes that were saved, if it cannot say anything.
fn digest_of_module(server: &'static Server, value: &ModuleValue) -> Vec<u8> {
    module::digested(server, value).unwrap_or_else(|_| value.saved().to_vec())
}

fn digest_value(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.reply.array_header(argv.len() - 2);
    let server = ctx.server;
    for name in argv.iter().skip(2) {
        let mut digest = Digest::default();
        if let Some(entry) = ctx.keys.peek(&Key::new(name))? {
            digest.append_value(entry, |value| digest_of_module(server, value));
        }
        ctx.reply.simple(digest.hex());
    }
    Ok(())
}

fn object(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 2);
    let now_ms = ctx.now_ms();
    let db = ctx.keys.db_of(&key)?;
    let entry = db.peek(&key, now_ms).ok_or(CommandError::NoSuchKey)?;
    let idle_s = db.idle_ms(entry, now_ms) / 1000;
    let line = format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle_s}",
        entry.key().as_ptr(),
        entry.encoding().name(),
        serialized_len(entry),
        entry.clock(),
    );
    ctx.reply.simple(line);
    Ok(())
}

/// About how long the value is in a snapshot, without compression.
fn serialized_len(entry: EntryRef<'_>) -> usize {
    let with_header = |len: usize| match len {
        0..64 => 1 + len,
        64..16_384 => 2 + len,
        _ => 5 + len,
    };
    let string = |string: StringRef<'_>| match string.int() {
        Some(-128..=127) => 2,
        Some(-32_768..=32_767) => 3,
        Some(number) if i32::try_from(number).is_ok() => 5,
        _ => with_header(string.len()),
    };
    match (entry.string(), entry.hash()) {
        (Some(value), _) => string(value),
        (None, Some(hash)) => {
            let pairs = hash.iter().map(|(field, value)| with_header(field.len()) + string(value));
            with_header(0) + pairs.sum::<usize>()
        }
        (None, None) => entry.memory(),
    }
}

/// The most keys that one POPULATE makes, and the longest values.
const POPULATE_MAX: i64 = 1 << 30;

fn populate(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let range_error = CommandError::line("ERR value is out of range, must be positive");
    let count = Some(args::integer(argv.at(2))?).filter(|count| (0..=POPULATE_MAX).contains(count));
    let count = count.ok_or(range_error.clone())?;
    let prefix = argv.get(3).unwrap_or(b"key");
    let size = argv.get(4).map(args::integer).transpose()?;
    if size.is_some_and(|size| !(0..=ctx.config.proto_max_bulk_len as i64).contains(&size)) {
        return Err(range_error);
    }
    for number in 0..count {
        let name = [prefix, b":", number.to_string().as_bytes()].concat();
        let key = Key::new(&name);
        if ctx.keys.peek(&key)?.is_some() {
            continue;
        }
        let mut value = format!("value:{number}").into_bytes();
        if let Some(size) = size {
            value.resize(size as usize, 0);
        }
        ctx.keys.set_string(&key, &value, Expire::Clear)?;
        ctx.keys.modified(&key, Class::STRING, "set");
    }
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG PROTOCOL type` -- one value of each type, for tests of clients.
fn protocol(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let reply = &mut *ctx.reply;
    match argv.at(2).to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk("Hello World"),
        b"integer" => reply.integer(12_345),
        b"double" => {
            #[expect(clippy::approx_constant, reason = "what redis-server answers")]
            reply.double(3.141);
        }
        b"null" => reply.null(),
        b"array" => {
            reply.array_header(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"set" => {
            reply.set_header(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"map" => {
            reply.map_header(3);
            for n in 0..3 {
                reply.integer(n);
                reply.boolean(n == 1);
            }
        }
        b"attrib" => {
            if reply.protocol() == Protocol::Resp3 {
                reply.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            }
            reply.bulk("Some real reply following the attribute");
        }
        b"push" if reply.protocol() == Protocol::Resp2 => {
            return Err(CommandError::line("ERR RESP2 is not supported by this command"));
        }
        b"push" => {
            reply.push_header(2);
            reply.bulk("server-cpu-usage");
            reply.integer(42);
            reply.bulk("Some real reply following the push reply");
        }
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"verbatim" => reply.verbatim("This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(CommandError::line(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}
