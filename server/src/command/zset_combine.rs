//! Unions, intersections and differences of sorted sets and sets, whose members count as scored 1.
//!
//! Sources are looked at one after the other, as a command can look at one value at a time: an intersection copies the members of its
//! smallest source and goes on with those that the next one has, too. The order of the sources is Redis's, from the smallest to the
//! largest, since it decides how floating-point numbers add up.

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::effects::notify::Class;
use crate::keyspace::{EntryRef, Key, Set, Zset};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::spec::{Family, Find, KeySpec, access, key};
use super::strtod;
use super::zset::{reply_header, reply_scored};

/// The keys behind a number of keys.
const fn counted(at: usize) -> KeySpec {
    KeySpec { access: access::READ, find: Find::Count { count: at, first: at + 1, step: 1 }, notes: "" }
}

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "sorted-set",
    commands: &[
        command!("ZUNION", -3, READ | MOVABLE_KEYS, [counted(1)], zunion,
            "6.2.0", "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
            "Returns the union of multiple sorted sets.",
            "numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]"),
        command!("ZINTER", -3, READ | MOVABLE_KEYS, [counted(1)], zinter,
            "6.2.0", "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
            "Returns the intersect of multiple sorted sets.",
            "numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]"),
        command!("ZDIFF", -3, READ | MOVABLE_KEYS, [counted(1)], zdiff,
            "6.2.0", "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
            "Returns the difference between multiple sorted sets.", "numkeys key [key ...] [WITHSCORES]"),
        command!("ZUNIONSTORE", -4, WRITE | OOM | MOVABLE_KEYS, [key(1, access::OVERWRITE), counted(2)], zunionstore,
            "2.0.0", "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
            "Stores the union of multiple sorted sets in a key.",
            "destination numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] [AGGREGATE <SUM|MIN|MAX>]"),
        command!("ZINTERSTORE", -4, WRITE | OOM | MOVABLE_KEYS, [key(1, access::OVERWRITE), counted(2)], zinterstore,
            "2.0.0", "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
            "Stores the intersect of multiple sorted sets in a key.",
            "destination numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] [AGGREGATE <SUM|MIN|MAX>]"),
        command!("ZDIFFSTORE", -4, WRITE | OOM | MOVABLE_KEYS, [key(1, access::OVERWRITE), counted(2)], zdiffstore,
            "6.2.0", "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
            "Stores the difference of multiple sorted sets in a key.", "destination numkeys key [key ...]"),
        command!("ZINTERCARD", -3, READ | MOVABLE_KEYS, [counted(1)], zintercard,
            "7.0.0", "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
            "Returns the number of members of the intersect of multiple sorted sets.",
            "numkeys key [key ...] [LIMIT limit]"),
    ],
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

/// What becomes of two scores of a member.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            // An infinity less another is 0, as Redis has it.
            Aggregate::Sum => number_or_zero(a + b),
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

/// Zero times infinity counts as 0.
fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A source of an operation.
struct Source<'a> {
    key: Key<'a>,
    len: usize,
    weight: f64,
}

/// A set or a sorted set.
enum Members<'a> {
    Set(&'a Set),
    Zset(&'a Zset),
}

impl<'a> Members<'a> {
    fn of(entry: EntryRef<'a>) -> Result<Self, CommandError> {
        let zset = entry.zset().map(Members::Zset);
        zset.or_else(|| entry.set().map(Members::Set)).ok_or(CommandError::WrongType)
    }

    fn len(&self) -> usize {
        match self {
            Members::Set(set) => set.len(),
            Members::Zset(zset) => zset.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Members::Set(set) => set.contains(member).then_some(1.0),
            Members::Zset(zset) => zset.score(member),
        }
    }

    fn for_each(&self, mut f: impl FnMut(&[u8], f64)) {
        match self {
            Members::Set(set) => {
                let mut digits = itoa::Buffer::new();
                set.iter().for_each(|member| f(member.bytes(&mut digits), 1.0));
            }
            Members::Zset(zset) => zset.iter().for_each(|(member, score)| f(member, score)),
        }
    }
}

/// The members under a key that `Plan::parse` has found to have any.
fn members<'k>(keys: &'k mut Keys<'_>, key: &Key<'_>) -> Result<Option<Members<'k>>, CommandError> {
    keys.peek(key)?.map(Members::of).transpose()
}

