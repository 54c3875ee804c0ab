//! Taking elements off one list of several, moving them between lists, and waiting for them. What a list is, is in `list`.

use std::time::Duration;

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{End, Key, List, ValueType};
use crate::net::argv::Argv;

use super::args;
use super::blocking::{self, Until};
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::list::{TAKE, popped, push, pushed, reply_from, take};
use super::spec::{Family, Find, KeySpec, access, key, keys};
use super::undo::Part;

/// The keys behind a number of keys.
const fn counted(count: usize) -> KeySpec {
    KeySpec { access: TAKE, find: Find::Count { count, first: count + 1, step: 1 }, notes: "" }
}

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "list",
    commands: &[
        command!("LMOVE", 5, WRITE | OOM, [key(1, TAKE), key(2, access::INSERT)], lmove,
            "6.2.0", "O(1)", "Returns an element after popping it from one list and pushing it to another. Deletes the list if the last element was moved.",
            "source destination LEFT|RIGHT LEFT|RIGHT"),
        command!("RPOPLPUSH", 3, WRITE | OOM, [key(1, TAKE), key(2, access::INSERT)], rpoplpush,
            "1.2.0", "O(1)", "Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last element was popped.",
            "source destination"),
        command!("LMPOP", -4, WRITE | MOVABLE_KEYS, [counted(1)], lmpop,
            "7.0.0", "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Returns multiple elements from a list after removing them. Deletes the list if the last element was popped.",
            "numkeys key [key ...] LEFT|RIGHT [COUNT count]"),
        command!("BLPOP", -3, WRITE | NOSCRIPT | BLOCKING, [keys(1, -2, 1, TAKE)], blpop,
            "2.0.0", "O(N) where N is the number of provided keys.",
            "Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
            "key [key ...] timeout:double"),
        command!("BRPOP", -3, WRITE | NOSCRIPT | BLOCKING, [keys(1, -2, 1, TAKE)], brpop,
            "2.0.0", "O(N) where N is the number of provided keys.",
            "Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
            "key [key ...] timeout:double"),
        command!("BLMOVE", 6, WRITE | OOM | NOSCRIPT | BLOCKING, [key(1, TAKE), key(2, access::INSERT)], blmove,
            "6.2.0", "O(1)", "Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available otherwise. Deletes the list if the last element was moved.",
            "source destination LEFT|RIGHT LEFT|RIGHT timeout:double"),
        command!("BRPOPLPUSH", 4, WRITE | OOM | NOSCRIPT | BLOCKING, [key(1, TAKE), key(2, access::INSERT)], brpoplpush,
            "2.2.0", "O(1)", "Pops an element from a list, pushes it to another list and returns it. Block until an element is available otherwise. Deletes the list if the last element was popped.",
            "source destination timeout:double"),
        command!("BLMPOP", -5, WRITE | BLOCKING | MOVABLE_KEYS, [counted(2)], blmpop,
            "7.0.0", "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Pops the first element from one of multiple lists. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
            "timeout:double numkeys key [key ...] LEFT|RIGHT [COUNT count]"),
    ],
};

fn end(word: &[u8]) -> Result<End, CommandError> {
    match word {
        word if args::is(word, "left") => Ok(End::Head),
        word if args::is(word, "right") => Ok(End::Tail),
        _ => Err(CommandError::Syntax),
    }
}

