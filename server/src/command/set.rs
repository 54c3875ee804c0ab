//! Commands on sets: members under one key, none of them twice. Their form is chosen in `keyspace::set`.
//! A set without members does not exist: whoever takes the last member takes the key.
//! Drawing members and walking over them is in `set_walk`, what is made of several sets in `set_algebra`.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Key, Set};
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::spec::{Access, Family, access, key, tips};
use super::string::reply_string;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "set",
    commands: &[
        command!("SADD", -3, WRITE | OOM | FAST, [key(1, access::INSERT)], sadd,
            "1.0.0", "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            "Adds members to a set. Makes the set if the key doesn't exist.", "key member [member ...]"),
        command!("SREM", -3, WRITE | FAST, [key(1, access::DELETE)], srem,
            "1.0.0", "O(N) where N is the number of members to be removed.",
            "Removes members from a set. Deletes the set if no members remain.", "key member [member ...]"),
        command!("SISMEMBER", 3, READ | FAST, [key(1, access::INSPECT)], sismember,
            "1.0.0", "O(1)", "Determines whether a member belongs to a set.", "key member"),
        command!("SMISMEMBER", -3, READ | FAST, [key(1, access::READ)], smismember,
            "6.2.0", "O(N) where N is the number of elements being checked for membership",
            "Determines which of several members belong to a set.", "key member [member ...]"),
        command!("SCARD", 2, READ | FAST, [key(1, access::INSPECT)], scard,
            "1.0.0", "O(1)", "Returns the number of members in a set.", "key"),
        command!("SMEMBERS", 2, READ, [key(1, access::READ)], smembers,
            "1.0.0", "O(N) where N is the set cardinality.", "Returns all members of a set.", "key", tips: tips::UNORDERED),
        command!("SMOVE", 4, WRITE | FAST, [
                key(1, Access::RW.with(Access::ACCESS).with(Access::DELETE)), key(2, access::INSERT)
            ], smove,
            "1.0.0", "O(1)", "Moves a member from one set to another.", "source destination member"),
    ],
};

/// Tell that members were taken out of a set, of which this was one change, and whether nothing is left.
pub(super) fn tell_gone(keys: &mut Keys<'_>, key: &Key<'_>, event: &'static str, is_gone: bool) {
    keys.modified(key, Class::SET, event);
    if is_gone {
        keys.event(key, Class::GENERIC, "del");
    }
}

/// Add members. The result is how many are new.
pub fn add<'m>(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    members: impl ExactSizeIterator<Item = &'m [u8]> + Clone,
) -> Result<usize, CommandError> {
    let limits = keys.thresholds;
    keys.write_members(key, members.clone())?;
    let changed = keys.change_recorded(key, |set: &mut Set| {
        match members.clone().next() {
            Some(first) if set.is_empty() => *set = Set::for_members(first, members.len(), limits),
            _ => set.expect_more(members.len(), limits),
        }
        members.filter(|member| set.insert(member, limits)).count()
    })?;
    if changed.is_new {
        keys.event(key, Class::NEW, "new");
    }
    if changed.result > 0 {
        keys.modified(key, Class::SET, "sadd");
        // Redis counts a change for each member.
        keys.effects.dirty += changed.result as u64 - 1;
    }
    Ok(changed.result)
}

/// Remove members. The result is how many were there.
pub fn remove<'m>(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    members: impl ExactSizeIterator<Item = &'m [u8]> + Clone,
    event: &'static str,
) -> Result<usize, CommandError> {
    if keys.peek_as::<Set>(key)?.is_none() {
        return Ok(0);
    }
    keys.write_members(key, members.clone())?;
    let changed =
        keys.change_recorded(key, |set: &mut Set| members.filter(|member| set.remove(member)).count())?;
    if changed.result > 0 {
        tell_gone(keys, key, event, changed.is_gone);
        keys.effects.dirty += changed.result as u64 - 1;
    }
    Ok(changed.result)
}

/// `SADD key member [member ...]` -- O(1) a member. How many are new.
fn sadd(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let added = add(&mut ctx.keys, &key, argv.tail(2).iter())?;
    ctx.reply.integer(added as i64);
    Ok(())
}

/// `SREM key member [member ...]` -- O(1) a member. How many were there and are gone.
fn srem(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let removed = remove(&mut ctx.keys, &key, argv.tail(2).iter(), "srem")?;
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// `SISMEMBER key member` -- O(1). 1 if it is a member, else 0.
fn sismember(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let set = ctx.keys.read_as::<Set>(&ctx.key_at(argv, 1))?;
    ctx.reply.integer(i64::from(set.is_some_and(|set| set.contains(argv.at(2)))));
    Ok(())
}

/// `SMISMEMBER key member [member ...]` -- O(1) a member. For each 1 if it is a member, else 0.
fn smismember(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let set = ctx.keys.read_as::<Set>(&ctx.key_at(argv, 1))?;
    let members = argv.tail(2);
    ctx.reply.array_header(members.len());
    for member in members.iter() {
        ctx.reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}

/// `SCARD key` -- O(1). How many members there are.
fn scard(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.read_as::<Set>(&ctx.key_at(argv, 1))?.map_or(0, Set::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `SMEMBERS key` -- O(N). All members.
fn smembers(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let set = ctx.keys.read_as::<Set>(&ctx.key_at(argv, 1))?;
    ctx.reply.set_header(set.map_or(0, Set::len));
    set.into_iter().flat_map(Set::iter).for_each(|member| reply_string(ctx.reply, member));
    Ok(())
}

/// `SMOVE source destination member` -- O(1). 1 if the member was moved, 0 if it was not there.
fn smove(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (from, to, member) = (ctx.key_at(argv, 1), ctx.key_at(argv, 2), argv.tail(3));
    let Some(is_there) = ctx.keys.peek_as::<Set>(&from)?.map(|set| set.contains(argv.at(3))) else {
        // Redis does not look at the destination then.
        ctx.reply.integer(0);
        return Ok(());
    };
    ctx.keys.peek_as::<Set>(&to)?;
    if is_there && from.bytes != to.bytes {
        remove(&mut ctx.keys, &from, member.iter(), "srem")?;
        add(&mut ctx.keys, &to, member.iter())?;
    }
    ctx.reply.integer(i64::from(is_there));
    Ok(())
}
