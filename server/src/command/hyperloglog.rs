//! PFADD, PFCOUNT, PFMERGE, and PFDEBUG and PFSELFTEST for those who look inside. A sketch is a string, and any string may turn out to
//! be none; how it is made and counted is in `keyspace::hyperloglog`.

use rand::RngExt;

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::hyperloglog::{self, Form, Registers};
use crate::keyspace::{EntryRef, Key, StringRef};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Access, Family, access, key, keys};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "hyperloglog",
    commands: &[
        command!("PFADD", -2, WRITE | OOM | FAST, [key(1, access::INSERT)], pfadd,
            "2.8.9", "O(1) to add every element.", "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.",
            "key [element [element ...]]"),
        command!("PFCOUNT", -2, READ | MAY_REPLICATE, [
                keys(1, -1, 1, Access::RW.with(Access::ACCESS))
                    .with_notes("RW because it may change the internal representation of the key, and propagate to replicas")
            ], pfcount,
            "2.8.9", "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.",
            "Returns the approximated cardinality of the set(s) observed by the HyperLogLog key(s).", "key [key ...]"),
        command!("PFMERGE", -2, WRITE | OOM, [
                key(1, access::INSERT.with(Access::ACCESS)), keys(2, -1, 1, access::READ)
            ], pfmerge,
            "2.8.9", "O(N) to merge N HyperLogLogs, but with high constant times.",
            "Merges one or more HyperLogLog values into a single key.", "destkey:key [sourcekey:key [sourcekey:key ...]]"),
        command!("PFDEBUG", 3, WRITE | OOM | ADMIN, [key(2, Access::RW.with(Access::ACCESS))], pfdebug,
            "2.8.9", "N/A", "Internal commands for debugging HyperLogLog values.", "subcommand key"),
        command!("PFSELFTEST", 1, ADMIN, [], pfselftest,
            "2.8.9", "N/A", "An internal command for testing HyperLogLog values.", ""),
    ],
};

