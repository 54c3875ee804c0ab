//! COMMAND and its subcommands: what commands there are and how they are called, for native ones and those of modules
//! alike. Everything comes out of the command table; in which form it is told is in `describe`.

use std::sync::Arc;

use crate::command;
use crate::config::glob;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::bitfield;
use super::context::CommandContext;
use super::describe::{access_flags, write_docs, write_info};
use super::dispatch::resolve;
use super::error::{CommandError, CommandResult};
use super::help;
use super::lock_plan::for_each_key;
use super::spec::{Access, Family, Find, Flags, Spec, access, tips};
use super::table::{Command, CommandTable};

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!("COMMAND", -1, LOADING | STALE, [], all,
        "2.8.13", "O(N) where N is the total number of commands",
        "Returns detailed information about all commands.", "",
        categories: &["connection"], tips: tips::UNORDERED, subcommands: COMMAND_COMMANDS)],
};

const COMMAND_COMMANDS: &[Spec] = &[
    command!(
        "COUNT",
        2,
        LOADING | STALE,
        [],
        count,
        "2.8.13",
        "O(1)",
        "Returns a count of commands.",
        "",
        categories: &["connection"]
    ),
    command!(
        "DOCS",
        -2,
        LOADING | STALE,
        [],
        docs,
        "7.0.0",
        "O(N) where N is the number of commands to look up",
        "Returns documentary information about one, multiple or all commands.",
        "[command-name [command-name ...]]",
        categories: &["connection"],
        tips: tips::UNORDERED
    ),
    command!(
        "GETKEYS",
        -4,
        LOADING | STALE,
        [],
        getkeys,
        "2.8.13",
        "O(N) where N is the number of arguments to the command",
        "Extracts the key names from an arbitrary command.",
        "command [arg [arg ...]]",
        categories: &["connection"]
    ),
    command!(
        "GETKEYSANDFLAGS",
        -4,
        LOADING | STALE,
        [],
        getkeysandflags,
        "7.0.0",
        "O(N) where N is the number of arguments to the command",
        "Extracts the key names and access flags for an arbitrary command.",
        "command [arg [arg ...]]",
        categories: &["connection"]
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        command_help,
        "5.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        "",
        categories: &["connection"]
    ),
    command!(
        "INFO",
        -2,
        LOADING | STALE,
        [],
        info,
        "2.8.13",
        "O(N) where N is the number of commands to look up",
        "Returns information about one, multiple or all commands.",
        "[command-name [command-name ...]]",
        categories: &["connection"],
        tips: tips::UNORDERED
    ),
    command!(
        "LIST",
        -2,
        LOADING | STALE,
        [],
        list,
        "7.0.0",
        "O(N) where N is the total number of commands",
        "Returns a list of command names.",
        "[FILTERBY <MODULE module-name|ACLCAT category|PATTERN pattern>]",
        categories: &["connection"],
        tips: tips::UNORDERED
    ),
];

/// `COMMAND HELP` -- O(1). What the subcommands do.
fn command_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "COMMAND", COMMAND_COMMANDS);
    Ok(())
}

/// `COMMAND COUNT` -- O(1). How many commands there are; subcommands do not count.
fn count(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.integer(ctx.tenant.commands().len() as i64);
    Ok(())
}

/// All commands by name.
fn sorted(table: &CommandTable) -> Vec<&Arc<Command>> {
    let mut commands: Vec<_> = table.iter().collect();
    commands.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    commands
}

fn write_all_infos(table: &CommandTable, reply: &mut ReplyWriter) {
    reply.array_header(table.len());
    sorted(table).into_iter().for_each(|command| write_info(command, reply));
}

/// `COMMAND` -- O(N). What COMMAND INFO says of every command.
fn all(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    write_all_infos(&ctx.tenant.commands(), ctx.reply);
    Ok(())
}

fn find<'t>(table: &'t CommandTable, name: &[u8]) -> Option<&'t Arc<Command>> {
    table.find(std::str::from_utf8(name).ok()?)
}

