//! The request parser: the only place where bytes from a client become commands.
//!
//! A request is a multibulk (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) or an inline line (`GET k\r\n`). The arguments of a multibulk are not
//! copied: a [`Batch`] holds where they lie in the input. What is accepted, what is an error and how the error is worded is what
//! redis-server 7.0 does, with its leniencies: the two bytes behind a bulk string and the one behind the CR of a count
//! line may be anything, `*0` and empty lines are no commands, and a NUL makes the line that it stands in endless.
//!
//! A [`Parser`] remembers where it stopped inside a command that has not arrived as a whole, so that a command of any size is
//! read once however small the pieces are in which it comes. Wherever the input is cut, the commands are the same.
//!
//! This is not a decoder of RESP: replies and RESP3 frames have their own places. It does not know any command either, but
//! for the two words with which a web browser, talked into connecting to us, gives itself away.

use std::fmt;

use memchr::memchr2;

use super::argv::{ArgRange, Argv};
use super::inline::{skip_spaces, unquote};
use crate::limits::{
    BATCH_COMMANDS_MAX, LINE_LEN_MAX, MULTIBULK_LEN_MAX, PROTO_MAX_BULK_LEN, RANGES_KEPT_MAX,
    REQUEST_LEN_MAX, UNAUTHENTICATED_BULK_LEN_MAX, UNAUTHENTICATED_MULTIBULK_LEN_MAX,
};

/// What a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of one argument: `proto-max-bulk-len`.
    pub bulk_len_max: u64,
    /// Whether the client has yet to authenticate. Then requests must be small, and they come one a batch, since any may be
    /// the AUTH that lifts the limits for the next.
    pub unauthenticated: bool,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { bulk_len_max: PROTO_MAX_BULK_LEN, unauthenticated: false }
    }
}

impl RequestLimits {
    fn batch_len(&self) -> usize {
        if self.unauthenticated { 1 } else { BATCH_COMMANDS_MAX }
    }

