//! A stream in a base that consists of commands: its entries, what is known of them, and its groups with what is pending. A stream may
//! have what no commands make, such as something pending that is in it no more; then it is left to RESTORE.

use crate::effects::propagate::put_command;
use crate::keyspace::stream::Group;
use crate::keyspace::{Stream, StreamId, StringRef};

/// Appends the commands that make a stream; false, and nothing, if there are none.
pub(super) fn put_stream(out: &mut Vec<u8>, key: &[u8], stream: &Stream) -> bool {
    if !can_be_made(stream) {
        return false;
    }
    let log = &stream.log;
    for record in log.range(StreamId::MIN, StreamId::MAX) {
        let mut args = vec![b"XADD".to_vec(), key.to_vec(), record.id.text().to_vec()];
        for (field, value) in record.fields() {
            args.extend([field, value].map(StringRef::to_vec));
        }
        put_command(out, args.iter().map(Vec::as_slice));
    }
    if log.is_empty() {
        put_words(out, &[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
    }
    let mut digits = itoa::Buffer::new();
    put_words(
        out,
        &[
            b"XSETID",
            key,
            &log.last_id().text(),
            b"ENTRIESADDED",
            digits.format(log.entries_added()).as_bytes(),
            b"MAXDELETEDID",
            &log.max_deleted_id().text(),
        ],
    );
    stream.groups().for_each(|(name, group)| put_group(out, key, name, group));
    true
}

fn put_group(out: &mut Vec<u8>, key: &[u8], name: &[u8], group: &Group) {
    let [mut first, mut second] = [itoa::Buffer::new(); 2];
    let read = group.entries_read.map_or("-1", |read| first.format(read)).as_bytes();
    put_words(out, &[b"XGROUP", b"CREATE", key, name, &group.last_id.text(), b"ENTRIESREAD", read]);
    for consumer in group.consumers() {
        put_words(out, &[b"XGROUP", b"CREATECONSUMER", key, name, &consumer.name]);
        for id in consumer.pending(StreamId::MIN..) {
            let Some(pending) = group.pending_of(id) else { continue };
            let time = first.format(pending.delivered_ms).as_bytes();
            let count = second.format(pending.deliveries).as_bytes();
            let id = id.text();
            put_words(
                out,
                &[
                    b"XCLAIM",
                    key,
                    name,
                    &consumer.name,
                    b"0",
                    &id,
                    b"TIME",
                    time,
                    b"RETRYCOUNT",
                    count,
                    b"JUSTID",
                    b"FORCE",
                ],
            );
        }
    }
}

fn put_words(out: &mut Vec<u8>, words: &[&[u8]]) {
    put_command(out, words.iter().copied());
}

/// Whether there are commands that make it: they refuse numbers that only a file can bring, and claim nothing that is not there.
fn can_be_made(stream: &Stream) -> bool {
    const MAX: u64 = i64::MAX as u64;
    let log = &stream.log;
    let counts = log.len() <= log.entries_added() && log.entries_added() <= MAX;
    counts
        && log.max_deleted_id() <= log.last_id()
        && stream.groups().all(|(_, group)| {
            group.entries_read.is_none_or(|read| read <= MAX)
                && group.pending(StreamId::MIN..).all(|(id, pending)| {
                    pending.delivered_ms <= MAX && pending.deliveries <= MAX && log.contains(id)
                })
        })
}
