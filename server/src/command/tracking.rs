//! CLIENT TRACKING and its kin: what a client asks for that keeps copies of keys. Reads are entered here into the table of
//! `keyspace::tracked`; who is told what, and how, is in `effects::tracking`. The rows are in `client`.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::effects::tracking::Tracker;
use crate::keyspace::Key;
use crate::limits;
use crate::net::argv::Argv;
use crate::net::client::{Client, flag};

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::lock_plan::for_each_key;
use super::session::{Reads, Session};
use super::table::Command;

impl CommandContext<'_> {
    /// Enter the keys of a command that reads, whether they are there or not: they may come to be.
    #[cold]
    pub fn record_reads(&mut self, command: &Command, argv: Argv<'_>) {
        let (tracking, client) = (&self.tenant.tracking, self.session.client.id);
        for_each_key(&command.keys, argv, |_, name| {
            let key = Key::known_or_new(self.known_key, name);
            if let Some(shard) = self.keys.locked.shard(&key) {
                shard.tracked().record(name, client, |reader| tracking.is_reader(reader));
            }
        });
    }
}

/// The words behind CLIENT TRACKING ON|OFF.
#[derive(Default)]
struct Options {
    redirect: Option<Arc<Client>>,
    prefixes: Vec<Box<[u8]>>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    noloop: bool,
}