    fn check_multibulk_len(&self, len: i64) -> Result<u32, ProtocolError> {
        if len > i64::from(MULTIBULK_LEN_MAX) {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        let len = u32::try_from(len).unwrap_or(0);
        if self.unauthenticated && len > UNAUTHENTICATED_MULTIBULK_LEN_MAX {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(len)
    }

    fn check_bulk_len(&self, len: i64) -> Result<usize, ProtocolError> {
        let len = u64::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength)?;
        if len > self.bulk_len_max {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if self.unauthenticated && len > UNAUTHENTICATED_BULK_LEN_MAX {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        usize::try_from(len).ok().filter(|len| *len < REQUEST_LEN_MAX).ok_or(ProtocolError::RequestTooBig)
    }
}

/// Why a connection has to be closed, once [`reply`](Self::reply) has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The number behind `*` is none or too large.
    InvalidMultibulkLength,
    /// More than 64 KiB behind `*` without an end of line.
    TooBigMbulkCountString,
    /// More than 64 KiB behind `$` without an end of line.
    TooBigBulkCountString,
    /// An argument starts with this byte in place of `$`.
    ExpectedDollar(u8),
    /// The number behind `$` is none, negative or above `proto-max-bulk-len`.
    InvalidBulkLength,
    /// More arguments than a client may send before it has authenticated.
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client may send before it has authenticated.
    UnauthenticatedBulkLength,
    /// An inline request of more than 64 KiB.
    TooBigInlineRequest,
    /// An inline request with a quote that is not closed, or not followed by a space.
    UnbalancedQuotes,
    /// A request of 4 GiB or more. Redis has no such error; there, the query buffer's limit comes first.
    RequestTooBig,
}

impl ProtocolError {
    /// The whole reply, with its `-` and its end of line.
    #[must_use]
    pub fn reply(&self) -> Vec<u8> {
        let mut reply = b"-ERR Protocol error: ".to_vec();
        match self {
            // The byte goes out as it came in, which a `Display` could not do.
            Self::ExpectedDollar(b'\r' | b'\n') => reply.extend_from_slice(b"expected '$', got ' '"),
            Self::ExpectedDollar(got) => {
                reply.extend_from_slice(b"expected '$', got '");
                reply.push(*got);
                reply.push(b'\'');
            }
            other => reply.extend_from_slice(other.text().as_bytes()),
        }
        reply.extend_from_slice(b"\r\n");
        reply
    }

    fn text(&self) -> &'static str {
        match self {
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::TooBigMbulkCountString => "too big mbulk count string",
            Self::TooBigBulkCountString => "too big bulk count string",
            Self::ExpectedDollar(_) => "expected '$', got something else",
            Self::InvalidBulkLength => "invalid bulk length",
            Self::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            Self::UnauthenticatedBulkLength => "unauthenticated bulk length",
            Self::TooBigInlineRequest => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::RequestTooBig => "too big request",
        }
    }
}

/// For the log; clients get [`reply`](ProtocolError::reply).
impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpectedDollar(got) => write!(f, "expected '$', got '{}'", got.escape_ascii()),
            other => f.write_str(other.text()),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Why [`Parser::parse`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The batch is full. Run it and parse on, even if no input is left.
    BatchFull,
    /// The input ends inside a command, or between two; at least so many more bytes are needed to get on. The number may be
    /// what a client merely claims, up to `proto-max-bulk-len`: reserve for it, but in steps.
    NeedMore(usize),
    /// Run the batch, send the error's reply, close the connection. Do not parse on.
    Error(ProtocolError),
    /// The next command is called `POST` or `Host:`: a web page made a browser connect to us. Close the connection without
    /// a reply, not even to the commands before, and log it as a possible attack. Do not parse on.
    CrossProtocol,
}

/// What [`Parser::parse`] did, but for the commands, which are in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Bytes from the start of the input that the commands of the batch occupy. The caller drops them when the
    /// batch has run, and passes what follows, with more behind it, to the next call.
    pub consumed: usize,
    /// Why there are not more commands.
    pub stop: Stop,
}

/// Where one command of a batch is.
#[derive(Clone, Copy, Debug)]
struct CommandSpan {
    /// Offset of its first byte in the input, or of its first argument in the scratch space.
    start: usize,
    /// Its arguments among the batch's ranges, relative to `start`.
    first_range: usize,
    /// Behind the last of them.
    end_range: usize,
    /// Whether the arguments lie in the scratch space: an inline request has to be unquoted.
    inline: bool,
}

/// The commands that one call of [`Parser::parse`] found. Belongs to a worker, which uses it again and again.
#[derive(Debug, Default)]
pub struct Batch {
    ranges: Vec<ArgRange>,
    commands: Vec<CommandSpan>,
    scratch: Vec<u8>,
}

impl Batch {
    /// An empty batch with room for usual commands.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ranges: Vec::with_capacity(BATCH_COMMANDS_MAX * 8),
            commands: Vec::with_capacity(BATCH_COMMANDS_MAX),
            scratch: Vec::new(),
        }
    }

    /// How many commands there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The arguments of command `index`; `buf` is the input that was parsed.
    ///
    /// # Panics
    /// When there is no such command, or `buf` is not that input.
    #[inline]
    #[must_use]
    pub fn argv<'a>(&'a self, buf: &'a [u8], index: usize) -> Argv<'a> {
        let command = &self.commands[index];
        let data = if command.inline { &self.scratch } else { buf };
        Argv::from_ranges(&data[command.start..], &self.ranges[command.first_range..command.end_range])
    }

    fn clear(&mut self) {
        self.commands.clear();
        self.ranges.clear();
        self.scratch.clear();
        if self.ranges.capacity() > RANGES_KEPT_MAX {
            self.ranges.shrink_to(RANGES_KEPT_MAX);
        }
    }

    #[inline]
    fn push_command(&mut self, start: usize, first_range: usize, inline: bool) {
        let end_range = self.ranges.len();
        self.commands.push(CommandSpan { start, first_range, end_range, inline });
    }
}

