//! Every function of the contract arrives at the host with its arguments, and its answer in the guest's memory.
//!
//! A guest calls one import, and answers with the bytes that the canonical ABI put where it asked for the result.

mod support;

use std::collections::BTreeMap;

use sandkey_runtime::{Limits, Mode, Reply};
use support::*;

/// Where the import's result goes, and how much of it is looked at.
const RESULT: u32 = 1104;

/// A host with a string, a hash, and handles: 0 the string, 1 the hash, 2 nothing yet, 3 the string for reading only.
fn host() -> TestHost {
    let mut host = TestHost { now_us: 1_234_567, random: 41, ..TestHost::default() };
    host.keys.insert(b"s".to_vec(), Value::String(b"12345".to_vec()));
    let fields = [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"xyz".to_vec())];
    host.keys.insert(b"h".to_vec(), Value::Hash(BTreeMap::from(fields)));
    for (name, mode) in [(b"s", Mode::Write), (b"h", Mode::Write), (b"n", Mode::Write), (b"s", Mode::Read)] {
        host.open.push((name.to_vec(), mode));
    }
    host
}

/// Call an import with these operands; with `RESULT` behind them if it has a result in memory. At 500 lies `fv\0\0w`,
/// at 600 the ends 1 and 2, at 608 the doubles 1.5 and -inf, at 624 NaN.
fn called(host: &mut TestHost, interface: &str, function: &str, operands: &[&str], result: u32) -> Vec<u8> {
    // `(i32.const` and so on begin with their type.
    let kinds = |operand: &&str| match &operand[1..4] {
        "i64" => "i64",
        "f64" => "f64",
        _ => "i32",
    };
    let doubles: Vec<u8> =
        [1.5, f64::NEG_INFINITY, f64::NAN].iter().flat_map(|it: &f64| it.to_le_bytes()).collect();
    let mut params: Vec<&str> = operands.iter().map(kinds).collect();
    let mut operands: Vec<String> = operands.iter().map(ToString::to_string).collect();
    if result > 0 {
        params.push("i32");
        operands.push(format!("(i32.const {RESULT})"));
    }
    let guest = Guest {
        state: 2,
        types: vec![("test-typ0", 1), ("test-typ1", 2)],
        values: Some(Values::default()),
        fields: format!(
            r#"(import "sandkey:module/{interface}@0.1.0" "{function}" (func $import (param {})))"#,
            params.join(" ")
        ),
        ..calling(&format!(
            "{}{}{} (call $import {}) {}",
            put(500, b"fv\0\0w"),
            put(600, &[1, 0, 0, 0, 2, 0, 0, 0]),
            put(608, &doubles),
            operands.join(" "),
            reply_bytes(6, &format!("(i32.const {RESULT})"), "(i32.const 64)")
        ))
    };
    match run(&mut start(&guest), host, &[b"test.run"]).result {
        Ok(Ok(Reply::Bulk(mut bytes))) => {
            bytes.truncate(result as usize);
            bytes
        }
        other => panic!("{interface}.{function}: {other:?}"),
    }
}

/// The same for a function whose answer is on the stack.
fn scalar(host: &mut TestHost, interface: &str, function: &str, operands: &str, kind: &str) -> i64 {
    let params = if operands.is_empty() { "" } else { "(param i32)" };
    let widen = if kind == "i32" { "(i64.extend_i32_u" } else { "(i64.add (i64.const 0)" };
    let guest = Guest {
        fields: format!(
            r#"(import "sandkey:module/{interface}@0.1.0" "{function}" (func $import {params} (result {kind})))"#
        ),
        ..calling(&reply(2, &format!("(i64.store (i32.const 1040) {widen} (call $import {operands})))")))
    };
    match run(&mut start(&guest), host, &[b"test.run"]).result {
        Ok(Ok(Reply::Integer(number))) => number,
        other => panic!("{interface}.{function}: {other:?}"),
    }
}

const OK: u8 = 0;
const ERR: u8 = 1;
const KEY: [&str; 4] = ["(i32.const 0)", "(i32.const 1)", "(i32.const 2)", "(i32.const 3)"];
const F: [&str; 2] = ["(i32.const 500)", "(i32.const 1)"];
const V: [&str; 2] = ["(i32.const 501)", "(i32.const 1)"];
/// `["f", "v"]` as argv.
const FV: [&str; 4] = ["(i32.const 500)", "(i32.const 2)", "(i32.const 600)", "(i32.const 2)"];

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes"))
}

