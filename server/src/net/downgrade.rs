//! A RESP3 value, as a module returns it, rewritten for a client that speaks RESP2.
//!
//! RESP2 has no maps, sets, doubles, booleans and so on, but a spelling for each that Redis's own commands use and clients expect. Since
//! every aggregate becomes an array and its elements are rewritten one by one, the walk needs no recursion: an array of
//! counters is all that it remembers.
//!
//! The value has been checked when it came out of the module. It is checked here again, as far as reading it does, because a
//! mistake would let a module speak to the client out of turn; what is not a value is refused, whatever it is.
//! Pushes, attributes and streamed types are not values (`wit/types.wit` says so).

use std::fmt;

use memchr::memchr;

use super::reply::{blank_line_breaks, write_header};
use crate::limits::REPLY_DEPTH_MAX;

/// The bytes are not exactly one RESP3 value, or one that nests too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not exactly one RESP3 value")
    }
}

impl std::error::Error for Malformed {}

/// Append the RESP2 form of `value` to `out`; on an error, `out` is as it was.
///
/// # Errors
/// When `value` is not exactly one RESP3 value.
pub fn resp3_to_resp2(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mark = out.len();
    // Values that only lose their sigil keep their length: this is close to what it takes.
    out.reserve(value.len());
    let walked = walk(value, out);
    if walked.is_err() {
        out.truncate(mark);
    }
    walked
}

/// Elements that are still to come in each aggregate that is open.
struct Nesting {
    missing: [u64; REPLY_DEPTH_MAX],
    depth: usize,
}

impl Nesting {
    fn open(&mut self, elements: u64) -> Result<(), Malformed> {
        *self.missing.get_mut(self.depth).ok_or(Malformed)? = elements;
        self.depth += 1;
        Ok(())
    }

    /// A value, or the header of one, has been read: close whatever is complete.
    fn close_complete(&mut self) {
        while self.depth > 0 && self.missing[self.depth - 1] == 0 {
            self.depth -= 1;
        }
    }
}

fn walk(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut rest = Reader { rest: value };
    let mut nesting = Nesting { missing: [0; REPLY_DEPTH_MAX], depth: 0 };
    loop {
        if nesting.depth > 0 {
            nesting.missing[nesting.depth - 1] -= 1;
        }
        if let Some(elements) = element(&mut rest, out)? {
            nesting.open(elements)?;
        }
        nesting.close_complete();
        if nesting.depth == 0 {
            return if rest.rest.is_empty() { Ok(()) } else { Err(Malformed) };
        }
    }
}

/// Rewrite one value, or the header of an aggregate, in which case the result is how many elements follow.
fn element(rest: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<Option<u64>, Malformed> {
    let line = rest.line()?;
    let (sigil, text) = line.split_first().ok_or(Malformed)?;
    match sigil {
        b'+' | b'-' => {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
        b':' => write_header(out, b':', integer(text)?),
        b'_' if text.is_empty() => out.extend_from_slice(b"$-1\r\n"),
        b'#' if text == b"t" => out.extend_from_slice(b":1\r\n"),
        b'#' if text == b"f" => out.extend_from_slice(b":0\r\n"),
        b',' | b'(' => bulk(out, text),
        b'$' => bulk(out, rest.payload(length(text)?)?),
        b'=' => {
            let payload = rest.payload(length(text)?)?;
            let [_, _, _, b':', body @ ..] = payload else {
                return Err(Malformed);
            };
            bulk(out, body);
        }
        b'!' => {
            let payload = rest.payload(length(text)?)?;
            out.push(b'-');
            let start = out.len();
            out.extend_from_slice(payload);
            blank_line_breaks(&mut out[start..]);
            out.extend_from_slice(b"\r\n");
        }
        b'*' | b'~' | b'%' => {
            let len = length(text)?;
            let elements = if *sigil == b'%' { len.checked_mul(2).ok_or(Malformed)? } else { len };
            write_header(out, b'*', i64::try_from(elements).map_err(|_| Malformed)?);
            return Ok(Some(elements));
        }
        _ => return Err(Malformed),
    }
    Ok(None)
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    write_header(out, b'$', bytes.len() as i64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// What has not been read.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The next line, without its end. A CR or LF can only be that end.
    fn line(&mut self) -> Result<&'a [u8], Malformed> {
        let len = memchr(b'\r', self.rest).ok_or(Malformed)?;
        let line = &self.rest[..len];
        self.rest = self.rest[len..].strip_prefix(b"\r\n").ok_or(Malformed)?;
        if memchr(b'\n', line).is_some() {
            return Err(Malformed);
        }
        Ok(line)
    }

    /// The next `len` bytes, and the end of line behind them.
    fn payload(&mut self, len: u64) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(len).map_err(|_| Malformed)?;
        let (payload, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest.strip_prefix(b"\r\n").ok_or(Malformed)?;
        Ok(payload)
    }
}

/// A length: digits only, as many as 64 bits take.
fn length(text: &[u8]) -> Result<u64, Malformed> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

/// A signed integer of 64 bits.
fn integer(text: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}
