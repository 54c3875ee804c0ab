//! How Redis splits a line into arguments: an inline request, and a line of its configuration file.
//!
//! The rules are those of Redis's `sdssplitargs`, quirks included. They work on bytes and say nothing about where a line ends.

/// What C's `isspace` holds for a space; Rust's `is_ascii_whitespace` leaves out the vertical tab.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The line from its first byte on that is not a space.
#[must_use]
pub fn skip_spaces(line: &[u8]) -> &[u8] {
    let spaces = line.iter().take_while(|byte| is_space(**byte)).count();
    &line[spaces..]
}

/// Append the first argument of `line`, which does not start with a space, to `out`; the rest of the line is the result,
/// unless the quotes are unbalanced.
///
/// Quotes may open in the middle of an argument, but what follows a closing quote must be a space. In double quotes, `\xHH`,
/// `\n`, `\r`, `\t`, `\b` and `\a` mean what they do in C and any other escaped byte itself; in single quotes there is only `\'`.
#[must_use]
pub fn unquote<'a>(line: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut left = line;
    // Outside of quotes, these four end an argument; the other two spaces belong to it.
    while let [byte, rest @ ..] = left {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return Some(left),
            b'"' => return double_quoted(rest, out),
            b'\'' => return single_quoted(rest, out),
            _ => out.push(*byte),
        }
        left = rest;
    }
    Some(left)
}

fn double_quoted<'a>(mut left: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, rest) = match left {
            [b'\\', b'x', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_digit(*high) << 4 | hex_digit(*low), rest)
            }
            [b'\\', escaped, rest @ ..] => (unescape(*escaped), rest),
            [b'"', rest @ ..] => return closed(rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        out.push(byte);
        left = rest;
    }
}

fn single_quoted<'a>(mut left: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, rest) = match left {
            [b'\\', b'\'', rest @ ..] => (b'\'', rest),
            [b'\'', rest @ ..] => return closed(rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        out.push(byte);
        left = rest;
    }
}

/// What may stand behind a closing quote.
fn closed(left: &[u8]) -> Option<&[u8]> {
    match left.first() {
        Some(byte) if !is_space(*byte) => None,
        _ => Some(left),
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut args = Vec::new();
        let mut left = skip_spaces(line);
        while !left.is_empty() {
            let mut arg = Vec::new();
            left = skip_spaces(unquote(left, &mut arg)?);
            args.push(arg);
        }
        Some(args)
    }

    #[test]
    fn lines_split_as_in_redis() {
        assert_eq!(split(b" save 900\t1 "), Some(vec![b"save".to_vec(), b"900".to_vec(), b"1".to_vec()]));
        assert_eq!(split(br#"a"b c"'d' e"#), None);
        assert_eq!(
            split(br#"a"b c" 'd\'' "\x00\n""#),
            Some(vec![b"ab c".to_vec(), b"d'".to_vec(), b"\0\n".to_vec()])
        );
        assert_eq!(split(b" \x0b\x0c\r\n"), Some(vec![]));
        assert_eq!(split(b"''"), Some(vec![vec![]]));
        assert_eq!(split(b"'"), None);
    }
}
