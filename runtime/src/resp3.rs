//! Whether bytes are exactly one RESP3 value that any client can read.
//!
//! A module's nested replies go to clients as they are, so a length that lies would let it write replies to requests that
//! are not its own. This walks over the bytes once, without recursion and without allocating: a stack of counters, as
//! deep as nesting is allowed, says what is still to come.
//!
//! Pushes, attributes and streamed types are no replies and are refused, as are the RESP2 nulls (`$-1`, `*-1`), for which
//! RESP3 has `_`. Nothing is decoded here; for that there is redis-protocol.

use crate::limits::RESP3_DEPTH;

/// Why bytes are not one RESP3 value. The text completes "the reply is not valid RESP3: ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the text of each says what it is")]
pub enum Invalid {
    #[error("it ends too early")]
    Truncated,
    #[error("there are bytes behind the value")]
    Trailing,
    #[error("it is nested deeper than {RESP3_DEPTH}")]
    TooDeep,
    #[error("it contains a push, an attribute or a streamed type")]
    Forbidden,
    #[error("it contains an unknown type")]
    UnknownType,
    #[error("it contains a length that is no number")]
    BadLength,
    #[error("it contains a malformed number")]
    BadNumber,
    #[error("it contains a boolean or null that is neither")]
    BadScalar,
    #[error("it contains a verbatim string that is neither txt nor mkd")]
    BadVerbatim,
    #[error("it contains a line that does not end with CR LF")]
    BadLine,
    #[error("it contains text that is not UTF-8 where text is required")]
    BadText,
}

/// Check that `bytes` are one whole value and nothing else.
pub fn validate(bytes: &[u8]) -> Result<(), Invalid> {
    let mut rest = bytes;
    // How many values each open aggregate still waits for.
    let mut pending = [0u64; RESP3_DEPTH];
    let mut depth = 0;
    loop {
        let children = value(&mut rest)?;
        if children > 0 {
            if depth == RESP3_DEPTH {
                return Err(Invalid::TooDeep);
            }
            pending[depth] = children;
            depth += 1;
            continue;
        }
        while depth > 0 {
            pending[depth - 1] -= 1;
            if pending[depth - 1] > 0 {
                break;
            }
            depth -= 1;
        }
        if depth == 0 {
            return if rest.is_empty() { Ok(()) } else { Err(Invalid::Trailing) };
        }
    }
}

/// Walk over one scalar, or over the head of an aggregate; how many values the aggregate has.
fn value(rest: &mut &[u8]) -> Result<u64, Invalid> {
    let (&kind, tail) = rest.split_first().ok_or(Invalid::Truncated)?;
    *rest = tail;
    match kind {
        b'$' | b'!' | b'=' => {
            let length = length(line(rest)?)?;
            let payload = blob(rest, length)?;
            match kind {
                // The two formats that RESP3 names; clients know no others.
                b'=' if !payload.starts_with(b"txt:") && !payload.starts_with(b"mkd:") => {
                    return Err(Invalid::BadVerbatim);
                }
                b'=' | b'!' if std::str::from_utf8(payload).is_err() => return Err(Invalid::BadText),
                _ => {}
            }
            Ok(0)
        }
        b'+' | b'-' => {
            let text = line(rest)?;
            std::str::from_utf8(text).map_err(|_| Invalid::BadText)?;
            Ok(0)
        }
        b':' => scalar(integer(line(rest)?), Invalid::BadNumber),
        b',' => scalar(double(line(rest)?), Invalid::BadNumber),
        b'(' => scalar(digits(unsigned(line(rest)?)), Invalid::BadNumber),
        b'#' => scalar(matches!(line(rest)?, b"t" | b"f"), Invalid::BadScalar),
        b'_' => scalar(line(rest)?.is_empty(), Invalid::BadScalar),
        b'*' | b'~' => count(line(rest)?, 1),
        b'%' => count(line(rest)?, 2),
        b'>' | b'|' | b';' | b'.' => Err(Invalid::Forbidden),
        _ => Err(Invalid::UnknownType),
    }
}

fn scalar(good: bool, otherwise: Invalid) -> Result<u64, Invalid> {
    if good { Ok(0) } else { Err(otherwise) }
}

/// The bytes up to CR LF, which are skipped. A CR or LF of its own ends no line and may not be in one.
fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Invalid> {
    let end = rest.iter().position(|&b| b == b'\r' || b == b'\n').ok_or(Invalid::Truncated)?;
    if rest[end] == b'\n' {
        return Err(Invalid::BadLine);
    }
    match rest.get(end + 1) {
        None => Err(Invalid::Truncated),
        Some(b'\n') => {
            let text = &rest[..end];
            *rest = &rest[end + 2..];
            Ok(text)
        }
        Some(_) => Err(Invalid::BadLine),
    }
}

/// `length` bytes of any kind and CR LF behind them.
fn blob<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Invalid> {
    let length = usize::try_from(length).map_err(|_| Invalid::Truncated)?;
    let whole = length.checked_add(2).ok_or(Invalid::Truncated)?;
    let bytes = rest.get(..whole).ok_or(Invalid::Truncated)?;
    if &bytes[length..] != b"\r\n" {
        return Err(Invalid::BadLine);
    }
    *rest = &rest[whole..];
    Ok(&bytes[..length])
}

