//! One RESP value as it stood on the wire, and the text that redis-cli would print for it.
//! Nothing is normalised: a map keeps its order and its duplicates, a double its spelling, and the two nulls of
//! RESP2 stay apart, because a comparison of two servers is about exactly such differences.
//! The reader here is the tests' own for that reason; redis-protocol reads every frame as well and has to agree
//! on where it ends. It is not a reader for untrusted data of any size: it trusts its caller's buffer.

use crate::words::quote;
use std::fmt::Write as _;

/// How deep a value may nest before it is refused. redis-protocol recurses without a limit, so this guard runs
/// before it; COMMAND DOCS, the deepest reply there is, needs nine levels.
pub const DEPTH_MAX: usize = 64;

/// A protocol version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RESP2, in which every connection begins.
    Resp2,
    /// RESP3, after HELLO 3.
    Resp3,
}

impl Protocol {
    /// Both, in the order in which tests run through them.
    pub const BOTH: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

    /// The argument of HELLO.
    pub fn number(self) -> &'static str {
        match self {
            Protocol::Resp2 => "2",
            Protocol::Resp3 => "3",
        }
    }
}

/// A reply, or a part of one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// `+`
    Simple(Vec<u8>),
    /// `-`, or `!` in RESP3.
    Error(Vec<u8>),
    /// `:`
    Int(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    /// `*`
    Array(Vec<Value>),
    /// `%`, in the order of the wire.
    Map(Vec<(Value, Value)>),
    /// `~`, in the order of the wire.
    Set(Vec<Value>),
    /// `>`
    Push(Vec<Value>),
    /// `,` with the spelling that was sent.
    Double(Vec<u8>),
    /// `#`
    Bool(bool),
    /// `(`
    Big(Vec<u8>),
    /// `=`: the three letters of the format, and the text.
    Verbatim(Vec<u8>, Vec<u8>),
}

/// On one line, with the differences that redis-cli hides: which null, which kind of string.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Simple(text) => write!(f, "+{}", String::from_utf8_lossy(text)),
            Value::NullBulk => f.write_str("$-1"),
            Value::NullArray => f.write_str("*-1"),
            Value::Null => f.write_str("_"),
            Value::Array(items) => f.debug_list().entries(items).finish(),
            Value::Set(items) => f.debug_set().entries(items).finish(),
            Value::Push(items) => f.debug_list().entry(&">").entries(items).finish(),
            Value::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
            Value::Verbatim(_, text) => write!(f, "={}", quote(text)),
            scalar => f.write_str(&scalar.cli()),
        }
    }
}

/// Bytes that are no RESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed reply: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// Read one whole value from the front of `bytes`: the value and its length, or nothing if more bytes are needed.
pub fn decode(bytes: &[u8], protocol: Protocol) -> Result<Option<(Value, usize)>, Malformed> {
    let mut reader = Reader { bytes, at: 0, protocol };
    match reader.value(0) {
        Ok(value) => {
            let length = reader.at;
            second_opinion(&bytes[..length], protocol)?;
            Ok(Some((value, length)))
        }
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Malformed(why)) => Err(Malformed(why)),
    }
}

/// redis-protocol must find the same frame to be whole and of the same length.
fn second_opinion(frame: &[u8], protocol: Protocol) -> Result<(), Malformed> {
    let theirs = match protocol {
        Protocol::Resp2 => redis_protocol::resp2::decode::decode_range(frame).map(|f| f.map(|(_, n)| n)),
        Protocol::Resp3 => {
            redis_protocol::resp3::decode::complete::decode_range(frame).map(|f| f.map(|(_, n)| n))
        }
    };
    match theirs {
        Ok(Some(length)) if length == frame.len() => Ok(()),
        // Its sets and maps are hashed, so it refuses arrays in sets, which COMMAND INFO has and RESP3 allows.
        Err(why) if why.details().contains("Invalid hash key") => Ok(()),
        other => Err(Malformed(format!(
            "redis-protocol reads {other:?} where the tests read {} bytes: {}",
            frame.len(),
            quote(&frame[..frame.len().min(200)])
        ))),
    }
}

