//! CLIENT and its subcommands: who is connected, what they call themselves, and how to be rid of them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::command;
use crate::net::argv::Argv;
use crate::net::client::{Client, flag};
use crate::server::Server;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::session::ReplyMode;
use super::spec::{Spec, tips};

/// The rows.
pub const CLIENT_COMMANDS: &[Spec] = &[
    command!(
        "GETNAME",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        getname,
        "2.6.9",
        "O(1)",
        "Returns the name of the connection.",
        ""
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        client_help,
        "5.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "ID",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        id,
        "5.0.0",
        "O(1)",
        "Returns the unique client ID of the connection.",
        ""
    ),
    command!(
        "INFO",
        2,
        NOSCRIPT | LOADING | STALE,
        [],
        info,
        "6.2.0",
        "O(1)",
        "Returns information about the connection.",
        "",
        tips: tips::VARIES
    ),
    command!(
        "KILL",
        -3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        kill,
        "2.4.0",
        "O(N) where N is the number of client connections",
        "Terminates open connections.",
        "ip:port|[ID client-id] [TYPE normal|master|slave|replica|pubsub] [USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME yes|no] [MAXAGE maxage]"
    ),
    command!(
        "LIST",
        -2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        list,
        "2.4.0",
        "O(N) where N is the number of client connections",
        "Lists open connections.",
        "[TYPE normal|master|replica|pubsub] [ID client-id [client-id ...]]",
        tips: tips::VARIES
    ),
    command!(
        "NO-EVICT",
        3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        no_evict,
        "7.0.0",
        "O(1)",
        "Sets the client eviction mode of the connection.",
        "ON|OFF"
    ),
    command!(
        "NO-TOUCH",
        3,
        NOSCRIPT | LOADING | STALE,
        [],
        no_touch,
        "7.2.0",
        "O(1)",
        "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        "ON|OFF"
    ),
    command!(
        "PAUSE",
        -3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        pause,
        "3.0.0",
        "O(1)",
        "Suspends commands processing.",
        "timeout [WRITE|ALL]"
    ),
    command!(
        "REPLY",
        3,
        NOSCRIPT | LOADING | STALE,
        [],
        reply,
        "3.2.0",
        "O(1)",
        "Instructs the server whether to reply to commands.",
        "ON|OFF|SKIP"
    ),
    command!(
        "SETINFO",
        4,
        NOSCRIPT | LOADING | STALE,
        [],
        setinfo,
        "7.2.0",
        "O(1)",
        "Sets information specific to the client or connection.",
        "LIB-NAME libname|LIB-VER libver"
    ),
    command!(
        "SETNAME",
        3,
        NOSCRIPT | LOADING | STALE,
        [],
        setname,
        "2.6.9",
        "O(1)",
        "Sets the connection name.",
        "connection-name"
    ),
    command!(
        "UNBLOCK",
        -3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        unblock,
        "5.0.0",
        "O(log N) where N is the number of client connections",
        "Unblocks a client blocked by a blocking command from a different connection.",
        "client-id [TIMEOUT|ERROR]"
    ),
    command!(
        "UNPAUSE",
        2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        unpause,
        "6.2.0",
        "O(N) Where N is the number of paused clients",
        "Resumes processing commands from paused clients.",
        ""
    ),
];

/// `CLIENT HELP` -- O(1). What the subcommands do.
pub fn client_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "CLIENT", CLIENT_COMMANDS);
    Ok(())
}

/// `CLIENT ID` -- O(1). The number of this connection; it is never given twice.
fn id(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.integer(ctx.session.client.id as i64);
    Ok(())
}

/// `CLIENT GETNAME` -- O(1). The name of this connection; null if it has none.
fn getname(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let name = ctx.session.client.names.lock().name.clone();
    if name.is_empty() {
        ctx.reply.null();
    } else {
        ctx.reply.bulk(name);
    }
    Ok(())
}

/// `CLIENT SETNAME name` -- O(1). OK.
fn setname(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.session.client.names.lock().name = parse_name(argv.at(2))?;
    ctx.reply.ok();
    Ok(())
}

