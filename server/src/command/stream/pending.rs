//! What was given to consumers and not acknowledged: XPENDING shows it, XCLAIM and XAUTOCLAIM give it to somebody else.
//!
//! Claims are repeated as what they did, an XCLAIM with the times and counts that came out for each entry.

use std::ops::ControlFlow;

use super::{
    Reader, group_changed, ids, no_group, propagate_claim, propagate_consumer, propagate_position,
    reply_record,
};
use crate::command::args;
use crate::command::context::CommandContext;
use crate::command::error::{CommandError, CommandResult};
use crate::command::spec::{Family, access, key, tips};
use crate::keyspace::stream::{ConsumerId, Group, Log, Pending};
use crate::keyspace::{Key, Stream, StreamId};
use crate::limits::{AUTOCLAIM_ATTEMPTS, AUTOCLAIM_COUNT, AUTOCLAIM_COUNT_MAX};
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "stream",
    commands: &[
        command!("XPENDING", -3, READ, [key(1, access::READ)], xpending,
            "5.0.0", "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating every consumer.",
            "Returns the information and entries from a stream consumer group's pending entries list.",
            "key group [[IDLE min-idle-time:integer] start:string end:string count [consumer]]", tips: tips::VARIES),
        command!("XCLAIM", -6, WRITE | FAST, [key(1, access::UPDATE)], xclaim,
            "5.0.0", "O(log N) with N being the number of messages in the PEL of the consumer group.",
            "Changes, or acquires, ownership of a message in a consumer group, as if the message was delivered a consumer group member.",
            "key group consumer min-idle-time id [id ...] [IDLE ms:integer] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
            tips: tips::VARIES),
        command!("XAUTOCLAIM", -6, WRITE | FAST, [key(1, access::DELETE)], xautoclaim,
            "6.2.0", "O(1) if COUNT is small.",
            "Changes, or acquires, ownership of messages in a consumer group, as if the messages were delivered to as consumer group member.",
            "key group consumer min-idle-time start:string [COUNT count] [JUSTID]", tips: tips::VARIES),
    ],
};

const NO_KEY_OR_GROUP: [&str; 3] = ["No such key '", "' or consumer group '", "'"];