enum Stop {
    Incomplete,
    Malformed(String),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    protocol: Protocol,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Stop> {
        if depth > DEPTH_MAX {
            return Err(Stop::Malformed(format!("nested deeper than {DEPTH_MAX}")));
        }
        let start = self.at;
        let line = self.line()?;
        let Some((&kind, rest)) = line.split_first() else {
            return Err(Stop::Malformed("an empty line".into()));
        };
        let only_resp3 = matches!(kind, b'_' | b'%' | b'~' | b'>' | b',' | b'#' | b'(' | b'=' | b'!');
        if only_resp3 && self.protocol == Protocol::Resp2 {
            return Err(Stop::Malformed(format!("RESP3 in a RESP2 connection: {}", quote(line))));
        }
        Ok(match kind {
            b'+' => Value::Simple(rest.to_vec()),
            b'-' => Value::Error(rest.to_vec()),
            b':' => Value::Int(number(rest)?),
            b'$' if rest == b"-1" => Value::NullBulk,
            b'*' if rest == b"-1" => Value::NullArray,
            b'$' => Value::Bulk(self.blob(rest)?.to_vec()),
            b'!' => Value::Error(self.blob(rest)?.to_vec()),
            b'=' => {
                let text = self.blob(rest)?;
                if text.get(3) != Some(&b':') {
                    return Err(Stop::Malformed("a verbatim string without its format".into()));
                }
                Value::Verbatim(text[..3].to_vec(), text[4..].to_vec())
            }
            b'*' => Value::Array(self.items(rest, depth)?),
            b'~' => Value::Set(self.items(rest, depth)?),
            b'>' if depth > 0 => return Err(Stop::Malformed("a push inside a reply".into())),
            b'>' => Value::Push(self.items(rest, depth)?),
            b'%' => {
                let length = length(rest)?;
                let mut pairs = Vec::with_capacity(length.min(1024));
                for _ in 0..length {
                    pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
                }
                Value::Map(pairs)
            }
            b'_' if rest.is_empty() => Value::Null,
            b'#' if rest == b"t" => Value::Bool(true),
            b'#' if rest == b"f" => Value::Bool(false),
            b',' => Value::Double(rest.to_vec()),
            b'(' => Value::Big(rest.to_vec()),
            _ => {
                let shown = &self.bytes[start..(start + 120).min(self.bytes.len())];
                return Err(Stop::Malformed(format!("unexpected {}", quote(shown))));
            }
        })
    }

    /// Up to the next CR LF, which is consumed.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.iter().position(|&b| b == b'\n') else { return Err(Stop::Incomplete) };
        if end == 0 || rest[end - 1] != b'\r' {
            return Err(Stop::Malformed(format!("a line without CR: {}", quote(&rest[..end]))));
        }
        self.at += end + 1;
        Ok(&rest[..end - 1])
    }

    fn blob(&mut self, digits: &[u8]) -> Result<&'a [u8], Stop> {
        let length = length(digits)?;
        let rest = &self.bytes[self.at..];
        if rest.len() < length + 2 {
            return Err(Stop::Incomplete);
        }
        if &rest[length..length + 2] != b"\r\n" {
            return Err(Stop::Malformed(format!("a string of {length} bytes does not end there")));
        }
        self.at += length + 2;
        Ok(&rest[..length])
    }

    fn items(&mut self, digits: &[u8], depth: usize) -> Result<Vec<Value>, Stop> {
        let length = length(digits)?;
        let mut items = Vec::with_capacity(length.min(1024));
        for _ in 0..length {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }
}

fn number(digits: &[u8]) -> Result<i64, Stop> {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|d| d.parse().ok())
        .ok_or_else(|| Stop::Malformed(format!("no number: {}", quote(digits))))
}

fn length(digits: &[u8]) -> Result<usize, Stop> {
    usize::try_from(number(digits)?).map_err(|_| Stop::Malformed(format!("no length: {}", quote(digits))))
}

impl Value {
    /// A bulk string.
    pub fn bulk(text: impl AsRef<[u8]>) -> Value {
        Value::Bulk(text.as_ref().to_vec())
    }

    /// `+OK`.
    pub fn ok() -> Value {
        Value::Simple(b"OK".to_vec())
    }

