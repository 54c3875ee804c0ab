//! Commands on keys whatever their value is: DEL, EXISTS, TYPE, RENAME, COPY, MOVE and their family.
//! When keys expire is in `expire`, how they are found in `scan`, what is known of a value in `object`.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Entry, EntryRef, Key, Value};
use crate::module::copied;
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Access, Family, access, key, keys, tips};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("DEL", -2, WRITE, [keys(1, -1, 1, access::REMOVE)], del,
            "1.0.0", "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
            "Deletes one or more keys.", "key [key ...]", tips: tips::SPLIT_SUM),
        command!("UNLINK", -2, WRITE | FAST, [keys(1, -1, 1, access::REMOVE)], del,
            "4.0.0", "O(1) for each key removed regardless of its size. Then the command does O(N) work after it has let go of the keys in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
            "Asynchronously deletes one or more keys.", "key [key ...]", tips: tips::SPLIT_SUM),
        command!("EXISTS", -2, READ | FAST, [keys(1, -1, 1, access::INSPECT)], exists,
            "1.0.0", "O(N) where N is the number of keys to check.", "Determines whether one or more keys exist.",
            "key [key ...]", tips: tips::SPLIT_SUM),
        command!("TOUCH", -2, READ | FAST, [keys(1, -1, 1, access::INSPECT)], touch,
            "3.2.1", "O(N) where N is the number of keys that will be touched.",
            "Returns the number of existing keys out of those specified after updating the time they were last accessed.",
            "key [key ...]", tips: tips::SPLIT_SUM),
        command!("TYPE", 2, READ | FAST, [key(1, access::INSPECT)], type_,
            "1.0.0", "O(1)", "Determines the type of value stored at a key.", "key"),
        command!("RENAME", 3, WRITE, [
                key(1, Access::RW.with(Access::ACCESS).with(Access::DELETE)), key(2, access::OVERWRITE)
            ], rename,
            "1.0.0", "O(1)", "Renames a key and overwrites the destination.", "key newkey"),
        command!("RENAMENX", 3, WRITE | FAST, [
                key(1, Access::RW.with(Access::ACCESS).with(Access::DELETE)), key(2, Access::OW.with(Access::INSERT))
            ], renamenx,
            "1.0.0", "O(1)", "Renames a key only when the target key name doesn't exist.", "key newkey"),
        command!("COPY", -3, WRITE | OOM, [key(1, access::READ), key(2, access::OVERWRITE)], copy,
            "6.2.0", "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
            "Copies the value of a key to a new key.", "source destination [DB destination-db] [REPLACE]"),
        command!("MOVE", 3, WRITE | FAST, [key(1, access::MODIFY)], move_,
            "1.0.0", "O(1)", "Moves a key to another database.", "key db"),
    ],
};

impl CommandContext<'_> {
    /// Delete a key and tell about it. The result is whether it was there.
    pub(super) fn delete(&mut self, key: &Key<'_>, event: &'static str) -> Result<bool, CommandError> {
        let now_ms = self.now_ms();
        let Some(old) = self.keys.write(key)?.remove(key, now_ms) else { return Ok(false) };
        self.keys.drop_later(old);
        self.keys.modified(key, Class::GENERIC, event);
        Ok(true)
    }
}

/// How many of the named keys something holds for; one that is named twice counts twice.
fn count(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'_>,
    mut holds: impl FnMut(&mut CommandContext<'_>, &Key<'_>) -> Result<bool, CommandError>,
) -> CommandResult {
    let mut counted = 0;
    for name in argv.iter().skip(1) {
        counted += i64::from(holds(ctx, &ctx.key_of(name))?);
    }
    ctx.reply.integer(counted);
    Ok(())
}

/// `DEL key [key ...]` and `UNLINK key [key ...]` -- O(1) a key under its lock; large values are freed after it. How many
/// were there.
fn del(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    count(ctx, argv, |ctx, key| ctx.delete(key, "del"))
}

/// `EXISTS key [key ...]` -- O(1) a key. How many are there.
fn exists(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    count(ctx, argv, |ctx, key| Ok(ctx.keys.inspect(key)?.is_some()))
}

/// `TOUCH key [key ...]` -- O(1) a key. How many are there; all of them have been used now, even by a client in NO-TOUCH.
fn touch(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let no_touch = std::mem::replace(&mut ctx.keys.no_touch, false);
    let result = count(ctx, argv, |ctx, key| Ok(ctx.keys.read(key)?.is_some()));
    ctx.keys.no_touch = no_touch;
    result
}

/// `TYPE key` -- O(1). The name of the type, or `none`.
fn type_(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let name = ctx.keys.inspect(&ctx.key_at(argv, 1))?.map(EntryRef::type_name);
    ctx.reply.simple(name.as_deref().unwrap_or("none"));
    Ok(())
}

