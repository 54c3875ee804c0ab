//! What is made of several sets: SINTER, SUNION, SDIFF, and their forms that store the result or count it.
//! The result is found while the sets stay where they are, and stored afterwards, so the destination may be one of them.

use std::ops::ControlFlow;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use smallvec::SmallVec;

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Key, Set, StringRef, key as keys_hash};
use crate::net::argv::Argv;
use crate::net::reply::Aggregate;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::spec::{Family, Find, KeySpec, access, key, keys, tips};
use super::string::reply_string;

/// Keys whose number the first argument says.
const COUNTED: KeySpec =
    KeySpec { access: access::READ, find: Find::Count { count: 1, first: 2, step: 1 }, notes: "" };

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "set",
    commands: &[
        command!("SINTER", -2, READ, [keys(1, -1, 1, access::READ)], sinter,
            "1.0.0", "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
            "Returns the intersect of multiple sets.", "key [key ...]", tips: tips::UNORDERED),
        command!("SINTERCARD", -3, READ | MOVABLE_KEYS, [COUNTED], sintercard,
            "7.0.0", "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
            "Returns the number of members of the intersect of multiple sets.", "numkeys key [key ...] [LIMIT limit]"),
        command!("SINTERSTORE", -3, WRITE | OOM, [key(1, access::UPDATE), keys(2, -1, 1, access::READ)], sinterstore,
            "1.0.0", "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
            "Stores the intersect of multiple sets in a key.", "destination key [key ...]"),
        command!("SUNION", -2, READ, [keys(1, -1, 1, access::READ)], sunion,
            "1.0.0", "O(N) where N is the total number of elements in all given sets.",
            "Returns the union of multiple sets.", "key [key ...]", tips: tips::UNORDERED),
        command!("SUNIONSTORE", -3, WRITE | OOM, [key(1, access::OVERWRITE), keys(2, -1, 1, access::READ)], sunionstore,
            "1.0.0", "O(N) where N is the total number of elements in all given sets.",
            "Stores the union of multiple sets in a key.", "destination key [key ...]"),
        command!("SDIFF", -2, READ, [keys(1, -1, 1, access::READ)], sdiff,
            "1.0.0", "O(N) where N is the total number of elements in all given sets.",
            "Returns the difference of multiple sets.", "key [key ...]", tips: tips::UNORDERED),
        command!("SDIFFSTORE", -3, WRITE | OOM, [key(1, access::OVERWRITE), keys(2, -1, 1, access::READ)], sdiffstore,
            "1.0.0", "O(N) where N is the total number of elements in all given sets.",
            "Stores the difference of multiple sets in a key.", "destination key [key ...]"),
    ],
};

/// What is made of sets.
#[derive(Clone, Copy)]
enum Operation {
    Intersect,
    Union,
    Difference,
}

/// The sets beside each other, none where a key is not there.
type Sets<'s> = SmallVec<[Option<&'s Set>; 4]>;

/// What a member is given to; it may have enough.
type Found<'f, 's> = &'f mut dyn FnMut(StringRef<'s>) -> ControlFlow<()>;

impl Operation {
    /// Gives `f` the members of the result, each once and in no order.
    fn run<'s>(self, sets: &Sets<'s>, f: Found<'_, 's>) -> ControlFlow<()> {
        match self {
            Operation::Intersect => intersect(sets, f),
            Operation::Union => union(sets, f),
            Operation::Difference => difference(sets, f),
        }
    }
}

/// Looks the members of the smallest up in the others.
fn intersect<'s>(sets: &Sets<'s>, f: Found<'_, 's>) -> ControlFlow<()> {
    let Some(mut sets) = sets.iter().copied().collect::<Option<SmallVec<[&Set; 4]>>>() else {
        return ControlFlow::Continue(());
    };
    // The same set twice, as well by its address, need not be asked twice.
    sets.sort_by_key(|set| (set.len(), std::ptr::from_ref(*set)));
    sets.dedup_by(|a, b| std::ptr::eq(*a, *b));
    let Some((smallest, others)) = sets.split_first() else { return ControlFlow::Continue(()) };
    smallest.iter().filter(|&member| others.iter().all(|set| set.contains_ref(member))).try_for_each(f)
}

/// Remembers what it has seen.
fn union<'s>(sets: &Sets<'s>, f: Found<'_, 's>) -> ControlFlow<()> {
    let mut sets: SmallVec<[&Set; 4]> = sets.iter().copied().flatten().collect();
    sets.sort_by_key(|set| (std::cmp::Reverse(set.len()), std::ptr::from_ref(*set)));
    sets.dedup_by(|a, b| std::ptr::eq(*a, *b));
    if let [only] = sets[..] {
        return only.iter().try_for_each(f);
    }
    let mut seen = Seen::with_room(sets.first().map_or(0, |largest| largest.len()));
    sets.iter().flat_map(|set| set.iter()).filter(|&member| seen.add(member)).try_for_each(f)
}

