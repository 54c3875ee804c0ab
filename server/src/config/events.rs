//! The classes of keyspace events, and the letters that `notify-keyspace-events` has for them.

use std::ops::BitOr;

/// A set of event classes, and of the channels (`K`, `E`) on which they are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFlags(u16);

/// What Redis says to a letter that it does not know.
pub(crate) const INVALID_CLASS: &str = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";

impl EventFlags {
    /// Nothing at all.
    pub const NONE: Self = Self(0);
    /// `K`: publish to `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: Self = Self(1 << 0);
    /// `E`: publish to `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// `g`: commands of no type, such as DEL, EXPIRE, RENAME.
    pub const GENERIC: Self = Self(1 << 2);
    /// `$`: strings.
    pub const STRING: Self = Self(1 << 3);
    /// `l`: lists.
    pub const LIST: Self = Self(1 << 4);
    /// `s`: sets.
    pub const SET: Self = Self(1 << 5);
    /// `h`: hashes.
    pub const HASH: Self = Self(1 << 6);
    /// `z`: sorted sets.
    pub const ZSET: Self = Self(1 << 7);
    /// `x`: a key's time ran out.
    pub const EXPIRED: Self = Self(1 << 8);
    /// `e`: a key was evicted for memory.
    pub const EVICTED: Self = Self(1 << 9);
    /// `t`: streams.
    pub const STREAM: Self = Self(1 << 10);
    /// `m`: a read found no key. Not part of `A`.
    pub const KEY_MISS: Self = Self(1 << 11);
    /// `d`: modules.
    pub const MODULE: Self = Self(1 << 13);
    /// `n`: a key was created. Not part of `A`.
    pub const NEW: Self = Self(1 << 14);
    /// `A`: every class but `m` and `n`.
    pub const ALL: Self = Self(
        Self::GENERIC.0
            | Self::STRING.0
            | Self::LIST.0
            | Self::SET.0
            | Self::HASH.0
            | Self::ZSET.0
            | Self::EXPIRED.0
            | Self::EVICTED.0
            | Self::STREAM.0
            | Self::MODULE.0,
    );

    /// The letters in the order in which they are printed; those before `n` are what `A` stands for.
    const LETTERS: [(u8, Self); 14] = [
        (b'g', Self::GENERIC),
        (b'$', Self::STRING),
        (b'l', Self::LIST),
        (b's', Self::SET),
        (b'h', Self::HASH),
        (b'z', Self::ZSET),
        (b'x', Self::EXPIRED),
        (b'e', Self::EVICTED),
        (b't', Self::STREAM),
        (b'd', Self::MODULE),
        (b'n', Self::NEW),
        (b'K', Self::KEYSPACE),
        (b'E', Self::KEYEVENT),
        (b'm', Self::KEY_MISS),
    ];

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flags that a string of letters stands for, or `None` when one of them is unknown.
    #[must_use]
    pub fn parse(letters: &[u8]) -> Option<Self> {
        letters.iter().try_fold(Self::NONE, |flags, letter| {
            let flag = match letter {
                b'A' => Self::ALL,
                other => Self::LETTERS.iter().find(|(known, _)| known == other)?.1,
            };
            Some(flags | flag)
        })
    }

    /// The letters for these flags, in Redis's order: `A` in place of all classes.
    ///
    /// Redis 7.0 leaves `n` out of what it prints when `A` is there, so that a rewritten file loses it; we do not.
    #[must_use]
    pub fn format(self) -> String {
        let mut out = String::new();
        let all = self.contains(Self::ALL);
        if all {
            out.push('A');
        }
        for (letter, flag) in Self::LETTERS {
            if self.contains(flag) && !(all && Self::ALL.contains(flag)) {
                out.push(char::from(letter));
            }
        }
        out
    }
}

impl BitOr for EventFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_and_printed_in_redis_order() {
        for (given, printed) in [
            ("", ""),
            ("KEA", "AKE"),
            ("gxKmn", "gxnKm"),
            ("g$lshzxetd", "A"),
            ("An", "An"),
            ("E", "E"),
            ("Ag", "A"),
        ] {
            let flags = EventFlags::parse(given.as_bytes()).expect("known letters");
            assert_eq!(flags.format(), printed, "{given}");
            assert_eq!(EventFlags::parse(printed.as_bytes()), Some(flags));
        }
    }

    #[test]
    fn unknown_letters_are_refused() {
        for given in ["Q", "K E", "k", "KEAa", "K\u{e9}"] {
            assert_eq!(EventFlags::parse(given.as_bytes()), None, "{given}");
        }
    }

    #[test]
    fn all_leaves_out_misses_and_new_keys() {
        assert!(!EventFlags::ALL.intersects(EventFlags::KEY_MISS | EventFlags::NEW));
        assert!(EventFlags::ALL.contains(EventFlags::STRING) && EventFlags::NONE.is_empty());
    }
}