#[test]
fn context() {
    let mut host = host();
    assert_eq!(scalar(&mut host, "context", "now-us", "", "i64"), 1_234_567);
    assert_eq!(scalar(&mut host, "context", "random", "", "i64"), 42);
    assert_eq!(scalar(&mut host, "context", "random", "", "i64"), 43);
    assert_eq!(scalar(&mut host, "context", "db", "", "i32"), 9);
    assert_eq!(scalar(&mut host, "context", "flags", "", "i32"), 0b1001, "in-multi and called");
    let client = called(&mut host, "context", "client", &[], 32);
    assert_eq!(
        (client[0], client[12], client[20], client[24]),
        (7, 6, 11, 3),
        "id, lengths of name and address, resp"
    );
    assert_eq!(called(&mut host, "context", "user", &[], 8)[4], 7, "the length of `default`");
}

#[test]
fn log_writes_with_its_level() {
    let mut host = host();
    called(&mut host, "log", "write", &[KEY[3], F[0], "(i32.const 2)"], 0);
    assert_eq!(host.lines, ["warning fv"]);
}

#[test]
fn keyspace() {
    let mut host = host();
    assert_eq!(called(&mut host, "keyspace", "open", &[F[0], F[1], KEY[1]], 8), [OK, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!(host.open[4], (b"f".to_vec(), Mode::Write));
    assert_eq!(scalar(&mut host, "keyspace", "type-of", KEY[0], "i32"), 1);
    assert_eq!(scalar(&mut host, "keyspace", "type-of", KEY[1], "i32"), 5);
    assert_eq!(scalar(&mut host, "keyspace", "type-of", KEY[2], "i32"), 0);
    assert_eq!(scalar(&mut host, "keyspace", "exists", KEY[1], "i32"), 1);
    assert_eq!(scalar(&mut host, "keyspace", "exists", KEY[2], "i32"), 0);
    let when = called(&mut host, "keyspace", "expire-at-ms", &[KEY[0], "(i32.const 1)", "(i64.const 99)"], 8);
    assert_eq!((when[0], when[4]), (OK, 1));
    let expires = called(&mut host, "keyspace", "expires-at-ms", &[KEY[0]], 16);
    assert_eq!((expires[0], number(&expires)), (1, 99));
    called(&mut host, "keyspace", "expire-at-ms", &[KEY[0], "(i32.const 0)", "(i64.const 0)"], 8);
    assert_eq!(called(&mut host, "keyspace", "expires-at-ms", &[KEY[0]], 1), [0]);
    assert_eq!(called(&mut host, "keyspace", "delete", &[KEY[3]], 5), [ERR, 0, 0, 0, 10], "read-only");
    assert_eq!(called(&mut host, "keyspace", "delete", &[KEY[0]], 5), [OK, 0, 0, 0, 1]);
    assert!(!host.keys.contains_key(b"s".as_slice()));
    let page = called(
        &mut host,
        "keyspace",
        "scan",
        &["(i64.const 6)", "(i32.const 1)", F[0], F[1], "(i32.const 5000)"],
        32,
    );
    assert_eq!((page[0], number(&page)), (OK, 7));
    // `cursor=6 count=1000` and the pattern `f`: 19 and 1 bytes, two ends.
    assert_eq!((page[20], page[28]), (20, 2), "the count is held at 1,000");
}

#[test]
fn strings() {
    let mut host = host();
    let get = called(&mut host, "strings", "get", &[KEY[0]], 16);
    assert_eq!((get[0], get[4], get[12]), (OK, 1, 5), "some, of five bytes");
    assert_eq!(called(&mut host, "strings", "get", &[KEY[2]], 5), [OK, 0, 0, 0, 0], "none");
    assert_eq!(called(&mut host, "strings", "get", &[KEY[1]], 5), [ERR, 0, 0, 0, 1], "wrong-type");
    let range = called(&mut host, "strings", "get-range", &[KEY[0], "(i64.const 1)", "(i64.const 3)"], 12);
    assert_eq!((range[0], range[8]), (OK, 2));
    assert_eq!(number(&called(&mut host, "strings", "len", &[KEY[0]], 16)), 5);
    assert_eq!(called(&mut host, "strings", "set", &[KEY[2], F[0], "(i32.const 2)"], 1), [OK]);
    assert_eq!(host.keys[b"n".as_slice()], Value::String(b"fv".to_vec()));
    assert_eq!(called(&mut host, "strings", "set", &[KEY[3], F[0], F[1]], 5), [ERR, 0, 0, 0, 10]);
    assert_eq!(called(&mut host, "strings", "replace", &[KEY[2], V[0], V[1]], 1), [OK]);
    assert_eq!(number(&called(&mut host, "strings", "append", &[KEY[2], F[0], F[1]], 16)), 2);
    assert_eq!(host.keys[b"n".as_slice()], Value::String(b"vf".to_vec()));
    let args = [KEY[2], "(i64.const 3)", F[0], F[1]];
    assert_eq!(number(&called(&mut host, "strings", "set-range", &args, 16)), 4);
    assert_eq!(host.keys[b"n".as_slice()], Value::String(b"vf\0f".to_vec()));
    assert_eq!(number(&called(&mut host, "strings", "incr-by", &[KEY[0], "(i64.const -5)"], 16)), 12340);
    let overflow = called(&mut host, "strings", "incr-by", &[KEY[0], "(i64.const 0x7fffffffffffffff)"], 9);
    assert_eq!((overflow[0], overflow[8]), (ERR, 5));
}

/// The bytes that a list crossed with: the guest answers with what its own memory has at the list's place.
#[test]
fn the_bytes_of_a_value_arrive() {
    let guest = Guest {
        fields: r#"(import "sandkey:module/strings@0.1.0" "get" (func $get (param i32 i32)))"#.into(),
        ..calling(&format!(
            "(call $get (i32.const 0) (i32.const {RESULT})) {}",
            reply_bytes(6, "(i32.load (i32.const 1112))", "(i32.load (i32.const 1116))")
        ))
    };
    let mut instance = start(&guest);
    let mut host = host();
    for length in [0usize, 1, 16, 4096, 100_000] {
        let value: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).expect("below 251")).collect();
        host.keys.insert(b"s".to_vec(), Value::String(value.clone()));
        let outcome = run(&mut instance, &mut host, &[b"test.run"]);
        assert_eq!(outcome.result, Ok(Ok(Reply::Bulk(value))));
        assert!(outcome.fuel_used >= 100 + length as u64 / 4, "{length}: {}", outcome.fuel_used);
    }
}