/// A name for a connection: printable, so that CLIENT LIST stays one line each.
pub fn parse_name(name: &[u8]) -> Result<String, CommandError> {
    printable_word(name)
        .ok_or(CommandError::line("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn printable_word(word: &[u8]) -> Option<String> {
    let printable = word.iter().all(|byte| (b'!'..=b'~').contains(byte));
    printable.then(|| String::from_utf8_lossy(word).into_owned())
}

/// `CLIENT SETINFO LIB-NAME name|LIB-VER version` -- O(1). OK.
fn setinfo(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let attribute = argv.at(2);
    let value = printable_word(argv.at(3)).ok_or_else(|| {
        let name = String::from_utf8_lossy(attribute).to_ascii_lowercase();
        CommandError::err(format_args!("{name} cannot contain spaces, newlines or special characters."))
    });
    let mut names = ctx.session.client.names.lock();
    if args::is(attribute, "LIB-NAME") {
        names.lib_name = value?;
    } else if args::is(attribute, "LIB-VER") {
        names.lib_ver = value?;
    } else {
        let name = args::printable(attribute);
        return Err(CommandError::err(format_args!("Unrecognized option '{name}'")));
    }
    drop(names);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT INFO` -- O(1). The line of CLIENT LIST for this connection.
fn info(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let line = describe(ctx.server, &ctx.session.client, ctx.now_ms());
    ctx.reply.verbatim(line);
    Ok(())
}

/// `CLIENT LIST [TYPE type] [ID id ...]` -- O(N). One line for each connection.
fn list(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut filter = Filter::default();
    match argv.len() {
        2 => {}
        4 if args::is(argv.at(2), "TYPE") => filter.kind = Some(Kind::parse(argv.at(3))?),
        4.. if args::is(argv.at(2), "ID") => {
            let parse = |id| args::unsigned(id, "ERR Invalid client ID");
            filter.ids = Some(argv.iter().skip(3).map(parse).collect::<Result<_, _>>()?);
        }
        _ => return Err(CommandError::Syntax),
    }
    let (server, now_ms) = (ctx.server, ctx.now_ms());
    let mut text = String::new();
    for client in server.clients.list() {
        if filter.matches(&client, now_ms) {
            text.push_str(&describe(server, &client, now_ms));
        }
    }
    ctx.reply.verbatim(text);
    Ok(())
}

/// The line of CLIENT LIST.
fn describe(server: &Server, client: &Client, now_ms: u64) -> String {
    let names = client.names.lock().clone();
    let flags: String = [
        (flag::MONITOR, 'O'),
        (flag::PUBSUB, 'P'),
        (flag::MULTI, 'x'),
        (flag::BLOCKED, 'b'),
        (flag::DIRTY_CAS, 'd'),
        (flag::UNIX, 'U'),
        (flag::NO_EVICT, 'e'),
        (flag::NO_TOUCH, 'T'),
    ]
    .iter()
    .filter(|(bit, _)| client.has_flag(*bit))
    .map(|(_, letter)| letter)
    .collect();
    let id = client.last_command.load(Relaxed);
    let table = server.tenant.commands();
    let command = table.iter_all().find(|command| command.id == id).map_or("NULL", |command| &command.name);
    let query = client.query_bytes.load(Relaxed);
    let output = client.output_bytes.load(Relaxed) + client.mailbox_bytes();
    let multi = client.multi.load(Relaxed) as i32;
    let [sub, psub, ssub] = [0, 1, 2].map(|kind: usize| client.subscriptions[kind].load(Relaxed));
    let mut line = format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={sub} psub={psub} ssub={ssub} multi={multi} watch={}",
        client.id,
        client.addr,
        client.laddr,
        client.fd,
        names.name,
        now_ms.saturating_sub(client.created_ms) / 1000,
        client.idle_ms(now_ms) / 1000,
        if flags.is_empty() { "N" } else { &flags },
        client.db.load(Relaxed),
        client.watch.load(Relaxed),
    );
    writeln!(
        line,
        " qbuf={query} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll={} omem={output} tot-mem={} events=r \
         cmd={command} user={} redir=-1 resp={} lib-name={} lib-ver={} io-thread={}",
        usize::from(output > 0),
        query + output + size_of::<Client>(),
        names.user,
        client.resp.load(Relaxed),
        names.lib_name,
        names.lib_ver,
        client.worker.load(Relaxed),
    )
    .expect("writing to a string cannot fail");
    line
}

/// A kind of client, as TYPE names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Pubsub,
    /// Primaries and replicas: there are none yet.
    Peer,
}

impl Kind {
    fn parse(name: &[u8]) -> Result<Self, CommandError> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::Pubsub),
            b"master" | b"primary" | b"slave" | b"replica" => Ok(Self::Peer),
            _ => Err(CommandError::err(format_args!("Unknown client type '{}'", args::printable(name)))),
        }
    }

    fn of(client: &Client) -> Self {
        if client.subscribed() > 0 { Self::Pubsub } else { Self::Normal }
    }
}

/// Which clients CLIENT LIST and CLIENT KILL mean.
#[derive(Default)]
struct Filter {
    ids: Option<Vec<u64>>,
    kind: Option<Kind>,
    user: Option<String>,
    addr: Option<String>,
    laddr: Option<String>,
    not: Option<u64>,
    max_age_s: Option<u64>,
}

impl Filter {
    fn matches(&self, client: &Client, now_ms: u64) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
            && self.kind.is_none_or(|kind| kind == Kind::of(client))
            && self.user.as_ref().is_none_or(|user| *user == client.names.lock().user)
            && self.addr.as_ref().is_none_or(|addr| *addr == client.addr)
            && self.laddr.as_ref().is_none_or(|laddr| *laddr == client.laddr)
            && self.not != Some(client.id)
            && self.max_age_s.is_none_or(|age| now_ms.saturating_sub(client.created_ms) / 1000 >= age)
    }

    fn parse(ctx: &CommandContext<'_>, options: Argv<'_>) -> Result<Self, CommandError> {
        let mut filter = Self { not: Some(ctx.session.client.id), ..Self::default() };
        if !options.len().is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        for i in (0..options.len()).step_by(2) {
            let (option, value) = (options.at(i), options.at(i + 1));
            let text = || String::from_utf8_lossy(value).into_owned();
            if args::is(option, "ID") {
                let id = args::parse_i64(value).filter(|&id| id > 0);
                let id = id.ok_or(CommandError::line("ERR client-id should be greater than 0"))?;
                filter.ids.get_or_insert_default().push(id as u64);
            } else if args::is(option, "TYPE") {
                filter.kind = Some(Kind::parse(value)?);
            } else if args::is(option, "USER") {
                let user = text();
                if user != "default" {
                    return Err(CommandError::err(format_args!("No such user '{user}'")));
                }
                filter.user = Some(user);
            } else if args::is(option, "ADDR") {
                filter.addr = Some(text());
            } else if args::is(option, "LADDR") {
                filter.laddr = Some(text());
            } else if args::is(option, "MAXAGE") {
                let age = args::parse_i64(value).filter(|&age| age > 0);
                filter.max_age_s = Some(
                    age.ok_or(CommandError::line("ERR maxage is not an integer or out of range"))? as u64,
                );
            } else if args::is(option, "SKIPME") {
                filter.not = match value.to_ascii_lowercase().as_slice() {
                    b"yes" => Some(ctx.session.client.id),
                    b"no" => None,
                    _ => return Err(CommandError::Syntax),
                };
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(filter)
    }
}

/// `CLIENT KILL ip:port | CLIENT KILL filter value ...` -- O(N). OK, or how many connections were ended.
fn kill(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let old_form = argv.len() == 3;
    let filter = if old_form {
        Filter { addr: Some(String::from_utf8_lossy(argv.at(2)).into_owned()), ..Filter::default() }
    } else {
        Filter::parse(ctx, argv.tail(2))?
    };
    let now_ms = ctx.now_ms();
    let victims: Vec<Arc<Client>> =
        ctx.server.clients.list().into_iter().filter(|client| filter.matches(client, now_ms)).collect();
    if old_form && victims.is_empty() {
        return Err(CommandError::line("ERR No such client"));
    }
    for client in &victims {
        // Whoever ends itself still reads the reply.
        if client.id == ctx.session.client.id {
            ctx.session.closing = true;
        } else {
            client.kill();
        }
    }
    if old_form {
        ctx.reply.ok();
    } else {
        ctx.reply.integer(victims.len() as i64);
    }
    Ok(())
}

fn on_or_off(argument: &[u8]) -> Result<bool, CommandError> {
    match argument.to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

/// `CLIENT NO-EVICT ON|OFF` -- O(1). OK.
fn no_evict(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    ctx.session.client.set_flag(flag::NO_EVICT, on_or_off(argv.at(2))?);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT NO-TOUCH ON|OFF` -- O(1). OK; reads of this connection no longer count as accesses.
fn no_touch(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let on = on_or_off(argv.at(2))?;
    ctx.session.no_touch = on;
    ctx.session.client.set_flag(flag::NO_TOUCH, on);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT REPLY ON|OFF|SKIP` -- O(1). OK after ON; nothing after the others.
fn reply(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    match argv.at(2).to_ascii_lowercase().as_slice() {
        b"on" => {
            ctx.session.reply_mode = ReplyMode::On;
            ctx.reply.ok();
        }
        b"off" => ctx.session.reply_mode = ReplyMode::Off,
        b"skip" if ctx.session.reply_mode == ReplyMode::Off => {}
        b"skip" => ctx.session.reply_mode = ReplyMode::SkipNext,
        _ => return Err(CommandError::Syntax),
    }
    Ok(())
}

/// `CLIENT PAUSE milliseconds [WRITE|ALL]` -- O(1). OK; commands, or those that write, wait that long.
fn pause(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let writes_only = match argv.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"all") => false,
        Some(b"write") => true,
        _ => return Err(CommandError::line("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    if argv.len() > 4 {
        return Err(CommandError::Syntax);
    }
    let millis = args::parse_i64(argv.at(2))
        .ok_or(CommandError::line("ERR timeout is not an integer or out of range"))?;
    let millis = u64::try_from(millis).map_err(|_| CommandError::line("ERR timeout is negative"))?;
    ctx.server.pause(ctx.now_us.saturating_add(millis.saturating_mul(1000)), writes_only);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT UNPAUSE` -- O(1). OK.
fn unpause(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.server.unpause();
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT UNBLOCK id [TIMEOUT|ERROR]` -- O(N) in those who wait. Whether the client waited in a command.
fn unblock(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let with_error = match argv.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"timeout") => false,
        Some(b"error") => true,
        _ => return Err(CommandError::line("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = u64::try_from(args::integer(argv.at(2))?).ok();
    let ended = id.is_some_and(|id| ctx.tenant.blocked.unblock(id, with_error));
    ctx.reply.integer(i64::from(ended));
    Ok(())
}
