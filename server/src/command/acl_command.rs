//! ACL and its subcommands: users as clients make, see and remove them. What a user is and which rules there are is in
//! `acl`; AUTH and HELLO, which log a client in, are in `connection`.

use std::collections::HashSet;

use crate::acl::{DEFAULT, Selector, SetError, User, category, file, rule};
use crate::command;
use crate::limits;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;
use crate::users::{Victims, grounds, load_file};

use super::args;
use super::context::CommandContext;
use super::dispatch::resolve;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Family, Spec};

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!("ACL", -2, NONE, [], acl_help,
        "6.0.0", "Depends on subcommand.", "A container for Access List Control commands.", "",
        subcommands: ACL_COMMANDS)],
};

#[rustfmt::skip]
const ACL_COMMANDS: &[Spec] = &[
    command!("CAT", -2, NOSCRIPT | LOADING | STALE, [], cat,
        "6.0.0", "O(1) since the categories and commands are a fixed set.",
        "Lists the ACL categories, or the commands inside a category.", "[category]"),
    command!("DELUSER", -3, ADMIN | NOSCRIPT | LOADING | STALE, [], deluser,
        "6.0.0", "O(1) amortized time considering the typical user.",
        "Deletes ACL users, and terminates their connections.", "username [username ...]"),
    command!("DRYRUN", -4, ADMIN | NOSCRIPT | LOADING | STALE, [], dryrun,
        "7.0.0", "O(1).", "Simulates the execution of a command by a user, without executing the command.",
        "username command [arg [arg ...]]"),
    command!("GENPASS", -2, NOSCRIPT | LOADING | STALE, [], genpass,
        "6.0.0", "O(1)", "Generates a pseudorandom, secure password that can be used to identify ACL users.",
        "[bits:integer]"),
    command!("GETUSER", 3, ADMIN | NOSCRIPT | LOADING | STALE, [], getuser,
        "6.0.0", "O(N). Where N is the number of password, command and pattern rules that the user has.",
        "Lists the ACL rules of a user.", "username"),
    command!("HELP", 2, LOADING | STALE, [], acl_help,
        "6.0.0", "O(1)", "Returns helpful text about the different subcommands.", ""),
    command!("LIST", 2, ADMIN | NOSCRIPT | LOADING | STALE, [], list,
        "6.0.0", "O(N). Where N is the number of configured users.",
        "Dumps the effective rules in ACL file format.", ""),
    command!("LOAD", 2, ADMIN | NOSCRIPT | LOADING | STALE, [], load,
        "6.0.0", "O(N). Where N is the number of configured users.",
        "Reloads the rules from the configured ACL file.", ""),
    command!("LOG", -2, ADMIN | NOSCRIPT | LOADING | STALE, [], log,
        "6.0.0", "O(N) with N being the number of entries shown.",
        "Lists recent security events generated due to ACL rules.", "[count:integer|RESET]"),
    command!("SAVE", 2, ADMIN | NOSCRIPT | LOADING | STALE, [], save,
        "6.0.0", "O(N). Where N is the number of configured users.",
        "Saves the effective ACL rules in the configured ACL file.", ""),
    command!("SETUSER", -3, ADMIN | NOSCRIPT | LOADING | STALE, [], setuser,
        "6.0.0", "O(N). Where N is the number of rules provided.",
        "Creates and modifies an ACL user and its rules.", "username [rule [rule ...]]"),
    command!("USERS", 2, ADMIN | NOSCRIPT | LOADING | STALE, [], users,
        "6.0.0", "O(N). Where N is the number of configured users.", "Lists all ACL users.", ""),
    command!("WHOAMI", 2, NOSCRIPT | LOADING | STALE, [], whoami,
        "6.0.0", "O(1)", "Returns the authenticated username of the current connection.", ""),
];

/// `ACL HELP` -- O(1). What the subcommands do.
fn acl_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "ACL", ACL_COMMANDS);
    Ok(())
}

