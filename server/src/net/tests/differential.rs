//! What must hold for any bytes at all, checked by proptest in every test run and by the fuzz targets for as long as somebody
//! lets them. The oracle is the redis-protocol crate; `fuzz/README.md` lists where it and Redis differ, and for each
//! difference there is a condition here that lets through nothing else.

#![allow(unreachable_pub, reason = "the fuzz targets use these from outside")]

use redis_protocol::{resp2, resp3};

use super::super::argv::{Argv, OwnedArgv};
use super::super::downgrade::resp3_to_resp2;
use super::super::reply::{Aggregate, Protocol, ReplyWriter};
use super::super::resp::{Batch, Parser, RequestLimits, Stop};
use crate::limits::{BATCH_COMMANDS_MAX, REPLY_DEPTH_MAX};

/// What a connection would see of an input.
#[derive(Debug, Default, PartialEq)]
pub struct Transcript {
    /// The commands.
    pub commands: Vec<OwnedArgv>,
    /// Why nothing more came.
    pub stop: Option<Stop>,
}

/// A connection to which bytes arrive in pieces.
pub struct Connection {
    parser: Parser,
    batch: Batch,
    limits: RequestLimits,
    buf: Vec<u8>,
    transcript: Transcript,
}

impl Connection {
    /// A new connection.
    pub fn new(limits: RequestLimits) -> Self {
        Self {
            parser: Parser::new(),
            batch: Batch::new(),
            limits,
            buf: Vec::new(),
            transcript: Transcript::default(),
        }
    }

    /// Some bytes arrive.
    pub fn feed(&mut self, piece: &[u8]) {
        if matches!(self.transcript.stop, Some(Stop::Error(_) | Stop::CrossProtocol)) {
            return;
        }
        let wanted = match self.transcript.stop {
            Some(Stop::NeedMore(bytes)) if !piece.is_empty() => Some(bytes),
            _ => None,
        };
        let commands_before = self.transcript.commands.len();
        self.buf.extend_from_slice(piece);
        loop {
            let parsed = self.parser.parse(&self.buf, &mut self.batch, &self.limits);
            assert!(self.batch.len() <= BATCH_COMMANDS_MAX && parsed.consumed <= self.buf.len());
            assert!(!self.limits.unauthenticated || self.batch.len() <= 1, "AUTH may be among them");
            for index in 0..self.batch.len() {
                let argv = self.batch.argv(&self.buf, index);
                assert!(!argv.is_empty(), "a command without a name");
                self.transcript.commands.push(argv.to_owned());
            }
            self.buf.drain(..parsed.consumed);
            self.transcript.stop = Some(parsed.stop);
            if parsed.stop != Stop::BatchFull {
                break;
            }
            assert!(!self.batch.is_empty(), "no progress");
        }
        // It asked for so many bytes: with fewer it must not have got anywhere.
        if let Some(wanted) = wanted.filter(|wanted| piece.len() < *wanted) {
            assert_eq!(self.transcript.commands.len(), commands_before);
            assert_eq!(self.transcript.stop, Some(Stop::NeedMore(wanted - piece.len())));
        }
    }

    /// All that came of it.
    pub fn finish(mut self) -> Transcript {
        self.feed(b"");
        self.transcript
    }
}

/// Parse `input` in pieces whose lengths come from `pieces`, round and round; all at once if there are none.
pub fn transcript(input: &[u8], pieces: &[usize], limits: RequestLimits) -> Transcript {
    let mut connection = Connection::new(limits);
    let mut rest = input;
    let mut lengths = pieces.iter().copied().cycle();
    while !rest.is_empty() {
        let len = lengths.next().unwrap_or(rest.len()).clamp(1, rest.len());
        let (piece, behind) = rest.split_at(len);
        connection.feed(piece);
        rest = behind;
    }
    connection.finish()
}

/// Requests: however the input is cut, the commands are the same, and they are those that the oracle finds.
pub fn check_requests(input: &[u8], pieces: &[usize], limits: RequestLimits) {
    let whole = transcript(input, &[], limits);
    let cut = transcript(input, pieces, limits);
    assert_eq!(whole, cut, "cut into {pieces:?}");
    if !limits.unauthenticated {
        check_against_oracle(input);
    }
}

