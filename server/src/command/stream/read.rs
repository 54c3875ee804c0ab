//! Reading on from an id: XREAD, and XREADGROUP, which remembers for a group what was read, and by whom.
//!
//! XREADGROUP is repeated as what it did: XCLAIM for each entry that became pending, and where its group stands now.

use std::time::Duration;

use super::{Reader, ids, no_group, propagate_claim, propagate_consumer, propagate_position, reply_record};
use crate::command::args;
use crate::command::blocking::{self, Until};
use crate::command::context::CommandContext;
use crate::command::error::{CommandError, CommandResult};
use crate::command::spec::{Access, Family, Find, KeySpec, access};
use crate::effects::notify::Class;
use crate::keyspace::stream::{ConsumerId, Group, Log, Pending};
use crate::keyspace::{Stream, StreamId, ValueType};
use crate::net::argv::{Argv, OwnedArgv};
use crate::net::reply::{Protocol, ReplyWriter};

const fn streams(access: Access, from: usize) -> KeySpec {
    KeySpec { access, find: Find::Streams { from }, notes: "" }
}

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "stream",
    commands: &[
        command!("XREAD", -4, READ | BLOCKING, [streams(access::READ, 1)], xread,
            "5.0.0", "For each stream mentioned: O(N) with N being the number of elements being returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time in order to serve the M clients blocked on the stream getting new data.",
            "Returns messages from multiple streams with IDs greater than the ones requested. Blocks until a message is available otherwise.",
            "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]"),
        command!("XREADGROUP", -7, WRITE | BLOCKING, [streams(access::READ, 4)], xreadgroup,
            "5.0.0", "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data.",
            "Returns new or historical messages from a stream for a consumer in a group. Blocks until a message is available otherwise.",
            "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]"),
    ],
};

/// What the client wants to read.
struct Request<'a> {
    /// The most entries of each stream.
    count: usize,
    /// Whether to wait for entries, and for how long; for ever if none.
    block: Option<Option<Duration>>,
    /// The group and the consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    noack: bool,
    /// The keys, and then as many ids.
    streams: Argv<'a>,
}

