//! The generic cell rate algorithm, with whole nanoseconds.
//!
//! A limit is a bucket that drains at a steady rate and that every action fills by one interval. All that has to be kept
//! is the time at which it will be empty: an action is allowed when the bucket, with the action in it, is not fuller
//! than the limit. Nothing here knows a server.

use sandkey::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// How much is let through.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// How many actions can be let through at once.
    burst: i64,
    /// What one action adds.
    interval: i64,
    /// What the bucket holds.
    capacity: i64,
}

/// What came of trying to take some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The time to keep from now on, when something was taken.
    pub store: Option<i64>,
    limited: bool,
    burst: i64,
    remaining: i64,
    retry_after: Option<i64>,
    reset_after: i64,
}

impl Limit {
    /// `max_burst` beside the one that is always let through, then `count` in `period` seconds.
    pub fn new(max_burst: i64, count: i64, period: i64) -> Result<Self> {
        bail!(if max_burst < 0, "ERR max_burst must not be negative");
        bail!(if count < 1, "ERR count must be positive");
        bail!(if period < 1, "ERR period must be positive");
        let too_long = || error!("ERR the limit spans too long a time");
        // A rate beyond one in a nanosecond is one in a nanosecond.
        let interval = (period.checked_mul(SECOND).ok_or_else(too_long)? / count).max(1);
        let burst = max_burst.checked_add(1).ok_or_else(too_long)?;
        let capacity = interval.checked_mul(burst).ok_or_else(too_long)?;
        Ok(Self { burst, interval, capacity })
    }

    /// Take `quantity` at a time `now`, given when the bucket was going to be empty.
    pub fn take(&self, empty_at: Option<i64>, now: i64, quantity: i64) -> Result<Outcome> {
        bail!(if quantity < 0, "ERR quantity must not be negative");
        let before = empty_at.map_or(now, |empty_at| empty_at.max(now));
        // What no bucket can hold does not fit into the numbers either; both mean never.
        let added = self.interval.checked_mul(quantity).filter(|added| *added <= self.capacity);
        let after = added.and_then(|added| before.checked_add(added));
        let wait = after.map(|after| after - now - self.capacity);
        let allowed = after.filter(|_| wait.is_some_and(|wait| wait <= 0));
        let fill = allowed.unwrap_or(before) - now;
        Ok(Outcome {
            store: allowed.filter(|_| quantity > 0),
            limited: allowed.is_none(),
            burst: self.burst,
            remaining: ((self.capacity - fill) / self.interval).max(0),
            retry_after: wait.filter(|_| allowed.is_none()),
            reset_after: fill,
        })
    }
}

impl Outcome {
    /// The five integers of the reply.
    pub fn reply(&self) -> [i64; 5] {
        // Every duration here is 0 or more.
        let seconds = |nanoseconds: i64| nanoseconds / SECOND + i64::from(nanoseconds % SECOND > 0);
        [
            i64::from(self.limited),
            self.burst,
            self.remaining,
            self.retry_after.map_or(-1, seconds),
            seconds(self.reset_after),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_750_000_000 * SECOND;

    fn limit(max_burst: i64, count: i64, period: i64) -> Limit {
        Limit::new(max_burst, count, period).unwrap()
    }

    #[test]
    fn intervals_that_do_not_divide_still_let_exactly_the_burst_through() {
        let limit = limit(6, 3, 10);
        let mut empty_at = None;
        for _ in 0..7 {
            let outcome = limit.take(empty_at, NOW, 1).unwrap();
            assert!(!outcome.limited);
            empty_at = outcome.store;
        }
        assert!(limit.take(empty_at, NOW, 1).unwrap().limited);
        // A third of ten seconds later, rounded down to nanoseconds, there is room for one more, and not before.
        assert!(limit.take(empty_at, NOW + 3_333_333_332, 1).unwrap().limited);
        assert!(!limit.take(empty_at, NOW + 3_333_333_333, 1).unwrap().limited);
    }

    #[test]
    fn who_waits_as_told_is_let_through() {
        let limit = limit(2, 7, 3);
        let mut now = NOW;
        let mut empty_at = None;
        for step in 0..1000 {
            let outcome = limit.take(empty_at, now, 1 + step % 3).unwrap();
            if outcome.limited {
                now += outcome.reply()[3] * SECOND;
                assert!(!limit.take(empty_at, now, 1 + step % 3).unwrap().limited);
            }
            empty_at = outcome.store.or(empty_at);
        }
    }

    #[test]
    fn a_steady_rate_is_never_limited_and_a_faster_one_is() {
        let limit = limit(0, 1000, 1);
        let mut empty_at = None;
        for step in 0..5000 {
            empty_at = limit.take(empty_at, NOW + step * 1_000_000, 1).unwrap().store;
            assert!(empty_at.is_some());
        }
        let (mut allowed, mut empty_at) = (0, None);
        for step in 0..10_000 {
            let outcome = limit.take(empty_at, NOW + step * 500_000, 1).unwrap();
            allowed += i64::from(!outcome.limited);
            empty_at = outcome.store.or(empty_at);
        }
        assert_eq!(allowed, 5000);
    }

    #[test]
    fn a_limit_that_was_changed_counts_what_was_taken_before() {
        let slow = limit(15, 10, 20);
        let taken = slow.take(None, NOW, 3).unwrap();
        let fast = limit(15, 1000, 20);
        assert_eq!(fast.take(taken.store, NOW, 1).unwrap().reply(), [1, 16, 0, 6, 6]);
    }

    #[test]
    fn the_largest_numbers_neither_wrap_nor_panic() {
        assert!(Limit::new(i64::MAX, 1, 1).is_err());
        assert!(Limit::new(0, 1, i64::MAX).is_err());
        assert!(Limit::new(i64::MAX - 1, i64::MAX, 1).is_ok());
        let limit = limit(0, i64::MAX, 1);
        assert!(limit.take(Some(i64::MAX), NOW, i64::MAX).unwrap().limited);
        assert!(limit.take(Some(i64::MIN), NOW, 1).unwrap().store.is_some());
        assert!(limit.take(Some(i64::MAX), NOW, 1).unwrap().limited);
    }
}
