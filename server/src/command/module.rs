//! MODULE: load, unload and look at modules. Loading compiles, which takes a while: it runs beside the workers, and the
//! client waits for it alone. What loading does is in `module::load`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::command;
use crate::config::Protection;
use crate::module::{LoadRequest, LoadedModule, Source};
use crate::net::argv::Argv;
use crate::net::client::Client;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Family, Flags, Spec, tips};

/// The rows.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!("MODULE", -2, NONE, [], module_help,
        "4.0.0", "Depends on subcommand.", "A container for module commands.", "", subcommands: MODULE_COMMANDS)],
};

const MODULE_COMMANDS: &[Spec] = &[
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        module_help,
        "5.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "INSPECT",
        3,
        ADMIN | NOSCRIPT,
        [],
        inspect,
        "7.2.0",
        "O(N) where N is the number of the module's commands.",
        "Returns what a module declares, imports and exports, its limits and what it has used.",
        "name"
    ),
    command!(
        "LIMITS",
        -3,
        ADMIN | NOSCRIPT,
        [],
        limits,
        "7.2.0",
        "O(1)",
        "Returns or sets the limits of a module: fuel of a command, fuel per second, bytes of memory.",
        "name [FUEL fuel] [RATE fuel-per-second] [MEMORY bytes]"
    ),
    command!(
        "LIST",
        2,
        ADMIN | NOSCRIPT,
        [],
        list,
        "4.0.0",
        "O(N) where N is the number of loaded modules.",
        "Returns all loaded modules.",
        "",
        tips: tips::UNORDERED
    ),
    command!(
        "LOAD",
        -3,
        ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING,
        [],
        load,
        "4.0.0",
        "O(N) where N is the size of the module.",
        "Loads a module.",
        "path [arg [arg ...]]"
    ),
    command!(
        "LOADBYTES",
        -4,
        ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING,
        [],
        loadbytes,
        "7.2.0",
        "O(N) where N is the size of the module.",
        "Loads a module from bytes sent over the connection.",
        "name bytes [arg [arg ...]]"
    ),
    command!(
        "LOADEX",
        -3,
        ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING,
        [],
        loadex,
        "7.0.0",
        "O(N) where N is the size of the module.",
        "Loads a module using extended parameters.",
        "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]"
    ),
    command!(
        "UNLOAD",
        3,
        ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING,
        [],
        unload,
        "4.0.0",
        "O(1)",
        "Unloads a module.",
        "name"
    ),
    command!(
        "UPGRADE",
        -4,
        ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING,
        [],
        upgrade,
        "7.2.0",
        "O(N) where N is the size of the module and of its values.",
        "Puts another version of a module into its place, under its values.",
        "name path [ARGS args [args ...]]"
    ),
];

/// `MODULE HELP` -- O(1). What the subcommands do.
fn module_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "MODULE", MODULE_COMMANDS);
    Ok(())
}

/// Whether `protection` lets this client do something dangerous.
pub fn is_allowed(protection: Protection, client: &Client) -> bool {
    match protection {
        Protection::Yes => true,
        Protection::No => false,
        Protection::Local => client.is_local(),
    }
}

fn check_allowed(ctx: &CommandContext<'_>) -> CommandResult {
    if is_allowed(ctx.config.enable_module_command, &ctx.session.client) {
        return Ok(());
    }
    Err(CommandError::line(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a \
         local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
    ))
}

/// `MODULE LOAD path [arg ...]` -- the cost of compiling, or of reading the cache. OK.
fn load(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let source = Source::File(path(argv.at(2)));
    let args = argv.iter().skip(3).map(<[u8]>::to_vec).collect();
    start(ctx, LoadRequest { source, args, configs: Vec::new() })
}

/// `MODULE LOADBYTES name bytes [arg ...]` -- the same for a module that the client sends. OK.
fn loadbytes(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let name = String::from_utf8_lossy(argv.at(2)).into_owned();
    let source = Source::Bytes(name, argv.at(3).to_vec());
    let args = argv.iter().skip(4).map(<[u8]>::to_vec).collect();
    start(ctx, LoadRequest { source, args, configs: Vec::new() })
}

