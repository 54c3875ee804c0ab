//! A module's share of the machine: a bucket that fills with fuel at a steady rate.
//!
//! A command is admitted when the bucket is not in debt, and is charged with what it used when it has ended, so the level
//! may go below zero; the next command then waits until the debt is paid. Over any length of time a module therefore
//! gets its rate and at most one burst and one command more.
//!
//! Arithmetic is exact: the level is kept in fuel times nanoseconds, so nothing is lost to rounding however often the bucket
//! is asked. Time comes in as a parameter. The bucket is plain data, for its owner to put behind a lock.

use std::time::Duration;

const NANOS: i128 = 1_000_000_000;

/// A bucket of fuel.
#[derive(Clone, Debug)]
pub struct Throttle {
    /// Fuel per second; 0 for no limit.
    rate: u64,
    /// Billionths of a unit of fuel.
    level: i128,
    /// When the level was last brought up to date.
    at_ns: u64,
}

impl Throttle {
    /// A full bucket. A `rate` of 0 admits everything.
    pub fn new(rate: u64, now_ns: u64) -> Self {
        Self { rate, level: Self::burst(rate), at_ns: now_ns }
    }

    /// What the bucket holds at most: a tenth of a second's fuel, so that a module which was idle does not make others
    /// wait longer than that.
    fn burst(rate: u64) -> i128 {
        i128::from(rate) * NANOS / 10
    }

    /// Fuel per second; 0 for no limit.
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// Change the rate. Debt stays, in fuel, unless the new rate is 0.
    pub fn set_rate(&mut self, rate: u64, now_ns: u64) {
        self.fill(now_ns);
        if self.rate == 0 || rate == 0 {
            self.level = Self::burst(rate);
        }
        self.rate = rate;
        self.level = self.level.min(Self::burst(rate));
    }

    /// Whether a command may start now, and otherwise how long it has to wait if nothing else is charged meanwhile.
    #[inline]
    pub fn admit(&mut self, now_ns: u64) -> Result<(), Duration> {
        if self.rate == 0 {
            return Ok(());
        }
        self.fill(now_ns);
        if self.level >= 0 {
            return Ok(());
        }
        let rate = i128::from(self.rate);
        let wait = (-self.level + rate - 1) / rate;
        Err(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    /// Take what a command has used.
    #[inline]
    pub fn charge(&mut self, fuel: u64) {
        if self.rate != 0 {
            self.level -= i128::from(fuel) * NANOS;
        }
    }

    /// Add what has flowed in since the last time. A clock that steps back adds nothing.
    fn fill(&mut self, now_ns: u64) {
        if let Some(elapsed @ 1..) = now_ns.checked_sub(self.at_ns) {
            let inflow = i128::from(self.rate).saturating_mul(i128::from(elapsed));
            self.level = self.level.saturating_add(inflow).min(Self::burst(self.rate));
            self.at_ns = now_ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn debt_is_paid_to_the_nanosecond() {
        // 1,000 units per second: one in a million nanoseconds, a burst of 100.
        let mut bucket = Throttle::new(1000, 0);
        bucket.charge(100);
        assert_eq!(bucket.admit(0), Ok(()), "an empty bucket is not in debt");
        bucket.charge(1);
        assert_eq!(bucket.admit(0), Err(Duration::from_millis(1)));
        assert_eq!(bucket.admit(999_999), Err(Duration::from_nanos(1)));
        assert_eq!(bucket.admit(1_000_000), Ok(()));
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let mut bucket = Throttle::new(3, 0);
        bucket.charge(1);
        // The burst is 0.3 units, so 0.7 are missing: 233,333,333.3 ns.
        assert_eq!(bucket.admit(0), Err(Duration::from_nanos(233_333_334)));
        assert_eq!(bucket.admit(233_333_333), Err(Duration::from_nanos(1)));
        assert_eq!(bucket.admit(233_333_334), Ok(()));
    }

    #[test]
    fn asking_often_loses_nothing() {
        let mut bucket = Throttle::new(7, 0);
        bucket.charge(70);
        let mut now = 0;
        while bucket.admit(now).is_err() {
            now += 1_000_003;
        }
        // 69.3 units at 7 a second.
        let due = 9_900_000_000u64;
        assert!((due..due + 1_000_003).contains(&now), "{now}");
    }

    #[test]
    fn idleness_saves_no_more_than_a_burst() {
        let mut bucket = Throttle::new(1000, 0);
        assert_eq!(bucket.admit(3600 * SECOND), Ok(()));
        bucket.charge(101);
        assert_eq!(bucket.admit(3600 * SECOND), Err(Duration::from_millis(1)));
    }

    #[test]
    fn over_ten_seconds_a_module_gets_its_rate() {
        let (mut bucket, mut now, mut used) = (Throttle::new(1_000_000, 0), 0u64, 0u64);
        while now < 10 * SECOND {
            match bucket.admit(now) {
                Ok(()) => {
                    bucket.charge(30_000);
                    used += 30_000;
                    now += 1000;
                }
                Err(wait) => now += u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX),
            }
        }
        assert!((10_000_000..=10_000_000 + 100_000 + 30_000).contains(&used), "{used}");
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut bucket = Throttle::new(0, 0);
        bucket.charge(u64::MAX);
        assert_eq!(bucket.admit(0), Ok(()));
        bucket.set_rate(10, SECOND);
        assert_eq!(bucket.admit(SECOND), Ok(()), "what was used without a limit is forgotten");
        bucket.charge(11);
        assert_eq!(bucket.admit(SECOND), Err(Duration::from_secs(1)));
        bucket.set_rate(20, SECOND);
        assert_eq!(bucket.admit(SECOND), Err(Duration::from_millis(500)), "ten units are still owed");
        bucket.set_rate(0, SECOND);
        assert_eq!(bucket.admit(SECOND), Ok(()));
    }

    #[test]
    fn a_clock_that_steps_back_adds_nothing_and_breaks_nothing() {
        let mut bucket = Throttle::new(1000, 5 * SECOND);
        bucket.charge(1100);
        assert_eq!(bucket.admit(0), Err(Duration::from_secs(1)));
        assert_eq!(bucket.admit(5 * SECOND), Err(Duration::from_secs(1)));
        assert_eq!(bucket.admit(6 * SECOND), Ok(()));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut bucket = Throttle::new(u64::MAX, 0);
        bucket.charge(u64::MAX);
        bucket.charge(u64::MAX);
        assert!(bucket.admit(0).is_err());
        assert_eq!(bucket.admit(u64::MAX), Ok(()));
        let mut slow = Throttle::new(1, 0);
        slow.charge(u64::MAX);
        assert_eq!(slow.admit(0), Err(Duration::from_nanos(u64::MAX)));
    }
}
