//! The real redis-server against this code: what it writes is read, and what is written it loads, and both say the same.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decoded::Decoded;
use super::super::input::{Input, Slice};
use super::super::reader::{Checksum, Entry, Item};
use super::super::walk::Scratch;
use super::super::writer::{self, Header};
use super::super::{Canonical, Reader, Writer, dump, kind, value};
use super::redis::{Redis, Reply, check};
use crate::keyspace::{self, Thresholds};

/// Fills a server so that its file has every form of a value that it writes.
fn fill(redis: &mut Redis) {
    let long = "x".repeat(3000);
    for text in [
        "",
        "0",
        "-1",
        "127",
        "-32768",
        "65536",
        "-2147483648",
        "2147483648",
        "9223372036854775807",
        "text",
        &long,
    ] {
        redis.do_it(&[b"SET", format!("string:{}", &text[..text.len().min(20)]).as_bytes(), text.as_bytes()]);
    }
    redis.do_it(&[b"SET", b"string:binary", &(0..=255).cycle().take(10_000).collect::<Vec<u8>>()]);
    redis.run("SET string:expires x PXAT 33000000000123");
    for (small, size) in [("small", 5), ("large", 700)] {
        let items: Vec<String> = (0..size)
            .map(|n| match n % 4 {
                0 => format!("{}", n as i64 * 1_000_003 - 350_000),
                1 => format!("{n}.5"),
                2 => format!("item {n} {}", "y".repeat(n % 90)),
                _ => format!("{}", -(1i64 << (n % 63))),
            })
            .collect();
        for item in &items {
            redis.do_it(&[b"RPUSH", format!("list:{small}").as_bytes(), item.as_bytes()]);
            redis.do_it(&[b"SADD", format!("set:{small}").as_bytes(), item.as_bytes()]);
            redis.do_it(&[b"HSET", format!("hash:{small}").as_bytes(), item.as_bytes(), item.as_bytes()]);
        }
        for (n, item) in items.iter().enumerate() {
            let score = ["1", "-2.5", "inf", "-inf", "3.0000000000000001e300", "17179869184", "0.1"][n % 7];
            redis.do_it(&[b"ZADD", format!("zset:{small}").as_bytes(), score.as_bytes(), item.as_bytes()]);
        }
    }
    for (name, numbers) in
        [("16", [1, -2, 300]), ("32", [1, 70_000, -70_000]), ("64", [1, i64::MAX, i64::MIN])]
    {
        for number in numbers {
            redis.run(&format!("SADD intset:{name} {number}"));
        }
    }
    redis.do_it(&[b"RPUSH", b"list:plain", &vec![b'z'; 20_000], b"short", &vec![b'w'; 9_000]]);
    redis.do_it(&[b"HSET", b"hash:long", b"field", long.as_bytes()]);
    fill_streams(redis);
}

fn fill_streams(redis: &mut Redis) {
    redis.run("CONFIG SET stream-node-max-entries 7");
    for n in 0..40 {
        let other = if n % 3 == 0 { "field" } else { "a" };
        redis.run(&format!("XADD stream:full {}-{} {other} {n} second value{n}", 1000 + n / 4, n + 1));
    }
    redis.run("XDEL stream:full 1001-6 1002-10 1009-40");
    redis.run("XGROUP CREATE stream:full group 1002-9");
    redis.run("XGROUP CREATE stream:full other $ ENTRIESREAD 12");
    redis.run("XGROUP CREATECONSUMER stream:full group idle");
    redis.run("XREADGROUP GROUP group alice COUNT 5 STREAMS stream:full >");
    redis.run("XREADGROUP GROUP group bob COUNT 3 STREAMS stream:full >");
    redis.run("XACK stream:full group 1003-13");
    redis.run("XADD stream:empty 5-5 a b");
    redis.run("XDEL stream:empty 5-5");
}

/// Keys with their values and when they expire.
type Keys = BTreeMap<Vec<u8>, (Canonical, Option<u64>)>;

