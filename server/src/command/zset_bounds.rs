//! Scores and ranges of sorted sets as clients write them: `1.5`, `(3`, `+inf`; `[member`, `(member`, `-`, `+`.

use crate::keyspace::{LexBound, LexRange, ScoreRange};

use super::error::CommandError;
use super::strtod::strtod;

/// An end of a range of scores, and whether it is excluded. Redis reads more here than it does as a score: blanks in front,
/// nothing at all as 0, and no further than a zero byte.
fn score_bound(text: &[u8]) -> Option<(f64, bool)> {
    let (text, excluded) = match text {
        [b'(', rest @ ..] => (rest, true),
        _ => (text, false),
    };
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some((0.0, excluded));
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    Some((strtod(&text[blanks..])?.value, excluded))
}

/// A range of scores.
pub(super) fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    let bounds = score_bound(min).zip(score_bound(max));
    let ((min, min_excluded), (max, max_excluded)) =
        bounds.ok_or(CommandError::line("ERR min or max is not a float"))?;
    Ok(ScoreRange { min, min_excluded, max, max_excluded })
}

fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    Some(match text {
        [b'-'] => LexBound::Lowest,
        [b'+'] => LexBound::Highest,
        [b'[', member @ ..] => LexBound::Included(member),
        [b'(', member @ ..] => LexBound::Excluded(member),
        _ => return None,
    })
}

/// A range of members.
pub(super) fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, CommandError> {
    let bounds = lex_bound(min).zip(lex_bound(max));
    let (min, max) = bounds.ok_or(CommandError::line("ERR min or max not valid string range item"))?;
    Ok(LexRange { min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("1", Some((1.0, false))),
            ("(1", Some((1.0, true))),
            ("", Some((0.0, false))),
            ("(", Some((0.0, true))),
            (" 1", Some((1.0, false))),
            ("( 1", Some((1.0, true))),
            ("1\0x", Some((1.0, false))),
            ("1e999", Some((f64::INFINITY, false))),
            ("(-inf", Some((f64::NEG_INFINITY, true))),
            (" ", None),
            ("nan", None),
            ("1x", None),
            ("((1", None),
        ] {
            assert_eq!(score_bound(text.as_bytes()), expected, "{text:?}");
        }
        for text in ["", "+x", "-x", "a", "1"] {
            assert_eq!(lex_bound(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(lex_bound(b"["), Some(LexBound::Included(b"")));
        assert_eq!(lex_bound(b"((a"), Some(LexBound::Excluded(b"(a")));
    }
}
