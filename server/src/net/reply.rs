//! The reply writer: what a command answers becomes bytes, in the protocol that its client chose with HELLO.
//!
//! A command says what it means (a map, a double, null) and the writer knows how RESP2 spells that, so no command asks which
//! protocol it is talking. Replies of a batch follow each other in one buffer that leaves with one write; a command
//! that fails half-way is cut off again with [`ReplyWriter::truncate`].
//!
//! Lines are made safe here: neither a simple string nor an error can hold a CR or LF, whatever it was made of. Bulk strings and
//! counts cannot be made safe; a header that announces more elements than follow is a bug of the command.
//! Reading RESP is not done here, with one exception: a module's RESP3 value is rewritten for a RESP2 client in [`downgrade`].

use std::fmt;
use std::io::Write as _;

use super::double::DoubleText;
use super::downgrade::{self, Malformed};

/// Replies that need no writer: the same in RESP2 and RESP3, and sent often or from places that only copy bytes.
pub mod shared {
    /// `+OK`
    pub const OK: &[u8] = b"+OK\r\n";
    /// `+PONG`
    pub const PONG: &[u8] = b"+PONG\r\n";
    /// `+QUEUED`
    pub const QUEUED: &[u8] = b"+QUEUED\r\n";
    /// `:0`
    pub const ZERO: &[u8] = b":0\r\n";
    /// `:1`
    pub const ONE: &[u8] = b":1\r\n";
}

/// The version of the protocol that a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every connection starts with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

impl Protocol {
    /// The protocol of that number, if there is one.
    #[must_use]
    pub fn from_version(version: i64) -> Option<Self> {
        match version {
            2 => Some(Self::Resp2),
            3 => Some(Self::Resp3),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub fn version(self) -> i64 {
        match self {
            Self::Resp2 => 2,
            Self::Resp3 => 3,
        }
    }
}

/// A header whose length is written later, with [`ReplyWriter::set_deferred`].
#[derive(Debug)]
#[must_use = "without its header the reply is not RESP"]
pub struct Deferred {
    at: usize,
    kind: Aggregate,
}

/// The kinds of reply that contain others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// A list.
    Array,
    /// Pairs of key and value; in RESP2 an array of twice the length.
    Map,
    /// Elements without order; in RESP2 an array.
    Set,
    /// What nobody asked for just now, such as a message; in RESP2 an array.
    Push,
}

/// Writes replies into the output buffer that it owns.
#[derive(Debug, Default)]
pub struct ReplyWriter {
    out: Vec<u8>,
    protocol: Protocol,
}

impl ReplyWriter {
    /// A writer that appends to `out`.
    #[must_use]
    pub fn new(out: Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The protocol in which it writes.
    #[inline]
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Write in another protocol from here on. The reply to HELLO is in the new one already.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// What has been written.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// How much has been written: a mark for [`truncate`](Self::truncate).
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing has been written.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Take back what was written after [`len`](Self::len) was `mark`.
    pub fn truncate(&mut self, mark: usize) {
        self.out.truncate(mark);
    }

    /// Put whole replies where [`len`](Self::len) was `mark`.
    pub fn insert(&mut self, mark: usize, replies: &[u8]) {
        if !replies.is_empty() {
            self.out.splice(mark..mark, replies.iter().copied());
        }
    }

    /// Forget everything, keeping the space.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// The output buffer, for whoever sends a part of it.
    pub fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Give the output buffer away.
    #[must_use]
    pub fn into_inner(self) -> Vec<u8> {
        self.out
    }

    /// Bytes that are a reply, or a part of one, already. Nothing is checked.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.raw(shared::OK);
    }

    /// A status line. CR and LF in it become spaces.
    pub fn simple(&mut self, line: impl AsRef<[u8]>) {
        self.out.push(b'+');
        self.line(line.as_ref());
    }

    /// An error line: its code, a space and the text, as in `ERR syntax error`, without the leading `-`. CR and LF in
    /// it become spaces.
    pub fn error(&mut self, line: impl AsRef<[u8]>) {
        self.out.push(b'-');
        self.line(line.as_ref());
    }

    /// The same for an error that displays as its line: `reply.error_fmt(format_args!("{error}"))`.
    pub fn error_fmt(&mut self, line: fmt::Arguments<'_>) {
        self.out.push(b'-');
        let start = self.out.len();
        self.out
            .write_fmt(line)
            .expect("writing to a Vec fails only if a Display does, and none of ours does");
        blank_line_breaks(&mut self.out[start..]);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A 64 bit integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A byte string.
    #[inline]
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.out.reserve(bytes.len() + HEADER_LEN_MAX + 2);
        self.header(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer as a byte string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value));
    }

