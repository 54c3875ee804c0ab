//! Finding keys: SCAN, KEYS, RANDOMKEY. What a walk over a table guarantees is said in `keyspace::table`.
//!
//! A cursor of SCAN is the position in a shard, times the number of shards, plus the shard: cursors stay below 2^53, which clients
//! that know no other numbers than doubles can hold. SCAN locks one shard at a time, so that it never stops the others;
//! in EXEC, where other shards are locked already, it finds all of them locked, since waiting for one more would be a deadlock.
//! KEYS and RANDOMKEY see the whole keyspace as it is at one moment, and lock it.

use rand::RngExt;

use crate::command;
use crate::config::glob;
use crate::keyspace::{Db, Key, Locked, ShardId};
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::Family;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("KEYS", 2, READ | ALL_KEYS, [], keys,
            "1.0.0", "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
            "Returns all key names that match a pattern.", "pattern", categories: &["dangerous"],
            tips: &["request_policy:all_shards", "nondeterministic_output_order"]),
        command!("SCAN", -2, READ | WALKS_KEYS, [], scan,
            "2.8.0", "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over the key names in the database.",
            "cursor [MATCH pattern] [COUNT count] [TYPE type]", tips: &["nondeterministic_output", "request_policy:special"]),
        command!("RANDOMKEY", 1, READ | ALL_KEYS, [], randomkey,
            "1.0.0", "O(1)", "Returns a random key name from the database.", "",
            tips: &["request_policy:all_shards", "nondeterministic_output"]),
    ],
};

/// A cursor as C's `strtoul` reads it: nothing at all is 0, a sign is allowed, and a zero byte ends it.
pub(super) fn parse_cursor(text: &[u8]) -> Result<u64, CommandError> {
    let invalid = CommandError::line("ERR invalid cursor");
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() && text.is_empty() {
        return Ok(0);
    }
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid);
    }
    let cursor =
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok()).ok_or(invalid)?;
    Ok(if negative { cursor.wrapping_neg() } else { cursor })
}

/// What stands behind the cursor of SCAN and HSCAN.
pub(super) struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// How many elements to look at.
    pub(super) count: usize,
    kind: Option<&'a [u8]>,
    /// NOVALUES, NOSCORES: the fields of a hash alone, the members of a sorted set.
    pub(super) names_only: bool,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        Self { pattern: None, count: 10, kind: None, names_only: false }
    }
}