/// Members with their scores, on their way into a result.
type Scores = Vec<(Box<[u8]>, f64)>;

/// An operation and what it works on.
struct Plan<'a> {
    operation: Operation,
    sources: SmallVec<[Source<'a>; 4]>,
    aggregate: Aggregate,
    with_scores: bool,
    /// How many of the result are needed.
    limit: usize,
}

/// What a command takes beside keys.
#[derive(Clone, Copy)]
enum Takes {
    /// ZUNION and its like: how scores are made, and whether they are shown.
    Scores,
    /// The same without showing: it stores.
    Stores,
    /// ZINTERCARD.
    Limit,
}

impl<'a> Plan<'a> {
    /// Reads the arguments from the number of keys on, which stands at this position, and looks the keys up.
    fn parse(
        ctx: &mut CommandContext<'_>,
        argv: Argv<'a>,
        at: usize,
        operation: Operation,
        takes: Takes,
    ) -> Result<Self, CommandError> {
        let count = args::integer(argv.at(at))?;
        if count < 1 {
            let name = String::from_utf8_lossy(argv.name()).to_lowercase();
            return Err(CommandError::err(format_args!(
                "at least 1 input key is needed for '{name}' command"
            )));
        }
        let rest = argv.tail(at + 1);
        let count = usize::try_from(count).ok().filter(|&count| count <= rest.len());
        let count = count.ok_or(CommandError::Syntax)?;
        let mut sources = SmallVec::new();
        for name in rest.iter().take(count) {
            let key = ctx.key_of(name);
            let len = match ctx.keys.read(&key)? {
                Some(entry) => Members::of(entry)?.len(),
                None => 0,
            };
            sources.push(Source { key, len, weight: 1.0 });
        }
        let mut plan =
            Plan { operation, sources, aggregate: Aggregate::Sum, with_scores: false, limit: usize::MAX };
        plan.parse_options(rest.tail(count), takes)?;
        if operation != Operation::Diff {
            plan.sources.sort_by_key(|source| source.len);
        }
        Ok(plan)
    }

    fn parse_options(&mut self, mut options: Argv<'a>, takes: Takes) -> CommandResult {
        let counts = matches!(takes, Takes::Limit);
        let calculates = self.operation != Operation::Diff && !counts;
        while let Some(word) = options.get(0) {
            let used = if calculates && options.len() > self.sources.len() && args::is(word, "WEIGHTS") {
                for (source, weight) in self.sources.iter_mut().zip(options.iter().skip(1)) {
                    source.weight = strtod::number(weight)
                        .ok_or(CommandError::line("ERR weight value is not a float"))?;
                }
                1 + self.sources.len()
            } else if calculates && options.len() >= 2 && args::is(word, "AGGREGATE") {
                self.aggregate = match options.at(1) {
                    name if args::is(name, "SUM") => Aggregate::Sum,
                    name if args::is(name, "MIN") => Aggregate::Min,
                    name if args::is(name, "MAX") => Aggregate::Max,
                    _ => return Err(CommandError::Syntax),
                };
                2
            } else if matches!(takes, Takes::Scores) && args::is(word, "WITHSCORES") {
                self.with_scores = true;
                1
            } else if counts && options.len() >= 2 && args::is(word, "LIMIT") {
                let limit = args::unsigned(options.at(1), "ERR LIMIT can't be negative")?;
                // No limit is what 0 means.
                self.limit = usize::try_from(limit).ok().filter(|&limit| limit != 0).unwrap_or(usize::MAX);
                2
            } else {
                return Err(CommandError::Syntax);
            };
            options = options.tail(used);
        }
        Ok(())
    }

    /// The result, in no order.
    fn run(&self, keys: &mut Keys<'_>) -> Result<Scores, CommandError> {
        match self.operation {
            Operation::Union => self.union(keys),
            Operation::Inter => self.inter(keys),
            Operation::Diff => self.diff(keys),
        }
    }

    fn union(&self, keys: &mut Keys<'_>) -> Result<Scores, CommandError> {
        let mut scores: HashMap<Box<[u8]>, f64> = HashMap::new();
        for source in &self.sources {
            let Some(members) = members(keys, &source.key)? else { continue };
            members.for_each(|member, score| {
                let score = number_or_zero(score * source.weight);
                match scores.get_mut(member) {
                    Some(sum) => *sum = self.aggregate.of(*sum, score),
                    None => _ = scores.insert(member.into(), score),
                }
            });
        }
        Ok(scores.into_iter().collect())
    }

