//! How clients write ids: `ms-seq`, `ms` alone, `-` and `+` for the ends, `(` before one that is not meant itself, `*` for one that the
//! server chooses.

use crate::command::error::CommandError;
use crate::keyspace::StreamId;

const INVALID: CommandError =
    CommandError::line("ERR Invalid stream ID specified as stream command argument");

/// Longer texts are no ids. Redis's figure.
const TEXT_MAX: usize = 127;

/// A number as C's `strtoull` reads one that fills the text.
fn number(text: &[u8]) -> Option<u64> {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0B).count();
    let text = &text[blanks..];
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

fn parts(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    }
}

fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let (ms, seq) = parts(text);
    Some(StreamId { ms: number(ms)?, seq: seq.map_or(Some(missing_seq), number)? })
}

/// An id that is neither `-` nor `+`.
#[inline]
pub(super) fn id(text: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    parse(text, missing_seq).ok_or(INVALID)
}

/// An id, `-` or `+`.
pub(super) fn id_or_end(text: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => id(text, missing_seq),
    }
}

/// The first id of an interval.
pub(super) fn start(text: &[u8]) -> Result<StreamId, CommandError> {
    match text {
        [b'(', text @ ..] if !text.is_empty() => {
            id(text, 0)?.next().ok_or(CommandError::line("ERR invalid start ID for the interval"))
        }
        text => id_or_end(text, 0),
    }
}

/// The last id of an interval.
pub(super) fn end(text: &[u8]) -> Result<StreamId, CommandError> {
    match text {
        [b'(', text @ ..] if !text.is_empty() => {
            id(text, u64::MAX)?.previous().ok_or(CommandError::line("ERR invalid end ID for the interval"))
        }
        text => id_or_end(text, u64::MAX),
    }
}

/// All ids from the `first` argument on.
pub(super) fn all<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Result<Vec<StreamId>, CommandError> {
    texts.map(|text| id(text, 0)).collect()
}

/// The id of an entry that is to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewId {
    /// The server chooses.
    Any,
    /// The server chooses within a millisecond.
    Within(u64),
    /// This one.
    Exactly(StreamId),
}

impl NewId {
    /// As a client writes it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, CommandError> {
        if text == b"*" {
            return Ok(NewId::Any);
        }
        match parts(text) {
            (ms, Some(b"*")) if text.len() <= TEXT_MAX => Ok(NewId::Within(number(ms).ok_or(INVALID)?)),
            _ => Ok(NewId::Exactly(id(text, 0)?)),
        }
    }

    /// No entry has the id before all others.
    pub(crate) fn check(self) -> Result<(), CommandError> {
        if self == NewId::Exactly(StreamId::MIN) {
            return Err(CommandError::line("ERR The ID specified in XADD must be greater than 0-0"));
        }
        Ok(())
    }

    /// The id itself, in a stream whose last one is this.
    #[inline]
    pub(super) fn behind(self, last: StreamId, now_ms: u64) -> Result<StreamId, CommandError> {
        let Some(next) = last.next() else {
            return Err(CommandError::line(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        };
        let id = match self {
            NewId::Any if now_ms > last.ms => Some(StreamId { ms: now_ms, seq: 0 }),
            NewId::Any => Some(next),
            NewId::Within(ms) if ms == last.ms => Some(next).filter(|next| next.ms == ms),
            NewId::Within(ms) => Some(StreamId { ms, seq: 0 }),
            NewId::Exactly(id) => Some(id),
        };
        id.filter(|id| *id > last).ok_or(CommandError::line(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn of(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("0", Some(of(0, 9))),
            ("5-3", Some(of(5, 3))),
            ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            ("18446744073709551616", None),
            ("007-01", Some(of(7, 1))),
            (" +7", Some(of(7, 9))),
            ("", None),
            ("-", None),
            ("+", None),
            ("-1", None),
            ("1-", None),
            ("1-2-3", None),
            ("1-*", None),
            ("a", None),
            ("$", None),
        ] {
            assert_eq!(parse(text.as_bytes(), 9), expected, "{text:?}");
        }
        assert_eq!(parse(&[b'0'; 128], 0), None);
    }

    #[test]
    fn intervals_may_be_open() {
        assert_eq!(start(b"(5"), Ok(of(5, 1)));
        assert_eq!(end(b"(5"), Ok(of(5, u64::MAX - 1)));
        assert_eq!((start(b"-"), end(b"+")), (Ok(StreamId::MIN), Ok(StreamId::MAX)));
        assert!(start(b"(+").is_err() && start(b"(").is_err() && end(b"(0-0").is_err());
        assert!(start(b"(18446744073709551615-18446744073709551615").is_err());
    }

    #[test]
    fn new_ids_are_behind_the_last() {
        let new =
            |text: &str, last, now| NewId::parse(text.as_bytes()).and_then(|id| id.behind(last, now)).ok();
        for (text, last, now, expected) in [
            ("*", of(0, 0), 7, Some(of(7, 0))),
            ("*", of(7, 3), 7, Some(of(7, 4))),
            ("*", of(9, u64::MAX), 7, Some(of(10, 0))),
            ("*", StreamId::MAX, 7, None),
            ("0-*", of(0, 0), 7, Some(of(0, 1))),
            ("5-*", of(4, 9), 7, Some(of(5, 0))),
            ("5-*", of(5, 9), 7, Some(of(5, 10))),
            ("5-*", of(5, u64::MAX), 7, None),
            ("5-*", of(6, 0), 7, None),
            ("5", of(4, 9), 7, Some(of(5, 0))),
            ("5", of(5, 0), 7, None),
        ] {
            assert_eq!(new(text, last, now), expected, "{text} behind {last}");
        }
    }
}