#[test]
fn hashes() {
    let mut host = host();
    let key = KEY[1];
    let get = called(&mut host, "hashes", "get", &[key, "(i32.const 700)", "(i32.const 0)"], 5);
    assert_eq!(get, [OK, 0, 0, 0, 0]);
    assert_eq!(called(&mut host, "hashes", "set", &[key, F[0], F[1], V[0], V[1]], 5), [OK, 0, 0, 0, 1]);
    assert_eq!(called(&mut host, "hashes", "set", &[key, F[0], F[1], V[0], V[1]], 5), [OK, 0, 0, 0, 0]);
    let get = called(&mut host, "hashes", "get", &[key, F[0], F[1]], 16);
    assert_eq!((get[0], get[4], get[12]), (OK, 1, 1));
    assert_eq!(called(&mut host, "hashes", "exists", &[key, F[0], F[1]], 5)[4], 1);
    assert_eq!(called(&mut host, "hashes", "exists", &[key, V[0], V[1]], 5)[4], 0);
    assert_eq!(number(&called(&mut host, "hashes", "len", &[key], 16)), 3);
    let many = called(&mut host, "hashes", "get-many", &[key, FV[0], FV[1], FV[2], FV[3]], 12);
    assert_eq!((many[0], many[8]), (OK, 2), "two answers");
    let all = called(&mut host, "hashes", "get-all", &[key], 20);
    assert_eq!((all[0], all[8], all[16]), (OK, 8, 6), "a 1 b xyz f v");
    assert_eq!(
        called(&mut host, "hashes", "set-many", &[key, FV[0], FV[1], FV[2], FV[3]], 5),
        [OK, 0, 0, 0, 0]
    );
    assert_eq!(
        called(&mut host, "hashes", "delete", &[key, FV[0], FV[1], FV[2], FV[3]], 5),
        [OK, 0, 0, 0, 1]
    );
    let sum = called(&mut host, "hashes", "incr-by", &[key, F[0], F[1], "(i64.const 3)"], 16);
    assert_eq!((sum[0], number(&sum)), (OK, 3));
    let page = called(&mut host, "hashes", "scan", &[key, "(i64.const 4)", "(i32.const 0)"], 32);
    assert_eq!((page[0], number(&page), page[28]), (OK, 0, 1));
}

