//! Requests and what becomes of them. What is said here of redis-server 7.0 is what [`against_redis`](super::against_redis)
//! hears from one.

use super::super::argv::OwnedArgv;
use super::super::resp::{Batch, Parsed, Parser, ProtocolError, RequestLimits, Stop, WholeArguments};
use super::differential::{encode, transcript};
use crate::limits::{
    BATCH_COMMANDS_MAX, LINE_LEN_MAX, UNAUTHENTICATED_BULK_LEN_MAX, UNAUTHENTICATED_MULTIBULK_LEN_MAX,
};
use ProtocolError::*;

type Commands = &'static [&'static [&'static [u8]]];

/// An input, the commands in it, and the end.
pub(super) type Case = (Vec<u8>, Commands, Stop);

const MORE: Stop = Stop::NeedMore(1);

fn error(error: ProtocolError) -> Stop {
    Stop::Error(error)
}

/// Multibulk requests.
pub(super) fn multibulks() -> Vec<Case> {
    let table: &[(&[u8], Commands, Stop)] = &[
        (b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]], MORE),
        (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", &[&[b"ECHO", b""]], MORE),
        (b"*2\r\n$4\r\nECHO\r\n$12\r\nHello\r\nWorld\r\n", &[&[b"ECHO", b"Hello\r\nWorld"]], MORE),
        (b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n", &[&[b"PING"], &[b"ECHO", b"x"]], MORE),
        // No commands.
        (b"*0\r\n*1\r\n$4\r\nPING\r\n", &[&[b"PING"]], MORE),
        (b"*-1\r\n*1\r\n$4\r\nPING\r\n", &[&[b"PING"]], MORE),
        (b"*-10\r\n*-9223372036854775808\r\n*1\r\n$4\r\nPING\r\n", &[&[b"PING"]], MORE),
        // What is not looked at.
        (b"*1\rX$4\rYPINGZZ", &[&[b"PING"]], MORE),
        // What has not arrived.
        (b"*", &[], MORE),
        (b"*1", &[], MORE),
        (b"*1\r", &[], MORE),
        (b"*1\r\n", &[], MORE),
        (b"*1\r\n$4\r", &[], MORE),
        (b"*1\r\n$4\r\n", &[], Stop::NeedMore(6)),
        (b"*1\r\n$4\r\nPIN", &[], Stop::NeedMore(3)),
        (b"*1\r\n$4\r\nPING\r", &[], MORE),
        (b"*2\r\n$4\r\nECHO\r\n$500\r\nx", &[], Stop::NeedMore(501)),
        (b"*2147483647\r\n", &[], MORE),
        (b"*1\r\n$536870912\r\n", &[], Stop::NeedMore(536_870_914)),
        (b"*1\r\nfoo", &[], MORE),
        (b"*1\x00\r\n$4\r\nPING\r\n", &[], MORE),
        (b"*1\r\n$4\x00\r\nPING\r\n", &[], MORE),
        // Counts of arguments.
        (b"*3000000000\r\n", &[], error(InvalidMultibulkLength)),
        (b"*2147483648\r\n", &[], error(InvalidMultibulkLength)),
        (b"*9223372036854775808\r\n", &[], error(InvalidMultibulkLength)),
        (b"*\r\n", &[], error(InvalidMultibulkLength)),
        (b"*-\r\n", &[], error(InvalidMultibulkLength)),
        (b"*-0\r\n", &[], error(InvalidMultibulkLength)),
        (b"*00\r\n", &[], error(InvalidMultibulkLength)),
        (b"*03\r\n", &[], error(InvalidMultibulkLength)),
        (b"*+3\r\n", &[], error(InvalidMultibulkLength)),
        (b"* 3\r\n", &[], error(InvalidMultibulkLength)),
        (b"*3 \r\n", &[], error(InvalidMultibulkLength)),
        (b"*3\n\r\n", &[], error(InvalidMultibulkLength)),
        (b"*abc\r\n", &[], error(InvalidMultibulkLength)),
        (b"*1\xff\r\n", &[], error(InvalidMultibulkLength)),
        (b"*1\r\n$4\r\nPING\r\n*x\r\n", &[&[b"PING"]], error(InvalidMultibulkLength)),
        // Lengths of arguments.
        (b"*1\r\n$-1\r\n", &[], error(InvalidBulkLength)),
        (b"*1\r\n$\r\n", &[], error(InvalidBulkLength)),
        (b"*1\r\n$a\r\n", &[], error(InvalidBulkLength)),
        (b"*1\r\n$04\r\nPING\r\n", &[], error(InvalidBulkLength)),
        (b"*1\r\n$-0\r\n", &[], error(InvalidBulkLength)),
        (b"*1\r\n$536870913\r\n", &[], error(InvalidBulkLength)),
        (b"*1\r\n$9223372036854775807\r\n", &[], error(InvalidBulkLength)),
        (b"*1\r\n$99999999999999999999\r\n", &[], error(InvalidBulkLength)),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n", &[], error(InvalidBulkLength)),
        // What is no argument.
        (b"*1\r\nfoo\r\n", &[], error(ExpectedDollar(b'f'))),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", &[], error(ExpectedDollar(b'f'))),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n", &[], error(ExpectedDollar(b'*'))),
        (b"*1\r\n\r\n\r\n", &[], error(ExpectedDollar(b'\r'))),
        (b"*1\r\n\n\r\n", &[], error(ExpectedDollar(b'\n'))),
        (b"*1\r\n\xff\r\n", &[], error(ExpectedDollar(0xff))),
        (b"*1\r\n:4\r\n", &[], error(ExpectedDollar(b':'))),
    ];
    table.iter().map(|(input, commands, stop)| (input.to_vec(), *commands, *stop)).collect()
}

