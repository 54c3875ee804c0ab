//! Commands on single members of sorted sets: adding, scoring, ranking, removing. What they are made of is in `keyspace::zset`.
//! A sorted set without members does not exist: whoever takes the last member takes the key.
//! Ranges are in `zset_range`, taking from an end in `zset_pop`, walks and lots in `zset_walk`, set operations in `zset_combine`.

use smallvec::SmallVec;

use crate::effects::notify::Class;
use crate::keyspace::{Key, PackedLimits, Zset};
use crate::net::argv::Argv;
use crate::net::reply::{Protocol, ReplyWriter};

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::spec::{Family, access, key};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "sorted-set",
    commands: &[
        command!("ZADD", -4, WRITE | OOM | FAST, [key(1, access::UPDATE)], zadd,
            "1.2.0", "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
            "Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist.",
            "key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]"),
        command!("ZINCRBY", 4, WRITE | OOM | FAST, [key(1, access::MODIFY)], zincrby,
            "1.2.0", "O(log(N)) where N is the number of elements in the sorted set.",
            "Increments the score of a member in a sorted set.", "key increment member"),
        command!("ZREM", -3, WRITE | FAST, [key(1, access::DELETE)], zrem,
            "1.2.0", "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.",
            "Removes one or more members from a sorted set. Deletes the sorted set if all members were removed.",
            "key member [member ...]"),
        command!("ZCARD", 2, READ | FAST, [key(1, access::INSPECT)], zcard,
            "1.2.0", "O(1)", "Returns the number of members in a sorted set.", "key"),
        command!("ZSCORE", 3, READ | FAST, [key(1, access::READ)], zscore,
            "1.2.0", "O(1)", "Returns the score of a member in a sorted set.", "key member"),
        command!("ZMSCORE", -3, READ | FAST, [key(1, access::READ)], zmscore,
            "6.2.0", "O(N) where N is the number of members being requested.",
            "Returns the score of one or more members in a sorted set.", "key member [member ...]"),
        command!("ZRANK", -3, READ | FAST, [key(1, access::READ)], zrank,
            "2.0.0", "O(log(N))", "Returns the index of a member in a sorted set ordered by ascending scores.",
            "key member [WITHSCORE]"),
        command!("ZREVRANK", -3, READ | FAST, [key(1, access::READ)], zrevrank,
            "2.0.0", "O(log(N))", "Returns the index of a member in a sorted set ordered by descending scores.",
            "key member [WITHSCORE]"),
    ],
};

/// The header of a list of members. Only RESP3 puts a member and its score into an array of their own.
pub(super) fn reply_header(reply: &mut ReplyWriter, count: usize, with_scores: bool) {
    let flat = with_scores && reply.protocol() == Protocol::Resp2;
    reply.array_header(if flat { count * 2 } else { count });
}

/// A member of such a list.
#[inline]
pub(super) fn reply_scored(reply: &mut ReplyWriter, (member, score): (&[u8], f64), with_scores: bool) {
    if with_scores && reply.protocol() == Protocol::Resp3 {
        reply.array_header(2);
    }
    reply.bulk(member);
    if with_scores {
        reply.double(score);
    }
}

/// What ZADD may do.
#[derive(Clone, Copy, Default)]
pub struct AddOptions {
    /// Only add.
    pub(super) nx: bool,
    /// Only change.
    pub(super) xx: bool,
    /// Change only to a higher score.
    gt: bool,
    /// Change only to a lower one.
    lt: bool,
    /// Count what was changed, too.
    pub(super) ch: bool,
    /// Add to the score that is there.
    incr: bool,
}

impl AddOptions {
    /// ZINCRBY's.
    pub const INCREMENT: Self = Self { nx: false, xx: false, gt: false, lt: false, ch: false, incr: true };