    /// A byte string, or null where there is none.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Nothing, where a value could have been.
    #[inline]
    pub fn null(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Nothing, where an array could have been: RESP2 tells the two apart.
    pub fn null_array(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// An array of the `len` replies that follow.
    #[inline]
    pub fn array_header(&mut self, len: usize) {
        self.aggregate(Aggregate::Array, len);
    }

    /// A map of the `len` pairs of replies that follow.
    pub fn map_header(&mut self, len: usize) {
        self.aggregate(Aggregate::Map, len);
    }

    /// A set of the `len` replies that follow.
    pub fn set_header(&mut self, len: usize) {
        self.aggregate(Aggregate::Set, len);
    }

    /// A push message of the `len` replies that follow.
    pub fn push_header(&mut self, len: usize) {
        self.aggregate(Aggregate::Push, len);
    }

    /// The header of an aggregate of `len` elements, or pairs if it is a map.
    #[inline]
    pub fn aggregate(&mut self, kind: Aggregate, len: usize) {
        let (sigil, len) = self.spelling(kind, len);
        self.header(sigil, len);
    }

    /// An aggregate whose length is known only when its elements have been written, see [`set_deferred`](Self::set_deferred).
    pub fn deferred(&mut self, kind: Aggregate) -> Deferred {
        Deferred { at: self.out.len(), kind }
    }

    /// An array whose length is not known yet.
    pub fn deferred_array(&mut self) -> Deferred {
        self.deferred(Aggregate::Array)
    }

    /// Write the header that was left out: `len` elements (pairs if it is a map) have been written since. Aggregates that were
    /// begun inside this one must have their headers before. What was written since is moved: where the length is known, the header functions cost less.
    pub fn set_deferred(&mut self, Deferred { at, kind }: Deferred, len: usize) {
        let (sigil, len) = self.spelling(kind, len);
        let end = self.out.len();
        self.header(sigil, len);
        let header_len = self.out.len() - end;
        self.out[at..].rotate_right(header_len);
    }

    /// A double, in RESP2 a byte string: digits as few as identify the number, in the layout of C's `%.17g`.
    pub fn double(&mut self, value: f64) {
        let text = DoubleText::new(value);
        self.scalar(b',', text.as_bytes());
    }

    /// True or false, in RESP2 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.protocol, value) {
            (Protocol::Resp2, true) => shared::ONE,
            (Protocol::Resp2, false) => shared::ZERO,
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
        });
    }

    /// An integer of any size, given as its decimal digits; in RESP2 a byte string. CR and LF in it become spaces.
    pub fn big_number(&mut self, digits: impl AsRef<[u8]>) {
        self.scalar(b'(', digits.as_ref());
    }

    /// Text for people, in RESP2 a byte string.
    pub fn verbatim(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.header(b'=', text.len() as i64 + 4);
                self.out.extend_from_slice(b"txt:");
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// One RESP3 value that has been checked (a module's reply): as it is for a RESP3 client, rewritten for others.
    ///
    /// # Errors
    /// When the client speaks RESP2 and the bytes are not one value after all. Then nothing has been written.
    pub fn resp3_to_client(&mut self, value: &[u8]) -> Result<(), Malformed> {
        match self.protocol {
            Protocol::Resp3 => {
                self.raw(value);
                Ok(())
            }
            Protocol::Resp2 => downgrade::resp3_to_resp2(value, &mut self.out),
        }
    }

    /// What RESP3 writes as a line with a sigil of its own, and RESP2 as a byte string.
    fn scalar(&mut self, sigil: u8, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.out.push(sigil);
                self.line(text);
            }
        }
    }

    /// How the header of an aggregate is spelled.
    #[inline]
    fn spelling(&self, kind: Aggregate, len: usize) -> (u8, i64) {
        let len = len as i64;
        match (self.protocol, kind) {
            (_, Aggregate::Array) => (b'*', len),
            (Protocol::Resp2, Aggregate::Map) => (b'*', len * 2),
            (Protocol::Resp2, Aggregate::Set | Aggregate::Push) => (b'*', len),
            (Protocol::Resp3, Aggregate::Map) => (b'%', len),
            (Protocol::Resp3, Aggregate::Set) => (b'~', len),
            (Protocol::Resp3, Aggregate::Push) => (b'>', len),
        }
    }

    /// The rest of a line, made harmless.
    fn line(&mut self, text: &[u8]) {
        let start = self.out.len();
        self.out.extend_from_slice(text);
        blank_line_breaks(&mut self.out[start..]);
        self.out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn header(&mut self, sigil: u8, value: i64) {
        write_header(&mut self.out, sigil, value);
    }
}

/// A sigil, the longest 64 bit integer, CR and LF.
const HEADER_LEN_MAX: usize = 1 + 20 + 2;

/// Append `sigil`, `value` and the end of line.
#[inline]
pub(crate) fn write_header(out: &mut Vec<u8>, sigil: u8, value: i64) {
    // One digit is what most lengths have, and most integers in replies.
    match value {
        0..=9 => out.extend_from_slice(&[sigil, b'0' + value as u8, b'\r', b'\n']),
        10..=9999 => write_short_header(out, sigil, value as u16),
        _ => write_long_header(out, sigil, value),
    }
}

/// The same for two to four digits, which are stored without a call.
fn write_short_header(out: &mut Vec<u8>, sigil: u8, value: u16) {
    let digit = |power: u16| b'0' + (value / power % 10) as u8;
    match value {
        0..=99 => out.extend_from_slice(&[sigil, digit(10), digit(1), b'\r', b'\n']),
        100..=999 => out.extend_from_slice(&[sigil, digit(100), digit(10), digit(1), b'\r', b'\n']),
        _ => {
            out.extend_from_slice(&[sigil, digit(1000), digit(100), digit(10), digit(1), b'\r', b'\n']);
        }
    }
}

fn write_long_header(out: &mut Vec<u8>, sigil: u8, value: i64) {
    out.reserve(HEADER_LEN_MAX);
    out.push(sigil);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Replace what would end the line by spaces, as Redis does.
pub(crate) fn blank_line_breaks(line: &mut [u8]) {
    while let Some(at) = memchr::memchr2(b'\r', b'\n', line) {
        line[at] = b' ';
    }
}