/// `ACL CAT [category]` -- O(N). The categories, or the commands of one.
fn cat(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let table = ctx.tenant.commands();
    if argv.len() > 3 {
        return Err(help::unknown("ACL", argv));
    }
    let Some(wanted) = argv.get(2) else {
        let categories = category::list(&table);
        ctx.reply.array_header(categories.len());
        categories.iter().for_each(|name| ctx.reply.bulk(name));
        return Ok(());
    };
    if !category::exists(&table, wanted) {
        let shown = wanted.get(..limits::ERROR_NAME_BYTES).unwrap_or(wanted);
        return Err(CommandError::err(format_args!("Unknown category '{}'", args::printable(shown))));
    }
    let members = table.originals().filter(|command| category::is_in(command, wanted));
    let mut names: Vec<&str> = members.map(|command| command.name.as_str()).collect();
    names.sort_unstable();
    ctx.reply.array_header(names.len());
    names.iter().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

/// `ACL SETUSER username [rule ...]` -- O(N). OK; all rules are applied to the user, which is made if there is none, or nothing happens.
fn setuser(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let name = argv.at(2);
    if rule::has_blanks(name) {
        return Err(CommandError::line("ERR Usernames can't contain spaces or null characters"));
    }
    let set = ctx
        .tenant
        .change_users(|users, table| users.set(name, argv.iter().skip(3), &grounds(table, ctx.config)));
    let (before, now) = set.map_err(to_error)?;
    let mut victims = Victims::default();
    if let Some(before) = before {
        victims.add_subscribers_of(ctx.server, &before, &now);
    }
    end(ctx, &victims);
    ctx.reply.ok();
    Ok(())
}

fn to_error(error: SetError) -> CommandError {
    CommandError::Bytes(match error {
        SetError::Unmatched(first) => {
            [b"ERR Unmatched parenthesis in acl selector starting at '", &first[..], b"'."].concat()
        }
        SetError::Rule(rule, why) => {
            let why = format!("': {why}");
            [b"ERR Error in ACL SETUSER modifier '", &rule[..], why.as_bytes()].concat()
        }
    })
}

/// End clients; this one when it has read the reply.
fn end(ctx: &mut CommandContext<'_>, victims: &Victims) {
    if victims.end(ctx.server, ctx.session.client.id) {
        ctx.session.closing = true;
    }
}

/// `ACL DELUSER username [username ...]` -- O(N). How many there were; their clients are disconnected.
fn deluser(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let names: Vec<&[u8]> = argv.iter().skip(2).collect();
    if names.contains(&DEFAULT) {
        return Err(CommandError::line("ERR The 'default' user cannot be removed"));
    }
    let deleted =
        ctx.tenant.change_users(|users, _| Ok::<_, CommandError>(users.remove(names.iter().copied())))?;
    let mut victims = Victims::default();
    if deleted > 0 {
        victims.add_users_of(ctx.server, |user| names.contains(&user));
    }
    end(ctx, &victims);
    ctx.reply.integer(deleted as i64);
    Ok(())
}

/// `ACL GETUSER username` -- O(N). A map of what the user is and may do; null if there is none.
fn getuser(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let Some(user) = ctx.tenant.acl.user(argv.at(2)) else {
        ctx.reply.null();
        return Ok(());
    };
    let reply = &mut *ctx.reply;
    reply.map_header(6);
    reply.bulk("flags");
    let flags: Vec<_> = user.flags().collect();
    reply.set_header(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag));
    reply.bulk("passwords");
    reply.array_header(user.passwords().len());
    user.passwords().for_each(|hash| reply.bulk(hash));
    write_selector(user.root(), reply);
    reply.bulk("selectors");
    reply.array_header(user.selectors().len());
    for selector in user.selectors() {
        reply.map_header(3);
        write_selector(selector, reply);
    }
    Ok(())
}

/// Three pairs of a map.
fn write_selector(selector: &Selector, reply: &mut ReplyWriter) {
    reply.bulk("commands");
    reply.bulk(selector.commands_text());
    reply.bulk("keys");
    reply.bulk(selector.keys_text());
    reply.bulk("channels");
    reply.bulk(selector.channels_text());
}

/// `ACL LIST` -- O(N). For each user the line that makes it.
fn list(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    write_users(ctx, User::line);
    Ok(())
}

/// `ACL USERS` -- O(N). The names.
fn users(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    write_users(ctx, |user| user.name().to_vec());
    Ok(())
}

fn write_users(ctx: &mut CommandContext<'_>, tell: impl Fn(&User) -> Vec<u8>) {
    let users = ctx.tenant.acl.list();
    ctx.reply.array_header(users.len());
    users.iter().for_each(|user| ctx.reply.bulk(tell(user)));
}

/// `ACL WHOAMI` -- O(1). The name of this connection's user.
fn whoami(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.bulk(ctx.session.user().name());
    Ok(())
}