/// Either looks each member of the first set up in the others, or strikes the members of the others out: whichever touches fewer.
fn difference<'s>(sets: &Sets<'s>, f: Found<'_, 's>) -> ControlFlow<()> {
    let Some((Some(first), others)) = sets.split_first() else { return ControlFlow::Continue(()) };
    let mut others: SmallVec<[&Set; 4]> = others.iter().copied().flatten().collect();
    if others.iter().any(|other| std::ptr::eq(*first, *other)) {
        return ControlFlow::Continue(());
    }
    // A member that is found in one set need not be looked up in the next, so about half of them are: as Redis reckons.
    let look_ups = first.len().saturating_mul(others.len() + 1) / 2;
    let all = others.iter().map(|set| set.len()).sum::<usize>() + first.len();
    if look_ups <= all {
        // The largest finds most.
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        return first
            .iter()
            .filter(|&member| !others.iter().any(|set| set.contains_ref(member)))
            .try_for_each(f);
    }
    let mut left = Seen::with_room(first.len());
    first.iter().for_each(|member| {
        left.add(member);
    });
    others.iter().flat_map(|set| set.iter()).for_each(|member| left.strike(member));
    left.0.into_iter().try_for_each(f)
}

/// Members by their bytes, where the sets have them.
struct Seen<'s>(HashTable<StringRef<'s>>);

fn hash(member: StringRef<'_>) -> u64 {
    keys_hash::hash(member.bytes(&mut itoa::Buffer::new()))
}

impl<'s> Seen<'s> {
    fn with_room(len: usize) -> Self {
        Seen(HashTable::with_capacity(len))
    }

    /// True if it is new.
    fn add(&mut self, member: StringRef<'s>) -> bool {
        match self.0.entry(hash(member), |&other| other == member, |&other| hash(other)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(member);
                true
            }
        }
    }

    fn strike(&mut self, member: StringRef<'_>) {
        if let Ok(found) = self.0.find_entry(hash(member), |&other| other == member) {
            found.remove();
        }
    }
}

/// Look up the sets that arguments name. All of them must be sets, even where one is missing and the result is known to be nothing.
fn look_up<'k>(
    ctx: &mut CommandContext<'_>,
    names: impl Iterator<Item = &'k [u8]>,
) -> Result<SmallVec<[Key<'k>; 4]>, CommandError> {
    let found: SmallVec<[Key<'k>; 4]> = names.map(|name| ctx.key_of(name)).collect();
    for key in &found {
        ctx.keys.read_as::<Set>(key)?;
    }
    Ok(found)
}

fn beside<'s>(keys: &'s Keys<'_>, names: &[Key<'_>]) -> Sets<'s> {
    names.iter().map(|key| keys.beside(key)).collect()
}

/// Answer with the result.
fn reply(ctx: &mut CommandContext<'_>, argv: Argv<'_>, operation: Operation) -> CommandResult {
    let names = look_up(ctx, argv.iter().skip(1))?;
    let sets = beside(&ctx.keys, &names);
    let reply = &mut *ctx.reply;
    let header = reply.deferred(Aggregate::Set);
    let mut count = 0;
    let _ = operation.run(&sets, &mut |member| {
        reply_string(reply, member);
        count += 1;
        ControlFlow::Continue(())
    });
    reply.set_deferred(header, count);
    Ok(())
}

/// Store the result, and answer how many members it has. An empty one deletes the destination.
fn store(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    operation: Operation,
    event: &'static str,
) -> CommandResult {
    let names = look_up(ctx, argv.iter().skip(2))?;
    let limits = ctx.keys.thresholds;
    let (mut result, mut digits) = (Set::new(), itoa::Buffer::new());
    let _ = operation.run(&beside(&ctx.keys, &names), &mut |member| {
        result.insert(member.bytes(&mut digits), limits);
        ControlFlow::Continue(())
    });
    let (key, len) = (ctx.key_at(argv, 1), result.len());
    ctx.keys.store_result(&key, result, Class::SET, event)?;
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `SINTER key [key ...]` -- O(N*M), N being the size of the smallest set and M their number. The members that all of them have.
fn sinter(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply(ctx, argv, Operation::Intersect)
}

/// `SUNION key [key ...]` -- O(N) in the members of all sets. The members that any of them has.
fn sunion(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply(ctx, argv, Operation::Union)
}

/// `SDIFF key [key ...]` -- O(N) in the members of all sets. The members that only the first has.
fn sdiff(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    reply(ctx, argv, Operation::Difference)
}

/// `SINTERSTORE destination key [key ...]` -- as SINTER. How many members the result has.
fn sinterstore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    store(ctx, argv, Operation::Intersect, "sinterstore")
}

/// `SUNIONSTORE destination key [key ...]` -- as SUNION. How many members the result has.
fn sunionstore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    store(ctx, argv, Operation::Union, "sunionstore")
}

/// `SDIFFSTORE destination key [key ...]` -- as SDIFF. How many members the result has.
fn sdiffstore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    store(ctx, argv, Operation::Difference, "sdiffstore")
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]` -- as SINTER, or less with a limit. How many members all sets have, or the limit.
fn sintercard(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let no_keys = "ERR numkeys should be greater than 0";
    let count = args::unsigned(argv.at(1), no_keys)?;
    if count == 0 {
        return Err(CommandError::line(no_keys));
    }
    let count = usize::try_from(count).ok().filter(|&count| count <= argv.len() - 2);
    let count = count.ok_or(CommandError::line("ERR Number of keys can't be greater than number of args"))?;
    let mut limit = 0;
    let mut options = argv.iter().skip(2 + count);
    while let Some(option) = options.next() {
        let argument = options.next().filter(|_| args::is(option, "LIMIT")).ok_or(CommandError::Syntax)?;
        limit = args::unsigned(argument, "ERR LIMIT can't be negative")?;
    }
    let names = look_up(ctx, argv.iter().skip(2).take(count))?;
    let mut found: u64 = 0;
    let _ = intersect(&beside(&ctx.keys, &names), &mut |_| {
        found += 1;
        if found == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    ctx.reply.integer(found as i64);
    Ok(())
}