/// How far a multibulk has been read.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Where the next argument's header starts, counted from the first byte of the multibulk.
    at: usize,
    /// Arguments that are still to come; none if no multibulk has been begun.
    missing: u32,
}

/// The parser of one connection: what it must remember of a command that has not arrived as a whole.
#[derive(Debug, Default)]
pub struct Parser {
    progress: Progress,
    ranges: Vec<ArgRange>,
}

/// What is known of a command that has arrived in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WholeArguments {
    /// Bytes of the arguments that are there as a whole.
    pub bytes: usize,
    /// Where the bytes begin of which nothing is known yet: those of the next argument, if its header is there.
    pub end: usize,
}

/// What became of the first thing in the input.
enum Step {
    /// A command of so many bytes.
    Command(usize),
    /// So many bytes that are no command.
    Skip(usize),
    /// The input ends before it does.
    NeedMore(usize),
}

impl Parser {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a part of a command has been read. For the reader, which keeps its buffer as long as that is so.
    #[must_use]
    pub fn is_inside_command(&self) -> bool {
        self.progress.missing > 0
    }

    /// What of the command at the start of `rest`, which has arrived in part, is read to its end.
    #[must_use]
    pub fn arguments(&self, rest: &[u8]) -> WholeArguments {
        // After an error the parser remembers a command of which nothing is there any more.
        if self.progress.missing == 0 || rest.len() < self.progress.at {
            return WholeArguments::default();
        }
        let at = self.progress.at;
        // It has been read before, so that nothing is wrong with it.
        let header = rest.get(at..).and_then(|next| bulk_len(next, &RequestLimits::default()).ok().flatten());
        let bytes = self.ranges.iter().map(|range| (range.end - range.start) as usize).sum();
        WholeArguments { bytes, end: at + header.map_or(0, |(_, header)| header) }
    }

    /// Find the commands at the start of `buf`, as many as a batch takes, and put them into `batch` in place of what it held.
    ///
    /// `buf` starts where the previous call's `consumed` bytes ended: a command that was there in part is there again,
    /// with more of its bytes.
    pub fn parse(&mut self, buf: &[u8], batch: &mut Batch, limits: &RequestLimits) -> Parsed {
        batch.clear();
        let room = limits.batch_len();
        let mut consumed = 0;
        let stop = loop {
            if batch.len() == room {
                break Stop::BatchFull;
            }
            let rest = &buf[consumed..];
            let first_range = batch.ranges.len();
            let step = match rest.first() {
                None => break Stop::NeedMore(1),
                Some(b'*') => self.multibulk(rest, consumed, batch, limits),
                Some(_) => inline_request(rest, batch),
            };
            match step {
                Ok(Step::Command(len)) => {
                    if is_cross_protocol(batch.argv(buf, batch.len() - 1).name()) {
                        batch.commands.pop();
                        batch.ranges.truncate(first_range);
                        break Stop::CrossProtocol;
                    }
                    consumed += len;
                }
                Ok(Step::Skip(len)) => consumed += len,
                Ok(Step::NeedMore(bytes)) => break Stop::NeedMore(bytes),
                Err(error) => break Stop::Error(error),
            }
        };
        Parsed { consumed, stop }
    }

    /// Read the multibulk at the start of `rest`, which is at `start` in the input.
    #[inline]
    fn multibulk(
        &mut self,
        rest: &[u8],
        start: usize,
        batch: &mut Batch,
        limits: &RequestLimits,
    ) -> Result<Step, ProtocolError> {
        if self.progress.missing > 0 {
            return self.resume(rest, start, batch, limits);
        }
        let (missing, at) = match short_count(rest) {
            Some((len, header)) if len <= UNAUTHENTICATED_MULTIBULK_LEN_MAX => (len, header),
            _ => match multibulk_len(rest, limits)? {
                Some(read) => read,
                None => return Ok(Step::NeedMore(1)),
            },
        };
        if missing == 0 {
            return Ok(Step::Skip(at));
        }
        let first_range = batch.ranges.len();
        let mut progress = Progress { at, missing };
        let step = arguments(rest, &mut progress, &mut batch.ranges, limits)?;
        match step {
            Step::NeedMore(_) => self.suspend(progress, &mut batch.ranges, first_range),
            _ => batch.push_command(start, first_range, false),
        }
        Ok(step)
    }

