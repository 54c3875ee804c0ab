//! SPOP, SRANDMEMBER and SSCAN: members of a set drawn at random, or reported in steps.

use crate::command;
use crate::keyspace::{Collection, Encoding, Expire, Key, Set, StringRef};
use crate::limits::{POP_NEARLY_ALL, PROPAGATED_MEMBERS};
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::lots::{self, Draw};
use super::scan::{ScanOptions, parse_cursor, reply_step};
use super::set::{remove, tell_gone};
use super::spec::{Access, Family, access, key, tips};
use super::string::reply_string;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "set",
    commands: &[
        command!("SPOP", -2, WRITE | FAST, [key(1, Access::RW.with(Access::ACCESS).with(Access::DELETE))], spop,
            "1.0.0", "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
            "Takes random members out of a set and returns them. Deletes the set if no members remain.", "key [count]",
            tips: tips::VARIES),
        command!("SRANDMEMBER", -2, READ, [key(1, access::READ)], srandmember,
            "1.0.0", "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
            "Returns random members of a set.", "key [count]", tips: tips::VARIES),
        command!("SSCAN", -3, READ, [key(1, access::READ)], sscan,
            "2.8.0", "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over members of a set.", "key cursor [MATCH pattern] [COUNT count]", tips: tips::VARIES),
    ],
};

/// `SPOP key [count]` -- O(1), or O(N) in the count. A member that is taken out, or null; with a count different ones, as many as there
/// are at the most.
fn spop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    match argv.len() {
        2 => {}
        3 => return spop_many(ctx, argv),
        _ => return Err(CommandError::Syntax),
    }
    let mut rng = ctx.rng();
    let set = ctx.keys.peek_as::<Set>(&key)?;
    let Some(member) = set.and_then(|set| set.random(&mut rng)).map(StringRef::to_vec) else {
        ctx.reply.null();
        return Ok(());
    };
    remove(&mut ctx.keys, &key, std::iter::once(member.as_slice()), "spop")?;
    ctx.keys.propagate(&[b"SREM", key.bytes, &member]);
    ctx.reply.bulk(member);
    Ok(())
}

fn spop_many(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let count = args::unsigned(argv.at(2), "ERR value is out of range, must be positive")?;
    let key = ctx.key_at(argv, 1);
    let len = ctx.keys.peek_as::<Set>(&key)?.map_or(0, Set::len);
    let count = usize::try_from(count).map_or(len, |count| count.min(len));
    ctx.reply.set_header(count);
    if count == 0 {
        return Ok(());
    }
    if count == len { pop_all(ctx, &key) } else { pop_some(ctx, &key, count) }
}

/// Take all members out, which is deleting the key.
fn pop_all(ctx: &mut CommandContext<'_>, key: &Key<'_>) -> CommandResult {
    let set = ctx.keys.peek_as::<Set>(key)?;
    let len = set.map_or(0, Set::len);
    set.into_iter().flat_map(Set::iter).for_each(|member| reply_string(ctx.reply, member));
    ctx.keys.replace(key, None, Expire::Clear)?;
    tell_gone(&mut ctx.keys, key, "spop", true);
    ctx.keys.effects.dirty += len as u64 - 1;
    ctx.keys.propagate_deletion(key, false);
    Ok(())
}

/// Take fewer out than there are.
fn pop_some(ctx: &mut CommandContext<'_>, key: &Key<'_>, count: usize) -> CommandResult {
    let (mut rng, limits) = (ctx.rng(), ctx.keys.thresholds);
    let Some(set) = ctx.keys.peek_as::<Set>(key)? else { return Ok(()) };
    let rest = set.len() - count;
    let popped: Vec<Vec<u8>>;
    // Taking them out one by one costs more than making a new set of a few that stay. A compact set costs little either way.
    if set.encoding() == Encoding::Hashtable && rest.saturating_mul(POP_NEARLY_ALL) > count {
        popped = set.random_distinct(&mut rng, count).into_iter().map(StringRef::to_vec).collect();
        remove(&mut ctx.keys, key, popped.iter().map(Vec::as_slice), "spop")?;
    } else {
        let mut taken = Vec::with_capacity(count);
        let rest = set.draw_rest(rest, &mut rng, limits, |member| taken.push(member.to_vec()));
        popped = taken;
        ctx.keys.replace(key, Some(rest.into_value()), Expire::Keep)?;
        tell_gone(&mut ctx.keys, key, "spop", false);
        ctx.keys.effects.dirty += count as u64 - 1;
    }
    popped.iter().for_each(|member| ctx.reply.bulk(member));
    if ctx.keys.propagates() {
        for members in popped.chunks(PROPAGATED_MEMBERS) {
            let mut args: Vec<&[u8]> = vec![b"SREM", key.bytes];
            args.extend(members.iter().map(Vec::as_slice));
            ctx.keys.propagate(&args);
        }
    }
    Ok(())
}

/// `SRANDMEMBER key [count]` -- O(N) in the count. A member, or null. With a count different members, as many as there are at the most;
/// with a negative one exactly that many, some of them more than once.
fn srandmember(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut rng = ctx.rng();
    let key = ctx.key_at(argv, 1);
    let Some(count) = argv.get(2) else {
        match ctx.keys.read_as::<Set>(&key)?.and_then(|set| set.random(&mut rng)) {
            Some(member) => reply_string(ctx.reply, member),
            None => ctx.reply.null(),
        }
        return Ok(());
    };
    if argv.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let count = lots::parse_count(count)?;
    let Some(set) = ctx.keys.read_as::<Set>(&key)? else {
        ctx.reply.array_header(0);
        return Ok(());
    };
    let draw = |draw| match draw {
        Draw::Distinct(n) => set.random_distinct(&mut rng, n),
        Draw::Repeated(n) => set.random_repeated(&mut rng, n),
    };
    lots::reply(ctx.reply, count, ReplyWriter::array_header, draw, reply_string)
        .map_err(|many| many.refuse(ctx))
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]` -- O(1) a call. The next cursor, and members.
fn sscan(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let cursor = parse_cursor(argv.at(2))?;
    let key = ctx.key_at(argv, 1);
    let empty = Set::new();
    // Redis does not look at the options when there is nothing to report.
    let (set, options) = match ctx.keys.read_as::<Set>(&key)? {
        None => (&empty, ScanOptions::default()),
        Some(set) => (set, ScanOptions::parse(argv.tail(3), false, None)?),
    };
    reply_step(ctx.reply, |reply| {
        let (mut reported, mut digits) = (0, itoa::Buffer::new());
        let next = set.scan(cursor, options.count, |member| {
            let member = member.bytes(&mut digits);
            if options.matches(member) {
                reply.bulk(member);
                reported += 1;
            }
        });
        Ok((next, reported))
    })
}