impl<'a> Request<'a> {
    fn parse(argv: Argv<'a>, for_group: bool) -> Result<Self, CommandError> {
        let mut request =
            Request { count: 0, block: None, group: None, noack: false, streams: argv.tail(argv.len()) };
        let mut at = 1;
        while at < argv.len() {
            let (word, more) = (argv.at(at), argv.len() - 1 - at);
            if more > 0 && args::is(word, "BLOCK") {
                request.block = Some(blocking::timeout_ms(argv.at(at + 1))?);
                at += 1;
            } else if more > 0 && args::is(word, "COUNT") {
                request.count = usize::try_from(args::integer(argv.at(at + 1))?).unwrap_or(0);
                at += 1;
            } else if more > 0 && args::is(word, "STREAMS") {
                request.streams = argv.tail(at + 1);
                break;
            } else if more >= 2 && args::is(word, "GROUP") {
                if !for_group {
                    return Err(CommandError::line(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.group = Some((argv.at(at + 1), argv.at(at + 2)));
                at += 2;
            } else if args::is(word, "NOACK") {
                if !for_group {
                    return Err(CommandError::line(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.noack = true;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        request.check(for_group)
    }

    fn check(self, for_group: bool) -> Result<Self, CommandError> {
        if !self.streams.len().is_multiple_of(2) {
            return Err(CommandError::line(if for_group {
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
            } else {
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
            }));
        }
        if self.streams.is_empty() {
            return Err(CommandError::Syntax);
        }
        if for_group && self.group.is_none() {
            return Err(CommandError::line("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(self)
    }

    /// How many streams there are.
    fn len(&self) -> usize {
        self.streams.len() / 2
    }

    /// A key, and the id that stands for it.
    fn stream(&self, at: usize) -> (&'a [u8], &'a [u8]) {
        (self.streams.at(at), self.streams.at(self.len() + at))
    }

    fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        self.streams.iter().take(self.len())
    }

    fn limit(&self) -> usize {
        if self.count == 0 { usize::MAX } else { self.count }
    }
}

/// From where on a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// Behind this id.
    Behind(StreamId),
    /// What the group has not been given.
    New,
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]` -- O(N) in what is returned. Entries behind the ids, by
/// stream; null if there are none.
fn xread(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let request = Request::parse(argv, false)?;
    let mut behind = Vec::with_capacity(request.len());
    for at in 0..request.len() {
        let (key, id) = request.stream(at);
        let key = ctx.key_of(key);
        let log = ctx.keys.read_as::<Stream>(&key)?.map(|stream| &stream.log);
        behind.push(match id {
            b"$" => log.map_or(StreamId::MIN, Log::last_id),
            b"+" => log.and_then(Log::top).and_then(StreamId::previous).unwrap_or_default(),
            b">" => {
                return Err(CommandError::line(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
                ));
            }
            id => ids::id(id, 0)?,
        });
    }
    let mut served = Served::begin(ctx.reply);
    for (at, behind) in behind.iter().enumerate() {
        let (name, _) = request.stream(at);
        let key = ctx.key_of(name);
        let Some(stream) = ctx.keys.peek_as::<Stream>(&key)? else { continue };
        let Some(start) = behind.next() else { continue };
        let mut entries = stream.log.range(start, StreamId::MAX).take(request.limit()).peekable();
        if entries.peek().is_some() {
            served.stream(ctx.reply, name);
            let header = ctx.reply.deferred_array();
            let mut shown = 0;
            for record in entries {
                reply_record(ctx.reply, &record);
                shown += 1;
            }
            ctx.reply.set_deferred(header, shown);
        }
    }
    if served.end(ctx.reply) {
        return Ok(());
    }
    if let Some(timeout) = request.block {
        let argv = at_this_moment(argv, &request, &behind);
        ctx.wait_as(request.keys(), timeout, Until::Holds(ValueType::Stream), argv);
    }
    Ok(())
}

/// The arguments with the id that `$` stands for now: when they run again, it would be another.
fn at_this_moment(argv: Argv<'_>, request: &Request<'_>, behind: &[StreamId]) -> OwnedArgv {
    let ids_at = argv.len() - request.len();
    let mut args = OwnedArgv::new();
    for (at, arg) in argv.iter().enumerate() {
        match at.checked_sub(ids_at).filter(|_| arg == b"$") {
            Some(which) => args.push(behind[which].text()),
            None => args.push(arg),
        }
    }
    args
}

/// The streams of which something is shown: pairs of name and entries.
struct Served {
    start: usize,
    streams: usize,
}

impl Served {
    fn begin(reply: &ReplyWriter) -> Self {
        Served { start: reply.len(), streams: 0 }
    }

    fn stream(&mut self, reply: &mut ReplyWriter, name: &[u8]) {
        self.streams += 1;
        if reply.protocol() == Protocol::Resp2 {
            reply.array_header(2);
        }
        reply.bulk(name);
    }

    /// Writes what stands before them; null, and the result is false, if there are none.
    fn end(self, reply: &mut ReplyWriter) -> bool {
        if self.streams == 0 {
            reply.null_array();
            return false;
        }
        let end = reply.len();
        match reply.protocol() {
            Protocol::Resp2 => reply.array_header(self.streams),
            Protocol::Resp3 => reply.map_header(self.streams),
        }
        // The header is known last and stands first.
        let header = reply.len() - end;
        reply.buffer_mut()[self.start..].rotate_right(header);
        true
    }
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]` -- O(N) in what is
/// returned. Entries that the group was not given, or that are pending with the consumer, by stream; null if there are none.
fn xreadgroup(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let request = Request::parse(argv, true)?;
    let Some((group, consumer)) = request.group else { return Err(CommandError::Syntax) };
    let mut from = Vec::with_capacity(request.len());
    for at in 0..request.len() {
        let (name, id) = request.stream(at);
        let key = ctx.key_of(name);
        let stream = ctx.keys.read_as::<Stream>(&key)?;
        if stream.is_none_or(|stream| stream.group(group).is_none()) {
            let words = ["No such key '", "' or consumer group '", "' in XREADGROUP with GROUP option"];
            return Err(no_group(words, [name, group]));
        }
        from.push(match id {
            b"$" => {
                return Err(CommandError::line(
                    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
                ));
            }
            b">" => From::New,
            id => match ids::id(id, 0)? {
                StreamId::MAX => From::New,
                id => From::Behind(id),
            },
        });
    }
    // What is to be repeated is said below, and may be nothing.
    ctx.keys.propagate_nothing();
    let mut served = Served::begin(ctx.reply);
    for (at, from) in from.into_iter().enumerate() {
        let (key, _) = request.stream(at);
        read_for_group(ctx, &request, from, Reader { key, group, consumer }, &mut served)?;
    }
    if !served.end(ctx.reply)
        && let Some(timeout) = request.block
    {
        // That the group is gone is news, too.
        ctx.wait_for(request.keys(), timeout, Until::Changed);
    }
    Ok(())
}

/// What XREADGROUP did to one group.
struct Done {
    /// The consumer is new.
    is_new: bool,
    /// Something was shown, be it nothing but a history without entries.
    shown: bool,
    /// The group has read on.
    advanced: bool,
    /// What is pending now.
    pending: Vec<(StreamId, Pending)>,
    /// Where the group stands.
    position: (StreamId, Option<u64>),
}

/// Serves one stream.
fn read_for_group(
    ctx: &mut CommandContext<'_>,
    request: &Request<'_>,
    from: From,
    reader: Reader<'_>,
    served: &mut Served,
) -> CommandResult {
    let key = ctx.key_of(reader.key);
    let now_ms = ctx.time_ms();
    let reply = &mut *ctx.reply;
    let changed = ctx.keys.change(&key, |stream: &mut Stream| {
        stream.change_group(reader.group, |group, log| {
            let known = group.consumer_id(reader.consumer);
            let consumer = known.or_else(|| group.add_consumer(reader.consumer, now_ms, None));
            let consumer = consumer.expect("it was not there");
            group.consumer_mut(consumer).seen_ms = now_ms;
            let mut delivery = Delivery { group, log, consumer, now_ms, reply, served, key: reader.key };
            let done = match from {
                From::New => delivery.new_entries(request),
                From::Behind(id) => delivery.history(id, request.limit()),
            };
            Done { is_new: known.is_none(), position: (group.last_id, group.entries_read), ..done }
        })
    })?;
    let Some(done) = changed.result else { return Ok(()) };
    let keys = &mut ctx.keys;
    if done.is_new {
        keys.effects.dirty += 1;
        keys.event(&key, Class::STREAM, "xgroup-createconsumer");
        if done.pending.is_empty() {
            propagate_consumer(keys, reader);
        }
    }
    if done.shown {
        keys.effects.dirty += 1;
    }
    for (id, pending) in &done.pending {
        propagate_claim(keys, reader, *id, pending, done.position.0.min(*id));
    }
    if done.advanced {
        propagate_position(keys, reader, done.position.0, done.position.1);
    }
    Ok(())
}

/// A consumer is being given entries.
struct Delivery<'d> {
    group: &'d mut Group,
    log: &'d Log,
    consumer: ConsumerId,
    now_ms: u64,
    reply: &'d mut ReplyWriter,
    served: &'d mut Served,
    key: &'d [u8],
}

impl Delivery<'_> {
    fn nothing() -> Done {
        let position = (StreamId::MIN, None);
        Done { is_new: false, shown: false, advanced: false, pending: Vec::new(), position }
    }

    /// What the group was not given yet.
    fn new_entries(&mut self, request: &Request<'_>) -> Done {
        let mut done = Self::nothing();
        let Some(start) = self.group.last_id.next() else { return done };
        let mut entries = self.log.range(start, StreamId::MAX).take(request.limit()).peekable();
        if entries.peek().is_none() {
            return done;
        }
        self.served.stream(self.reply, self.key);
        let header = self.reply.deferred_array();
        let mut shown = 0;
        for record in entries {
            reply_record(self.reply, &record);
            shown += 1;
            done.advanced |= self.group.advance(self.log, record.id);
            if !request.noack {
                let pending = self.group.deliver(record.id, self.consumer, self.now_ms);
                self.group.consumer_mut(self.consumer).active_ms = Some(self.now_ms);
                done.pending.push((record.id, pending));
            }
        }
        self.reply.set_deferred(header, shown);
        Done { shown: true, ..done }
    }

    /// What is pending with the consumer behind an id. Of entries that are gone there is the id.
    fn history(&mut self, behind: StreamId, limit: usize) -> Done {
        let mut done = Self::nothing();
        self.served.stream(self.reply, self.key);
        let ids: Vec<StreamId> = match behind.next() {
            Some(start) => self.group.consumer(self.consumer).pending(start..).take(limit).collect(),
            None => Vec::new(),
        };
        self.reply.array_header(ids.len());
        for id in ids {
            match self.log.get(id) {
                Some(record) => {
                    reply_record(self.reply, &record);
                    self.group.deliver_again(id, self.now_ms);
                    done.pending.extend(self.group.pending_of(id).map(|pending| (id, pending)));
                }
                None => {
                    self.reply.array_header(2);
                    self.reply.bulk(id.text());
                    self.reply.null_array();
                }
            }
        }
        Done { shown: true, ..done }
    }
}