    /// Whether it is any of the nulls.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::NullBulk | Value::NullArray)
    }

    /// The text of an error line.
    pub fn error(&self) -> Option<String> {
        match self {
            Value::Error(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        }
    }

    /// The integer that it is.
    pub fn int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The bytes of a simple, bulk or verbatim string.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(text) | Value::Bulk(text) | Value::Verbatim(_, text) => Some(text),
            _ => None,
        }
    }

    /// The same as text; empty for anything that is no string.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes().unwrap_or_default()).into_owned()
    }

    /// The elements of an array, a set or a push; of a map its keys and values alternately.
    pub fn items(&self) -> Vec<Value> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items.clone(),
            Value::Map(pairs) => pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect(),
            _ => Vec::new(),
        }
    }

    /// The elements taken as field and value, alternately, whichever protocol it came in.
    pub fn pairs(&self) -> Vec<(Value, Value)> {
        let items = self.items();
        items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    }

    /// The value of a field in a map or a flat array of pairs.
    pub fn field(&self, name: &str) -> Option<Value> {
        self.pairs().into_iter().find(|(key, _)| key.bytes() == Some(name.as_bytes())).map(|(_, value)| value)
    }

    /// The same value with its elements in order, `step` of them taken together (2 for fields and values in a
    /// flat array). For replies whose order means nothing.
    pub fn sorted(self, step: usize) -> Value {
        let sort = |items: Vec<Value>| {
            let mut groups: Vec<Vec<Value>> = items.chunks(step.max(1)).map(<[Value]>::to_vec).collect();
            groups.sort();
            groups.concat()
        };
        match self {
            Value::Array(items) => Value::Array(sort(items)),
            Value::Set(items) => Value::Set(sort(items)),
            Value::Map(mut pairs) => {
                pairs.sort();
                Value::Map(pairs)
            }
            other => other,
        }
    }

    /// What redis-cli prints on a terminal, without the newline at its end.
    pub fn cli(&self) -> String {
        let mut out = String::new();
        self.write_cli("", &mut out);
        out.truncate(out.trim_end_matches('\n').len());
        out
    }

    fn write_cli(&self, prefix: &str, out: &mut String) {
        match self {
            Value::Simple(text) => out.push_str(&String::from_utf8_lossy(text)),
            Value::Error(text) => {
                let _ = write!(out, "(error) {}", String::from_utf8_lossy(text));
            }
            Value::Int(n) => {
                let _ = write!(out, "(integer) {n}");
            }
            Value::Bulk(text) => out.push_str(&quote(text)),
            Value::NullBulk | Value::NullArray | Value::Null => out.push_str("(nil)"),
            Value::Double(text) => {
                let _ = write!(out, "(double) {}", String::from_utf8_lossy(text));
            }
            Value::Bool(true) => out.push_str("(true)"),
            Value::Bool(false) => out.push_str("(false)"),
            Value::Big(digits) => {
                let _ = write!(out, "(big number) {}", String::from_utf8_lossy(digits));
            }
            Value::Verbatim(_, text) => out.push_str(&String::from_utf8_lossy(text)),
            Value::Array(items) => return write_items(items, ')', "(empty array)", prefix, out),
            Value::Set(items) => return write_items(items, '~', "(empty set)", prefix, out),
            Value::Push(items) => return write_items(items, '>', "(empty push)", prefix, out),
            Value::Map(pairs) => return write_pairs(pairs, prefix, out),
        }
        out.push('\n');
    }
}

fn write_items(items: &[Value], mark: char, empty: &str, prefix: &str, out: &mut String) {
    if items.is_empty() {
        out.push_str(empty);
        out.push('\n');
        return;
    }
    let width = items.len().to_string().len();
    let deeper = format!("{prefix}{:1$}", "", width + 2);
    for (i, item) in items.iter().enumerate() {
        let before = if i == 0 { "" } else { prefix };
        let _ = write!(out, "{before}{:width$}{mark} ", i + 1);
        item.write_cli(&deeper, out);
    }
}

fn write_pairs(pairs: &[(Value, Value)], prefix: &str, out: &mut String) {
    if pairs.is_empty() {
        out.push_str("(empty hash)\n");
        return;
    }
    let width = pairs.len().to_string().len();
    let deeper = format!("{prefix}{:1$}", "", width + 2);
    for (i, (key, value)) in pairs.iter().enumerate() {
        let before = if i == 0 { "" } else { prefix };
        let _ = write!(out, "{before}{:width$}# ", i + 1);
        key.write_cli(&deeper, out);
        out.truncate(out.len() - 1);
        out.push_str(" => ");
        value.write_cli(&deeper, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(wire: &[u8]) -> String {
        let (value, length) =
            decode(wire, Protocol::Resp3).expect("the test's frame is valid").expect("and whole");
        assert_eq!(length, wire.len());
        value.cli()
    }

    #[test]
    fn values_look_as_in_redis_cli() {
        assert_eq!(cli(b"+OK\r\n"), "OK");
        assert_eq!(cli(b"*0\r\n"), "(empty array)");
        assert_eq!(cli(b"*2\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n"), "1) (integer) 1\n2) 1) \"a\"\n   2) (nil)");
        assert_eq!(cli(b"%1\r\n$1\r\na\r\n~1\r\n,1.50\r\n"), "1# \"a\" => 1~ (double) 1.50");
        assert_eq!(cli(b"$4\r\n\x00\"\r\n\r\n"), r#""\x00\"\r\n""#);
    }

    #[test]
    fn a_frame_is_whole_or_not_there() {
        let wire = b"*2\r\n$3\r\nfoo\r\n%1\r\n:1\r\n=5\r\ntxt:x\r\n";
        for cut in 0..wire.len() {
            assert_eq!(decode(&wire[..cut], Protocol::Resp3), Ok(None), "at {cut}");
        }
        assert!(matches!(decode(wire, Protocol::Resp3), Ok(Some((_, n))) if n == wire.len()));
        assert!(decode(wire, Protocol::Resp2).is_err(), "a map is no RESP2");
    }

    #[test]
    fn nesting_is_guarded() {
        let wire = [b"*1\r\n".repeat(40_000), b":1\r\n".to_vec()].concat();
        assert!(decode(&wire, Protocol::Resp2).is_err());
        assert!(decode(b"$3\r\nabcd\r\n", Protocol::Resp2).is_err());
    }
}
