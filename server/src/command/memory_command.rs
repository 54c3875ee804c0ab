//! MEMORY: what keys occupy, and what the server does.

use crate::allocator;
use crate::command;
use crate::figures::{self, MemoryFigures, human};
use crate::module::object_memory;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Family, Spec, access, key, tips};

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!("MEMORY", -2, NONE, [], memory_help,
        "4.0.0", "Depends on subcommand.", "A container for memory diagnostics commands.", "",
        subcommands: MEMORY_COMMANDS)],
};

const EVERY_SHARD: &[&str] =
    &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

const MEMORY_COMMANDS: &[Spec] = &[
    command!(
        "DOCTOR",
        2,
        WALKS_KEYS,
        [],
        doctor,
        "4.0.0",
        "O(1)",
        "Outputs a memory problems report.",
        "",
        tips: EVERY_SHARD
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        memory_help,
        "4.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "MALLOC-STATS",
        2,
        NONE,
        [],
        malloc_stats,
        "4.0.0",
        "Depends on how much memory is allocated, could be slow",
        "Returns the allocator statistics.",
        "",
        tips: EVERY_SHARD
    ),
    command!(
        "PURGE",
        2,
        NONE,
        [],
        purge,
        "4.0.0",
        "Depends on how much memory is allocated, could be slow",
        "Asks the allocator to release memory.",
        "",
        tips: tips::SHARDS_OK
    ),
    command!(
        "STATS",
        2,
        WALKS_KEYS,
        [],
        stats,
        "4.0.0",
        "O(1)",
        "Returns details about memory usage.",
        "",
        tips: EVERY_SHARD
    ),
    command!(
        "USAGE",
        -3,
        READ,
        [key(2, access::INSPECT)],
        usage,
        "4.0.0",
        "O(N) where N is the number of samples.",
        "Estimates the memory usage of a key.",
        "key [SAMPLES count]"
    ),
];

/// `MEMORY HELP` -- O(1). What the subcommands do.
fn memory_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "MEMORY", MEMORY_COMMANDS);
    Ok(())
}

/// `MEMORY USAGE key [SAMPLES count]` -- O(1). Bytes of the key and its value; null if there is no such key. The server
/// keeps account of collections, so samples are not needed.
fn usage(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    for i in (3..argv.len()).step_by(2) {
        if !args::is(argv.at(i), "SAMPLES") || i + 1 == argv.len() {
            return Err(CommandError::Syntax);
        }
        if args::integer(argv.at(i + 1))? < 0 {
            return Err(CommandError::Syntax);
        }
    }
    let key = ctx.key_at(argv, 2);
    let Some(entry) = ctx.keys.peek(&key)? else {
        ctx.reply.null();
        return Ok(());
    };
    // Eight bytes are its place in the table.
    let bytes = entry.memory() + size_of::<u64>();
    let object = entry.module().map_or(0, |value| object_memory(ctx.server, value));
    ctx.reply.integer((bytes as u64).saturating_add(object) as i64);
    Ok(())
}

/// `MEMORY PURGE` -- the cost of the pages that are given back. OK.
fn purge(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    allocator::purge()
        .map_err(|reason| CommandError::err(format_args!("Error purging dirty pages: {reason}")))?;
    ctx.reply.ok();
    Ok(())
}

/// `MEMORY MALLOC-STATS` -- the cost of looking at every arena. The allocator's own report.
fn malloc_stats(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let mut text = Vec::new();
    tikv_jemalloc_ctl::stats_print::stats_print(
        &mut text,
        tikv_jemalloc_ctl::stats_print::Options::default(),
    )
    .map_err(|error| CommandError::err(format_args!("the allocator gives no statistics: {error}")))?;
    ctx.reply.verbatim(text);
    Ok(())
}

