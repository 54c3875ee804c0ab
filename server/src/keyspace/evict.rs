//! What the 24-bit access clock of an entry means, and which entry should go first when memory is full.
//!
//! Under an LRU policy the clock is the second of the last access, modulo 2^24 (194 days). Under an LFU policy it is 16
//! bits with the minute of the last decay, and a counter of 8 bits that counts accesses logarithmically (Morris, 1978):
//! a counter at `c` goes up with probability 1 / ((c - 5) * lfu-log-factor + 1), and for each `lfu-decay-time`
//! minutes that pass it goes down by one. A new entry starts at 5, so that it is not the first to go.
//! Both are Redis's algorithms, so OBJECT IDLETIME and OBJECT FREQ mean the same here.

use super::entry_ref::EntryRef;

/// Bits of the access clock.
const CLOCK_BITS: u32 = 24;
const CLOCK_MASK: u32 = (1 << CLOCK_BITS) - 1;
/// Counter of a new entry under LFU.
const LFU_INITIAL: u32 = 5;

/// What the access clock of entries records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessClock {
    /// When the entry was last used.
    Lru,
    /// How often it is used.
    Lfu {
        /// `lfu-log-factor`: how much slower the counter grows the higher it is.
        log_factor: u32,
        /// `lfu-decay-time`: minutes after which the counter goes down by one; 0 for never.
        decay_minutes: u32,
    },
    /// Nothing: it stands still at this. For the time in which keys are loaded and the past is repeated.
    Still(u32),
}

impl AccessClock {
    /// The clock of an entry that is made now.
    #[inline]
    pub fn initial(self, now_ms: u64) -> u32 {
        match self {
            AccessClock::Lru => seconds(now_ms),
            AccessClock::Lfu { .. } => minutes(now_ms) << 8 | LFU_INITIAL,
            AccessClock::Still(clock) => clock,
        }
    }

    /// Standing still at what an entry that is made now begins with.
    pub fn stopped(self, now_ms: u64) -> Self {
        AccessClock::Still(self.initial(now_ms))
    }

    /// The clock after an access. `random` is asked for only under LFU.
    #[inline]
    pub fn touched(self, clock: u32, now_ms: u64, random: impl FnOnce() -> u64) -> u32 {
        match self {
            AccessClock::Lru => seconds(now_ms),
            AccessClock::Lfu { log_factor, .. } => {
                minutes(now_ms) << 8 | increment(self.frequency(clock, now_ms), log_factor, random)
            }
            AccessClock::Still(clock) => clock,
        }
    }

    /// The LFU counter as it stands now, decay included.
    pub fn frequency(self, clock: u32, now_ms: u64) -> u32 {
        let counter = clock & 0xFF;
        let AccessClock::Lfu { decay_minutes, .. } = self else { return counter };
        let elapsed = minutes(now_ms).wrapping_sub(clock >> 8) & 0xFFFF;
        counter.saturating_sub(elapsed.checked_div(decay_minutes).unwrap_or(0))
    }

    /// How long ago the entry was used, in ms; exact to the second.
    pub fn idle_ms(self, clock: u32, now_ms: u64) -> u64 {
        u64::from(seconds(now_ms).wrapping_sub(clock) & CLOCK_MASK) * 1000
    }

    /// A clock that makes `idle_ms` give `idle_ms`; RESTORE and RDB files set it.
    pub fn with_idle(idle_ms: u64, now_ms: u64) -> u32 {
        seconds(now_ms.saturating_sub(idle_ms))
    }

    /// A clock that makes `frequency` give `frequency`; RESTORE and RDB files set it.
    pub fn with_frequency(frequency: u8, now_ms: u64) -> u32 {
        minutes(now_ms) << 8 | u32::from(frequency)
    }
}

#[inline]
fn seconds(now_ms: u64) -> u32 {
    (now_ms / 1000) as u32 & CLOCK_MASK
}

#[inline]
fn minutes(now_ms: u64) -> u32 {
    (now_ms / 60_000) as u32 & 0xFFFF
}

/// One step of the Morris counter.
fn increment(counter: u32, log_factor: u32, random: impl FnOnce() -> u64) -> u32 {
    if counter >= 255 {
        return 255;
    }
    let odds = u64::from(counter.saturating_sub(LFU_INITIAL)) * u64::from(log_factor) + 1;
    // One in `odds`, without a division that anyone would notice.
    counter + u32::from((u128::from(random()) * u128::from(odds)) >> 64 == 0)
}

/// `maxmemory-policy`, as far as it chooses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choose {
    /// The one that was not used for longest.
    Lru,
    /// The one that is used least.
    Lfu,
    /// The one that expires first.
    Ttl,
    /// Any.
    Random,
}

impl Choose {
    /// How good it would be to evict this entry; the highest of a sample goes. Comparable between databases
    /// and shards, so the caller can gather samples from several.
    pub fn score(self, entry: EntryRef<'_>, access: AccessClock, now_ms: u64) -> u64 {
        match self {
            Choose::Lru => access.idle_ms(entry.clock(), now_ms),
            Choose::Lfu => u64::from(255 - access.frequency(entry.clock(), now_ms).min(255)),
            Choose::Ttl => u64::MAX - entry.expire_at().unwrap_or(u64::MAX),
            Choose::Random => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    const MINUTE: u64 = 60_000;

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let wrap = (1u64 << 24) * 1000;
        let clock = AccessClock::Lru.initial(wrap - 3000);
        assert_eq!(AccessClock::Lru.idle_ms(clock, wrap + 4000), 7000);
        let clock = AccessClock::with_idle(90_000, wrap);
        assert_eq!(AccessClock::Lru.idle_ms(clock, wrap), 90_000);
    }

    #[test]
    fn a_counter_grows_logarithmically_and_decays() {
        let lfu = AccessClock::Lfu { log_factor: 10, decay_minutes: 1 };
        let mut rng = StdRng::seed_from_u64(1);
        let mut clock = lfu.initial(0);
        assert_eq!(lfu.frequency(clock, 0), 5);
        let mut at = Vec::new();
        for hit in 1..=1_000_000 {
            clock = lfu.touched(clock, 0, || rng.next_u64());
            if [100, 1000, 100_000, 1_000_000].contains(&hit) {
                at.push(lfu.frequency(clock, 0));
            }
        }
        // The figures of Redis's documentation for factor 10 are 10, 18, 142 and 255.
        assert!((6..=15).contains(&at[0]), "{at:?}");
        assert!((13..=25).contains(&at[1]), "{at:?}");
        assert!((125..=165).contains(&at[2]), "{at:?}");
        assert_eq!(at[3], 255);
        assert_eq!(lfu.frequency(clock, 5 * MINUTE), 250);
        assert_eq!(lfu.frequency(clock, 600 * MINUTE), 0);
        let never = AccessClock::Lfu { log_factor: 10, decay_minutes: 0 };
        assert_eq!(never.frequency(clock, 600 * MINUTE), 255);
    }

    #[test]
    fn a_factor_of_zero_counts_every_access() {
        let lfu = AccessClock::Lfu { log_factor: 0, decay_minutes: 1 };
        let clock = (0..20).fold(lfu.initial(0), |clock, _| lfu.touched(clock, 0, || u64::MAX));
        assert_eq!(lfu.frequency(clock, 0), 25);
        assert_eq!(lfu.frequency(AccessClock::with_frequency(77, MINUTE), MINUTE), 77);
    }
}