const NOT_ONE: CommandError = CommandError::line("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPTED: CommandError = CommandError::line("INVALIDOBJ Corrupted HLL object detected");

/// The sketch that an entry is, and its form. Its runs have not been looked at.
fn sketch_of(entry: EntryRef<'_>) -> Result<(&[u8], Form), CommandError> {
    match entry.string().ok_or(CommandError::WrongType)? {
        StringRef::Bytes(bytes) => Ok((bytes, hyperloglog::header(bytes).ok_or(NOT_ONE)?)),
        StringRef::Int(_) => Err(NOT_ONE),
    }
}

/// The same, and its runs are well formed.
fn sound_sketch_of(entry: EntryRef<'_>) -> Result<(&[u8], Form), CommandError> {
    let (bytes, form) = sketch_of(entry)?;
    if hyperloglog::is_sound(bytes) { Ok((bytes, form)) } else { Err(CORRUPTED) }
}

/// Let `edit` change a sketch, which has been checked or is not there; then it is made.
fn edit<R>(
    ctx: &mut CommandContext<'_>,
    key: &Key<'_>,
    edit: impl FnOnce(&mut Vec<u8>) -> R,
) -> Result<R, CommandError> {
    let now_ms = ctx.now_ms();
    let db = ctx.keys.write(key)?;
    let result = db.edit_string(key, now_ms, |bytes| {
        if bytes.is_empty() {
            *bytes = hyperloglog::empty();
        }
        edit(bytes)
    });
    Ok(result?)
}

/// `PFADD key [element [element ...]]` -- O(1) an element. 1 if a register has changed or the key is new, else 0.
fn pfadd(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let elements = argv.tail(2);
    let exists = match ctx.keys.peek(&key)? {
        None => false,
        Some(entry) if elements.is_empty() => sketch_of(entry).map(|_| true)?,
        Some(entry) => sound_sketch_of(entry).map(|_| true)?,
    };
    let mut changes = u64::from(!exists);
    if !exists || !elements.is_empty() {
        let sparse_max = ctx.config.hll_sparse_max_bytes;
        changes += edit(ctx, &key, |bytes| {
            let added = elements.iter().filter(|element| hyperloglog::add(bytes, element, sparse_max));
            let added = added.count() as u64;
            if added > 0 || !exists {
                hyperloglog::outdate(bytes);
            }
            added
        })?;
    }
    if changes > 0 {
        ctx.keys.made_or_modified(&key, !exists, Class::STRING, "pfadd");
        ctx.keys.effects.dirty += changes - 1;
    }
    ctx.reply.integer(i64::from(changes > 0));
    Ok(())
}

/// `PFCOUNT key [key ...]` -- O(1) for one key whose count is stored, else O(N) with a large constant. About how many different elements
/// were added to any of them.
fn pfcount(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.len() == 2 {
        return count_one(ctx, argv);
    }
    let mut registers = Registers::default();
    for name in argv.iter().skip(1) {
        if let Some(entry) = ctx.keys.read(&ctx.key_of(name))? {
            registers.merge(sound_sketch_of(entry)?.0);
        }
    }
    ctx.reply.integer(registers.count() as i64);
    Ok(())
}

fn count_one(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let Some(entry) = ctx.keys.read(&key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    if let Some(count) = hyperloglog::stored_count(sketch_of(entry)?.0) {
        ctx.reply.integer(count as i64);
        return Ok(());
    }
    let count = hyperloglog::count(sound_sketch_of(entry)?.0);
    // Below a module's command that may not write, whoever asks next has to count again.
    if ctx.keys.may_write {
        edit(ctx, &key, |bytes| hyperloglog::store_count(bytes, count))?;
        ctx.keys.modified_silently(&key);
        ctx.keys.propagate_argv(argv);
    }
    ctx.reply.integer(count as i64);
    Ok(())
}

/// `PFMERGE destkey [sourcekey [sourcekey ...]]` -- O(N) with a large constant. OK; destkey then counts the elements of all of them.
fn pfmerge(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut registers = Registers::default();
    let mut any_dense = false;
    for name in argv.iter().skip(1) {
        if let Some(entry) = ctx.keys.read(&ctx.key_of(name))? {
            let (bytes, form) = sound_sketch_of(entry)?;
            registers.merge(bytes);
            any_dense |= form == Form::Dense;
        }
    }
    let key = ctx.key_at(argv, 1);
    let is_new = ctx.keys.is_heard_as_new(&key)?;
    let sparse_max = ctx.config.hll_sparse_max_bytes;
    edit(ctx, &key, |bytes| {
        if any_dense {
            hyperloglog::make_dense(bytes);
        }
        registers.write_to(bytes, sparse_max);
        hyperloglog::outdate(bytes);
    })?;
    ctx.keys.made_or_modified(&key, is_new, Class::STRING, "pfadd");
    ctx.reply.ok();
    Ok(())
}

/// `PFDEBUG GETREG|DECODE|ENCODING|TODENSE key` -- O(N). The registers, the runs, the name of the form; 1 if it was made dense.
fn pfdebug(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (subcommand, key) = (argv.at(1), ctx.key_at(argv, 2));
    let entry = ctx.keys.peek(&key)?.ok_or(CommandError::line("ERR The specified key does not exist"))?;
    let (_, form) = sketch_of(entry)?;
    if args::is(subcommand, "ENCODING") {
        ctx.reply.simple(form.name());
    } else if args::is(subcommand, "DECODE") {
        if form == Form::Dense {
            return Err(CommandError::line("ERR HLL encoding is not sparse"));
        }
        ctx.reply.bulk(hyperloglog::describe_runs(sound_sketch_of(entry)?.0));
    } else if args::is(subcommand, "TODENSE") {
        sound_sketch_of(entry)?;
        let converted = make_dense(ctx, &key, form)?;
        ctx.reply.integer(i64::from(converted));
    } else if args::is(subcommand, "GETREG") {
        let mut registers = Registers::default();
        registers.merge(sound_sketch_of(entry)?.0);
        make_dense(ctx, &key, form)?;
        ctx.reply.array_header(hyperloglog::REGISTERS);
        registers.iter().for_each(|rank| ctx.reply.integer(i64::from(rank)));
    } else {
        let name = args::printable(subcommand);
        return Err(CommandError::err(format_args!("Unknown PFDEBUG subcommand '{name}'")));
    }
    Ok(())
}

/// Give a sketch the dense form. False if it has it.
fn make_dense(ctx: &mut CommandContext<'_>, key: &Key<'_>, form: Form) -> Result<bool, CommandError> {
    if form == Form::Sparse {
        edit(ctx, key, hyperloglog::make_dense)?;
        ctx.keys.modified_silently(key);
    }
    Ok(form == Form::Sparse)
}

/// `PFSELFTEST` -- some milliseconds. OK, or what is wrong.
fn pfselftest(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let seed = ctx.rng().random();
    hyperloglog::self_test(seed)
        .map_err(|wrong| CommandError::Other(format!("TESTFAILED {wrong}").into()))?;
    ctx.reply.ok();
    Ok(())
}
