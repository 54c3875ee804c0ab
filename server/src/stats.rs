//! Counters. Each worker counts for itself, without atomic read-modify-write, and INFO adds them up.
//! What a counter means is written at its declaration; how INFO words it is in `command::info`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::histogram::Histogram;
use crate::limits;

/// One number that one worker writes and everybody reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Add. Only the owning worker may call it: two writers would lose additions.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Read.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Raise it to `n` if it is lower. As with `add`, only the owning worker may.
    #[inline]
    pub fn raise(&self, n: u64) {
        if n > self.0.load(Relaxed) {
            self.0.store(n, Relaxed);
        }
    }

    /// Back to zero. An addition at the same moment may be lost; nobody minds at CONFIG RESETSTAT.
    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// One of something for every worker, each on cache lines of its own.
#[derive(Debug)]
pub struct PerWorker<T>(Box<[Padded<T>]>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> PerWorker<T> {
    /// For this many workers.
    pub fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Padded::default()).collect())
    }
}

impl<T> PerWorker<T> {
    /// A worker's own.
    #[inline]
    pub fn of(&self, worker: usize) -> &T {
        &self.0[worker].0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|padded| &padded.0)
    }

    /// The sum of one counter over all workers.
    pub fn sum(&self, counter: impl Fn(&T) -> &Counter) -> u64 {
        self.iter().map(|each| counter(each).get()).fold(0, u64::wrapping_add)
    }
}

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name { $($(#[$field_doc])* pub $field: Counter,)* }
        impl $name {
            /// All back to zero.
            pub fn reset(&self) { $(self.$field.reset();)* }
        }
    };
}

counters! {
    /// What a worker counts.
    Stats {
        /// Commands run.
        commands,
        /// Bytes read from clients.
        input_bytes,
        /// Bytes written to clients.
        output_bytes,
        /// Reads that found their key.
        keyspace_hits,
        /// Reads that did not.
        keyspace_misses,
        /// Keys whose time had come.
        expired_keys,
        /// Keys evicted because of `maxmemory`.
        evicted_keys,
        /// Error replies.
        error_replies,
        /// Writes since the last save.
        dirty,
        /// Clients ended because they did not read.
        output_limit_disconnections,
        /// Clients ended because they sent too much that could not be executed.
        query_limit_disconnections,
        /// Read calls that brought something.
        reads,
        /// Write calls.
        writes,
        /// Replies of EXEC.
        transactions,
        /// Turns: what one read of a client brought was executed.
        turns,
        /// Nanoseconds that they took.
        turn_nanos,
        /// The most that one took.
        turn_nanos_max,
        /// The most commands that one executed.
        turn_commands_max,
    }
}

/// What a worker counts of one command.
#[derive(Debug, Default)]
pub struct CommandCounters {
    /// Times that it ran.
    pub calls: Counter,
    /// Nanoseconds that it took, waiting not included.
    pub nanos: Counter,
    /// Times that it was refused before it ran.
    pub rejected: Counter,
    /// Times that it ran and answered an error.
    pub failed: Counter,
    /// How long each run took; `latency-tracking`.
    pub latency: Histogram,
}

impl CommandCounters {
    /// All back to zero.
    pub fn reset(&self) {
        [&self.calls, &self.nanos, &self.rejected, &self.failed].into_iter().for_each(Counter::reset);
        self.latency.reset();
    }
}

/// How much of something happens in a second, by looking at its total now and then.
#[derive(Debug, Default)]
pub struct Rate {
    last: Option<(u64, u64)>,
    per_second: [f64; limits::RATE_SAMPLES],
    next: usize,
}

impl Rate {
    /// The total has become `total` at this time.
    pub fn sample(&mut self, total: u64, now_ns: u64) {
        if let Some((before, then_ns)) = self.last
            && now_ns > then_ns
        {
            let seconds = (now_ns - then_ns) as f64 / 1e9;
            // A total that shrank was reset.
            self.per_second[self.next] = total.saturating_sub(before) as f64 / seconds;
            self.next = (self.next + 1) % limits::RATE_SAMPLES;
        }
        self.last = Some((total, now_ns));
    }

    /// The mean of the latest samples.
    pub fn per_second(&self) -> f64 {
        self.per_second.iter().sum::<f64>() / limits::RATE_SAMPLES as f64
    }
}

/// What INFO calls instantaneous.
#[derive(Debug, Default)]
pub struct Rates {
    /// Commands.
    pub commands: Rate,
    /// Bytes read.
    pub input: Rate,
    /// Bytes written.
    pub output: Rate,
    /// Turns of workers and of cron.
    pub turns: Rate,
    /// Nanoseconds that they took.
    pub turn_nanos: Rate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_mean_of_its_samples() {
        let mut rate = Rate::default();
        for step in 0..=limits::RATE_SAMPLES as u64 {
            rate.sample(step * 50, step * 100_000_000);
        }
        assert!((rate.per_second() - 500.0).abs() < 1e-9, "{}", rate.per_second());
        // After a reset nothing is negative.
        rate.sample(0, 100_000_000_000);
        assert!(rate.per_second() >= 0.0 && rate.per_second() < 500.0);
    }
}