    /// Keep what has been read of a command whose end is not there yet.
    #[cold]
    fn suspend(&mut self, progress: Progress, ranges: &mut Vec<ArgRange>, first_range: usize) {
        self.progress = progress;
        self.ranges.extend_from_slice(&ranges[first_range..]);
        ranges.truncate(first_range);
    }

    /// Go on with the command at the start of `rest`.
    #[cold]
    fn resume(
        &mut self,
        rest: &[u8],
        start: usize,
        batch: &mut Batch,
        limits: &RequestLimits,
    ) -> Result<Step, ProtocolError> {
        let step = arguments(rest, &mut self.progress, &mut self.ranges, limits)?;
        if matches!(step, Step::Command(_)) {
            self.progress = Progress::default();
            let first_range = batch.ranges.len();
            batch.ranges.extend_from_slice(&self.ranges);
            batch.push_command(start, first_range, false);
            // A connection has one of these from now on only if its commands keep coming in pieces.
            self.ranges = Vec::new();
        }
        Ok(step)
    }
}

/// Read arguments from where `progress` stands, as many as there are, and append where they lie to `ranges`.
#[inline]
fn arguments(
    rest: &[u8],
    progress: &mut Progress,
    ranges: &mut Vec<ArgRange>,
    limits: &RequestLimits,
) -> Result<Step, ProtocolError> {
    let rest = &rest[..rest.len().min(REQUEST_LEN_MAX)];
    // Below this nobody's limits need a look.
    let short_max = limits.bulk_len_max.min(UNAUTHENTICATED_BULK_LEN_MAX);
    let Progress { mut at, mut missing } = *progress;
    let needed = loop {
        let (len, header) = match short_count(&rest[at..]) {
            Some((len, header)) if rest[at] == b'$' && u64::from(len) <= short_max => (len as usize, header),
            _ => match bulk_len(&rest[at..], limits)? {
                Some(read) => read,
                None => break 1,
            },
        };
        let start = at + header;
        let end = start + len;
        // Two bytes end the argument, and whichever they are is not looked at, as in Redis.
        if end + 2 > rest.len() {
            break end + 2 - rest.len();
        }
        // Both fit: `rest` has been cut to the limit above.
        ranges.push(ArgRange { start: start as u32, end: end as u32 });
        at = end + 2;
        missing -= 1;
        if missing == 0 {
            return Ok(Step::Command(at));
        }
    };
    if needed > REQUEST_LEN_MAX - rest.len() {
        return Err(ProtocolError::RequestTooBig);
    }
    *progress = Progress { at, missing };
    Ok(Step::NeedMore(needed))
}