    /// The members of the first source, with its scores.
    fn first(&self, keys: &mut Keys<'_>) -> Result<Scores, CommandError> {
        let mut scores = Scores::new();
        if let Some(members) = members(keys, &self.sources[0].key)? {
            scores.reserve_exact(members.len());
            members.for_each(|member, score| scores.push((member.into(), score)));
        }
        Ok(scores)
    }

    fn inter(&self, keys: &mut Keys<'_>) -> Result<Scores, CommandError> {
        let mut scores = self.first(keys)?;
        scores.iter_mut().for_each(|(_, score)| *score = number_or_zero(*score * self.sources[0].weight));
        for (at, source) in self.sources.iter().enumerate().skip(1) {
            let Some(members) = members(keys, &source.key)? else { return Ok(Scores::new()) };
            let is_last = at + 1 == self.sources.len();
            let mut found = 0;
            scores.retain_mut(|(member, sum)| {
                // With the last source, what is kept is in all of them.
                if is_last && found >= self.limit {
                    return false;
                }
                let Some(score) = members.score(member) else { return false };
                *sum = self.aggregate.of(*sum, score * source.weight);
                found += 1;
                true
            });
        }
        scores.truncate(self.limit);
        Ok(scores)
    }

    fn diff(&self, keys: &mut Keys<'_>) -> Result<Scores, CommandError> {
        let mut scores = self.first(keys)?;
        for source in &self.sources[1..] {
            if scores.is_empty() {
                break;
            }
            if let Some(members) = members(keys, &source.key)? {
                scores.retain(|(member, _)| members.score(member).is_none());
            }
        }
        Ok(scores)
    }
}

/// Calculate, and answer with the result.
fn reply_result(ctx: &mut CommandContext<'_>, argv: Argv<'_>, operation: Operation) -> CommandResult {
    let plan = Plan::parse(ctx, argv, 1, operation, Takes::Scores)?;
    let mut scores = plan.run(&mut ctx.keys)?;
    scores.sort_unstable_by(|a, b| Zset::compare((a.1, &a.0), (b.1, &b.0)));
    reply_header(ctx.reply, scores.len(), plan.with_scores);
    scores.iter().for_each(|(member, score)| reply_scored(ctx.reply, (member, *score), plan.with_scores));
    Ok(())
}

/// Calculate, and store the result. The reply is how many members it has.
fn store_result(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    operation: Operation,
    event: &'static str,
) -> CommandResult {
    let plan = Plan::parse(ctx, argv, 2, operation, Takes::Stores)?;
    let scores = plan.run(&mut ctx.keys)?;
    let scored = scores.iter().map(|(member, score)| (&**member, *score));
    let result =
        Zset::of_members(scored, ctx.keys.thresholds).expect("no member is there twice, and none is NaN");
    ctx.keys.store_result(&ctx.key_at(argv, 1), result, Class::ZSET, event)?;
    ctx.reply.integer(scores.len() as i64);
    Ok(())
}

/// `ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]` -- O(N)+O(M*log(M)). The members
/// of all sources together.
fn zunion(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_result(ctx, argv, Operation::Union)
}

/// `ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]` -- O(N*K)+O(M*log(M)). The members
/// that all sources have.
fn zinter(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_result(ctx, argv, Operation::Inter)
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]` -- O(N*K)+O(M*log(M)). The members that only the first source has.
fn zdiff(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply_result(ctx, argv, Operation::Diff)
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]` -- as ZUNION. How
/// many members the result has.
fn zunionstore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    store_result(ctx, argv, Operation::Union, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]` -- as ZINTER. How
/// many members the result has.
fn zinterstore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    store_result(ctx, argv, Operation::Inter, "zinterstore")
}

/// `ZDIFFSTORE destination numkeys key [key ...]` -- as ZDIFF. How many members the result has.
fn zdiffstore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    store_result(ctx, argv, Operation::Diff, "zdiffstore")
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]` -- O(N*K). How many members all sources have, or the limit if they are more.
fn zintercard(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let plan = Plan::parse(ctx, argv, 1, Operation::Inter, Takes::Limit)?;
    let common = plan.run(&mut ctx.keys)?.len();
    ctx.reply.integer(common as i64);
    Ok(())
}