/// `ACL GENPASS [bits]` -- O(1). A password of so many random bits, in hexadecimal digits.
fn genpass(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if argv.len() > 3 {
        return Err(help::unknown("ACL", argv));
    }
    let bits = argv.get(2).map_or(Ok(256), args::integer)?;
    if !(1..=limits::GENPASS_BITS_MAX).contains(&bits) {
        return Err(CommandError::err(format_args!(
            "ACL GENPASS argument must be the number of bits for the output password, a positive number up to {}",
            limits::GENPASS_BITS_MAX
        )));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut random = vec![0u8; digits.div_ceil(2)];
    rand::fill(&mut random[..]);
    let mut password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    password.truncate(digits);
    ctx.reply.bulk(password);
    Ok(())
}

/// `ACL LOG [count|RESET]` -- O(N). A map for each of the newest refusals; OK after RESET.
fn log(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let count = match argv.get(2) {
        _ if argv.len() > 3 => return Err(help::unknown("ACL", argv)),
        None => 10,
        Some(word) if args::is(word, "RESET") => {
            ctx.tenant.acl.log.clear();
            ctx.reply.ok();
            return Ok(());
        }
        Some(count) => usize::try_from(args::integer(count)?).unwrap_or(0),
    };
    let entries = ctx.tenant.acl.log.newest(count);
    let now_ms = ctx.now_us / 1000;
    let reply = &mut *ctx.reply;
    reply.array_header(entries.len());
    for entry in entries {
        let last = &entry.last;
        reply.map_header(10);
        reply.bulk("count");
        reply.integer(entry.count as i64);
        for (name, value) in [("reason", last.reason.name()), ("context", last.context.name())] {
            reply.bulk(name);
            reply.bulk(value);
        }
        for (name, value) in [("object", &last.object[..]), ("username", &last.username)] {
            reply.bulk(name);
            reply.bulk(value);
        }
        reply.bulk("age-seconds");
        reply.double(now_ms.saturating_sub(last.now_ms) as f64 / 1000.0);
        reply.bulk("client-info");
        reply.bulk(&last.client);
        for (name, value) in [
            ("entry-id", entry.id),
            ("timestamp-created", entry.created_ms),
            ("timestamp-last-updated", last.now_ms),
        ] {
            reply.bulk(name);
            reply.integer(value as i64);
        }
    }
    Ok(())
}

/// `ACL DRYRUN username command [arg ...]` -- O(1). OK, or why the user may not run this. Nothing runs.
fn dryrun(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let named = |before: &str, name: &[u8]| {
        CommandError::Bytes([b"ERR ", before.as_bytes(), b" '", name, b"' not found"].concat())
    };
    let user = ctx.tenant.acl.user(argv.at(2)).ok_or_else(|| named("User", argv.at(2)))?;
    let table = ctx.tenant.commands();
    let asked = argv.tail(3);
    let command = resolve(&table, asked).map_err(|_| named("Command", argv.at(3)))?;
    if !command.takes(asked.len()) {
        return Err(CommandError::WrongArity(command.name.clone()));
    }
    let Err(denied) = user.check(command, asked) else {
        ctx.reply.ok();
        return Ok(());
    };
    ctx.reply.bulk(denied.line_with_argument(&user, command, asked));
    Ok(())
}

const NO_FILE: CommandError = CommandError::line(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command \
     and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the \
     Redis configuration.",
);

/// `ACL LOAD` -- O(N). OK; the users are those of the file. Clients of users that are gone, or that listen to what their user may not
/// use any more, are disconnected.
fn load(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let Some(path) = &ctx.config.aclfile else { return Err(NO_FILE) };
    let before = ctx.tenant.acl.list();
    let loaded = load_file(ctx.server, ctx.config, path);
    loaded.map_err(|errors| CommandError::Bytes([b"ERR ", &errors[..]].concat()))?;
    let mut victims = Victims::default();
    let mut gone: HashSet<&[u8]> = HashSet::new();
    for before in &before {
        match ctx.tenant.acl.user(before.name()) {
            Some(now) => victims.add_subscribers_of(ctx.server, before, &now),
            None => _ = gone.insert(before.name()),
        }
    }
    victims.add_users_of(ctx.server, |name| gone.contains(name));
    end(ctx, &victims);
    ctx.reply.ok();
    Ok(())
}

/// `ACL SAVE` -- O(N). OK; the file holds all users.
fn save(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let Some(path) = &ctx.config.aclfile else { return Err(NO_FILE) };
    let users = ctx.tenant.acl.list();
    file::save(&ctx.config.in_dir(path), users.iter().map(|user| &**user)).map_err(|error| {
        tracing::warn!("Writing the ACL file for ACL SAVE: {error}");
        CommandError::line(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
        )
    })?;
    ctx.reply.ok();
    Ok(())
}