/// The count line at the start of `rest`, if it is whole and as nearly all are: a sigil, up to four digits and CR LF. The
/// result is the number, and the length of the line. The sigil is not looked at.
#[inline(always)]
fn short_count(rest: &[u8]) -> Option<(u32, usize)> {
    let digit = |byte: u8| u32::from(byte - b'0');
    match *rest {
        [_, a @ b'0'..=b'9', b'\r', _, ..] => Some((digit(a), 4)),
        [_, a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => Some((digit(a) * 10 + digit(b), 5)),
        [_, a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', _, ..] => {
            Some((digit(a) * 100 + digit(b) * 10 + digit(c), 6))
        }
        [_, a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', d @ b'0'..=b'9', b'\r', _, ..] => {
            Some((digit(a) * 1000 + digit(b) * 100 + digit(c) * 10 + digit(d), 7))
        }
        _ => None,
    }
}

/// How many arguments the multibulk at the start of `rest` has, and the length of its count line.
#[inline(never)]
fn multibulk_len(rest: &[u8], limits: &RequestLimits) -> Result<Option<(u32, usize)>, ProtocolError> {
    let Some(line) = count_line(rest, ProtocolError::TooBigMbulkCountString)? else {
        return Ok(None);
    };
    let len = integer(&line[1..]).ok_or(ProtocolError::InvalidMultibulkLength)?;
    Ok(Some((limits.check_multibulk_len(len)?, line.len() + 2)))
}

/// How long the argument is whose header is at the start of `rest`, and the length of that header.
#[inline(never)]
fn bulk_len(rest: &[u8], limits: &RequestLimits) -> Result<Option<(usize, usize)>, ProtocolError> {
    let Some(line) = count_line(rest, ProtocolError::TooBigBulkCountString)? else {
        return Ok(None);
    };
    if rest[0] != b'$' {
        return Err(ProtocolError::ExpectedDollar(rest[0]));
    }
    let len = integer(&line[1..]).ok_or(ProtocolError::InvalidBulkLength)?;
    Ok(Some((limits.check_bulk_len(len)?, line.len() + 2)))
}

/// The count line at the start of `rest`, whatever its first byte is, without its end; nothing if that has not arrived. Of
/// the end, the CR is looked at, and the byte behind it is not.
fn count_line(rest: &[u8], too_big: ProtocolError) -> Result<Option<&[u8]>, ProtocolError> {
    let len = line_len(rest, b'\r', too_big)?;
    Ok(len.filter(|len| len + 1 < rest.len()).map(|len| &rest[..len]))
}

/// How long the line is that `end` closes; nothing if that has not arrived. Redis looks for it with `strchr`, to which a NUL is
/// the end of everything.
fn line_len(rest: &[u8], end: u8, too_big: ProtocolError) -> Result<Option<usize>, ProtocolError> {
    let window = &rest[..rest.len().min(LINE_LEN_MAX + 1)];
    match memchr2(end, 0, window) {
        Some(len) if window[len] == end => Ok(Some(len)),
        _ if rest.len() > LINE_LEN_MAX => Err(too_big),
        _ => Ok(None),
    }
}

/// A decimal integer in the one way to write it: no sign but a minus, no zero in front, no space.
fn integer(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-").unwrap_or(text) {
        [b'0', ..] if text.len() > 1 => None,
        [b'0'..=b'9', ..] => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// Read the inline request at the start of `rest` and put its arguments, without their quotes, into the scratch space.
#[cold]
fn inline_request(rest: &[u8], batch: &mut Batch) -> Result<Step, ProtocolError> {
    let Some(len) = line_len(rest, b'\n', ProtocolError::TooBigInlineRequest)? else {
        return Ok(Step::NeedMore(1));
    };
    let line = rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len]);
    let start = batch.scratch.len();
    let first_range = batch.ranges.len();
    let mut left = skip_spaces(line);
    while !left.is_empty() {
        let arg_start = batch.scratch.len() - start;
        left = skip_spaces(unquote(left, &mut batch.scratch).ok_or(ProtocolError::UnbalancedQuotes)?);
        let arg_end = batch.scratch.len() - start;
        // Both fit: a line has at most 64 KiB, and unquoting does not lengthen it.
        batch.ranges.push(ArgRange { start: arg_start as u32, end: arg_end as u32 });
    }
    if batch.ranges.len() == first_range {
        return Ok(Step::Skip(len + 1));
    }
    batch.push_command(start, first_range, true);
    Ok(Step::Command(len + 1))
}

/// Whether a command of that name is a line of an HTTP request that a web page made a browser send to us.
#[inline]
fn is_cross_protocol(name: &[u8]) -> bool {
    match name.len() {
        4 => name.eq_ignore_ascii_case(b"post"),
        5 => name.eq_ignore_ascii_case(b"host:"),
        _ => false,
    }
}
