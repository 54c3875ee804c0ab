//! CONFIG: look at the directives, change them, write them back into the file. What a directive takes and what follows
//! from it is in `config`; what must happen at once when one changes is in `reactions`.

use crate::command;
use crate::config::{Caller, ConfigError, RewriteExtra, push_quoted};
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Family, Spec, tips};

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!("CONFIG", -2, NONE, [], config_help,
        "2.0.0", "Depends on subcommand.", "A container for server configuration commands.", "",
        subcommands: CONFIG_COMMANDS)],
};

const CONFIG_COMMANDS: &[Spec] = &[
    command!(
        "GET",
        -3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        get,
        "2.0.0",
        "O(N) when N is the number of configuration parameters provided",
        "Returns the effective values of configuration parameters.",
        "parameter [parameter ...]"
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        config_help,
        "5.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "RESETSTAT",
        2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        resetstat,
        "2.0.0",
        "O(1)",
        "Resets the server's statistics.",
        ""
    ),
    command!(
        "REWRITE",
        2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        rewrite,
        "2.8.0",
        "O(1)",
        "Persists the effective configuration to file.",
        ""
    ),
    command!(
        "SET",
        -4,
        ADMIN | NOSCRIPT | LOADING | STALE | WALKS_KEYS,
        [],
        set,
        "2.0.0",
        "O(N) when N is the number of configuration parameters provided",
        "Sets configuration parameters in-flight.",
        "parameter value [parameter value ...]",
        tips: tips::NODES_OK
    ),
];

/// `CONFIG HELP` -- O(1). What the subcommands do.
fn config_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "CONFIG", CONFIG_COMMANDS);
    Ok(())
}

fn caller(ctx: &CommandContext<'_>) -> Caller {
    Caller { local: ctx.session.client.is_local(), loading: ctx.server.persistence.is_loading() }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn to_error(error: ConfigError) -> CommandError {
    CommandError::Other(error.to_string().into())
}

/// `CONFIG GET pattern [pattern ...]` -- O(N). A map of the directives that a pattern matches.
fn get(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let patterns: Vec<&[u8]> = argv.iter().skip(2).collect();
    let pairs = ctx.server.config.get(&patterns, caller(ctx));
    ctx.reply.map_header(pairs.len());
    for (name, value) in pairs {
        ctx.reply.bulk(name);
        ctx.reply.bulk(value);
    }
    Ok(())
}

/// `CONFIG SET name value [name value ...]` -- O(N). OK; all of them are set, or none.
fn set(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if !argv.len().is_multiple_of(2) {
        return Err(ctx.wrong_arity());
    }
    let pairs: Vec<(&[u8], &[u8])> =
        (2..argv.len()).step_by(2).map(|i| (argv.at(i), argv.at(i + 1))).collect();
    let before = ctx.server.config.current();
    ctx.server.config.set(&pairs, caller(ctx)).map_err(to_error)?;
    let now = ctx.server.config.current();
    // Not among the reactions: it needs all shards, and in EXEC they are locked already.
    if now.access_clock() != before.access_clock() {
        let access = now.access_clock();
        ctx.keys.locked.walk(|shard| shard.set_access(access));
    }
    ctx.reply.ok();
    Ok(())
}

/// `CONFIG REWRITE` -- the cost of writing a file. OK; the file says what is set now, its comments stay.
fn rewrite(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let modules = ctx.tenant.modules.list();
    // What a client sent is in no file that the next start could read.
    let lines = modules.iter().filter(|module| module.from_file).map(|module| {
        let mut line = b"loadmodule".to_vec();
        for word in std::iter::once(module.path.as_bytes()).chain(module.args.iter().map(Vec::as_slice)) {
            line.push(b' ');
            push_quoted(&mut line, word);
        }
        line
    });
    // With an `aclfile` the users are there, and ACL SAVE writes them.
    let users = match ctx.config.aclfile {
        Some(_) => Vec::new(),
        None => ctx.tenant.acl.list().iter().map(|user| user.line()).collect(),
    };
    let extra = RewriteExtra { users: Some(users), load_modules: Some(lines.collect()) };
    ctx.server.config.rewrite(&extra).map_err(to_error)?;
    tracing::warn!("CONFIG REWRITE executed with success.");
    ctx.reply.ok();
    Ok(())
}

/// `CONFIG RESETSTAT` -- O(N) for N commands. OK; what INFO counts begins anew.
fn resetstat(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.server.reset_stats();
    ctx.reply.ok();
    Ok(())
}