/// Inline requests, and the words that give a browser away.
pub(super) fn inlines() -> Vec<Case> {
    let table: &[(&[u8], Commands, Stop)] = &[
        (b"PING\r\n", &[&[b"PING"]], MORE),
        (b"PING\n", &[&[b"PING"]], MORE),
        (b"\r\n\n  \r\n\t\nPING\n", &[&[b"PING"]], MORE),
        (b"  ECHO\t x \r\n", &[&[b"ECHO", b"x"]], MORE),
        (b"PING\r\n*1\r\n$4\r\nPING\r\nECHO y\n", &[&[b"PING"], &[b"PING"], &[b"ECHO", b"y"]], MORE),
        (b"PING\r\r\n", &[&[b"PING"]], MORE),
        (b"ECHO a\rb\r\n", &[&[b"ECHO", b"a", b"b"]], MORE),
        (b"PING", &[], MORE),
        (b"PING\r", &[], MORE),
        (b"$4\r\n", &[&[b"$4"]], MORE),
        // Quotes.
        (b"ECHO \"\"\n", &[&[b"ECHO", b""]], MORE),
        (b"'' a\n", &[&[b"", b"a"]], MORE),
        (b"ECHO \"a b\"\n", &[&[b"ECHO", b"a b"]], MORE),
        (b"ECHO 'a b'\n", &[&[b"ECHO", b"a b"]], MORE),
        (b"ECHO foo\"bar baz\" \n", &[&[b"ECHO", b"foobar baz"]], MORE),
        (b"ECHO foo'bar baz'\n", &[&[b"ECHO", b"foobar baz"]], MORE),
        (b"ECHO \"\\x41\\n\\r\\t\\b\\a\\q\\\\\\\"\"\n", &[&[b"ECHO", b"A\n\r\t\x08\x07q\\\""]], MORE),
        (b"ECHO \"\\xfF\\x00\\x0a\"\n", &[&[b"ECHO", b"\xff\0\n"]], MORE),
        (b"ECHO \"\\x4\"\n", &[&[b"ECHO", b"x4"]], MORE),
        (b"ECHO \"\\x4g\"\n", &[&[b"ECHO", b"x4g"]], MORE),
        (b"ECHO \"it's\"\n", &[&[b"ECHO", b"it's"]], MORE),
        (b"ECHO 'a\\'b\\n\"'\n", &[&[b"ECHO", b"a'b\\n\""]], MORE),
        (b"ECHO a\\n\n", &[&[b"ECHO", b"a\\n"]], MORE),
        (b"ECHO \"a\nECHO 'b'\n", &[], error(UnbalancedQuotes)),
        (b"ECHO \"a\"b\n", &[], error(UnbalancedQuotes)),
        (b"ECHO 'a'b\n", &[], error(UnbalancedQuotes)),
        (b"ECHO 'a\"\n", &[], error(UnbalancedQuotes)),
        (b"ECHO \"a\\\"\n", &[], error(UnbalancedQuotes)),
        (b"ECHO \"\\\r\n", &[], error(UnbalancedQuotes)),
        (b"PING\nset \"\"\"test-key\"\"\" test-value\r\n", &[&[b"PING"]], error(UnbalancedQuotes)),
        // C's other two spaces: between arguments they are spaces, in one they are not.
        (b"\x0b\x0cECHO a\n", &[&[b"ECHO", b"a"]], MORE),
        (b"ECHO a\x0bb\n", &[&[b"ECHO", b"a\x0bb"]], MORE),
        (b"ECHO \"a\"\x0b\n", &[&[b"ECHO", b"a"]], MORE),
        // A NUL, and nothing behind it counts.
        (b"\0PING\r\nPING\r\n", &[], MORE),
        (b"PI\0NG\r\n", &[], MORE),
        (b"PING\r\nPI\0NG\r\n", &[&[b"PING"]], MORE),
        // Browsers.
        (b"POST / HTTP/1.1\r\n", &[], Stop::CrossProtocol),
        (b"host: localhost\r\nPING\r\n", &[], Stop::CrossProtocol),
        (b"*1\r\n$4\r\npoSt\r\n", &[], Stop::CrossProtocol),
        (b"*2\r\n$5\r\nhost:\r\n$1\r\nx\r\n", &[], Stop::CrossProtocol),
        (b"posts\r\nhosts\r\n", &[&[b"posts"], &[b"hosts"]], MORE),
    ];
    table.iter().map(|(input, commands, stop)| (input.to_vec(), *commands, *stop)).collect()
}