#[test]
fn sets() {
    let mut host = host();
    let key = KEY[2];
    let many = [key, FV[0], FV[1], FV[2], FV[3]];
    assert_eq!(called(&mut host, "sets", "add", &many, 5), [OK, 0, 0, 0, 2]);
    assert_eq!(called(&mut host, "sets", "add", &many, 5), [OK, 0, 0, 0, 0]);
    assert_eq!(called(&mut host, "sets", "contains", &[key, F[0], F[1]], 5)[4], 1);
    assert_eq!(called(&mut host, "sets", "contains", &[key, "(i32.const 700)", "(i32.const 0)"], 5)[4], 0);
    assert_eq!(number(&called(&mut host, "sets", "len", &[key], 16)), 2);
    let all = called(&mut host, "sets", "members", &[key], 20);
    assert_eq!((all[0], all[8], all[16]), (OK, 2, 2), "f v");
    let random = called(&mut host, "sets", "random", &[key, "(i32.const 0)"], 20);
    assert_eq!((random[0], random[8], random[16]), (OK, 13, 1), "key=2 count=1");
    let page = called(&mut host, "sets", "scan", &[key, "(i64.const 4)", "(i32.const 0)"], 32);
    assert_eq!((page[0], number(&page), page[28]), (OK, 7, 1));
    let popped = called(&mut host, "sets", "pop", &[key, "(i32.const 1)"], 20);
    assert_eq!((popped[0], popped[8], popped[16]), (OK, 1, 1), "f");
    let some = called(&mut host, "sets", "contains-many", &many, 12);
    assert_eq!((some[0], some[8]), (OK, 2), "two answers");
    assert_eq!(called(&mut host, "sets", "remove", &many, 5), [OK, 0, 0, 0, 1]);
    let refused = called(&mut host, "sets", "add", &[KEY[0], FV[0], FV[1], FV[2], FV[3]], 5);
    assert_eq!(refused[0], 1, "it is a string");
}

