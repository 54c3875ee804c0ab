//! The same inputs, sent to a real redis-server, for whoever changes the parser:
//!
//! ```text
//! redis-server --port 7777 --save "" &
//! REDIS_ADDR=127.0.0.1:7777 cargo test -p sandkey-server --lib against_redis -- --ignored
//! ```
//!
//! What it replies is compared byte by byte with what our parser's findings would make us reply.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::argv::OwnedArgv;
use super::super::resp::{RequestLimits, Stop};
use super::differential::transcript;
use super::resp::{inlines, long_lines, multibulks};

/// What redis-server replies up to the end of the connection, which it makes if there is an error and we if there is none.
fn ask(addr: &str, input: &[u8]) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(addr).expect("REDIS_ADDR names a redis-server");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("not zero");
    let mut reply = Vec::new();
    // A connection that is closed because of an error may be reset while we are still sending.
    let sent = stream.write_all(input).and_then(|()| stream.shutdown(Shutdown::Write));
    let read = stream.read_to_end(&mut reply);
    (reply, sent.is_ok() && read.is_ok())
}

/// What it should reply; nothing is known about what it does with other commands than these.
fn expected(input: &[u8]) -> Option<Vec<u8>> {
    let transcript = transcript(input, &[], RequestLimits::default());
    let mut replies = Vec::new();
    for argv in &transcript.commands {
        replies.extend(reply_to(argv)?);
    }
    match transcript.stop {
        Some(Stop::Error(error)) => replies.extend(error.reply()),
        // It is closed before anything is written.
        Some(Stop::CrossProtocol) => replies.clear(),
        _ => {}
    }
    Some(replies)
}

fn reply_to(argv: &OwnedArgv) -> Option<Vec<u8>> {
    let argv = argv.as_argv();
    let wrong_arity = b"-ERR wrong number of arguments for 'echo' command\r\n";
    match (argv.name(), argv.len()) {
        (b"PING", 1) => Some(b"+PONG\r\n".to_vec()),
        (b"ECHO", 2) => Some([format!("${}\r\n", argv[1].len()).as_bytes(), &argv[1], b"\r\n"].concat()),
        (b"ECHO", _) => Some(wrong_arity.to_vec()),
        (b"", 1) => Some(b"-ERR unknown command '', with args beginning with: \r\n".to_vec()),
        _ => None,
    }
}

/// Ask both; whether there was something to compare.
fn compare(addr: &str, input: &[u8]) -> bool {
    let Some(expected) = expected(input) else {
        return false;
    };
    let (reply, intact) = ask(addr, input);
    // When the connection was reset, the last replies may have been lost with it.
    let same = if intact { reply == expected } else { expected.starts_with(&reply) };
    assert!(same, "{}: {} and not {}", input.escape_ascii(), reply.escape_ascii(), expected.escape_ascii());
    true
}

fn addr() -> String {
    std::env::var("REDIS_ADDR").expect("REDIS_ADDR=host:port of a redis-server 7.0")
}

#[test]
#[ignore = "needs a redis-server at REDIS_ADDR"]
fn the_tables_are_true() {
    let addr = addr();
    let cases = multibulks().into_iter().chain(inlines()).chain(long_lines());
    let compared = cases.filter(|(input, ..)| compare(&addr, input)).count();
    assert!(compared > 80, "only {compared}");
}

#[test]
#[ignore = "needs a redis-server at REDIS_ADDR"]
fn random_inline_requests() {
    let addr = addr();
    let word = proptest::sample::select(vec![
        "a", "\"", "'", "\\", "\\x4", "1", "g", "\\n", " ", "\t", "\r", "\u{b}", "\u{c}", "\\\"", "\\'",
        "\u{e9}", "*", "$",
    ]);
    let line = proptest::collection::vec(word, 0..10).prop_map(|words| format!("ECHO {}\n", words.concat()));
    let input = proptest::collection::vec(line, 1..4).prop_map(|lines| lines.concat());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 5000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&input, |input| {
        compare(&addr, input.as_bytes());
        Ok(())
    });
    result.expect("they agree");
}

#[test]
#[ignore = "needs a redis-server at REDIS_ADDR"]
fn random_multibulks() {
    let addr = addr();
    let word = proptest::sample::select(vec![
        "*1\r\n$4\r\nPING\r\n",
        "*2\r\n$4\r\nECHO\r\n",
        "$1\r\na\r\n",
        "$0\r\n\r\n",
        "*",
        "$",
        "0",
        "1",
        "-1",
        "\r\n",
        "\r",
        "\n",
        "PING",
        "*0\r\n",
        "$04\r\n",
        "\0",
        "x",
        "*2147483648\r\n",
        "$536870913\r\n",
        "$4\r\n",
        "\"",
    ]);
    let input = proptest::collection::vec(word, 1..8).prop_map(|words| words.concat());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 5000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&input, |input| {
        compare(&addr, input.as_bytes());
        Ok(())
    });
    result.expect("they agree");
}