/// Lines of the longest length, and of one byte more.
pub(super) fn long_lines() -> Vec<Case> {
    let line = |start: &[u8], len: usize| [start, &b"1".repeat(len)].concat();
    vec![
        (line(b"*", LINE_LEN_MAX - 1), &[], MORE),
        (line(b"*", LINE_LEN_MAX), &[], error(TooBigMbulkCountString)),
        (line(b"*1\r\n$", LINE_LEN_MAX - 1), &[], MORE),
        (line(b"*1\r\n$", LINE_LEN_MAX), &[], error(TooBigBulkCountString)),
        (line(b"*1\r\nx", LINE_LEN_MAX), &[], error(TooBigBulkCountString)),
        (line(b"x", LINE_LEN_MAX - 1), &[], MORE),
        (line(b"x", LINE_LEN_MAX), &[], error(TooBigInlineRequest)),
        (line(b"\0\n", LINE_LEN_MAX), &[], error(TooBigInlineRequest)),
        (line(b"*\0\r\n", LINE_LEN_MAX), &[], error(TooBigMbulkCountString)),
    ]
}

fn expected(commands: &[&[&[u8]]]) -> Vec<OwnedArgv> {
    commands.iter().map(|args| args.iter().collect()).collect()
}

#[test]
fn every_case_whole_and_in_pieces() {
    for (input, commands, stop) in multibulks().into_iter().chain(inlines()) {
        for pieces in [&[][..], &[1], &[2], &[3, 1], &[7]] {
            let got = transcript(&input, pieces, RequestLimits::default());
            assert_eq!(got.commands, expected(commands), "{} in {pieces:?}", input.escape_ascii());
            assert_eq!(got.stop, Some(stop), "{} in {pieces:?}", input.escape_ascii());
        }
    }
}

#[test]
fn lines_have_a_limit() {
    for (input, _, stop) in long_lines() {
        for pieces in [&[][..], &[1000], &[LINE_LEN_MAX, 1]] {
            let got = transcript(&input, pieces, RequestLimits::default());
            assert_eq!((got.commands.len(), got.stop), (0, Some(stop)), "in {pieces:?}");
        }
    }
    // The longest inline request that there can be.
    let longest = [b"ECHO ", "x".repeat(LINE_LEN_MAX - 5).as_bytes(), b"\n"].concat();
    assert_eq!(transcript(&longest, &[], RequestLimits::default()).commands.len(), 1);
}