#[test]
fn lists() {
    let mut host = host();
    let key = KEY[2];
    let (head, tail) = (KEY[0], KEY[1]);
    let mut lists =
        |function, operands: &[&str], result| called(&mut host, "lists", function, operands, result);
    let some = |length| [OK, 0, 0, 0, 0, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(lists("push", &[key, tail, FV[0], FV[1], FV[2], FV[3]], 16), some(2), "f v");
    assert_eq!(lists("push", &[key, head, FV[0], FV[1], FV[2], FV[3]], 16), some(4), "v f f v");
    assert_eq!(lists("len", &[key], 16), some(4));
    let first = lists("get", &[key, "(i64.const 0)"], 16);
    assert_eq!((first[0], first[4], first[12]), (OK, 1, 1), "some, of one byte");
    assert_eq!(lists("get", &[key, "(i64.const 9)"], 5), [OK, 0, 0, 0, 0]);
    assert_eq!(lists("set", &[key, "(i64.const 3)", F[0], F[1]], 5), [OK, 0, 0, 0, 1]);
    assert_eq!(lists("set", &[key, "(i64.const -9)", F[0], F[1]], 5), [OK, 0, 0, 0, 0]);
    let inserted = lists("insert", &[key, KEY[1], V[0], V[1], FV[0], FV[1]], 24);
    assert_eq!((inserted[0], inserted[8], inserted[16]), (OK, 1, 5), "v fv f f f");
    assert_eq!(lists("insert", &[key, head, "(i32.const 504)", F[1], F[0], F[1]], 9)[8], 0, "no pivot");
    let removed = lists("remove", &[key, F[0], F[1], tail, "(i64.const 6)"], 16);
    assert_eq!(number(&removed), 7);
    assert_eq!(lists("trim", &[key, "(i64.const -3)", "(i64.const 4)"], 1), [OK]);
    let range = lists("range", &[key, "(i64.const -7)", "(i32.const 5000)"], 20);
    assert_eq!((range[0], range[8], range[16]), (OK, 25, 1), "key=2 start=-7 count=1000");
    let popped = lists("pop", &[key, tail, "(i32.const 0)"], 20);
    assert_eq!((popped[0], popped[8], popped[16]), (OK, 1, 1), "one at least");
    assert_eq!(lists("push", &[KEY[0], head, FV[0], FV[1], FV[2], FV[3]], 9)[8], 1, "it is a string");
    let left = [&b"v"[..], b"fv", b"f", b"f"].map(<[u8]>::to_vec);
    assert_eq!(host.keys[&b"n"[..]], Value::List(left.into()));
    assert_eq!(host.called[0], [&b"f"[..], b"Tail 6"]);
    assert_eq!(host.called[1], [b"-3 4"]);
}

#[test]
fn sorted_sets() {
    let mut host = host();
    let key = KEY[2];
    let doubles = ["(i32.const 608)", "(i32.const 2)"];
    let mut sets =
        |function, operands: &[&str], result| called(&mut host, "sorted-sets", function, operands, result);
    let double = |bytes: &[u8]| f64::from_bits(number(bytes));
    let add = [key, FV[0], FV[1], FV[2], FV[3], doubles[0], doubles[1]];
    assert_eq!(sets("add", &add, 5), [OK, 0, 0, 0, 2]);
    let score = sets("score", &[key, F[0], F[1]], 24);
    assert_eq!(
        (score[0], score[8], f64::from_le_bytes(score[16..24].try_into().expect("eight"))),
        (OK, 1, 1.5)
    );
    assert_eq!(sets("score", &[key, "(i32.const 504)", F[1]], 9)[8], 0);
    assert_eq!(double(&sets("increment", &[key, F[0], F[1], "(f64.const 0.25)"], 16)), 1.75);
    let scores = sets("scores", &[key, FV[0], FV[1], FV[2], FV[3]], 12);
    assert_eq!((scores[0], scores[8]), (OK, 2));
    for (reverse, rank) in [("(i32.const 0)", 30), ("(i32.const 1)", 40)] {
        let found = sets("rank", &[key, F[0], F[1], reverse], 24);
        assert_eq!((found[0], found[8], found[16]), (OK, 1, rank));
    }
    assert_eq!(number(&sets("len", &[key], 16)), 2);
    let bounds = ["(f64.const -1.5)", "(i32.const 0)", "(f64.const inf)", "(i32.const 1)"];
    let count = sets("count", &[key, bounds[0], bounds[1], bounds[2], bounds[3]], 16);
    assert_eq!(number(&count), 12);
    let range = sets("range", &[key, "(i64.const 3)", "(i32.const 5000)", "(i32.const 1)"], 28);
    assert_eq!((range[0], range[8], range[16], range[24]), (OK, 2, 2, 2), "bytes, ends, scores");
    let by_score =
        [key, bounds[0], bounds[1], bounds[2], bounds[3], "(i64.const 4)", "(i32.const 0)", "(i32.const 0)"];
    assert_eq!(sets("range-by-score", &by_score, 28)[24], 2);
    assert_eq!(sets("pop", &[key, "(i32.const 7)", "(i32.const 1)"], 28)[24], 2);
    // What is no number is refused before the host sees it.
    let not_a_float = 4;
    let nan = [key, FV[0], FV[1], FV[2], FV[3], "(i32.const 616)", "(i32.const 2)"];
    assert_eq!(sets("add", &nan, 5), [ERR, 0, 0, 0, not_a_float]);
    assert_eq!(sets("increment", &[key, F[0], F[1], "(f64.const nan)"], 9)[8], not_a_float);
    assert_eq!(sets("count", &[key, "(f64.const nan)", bounds[1], bounds[2], bounds[3]], 9)[8], not_a_float);
    assert_eq!(sets("remove", &[key, FV[0], FV[1], FV[2], FV[3]], 5), [OK, 0, 0, 0, 2]);
    assert_eq!(sets("len", &[KEY[0]], 9)[8], 1, "it is a string");
    let range = "ScoreRange { min: -1.5, min_excluded: false, max: inf, max_excluded: true }";
    let calls = [range, "3 1000 true", range, "4 1 false", "0 7 true"];
    assert_eq!(host.called, calls.map(|call| vec![call.as_bytes().to_vec()]));
}

#[test]
fn scores_arrive_in_the_guest() {
    // `scores` of "f" and "v", of which there is "f": the options lie at the list's place, 16 bytes each. And `range`: doubles
    // behind each other.
    for (function, params, operands, at, expected) in [
        (
            "scores",
            "i32 i32 i32 i32 i32 i32",
            "(i32.const 500) (i32.const 2) (i32.const 600) (i32.const 2)",
            1108,
            {
                let mut bytes = vec![0; 32];
                bytes[0] = 1;
                bytes[8..16].copy_from_slice(&2.5f64.to_le_bytes());
                bytes
            },
        ),
        (
            "range",
            "i32 i64 i32 i32 i32",
            "(i64.const 0) (i32.const 5) (i32.const 0)",
            1124,
            2.5f64.to_le_bytes().to_vec(),
        ),
    ] {
        let mut host = host();
        host.keys.insert(b"n".to_vec(), Value::Zset(BTreeMap::from([(b"f".to_vec(), 2.5)])));
        let guest = Guest {
            fields: format!(
                r#"(import "sandkey:module/sorted-sets@0.1.0" "{function}" (func $import (param {params})))"#
            ),
            ..calling(&format!(
                "{}{} (call $import (i32.const 2) {operands} (i32.const 1104)) {}",
                put(500, b"fv"),
                put(600, &[1, 0, 0, 0, 2, 0, 0, 0]),
                reply_bytes(
                    6,
                    &format!("(i32.load (i32.const {at}))"),
                    &format!("(i32.const {})", expected.len())
                )
            ))
        };
        let result = run(&mut start(&guest), &mut host, &[b"test.run"]).result;
        let Ok(Ok(Reply::Bulk(mut bytes))) = result else { panic!("{function}: {result:?}") };
        // Behind the discriminant of an option stands what was there.
        for option in bytes.chunks_exact_mut(16) {
            option[1..8].fill(0);
        }
        assert_eq!(bytes, expected, "{function}");
    }
}

#[test]
fn another_number_of_scores_than_of_members_traps() {
    let guest = Guest {
        fields: r#"(import "sandkey:module/sorted-sets@0.1.0" "add" (func $add (param i32 i32 i32 i32 i32 i32 i32 i32)))"#
            .into(),
        ..calling(&format!(
            "{}(call $add (i32.const 2) (i32.const 500) (i32.const 1) (i32.const 600) (i32.const 1) \
             (i32.const 608) (i32.const 2) (i32.const 1104))",
            put(600, &[1, 0, 0, 0])
        ))
    };
    let trap = run(&mut start(&guest), &mut host(), &[b"test.run"]).result.expect_err("it must trap");
    assert_eq!(trap.to_string(), "add was given another number of scores than of members");
}

#[test]
fn streams() {
    let mut host = host();
    let key = KEY[2];
    let (none, some) = ("(i32.const 0)", "(i32.const 1)");
    let id =
        |bytes: &[u8]| (number(bytes), u64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes")));
    let add = |case, ms, seq| [key, case, ms, seq, FV[0], FV[1], FV[2], FV[3]];
    let chosen = called(&mut host, "streams", "add", &add(none, "(i64.const 5)", "(i64.const 6)"), 24);
    assert_eq!((chosen[0], id(&chosen)), (OK, (1234, 0)), "what lies in a missing id is not looked at");
    let given = called(&mut host, "streams", "add", &add(some, "(i64.const 2000)", "(i64.const 7)"), 24);
    assert_eq!((given[0], id(&given)), (OK, (2000, 7)));
    assert_eq!(number(&called(&mut host, "streams", "len", &[key], 16)), 2);
    let info = called(&mut host, "streams", "info", &[key], 56);
    assert_eq!((info[0], number(&info), id(&info[8..]), info[32]), (OK, 2, (2000, 7), 1));
    assert_eq!(id(&info[32..]), (1234, 0), "the first");
    let range = |first, reverse| {
        [key, first, "(i64.const 0)", "(i64.const -1)", "(i64.const -1)", "(i32.const 0)", reverse]
    };
    // Lists of ids, of counts, and the two of an argv; none is one.
    let lens = |page: &[u8]| [page[0], page[8], page[16], page[24], page[32]];
    let page = called(&mut host, "streams", "range", &range("(i64.const 0)", none), 36);
    assert_eq!(lens(&page), [OK, 1, 1, 2, 2]);
    let page = called(&mut host, "streams", "range", &range("(i64.const 2001)", some), 36);
    assert_eq!(lens(&page), [OK, 0, 0, 0, 0]);
    let trim = |case, exact| [key, case, "(i64.const 3)", "(i64.const 4)", exact];
    assert_eq!(number(&called(&mut host, "streams", "trim", &trim(none, some), 16)), 2);
    assert_eq!(number(&called(&mut host, "streams", "trim", &trim(some, none), 16)), 2);
    assert_eq!(host.lines, ["MaxLen(3) true", "MinId(EntryId { ms: 3, seq: 4 }) false"]);
    let (ids, two) = ("(i32.const 504)", "(i32.const 2)");
    assert_eq!(called(&mut host, "streams", "delete", &[key, ids, two], 5), [OK, 0, 0, 0, 0]);
    let refused = called(&mut host, "streams", "len", &[KEY[0]], 16);
    assert_eq!(refused[0], ERR, "it is a string");
}

#[test]
fn objects() {
    let mut host = host();
    host.keys.insert(b"o".to_vec(), Value::Object(1, 77));
    for mode in [Mode::Write, Mode::Read] {
        host.open.push((b"o".to_vec(), mode));
    }
    let (object, read_only) = ("(i32.const 4)", "(i32.const 5)");
    let mut objects =
        |function, operands: &[&str], result| called(&mut host, "objects", function, operands, result);
    for function in ["get", "edit"] {
        let found = objects(function, &[object, KEY[1]], 12);
        assert_eq!(found, [OK, 0, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0]);
        assert_eq!(objects(function, &[KEY[2], KEY[1]], 5), [OK, 0, 0, 0, 0], "no such key");
        assert_eq!(objects(function, &[object, KEY[0]], 5), [ERR, 0, 0, 0, 1], "another type");
        assert_eq!(objects(function, &[KEY[0], KEY[1]], 5), [ERR, 0, 0, 0, 1], "a string");
    }
    assert_eq!(objects("get", &[read_only, KEY[1]], 5), [OK, 0, 0, 0, 1]);
    assert_eq!(objects("edit", &[read_only, KEY[1]], 5), [ERR, 0, 0, 0, 10], "read-only");
    assert_eq!(objects("set", &[read_only, KEY[0], KEY[3]], 5), [ERR, 0, 0, 0, 10]);
    assert_eq!(objects("set", &[KEY[2], KEY[0], KEY[3]], 1), [OK]);
    assert_eq!(objects("journal", &[object, FV[0], FV[1], FV[2], FV[3]], 1), [OK]);
    assert_eq!(objects("journal", &[read_only, FV[0], FV[1], FV[2], FV[3]], 5), [ERR, 0, 0, 0, 10]);
    let name = objects("type-name", &[object], 12);
    assert_eq!((name[0], name[8]), (1, 9), "some, of nine bytes");
    assert_eq!(objects("type-name", &[KEY[0]], 1), [0]);
    let page = objects("scan", &[KEY[1], "(i64.const 6)", "(i32.const 5000)"], 32);
    // `type=1 cursor=6 count=1000`.
    assert_eq!((page[0], number(&page), page[20], page[28]), (OK, 7, 26, 1), "the count is held at 1,000");
    assert_eq!(host.keys[b"n".as_slice()], Value::Object(0, 3));
    assert_eq!(host.called, [[b"f".to_vec(), b"v".to_vec()]], "journalled once");
}

#[test]
fn a_data_type_that_was_not_declared_traps() {
    for (function, params, operands) in [
        ("get", "i32 i32 i32", "(i32.const 0) (i32.const 1)"),
        ("edit", "i32 i32 i32", "(i32.const 0) (i32.const -1)"),
        ("set", "i32 i32 i32 i32", "(i32.const 0) (i32.const 1) (i32.const 0)"),
        ("scan", "i32 i64 i32 i32", "(i32.const 1) (i64.const 0) (i32.const 10)"),
    ] {
        let guest = |types: usize| Guest {
            state: 2,
            types: [("test-typ0", 1)].repeat(types),
            values: (types > 0).then(Values::default),
            fields: format!(
                r#"(import "sandkey:module/objects@0.1.0" "{function}" (func $import (param {params})))"#
            ),
            ..calling(&format!("(call $import {operands} (i32.const {RESULT}))"))
        };
        for types in [0, 1] {
            let trap = run(&mut start(&guest(types)), &mut host(), &[b"test.run"]).result;
            let words = trap.expect_err("it must trap").to_string();
            assert!(words.starts_with("the module has no data type "), "{function}: {words}");
        }
    }
}

#[test]
fn values_that_are_missing_arrive_as_such() {
    // get-many of "f" and "v", of which the hash has "v": the options lie at the list's place, 12 bytes each.
    let mut host = host();
    let Some(Value::Hash(fields)) = host.keys.get_mut(b"h".as_slice()) else { panic!("it is a hash") };
    fields.insert(b"v".to_vec(), b"value".to_vec());
    let guest = Guest {
        fields:
            r#"(import "sandkey:module/hashes@0.1.0" "get-many" (func $get (param i32 i32 i32 i32 i32 i32)))"#
                .into(),
        ..calling(&format!(
            "{}{} (call $get (i32.const 1) {} (i32.const {RESULT})) {}",
            put(500, b"fv"),
            put(600, &[1, 0, 0, 0, 2, 0, 0, 0]),
            FV.join(" "),
            reply_bytes(
                6,
                "(i32.load (i32.add (i32.load (i32.const 1108)) (i32.const 16)))",
                "(i32.load (i32.add (i32.load (i32.const 1108)) (i32.const 20)))"
            )
        ))
    };
    let outcome = run(&mut start(&guest), &mut host, &[b"test.run"]);
    assert_eq!(outcome.result, Ok(Ok(Reply::Bulk(b"value".to_vec()))));
}

#[test]
fn an_odd_number_of_pairs_traps() {
    let guest = Guest {
        fields:
            r#"(import "sandkey:module/hashes@0.1.0" "set-many" (func $set (param i32 i32 i32 i32 i32 i32)))"#
                .into(),
        ..calling(&format!(
            "{}(call $set (i32.const 1) (i32.const 500) (i32.const 1) (i32.const 600) (i32.const 1) (i32.const 1104))",
            put(600, &[1, 0, 0, 0])
        ))
    };
    let trap = run(&mut start(&guest), &mut host(), &[b"test.run"]).result.expect_err("it must trap");
    assert_eq!(trap.to_string(), "set-many was given a field without a value");
}

#[test]
fn call_passes_arguments_and_replies_and_errors() {
    let mut host = host();
    let answer = called(&mut host, "call", "run", &FV, 9);
    assert_eq!((answer[0], answer[8]), (ERR, 12), "not-callable");
    assert_eq!(host.called, [[b"f".to_vec(), b"v".to_vec()]]);
}

#[test]
fn arguments_arrive_whole_and_in_order() {
    // Answers with the bytes of all arguments, whatever they are.
    let mut instance = start(&calling(&reply_bytes(6, "(local.get $data)", "(local.get $data_len)")));
    let mut host = host();
    let outcome = run(&mut instance, &mut host, &[b"test.run", b"", b"\0\r\n\xff", b"end"]);
    assert_eq!(outcome.result, Ok(Ok(Reply::Bulk(b"test.run\0\r\n\xffend".to_vec()))));
    let mut instance = start(&calling(&reply_bytes(
        6,
        "(local.get $ends)",
        "(i32.mul (local.get $ends_len) (i32.const 4))",
    )));
    let outcome = run(&mut instance, &mut host, &[b"ab", b"", b"c"]);
    let ends = [2u32, 2, 3].into_iter().flat_map(u32::to_le_bytes).collect();
    assert_eq!(outcome.result, Ok(Ok(Reply::Bulk(ends))));
}

#[test]
fn every_kind_of_reply() {
    let bytes = |tag| {
        answer(&calling(&format!(
            "{}{}",
            put(500, b":1\r\n"),
            reply_bytes(tag, "(i32.const 500)", "(i32.const 2)")
        )))
    };
    assert_eq!(answer(&calling(&reply(0, ""))), Ok(Reply::Ok));
    assert_eq!(answer(&calling(&reply(1, ""))), Ok(Reply::Null));
    assert_eq!(
        answer(&calling(&reply(2, "(i64.store (i32.const 1040) (i64.const -1))"))),
        Ok(Reply::Integer(-1))
    );
    assert_eq!(
        answer(&calling(&reply(3, "(f64.store (i32.const 1040) (f64.const 1.5))"))),
        Ok(Reply::Double(1.5))
    );
    assert_eq!(
        answer(&calling(&reply(4, "(i32.store8 (i32.const 1040) (i32.const 1))"))),
        Ok(Reply::Boolean(true))
    );
    assert_eq!(bytes(5), Ok(Reply::Simple(":1".into())));
    assert_eq!(bytes(6), Ok(Reply::Bulk(b":1".to_vec())));
    let Ok(Reply::Resp3(value)) = answer(&calling(&format!(
        "{}{}",
        put(500, b":1\r\n"),
        reply_bytes(7, "(i32.const 500)", "(i32.const 4)")
    ))) else {
        panic!("it is valid");
    };
    assert_eq!(value.as_bytes(), b":1\r\n");
}

#[test]
fn configs_are_set_and_may_be_refused() {
    // Accepts a value above 10 and traps on 7; otherwise refuses with the name of the parameter.
    let guest = Guest {
        configs: vec![("size", 20, 0, 100)],
        set: "(if (i64.eq (local.get $value) (i64.const 7)) (then unreachable))
              (if (i64.le_s (local.get $value) (i64.const 10)) (then
                (i32.store8 (i32.const 2048) (i32.const 1))
                (i32.store (i32.const 2052) (local.get $name)) (i32.store (i32.const 2056) (local.get $name_len))))"
            .into(),
        ..Guest::default()
    };
    let (mut instance, manifest) =
        try_start(&guest, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(manifest.configs[0].name, "size");
    let default = manifest.configs[0].kind.default_value();
    let mut host = host();
    assert_eq!(instance.set_config(&mut host, "size", &default), Ok(Ok(())));
    let mut set =
        |value| instance.set_config(&mut host, "size", &sandkey_runtime::ConfigValue::Integer(value));
    assert_eq!(set(10), Ok(Err("size".into())));
    assert!(set(7).is_err());
    assert!(set(20).is_err(), "it is dead");
    let mut without = start(&Guest::default());
    let refused = without.set_config(&mut host, "x", &sandkey_runtime::ConfigValue::Boolean(true));
    assert_eq!(refused, Ok(Err("the module takes no configuration parameters".into())));
}

#[test]
fn a_list_that_is_larger_than_the_guest_is_not_even_collected() {
    let guest = Guest {
        fields: r#"(import "sandkey:module/hashes@0.1.0" "get-all" (func $all (param i32 i32)))"#.into(),
        ..calling("(call $all (i32.const 1) (i32.const 1104))")
    };
    let mut host = host();
    let Some(Value::Hash(fields)) = host.keys.get_mut(b"h".as_slice()) else { panic!("it is a hash") };
    fields.insert(b"large".to_vec(), vec![0; 300_000]);
    let limits = Limits { memory_bytes: 4 << 16, ..Limits::default() };
    let (mut instance, _) = try_start(&guest, &limits).unwrap_or_else(|error| panic!("{error}"));
    let trap = run(&mut instance, &mut host, &[b"test.run"]).result.expect_err("it does not fit");
    assert_eq!(trap.to_string(), "the answer is larger than the module's memory");
}