/// `MEMORY STATS` -- O(1), a walk over the shards included. A map of numbers, those of each database in maps of their own.
fn stats(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let now_ms = ctx.now_ms();
    let databases = figures::databases(ctx.keys.locked, now_ms).ok_or(CommandError::UndeclaredKey)?;
    let memory = MemoryFigures::of(ctx.server, &databases);
    let keys: usize = databases.values().map(|db| db.keys).sum();
    let whole = |bytes: usize| Figure::Whole(bytes as i64);
    let per_key = memory.used.saturating_sub(memory.startup).checked_div(keys).unwrap_or(0);
    let mut all = vec![
        ("peak.allocated".to_owned(), whole(memory.peak)),
        ("total.allocated".to_owned(), whole(memory.used)),
        ("startup.allocated".to_owned(), whole(memory.startup)),
        ("replication.backlog".to_owned(), whole(0)),
        ("clients.slaves".to_owned(), whole(0)),
        ("clients.normal".to_owned(), whole(memory.clients)),
        ("cluster.links".to_owned(), whole(0)),
        ("aof.buffer".to_owned(), whole(ctx.server.aof.buffer_len())),
        ("lua.caches".to_owned(), whole(0)),
        ("functions.caches".to_owned(), whole(0)),
        ("modules".to_owned(), whole(memory.modules)),
    ];
    for (index, db) in &databases {
        all.push((format!("db.{index}"), Figure::Tables(db.table_bytes as i64)));
    }
    let rest = [
        ("overhead.total", whole(memory.overhead())),
        ("keys.count", whole(keys)),
        ("keys.bytes-per-key", whole(per_key)),
        ("dataset.bytes", whole(memory.dataset())),
        ("dataset.percentage", Figure::Share(memory.dataset_percent())),
        ("peak.percentage", Figure::Share(memory.peak_percent())),
        ("allocator.allocated", whole(memory.allocated)),
        ("allocator.active", whole(memory.active)),
        ("allocator.resident", whole(memory.allocator_resident)),
        ("allocator-fragmentation.ratio", Figure::Share(memory.allocator_fragmentation().0)),
        ("allocator-fragmentation.bytes", Figure::Whole(memory.allocator_fragmentation().1)),
        ("allocator-rss.ratio", Figure::Share(memory.allocator_rss().0)),
        ("allocator-rss.bytes", Figure::Whole(memory.allocator_rss().1)),
        ("rss-overhead.ratio", Figure::Share(memory.rss_overhead().0)),
        ("rss-overhead.bytes", Figure::Whole(memory.rss_overhead().1)),
        ("fragmentation", Figure::Share(memory.fragmentation().0)),
        ("fragmentation.bytes", Figure::Whole(memory.fragmentation().1)),
    ];
    all.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    ctx.reply.map_header(all.len());
    for (name, value) in all {
        ctx.reply.bulk(name);
        value.write(ctx.reply);
    }
    Ok(())
}

/// A value in MEMORY STATS.
enum Figure {
    Whole(i64),
    Share(f64),
    /// The tables of a database.
    Tables(i64),
}

impl Figure {
    fn write(&self, reply: &mut ReplyWriter) {
        match self {
            Figure::Whole(number) => reply.integer(*number),
            Figure::Share(number) => reply.double(*number),
            Figure::Tables(bytes) => {
                reply.map_header(3);
                reply.bulk("overhead.hashtable.main");
                reply.integer(*bytes);
                // The expiry stands with the key.
                for name in ["overhead.hashtable.expires", "overhead.hashtable.slot-to-keys"] {
                    reply.bulk(name);
                    reply.integer(0);
                }
            }
        }
    }
}

/// Below this use there is nothing to say.
const LITTLE: usize = 5 << 20;

/// `MEMORY DOCTOR` -- O(1). What is odd about the use of memory, and what can be done about it.
fn doctor(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let now_ms = ctx.now_ms();
    let databases = figures::databases(ctx.keys.locked, now_ms).ok_or(CommandError::UndeclaredKey)?;
    let memory = MemoryFigures::of(ctx.server, &databases);
    let maxmemory = ctx.config.maxmemory;
    let mut found = Vec::new();
    if memory.peak as f64 > memory.used as f64 * 1.5 {
        found.push(format!(
            "The server once used {}, and uses {} now. The allocator keeps pages for a while, so the process may look \
             larger than it need be: MEMORY PURGE gives them back.",
            human(memory.peak as u64),
            human(memory.used as u64)
        ));
    }
    if memory.allocator_fragmentation().0 > 1.4 {
        found.push(format!(
            "The allocator's pages are {:.2} times as large as what is used of them: many values were deleted or have \
             changed their size. New values will fill the gaps.",
            memory.allocator_fragmentation().0
        ));
    }
    if memory.rss_overhead().0 > 1.4 && memory.modules > memory.used / 2 {
        found.push(format!(
            "Modules hold {} in their own memory. MODULE LIMITS bounds that.",
            human(memory.modules as u64)
        ));
    }
    if memory.clients > memory.used / 2 {
        found.push(format!(
            "What waits to be read by clients, or was sent by them and is not complete, occupies {}. CLIENT LIST shows \
             whose it is, and client-output-buffer-limit bounds it.",
            human(memory.clients as u64)
        ));
    }
    if maxmemory != 0 && memory.used as u64 > maxmemory {
        found.push(format!(
            "More is used ({}) than 'maxmemory' allows ({}).",
            human(memory.used as u64),
            human(maxmemory)
        ));
    }
    let text = if memory.used < LITTLE && found.is_empty() {
        format!("The server uses {}: too little to judge.\n", human(memory.used as u64))
    } else if found.is_empty() {
        format!("Nothing is odd about the {} that the server uses.\n", human(memory.used as u64))
    } else {
        let lines = found.iter().enumerate().map(|(i, line)| format!("{}. {line}\n", i + 1));
        lines.collect()
    };
    ctx.reply.verbatim(text);
    Ok(())
}