impl Options {
    fn parse(ctx: &CommandContext<'_>, words: Argv<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut position = 0;
        while let Some(word) = words.get(position) {
            position += 1;
            if args::is(word, "REDIRECT") && position < words.len() {
                if options.redirect.is_some() {
                    return Err(CommandError::line(
                        "ERR A client can only redirect to a single other client",
                    ));
                }
                let id = args::integer(words.at(position))?;
                let client = u64::try_from(id).ok().and_then(|id| ctx.server.clients.get(id));
                let missing = CommandError::line("ERR The client ID you want redirect to does not exist");
                options.redirect = Some(client.ok_or(missing)?);
                position += 1;
            } else if args::is(word, "PREFIX") && position < words.len() {
                options.prefixes.push(words.at(position).into());
                position += 1;
            } else if args::is(word, "BCAST") {
                options.broadcast = true;
            } else if args::is(word, "OPTIN") {
                options.opt_in = true;
            } else if args::is(word, "OPTOUT") {
                options.opt_out = true;
            } else if args::is(word, "NOLOOP") {
                options.noloop = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    /// Whether they go together, and with what was asked for before.
    fn check(&self, session: &Session, before: Option<&Tracker>) -> CommandResult {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(CommandError::line("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if before.is_some_and(|before| before.broadcast.is_some() != self.broadcast) {
            return Err(CommandError::line(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
                 with a different mode.",
            ));
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(CommandError::line("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if self.opt_in && self.opt_out {
            return Err(CommandError::line("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        if self.opt_in && session.reads == Reads::OptOut || self.opt_out && session.reads == Reads::OptIn {
            return Err(CommandError::line(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
                 with a different mode.",
            ));
        }
        Ok(())
    }

    /// The prefixes together with those that were asked for before. None may begin with another one: a key would be told twice.
    fn all_prefixes(&self, before: Option<&Tracker>) -> Result<Vec<Box<[u8]>>, CommandError> {
        let known: BTreeSet<Box<[u8]>> =
            before.and_then(|before| before.broadcast.clone()).unwrap_or_default().into_iter().collect();
        let mut given: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let error = |prefix: &[u8], kind: &str, other: &[u8]| {
            let (prefix, other) = (args::printable(prefix), args::printable(other));
            CommandError::err(format_args!(
                "Prefix '{prefix}' overlaps with {kind} prefix '{other}'. Prefixes for a single client must not overlap."
            ))
        };
        for prefix in &self.prefixes {
            if let Some(other) = overlapping(&known, prefix) {
                return Err(error(prefix, "an existing", other));
            }
            if let Some(other) = overlapping(&given, prefix) {
                return Err(error(other, "another provided", prefix));
            }
            given.insert(prefix.clone());
        }
        if given.is_empty() {
            given.insert(Box::default());
        }
        let all: BTreeSet<Box<[u8]>> = known.into_iter().chain(given).collect();
        if all.len() > limits::TRACKING_PREFIXES_MAX {
            return Err(CommandError::line("ERR too many prefixes for a single client"));
        }
        Ok(all.into_iter().collect())
    }
}

/// One of the prefixes that begins with this one, or with which this one begins. As long as none of them begins with another, the
/// empty one left aside, it stands right beside this one.
fn overlapping<'p>(prefixes: &'p BTreeSet<Box<[u8]>>, prefix: &[u8]) -> Option<&'p [u8]> {
    let below = (Bound::Unbounded, Bound::Included(prefix));
    let below = prefixes.range::<[u8], _>(below).next_back().filter(|other| prefix.starts_with(other));
    let above = (Bound::Included(prefix), Bound::Unbounded);
    let above = || prefixes.range::<[u8], _>(above).next().filter(|other| other.starts_with(prefix));
    let empty = || prefixes.first().filter(|other| other.is_empty());
    below.or_else(above).or_else(empty).map(|other| &**other)
}

/// `CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]` -- O(1), and O(N) in the
/// prefixes. OK.
pub(super) fn tracking(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let options = Options::parse(ctx, argv.tail(3))?;
    match argv.at(2).to_ascii_lowercase().as_slice() {
        b"on" => begin(ctx, options)?,
        b"off" => end(ctx),
        _ => return Err(CommandError::Syntax),
    }
    ctx.reply.ok();
    Ok(())
}

fn begin(ctx: &mut CommandContext<'_>, options: Options) -> CommandResult {
    let client = Arc::clone(&ctx.session.client);
    let before = ctx.tenant.tracking.of(client.id);
    options.check(ctx.session, before.as_ref())?;
    let broadcast = options.broadcast.then(|| options.all_prefixes(before.as_ref())).transpose()?;
    ctx.session.reads = match () {
        () if options.broadcast => Reads::None,
        () if options.opt_in => Reads::OptIn,
        () if options.opt_out => Reads::OptOut,
        () => Reads::All,
    };
    client.set_flag(flag::ALL_TRACKING, false);
    client.set_flag(flag::TRACKING | if options.broadcast { flag::BROADCAST } else { 0 }, true);
    client.redirect.store(options.redirect.as_ref().map_or(0, |redirect| redirect.id), Relaxed);
    client.let_go(before.map_or(0, |before| held_bytes(before.broadcast.as_deref())));
    client.hold(held_bytes(broadcast.as_deref()));
    let redirect = options.redirect;
    ctx.tenant.tracking.begin(Tracker { client, redirect, noloop: options.noloop, broadcast });
    Ok(())
}

/// What prefixes occupy.
fn held_bytes(prefixes: Option<&[Box<[u8]>]>) -> usize {
    prefixes.into_iter().flatten().map(|prefix| prefix.len() + limits::NAME_OVERHEAD_BYTES).sum()
}

/// End tracking, as CLIENT TRACKING OFF and RESET do.
pub(super) fn end(ctx: &mut CommandContext<'_>) {
    let before = ctx.tenant.tracking.of(ctx.session.client.id);
    ctx.session.client.let_go(before.map_or(0, |before| held_bytes(before.broadcast.as_deref())));
    ctx.tenant.tracking.end(&ctx.session.client);
    ctx.session.reads = Reads::None;
    ctx.session.caching = false;
    ctx.session.client.redirect.store(0, Relaxed);
}

/// `CLIENT CACHING YES|NO` -- O(1). OK; the next command's reads are remembered, or are not.
pub(super) fn caching(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    if !matches!(ctx.session.reads, Reads::OptIn | Reads::OptOut) {
        return Err(CommandError::line(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    }
    match (argv.at(2).to_ascii_lowercase().as_slice(), ctx.session.reads) {
        (b"yes", Reads::OptIn) | (b"no", Reads::OptOut) => ctx.session.caching = true,
        (b"yes", _) => {
            return Err(CommandError::line(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ));
        }
        (b"no", _) => {
            return Err(CommandError::line(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ));
        }
        _ => return Err(CommandError::Syntax),
    }
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT GETREDIR` -- O(1). The client that is told in place of this one; 0 if this one is, -1 if it does not track.
pub(super) fn getredir(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let id = redirection(&ctx.session.client);
    ctx.reply.integer(id);
    Ok(())
}

/// What GETREDIR and CLIENT LIST show.
pub(super) fn redirection(client: &Client) -> i64 {
    if client.has_flag(flag::TRACKING) { client.redirect.load(Relaxed) as i64 } else { -1 }
}

/// `CLIENT TRACKINGINFO` -- O(1). A map: what CLIENT TRACKING was told, and what has become of it.
pub(super) fn trackinginfo(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let client = &ctx.session.client;
    let tracker = ctx.tenant.tracking.of(client.id);
    let mut flags = vec![if tracker.is_some() { "on" } else { "off" }];
    let mut add = |on: bool, name| flags.extend(on.then_some(name));
    let (reads, caching) = (ctx.session.reads, ctx.session.caching);
    add(client.has_flag(flag::BROADCAST), "bcast");
    add(reads == Reads::OptIn, "optin");
    add(reads == Reads::OptIn && caching, "caching-yes");
    add(reads == Reads::OptOut, "optout");
    add(reads == Reads::OptOut && caching, "caching-no");
    add(tracker.as_ref().is_some_and(|tracker| tracker.noloop), "noloop");
    add(client.has_flag(flag::BROKEN_REDIRECT), "broken_redirect");
    let redirect = redirection(client);
    let prefixes = tracker.and_then(|tracker| tracker.broadcast).unwrap_or_default();
    ctx.reply.map_header(3);
    ctx.reply.bulk("flags");
    ctx.reply.set_header(flags.len());
    flags.iter().for_each(|name| ctx.reply.bulk(name));
    ctx.reply.bulk("redirect");
    ctx.reply.integer(redirect);
    ctx.reply.bulk("prefixes");
    ctx.reply.array_header(prefixes.len());
    prefixes.iter().for_each(|prefix| ctx.reply.bulk(prefix));
    Ok(())
}