/// `MODULE LOADEX path [CONFIG name value ...] [ARGS arg ...]` -- the same with values of parameters. OK.
fn loadex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut request =
        LoadRequest { source: Source::File(path(argv.at(2))), args: Vec::new(), configs: Vec::new() };
    let mut i = 3;
    while i < argv.len() {
        if args::is(argv.at(i), "CONFIG") {
            if i + 2 >= argv.len() {
                return Err(CommandError::line("ERR CONFIG needs a name and a value"));
            }
            request.configs.push((argv.at(i + 1).to_vec(), argv.at(i + 2).to_vec()));
            i += 3;
        } else if args::is(argv.at(i), "ARGS") {
            request.args = argv.iter().skip(i + 1).map(<[u8]>::to_vec).collect();
            break;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    start(ctx, request)
}

fn path(argument: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(argument))
}

/// Load beside the workers.
fn start(ctx: &mut CommandContext<'_>, request: LoadRequest) -> CommandResult {
    check_allowed(ctx)?;
    let server = ctx.server;
    ctx.session.job = Some(Box::new(move |reply: &mut ReplyWriter| {
        let loaded = server.tenant.modules.load(server, request);
        loaded.map_err(|reason| {
            tracing::warn!("A module was not loaded: {reason}");
            CommandError::err(format_args!("Error loading the extension: {reason}"))
        })?;
        reply.ok();
        Ok(())
    }));
    Ok(())
}

/// `MODULE UNLOAD name` -- O(1). OK.
fn unload(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    check_allowed(ctx)?;
    let (server, name) = (ctx.server, String::from_utf8_lossy(argv.at(2)).into_owned());
    // It may have to wait for a module that is being loaded.
    ctx.session.job = Some(Box::new(move |reply: &mut ReplyWriter| {
        let unloaded = server.tenant.modules.unload(server, &name);
        unloaded.map_err(|reason| CommandError::err(format_args!("Error unloading module: {reason}")))?;
        reply.ok();
        Ok(())
    }));
    Ok(())
}

/// `MODULE UPGRADE name path [ARGS arg ...]` -- the cost of compiling, and of loading and saving every value of the module. OK.
fn upgrade(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    check_allowed(ctx)?;
    let args = match argv.get(4) {
        None => Vec::new(),
        Some(word) if args::is(word, "ARGS") => argv.iter().skip(5).map(<[u8]>::to_vec).collect(),
        Some(_) => return Err(CommandError::Syntax),
    };
    let (server, name) = (ctx.server, String::from_utf8_lossy(argv.at(2)).into_owned());
    let request = LoadRequest { source: Source::File(path(argv.at(3))), args, configs: Vec::new() };
    ctx.session.job = Some(Box::new(move |reply: &mut ReplyWriter| {
        let upgraded = server.tenant.modules.upgrade(server, &name, request);
        upgraded.map_err(|reason| CommandError::err(format_args!("Error upgrading module: {reason}")))?;
        reply.ok();
        Ok(())
    }));
    Ok(())
}

/// `MODULE LIST` -- O(N). A map for each module: its name, version, path and arguments.
fn list(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.tenant.modules.reply_list(ctx.reply);
    Ok(())
}

fn find(ctx: &CommandContext<'_>, name: &[u8]) -> Result<Arc<LoadedModule>, CommandError> {
    let name = String::from_utf8_lossy(name);
    ctx.tenant.modules.get(&name).ok_or_else(|| {
        CommandError::err(format_args!("no module named '{}' is loaded", args::printable(name.as_bytes())))
    })
}