/// `RENAME key newkey` -- O(1). OK. What was under the new name is gone.
fn rename(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    rename_with(ctx, argv, true)?;
    ctx.reply.ok();
    Ok(())
}

/// `RENAMENX key newkey` -- O(1). 1 if it was renamed, 0 if the new name is taken.
fn renamenx(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let renamed = rename_with(ctx, argv, false)?;
    ctx.reply.integer(i64::from(renamed));
    Ok(())
}

/// The result is whether the key has another name now.
fn rename_with(ctx: &mut CommandContext<'_>, argv: Argv<'_>, replace: bool) -> Result<bool, CommandError> {
    let (from, to) = (ctx.key_at(argv, 1), ctx.key_at(argv, 2));
    let now_ms = ctx.now_ms();
    if ctx.keys.peek(&from)?.is_none() {
        return Err(CommandError::NoSuchKey);
    }
    let taken = ctx.keys.peek(&to)?.is_some();
    if from.bytes == to.bytes || taken && !replace {
        return Ok(false);
    }
    // Both are locked, and one is there: from here on nothing can fail.
    let entry = ctx.keys.write(&from)?.remove(&from, now_ms).ok_or(CommandError::NoSuchKey)?;
    let old = ctx.keys.write(&to)?.restore(entry.with_key(to.bytes));
    old.into_iter().for_each(|old| ctx.keys.drop_later(old));
    ctx.keys.event(&to, Class::NEW, "new");
    ctx.keys.modified(&from, Class::GENERIC, "rename_from");
    ctx.keys.also_modified_in(ctx.keys.db, &to, Class::GENERIC, "rename_to");
    Ok(true)
}

/// `COPY source destination [DB destination-db] [REPLACE]` -- O(N) in the size of the value. 1 if it was copied, 0 if there is
/// nothing to copy, or the new name is taken.
fn copy(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (from, to) = (ctx.key_at(argv, 1), ctx.key_at(argv, 2));
    let (mut index, mut replace) = (ctx.keys.db, false);
    let mut options = argv.iter().skip(3);
    while let Some(option) = options.next() {
        if args::is(option, "REPLACE") {
            replace = true;
        } else if args::is(option, "DB")
            && let Some(argument) = options.next()
        {
            index = args::database(argument, ctx.tenant.keyspace.databases())?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if index == ctx.keys.db && from.bytes == to.bytes {
        return Err(SAME_OBJECT);
    }
    let entry = ctx.keys.read(&from)?.map(EntryRef::to_entry);
    let taken = ctx.keys.peek_in(index, &to)?;
    let Some(entry) = entry.filter(|_| replace || !taken) else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let entry = copy_for(ctx, entry, &to)?;
    let old = ctx.keys.write_in(index, &to)?.restore(entry);
    old.into_iter().for_each(|old| ctx.keys.drop_later(old));
    ctx.keys.event_in(index, &to, Class::NEW, "new");
    ctx.keys.modified_in(index, &to, Class::GENERIC, "copy_to");
    ctx.reply.integer(1);
    Ok(())
}

/// An entry's copy under another key. The value of a module may become another one with that.
fn copy_for(ctx: &CommandContext<'_>, entry: Entry, to: &Key<'_>) -> Result<Entry, CommandError> {
    let read = entry.as_ref();
    let Some(value) = read.module() else { return Ok(entry.with_key(to.bytes)) };
    let copy = copied(ctx.server, value, read.key(), to.bytes)
        .map_err(|reason| CommandError::err(format_args!("the value cannot be copied: {reason}")))?;
    Ok(Entry::new(to.bytes, Value::Module(Box::new(copy)), read.expire_at(), read.clock()))
}

const SAME_OBJECT: CommandError = CommandError::line("ERR source and destination objects are the same");

/// `MOVE key db` -- O(1). 1 if it was moved, 0 if there is nothing to move, or the other database has such a key.
fn move_(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let (home, now_ms) = (ctx.keys.db, ctx.now_ms());
    let index = args::database(argv.at(2), ctx.tenant.keyspace.databases())?;
    if index == home {
        return Err(SAME_OBJECT);
    }
    if ctx.keys.peek(&key)?.is_none() || ctx.keys.peek_in(index, &key)? {
        ctx.reply.integer(0);
        return Ok(());
    }
    let entry = ctx.keys.write(&key)?.remove(&key, now_ms).ok_or(CommandError::NoSuchKey)?;
    ctx.keys.write_in(index, &key)?.restore(entry);
    ctx.keys.event_in(index, &key, Class::NEW, "new");
    ctx.keys.modified(&key, Class::GENERIC, "move_from");
    ctx.keys.also_modified_in(index, &key, Class::GENERIC, "move_to");
    ctx.reply.integer(1);
    Ok(())
}
