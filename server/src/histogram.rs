//! How long the runs of one command took, as counts in buckets that grow with the time: eight to each doubling, so that
//! a percentile is off by an eighth at the most. Recording is one increment; the space (1.7 KB) is taken only for
//! commands that were ever run by the worker.

use std::sync::OnceLock;

use crate::stats::Counter;

/// Shorter times than 2 to this power of nanoseconds, 64, are not told apart.
const FIRST_OCTAVE: u32 = 6;
/// From 2 to this power of nanoseconds on, 17 seconds, neither are longer ones.
const LAST_OCTAVE: u32 = 34;
/// Buckets of an octave, as a power of two.
const SUB_BITS: u32 = 3;
const BUCKETS: usize = ((LAST_OCTAVE - FIRST_OCTAVE) << SUB_BITS) as usize;

type Counts = [Counter; BUCKETS];

/// Counts by bucket, written by one worker and read by everybody.
#[derive(Debug, Default)]
pub struct Histogram(OnceLock<Box<Counts>>);

impl Histogram {
    /// Count a run. Only the owning worker may call it.
    #[inline]
    pub fn record(&self, nanos: u64) {
        let counts = self.0.get_or_init(|| Box::new(std::array::from_fn(|_| Counter::default())));
        counts[bucket(nanos)].add(1);
    }

    /// All back to zero.
    pub fn reset(&self) {
        if let Some(counts) = self.0.get() {
            counts.iter().for_each(Counter::reset);
        }
    }
}

#[inline]
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.clamp(1 << FIRST_OCTAVE, (1 << LAST_OCTAVE) - 1);
    let octave = nanos.ilog2();
    let sub = (nanos >> (octave - SUB_BITS)) as usize & ((1 << SUB_BITS) - 1);
    ((octave - FIRST_OCTAVE) << SUB_BITS) as usize + sub
}

/// The nanoseconds below which everything in a bucket is.
fn upper_bound(bucket: usize) -> u64 {
    let (octave, sub) = (bucket >> SUB_BITS, bucket & ((1 << SUB_BITS) - 1));
    ((1 << SUB_BITS) + sub as u64 + 1) << (FIRST_OCTAVE - SUB_BITS) << octave
}

/// The histograms of all workers for one command, added up.
#[derive(Debug)]
pub struct Summary {
    counts: Box<[u64; BUCKETS]>,
    total: u64,
}

impl Summary {
    /// Add up.
    pub fn of<'h>(histograms: impl Iterator<Item = &'h Histogram>) -> Self {
        let mut summary = Self { counts: Box::new([0; BUCKETS]), total: 0 };
        for counts in histograms.filter_map(|histogram| histogram.0.get()) {
            for (sum, count) in summary.counts.iter_mut().zip(counts.iter()) {
                *sum += count.get();
                summary.total += count.get();
            }
        }
        summary
    }

    /// How many runs were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The microseconds within which this share of the runs was done, in percent.
    pub fn percentile_usec(&self, percent: f64) -> f64 {
        let wanted = ((percent / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return (upper_bound(bucket) - 1) as f64 / 1000.0;
            }
        }
        0.0
    }

    /// How many runs took no longer than 1, 2, 4, ... microseconds, where that differs from the line before. A step is
    /// called as redis-server calls it, whose own buckets make 33 of 32, 66 of 64 and so on.
    pub fn cumulative(&self) -> Vec<(u64, u64)> {
        let mut lines: Vec<(u64, u64)> = Vec::new();
        let mut seen = 0;
        for octave in FIRST_OCTAVE..LAST_OCTAVE {
            let from = ((octave - FIRST_OCTAVE) << SUB_BITS) as usize;
            let count: u64 = self.counts[from..from + (1 << SUB_BITS)].iter().sum();
            seen += count;
            // The octave ends at two to the power of its number plus one; below a microsecond there is one step.
            let end = (octave + 1).max(10);
            let label = ((1u64 << end) + (1 << (end - 7)) - 1) / 1000;
            match lines.last_mut() {
                _ if count == 0 => {}
                Some(last) if last.0 == label => last.1 = seen,
                _ => lines.push((label, seen)),
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_its_bucket() {
        for nanos in [64, 65, 71, 72, 1000, 1023, 1024, 1_000_000, 123_456_789, (1 << 34) - 1] {
            let at = bucket(nanos);
            assert!(nanos < upper_bound(at), "{nanos} is above its bucket");
            assert!(at == 0 || nanos >= upper_bound(at - 1), "{nanos} is below its bucket");
        }
        assert_eq!((bucket(0), bucket(63)), (0, 0));
        assert_eq!((bucket(u64::MAX), bucket(1 << 34)), (BUCKETS - 1, BUCKETS - 1));
    }

    #[test]
    fn percentiles_are_near_and_never_too_low() {
        let histogram = Histogram::default();
        (1..=1000).for_each(|i| histogram.record(i * 1000));
        let summary = Summary::of([&histogram].into_iter());
        for (percent, exact) in [(50.0, 500.0), (99.0, 990.0), (100.0, 1000.0)] {
            let found = summary.percentile_usec(percent);
            assert!((exact..exact * 1.13).contains(&found), "{percent}%: {found}");
        }
        assert_eq!(summary.total(), 1000);
        histogram.reset();
        assert_eq!(Summary::of([&histogram].into_iter()).percentile_usec(50.0), 0.0);
    }

    #[test]
    fn steps_are_called_as_redis_calls_them() {
        let histogram = Histogram::default();
        for nanos in [300, 900, 1500, 30_000, 500_000, 500_000, 16_000_000] {
            histogram.record(nanos);
        }
        let lines = Summary::of([&histogram].into_iter()).cumulative();
        assert_eq!(lines, [(1, 2), (2, 3), (33, 4), (528, 6), (16_908, 7)]);
    }
}
