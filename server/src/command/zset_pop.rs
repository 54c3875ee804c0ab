//! Taking members from an end of a sorted set, and waiting for some.

use crate::keyspace::{Key, ValueType, Zset};
use crate::net::argv::Argv;
use crate::net::reply::{Protocol, ReplyWriter};

use super::args;
use super::blocking::{self, Until};
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::spec::{Access, Family, Find, KeySpec, access, key, keys};
use super::zset::reply_header;

const POP: Access = access::DELETE.with(Access::ACCESS);

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "sorted-set",
    commands: &[
        command!("ZPOPMIN", -2, WRITE | FAST, [key(1, POP)], zpopmin,
            "5.0.0", "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
            "Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.",
            "key [count]"),
        command!("ZPOPMAX", -2, WRITE | FAST, [key(1, POP)], zpopmax,
            "5.0.0", "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
            "Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.",
            "key [count]"),
        command!("ZMPOP", -4, WRITE | MOVABLE_KEYS, [KeySpec { access: POP, find: Find::Count { count: 1, first: 2, step: 1 }, notes: "" }], zmpop,
            "7.0.0", "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
            "Returns the highest- or lowest-scoring members from one or more sorted sets after removing them. Deletes the sorted set if the last member was popped.",
            "numkeys key [key ...] MIN|MAX [COUNT count]"),
        command!("BZPOPMIN", -3, WRITE | NOSCRIPT | BLOCKING | FAST, [keys(1, -2, 1, POP)], bzpopmin,
            "5.0.0", "O(log(N)) with N being the number of elements in the sorted set.",
            "Removes and returns the member with the lowest score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped.",
            "key [key ...] timeout:double"),
        command!("BZPOPMAX", -3, WRITE | NOSCRIPT | BLOCKING | FAST, [keys(1, -2, 1, POP)], bzpopmax,
            "5.0.0", "O(log(N)) with N being the number of elements in the sorted set.",
            "Removes and returns the member with the highest score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped.",
            "key [key ...] timeout:double"),
        command!("BZMPOP", -5, WRITE | BLOCKING | MOVABLE_KEYS, [KeySpec { access: POP, find: Find::Count { count: 2, first: 3, step: 1 }, notes: "" }], bzmpop,
            "7.0.0", "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
            "Removes and returns a member by score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped.",
            "timeout:double numkeys key [key ...] MIN|MAX [COUNT count]"),
    ],
};

/// The end from which members are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The lowest scores.
    Min,
    /// The highest scores.
    Max,
}

impl End {
    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        match word {
            word if args::is(word, "MIN") => Ok(End::Min),
            word if args::is(word, "MAX") => Ok(End::Max),
            _ => Err(CommandError::Syntax),
        }
    }

    fn event(self) -> &'static str {
        match self {
            End::Min => "zpopmin",
            End::Max => "zpopmax",
        }
    }

    /// The command that takes from it.
    fn command(self) -> &'static [u8] {
        match self {
            End::Min => b"ZPOPMIN",
            End::Max => b"ZPOPMAX",
        }
    }
}

/// Take up to so many members, one at least, from the sorted set under a key, if there is one. `header` writes what stands before the members and is told
/// how many they are; `nested` puts each into an array of its own. The result is how many were taken.
pub(super) fn pop(
    keys: &mut Keys<'_>,
    reply: &mut ReplyWriter,
    key: &Key<'_>,
    end: End,
    count: usize,
    nested: bool,
    header: impl FnOnce(&mut ReplyWriter, usize),
) -> Result<usize, CommandError> {
    let Some(zset) = keys.peek_as::<Zset>(key)? else { return Ok(0) };
    let (len, count) = (zset.len(), count.min(zset.len()));
    let ranks = if end == End::Min { 0..count } else { len - count..len };
    let start = reply.len();
    header(reply, count);
    for (member, score) in zset.range(ranks.clone(), end == End::Max) {
        if nested {
            reply.array_header(2);
        }
        reply.bulk(member);
        reply.double(score);
    }
    if let Err(refused) = keys.remove_ranks(key, ranks, end.event()) {
        reply.truncate(start);
        return Err(refused);
    }
    Ok(count)
}

/// `ZPOPMIN key [count]` -- O(log(N)) a member. The members with the lowest scores, and these.
fn zpopmin(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop_one_key(ctx, argv, End::Min)
}

/// `ZPOPMAX key [count]` -- O(log(N)) a member. The members with the highest scores, and these.
fn zpopmax(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop_one_key(ctx, argv, End::Max)
}