#[test]
fn errors_are_worded_as_in_redis() {
    let table: &[(ProtocolError, &[u8])] = &[
        (InvalidMultibulkLength, b"-ERR Protocol error: invalid multibulk length\r\n"),
        (TooBigMbulkCountString, b"-ERR Protocol error: too big mbulk count string\r\n"),
        (TooBigBulkCountString, b"-ERR Protocol error: too big bulk count string\r\n"),
        (ExpectedDollar(b'f'), b"-ERR Protocol error: expected '$', got 'f'\r\n"),
        (ExpectedDollar(b'\r'), b"-ERR Protocol error: expected '$', got ' '\r\n"),
        (ExpectedDollar(b'\n'), b"-ERR Protocol error: expected '$', got ' '\r\n"),
        (ExpectedDollar(0xff), b"-ERR Protocol error: expected '$', got '\xff'\r\n"),
        (InvalidBulkLength, b"-ERR Protocol error: invalid bulk length\r\n"),
        (UnauthenticatedMultibulkLength, b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
        (UnauthenticatedBulkLength, b"-ERR Protocol error: unauthenticated bulk length\r\n"),
        (TooBigInlineRequest, b"-ERR Protocol error: too big inline request\r\n"),
        (UnbalancedQuotes, b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    ];
    for (error, reply) in table {
        assert_eq!(error.reply().escape_ascii().to_string(), reply.escape_ascii().to_string());
    }
    assert_eq!(ExpectedDollar(0xff).to_string(), r"expected '$', got '\xff'");
    assert_eq!(InvalidBulkLength.to_string(), "invalid bulk length");
}

#[test]
fn strangers_may_send_little_and_one_command_at_a_time() {
    let limits = RequestLimits { unauthenticated: true, ..RequestLimits::default() };
    let command = |args: u32, len: u64| {
        let arg = b"x".repeat(usize::try_from(len).expect("small"));
        encode(vec![arg; args as usize].into_iter().collect::<OwnedArgv>().as_argv())
    };
    let (args, len) = (UNAUTHENTICATED_MULTIBULK_LEN_MAX, UNAUTHENTICATED_BULK_LEN_MAX);
    assert_eq!(transcript(&command(args, len), &[], limits).commands.len(), 1);
    let stop = |input: &[u8]| transcript(input, &[], limits).stop;
    assert_eq!(stop(&command(args + 1, 1)), Some(error(UnauthenticatedMultibulkLength)));
    assert_eq!(stop(&command(1, len + 1)), Some(error(UnauthenticatedBulkLength)));
    // What nobody may send is still called by its name.
    assert_eq!(stop(b"*3000000000\r\n"), Some(error(InvalidMultibulkLength)));
    assert_eq!(stop(b"*1\r\n$536870913\r\n"), Some(error(InvalidBulkLength)));
    // Inline requests have the limit of their line only.
    assert_eq!(transcript(&b"a b c d e f g h i j k l\n".repeat(2), &[], limits).commands.len(), 2);

    let mut batch = Batch::new();
    let parsed = Parser::new().parse(b"AUTH x\nPING\n", &mut batch, &limits);
    assert_eq!((parsed, batch.len()), (Parsed { consumed: 7, stop: Stop::BatchFull }, 1));
}

#[test]
fn the_longest_argument_is_configured() {
    let limits = RequestLimits { bulk_len_max: 5, ..RequestLimits::default() };
    assert_eq!(transcript(b"*1\r\n$5\r\nabcde\r\n", &[], limits).commands.len(), 1);
    assert_eq!(transcript(b"*1\r\n$6\r\nabcdef\r\n", &[], limits).stop, Some(error(InvalidBulkLength)));
    let limits = RequestLimits { bulk_len_max: u64::MAX, ..RequestLimits::default() };
    assert_eq!(transcript(b"*1\r\n$4294967296\r\n", &[], limits).stop, Some(error(RequestTooBig)));
    assert_eq!(transcript(b"*1\r\n$9223372036854775807\r\n", &[], limits).stop, Some(error(RequestTooBig)));
}

#[test]
fn a_batch_has_a_limit() {
    let input = b"*1\r\n$4\r\nPING\r\n".repeat(BATCH_COMMANDS_MAX + 1);
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let parsed = parser.parse(&input, &mut batch, &RequestLimits::default());
    let consumed = BATCH_COMMANDS_MAX * 14;
    assert_eq!((parsed, batch.len()), (Parsed { consumed, stop: Stop::BatchFull }, BATCH_COMMANDS_MAX));
    let parsed = parser.parse(&input[consumed..], &mut batch, &RequestLimits::default());
    assert_eq!((parsed, batch.len()), (Parsed { consumed: 14, stop: MORE }, 1));
    assert_eq!(batch.argv(&input[consumed..], 0).name(), b"PING");
}

#[test]
fn a_command_is_read_once_however_small_the_pieces() {
    // A million arguments, a few at a time: quadratic work would not end.
    let args: OwnedArgv = std::iter::repeat_n(b"value", 1_000_000).collect();
    let input = encode(args.as_argv());
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let mut end = 0;
    while end < input.len() {
        end = (end + 1000).min(input.len());
        let parsed = parser.parse(&input[..end], &mut batch, &RequestLimits::default());
        assert_eq!(parser.is_inside_command(), end < input.len());
        assert_eq!(parsed.consumed, if end < input.len() { 0 } else { end });
    }
    assert_eq!(batch.argv(&input, 0).to_owned(), args);
}

#[test]
fn what_is_there_of_a_command_is_known() {
    let text = b"*4\r\n$3\r\nSET\r\n$2\r\nkk\r\n$10\r\n01234";
    let known = |len: usize| {
        let mut parser = Parser::new();
        parser.parse(&text[..len], &mut Batch::new(), &RequestLimits::default());
        let WholeArguments { bytes, end } = parser.arguments(&text[..len]);
        (bytes, end)
    };
    // Nothing of a header that is not whole, and not the header behind it.
    assert_eq!([0, 3, 4, 7].map(known), [(0, 0), (0, 0), (0, 4), (0, 4)]);
    assert_eq!([8, 10, 13].map(known), [(0, 8), (0, 8), (3, 13)]);
    assert_eq!([17, 21, text.len()].map(known), [(3, 17), (5, 21), (5, 26)]);
    assert_eq!(Parser::new().arguments(b""), WholeArguments::default());
}