/// A length without sign. `?` is what streamed types have instead.
fn length(text: &[u8]) -> Result<u64, Invalid> {
    if text == b"?" {
        return Err(Invalid::Forbidden);
    }
    // Ten digits are more than anything here may hold, so the sum cannot overflow.
    if !digits(text) || text.len() > 10 {
        return Err(Invalid::BadLength);
    }
    Ok(text.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn count(text: &[u8], per_entry: u64) -> Result<u64, Invalid> {
    length(text).map(|entries| entries * per_entry)
}

fn digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

fn unsigned(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text)
}

/// A decimal number of 64 bits with sign.
fn integer(text: &[u8]) -> bool {
    digits(unsigned(text)) && std::str::from_utf8(text).is_ok_and(|text| text.parse::<i64>().is_ok())
}

/// `inf`, `-inf`, `nan`, or digits with at most one fraction and one exponent.
fn double(text: &[u8]) -> bool {
    if matches!(text, b"inf" | b"-inf" | b"nan") {
        return true;
    }
    let text = unsigned(text);
    let (mantissa, exponent) = match text.iter().position(|&b| b == b'e' || b == b'E') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.iter().position(|&b| b == b'.') {
        Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
        None => (mantissa, None),
    };
    digits(whole) && fraction.is_none_or(digits) && exponent.is_none_or(|exponent| digits(unsigned(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), Invalid> {
        validate(text.as_bytes())
    }

    #[test]
    fn every_type_that_a_reply_may_have() {
        for good in [
            "+OK\r\n",
            "+\r\n",
            "-ERR no\r\n",
            ":0\r\n",
            ":-9223372036854775808\r\n",
            ":+7\r\n",
            ",1\r\n",
            ",-1.5e10\r\n",
            ",1E+3\r\n",
            ",inf\r\n",
            ",-inf\r\n",
            ",nan\r\n",
            "(-123456789012345678901234567890\r\n",
            "#t\r\n",
            "#f\r\n",
            "_\r\n",
            "$0\r\n\r\n",
            "$4\r\na\r\nb\r\n",
            "!5\r\nERR x\r\n",
            "=7\r\ntxt:abc\r\n",
            "=4\r\ntxt:\r\n",
            "*0\r\n",
            "*2\r\n:1\r\n*1\r\n_\r\n",
            "~1\r\n:1\r\n",
            "%1\r\n+k\r\n:1\r\n",
            "%0\r\n",
            "*3\r\n*0\r\n%0\r\n~0\r\n",
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn every_way_to_be_wrong() {
        use Invalid::*;
        for (bad, why) in [
            ("", Truncated),
            ("+OK", Truncated),
            ("+OK\r", Truncated),
            ("$5\r\nabc\r\n", Truncated),
            ("*1\r\n", Truncated),
            ("%1\r\n:1\r\n", Truncated),
            ("$3\r\nabc", Truncated),
            ("$9999999999\r\n", Truncated),
            ("$", Truncated),
            ("+OK\r\n+OK\r\n", Trailing),
            ("*0\r\n\r\n", Trailing),
            ("$3\r\nabcd\r\n", BadLine),
            ("$3\r\nabc\n\r", BadLine),
            ("+a\nb\r\n", BadLine),
            ("+a\rb\r\n", BadLine),
            (":1\n", BadLine),
            (">1\r\n:1\r\n", Forbidden),
            ("|1\r\n:1\r\n:1\r\n:1\r\n", Forbidden),
            ("*?\r\n.\r\n", Forbidden),
            ("$?\r\n;0\r\n", Forbidden),
            ("%?\r\n", Forbidden),
            ("*1\r\n>0\r\n", Forbidden),
            (".\r\n", Forbidden),
            ("x\r\n", UnknownType),
            ("\r\n", UnknownType),
            ("@1\r\n", UnknownType),
            ("$-1\r\n", BadLength),
            ("*-1\r\n", BadLength),
            ("$+1\r\na\r\n", BadLength),
            ("$\r\n\r\n", BadLength),
            ("*1x\r\n:1\r\n", BadLength),
            ("$99999999999\r\n", BadLength),
            (":\r\n", BadNumber),
            (":1.0\r\n", BadNumber),
            (":9223372036854775808\r\n", BadNumber),
            (":--1\r\n", BadNumber),
            (": 1\r\n", BadNumber),
            (",\r\n", BadNumber),
            (",.5\r\n", BadNumber),
            (",1.\r\n", BadNumber),
            (",1e\r\n", BadNumber),
            (",1.2.3\r\n", BadNumber),
            (",+inf\r\n", BadNumber),
            (",0x1\r\n", BadNumber),
            ("(1.5\r\n", BadNumber),
            ("(\r\n", BadNumber),
            ("(-\r\n", BadNumber),
            ("#x\r\n", BadScalar),
            ("#\r\n", BadScalar),
            ("#tt\r\n", BadScalar),
            ("_x\r\n", BadScalar),
            ("=3\r\ntxt\r\n", BadVerbatim),
            ("=0\r\n\r\n", BadVerbatim),
            ("=4\r\ntxtx\r\n", BadVerbatim),
        ] {
            assert_eq!(check(bad), Err(why), "{bad:?}");
        }
        assert_eq!(validate(b"+\xff\r\n"), Err(BadText));
        assert_eq!(validate(b"!1\r\n\xff\r\n"), Err(BadText));
        assert_eq!(validate(b"$1\r\n\xff\r\n"), Ok(()), "a blob is any bytes");
    }

    #[test]
    fn depth_is_counted_on_both_sides_of_the_limit() {
        let nested = |depth: usize| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
        assert_eq!(validate(&nested(RESP3_DEPTH)), Ok(()));
        assert_eq!(validate(&nested(RESP3_DEPTH + 1)), Err(Invalid::TooDeep));
        assert_eq!(validate(&b"*1\r\n".repeat(1_000_000)), Err(Invalid::TooDeep));
        // Siblings are not depth.
        let wide = [b"*1000\r\n".to_vec(), b"*1\r\n:1\r\n".repeat(1000)].concat();
        assert_eq!(validate(&wide), Ok(()));
    }
}
