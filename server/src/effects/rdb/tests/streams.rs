//! Streams: what redis-server says of them, forms that it no longer writes, and damaged ones.

use super::super::decoded::{Decoded, decode};
use super::super::input::Slice;
use super::super::kind;
use super::super::length::put_len;
use super::super::listpack::{Element, build::listpack};
use super::super::string::{put_bytes, put_string};
use super::super::walk::Scratch;
use super::redis::{Redis, Reply};
use crate::keyspace::{Stream, StreamId, StringRef};

/// A group in plain types.
#[derive(Debug, PartialEq)]
struct Group {
    name: Vec<u8>,
    last_id: StreamId,
    entries_read: Option<u64>,
    pending: Vec<(StreamId, u64, u64)>,
    consumers: Vec<Consumer>,
}

/// A consumer in plain types: its name, when it was seen, and what is its own.
#[derive(Debug, PartialEq)]
struct Consumer {
    name: Vec<u8>,
    seen_ms: u64,
    pending: Vec<StreamId>,
}

fn groups(stream: &Stream) -> Vec<Group> {
    let plain = |(name, group): (&[u8], &crate::keyspace::stream::Group)| Group {
        name: name.to_vec(),
        last_id: group.last_id,
        entries_read: group.entries_read,
        pending: group
            .pending(StreamId::MIN..)
            .map(|(id, pending)| (id, pending.delivered_ms, pending.deliveries))
            .collect(),
        consumers: group
            .consumers()
            .map(|consumer| Consumer {
                name: consumer.name.to_vec(),
                seen_ms: consumer.seen_ms,
                pending: consumer.pending(StreamId::MIN..).collect(),
            })
            .collect(),
    };
    stream.groups().map(plain).collect()
}

/// The entries in plain types.
fn entries(stream: &Stream) -> Vec<(StreamId, Vec<Vec<u8>>)> {
    let records = stream.log.range(StreamId::MIN, StreamId::MAX);
    let texts = |(field, value)| [field, value].map(StringRef::to_vec);
    records.map(|record| (record.id, record.fields().flat_map(texts).collect())).collect()
}

fn id(text: &[u8]) -> StreamId {
    let text = std::str::from_utf8(text).expect("digits");
    let (ms, seq) = text.split_once('-').expect("two numbers");
    StreamId { ms: ms.parse().expect("a number"), seq: seq.parse().expect("a number") }
}

/// XINFO's reply without what depends on the moment and on how the stream is stored.
pub(super) fn info(redis: &mut Redis, argv: &[&[u8]]) -> Reply {
    fn without(reply: Reply) -> Reply {
        let Reply::Array(items) = reply else { return reply };
        let mut kept = Vec::new();
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            match &item {
                Reply::Text(name) if name == b"radix-tree-keys" || name == b"radix-tree-nodes" => {
                    items.next();
                }
                _ => kept.push(without(item)),
            }
        }
        Reply::Array(kept)
    }
    without(redis.do_it(argv))
}

/// The value behind a name in a reply of names and values.
fn named(reply: &Reply, name: &str) -> Reply {
    let Reply::Array(items) = reply else { panic!("no names in {reply:?}") };
    let at = items.iter().position(|item| *item == Reply::Text(name.into())).expect("the name is there");
    items[at + 1].clone()
}

/// Compares a stream with what the server says of it.
pub(super) fn compare(redis: &mut Redis, key: &[u8], stream: &Stream) {
    let theirs = redis.do_it(&[b"XRANGE", key, b"-", b"+"]).array();
    let ours: Vec<Reply> = entries(stream)
        .into_iter()
        .map(|(id, fields)| {
            let fields = Reply::Array(fields.into_iter().map(Reply::Text).collect());
            Reply::Array(vec![Reply::Text(id.to_string().into()), fields])
        })
        .collect();
    assert_eq!(theirs, ours);
    let info = redis.do_it(&[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]);
    let number = |name| named(&info, name).int() as u64;
    let id_of = |name| id(&named(&info, name).text());
    let log = &stream.log;
    assert_eq!((number("length"), number("entries-added")), (log.len(), log.entries_added()));
    assert_eq!(id_of("last-generated-id"), log.last_id());
    assert_eq!(id_of("recorded-first-entry-id"), log.first_id());
    assert_eq!(id_of("max-deleted-entry-id"), log.max_deleted_id());
    let theirs: Vec<Group> = named(&info, "groups").array().iter().map(group).collect();
    assert_eq!(theirs, groups(stream));
}

