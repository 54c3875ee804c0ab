//! Glob patterns as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and ACL rules understand them.
//!
//! `*` any bytes, `?` one byte, `[a-c]` one of a class, `[^a]` one outside it, `\x` x itself. The odd corners are
//! Redis's, because clients see them: a class that nobody closed ends with the pattern, the ends of a range may be
//! swapped, an escaped byte in a class ignores `nocase`, and the empty string matches the empty pattern only.
//! Every element but `*` eats exactly one byte, so going back to the last `*` is enough: the cost is at most the
//! product of both lengths, whatever a client sends. A pattern with very many `*` matches nothing, as in Redis.

use crate::limits;

/// Whether `subject` matches `pattern`. With `nocase` ASCII letters match in either case.
#[must_use]
pub fn matches(pattern: &[u8], subject: &[u8], nocase: bool) -> bool {
    let (mut p, mut s) = (0, 0);
    // Where to resume when the rest does not fit: just behind the last `*`, and the first byte it has not eaten.
    let mut star: Option<(usize, usize)> = None;
    let mut stars = 0;
    while s < subject.len() {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > limits::GLOB_STARS {
                return false;
            }
            star = Some((p, s));
            continue;
        }
        match one(&pattern[p..], subject[s], nocase) {
            Some(used) => {
                p += used;
                s += 1;
            }
            None => match star {
                Some((behind, eaten)) => {
                    star = Some((behind, eaten + 1));
                    p = behind;
                    s = eaten + 1;
                }
                None => return false,
            },
        }
    }
    if !subject.is_empty() {
        while pattern.get(p) == Some(&b'*') {
            p += 1;
        }
    }
    p == pattern.len()
}

/// Whether the pattern is one that CONFIG GET and others expand, rather than a plain name.
#[must_use]
pub fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'[' | b'*' | b'?'))
}

/// Match the first element of `pattern` against one byte: its length in the pattern, or `None`.
fn one(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => class(pattern, byte, nocase),
        b'\\' if pattern.len() >= 2 => same(pattern[1], byte, nocase).then_some(2),
        literal => same(literal, byte, nocase).then_some(1),
    }
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || (nocase && a.eq_ignore_ascii_case(&b))
}

/// Match a class, whose `[` is the first byte of `pattern`.
fn class(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        let rest = &pattern[at..];
        match *rest {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                found |= in_range(from, to, byte, nocase);
                at += 3;
            }
            [literal, ..] => {
                found |= same(literal, byte, nocase);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

/// Redis orders the ends before it folds their case, and compares bytes as signed: so do we.
fn in_range(from: u8, to: u8, byte: u8, nocase: bool) -> bool {
    let signed = |b: u8| i8::from_ne_bytes([b]);
    let (mut low, mut high) = if signed(from) > signed(to) { (to, from) } else { (from, to) };
    let mut byte = byte;
    if nocase {
        low.make_ascii_lowercase();
        high.make_ascii_lowercase();
        byte.make_ascii_lowercase();
    }
    (signed(low)..=signed(high)).contains(&signed(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_stars_match_nothing() {
        let subject = [b'a'; 5000];
        for (stars, expected) in [(limits::GLOB_STARS, true), (limits::GLOB_STARS + 1, false)] {
            assert_eq!(matches("*a".repeat(stars).as_bytes(), &subject, false), expected);
            assert_eq!(matches(("*a".repeat(stars) + "*").as_bytes(), &subject, false), expected);
        }
        assert!(matches("*".repeat(5000).as_bytes(), &subject, false), "they are one");
    }

    fn yes(pattern: &str, subject: &str) -> bool {
        matches(pattern.as_bytes(), subject.as_bytes(), false)
    }

    #[test]
    fn literals_stars_and_question_marks() {
        assert!(yes("", "") && yes("abc", "abc") && yes("a*", "a") && yes("a**", "a") && yes("*", "x"));
        assert!(yes("h?llo", "hello") && yes("h*llo", "heeeello") && yes("*b*d", "abcbd"));
        assert!(!yes("abc", "abd") && !yes("abc", "ab") && !yes("ab", "abc") && !yes("h?llo", "hllo"));
        assert!(!yes("", "a") && !yes("*b", "abc"));
    }

    #[test]
    fn the_empty_string_matches_only_the_empty_pattern() {
        assert!(!yes("*", "") && !yes("**", "") && !yes("[^", ""));
    }

    #[test]
    fn classes_ranges_and_negation() {
        assert!(yes("h[ae]llo", "hallo") && !yes("h[ae]llo", "hillo"));
        assert!(yes("h[^e]llo", "hallo") && !yes("h[^e]llo", "hello"));
        assert!(yes("h[a-c]llo", "hbllo") && yes("h[c-a]llo", "hbllo") && !yes("h[a-c]llo", "hdllo"));
        assert!(yes("[a-]", "_") && !yes("[a-]", "-") && !yes("[]a", "]a"));
        assert!(!yes("[]", "]") && !yes("[", "[") && yes("[^", "z") && yes("[abc", "c") && yes("x[ab", "xb"));
        assert!(yes("[\\]]", "]") && yes("[\\-a]", "-") && yes("[a\\", "\\"));
    }

    #[test]
    fn escapes() {
        assert!(yes("\\*", "*") && !yes("\\*", "a") && yes("a\\", "a\\") && yes("\\a", "a"));
    }

    #[test]
    fn nocase_folds_literals_and_ranges_but_not_escapes_in_a_class() {
        assert!(matches(b"HELLO*", b"hello world", true) && matches(b"\\HI", b"hi", true));
        assert!(matches(b"[A-C]x", b"bX", true) && matches(b"[B]", b"b", true));
        assert!(!matches(b"[\\B]", b"b", true) && !matches(b"A", b"a", false));
    }

    #[test]
    fn bytes_above_127_are_ordered_as_signed() {
        assert!(matches(b"[\x80-\x90]", b"\x85", false) && !matches(b"[\x80-\x90]", b"\x91", false));
        assert!(matches(b"[a-\x80]", b"A", false) && !matches(b"[a-\x80]", b"b", false));
    }

    #[test]
    fn hostile_patterns_stay_cheap() {
        let pattern = b"a*".repeat(2_000);
        let subject = vec![b'a'; 20_000];
        let started = std::time::Instant::now();
        assert!(!matches(&[&pattern[..], b"b"].concat(), &subject, false));
        assert!(matches(&pattern, &subject, false));
        assert!(started.elapsed().as_secs() < 10, "matching must not take exponential time");
    }
}