    /// Reads options; the result is where the first score is.
    fn parse(&mut self, argv: Argv<'_>) -> usize {
        let mut at = 2;
        while let Some(word) = argv.get(at) {
            let option = match word.len() {
                2 if args::is(word, "NX") => &mut self.nx,
                2 if args::is(word, "XX") => &mut self.xx,
                2 if args::is(word, "GT") => &mut self.gt,
                2 if args::is(word, "LT") => &mut self.lt,
                2 if args::is(word, "CH") => &mut self.ch,
                4 if args::is(word, "INCR") => &mut self.incr,
                _ => break,
            };
            *option = true;
            at += 1;
        }
        at
    }

    /// Whether they go together, for so many pairs.
    fn check(self, pairs: usize) -> CommandResult {
        if self.nx && self.xx {
            return Err(CommandError::line("ERR XX and NX options at the same time are not compatible"));
        }
        if u8::from(self.gt) + u8::from(self.lt) + u8::from(self.nx) > 1 {
            let line = "ERR GT, LT, and/or NX options at the same time are not compatible";
            return Err(CommandError::line(line));
        }
        if self.incr && pairs > 1 {
            return Err(CommandError::line("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }
}

/// What ZADD has done.
#[derive(Default)]
pub struct Added {
    added: usize,
    updated: usize,
    /// The score that INCR has left, if it was allowed to.
    score: Option<f64>,
}

impl Added {
    /// How many members are new.
    pub fn added(&self) -> usize {
        self.added
    }

    /// Whether anything is other than it was.
    pub fn has_changed(&self) -> bool {
        self.added + self.updated > 0
    }

    /// The score that INCR has left, if it was allowed to.
    pub fn score(&self) -> Option<f64> {
        self.score
    }

    /// What ZADD answers.
    pub(super) fn counted(&self, options: AddOptions) -> i64 {
        (self.added + if options.ch { self.updated } else { 0 }) as i64
    }

    /// Adds or updates one member.
    fn add(
        &mut self,
        zset: &mut Zset,
        member: &[u8],
        score: f64,
        options: AddOptions,
        limits: PackedLimits,
    ) -> CommandResult {
        // Without options one search finds and sets.
        if !(options.nx || options.xx || options.gt || options.lt || options.incr) {
            match zset.set(member, score, limits) {
                None => self.added += 1,
                Some(old) => self.updated += usize::from(old != score),
            }
            return Ok(());
        }
        let Some(old) = zset.score(member) else {
            if !options.xx {
                zset.set(member, score, limits);
                self.added += 1;
                self.score = Some(score);
            }
            return Ok(());
        };
        let score = if options.incr { old + score } else { score };
        if options.nx {
            return Ok(());
        }
        if score.is_nan() {
            return Err(CommandError::line("ERR resulting score is not a number (NaN)"));
        }
        if (options.gt && score <= old) || (options.lt && score >= old) {
            return Ok(());
        }
        self.score = Some(score);
        if score != old {
            zset.set(member, score, limits);
            self.updated += 1;
        }
        Ok(())
    }
}

/// `ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]` -- O(log(N)) a member. How many are new, with CH how many
/// were changed, too; with INCR the new score, null if it was not to be changed.
fn zadd(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    add(ctx, argv, AddOptions::default())
}

/// `ZINCRBY key increment member` -- O(log(N)). The new score.
fn zincrby(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    add(ctx, argv, AddOptions::INCREMENT)
}

fn add(ctx: &mut CommandContext<'_>, argv: Argv<'_>, mut options: AddOptions) -> CommandResult {
    let pairs = argv.tail(options.parse(argv));
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    options.check(pairs.len() / 2)?;
    let scores: Result<SmallVec<[f64; 8]>, _> = pairs.iter().step_by(2).map(args::float).collect();
    let scores = scores?;
    let members = (1..pairs.len()).step_by(2).map(|at| pairs.at(at));
    let key = ctx.key_at(argv, 1);
    let done = add_scored(&mut ctx.keys, &key, members.zip(scores.iter().copied()), options)?;
    match done.score {
        Some(score) if options.incr => ctx.reply.double(score),
        None if options.incr => ctx.reply.null(),
        _ => ctx.reply.integer(done.counted(options)),
    }
    Ok(())
}

/// Add members with scores, and tell everybody.
pub fn add_scored<'a>(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    members: impl ExactSizeIterator<Item = (&'a [u8], f64)> + Clone,
    options: AddOptions,
) -> Result<Added, CommandError> {
    let limits = keys.thresholds.zset;
    let names = members.clone().map(|(member, _)| member);
    let changed = keys.change_members(key, names, |zset: &mut Zset| {
        zset.expect(members.len(), limits);
        let mut done = Added::default();
        for (member, score) in members {
            done.add(zset, member, score, options, limits)?;
        }
        Ok::<_, CommandError>(done)
    })?;
    let done = changed.result?;
    if done.has_changed() {
        keys.made_or_modified(key, changed.is_new, Class::ZSET, if options.incr { "zincr" } else { "zadd" });
        keys.effects.dirty += (done.added + done.updated) as u64 - 1;
    }
    Ok(done)
}

/// `ZREM key member [member ...]` -- O(log(N)) a member. How many were there and are gone.
fn zrem(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let removed = remove(&mut ctx.keys, &key, argv.tail(2).iter())?;
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// Remove members, and tell everybody. How many were there.
pub fn remove<'a>(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    members: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
) -> Result<usize, CommandError> {
    if keys.peek_as::<Zset>(key)?.is_none() {
        return Ok(0);
    }
    let names = members.clone();
    let remove = |zset: &mut Zset| members.filter(|member| zset.remove(member).is_some()).count();
    let changed = keys.change_members(key, names, remove)?;
    if changed.result > 0 {
        keys.tell_removed(key, changed.result, changed.is_gone, "zrem");
    }
    Ok(changed.result)
}

/// `ZCARD key` -- O(1). How many members there are.
fn zcard(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.read_as::<Zset>(&ctx.key_at(argv, 1))?.map_or(0, Zset::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

fn reply_score(reply: &mut ReplyWriter, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// `ZSCORE key member` -- O(1). The score; null if there is no such member.
fn zscore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let zset = ctx.keys.read_as::<Zset>(&ctx.key_at(argv, 1))?;
    reply_score(ctx.reply, zset.and_then(|zset| zset.score(argv.at(2))));
    Ok(())
}

/// `ZMSCORE key member [member ...]` -- O(N). The scores; null for members that are not there.
fn zmscore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let zset = ctx.keys.read_as::<Zset>(&ctx.key_at(argv, 1))?;
    ctx.reply.array_header(argv.len() - 2);
    for member in argv.iter().skip(2) {
        reply_score(ctx.reply, zset.and_then(|zset| zset.score(member)));
    }
    Ok(())
}

/// `ZRANK key member [WITHSCORE]` -- O(log(N)). How many members stand before it, and its score; null if it is not there.
fn zrank(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    rank(ctx, argv, |rank, _| rank)
}

/// `ZREVRANK key member [WITHSCORE]` -- O(log(N)). How many members stand behind it, and its score; null if it is not there.
fn zrevrank(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    rank(ctx, argv, |rank, len| len - 1 - rank)
}

fn rank(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    count_from: impl Fn(usize, usize) -> usize,
) -> CommandResult {
    let with_score = match argv.len() {
        3 => false,
        4 if args::is(argv.at(3), "WITHSCORE") => true,
        4 => return Err(CommandError::Syntax),
        _ => return Err(ctx.wrong_arity()),
    };
    let key: Key<'_> = ctx.key_at(argv, 1);
    let zset = ctx.keys.read_as::<Zset>(&key)?;
    let found = zset.and_then(|zset| zset.rank(argv.at(2)).map(|found| (zset.len(), found)));
    match found {
        None if with_score => ctx.reply.null_array(),
        None => ctx.reply.null(),
        Some((len, (rank, score))) => {
            if with_score {
                ctx.reply.array_header(2);
            }
            ctx.reply.integer(count_from(rank, len) as i64);
            if with_score {
                ctx.reply.double(score);
            }
        }
    }
    Ok(())
}
