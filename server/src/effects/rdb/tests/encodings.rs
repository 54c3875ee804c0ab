//! Forms of values that nobody writes any more, or not yet redis-server 7.0: made by hand, and where it reads them
//! compared with what it makes of them.

use super::super::decoded::{Decoded, decode};
use super::super::input::Slice;
use super::super::length::put_len;
use super::super::listpack::{Element, build::listpack};
use super::super::loaded::{Loaded, Loader};
use super::super::string::{put_bytes, put_string};
use super::super::ziplist::build::ziplist;
use super::super::{Canonical, VALKEY_VERSION, dump, kind};
use super::redis::Redis;

const TEXT: Element<'static> = Element::Bytes(b"text");
const INT: Element<'static> = Element::Int(-70_000);

fn in_string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_string(&mut out, bytes, true);
    out
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn hash(pairs: &[(&str, &str)]) -> Decoded {
    Decoded::Hash(
        pairs.iter().map(|(field, value)| (field.as_bytes().to_vec(), value.as_bytes().to_vec())).collect(),
    )
}

/// Sorted sets in decimal: lengths, and the three scores without digits but the one that is none.
fn decimal_zset() -> Vec<u8> {
    b"\x03\x01a\x042.5e\x01b\xfe\x01c\xff".replacing(b"2.5e", b"2.50")
}