/// Walk through the input multibulk by multibulk, and ask both what stands there.
fn check_against_oracle(input: &[u8]) {
    let mut batch = Batch::new();
    let mut rest = input;
    // The oracle decodes nested arrays by recursion without a limit. Nothing nests deeper than there are `*`.
    if input.iter().filter(|byte| **byte == b'*').count() > 256 {
        return;
    }
    loop {
        let parsed = Parser::new().parse(rest, &mut batch, &RequestLimits::default());
        let ours = match batch.is_empty() {
            true => None,
            false => {
                let argv = batch.argv(rest, 0);
                // The oracle knows no inline requests, and where one ends is not to be seen from its arguments.
                let Some(end) = end_of(argv, rest) else { return };
                Some((argv, end))
            }
        };
        let oracle =
            oracle_command(rest).filter(|(argv, len)| is_encoding_of(&rest[..*len], argv.as_argv(), true));
        let Some((argv, end)) = ours else {
            if let Some((missed, _)) = oracle {
                assert_eq!(parsed.stop, Stop::CrossProtocol, "missed {missed:?}");
            }
            return;
        };
        let start = end - encode(argv).len();
        let wire = &rest[start..end];
        assert!(is_encoding_of(wire, argv, true), "{argv:?} is not {}", wire.escape_ascii());
        if is_encoding_of(wire, argv, false) {
            assert_eq!(oracle_command(&rest[start..]), Some((argv.to_owned(), end - start)));
        }
        assert!(oracle.is_none() || start == 0, "missed {oracle:?}");
        rest = &rest[end..];
    }
}

/// Where the multibulk ends whose arguments lie in `input`; nothing if they do not, as an inline request's.
fn end_of(argv: Argv<'_>, input: &[u8]) -> Option<usize> {
    let last = argv.at(argv.len() - 1);
    let start = (last.as_ptr() as usize).checked_sub(input.as_ptr() as usize)?;
    let end = start + last.len() + 2;
    (end <= input.len()).then_some(end)
}

/// The command that redis-protocol sees at the start of the input: a non-empty array of bulk strings.
fn oracle_command(input: &[u8]) -> Option<(OwnedArgv, usize)> {
    let (frame, len) = resp2::decode::decode(input).ok()??;
    let resp2::types::OwnedFrame::Array(elements) = frame else {
        return None;
    };
    let mut argv = OwnedArgv::new();
    for element in elements {
        let resp2::types::OwnedFrame::BulkString(arg) = element else {
            return None;
        };
        argv.push(arg);
    }
    (!argv.is_empty()).then_some((argv, len))
}

/// The encoding of a command that nobody disputes.
pub fn encode(argv: Argv<'_>) -> Vec<u8> {
    let mut writer = ReplyWriter::default();
    writer.array_header(argv.len());
    for arg in argv {
        writer.bulk(arg);
    }
    writer.into_inner()
}

/// Whether `wire` encodes `argv`. The two bytes behind an argument may be anything, and so, if `lenient`, may the byte
/// behind the CR of a count line.
fn is_encoding_of(wire: &[u8], argv: Argv<'_>, lenient: bool) -> bool {
    let count = |rest, sigil, count| match strip(rest, format!("{sigil}{count}\r").as_bytes())? {
        [b'\n', rest @ ..] => Some(rest),
        [_, rest @ ..] if lenient => Some(rest),
        _ => None,
    };
    let left = argv.iter().try_fold(count(wire, '*', argv.len()), |rest, arg| {
        let [_, _, rest @ ..] = strip(count(rest?, '$', arg.len())?, arg)? else {
            return None;
        };
        Some(Some(rest))
    });
    left == Some(Some(&[]))
}

fn strip<'a>(from: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    from.strip_prefix(prefix)
}

/// Replies, given any bytes: the rewriting does not panic, writes one RESP2 value or nothing, and the oracle sees in it
/// what it sees in the input.
pub fn check_reply_bytes(value: &[u8]) {
    let mut out = b"before".to_vec();
    let rewritten = resp3_to_resp2(value, &mut out);
    let out = out.strip_prefix(b"before").expect("what was there stays");
    if rewritten.is_err() {
        assert!(out.is_empty(), "a refused value leaves nothing");
        return;
    }
    let (resp2, len) = resp2::decode::decode_range(out).expect("RESP2").expect("a whole value");
    assert_eq!(len, out.len(), "one value");
    // The oracle is stricter about some lines: a double must be one, the format of a verbatim string one of two. It refuses
    // aggregates as keys, and errors as well.
    if let Ok(Some((resp3, len))) = resp3::decode::complete::decode_range(value) {
        assert_eq!(len, value.len(), "all of it");
        assert!(
            is_same(&resp3, value, &resp2, out),
            "{} became {}",
            value.escape_ascii(),
            out.escape_ascii()
        );
    }
}