fn group(reply: &Reply) -> Group {
    let pending = |entry: Reply| {
        let [id_text, .., delivered, deliveries] = <[Reply; 4]>::try_from(entry.array()).expect("four items");
        (id(&id_text.text()), delivered.int() as u64, deliveries.int() as u64)
    };
    let consumer = |reply: &Reply| Consumer {
        name: named(reply, "name").text(),
        seen_ms: named(reply, "seen-time").int() as u64,
        pending: named(reply, "pending")
            .array()
            .into_iter()
            .map(|entry| id(&entry.array().remove(0).text()))
            .collect(),
    };
    Group {
        name: named(reply, "name").text(),
        last_id: id(&named(reply, "last-delivered-id").text()),
        entries_read: match named(reply, "entries-read") {
            Reply::Int(read) => Some(read as u64),
            _ => None,
        },
        pending: named(reply, "pending").array().into_iter().map(pending).collect(),
        consumers: named(reply, "consumers").array().iter().map(consumer).collect(),
    }
}

/// The parts of a stream, in bytes.
struct Parts {
    blocks: Vec<(StreamId, Vec<u8>)>,
    length: u64,
    groups: Vec<StreamId>,
}

/// Two entries, the second of which is deleted, then one more with a field of its own.
fn block() -> Vec<u8> {
    let text = Element::Bytes;
    let int = Element::Int;
    listpack(&[
        int(2),
        int(1),
        int(1),
        text(b"field"),
        int(0),
        int(2),
        int(0),
        int(0),
        text(b"first"),
        int(4),
        int(3),
        int(0),
        int(1),
        text(b"second"),
        int(4),
        int(0),
        int(5),
        int(-1),
        int(1),
        text(b"own"),
        int(7),
        int(6),
    ])
}

fn parts() -> Parts {
    let first = StreamId { ms: 100, seq: 1 };
    let groups =
        vec![first, StreamId { ms: 50, seq: 0 }, StreamId { ms: 105, seq: 0 }, StreamId { ms: 102, seq: 0 }];
    Parts { blocks: vec![(first, block())], length: 2, groups }
}

