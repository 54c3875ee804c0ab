//! The words of a line: splitting with Redis's quoting rules, and quoting so that splitting gives the word back.
//!
//! Double quotes know `\n \r \t \b \a \xHH` and take any other escaped byte as itself; single quotes know `\'` only.
//! A closing quote must be followed by a blank or the end. redis-cli, the configuration file and inline commands
//! share these rules.

/// The words of a line, or `None` when its quotes are not balanced.
#[must_use]
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|byte| is_space(*byte)) {
            at += 1;
        }
        if at >= line.len() {
            return Some(words);
        }
        let (word, next) = word(line, at)?;
        words.push(word);
        at = next;
    }
}

/// Blank as C's `isspace` says.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

/// Read one word that starts at `at`: the word, and where it ended.
fn word(line: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut word = Vec::new();
    loop {
        match line.get(at) {
            None | Some(b' ' | b'\n' | b'\r' | b'\t') => return Some((word, at)),
            Some(b'"') => return double_quoted(line, at + 1, word),
            Some(b'\'') => return single_quoted(line, at + 1, word),
            Some(byte) => word.push(*byte),
        }
        at += 1;
    }
}

fn double_quoted(line: &[u8], mut at: usize, mut word: Vec<u8>) -> Option<(Vec<u8>, usize)> {
    loop {
        match line.get(at..)? {
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) * 16 + hex(*low));
                at += 4;
            }
            [b'\\', escaped, ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                at += 2;
            }
            [b'"', rest @ ..] => return closed(rest, at + 1, word),
            [byte, ..] => {
                word.push(*byte);
                at += 1;
            }
            [] => return None,
        }
    }
}

fn single_quoted(line: &[u8], mut at: usize, mut word: Vec<u8>) -> Option<(Vec<u8>, usize)> {
    loop {
        match line.get(at..)? {
            [b'\\', b'\'', ..] => {
                word.push(b'\'');
                at += 2;
            }
            [b'\'', rest @ ..] => return closed(rest, at + 1, word),
            [byte, ..] => {
                word.push(*byte);
                at += 1;
            }
            [] => return None,
        }
    }
}

fn closed(rest: &[u8], at: usize, word: Vec<u8>) -> Option<(Vec<u8>, usize)> {
    rest.first().is_none_or(|byte| is_space(*byte)).then_some((word, at))
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// Append a word in double quotes, with everything escaped that is not printable ASCII.
pub fn push_quoted(out: &mut Vec<u8>, word: &[u8]) {
    out.push(b'"');
    for byte in word {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            7 => out.extend(b"\\a"),
            8 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            other => out.extend(format!("\\x{other:02x}").bytes()),
        }
    }
    out.push(b'"');
}

/// Cut blanks, tabs and line ends from both ends of a line.
#[must_use]
pub(crate) fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_args(line.as_bytes())?;
        Some(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    fn ok(line: &str, expected: &[&str]) {
        assert_eq!(
            words(line).as_deref(),
            Some(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
        );
    }

    #[test]
    fn plain_words() {
        ok("", &[]);
        ok("  a\tb  c ", &["a", "b", "c"]);
    }

    #[test]
    fn quotes() {
        ok(r#"a "b c" 'd e'"#, &["a", "b c", "d e"]);
        ok(r#""" '' x"#, &["", "", "x"]);
        ok(r#""a\n\x41\q\"" 'it\'s \n'"#, &["a\nAq\"", "it's \\n"]);
        ok(r#"ab"c d""#, &["abc d"]);
        ok(r#""\xZZ""#, &["xZZ"]);
    }

    #[test]
    fn unbalanced_quotes() {
        for line in [r#""a"#, "'a", r#""a"b"#, "'a'b", r#"a""#, r#""a\"#] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    #[test]
    fn quoting_is_the_inverse_of_splitting() {
        let all: Vec<u8> = (0..=255).collect();
        let mut line = Vec::new();
        push_quoted(&mut line, &all);
        assert_eq!(split_args(&line), Some(vec![all]));
    }

    #[test]
    fn trimming() {
        assert_eq!(trim(b" \t a b\r\n"), b"a b");
        assert_eq!(trim(b" \t\r\n"), b"");
    }
}
