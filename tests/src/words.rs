//! Text as redis-cli writes and reads it: quotes, escapes, and lines cut into arguments.

use std::fmt::Write as _;

/// Bytes between double quotes, escaped as redis-cli escapes them.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// Cut a line into arguments by redis-cli's rules for quotes and escapes. `None` when quotes do not match.
pub fn split_line(line: &str) -> Option<Vec<Vec<u8>>> {
    let bytes = line.as_bytes();
    let mut args = Vec::new();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let Some(&first) = bytes.get(at) else { return Some(args) };
        let mut arg = Vec::new();
        if first == b'"' || first == b'\'' {
            at = quoted(bytes, at + 1, first, &mut arg)?;
            if bytes.get(at).is_some_and(|b| !b.is_ascii_whitespace()) {
                return None;
            }
        } else {
            while let Some(&byte) = bytes.get(at).filter(|b| !b.is_ascii_whitespace()) {
                arg.push(byte);
                at += 1;
            }
        }
        args.push(arg);
    }
}

/// Read up to the closing quote and give the position after it.
fn quoted(bytes: &[u8], mut at: usize, quote: u8, arg: &mut Vec<u8>) -> Option<usize> {
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        if byte == quote {
            return Some(at);
        }
        if byte != b'\\' {
            arg.push(byte);
            continue;
        }
        let escaped = *bytes.get(at)?;
        at += 1;
        if quote == b'\'' {
            if escaped != b'\'' {
                arg.push(b'\\');
            }
            arg.push(escaped);
            continue;
        }
        match escaped {
            b'n' => arg.push(b'\n'),
            b'r' => arg.push(b'\r'),
            b't' => arg.push(b'\t'),
            b'a' => arg.push(0x07),
            b'b' => arg.push(0x08),
            b'x' => {
                let digits = bytes.get(at..at + 2)?;
                arg.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                at += 2;
            }
            other => arg.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_redis_cli_splits_them() {
        let words =
            |line| split_line(line).map(|args| args.iter().map(|a| quote(a)).collect::<Vec<_>>().join(" "));
        assert_eq!(words(r#"SET "a b" 'c\'d' "\x00\n""#).as_deref(), Some(r#""SET" "a b" "c'd" "\x00\n""#));
        assert_eq!(words(r#"SET "a"#), None);
        assert_eq!(words("").as_deref(), Some(""));
    }
}