/// Move an element from one list to another, or around in one. False if the first is not there.
fn shift(
    ctx: &mut CommandContext<'_>,
    (source, from): (&Key<'_>, End),
    (destination, to): (&Key<'_>, End),
) -> Result<bool, CommandError> {
    let Some(list) = ctx.keys.peek_as::<List>(source)? else { return Ok(false) };
    let element = list.peek(from).unwrap_or_default().to_vec();
    ctx.keys.peek_as::<List>(destination)?;
    let limit = ctx.keys.thresholds.list_node;
    if source.bytes == destination.bytes {
        ctx.keys.write_taking(source, from, 1)?;
        ctx.keys.write_end(source, Part::Pushed(to, 1))?;
        ctx.keys.change_recorded(source, |list: &mut List| {
            list.take(from, 1, limit);
            list.push(to, &element, limit);
        })?;
        ctx.keys.event(destination, Class::LIST, pushed(to));
        ctx.keys.modified(source, Class::LIST, popped(from));
    } else {
        push(ctx, destination, to, std::iter::once(&*element))?;
        take(ctx, source, from, 1)?;
        // It counts as one change.
        ctx.keys.effects.dirty -= 1;
    }
    ctx.reply.bulk(element);
    Ok(true)
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT` -- O(1). The element; null if there is no source.
fn lmove(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (from, to) = (end(argv.at(3))?, end(argv.at(4))?);
    shift_or(ctx, argv, from, to, None).map(drop)
}

/// `RPOPLPUSH source destination` -- O(1). The element; null if there is no source.
fn rpoplpush(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    shift_or(ctx, argv, End::Tail, End::Head, None).map(drop)
}

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout` -- O(1). As LMOVE; waits for the source.
fn blmove(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (from, to) = (end(argv.at(3))?, end(argv.at(4))?);
    let timeout = blocking::timeout(argv.at(5))?;
    if shift_or(ctx, argv, from, to, Some(timeout))? {
        ctx.keys.propagate(&[b"LMOVE", argv.at(1), argv.at(2), argv.at(3), argv.at(4)]);
    }
    Ok(())
}

/// `BRPOPLPUSH source destination timeout` -- O(1). As RPOPLPUSH; waits for the source.
fn brpoplpush(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let timeout = blocking::timeout(argv.at(3))?;
    if shift_or(ctx, argv, End::Tail, End::Head, Some(timeout))? {
        ctx.keys.propagate(&[b"RPOPLPUSH", argv.at(1), argv.at(2)]);
    }
    Ok(())
}

/// Move an element, or wait for one if there is a timeout. False if there was none.
fn shift_or(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    from: End,
    to: End,
    timeout: Option<Option<Duration>>,
) -> Result<bool, CommandError> {
    let (source, destination) = (ctx.key_at(argv, 1), ctx.key_at(argv, 2));
    if shift(ctx, (&source, from), (&destination, to))? {
        return Ok(true);
    }
    let until = Until::Holds(ValueType::List);
    let waits = timeout.is_some_and(|timeout| ctx.wait_for(std::iter::once(argv.at(1)), timeout, until));
    // Whoever has waited in vain hears it as every other command that waits says it.
    if waits {
        ctx.reply.null_array();
    } else {
        ctx.reply.null();
    }
    Ok(false)
}

/// Take elements off the first of these lists that is there: its name and the elements, or with no count the name and the
/// element. False if none is.
fn pop_first(
    ctx: &mut CommandContext<'_>,
    names: Argv<'_>,
    from: End,
    count: Option<usize>,
) -> Result<bool, CommandError> {
    for name in names {
        let key = ctx.key_of(name);
        let Some(list) = ctx.keys.peek_as::<List>(&key)? else { continue };
        let n = count.unwrap_or(1).min(list.len());
        ctx.reply.array_header(2);
        ctx.reply.bulk(name);
        if count.is_some() {
            ctx.reply.array_header(n);
        }
        reply_from(ctx.reply, list, from, n);
        take(ctx, &key, from, n)?;
        ctx.keys.effects.dirty += n as u64 - 1;
        let command: &[u8] = if from == End::Head { b"LPOP" } else { b"RPOP" };
        match count {
            None => ctx.keys.propagate(&[command, name]),
            Some(_) => ctx.keys.propagate(&[command, name, itoa::Buffer::new().format(n).as_bytes()]),
        }
        return Ok(true);
    }
    Ok(false)
}

fn pop_or_wait(ctx: &mut CommandContext<'_>, argv: Argv<'_>, from: End) -> CommandResult {
    let last = argv.len() - 1;
    let timeout = blocking::timeout(argv.at(last))?;
    let names = argv.tail(1).head(last - 1);
    if !pop_first(ctx, names, from, None)? {
        ctx.reply.null_array();
        ctx.wait_for(names.iter(), timeout, Until::Holds(ValueType::List));
    }
    Ok(())
}

/// `BLPOP key [key ...] timeout` -- O(N) in the keys. The key of a list and its first element; null when the time is over.
fn blpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop_or_wait(ctx, argv, End::Head)
}

/// `BRPOP key [key ...] timeout` -- O(N) in the keys. The key of a list and its last element; null when the time is over.
fn brpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop_or_wait(ctx, argv, End::Tail)
}

/// What LMPOP says behind its timeout: the keys, where, and how many.
fn parse_lmpop(argv: Argv<'_>) -> Result<(Argv<'_>, End, usize), CommandError> {
    let numkeys = args::integer(argv.at(0))
        .ok()
        .and_then(|numkeys| usize::try_from(numkeys).ok())
        .filter(|numkeys| *numkeys > 0)
        .ok_or(CommandError::line("ERR numkeys should be greater than 0"))?;
    // The end stands behind the keys.
    let word = numkeys.checked_add(1).filter(|word| *word < argv.len()).ok_or(CommandError::Syntax)?;
    let from = end(argv.at(word))?;
    let mut count = None;
    let mut at = word + 1;
    while at < argv.len() {
        if count.is_some() || !args::is(argv.at(at), "count") || at + 1 == argv.len() {
            return Err(CommandError::Syntax);
        }
        let wanted = args::integer(argv.at(at + 1)).ok().filter(|count| *count > 0);
        count = Some(wanted.ok_or(CommandError::line("ERR count should be greater than 0"))? as usize);
        at += 2;
    }
    Ok((argv.tail(1).head(numkeys), from, count.unwrap_or(1)))
}

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]` -- O(N+M). The key of the first list that is there, and its elements; null if
/// none is.
fn lmpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (names, from, count) = parse_lmpop(argv.tail(1))?;
    if !pop_first(ctx, names, from, Some(count))? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// `BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]` -- O(N+M). As LMPOP; waits for one of the lists.
fn blmpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (names, from, count) = parse_lmpop(argv.tail(2))?;
    let timeout = blocking::timeout(argv.at(1))?;
    if !pop_first(ctx, names, from, Some(count))? {
        ctx.reply.null_array();
        ctx.wait_for(names.iter(), timeout, Until::Holds(ValueType::List));
    }
    Ok(())
}
