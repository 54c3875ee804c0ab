//! Compaction rules: from one series, one sample per bucket of time into another. A rule keeps the tally of its open bucket, the
//! latest one, so that a new sample touches its own series alone until it opens another bucket. A sample of the past, or a removal,
//! makes a closed bucket anew from the samples that are left.
//! A rule says what its destination must be told; how that comes about is `compaction`.

use std::cmp::Ordering;

use crate::aggregate::{Aggregator, Frame, Tally};
use crate::bucket::Buckets;
use crate::sample::Sample;
use crate::samples::Samples;
use crate::series::Bytes;

/// From a series to another.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The key of the other.
    pub destination: Bytes,
    /// How the samples of a bucket are made one.
    pub aggregator: Aggregator,
    /// The buckets.
    pub buckets: Buckets,
    /// The latest bucket, whose value the destination does not have yet. None before the first sample.
    pub open: Option<Open>,
}

/// A bucket that may still grow.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// Where it begins; negative for a bucket that began before time did.
    pub start: i64,
    /// What is in it.
    pub tally: Tally,
}

/// What the destination of a rule must be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// A bucket has this value.
    Set(Sample),
    /// A bucket has this value, if the destination still knows the bucket.
    Update(Sample),
    /// The bucket of this timestamp has no samples any more.
    Remove(i64),
}

/// What a change to a series means for the destination of one of its rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The place of the rule in the series.
    pub number: usize,
    /// What the destination must be told.
    pub effect: Effect,
}

impl Effect {
    /// The same for a bucket that this rule may never have closed: what was there before the rule came is not its business.
    const fn if_known(self) -> Self {
        match self {
            Self::Set(sample) => Self::Update(sample),
            other => other,
        }
    }
}

impl Rule {
    /// Without samples.
    pub fn new(destination: &[u8], aggregator: Aggregator, buckets: Buckets) -> Self {
        Self { destination: destination.into(), aggregator, buckets, open: None }
    }

    /// The open bucket, as the sample that it would become now.
    pub fn latest(&self) -> Option<Sample> {
        let open = self.open.as_ref()?;
        Some(Sample::new(open.start.max(0), open.tally.value(None)?))
    }

    /// Whether the destination may have to be told something when samples of these times are put, one after the other. `last` is
    /// the latest time of the series.
    pub fn needs_destination(&self, last: Option<i64>, timestamps: impl IntoIterator<Item = i64>) -> bool {
        let (mut open, mut last) = (self.open.as_ref().map(|open| open.start), last);
        let emptied = self.open.as_ref().is_some_and(|open| open.tally.latest().is_none());
        timestamps.into_iter().any(|timestamp| {
            let start = self.buckets.start_of(timestamp);
            let elsewhere = open.is_some_and(|open| open != start);
            let between = self.reaches_out() && (emptied || last.is_some_and(|last| timestamp <= last));
            (open, last) = (open.or(Some(start)), last.max(Some(timestamp)));
            elsewhere || between
        })
    }

    /// Whether the destination may have to be told something when samples from a time on are removed.
    pub fn needs_destination_to_remove(&self, from: i64) -> bool {
        self.open.as_ref().is_some_and(|open| self.reaches_out() || from < open.start)
    }

    /// Whether a bucket's value depends on samples outside of it.
    fn reaches_out(&self) -> bool {
        self.aggregator == Aggregator::Twa
    }