impl Parts {
    fn bytes(&self, rdb_type: u8) -> Vec<u8> {
        let mut out = Vec::new();
        put_len(&mut out, self.blocks.len() as u64);
        for (id, block) in &self.blocks {
            put_bytes(&mut out, &(u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes());
            put_string(&mut out, block, true);
        }
        let last = [self.length, 105, 0];
        last.into_iter().for_each(|number| put_len(&mut out, number));
        if rdb_type >= kind::STREAM_LISTPACKS_2 {
            // The first id, the highest deleted one, and how many were added.
            [100, 1, 100, 2, 3].into_iter().for_each(|number| put_len(&mut out, number));
        }
        put_len(&mut out, self.groups.len() as u64);
        for (n, id) in self.groups.iter().enumerate() {
            put_bytes(&mut out, format!("group {n}").as_bytes());
            [id.ms, id.seq].into_iter().for_each(|number| put_len(&mut out, number));
            if rdb_type >= kind::STREAM_LISTPACKS_2 {
                put_len(&mut out, 1);
            }
            let pending = (100u128 << 64 | 1).to_be_bytes();
            put_len(&mut out, 1);
            out.extend_from_slice(&pending);
            out.extend_from_slice(&1_600_000_000_000u64.to_le_bytes());
            put_len(&mut out, 3);
            put_len(&mut out, 1);
            put_bytes(&mut out, b"consumer");
            out.extend_from_slice(&1_600_000_000_001u64.to_le_bytes());
            if rdb_type >= kind::STREAM_LISTPACKS_3 {
                out.extend_from_slice(&1_600_000_000_002u64.to_le_bytes());
            }
            put_len(&mut out, 1);
            out.extend_from_slice(&pending);
        }
        out
    }
}

fn read(rdb_type: u8, bytes: &[u8]) -> Result<Stream, String> {
    match decode(rdb_type, bytes) {
        Ok(Decoded::Stream(stream)) => Ok(*stream),
        Ok(_) => panic!("a stream"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn streams_of_all_forms_are_read() {
    for rdb_type in [kind::STREAM_LISTPACKS, kind::STREAM_LISTPACKS_2, kind::STREAM_LISTPACKS_3] {
        let bytes = parts().bytes(rdb_type);
        let stream = read(rdb_type, &bytes).expect("a right one");
        let text = |text: &str| text.as_bytes().to_vec();
        let (first, last) = (StreamId { ms: 100, seq: 1 }, StreamId { ms: 105, seq: 0 });
        assert_eq!(
            entries(&stream),
            [(first, vec![text("field"), text("first")]), (last, vec![text("own"), text("7")])]
        );
        let old = rdb_type == kind::STREAM_LISTPACKS;
        let max_deleted_id = if old { StreamId::default() } else { StreamId { ms: 100, seq: 2 } };
        let log = &stream.log;
        assert_eq!((log.len(), log.entries_added()), (2, if old { 2 } else { 3 }));
        assert_eq!((log.first_id(), log.last_id(), log.max_deleted_id()), (first, last, max_deleted_id));
        let groups = groups(&stream);
        let counts: Vec<Option<u64>> = groups.iter().map(|group| group.entries_read).collect();
        let expected = if old { [Some(1), Some(0), Some(2), None] } else { [Some(1); 4] };
        assert_eq!(counts, expected);
        assert_eq!(groups[0].pending, [(first, 1_600_000_000_000, 3)]);
        let consumer = Consumer { name: text("consumer"), seen_ms: 1_600_000_000_001, pending: vec![first] };
        assert_eq!(groups[0].consumers, [consumer]);
        let mut input = Slice::new(&bytes);
        let read = super::super::stream::read(&mut input, rdb_type, &mut Scratch::default());
        let read = read.expect("it was read before");
        let active = read.groups().next().and_then(|(_, group)| group.consumers().next()?.active_ms);
        let after = u64::from(rdb_type == kind::STREAM_LISTPACKS_3);
        assert_eq!(active, Some(1_600_000_000_001 + after));
    }
}

#[test]
fn redis_reads_the_same_in_the_forms_that_it_knows() {
    let mut redis = Redis::start();
    for rdb_type in [kind::STREAM_LISTPACKS, kind::STREAM_LISTPACKS_2] {
        let bytes = parts().bytes(rdb_type);
        let mut payload = [&[rdb_type], &bytes[..]].concat();
        super::super::dump::seal(&mut payload);
        redis.do_it(&[b"RESTORE", b"stream", b"0", &payload, b"REPLACE"]);
        compare(&mut redis, b"stream", &read(rdb_type, &bytes).expect("a right one"));
    }
}

#[test]
fn damaged_streams_are_refused() {
    let text = Element::Bytes;
    let int = Element::Int;
    let with = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        read(kind::STREAM_LISTPACKS_2, &parts.bytes(kind::STREAM_LISTPACKS_2)).expect_err("it is damaged")
    };
    let of_block = |elements: &[Element<'_>]| with(&|parts| parts.blocks[0].1 = listpack(elements));
    let messages = [
        with(&|parts| parts.blocks.push(parts.blocks[0].clone())),
        with(&|parts| parts.blocks.clear()),
        of_block(&[]),
        of_block(&[int(1), int(0), int(0), int(0)]),
        of_block(&[int(0), int(0), int(0), int(1)]),
        of_block(&[int(0), int(0), int(i64::MAX), int(0)]),
        of_block(&[int(1), int(0), int(0), int(0), text(b"flags")]),
        of_block(&[int(1), int(0), int(0), int(0), int(2), int(0), int(0), int(4)]),
        of_block(&[int(1), int(0), int(0), int(0), int(0), int(0), int(0), int(i64::MAX), int(4)]),
    ];
    for message in messages {
        assert!(message.starts_with("at byte "), "{message}");
    }
    let bytes = parts().bytes(kind::STREAM_LISTPACKS_2);
    for cut in 0..bytes.len() {
        assert!(read(kind::STREAM_LISTPACKS_2, &bytes[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            // Some changes make another stream.
            let _ = read(kind::STREAM_LISTPACKS_2, &bytes);
        }
    }
}