fn pop_one_key(ctx: &mut CommandContext<'_>, argv: Argv<'_>, end: End) -> CommandResult {
    let count = match argv.len() {
        2 => 1,
        3 => args::unsigned(argv.at(2), "ERR value is out of range, must be positive")?,
        _ => return Err(CommandError::Syntax),
    };
    let key = ctx.key_at(argv, 1);
    let nested = argv.len() == 3 && ctx.reply.protocol() == Protocol::Resp3;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count == 0 {
        ctx.keys.peek_as::<Zset>(&key)?;
        ctx.reply.array_header(0);
        return Ok(());
    }
    let popped = pop(&mut ctx.keys, ctx.reply, &key, end, count, nested, |reply, count| {
        if nested {
            reply_header(reply, count, true);
        } else {
            reply.array_header(count * 2);
        }
    })?;
    if popped == 0 {
        ctx.reply.array_header(0);
    }
    Ok(())
}

/// What ZMPOP and BZMPOP are asked for.
pub(super) struct MultiPop {
    /// Where the keys are among the arguments.
    pub(super) keys: std::ops::Range<usize>,
    pub(super) end: End,
    pub(super) count: usize,
}

impl MultiPop {
    /// Reads the arguments from the number of keys on, which stands at this position.
    pub(super) fn parse(argv: Argv<'_>, at: usize) -> Result<Self, CommandError> {
        let positive = |text: &[u8], line: &'static str| {
            let number =
                args::parse_i64(text).filter(|&number| number > 0).ok_or(CommandError::line(line))?;
            Ok::<_, CommandError>(usize::try_from(number).unwrap_or(usize::MAX))
        };
        let keys = positive(argv.at(at), "ERR numkeys should be greater than 0")?;
        let behind = (at + 1).saturating_add(keys);
        let end = End::parse(argv.get(behind).ok_or(CommandError::Syntax)?)?;
        let mut count = None;
        let mut words = argv.tail(behind + 1).iter();
        while let Some(word) = words.next() {
            match words.next() {
                Some(number) if count.is_none() && args::is(word, "COUNT") => {
                    count = Some(positive(number, "ERR count should be greater than 0")?);
                }
                _ => return Err(CommandError::Syntax),
            }
        }
        Ok(MultiPop { keys: at + 1..behind, end, count: count.unwrap_or(1) })
    }

    /// Takes members from the first of the keys that has any, if one does. It is repeated as the command for that key.
    pub(super) fn run(&self, ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> Result<bool, CommandError> {
        for position in self.keys.clone() {
            let key = ctx.key_at(argv, position);
            let header = |reply: &mut ReplyWriter, count| {
                reply.array_header(2);
                reply.bulk(key.bytes);
                reply.array_header(count);
            };
            let popped = pop(&mut ctx.keys, ctx.reply, &key, self.end, self.count, true, header)?;
            if popped > 0 {
                let mut digits = itoa::Buffer::new();
                let count = digits.format(popped).as_bytes();
                ctx.keys.propagate(&[self.end.command(), key.bytes, count]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]` -- O(K)+O(M*log(N)). The first key that has members, and those that were
/// taken from it, each with its score; null if none has.
fn zmpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if !MultiPop::parse(argv, 1)?.run(ctx, argv)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// `BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]` -- O(K)+O(M*log(N)). As ZMPOP; waits for one of the keys.
fn bzmpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let pop = MultiPop::parse(argv, 2)?;
    let timeout = blocking::timeout(argv.at(1))?;
    if !pop.run(ctx, argv)? {
        ctx.reply.null_array();
        ctx.wait_for(pop.keys.map(|position| argv.at(position)), timeout, Until::Holds(ValueType::Zset));
    }
    Ok(())
}

/// `BZPOPMIN key [key ...] timeout` -- O(log(N)). The first key that has members, the one with the lowest score, and its score; null when
/// the time is over.
fn bzpopmin(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop_or_wait(ctx, argv, End::Min)
}

/// `BZPOPMAX key [key ...] timeout` -- O(log(N)). The same with the highest score.
fn bzpopmax(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop_or_wait(ctx, argv, End::Max)
}

fn pop_or_wait(ctx: &mut CommandContext<'_>, argv: Argv<'_>, end: End) -> CommandResult {
    let last = argv.len() - 1;
    let timeout = blocking::timeout(argv.at(last))?;
    for position in 1..last {
        let key = ctx.key_at(argv, position);
        let header = |reply: &mut ReplyWriter, _| {
            reply.array_header(3);
            reply.bulk(key.bytes);
        };
        if pop(&mut ctx.keys, ctx.reply, &key, end, 1, false, header)? > 0 {
            ctx.keys.propagate(&[end.command(), key.bytes]);
            return Ok(());
        }
    }
    ctx.reply.null_array();
    ctx.wait_for((1..last).map(|position| argv.at(position)), timeout, Until::Holds(ValueType::Zset));
    Ok(())
}
