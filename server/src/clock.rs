//! The clocks: wall time for what clients see, a cheap counter for how long things take.
//! Everything that needs the time gets it as a parameter from here, once for a batch of commands.

use std::time::{SystemTime, UNIX_EPOCH};

/// The clocks of one server.
#[derive(Debug)]
pub struct Clock {
    counter: quanta::Clock,
    origin: u64,
}

impl Default for Clock {
    fn default() -> Self {
        let counter = quanta::Clock::new();
        let origin = counter.raw();
        Self { counter, origin }
    }
}

impl Clock {
    /// Microseconds since 1970.
    pub fn now_us(&self) -> u64 {
        wall_us()
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// A reading of the processor's counter; only differences mean something.
    #[inline]
    pub fn ticks(&self) -> u64 {
        self.counter.raw()
    }

    /// The nanoseconds from one reading to a later one.
    #[inline]
    pub fn nanos_between(&self, earlier: u64, later: u64) -> u64 {
        self.counter.delta_as_nanos(earlier, later)
    }

    /// Nanoseconds since this clock was made; never goes back.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.nanos_between(self.origin, self.counter.raw())
    }
}

/// Microseconds since 1970.
pub fn wall_us() -> u64 {
    // Before 1970 the clock is broken, and 0 is as good as any other answer.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