    /// A sample has been put into the series.
    pub fn put(
        &mut self,
        samples: &Samples,
        since: i64,
        sample: Sample,
        is_latest: bool,
        mut tell: impl FnMut(Effect),
    ) {
        let start = self.buckets.start_of(sample.timestamp);
        let Some(open) = &mut self.open else {
            self.open_bucket(samples, since, sample);
            return;
        };
        // A bucket before the open one ends where it does because of the sample after it. Usually that is in the open bucket and
        // was there when the other was closed.
        let between = !is_latest || open.tally.latest().is_none();
        match start.cmp(&open.start) {
            Ordering::Greater => {
                let closed = open.start;
                let after = self.sample_after(samples, closed);
                if let Some(value) = self.open.as_ref().and_then(|open| open.tally.value(after)) {
                    tell(Effect::Set(Sample::new(closed.max(0), value)));
                }
                self.open_bucket(samples, since, sample);
            }
            // A bucket that has lost its samples is begun anew: what came before it may be another sample by now.
            Ordering::Equal if open.tally.latest().is_some_and(|latest| latest < sample.timestamp) => {
                open.tally.add(sample);
            }
            Ordering::Equal => {
                self.again(samples, since, start);
            }
            Ordering::Less => {
                let mut left = samples.range(start.max(since), self.buckets.last_of(start));
                // What was made of samples that have expired is worth more than what one latecomer says.
                if start.max(0) >= since || left.nth(1).is_some() {
                    self.again(samples, since, start).into_iter().for_each(&mut tell);
                }
            }
        }
        if self.reaches_out() && between {
            let at = sample.timestamp;
            for neighbour in
                self.buckets_beside(samples, since, at, at).filter(|neighbour| *neighbour != start)
            {
                self.again(samples, since, neighbour).map(Effect::if_known).into_iter().for_each(&mut tell);
            }
        }
    }

    /// Samples have been removed from the bucket that begins there, or beside it.
    pub fn remove(&mut self, samples: &Samples, since: i64, start: i64) -> Option<Effect> {
        self.again(samples, since, start).map(Effect::if_known)
    }

    /// Begin the bucket of a sample with it.
    fn open_bucket(&mut self, samples: &Samples, since: i64, sample: Sample) {
        let start = self.buckets.start_of(sample.timestamp);
        let mut tally = self.empty_tally(samples, since, start);
        tally.add(sample);
        self.open = Some(Open { start, tally });
    }

    /// The time that a bucket is about.
    fn frame(&self, start: i64) -> Frame {
        Frame { from: start.max(0), to: self.buckets.end_of(start) }
    }

    fn empty_tally(&self, samples: &Samples, since: i64, start: i64) -> Tally {
        let frame = self.frame(start);
        let before = if self.reaches_out() { samples.range_back(since, frame.from - 1).next() } else { None };
        Tally::new(self.aggregator, frame, before)
    }

    /// The first sample after a bucket, if the bucket's value depends on it.
    fn sample_after(&self, samples: &Samples, start: i64) -> Option<Sample> {
        let last = self.buckets.last_of(start);
        if self.reaches_out() && last < i64::MAX { samples.range(last + 1, i64::MAX).next() } else { None }
    }

    /// Make the value of a bucket anew from the samples that are there.
    fn again(&mut self, samples: &Samples, since: i64, start: i64) -> Option<Effect> {
        let mut tally = self.empty_tally(samples, since, start);
        let from = start.max(0);
        samples.range(from.max(since), self.buckets.last_of(start)).for_each(|sample| tally.add(sample));
        match self.open.as_mut()? {
            open if open.start == start => {
                open.tally = tally;
                None
            }
            // This rule has not come to that bucket yet.
            open if open.start < start => None,
            _ => Some(match tally.value(self.sample_after(samples, start)) {
                Some(value) => Effect::Set(Sample::new(from, value)),
                None => Effect::Remove(from),
            }),
        }
    }

    /// The buckets whose values may be others when the samples from one time to another are gone. To be asked before.
    pub fn buckets_around(&self, samples: &Samples, from: i64, to: i64) -> Vec<i64> {
        let mut starts: Vec<i64> =
            samples.range(from, to).map(|sample| self.buckets.start_of(sample.timestamp)).collect();
        if self.reaches_out() && !starts.is_empty() {
            starts.extend(self.buckets_beside(samples, 0, from, to));
        }
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// The buckets of the last sample before a time and of the first one after another.
    fn buckets_beside(
        &self,
        samples: &Samples,
        since: i64,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = i64> + use<> {
        let before = samples.range_back(since, from - 1).next();
        let after = if to < i64::MAX { samples.range(to + 1, i64::MAX).next() } else { None };
        let buckets = self.buckets;
        [before, after].into_iter().flatten().map(move |sample| buckets.start_of(sample.timestamp))
    }
}