trait Replacing {
    fn replacing(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl<const N: usize> Replacing for [u8; N] {
    fn replacing(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = self.windows(from.len()).position(|window| window == from).expect("it is there");
        [&self[..at], to, &self[at + from.len()..]].concat()
    }
}

/// Forms that redis-server 7.0 reads, with the value that each stands for.
fn known() -> Vec<(u8, Vec<u8>, Decoded)> {
    let long = vec![b'l'; 300];
    let two_lists = {
        let mut out = Vec::new();
        put_len(&mut out, 2);
        out.extend_from_slice(&in_string(&ziplist(&[TEXT, INT])));
        out.extend_from_slice(&in_string(&ziplist(&[Element::Bytes(&long)])));
        out
    };
    let mixed = {
        let mut out = Vec::new();
        put_len(&mut out, 3);
        out.push(2);
        out.extend_from_slice(&in_string(&listpack(&[TEXT, INT])));
        out.push(1);
        out.extend_from_slice(&in_string(&long));
        out.push(2);
        out.extend_from_slice(&in_string(&listpack(&[Element::Int(1)])));
        out
    };
    let list = Decoded::List(vec![b"text".to_vec(), b"-70000".to_vec(), long.clone()]);
    let zset = Decoded::Zset(vec![(b"text".to_vec(), 1.5), (b"-70000".to_vec(), 3.0)]);
    let scored = [TEXT, Element::Bytes(b"1.5"), INT, Element::Int(3)];
    let zipmap = b"\x02\x04text\x06\x02-70000..\x01x\x00\x00\xff";
    vec![
        (kind::LIST, b"\x02\x04text\xc2\x90\xee\xfe\xff".to_vec(), Decoded::List(texts(&["text", "-70000"]))),
        (
            kind::ZSET,
            decimal_zset(),
            Decoded::Zset(vec![
                (b"a".to_vec(), 2.5),
                (b"b".to_vec(), f64::INFINITY),
                (b"c".to_vec(), f64::NEG_INFINITY),
            ]),
        ),
        (kind::HASH_ZIPMAP, in_string(zipmap), hash(&[("text", "-70000"), ("x", "")])),
        (kind::LIST_ZIPLIST, in_string(&ziplist(&[TEXT, INT])), Decoded::List(texts(&["text", "-70000"]))),
        (
            kind::SET_INTSET,
            in_string(b"\x02\0\0\0\x02\0\0\0\xfe\xff\x05\0"),
            Decoded::Set(texts(&["-2", "5"])),
        ),
        (kind::ZSET_ZIPLIST, in_string(&ziplist(&scored)), zset.clone()),
        (kind::HASH_ZIPLIST, in_string(&ziplist(&[TEXT, INT])), hash(&[("text", "-70000")])),
        (kind::LIST_QUICKLIST, two_lists, list.clone()),
        (kind::HASH_LISTPACK, in_string(&listpack(&[TEXT, INT])), hash(&[("text", "-70000")])),
        (kind::ZSET_LISTPACK, in_string(&listpack(&scored)), zset),
        (
            kind::LIST_QUICKLIST_2,
            mixed,
            match list {
                Decoded::List(mut items) => {
                    items.push(b"1".to_vec());
                    Decoded::List(items)
                }
                _ => panic!("a list"),
            },
        ),
    ]
}

#[test]
fn old_forms_are_read_as_redis_reads_them() {
    let mut redis = Redis::start();
    for (rdb_type, bytes, expected) in known() {
        let decoded = decode(rdb_type, &bytes).unwrap_or_else(|error| panic!("type {rdb_type}: {error}"));
        assert_eq!(decoded, expected, "type {rdb_type}");
        let mut theirs = [&[rdb_type], &bytes[..]].concat();
        dump::seal(&mut theirs);
        redis.do_it(&[b"RESTORE", b"theirs", b"0", &theirs, b"REPLACE"]);
        let canonical = super::super::canonical::canonical(rdb_type, &bytes).expect("it was decoded");
        let mut ours = [&[canonical.0], &canonical.1[..]].concat();
        dump::seal(&mut ours);
        redis.do_it(&[b"RESTORE", b"ours", b"0", &ours, b"REPLACE"]);
        let digests = redis.run("DEBUG DIGEST-VALUE theirs ours").texts();
        assert_eq!(digests[0], digests[1], "type {rdb_type}");
    }
}

#[test]
fn what_is_cut_or_changed_is_refused_or_something_else() {
    for (rdb_type, bytes, _) in known() {
        for cut in 0..bytes.len() {
            assert!(decode(rdb_type, &bytes[..cut]).is_err(), "type {rdb_type} cut at {cut}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let _ = decode(rdb_type, &bytes);
            }
        }
        assert!(decode(rdb_type, &[&bytes[..], b"x"].concat()).is_err(), "type {rdb_type} with a byte more");
    }
}

#[test]
fn sets_in_a_listpack_are_read() {
    let bytes = in_string(&listpack(&[TEXT, INT, Element::Int(5)]));
    let decoded = decode(kind::SET_LISTPACK, &bytes).expect("a right one");
    assert_eq!(decoded, Decoded::Set(texts(&["text", "-70000", "5"])));
    let twice = in_string(&listpack(&[TEXT, INT, TEXT]));
    let error = decode(kind::SET_LISTPACK, &twice).expect_err("a member is there twice");
    assert_eq!(error.to_string(), "at byte 0: a collection with the same member twice");
}

/// A hash whose fields may expire: its fields at some moment, how many had expired, and those that will and when.
fn fields_at(rdb_type: u8, version: u32, bytes: &[u8], now_ms: u64) -> (Vec<(String, String)>, u64, String) {
    let mut loader = Loader::default();
    loader.scratch.now_ms = Some(now_ms);
    let mut input = Slice::new(bytes);
    let loaded = loader.load(&mut input, rdb_type, version).expect("a right one");
    let Loaded::Hash(pairs) = loaded else { panic!("a hash") };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("ASCII");
    let mut expiries: Vec<_> = pairs.expiries().map(|(field, at)| format!("{}{at}", text(field))).collect();
    expiries.sort();
    let expiries = expiries.concat();
    let pairs = pairs.iter().map(|(field, value)| (text(field), text(value))).collect();
    assert!(input.rest().is_empty());
    (pairs, loader.scratch.fields_expired, expiries)
}

#[test]
fn fields_that_expire_are_read() {
    // Field a never expires, b at 1000 ms and c at 3000 ms.
    let triples = |absolute: bool| {
        let mut out = Vec::new();
        if absolute {
            put_len(&mut out, 3);
        } else {
            out.extend_from_slice(&1000u64.to_le_bytes());
            put_len(&mut out, 3);
        }
        for (field, expire) in [("a", 0), ("b", 1000), ("c", 3000)] {
            put_len(&mut out, if absolute || expire == 0 { expire } else { expire - 1000 + 1 });
            put_bytes(&mut out, field.as_bytes());
            put_bytes(&mut out, b"value");
        }
        out
    };
    let value = Element::Bytes(b"value");
    let packed = listpack(&[
        Element::Bytes(b"b"),
        value,
        Element::Int(1000),
        Element::Bytes(b"c"),
        value,
        Element::Int(3000),
        Element::Bytes(b"a"),
        value,
        Element::Int(0),
    ]);
    let valkey = {
        let mut out = Vec::new();
        put_len(&mut out, 3);
        for (field, expire) in [("a", -1i64), ("b", 1000), ("c", 3000)] {
            put_bytes(&mut out, field.as_bytes());
            put_bytes(&mut out, b"value");
            out.extend_from_slice(&expire.to_le_bytes());
        }
        out
    };
    let with_first = [&1000u64.to_le_bytes()[..], &in_string(&packed)].concat();
    for (rdb_type, version, bytes) in [
        (kind::HASH_METADATA, 12, triples(false)),
        (kind::HASH_METADATA_PRE_GA, 12, triples(true)),
        (kind::HASH_LISTPACK_EX, 12, with_first),
        (kind::HASH_LISTPACK_EX_PRE_GA, 12, in_string(&packed)),
        (kind::HASH_VALKEY, VALKEY_VERSION, valkey),
    ] {
        let at = |now_ms| {
            let (mut pairs, expired, expiries) = fields_at(rdb_type, version, &bytes, now_ms);
            pairs.sort();
            let names: String = pairs.into_iter().map(|(field, _)| field).collect();
            (names, expired, expiries)
        };
        assert_eq!(
            at(999),
            ("abc".to_owned(), 0, "b1000c3000".to_owned()),
            "type {rdb_type} of version {version}"
        );
        assert_eq!(
            at(1000),
            ("ac".to_owned(), 1, "c3000".to_owned()),
            "type {rdb_type} of version {version}"
        );
        assert_eq!(at(5000), ("a".to_owned(), 2, String::new()), "type {rdb_type} of version {version}");
    }
}

#[test]
fn numbers_of_one_branch_are_not_taken_for_the_others() {
    for rdb_type in [23, 24, 25] {
        let canonical = Canonical::read(
            &mut Slice::new(&[0; 20]),
            rdb_type,
            VALKEY_VERSION,
            &mut super::super::walk::Scratch::default(),
        );
        assert!(
            canonical.expect_err("Valkey has no such type").to_string().contains("neither a type of value")
        );
    }
}
