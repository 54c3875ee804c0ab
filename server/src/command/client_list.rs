//! CLIENT LIST, INFO and KILL: who is connected, told as Redis tells it, and how to be rid of them.
//! What others may see of a client is in `net::client`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::net::argv::Argv;
use crate::net::client::{Client, flag};
use crate::server::Server;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::tracking::redirection;

/// `CLIENT INFO` -- O(1). The line of CLIENT LIST for this connection.
pub(super) fn info(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let line = describe(ctx.server, &ctx.session.client, ctx.now_ms());
    ctx.reply.verbatim(line);
    Ok(())
}

/// `CLIENT LIST [TYPE type] [ID id ...]` -- O(N). One line for each connection.
pub(super) fn list(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
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
pub(super) fn describe(server: &Server, client: &Client, now_ms: u64) -> String {
    let names = client.names.lock().clone();
    let flags: String = [
        (flag::MONITOR, 'O'),
        (flag::PUBSUB, 'P'),
        (flag::MULTI, 'x'),
        (flag::BLOCKED, 'b'),
        (flag::TRACKING, 't'),
        (flag::BROKEN_REDIRECT, 'R'),
        (flag::BROADCAST, 'B'),
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
    let [query, argv, room] =
        [&client.query_bytes, &client.argv_bytes, &client.query_room].map(|bytes| bytes.load(Relaxed));
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
        " qbuf={query} qbuf-free={room} argv-mem={argv} multi-mem=0 rbs=0 rbp=0 obl=0 oll={} omem={output} tot-mem={} events=r \
         cmd={command} user={} redir={} resp={} lib-name={} lib-ver={} tot-net-in={} \
         tot-net-out={} tot-cmds={} io-thread={}",
        usize::from(output > 0),
        client.memory(),
        String::from_utf8_lossy(&names.user),
        redirection(client),
        client.resp.load(Relaxed),
        names.lib_name,
        names.lib_ver,
        client.traffic[0].load(Relaxed),
        client.traffic[1].load(Relaxed),
        client.commands.load(Relaxed),
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
    user: Option<Arc<[u8]>>,
    addr: Option<String>,
    laddr: Option<String>,
    not: Option<u64>,
    max_age_s: Option<u64>,
}

impl Filter {
    fn matches(&self, client: &Client, now_ms: u64) -> bool {
        // Somebody has ended it, and it only has to notice.
        !client.is_killed()
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
            && self.kind.is_none_or(|kind| kind == Kind::of(client))
            && self.user.as_ref().is_none_or(|user| *user == client.names.lock().user)
            && self.addr.as_ref().is_none_or(|addr| *addr == client.addr)
            && self.laddr.as_ref().is_none_or(|laddr| *laddr == client.laddr)
            && self.not != Some(client.id)
            && self.max_age_s.is_none_or(|age| now_ms.saturating_sub(client.created_ms) / 1000 >= age)
    }

    /// The options of CLIENT KILL. The last of several of a kind counts.
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
                filter.ids = Some(vec![id as u64]);
            } else if args::is(option, "TYPE") {
                filter.kind = Some(Kind::parse(value)?);
            } else if args::is(option, "USER") {
                let user = ctx.tenant.acl.user(value);
                let user = user.ok_or_else(|| {
                    CommandError::err(format_args!("No such user '{}'", args::printable(value)))
                })?;
                filter.user = Some(Arc::clone(user.name()));
            } else if args::is(option, "ADDR") {
                filter.addr = Some(text());
            } else if args::is(option, "LADDR") {
                filter.laddr = Some(text());
            } else if args::is(option, "MAXAGE") {
                let age = args::parse_i64(value);
                let age = age.ok_or(CommandError::line("ERR maxage is not an integer or out of range"))?;
                if age <= 0 {
                    return Err(CommandError::line("ERR maxage should be greater than 0"));
                }
                filter.max_age_s = Some(age as u64);
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
pub(super) fn kill(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
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