/// What part of what is pending XPENDING shows.
struct Part<'a> {
    min_idle_ms: u64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Part<'a> {
    fn parse(argv: Argv<'a>) -> Result<Option<Self>, CommandError> {
        if argv.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&argv.len()) {
            return Err(CommandError::Syntax);
        }
        let (mut at, mut min_idle_ms) = (3, 0);
        if args::is(argv.at(3), "IDLE") {
            min_idle_ms = u64::try_from(args::integer(argv.at(4))?).unwrap_or(0);
            if argv.len() < 8 {
                return Err(CommandError::Syntax);
            }
            at = 5;
        }
        let count = usize::try_from(args::integer(argv.at(at + 2))?).unwrap_or(0);
        let (start, end) = (ids::start(argv.at(at))?, ids::end(argv.at(at + 1))?);
        Ok(Some(Part { min_idle_ms, start, end, count, consumer: argv.get(at + 3) }))
    }
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]` -- O(N) in what is returned. How much is pending, from where
/// to where and with whom; or the entries, with owner, idle time and how often they were delivered.
fn xpending(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let part = Part::parse(argv)?;
    let (key, now_ms) = (ctx.key_at(argv, 1), ctx.time_ms());
    let group = ctx.keys.read_as::<Stream>(&key)?.and_then(|stream| stream.group(argv.at(2)));
    let group = group.ok_or_else(|| no_group(NO_KEY_OR_GROUP, [key.bytes, argv.at(2)]))?;
    match part {
        None => summary(ctx.reply, group),
        Some(part) => list(ctx.reply, group, &part, now_ms),
    }
    Ok(())
}

fn summary(reply: &mut ReplyWriter, group: &Group) {
    reply.array_header(4);
    reply.integer(group.pending_len() as i64);
    let mut pending = group.pending(StreamId::MIN..).map(|(id, _)| id);
    let Some(first) = pending.next() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply.bulk(first.text());
    reply.bulk(pending.next_back().unwrap_or(first).text());
    let header = reply.deferred_array();
    let mut shown = 0;
    for consumer in group.consumers().filter(|consumer| consumer.pending_len() > 0) {
        reply.array_header(2);
        reply.bulk(&consumer.name);
        reply.bulk_integer(consumer.pending_len() as i64);
        shown += 1;
    }
    reply.set_deferred(header, shown);
}

fn list(reply: &mut ReplyWriter, group: &Group, part: &Part<'_>, now_ms: u64) {
    let header = reply.deferred_array();
    let mut shown = 0;
    let mut show = |id: StreamId, pending: Pending| {
        if shown == part.count || id > part.end {
            return ControlFlow::Break(());
        }
        let idle_ms = now_ms.saturating_sub(pending.delivered_ms);
        if idle_ms >= part.min_idle_ms {
            reply.array_header(4);
            reply.bulk(id.text());
            reply.bulk(&group.consumer(pending.owner).name);
            reply.integer(idle_ms as i64);
            reply.integer(pending.deliveries as i64);
            shown += 1;
        }
        ControlFlow::Continue(())
    };
    // How it ends says nothing.
    let _ = match part.consumer.map(|name| group.consumer_id(name)) {
        None => group.pending(part.start..).try_for_each(|(id, pending)| show(id, pending)),
        Some(None) => ControlFlow::Continue(()),
        Some(Some(consumer)) => group
            .consumer(consumer)
            .pending(part.start..)
            .filter_map(|id| Some((id, group.pending_of(id)?)))
            .try_for_each(|(id, pending)| show(id, pending)),
    };
    reply.set_deferred(header, shown);
}

/// How something is claimed.
struct Claim {
    min_idle_ms: u64,
    /// When it is said to have been delivered.
    delivered_ms: u64,
    /// How often it is said to have been delivered.
    deliveries: Option<u64>,
    /// What is not pending becomes so.
    force: bool,
    /// Ids are shown alone, and nothing counts as delivered.
    justid: bool,
    /// The group has read up to here at least.
    last_id: StreamId,
}

fn min_idle(text: &[u8], wrong: &'static str) -> Result<u64, CommandError> {
    let ms = args::parse_i64(text).ok_or(CommandError::line(wrong))?;
    Ok(u64::try_from(ms).unwrap_or(0))
}

impl Claim {
    fn new(min_idle_ms: u64, now_ms: u64) -> Self {
        Claim {
            min_idle_ms,
            delivered_ms: now_ms,
            deliveries: None,
            force: false,
            justid: false,
            last_id: StreamId::MIN,
        }
    }

    /// What stands behind the consumer of XCLAIM, and the ids.
    fn parse(argv: Argv<'_>, now_ms: u64) -> Result<(Self, Vec<StreamId>), CommandError> {
        let min_idle_ms = min_idle(argv.at(4), "ERR Invalid min-idle-time argument for XCLAIM")?;
        let mut claim = Claim::new(min_idle_ms, now_ms);
        let ids: Vec<StreamId> = argv.tail(5).iter().map_while(|text| ids::id(text, 0).ok()).collect();
        let mut words = argv.tail(5 + ids.len()).iter();
        while let Some(word) = words.next() {
            claim.option(word, &mut words, now_ms)?;
        }
        Ok((claim, ids))
    }

    fn option<'a>(
        &mut self,
        word: &[u8],
        rest: &mut impl ExactSizeIterator<Item = &'a [u8]>,
        now_ms: u64,
    ) -> CommandResult {
        let number = |text: &[u8], wrong| args::parse_i64(text).ok_or(CommandError::line(wrong));
        if args::is(word, "FORCE") {
            self.force = true;
            return Ok(());
        }
        if args::is(word, "JUSTID") {
            self.justid = true;
            return Ok(());
        }
        let takes = ["IDLE", "TIME", "RETRYCOUNT", "LASTID"].iter().position(|name| args::is(word, name));
        let (Some(which), Some(text)) = (takes, takes.and_then(|_| rest.next())) else {
            let mut line = b"ERR Unrecognized XCLAIM option '".to_vec();
            line.extend_from_slice(word);
            line.push(b'\'');
            return Err(CommandError::Bytes(line));
        };
        // A moment that cannot be is taken for now: clients calculate with clocks of their own.
        let moment = |ms: Option<i64>| {
            ms.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms <= now_ms).unwrap_or(now_ms)
        };
        match which {
            0 => {
                let idle = number(text, "ERR Invalid IDLE option argument for XCLAIM")?;
                self.delivered_ms = moment((now_ms as i64).checked_sub(idle));
            }
            1 => {
                let time = number(text, "ERR Invalid TIME option argument for XCLAIM")?;
                self.delivered_ms = moment(Some(time));
            }
            2 => {
                let count = number(text, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                self.deliveries = u64::try_from(count).ok();
            }
            _ => self.last_id = ids::id(text, 0)?,
        }
        Ok(())
    }
}

/// What happened to one entry that is claimed.
enum Claimed {
    /// It is the consumer's now.
    Taken(Pending),
    /// It is not in the stream any more, and so not pending: this is what it was.
    Gone(Pending),
    /// It was not to be had.
    Left,
}

/// A group in which a consumer claims what is pending.
struct Claiming<'c> {
    group: &'c mut Group,
    log: &'c Log,
    consumer: ConsumerId,
    claim: &'c Claim,
    now_ms: u64,
}

impl<'c> Claiming<'c> {
    /// The consumer is made if it is not there; then the second result is true.
    fn begin(group: &'c mut Group, log: &'c Log, name: &[u8], claim: &'c Claim, now_ms: u64) -> (Self, bool) {
        let known = group.consumer_id(name);
        let consumer = known.or_else(|| group.add_consumer(name, now_ms, None)).expect("it was not there");
        group.consumer_mut(consumer).seen_ms = now_ms;
        (Claiming { group, log, consumer, claim, now_ms }, known.is_none())
    }

    /// Claims one entry, and shows it.
    fn claim(&mut self, id: StreamId, reply: &mut ReplyWriter) -> Claimed {
        let old = self.group.pending_of(id);
        let Some(record) = self.log.get(id) else {
            return old.map_or(Claimed::Left, |old| {
                self.group.acknowledge(id);
                Claimed::Gone(old)
            });
        };
        let before = match old {
            Some(old) => {
                // A moment in the future is no idle time at all.
                let idle_ms = self.now_ms.saturating_sub(old.delivered_ms);
                if idle_ms < self.claim.min_idle_ms {
                    return Claimed::Left;
                }
                old.deliveries
            }
            None if self.claim.force => 1,
            None => return Claimed::Left,
        };
        let counted = before.wrapping_add(u64::from(!self.claim.justid));
        let pending = Pending {
            delivered_ms: self.claim.delivered_ms,
            deliveries: self.claim.deliveries.unwrap_or(counted),
            owner: self.consumer,
        };
        self.group.assign(id, pending);
        self.group.consumer_mut(self.consumer).active_ms = Some(self.now_ms);
        if self.claim.justid {
            reply.bulk(id.text());
        } else {
            reply_record(reply, &record);
        }
        Claimed::Taken(pending)
    }
}

/// What became of one entry that was pending.
struct Repeated {
    id: StreamId,
    pending: Pending,
    /// The name of whose it was, if it is pending no more.
    was: Option<Box<[u8]>>,
}

/// What XCLAIM and XAUTOCLAIM did.
#[derive(Default)]
struct Done {
    /// The consumer is new.
    is_new: bool,
    /// The group has been told that it has read on.
    advanced: bool,
    /// How many entries are shown.
    shown: usize,
    /// What is to be repeated of each.
    claims: Vec<Repeated>,
    /// Where the group stands.
    position: (StreamId, Option<u64>),
}

impl Done {
    fn note(&mut self, id: StreamId, claimed: &Claimed, group: &Group) {
        let (pending, was) = match *claimed {
            Claimed::Taken(pending) => {
                self.shown += 1;
                (pending, None)
            }
            Claimed::Gone(pending) => (pending, Some(group.consumer(pending.owner).name.clone())),
            Claimed::Left => return,
        };
        self.claims.push(Repeated { id, pending, was });
    }

    /// Counts it, and says what is to be repeated.
    fn tell(&self, ctx: &mut CommandContext<'_>, key: &Key<'_>, reader: Reader<'_>) {
        let keys = &mut ctx.keys;
        // Nothing else is to be repeated than what follows.
        keys.propagate_nothing();
        if self.is_new {
            group_changed(keys, key, "xgroup-createconsumer");
            if self.claims.iter().all(|claim| claim.was.is_some()) {
                propagate_consumer(keys, reader);
            }
        }
        let last_id = self.position.0;
        for Repeated { id, pending, was } in &self.claims {
            let reader = Reader { consumer: was.as_deref().unwrap_or(reader.consumer), ..reader };
            propagate_claim(keys, reader, *id, pending, last_id);
        }
        keys.effects.dirty += self.claims.len() as u64;
        if self.advanced && self.claims.is_empty() {
            propagate_position(keys, reader, last_id, self.position.1);
            keys.effects.dirty += 1;
        }
    }
}

/// `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID]
/// [LASTID lastid]` -- O(log N) an entry. The entries that are the consumer's now.
fn xclaim(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (key, now_ms) = (ctx.key_at(argv, 1), ctx.time_ms());
    let reader = Reader { key: key.bytes, group: argv.at(2), consumer: argv.at(3) };
    check_group(ctx, &key, reader.group)?;
    let (claim, ids) = Claim::parse(argv, now_ms)?;
    let header = ctx.reply.deferred_array();
    let reply = &mut *ctx.reply;
    let changed = ctx.keys.change(&key, |stream: &mut Stream| {
        stream.change_group(reader.group, |group, log| {
            let mut done = Done { advanced: claim.last_id > group.last_id, ..Done::default() };
            group.last_id = group.last_id.max(claim.last_id);
            done.position = (group.last_id, group.entries_read);
            let (mut claiming, is_new) = Claiming::begin(group, log, reader.consumer, &claim, now_ms);
            done.is_new = is_new;
            for id in &ids {
                let claimed = claiming.claim(*id, reply);
                done.note(*id, &claimed, claiming.group);
            }
            done
        })
    })?;
    let done = changed.result.unwrap_or_default();
    ctx.reply.set_deferred(header, done.shown);
    done.tell(ctx, &key, reader);
    Ok(())
}

