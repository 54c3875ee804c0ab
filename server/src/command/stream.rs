//! Commands on streams: entries with ascending ids under one key, and groups of consumers that share them. What a stream is and how it is
//! stored is in `keyspace::stream`; here are the words of its commands, one file for each theme:
//! what is added and taken away ([`log`], and [`change`] for modules, too), what is read ([`read`]), groups ([`group`]), what is pending ([`pending`]), and what is known
//! ([`info`]).
//!
//! A stream that has no entries any more stays: its ids must not come again.

pub mod add;
pub mod change;
pub mod group;
pub mod ids;
pub mod info;
pub mod log;
pub mod pending;
pub mod read;

use crate::effects::notify::Class;
use crate::keyspace::stream::{Pending, Record};
use crate::keyspace::{Key, StreamId};
use crate::net::reply::ReplyWriter;

use super::error::CommandError;
use super::keys::Keys;
use super::string::reply_string;

/// An entry: its id, and fields with their values.
#[inline]
fn reply_record(reply: &mut ReplyWriter, record: &Record<'_>) {
    reply.array_header(2);
    reply.bulk(record.id.text());
    let fields = record.fields();
    reply.array_header(2 * fields.len());
    for (field, value) in fields {
        reply_string(reply, field);
        reply_string(reply, value);
    }
}

/// The error of a group that is not there. `between` and `behind` stand around the names.
fn no_group(words: [&str; 3], names: [&[u8]; 2]) -> CommandError {
    let mut line = b"NOGROUP ".to_vec();
    line.extend_from_slice(words[0].as_bytes());
    line.extend_from_slice(names[0]);
    line.extend_from_slice(words[1].as_bytes());
    line.extend_from_slice(names[1]);
    line.extend_from_slice(words[2].as_bytes());
    CommandError::Bytes(line)
}

/// A change of a group: it is counted, and those who watch the key are not told, since its entries are what they were.
fn group_changed(keys: &mut Keys<'_>, key: &Key<'_>, event: &'static str) {
    keys.effects.dirty += 1;
    keys.event(key, Class::STREAM, event);
}

/// Which consumer of which group of which key.
#[derive(Clone, Copy)]
struct Reader<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
}

/// What is to be repeated of what became pending, or is so no more: XCLAIM does either, and does it twice without harm.
fn propagate_claim(
    keys: &mut Keys<'_>,
    reader: Reader<'_>,
    id: StreamId,
    pending: &Pending,
    last_id: StreamId,
) {
    let [mut time, mut count] = [itoa::Buffer::new(); 2];
    keys.propagate(&[
        b"XCLAIM",
        reader.key,
        reader.group,
        reader.consumer,
        b"0",
        &id.text(),
        b"TIME",
        time.format(pending.delivered_ms).as_bytes(),
        b"RETRYCOUNT",
        count.format(pending.deliveries).as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        &last_id.text(),
    ]);
}

/// What is to be repeated of a group that has read on.
fn propagate_position(keys: &mut Keys<'_>, reader: Reader<'_>, last_id: StreamId, read: Option<u64>) {
    let mut digits = itoa::Buffer::new();
    let read = read.map_or("-1", |read| digits.format(read));
    keys.propagate(&[
        b"XGROUP",
        b"SETID",
        reader.key,
        reader.group,
        &last_id.text(),
        b"ENTRIESREAD",
        read.as_bytes(),
    ]);
}

/// What is to be repeated of a consumer that came and has got nothing.
fn propagate_consumer(keys: &mut Keys<'_>, reader: Reader<'_>) {
    keys.propagate(&[b"XGROUP", b"CREATECONSUMER", reader.key, reader.group, reader.consumer]);
}