/// Whether a RESP3 frame and a RESP2 frame, each with the bytes that it was read from, say the same.
fn is_same(
    resp3: &resp3::types::RangeFrame,
    value: &[u8],
    resp2: &resp2::types::RangeFrame,
    out: &[u8],
) -> bool {
    use resp2::types::RangeFrame as Two;
    use resp3::types::RangeFrame as Three;
    let bytes = |range: &(usize, usize)| &value[range.0..range.1];
    let all = |elements: &[Three], resp2: &[Two]| {
        elements.len() == resp2.len()
            && elements.iter().zip(resp2).all(|(element, two)| is_same(element, value, two, out))
    };
    match (resp3, resp2) {
        (Three::Null, Two::Null) => true,
        (Three::Boolean { data, .. }, Two::Integer(two)) => *two == i64::from(*data),
        (Three::Number { data, .. }, Two::Integer(two)) => two == data,
        (Three::Double { data, .. }, Two::BulkString(two)) => {
            let two = String::from_utf8_lossy(&out[two.0..two.1]).parse::<f64>();
            two.is_ok_and(|two| two == *data || two.is_nan() && data.is_nan())
        }
        (Three::SimpleString { data, .. }, Two::SimpleString(two))
        | (Three::SimpleError { data, .. }, Two::Error(two))
        | (
            Three::BlobString { data, .. }
            | Three::BigNumber { data, .. }
            | Three::VerbatimString { data, .. },
            Two::BulkString(two),
        ) => bytes(data) == &out[two.0..two.1],
        (Three::BlobError { data, .. }, Two::Error(two)) => {
            let blank = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
            bytes(data).iter().map(blank).eq(out[two.0..two.1].iter().copied())
        }
        (Three::Array { data, .. }, Two::Array(two)) => all(data, two),
        // The oracle forgets the order, and of elements with equal keys (null, numbers) all but one.
        (Three::Set { data, .. }, Two::Array(two)) => {
            two.iter().all(|two| data.iter().any(|element| is_same(element, value, two, out)))
        }
        (Three::Map { data, .. }, Two::Array(two)) => {
            let has = |pair: &[Two]| {
                data.iter().any(|(key, element)| {
                    is_same(key, value, &pair[0], out) && is_same(element, value, &pair[1], out)
                })
            };
            two.len() > data.len() * 2 || two.len() == data.len() * 2 && two.chunks(2).all(has)
        }
        _ => false,
    }
}

/// Replies, given a script of what to write: rewriting what was written as RESP3 gives what is written as RESP2.
pub fn check_reply_script(script: &[u8]) {
    let write = |protocol| {
        let mut writer = ReplyWriter::new(Vec::new(), protocol);
        write_value(&mut writer, &mut script.iter().copied(), REPLY_DEPTH_MAX);
        writer
    };
    let (resp2, resp3) = (write(Protocol::Resp2), write(Protocol::Resp3));
    let mut client = ReplyWriter::new(Vec::new(), Protocol::Resp2);
    client.resp3_to_client(resp3.as_bytes()).expect("the writer writes RESP3");
    assert_eq!(client.as_bytes().escape_ascii().to_string(), resp2.as_bytes().escape_ascii().to_string());
    let mut client = ReplyWriter::new(Vec::new(), Protocol::Resp3);
    client.resp3_to_client(resp3.as_bytes()).expect("nothing is to be done");
    assert_eq!(client.as_bytes(), resp3.as_bytes());
    check_reply_bytes(resp3.as_bytes());
}

/// Write one value, as the bytes of the script say; when they are used up, nulls.
fn write_value(writer: &mut ReplyWriter, script: &mut dyn Iterator<Item = u8>, depth: usize) {
    let Some(kind) = script.next() else {
        return writer.null();
    };
    let mut take = |len: u8| -> Vec<u8> { script.take(usize::from(len)).collect() };
    match kind % 16 {
        0 => writer.ok(),
        1 => writer.simple(take(kind / 16)),
        2 => writer.error(take(kind / 16)),
        3 => writer.integer(take(8).iter().fold(0, |value, byte| value << 8 | i64::from(*byte))),
        4 | 5 => writer.bulk(take(kind)),
        6 => writer.bulk_integer(i64::from(kind)),
        7 => writer.boolean(kind & 16 == 0),
        8 => {
            let bits = take(8).iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            writer.double(f64::from_bits(bits));
        }
        9 => writer.big_number(take(kind / 16).iter().map(|byte| b'0' + byte % 10).collect::<Vec<_>>()),
        10 => writer.verbatim(take(kind)),
        11 => writer.error_fmt(format_args!("ERR {}", String::from_utf8_lossy(&take(kind / 16)))),
        12 => writer.null(),
        aggregate if depth > 0 => {
            let kinds = [Aggregate::Array, Aggregate::Map, Aggregate::Set];
            let (aggregate, len) = (kinds[usize::from(aggregate - 13)], usize::from(kind / 16 / 2));
            let values = if aggregate == Aggregate::Map { len * 2 } else { len };
            // The header first or last: both must come to the same.
            let deferred = if kind & 128 == 0 { Some(writer.deferred(aggregate)) } else { None };
            if deferred.is_none() {
                writer.aggregate(aggregate, len);
            }
            for _ in 0..values {
                write_value(writer, script, depth - 1);
            }
            if let Some(deferred) = deferred {
                writer.set_deferred(deferred, len);
            }
        }
        _ => writer.null(),
    }
}
