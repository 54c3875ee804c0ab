//! What the reply writer writes, in both protocols.

use super::super::downgrade::{Malformed, resp3_to_resp2};
use super::super::reply::{Aggregate, Protocol, ReplyWriter};
use crate::limits::REPLY_DEPTH_MAX;

fn written(protocol: Protocol, write: impl Fn(&mut ReplyWriter)) -> String {
    let mut writer = ReplyWriter::new(Vec::new(), protocol);
    write(&mut writer);
    String::from_utf8(writer.into_inner()).expect("these tests write ASCII")
}

fn check(write: impl Fn(&mut ReplyWriter), resp2: &str, resp3: &str) {
    assert_eq!(written(Protocol::Resp2, &write), resp2);
    assert_eq!(written(Protocol::Resp3, &write), resp3);
}

#[test]
fn scalars() {
    check(ReplyWriter::ok, "+OK\r\n", "+OK\r\n");
    check(|w| w.simple("a b"), "+a b\r\n", "+a b\r\n");
    check(|w| w.error("ERR no"), "-ERR no\r\n", "-ERR no\r\n");
    check(|w| w.error_fmt(format_args!("ERR {}", 7)), "-ERR 7\r\n", "-ERR 7\r\n");
    check(|w| w.bulk(""), "$0\r\n\r\n", "$0\r\n\r\n");
    check(|w| w.bulk("x".repeat(10)), "$10\r\nxxxxxxxxxx\r\n", "$10\r\nxxxxxxxxxx\r\n");
    check(|w| w.bulk_integer(-12), "$3\r\n-12\r\n", "$3\r\n-12\r\n");
    check(|w| w.bulk_or_null(Some(b"a")), "$1\r\na\r\n", "$1\r\na\r\n");
    check(|w| w.bulk_or_null(None), "$-1\r\n", "_\r\n");
    check(ReplyWriter::null, "$-1\r\n", "_\r\n");
    check(ReplyWriter::null_array, "*-1\r\n", "_\r\n");
    check(|w| w.boolean(true), ":1\r\n", "#t\r\n");
    check(|w| w.boolean(false), ":0\r\n", "#f\r\n");
    check(|w| w.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    check(|w| w.double(3.0), "$1\r\n3\r\n", ",3\r\n");
    check(|w| w.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(|w| w.double(f64::NAN), "$3\r\nnan\r\n", ",nan\r\n");
    check(|w| w.big_number("-123"), "$4\r\n-123\r\n", "(-123\r\n");
    check(|w| w.verbatim("a\r\nb"), "$4\r\na\r\nb\r\n", "=8\r\ntxt:a\r\nb\r\n");
    check(|w| w.raw(b":5\r\n"), ":5\r\n", ":5\r\n");
}

#[test]
fn integers_of_every_length() {
    for value in [0, 1, 9, 10, 99, 100, -1, -10, i64::MAX, i64::MIN] {
        let line = format!(":{value}\r\n");
        check(|w| w.integer(value), &line, &line);
    }
}

#[test]
fn aggregates() {
    check(|w| w.array_header(0), "*0\r\n", "*0\r\n");
    check(|w| w.array_header(12), "*12\r\n", "*12\r\n");
    check(|w| w.map_header(6), "*12\r\n", "%6\r\n");
    check(|w| w.set_header(2), "*2\r\n", "~2\r\n");
    check(|w| w.push_header(3), "*3\r\n", ">3\r\n");
}

#[test]
fn lines_cannot_be_broken() {
    check(|w| w.simple("a\r\nb\n"), "+a  b \r\n", "+a  b \r\n");
    check(|w| w.error("ERR \r\n+OK"), "-ERR   +OK\r\n", "-ERR   +OK\r\n");
    check(|w| w.error_fmt(format_args!("ERR {}", "\n")), "-ERR  \r\n", "-ERR  \r\n");
}

#[test]
fn lengths_may_come_later() {
    check(
        |w| {
            w.integer(1);
            let outer = w.deferred_array();
            let inner = w.deferred(Aggregate::Map);
            w.bulk("key");
            w.bulk("value");
            w.set_deferred(inner, 1);
            w.integer(2);
            w.set_deferred(outer, 2);
            w.integer(3);
            let long = w.deferred_array();
            (0..12).for_each(|_| w.integer(0));
            w.set_deferred(long, 12);
            let empty = w.deferred(Aggregate::Set);
            w.set_deferred(empty, 0);
        },
        &format!(
            ":1\r\n*2\r\n*2\r\n$3\r\nkey\r\n$5\r\nvalue\r\n:2\r\n:3\r\n*12\r\n{}*0\r\n",
            ":0\r\n".repeat(12)
        ),
        &format!(
            ":1\r\n*2\r\n%1\r\n$3\r\nkey\r\n$5\r\nvalue\r\n:2\r\n:3\r\n*12\r\n{}~0\r\n",
            ":0\r\n".repeat(12)
        ),
    );
}

#[test]
fn a_reply_can_be_taken_back() {
    check(
        |w| {
            w.ok();
            let mark = w.len();
            w.array_header(2);
            w.bulk("half");
            w.truncate(mark);
            w.error("ERR no");
        },
        "+OK\r\n-ERR no\r\n",
        "+OK\r\n-ERR no\r\n",
    );
}

#[test]
fn protocols_have_numbers() {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        assert_eq!(Protocol::from_version(protocol.version()), Some(protocol));
    }
    assert_eq!((Protocol::from_version(1), Protocol::from_version(4)), (None, None));
    assert_eq!(Protocol::default(), Protocol::Resp2);
}

fn rewritten(value: &str) -> Result<String, Malformed> {
    let mut out = Vec::new();
    let result = resp3_to_resp2(value.as_bytes(), &mut out);
    let out = String::from_utf8(out).expect("these tests write ASCII");
    assert!(result.is_ok() || out.is_empty());
    result.map(|()| out)
}

#[test]
fn values_for_resp2() {
    let table = [
        ("+OK\r\n", "+OK\r\n"),
        ("-ERR x\r\n", "-ERR x\r\n"),
        (":-5\r\n", ":-5\r\n"),
        ("$2\r\n\r\n\r\n", "$2\r\n\r\n\r\n"),
        ("_\r\n", "$-1\r\n"),
        ("#t\r\n", ":1\r\n"),
        ("#f\r\n", ":0\r\n"),
        (",1.5e+20\r\n", "$7\r\n1.5e+20\r\n"),
        ("(123\r\n", "$3\r\n123\r\n"),
        ("=7\r\nmkd:a\nb\r\n", "$3\r\na\nb\r\n"),
        ("!7\r\nERR a\r\n\r\n", "-ERR a  \r\n"),
        ("*0\r\n", "*0\r\n"),
        ("%2\r\n+a\r\n:1\r\n+b\r\n_\r\n", "*4\r\n+a\r\n:1\r\n+b\r\n$-1\r\n"),
        ("~1\r\n*2\r\n%0\r\n#t\r\n", "*1\r\n*2\r\n*0\r\n:1\r\n"),
    ];
    for (resp3, resp2) in table {
        assert_eq!(rewritten(resp3).as_deref(), Ok(resp2), "{}", resp3.escape_default());
    }
}

#[test]
fn what_is_not_one_value_is_refused() {
    let table = [
        "",
        "\r\n",
        "+",
        "+OK",
        "+OK\r",
        "+OK\n",
        "+O\nK\r\n",
        "+O\rK\r\n",
        "+OK\r\n+OK\r\n",
        "OK\r\n",
        ":\r\n",
        ":x\r\n",
        ":9223372036854775808\r\n",
        "_x\r\n",
        "#x\r\n",
        "#\r\n",
        "$-1\r\n",
        "$\r\n",
        "$+1\r\na\r\n",
        "$1\r\nab\r\n",
        "$3\r\nab\r\n",
        "$18446744073709551615\r\n",
        "$18446744073709551616\r\n",
        "=3\r\nabc\r\n",
        "=4\r\ntxt;\r\n",
        "*-1\r\n",
        "*1\r\n",
        "*2\r\n:1\r\n",
        "%1\r\n:1\r\n",
        "%9223372036854775808\r\n",
        "*18446744073709551615\r\n",
        "*?\r\n",
        "$?\r\n",
        ">1\r\n:1\r\n",
        "|1\r\n:1\r\n:2\r\n:3\r\n",
        "!3\r\nab\r\n",
        "H\r\n",
        "*1\r\n*1\r\n",
        "*0\r\n:1\r\n",
    ];
    for value in table {
        assert_eq!(rewritten(value), Err(Malformed), "{}", value.escape_default());
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| "*1\r\n".repeat(depth) + ":1\r\n";
    assert_eq!(rewritten(&nested(REPLY_DEPTH_MAX)), Ok(nested(REPLY_DEPTH_MAX)));
    assert_eq!(rewritten(&nested(REPLY_DEPTH_MAX + 1)), Err(Malformed));
    assert_eq!(rewritten(&nested(1_000_000)), Err(Malformed));
    // One behind the other they do not nest.
    let flat = format!("*1000\r\n{}", "*1\r\n:1\r\n".repeat(1000));
    assert_eq!(rewritten(&flat), Ok(flat));
}

#[test]
fn a_refused_value_leaves_what_was_there() {
    let mut writer = ReplyWriter::default();
    writer.ok();
    assert_eq!(writer.resp3_to_client(b"*2\r\n:1\r\n"), Err(Malformed));
    assert_eq!(writer.as_bytes(), b"+OK\r\n");
    assert_eq!(writer.resp3_to_client(b"#t\r\n"), Ok(()));
    writer.set_protocol(Protocol::Resp3);
    assert_eq!(writer.resp3_to_client(b"#t\r\n"), Ok(()));
    assert_eq!(writer.as_bytes(), b"+OK\r\n:1\r\n#t\r\n");
}