impl<'a> ScanOptions<'a> {
    /// `keys`: it is keys that are walked over, which have types. `names_only` is the word that asks for names alone, where there is
    /// one.
    pub(super) fn parse(
        options: Argv<'a>,
        keys: bool,
        names_only: Option<&str>,
    ) -> Result<Self, CommandError> {
        let mut parsed = Self::default();
        let mut words = options.iter();
        while let Some(word) = words.next() {
            if names_only.is_some_and(|name| args::is(word, name)) {
                parsed.names_only = true;
                continue;
            }
            let argument = words.next().ok_or(CommandError::Syntax)?;
            if args::is(word, "COUNT") {
                let count = args::integer(argument)?;
                if count < 1 {
                    return Err(CommandError::Syntax);
                }
                parsed.count = usize::try_from(count).unwrap_or(usize::MAX);
            } else if args::is(word, "MATCH") {
                // `*` matches the empty name too, which the rules for patterns alone would not have it do.
                parsed.pattern = (argument != b"*").then_some(argument);
            } else if keys && args::is(word, "TYPE") {
                parsed.kind = Some(argument);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(parsed)
    }

    /// Whether the name of a key or field is one that was asked for.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, false))
    }
}

/// The reply of SCAN and HSCAN. `step` writes what it reports, and says where to go on and how much it has written.
pub(super) fn reply_step(
    reply: &mut ReplyWriter,
    step: impl FnOnce(&mut ReplyWriter) -> Result<(u64, usize), CommandError>,
) -> CommandResult {
    let start = reply.len();
    let (cursor, reported) = step(reply)?;
    let end = reply.len();
    reply.array_header(2);
    let mut digits = itoa::Buffer::new();
    reply.bulk(digits.format(cursor));
    reply.array_header(reported);
    // The header is known last and stands first.
    let header = reply.len() - end;
    reply.buffer_mut()[start..].rotate_right(header);
    Ok(())
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]` -- O(1) a call. The next cursor, and names of keys.
fn scan(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let cursor = parse_cursor(argv.at(1))?;
    let options = ScanOptions::parse(argv.tail(2), true, None)?;
    let everything = ctx.keys.locked.is_all();
    if !everything && (ctx.keys.scratch.undo.is_active() || ctx.keys.locked.shards_mut().next().is_some()) {
        return Err(CommandError::UndeclaredKey);
    }
    let (index, now_ms) = (ctx.keys.db, ctx.keys.now_ms);
    // A command of a module may still be undone, and paused clients are to find the data as it was.
    let keeps_dead = ctx.keys.keeps_dead || ctx.keys.scratch.undo.is_active();
    let keyspace = &ctx.tenant.keyspace;
    let (aof, appended) = (&ctx.server.aof, &mut ctx.session.appended);
    let (mut expired, locked) = ctx.keys.expired();
    let shards = keyspace.shards() as u64;
    reply_step(ctx.reply, |reply| {
        let (mut shard, mut position) = (cursor % shards, cursor / shards);
        let (mut seen, mut reported) = (0, 0);
        let mut walk = |locked: &mut Locked<'_>, shard: ShardId, position: u64, seen: &mut usize| {
            let shard = locked.shard_by_id(shard)?;
            let count = options.count - *seen;
            let mut dead: Vec<Box<[u8]>> = Vec::new();
            // At time 0 nothing has expired: what has is met here, too.
            let next = shard.dbs().get(index)?.scan(position, count, 0, |entry| {
                *seen += 1;
                let wanted = options.kind.is_none_or(|kind| args::is(kind, &entry.type_name()));
                match wanted && options.matches(entry.key()) {
                    true if !entry.is_expired(now_ms) => {
                        reply.bulk(entry.key());
                        reported += 1;
                    }
                    true if !keeps_dead => dead.push(entry.key().into()),
                    _ => {}
                }
            });
            for name in dead {
                shard.db(index).contains(&Key::new(&name), now_ms);
            }
            expired.collect(shard);
            if !everything && !expired.effects.propagation.is_empty() {
                // Here, while the shard is locked, since the next command may make the key anew.
                *appended = aof.append(&mut expired.effects.propagation, false);
            }
            Some(next)
        };
        while shard < shards {
            let id = shard as ShardId;
            let next = if everything {
                walk(locked, id, position, &mut seen)
            } else {
                walk(&mut keyspace.lock_one(id), id, position, &mut seen)
            };
            position = next.unwrap_or(0);
            shard += u64::from(position == 0);
            if seen >= options.count {
                break;
            }
        }
        let next = if shard < shards { position * shards + shard } else { 0 };
        Ok((next, reported))
    })
}

/// `KEYS pattern` -- O(N) in the keys of the database. The names that match.
fn keys(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options =
        ScanOptions { pattern: Some(argv.at(1)).filter(|&pattern| pattern != b"*"), ..Default::default() };
    let (index, now_ms) = (ctx.keys.db, ctx.keys.now_ms);
    let header = ctx.reply.deferred_array();
    let mut reported = 0;
    for (_, shard) in ctx.keys.locked.shards_mut() {
        for entry in shard.dbs().get(index).into_iter().flat_map(Db::iter) {
            if !entry.is_expired(now_ms) && options.matches(entry.key()) {
                ctx.reply.bulk(entry.key());
                reported += 1;
            }
        }
    }
    ctx.reply.set_deferred(header, reported);
    Ok(())
}

/// `RANDOMKEY` -- O(1). The name of a key; null if the database is empty.
fn randomkey(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let (index, now_ms) = (ctx.keys.db, ctx.keys.now_ms);
    let mut rng = ctx.rng();
    let total = ctx.keys.locked.dbsize(index);
    if total == 0 {
        ctx.reply.null();
        return Ok(());
    }
    // Each key is as likely as any other: a shard is drawn by the number of its keys.
    let mut chosen = rng.random_range(0..total);
    for (_, shard) in ctx.keys.locked.shards_mut() {
        let Some(db) = shard.dbs().get(index) else { continue };
        if chosen < db.len()
            && let Some(entry) = db.random_key(&mut rng, now_ms)
        {
            ctx.reply.bulk(entry.key());
            return Ok(());
        }
        chosen = chosen.saturating_sub(db.len());
    }
    // All keys of the chosen shard and of those behind it have expired.
    let mut dbs = ctx.keys.locked.shards_mut().filter_map(|(_, shard)| shard.dbs().get(index));
    let entry = dbs.find_map(|db| db.random_key(&mut rng, now_ms));
    ctx.reply.bulk_or_null(entry.map(super::super::keyspace::entry_ref::EntryRef::key));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_strtoul_reads_them() {
        for (text, expected) in [
            ("0", 0),
            ("", 0),
            ("007", 7),
            ("5\0x", 5),
            ("\0x", 0),
            ("+5", 5),
            ("-1", u64::MAX),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_cursor(text.as_bytes()), Ok(expected), "{text:?}");
        }
        for text in [" 1", "1 ", "x", "-", "+", "1.5", "0x1", "18446744073709551616"] {
            assert!(parse_cursor(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_header_of_a_step_stands_first() {
        let mut reply = ReplyWriter::default();
        reply.ok();
        let result = reply_step(&mut reply, |reply| {
            reply.bulk("a");
            reply.bulk("bc");
            Ok((17, 2))
        });
        assert_eq!(result, Ok(()));
        assert_eq!(reply.as_bytes(), b"+OK\r\n*2\r\n$2\r\n17\r\n*2\r\n$1\r\na\r\n$2\r\nbc\r\n");
    }
}