/// `COMMAND INFO [name ...]` -- O(N). An array for each name: name, arity, flags, positions of keys, categories, tips, key
/// specs, subcommands; null for a name that is no command's.
fn info(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let table = ctx.tenant.commands();
    if argv.len() == 2 {
        write_all_infos(&table, ctx.reply);
        return Ok(());
    }
    ctx.reply.array_header(argv.len() - 2);
    for name in argv.iter().skip(2) {
        match find(&table, name) {
            Some(command) => write_info(command, ctx.reply),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `COMMAND DOCS [name ...]` -- O(N). A map from names to what people want to know; unknown names are left out.
fn docs(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let table = ctx.tenant.commands();
    let wanted = if argv.len() == 2 {
        sorted(&table)
    } else {
        argv.iter().skip(2).filter_map(|name| find(&table, name)).collect()
    };
    ctx.reply.map_header(wanted.len());
    for command in wanted {
        ctx.reply.bulk(&command.name);
        write_docs(command, ctx.reply);
    }
    Ok(())
}

/// `COMMAND LIST [FILTERBY MODULE module|ACLCAT category|PATTERN pattern]` -- O(N). The names, those of subcommands
/// among them.
fn list(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let table = ctx.tenant.commands();
    let mut names: Vec<&str> = match argv.len() {
        2 => table.iter_all().map(|command| command.name.as_str()).collect(),
        5 if args::is(argv.at(2), "FILTERBY") => {
            let filter = filter(argv.at(3), argv.at(4))?;
            table.iter_all().filter(|command| filter(command)).map(|command| command.name.as_str()).collect()
        }
        _ => return Err(CommandError::Syntax),
    };
    names.sort_unstable();
    ctx.reply.array_header(names.len());
    names.iter().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

/// Whether COMMAND LIST shows a command.
type Filter<'f> = Box<dyn Fn(&Command) -> bool + 'f>;

/// What COMMAND LIST FILTERBY lets through.
fn filter<'f>(by: &[u8], wanted: &'f [u8]) -> Result<Filter<'f>, CommandError> {
    Ok(if args::is(by, "MODULE") {
        Box::new(move |command| command.run.module().is_some_and(|module| module.name.as_bytes() == wanted))
    } else if args::is(by, "ACLCAT") {
        Box::new(move |command| {
            command.categories.iter().any(|name| wanted.eq_ignore_ascii_case(name.as_bytes()))
        })
    } else if args::is(by, "PATTERN") {
        Box::new(move |command| glob::matches(wanted, command.name.as_bytes(), true))
    } else {
        return Err(CommandError::Syntax);
    })
}

/// A count as C's `atoi` reads it, by which Redis finds keys: blanks and a sign may stand in front, and what follows the digits does not
/// count.
fn atoi(text: &[u8]) -> Option<usize> {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let digits = if end == 0 { "0" } else { std::str::from_utf8(&digits[..end]).ok()? };
    digits.parse().ok().filter(|&count: &usize| !negative || count == 0)
}

/// The keys in the arguments of another command, with what it does to them.
fn keys_of<'k>(ctx: &CommandContext<'_>, argv: Argv<'k>) -> Result<Vec<(&'k [u8], Access)>, CommandError> {
    let table = ctx.tenant.commands();
    let command = resolve(&table, argv).map_err(|_| CommandError::err("Invalid command specified"))?;
    if command.keys.iter().all(|spec| spec.access.has(Access::NOT_KEY)) {
        return Err(CommandError::err("The command has no key arguments"));
    }
    if !command.takes(argv.len()) {
        return Err(CommandError::err("Invalid number of arguments specified for command"));
    }
    let mut found = Vec::new();
    for spec in command.keys.iter() {
        let access = access_of(&command.name, spec.access, argv);
        if let Find::Count { count, first, step } = spec.find {
            let keys = argv.get(count).and_then(atoi);
            let enough = |&keys: &usize| {
                let may_be = keys > 0 || command.flags.has(Flags::NO_MANDATORY_KEYS);
                may_be && keys.checked_mul(step).is_some_and(|span| first + span <= argv.len())
            };
            let keys = keys.filter(enough);
            let keys = keys.ok_or(CommandError::err("Invalid arguments specified for command"))?;
            found.extend((0..keys).map(|n| (argv.at(first + n * step), access)));
            continue;
        }
        for_each_key(std::slice::from_ref(spec), argv, |_, key| found.push((key, access)));
    }
    if found.is_empty() && !command.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(CommandError::err("Invalid arguments specified for command"));
    }
    Ok(found)
}

/// What a command does to a key when that depends on its other arguments.
pub(super) fn access_of(name: &str, declared: Access, argv: Argv<'_>) -> Access {
    match name {
        "set" if argv.iter().skip(3).any(|arg| args::is(arg, "GET")) => access::MODIFY,
        "set" => access::OVERWRITE,
        "bitfield" if bitfield::only_reads(argv.tail(2)) => access::READ,
        "bitfield" => access::MODIFY,
        _ => declared,
    }
}

/// `COMMAND GETKEYS command [arg ...]` -- O(N). The keys among the arguments.
fn getkeys(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let keys = keys_of(ctx, argv.tail(2))?;
    ctx.reply.array_header(keys.len());
    keys.iter().for_each(|(key, _)| ctx.reply.bulk(key));
    Ok(())
}

/// `COMMAND GETKEYSANDFLAGS command [arg ...]` -- O(N). The same, each with what the command does to it.
fn getkeysandflags(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let keys = keys_of(ctx, argv.tail(2))?;
    ctx.reply.array_header(keys.len());
    for (key, access) in keys {
        ctx.reply.array_header(2);
        ctx.reply.bulk(key);
        access_flags(access, ctx.reply);
    }
    Ok(())
}