fn check_group(ctx: &mut CommandContext<'_>, key: &Key<'_>, group: &[u8]) -> CommandResult {
    let stream = ctx.keys.read_as::<Stream>(key)?;
    if stream.is_none_or(|stream| stream.group(group).is_none()) {
        return Err(no_group(NO_KEY_OR_GROUP, [key.bytes, group]));
    }
    Ok(())
}

/// What stands behind the consumer of XAUTOCLAIM.
struct Walk {
    claim: Claim,
    start: StreamId,
    count: usize,
}

impl Walk {
    fn parse(argv: Argv<'_>, now_ms: u64) -> Result<Self, CommandError> {
        let min_idle_ms = min_idle(argv.at(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
        let claim = Claim::new(min_idle_ms, now_ms);
        let mut walk = Walk { claim, start: ids::start(argv.at(5))?, count: AUTOCLAIM_COUNT };
        let mut words = argv.tail(6).iter();
        while let Some(word) = words.next() {
            if args::is(word, "JUSTID") {
                walk.claim.justid = true;
                continue;
            }
            let Some(argument) = words.next().filter(|_| args::is(word, "COUNT")) else {
                return Err(CommandError::Syntax);
            };
            let count = args::parse_i64(argument).and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| (1..=AUTOCLAIM_COUNT_MAX).contains(count));
            walk.count = count.ok_or(CommandError::line("ERR COUNT must be > 0"))?;
        }
        Ok(walk)
    }
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]` -- O(N) in what is looked at. Where to go on, the entries
/// that are the consumer's now, and the ids of those that are in the stream no more.
fn xautoclaim(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (key, now_ms) = (ctx.key_at(argv, 1), ctx.time_ms());
    let reader = Reader { key: key.bytes, group: argv.at(2), consumer: argv.at(3) };
    let walk = Walk::parse(argv, now_ms)?;
    check_group(ctx, &key, reader.group)?;
    let mut entries = ReplyWriter::new(Vec::new(), ctx.reply.protocol());
    let changed = ctx.keys.change(&key, |stream: &mut Stream| {
        stream.change_group(reader.group, |group, log| {
            let mut done = Done { position: (group.last_id, group.entries_read), ..Done::default() };
            let (mut claiming, is_new) = Claiming::begin(group, log, reader.consumer, &walk.claim, now_ms);
            done.is_new = is_new;
            let next = auto_claim(&mut claiming, &walk, &mut done, &mut entries);
            (done, next)
        })
    })?;
    let (done, next) = changed.result.unwrap_or_default();
    ctx.reply.array_header(3);
    ctx.reply.bulk(next.text());
    ctx.reply.array_header(done.shown);
    ctx.reply.raw(entries.as_bytes());
    let gone = done.claims.iter().filter(|claim| claim.was.is_some());
    ctx.reply.array_header(done.claims.len() - done.shown);
    gone.for_each(|claim| ctx.reply.bulk(claim.id.text()));
    done.tell(ctx, &key, reader);
    Ok(())
}

/// Claims from an id on. The result is the next that is pending; 0-0 at the end.
fn auto_claim(
    claiming: &mut Claiming<'_>,
    walk: &Walk,
    done: &mut Done,
    entries: &mut ReplyWriter,
) -> StreamId {
    let mut attempts = walk.count * AUTOCLAIM_ATTEMPTS;
    let mut left = walk.count;
    // What is looked at is copied in batches: each one may leave the tree that is walked over.
    let mut from = Some(walk.start);
    while let Some(start) = from {
        let batch: smallvec::SmallVec<[StreamId; 64]> =
            claiming.group.pending(start..).map(|(id, _)| id).take(64).collect();
        if batch.is_empty() {
            return StreamId::MIN;
        }
        for id in &batch {
            if left == 0 || attempts == 0 {
                return *id;
            }
            attempts -= 1;
            let claimed = claiming.claim(*id, entries);
            if !matches!(claimed, Claimed::Left) {
                left -= 1;
            }
            done.note(*id, &claimed, claiming.group);
        }
        from = batch.last().and_then(|last| last.next());
    }
    StreamId::MIN
}
