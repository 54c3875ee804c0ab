//! Time cut into buckets of one length.

use crate::words::Words;

/// Buckets of `duration` milliseconds, one of which begins at `align`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// How long each is; at least 1.
    pub duration: i64,
    /// Where one begins; not negative.
    pub align: i64,
}

impl Buckets {
    /// Where the bucket of a time begins. The first one may begin before time does, and its start is negative then.
    #[inline]
    pub const fn start_of(self, timestamp: i64) -> i64 {
        // Neither is negative, so their difference is a number.
        timestamp - (timestamp - self.align).rem_euclid(self.duration)
    }

    /// The last time of the bucket that begins at `start`.
    pub const fn last_of(self, start: i64) -> i64 {
        start.saturating_add(self.duration - 1)
    }

    /// Where the next bucket begins.
    pub const fn end_of(self, start: i64) -> i64 {
        start.saturating_add(self.duration)
    }
}

/// Which of a bucket's times stands for it in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Its beginning.
    Start,
    /// Its end.
    End,
    /// Its middle, rounded down.
    Mid,
}

impl Words for Stamp {
    const ALL: &'static [(&'static str, Self)] = &[
        ("-", Self::Start),
        ("start", Self::Start),
        ("low", Self::Start),
        ("+", Self::End),
        ("end", Self::End),
        ("high", Self::End),
        ("~", Self::Mid),
        ("mid", Self::Mid),
    ];
}

impl Stamp {
    /// The timestamp of the bucket that begins at `start`.
    pub const fn of(self, start: i64, buckets: Buckets) -> i64 {
        let stamp = match self {
            Self::Start => start,
            Self::End => buckets.end_of(start),
            Self::Mid => start.saturating_add(buckets.duration / 2),
        };
        if stamp < 0 { 0 } else { stamp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_the_alignment_and_every_duration_before_and_after() {
        let buckets = Buckets { duration: 10, align: 25 };
        let starts: Vec<i64> = [4, 5, 14, 15, 25, 34].iter().map(|at| buckets.start_of(*at)).collect();
        assert_eq!(starts, [-5, 5, 5, 15, 25, 25]);
        assert_eq!(Stamp::Start.of(-5, buckets), 0);
        assert_eq!(Stamp::End.of(-5, buckets), 5);
        assert_eq!(Stamp::Mid.of(5, buckets), 10);
        assert_eq!(Stamp::Mid.of(5, Buckets { duration: 5, align: 0 }), 7);
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for align in [0, 1, i64::MAX] {
            for duration in [1, 7, i64::MAX] {
                let buckets = Buckets { duration, align };
                for at in [0, 1, i64::MAX - 1, i64::MAX] {
                    let start = buckets.start_of(at);
                    assert!(start <= at && at <= buckets.last_of(start) && at <= buckets.end_of(start));
                    assert!(Stamp::Mid.of(start, buckets) >= 0);
                }
            }
        }
    }
}