/// Every key of a file in canonical form, and the file's version.
fn read(file: &[u8]) -> (Keys, u32) {
    let mut reader = Reader::with_len(file, file.len() as u64);
    let mut keys = BTreeMap::new();
    loop {
        match reader.next().expect("redis-server wrote it") {
            Item::Entry(Entry { key, expire_ms, value, .. }) => {
                let native = value::decode(value, &Thresholds::default()).expect("a native value");
                let entry = keyspace::Entry::new(key, native, None, 0);
                let (rdb_type, mut bytes) = (value::rdb_type(entry.as_ref()), Vec::new());
                value::put_value(&mut bytes, entry.as_ref(), true);
                let canonical =
                    Canonical::read(&mut Slice::new(&bytes), rdb_type, 10, &mut Scratch::default())
                        .expect("ours");
                keys.insert(key.to_vec(), (canonical, expire_ms));
            }
            Item::End(checksum) => {
                assert_eq!(checksum, Checksum::Right);
                return (keys, reader.version());
            }
            _ => {}
        }
    }
}

/// A file of ours with these keys.
fn written(keys: &Keys) -> Vec<u8> {
    let memory = "writing to memory does not fail";
    let mut writer = Writer::new(Vec::new(), true);
    let header = Header { redis_ver: "7.0.15", ctime: 1_700_000_000, used_mem: 1, ..Header::default() };
    writer.header(&header).expect(memory);
    writer.select_db(0).expect(memory);
    writer.resize_db(keys.len() as u64, 1).expect(memory);
    for (key, (canonical, expire_ms)) in keys {
        writer
            .put(|out| {
                writer::put_meta(out, *expire_ms, writer::Meta::default());
                writer::put_key(out, canonical.rdb_type, key, true);
                out.extend_from_slice(&canonical.bytes);
            })
            .expect(memory);
    }
    writer.finish().expect(memory)
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

fn pairs(reply: Reply) -> Vec<(Vec<u8>, Vec<u8>)> {
    let texts = reply.texts();
    texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// Compares a value with what the server says of it.
fn compare(redis: &mut Redis, key: &[u8], decoded: Decoded) {
    let shown = key.escape_ascii();
    match decoded {
        Decoded::String(bytes) => assert_eq!(redis.do_it(&[b"GET", key]).text(), bytes, "{shown}"),
        Decoded::List(items) => {
            assert_eq!(redis.do_it(&[b"LRANGE", key, b"0", b"-1"]).texts(), items, "{shown}");
        }
        Decoded::Set(members) => {
            assert_eq!(sorted(redis.do_it(&[b"SMEMBERS", key]).texts()), sorted(members), "{shown}");
        }
        Decoded::Hash(fields) => {
            assert_eq!(sorted(pairs(redis.do_it(&[b"HGETALL", key]))), sorted(fields), "{shown}");
        }
        Decoded::Zset(members) => {
            let theirs = pairs(redis.do_it(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]));
            let bits = |(member, score): (Vec<u8>, f64)| (member, score.to_bits());
            let score = |text: &[u8]| std::str::from_utf8(text).expect("digits").parse().expect("a score");
            let theirs = theirs.into_iter().map(|(member, text)| bits((member, score(&text)))).collect();
            assert_eq!(
                sorted::<(Vec<u8>, u64)>(theirs),
                sorted(members.into_iter().map(bits).collect()),
                "{shown}"
            );
        }
        Decoded::Stream(stream) => super::streams::compare(redis, key, &stream),
        Decoded::Module { .. } => panic!("{shown}: no module is loaded"),
    }
}

#[test]
fn what_redis_writes_is_read_and_what_is_written_redis_loads() {
    let mut redis = Redis::start();
    fill(&mut redis);
    let file = redis.save();
    let (keys, version) = read(&file);
    assert_eq!(version, 10);
    assert_eq!(redis.run("DBSIZE").int(), keys.len() as i64);
    for (key, (canonical, expire_ms)) in &keys {
        compare(&mut redis, key, Decoded::of(canonical).expect("a canonical value"));
        let theirs = redis.do_it(&[b"PEXPIRETIME", key]).int();
        assert_eq!(theirs, expire_ms.map_or(-1, |at| at as i64), "{}", key.escape_ascii());
    }

    let ours = written(&keys);
    check(&ours).unwrap_or_else(|why| panic!("redis-check-rdb does not accept it: {why}"));
    let mut other = Redis::load(&ours);
    assert_eq!(other.run("DEBUG DIGEST"), redis.run("DEBUG DIGEST"));
    for key in keys.keys() {
        let digest = [&b"DEBUG"[..], b"DIGEST-VALUE", key];
        assert_eq!(other.do_it(&digest), redis.do_it(&digest), "{}", key.escape_ascii());
        if key.starts_with(b"stream") {
            let info = [&b"XINFO"[..], b"STREAM", key, b"FULL", b"COUNT", b"0"];
            assert_eq!(super::streams::info(&mut other, &info), super::streams::info(&mut redis, &info));
        }
    }
    let (again, _) = read(&other.save());
    assert_eq!(again.keys().collect::<Vec<_>>(), keys.keys().collect::<Vec<_>>());
}

#[test]
fn all_forms_that_redis_writes_come_in_dumps_and_go_back() {
    let mut redis = Redis::start();
    fill(&mut redis);
    let mut forms = BTreeSet::new();
    let keys = redis.run("KEYS *").texts();
    for key in &keys {
        let payload = redis.do_it(&[b"DUMP", key]).text();
        let (version, bytes) = dump::open(&payload).expect("its checksum is right");
        forms.insert(bytes[0]);
        let mut input = Slice::new(&bytes[1..]);
        let canonical =
            Canonical::read(&mut input, bytes[0], version, &mut Scratch::default()).expect("a right value");
        assert!(input.rest().is_empty(), "{}", key.escape_ascii());
        let mut ours = vec![canonical.rdb_type];
        ours.extend_from_slice(&canonical.bytes);
        dump::seal(&mut ours);
        // A digest counts the expiry in, which a payload does not have.
        redis.do_it(&[b"PERSIST", key]);
        let digest = redis.do_it(&[b"DEBUG", b"DIGEST-VALUE", key]);
        redis.do_it(&[b"RESTORE", b"copy", b"0", &ours, b"REPLACE"]);
        assert_eq!(redis.do_it(&[b"DEBUG", b"DIGEST-VALUE", b"copy"]), digest, "{}", key.escape_ascii());
    }
    let expected = [
        kind::STRING,
        kind::SET,
        kind::HASH,
        kind::ZSET_2,
        kind::SET_INTSET,
        kind::HASH_LISTPACK,
        kind::ZSET_LISTPACK,
        kind::LIST_QUICKLIST_2,
        kind::STREAM_LISTPACKS_2,
    ];
    assert_eq!(forms, BTreeSet::from(expected));
}

#[test]
fn compressed_strings_are_read_by_both() {
    let mut redis = Redis::start();
    let mut text = Vec::new();
    let mut state = 1u32;
    for n in 0..400 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(&state.to_le_bytes()[..1 + n % 4]);
        let from = (state >> 8) as usize % text.len();
        let len = (state >> 24) as usize % (text.len() - from).clamp(1, 300);
        text.extend_from_within(from..from + len);
        redis.do_it(&[b"SET", b"key", &text]);
        let theirs = redis.do_it(&[b"DUMP", b"key"]).text();
        let entry = keyspace::Entry::string(b"key", &text, None, 0);
        let ours = value::dump(entry.as_ref(), true);
        redis.do_it(&[b"RESTORE", b"copy", b"0", &ours, b"REPLACE"]);
        assert!(redis.do_it(&[b"GET", b"copy"]).text() == text, "{} bytes", text.len());
        let Ok(keyspace::Value::String(back)) = value::restore(&theirs, &Thresholds::default(), 0) else {
            panic!("a string")
        };
        assert!(back == text, "{} bytes", text.len());
    }
}

#[test]
fn redis_checks_module_data_without_the_module() {
    let mut writer = Writer::new(Vec::new(), true);
    let memory = "writing to memory does not fail";
    writer.header(&Header { redis_ver: "7.0.15", ..Header::default() }).expect(memory);
    let id = keyspace::TypeId::new("test___dt", 1).expect("nine characters").bits();
    let mut saved = Vec::new();
    super::super::fields::put_unsigned(&mut saved, 300);
    super::super::fields::put_string(&mut saved, &b"repeat ".repeat(30), true);
    writer.module_aux(id, 1, &saved).expect(memory);
    writer.select_db(0).expect(memory);
    writer
        .put(|out| {
            writer::put_key(out, kind::MODULE_2, b"key", true);
            writer::put_module(out, id, &saved);
        })
        .expect(memory);
    writer.module_aux(id, 2, &saved).expect(memory);
    let file = writer.finish().expect(memory);
    check(&file).unwrap_or_else(|why| panic!("redis-check-rdb does not accept it: {why}"));
    let mut input = Slice::new(&file);
    assert_eq!(input.take(9).expect("a header"), b"REDIS0010");
}