/// `MODULE LIMITS name [FUEL n] [RATE n] [MEMORY n]` -- O(1). OK; without options a map of the limits.
fn limits(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let module = find(ctx, argv.at(2))?;
    let mut limits = module.limits();
    if argv.len() == 3 {
        ctx.reply.map_header(3);
        write_limits(ctx.reply, &limits);
        return Ok(());
    }
    check_allowed(ctx)?;
    if argv.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    for i in (3..argv.len()).step_by(2) {
        let (option, value) = (argv.at(i), argv.at(i + 1));
        if args::is(option, "FUEL") {
            limits.fuel_per_command = positive(value, "ERR FUEL must be a number of units from 1 on")?;
        } else if args::is(option, "RATE") {
            limits.fuel_per_second =
                args::unsigned(value, "ERR RATE must be units per second, or 0 for no limit")?;
        } else if args::is(option, "MEMORY") {
            let bytes = crate::config::units::parse_memory(value).filter(|&bytes| bytes > 0);
            limits.memory_bytes = bytes
                .ok_or(CommandError::line("ERR MEMORY must be a number of bytes, such as 1048576 or 64mb"))?
                as usize;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    module.set_limits(limits, ctx.server.clock.now_ns());
    ctx.reply.ok();
    Ok(())
}

fn positive(value: &[u8], error: &'static str) -> Result<u64, CommandError> {
    args::unsigned(value, error)?.checked_sub(1).map(|n| n + 1).ok_or(CommandError::line(error))
}

fn write_limits(reply: &mut ReplyWriter, limits: &sandkey_runtime::Limits) {
    for (name, value) in [
        ("fuel", limits.fuel_per_command),
        ("rate", limits.fuel_per_second),
        ("memory", limits.memory_bytes as u64),
    ] {
        reply.bulk(name);
        reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }
}

/// `MODULE INSPECT name` -- O(N). A map: what the module is, declares, imports and exports, may use and has used.
fn inspect(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let module = find(ctx, argv.at(2))?;
    let manifest = &module.manifest;
    let reply = &mut *ctx.reply;
    reply.map_header(15);
    for (name, value) in [
        ("name", manifest.name.as_str()),
        ("summary", &manifest.summary),
        ("path", &module.path),
        ("digest", module.code.digest()),
        ("state", module.state_name()),
        ("entry", if module.code.is_entered_directly() { "direct" } else { "component" }),
    ] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk("ver");
    reply.integer(i64::from(manifest.version));
    reply.bulk("size");
    reply.integer(module.code.wasm_bytes() as i64);
    for (name, list) in
        [("imports", module.code.imports()), ("exports", module.code.exports()), ("calls", &manifest.calls)]
    {
        reply.bulk(name);
        reply.array_header(list.len());
        list.iter().for_each(|each| reply.bulk(each));
    }
    reply.bulk("types");
    reply.array_header(manifest.data_types.len());
    for kind in &manifest.data_types {
        reply.map_header(2);
        reply.bulk("name");
        reply.bulk(&kind.name);
        reply.bulk("encver");
        reply.integer(i64::from(kind.encver));
    }
    reply.bulk("commands");
    reply.array_header(manifest.commands.len());
    for command in &manifest.commands {
        inspect_command(ctx.tenant.commands().find(&command.name), command, reply);
    }
    reply.bulk("limits");
    reply.map_header(3);
    write_limits(reply, &module.limits());
    reply.bulk("usage");
    let usage = module.usage();
    reply.map_header(usage.len());
    for (name, value) in usage {
        reply.bulk(name);
        reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }
    Ok(())
}

fn inspect_command(
    entered: Option<&Arc<super::table::Command>>,
    command: &sandkey_runtime::Command,
    reply: &mut ReplyWriter,
) {
    reply.map_header(4);
    reply.bulk("name");
    reply.bulk(command.name.to_ascii_lowercase());
    reply.bulk("arity");
    reply.integer(i64::from(command.arity));
    reply.bulk("flags");
    let flags: Vec<_> = entered.map_or(Flags::NONE, |command| command.flags).names().collect();
    reply.set_header(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    reply.bulk("summary");
    reply.bulk(&command.docs.summary);
}
