//! What a range query makes of a series: samples between two times, filtered, and made one per bucket if asked for.
//!
//! A query is about the samples that pass its filters; the others do not exist for it. It reads them in order, the latest
//! first only for plain samples. With buckets from the latest on, it first finds out where the last bucket that is wanted
//! begins: walking back costs little, and the values come out the same in both directions.

use std::ops::ControlFlow;

use sandkey::prelude::*;

use crate::aggregate::{Aggregator, Frame, Tally};
use crate::bucket::{Buckets, Stamp};
use crate::limits::ROWS_IN_A_QUERY;
use crate::sample::Sample;
use crate::series::Series;

/// A range query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The first time.
    pub from: i64,
    /// The last time.
    pub to: i64,
    /// Whether the latest come first.
    pub reverse: bool,
    /// Whether the open bucket of a compaction counts.
    pub latest: bool,
    /// Only samples of these times, in order.
    pub times: Option<Vec<i64>>,
    /// Only samples of values from the first to the second.
    pub values: Option<(f64, f64)>,
    /// How many samples, or buckets.
    pub count: Option<usize>,
    /// How samples are made one.
    pub aggregation: Option<Aggregation>,
}

/// How samples are made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregation {
    /// What is made of a bucket.
    pub aggregator: Aggregator,
    /// The buckets.
    pub buckets: Buckets,
    /// Which time stands for a bucket.
    pub stamp: Stamp,
    /// Whether buckets without samples count.
    pub empty: bool,
}

/// A series as a query sees it.
#[derive(Debug, Clone, Copy)]
pub struct View<'q> {
    series: &'q Series,
    /// What the open bucket of the rule that leads here would become.
    latest: Option<Sample>,
    query: &'q Query,
}

impl<'q> View<'q> {
    /// `latest` is the open bucket of the rule that leads to the series, for queries that want it.
    pub fn new(series: &'q Series, latest: Option<Sample>, query: &'q Query) -> Self {
        let last = series.samples.last();
        // A bucket that was closed and is open again cannot be: whatever is there is newer.
        let latest = latest.filter(|latest| last.is_none_or(|last| last.timestamp < latest.timestamp));
        Self { series, latest, query }
    }

    /// How many rows there will be if buckets without samples count; 0 if they do not.
    fn rows_with_empty(&self) -> u64 {
        let Query { from, to, count, aggregation, .. } = *self.query;
        let Some(Aggregation { buckets, empty: true, .. }) = aggregation else { return 0 };
        let Some((first, last)) = self.reported(buckets, from, to) else { return 0 };
        // The first bucket may begin before time does, so only the difference without a sign is sure to fit.
        let rows = first.abs_diff(last) / buckets.duration.unsigned_abs() + 1;
        count.map_or(rows, |count| rows.min(count as u64))
    }

    /// What the query asks for.
    pub fn answer(&self) -> Vec<Sample> {
        let Query { from, to, reverse, count, .. } = *self.query;
        let count = count.unwrap_or(usize::MAX);
        if from > to {
            return Vec::new();
        }
        match self.query.aggregation {
            None if reverse => self.back(from, to).take(count).collect(),
            None => {
                let mut samples = Vec::new();
                self.runs(from, to, |run| {
                    samples.extend_from_slice(&run[..run.len().min(count - samples.len())]);
                    if samples.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
                samples
            }
            Some(aggregation) if reverse => {
                let start = self.start_of_last_buckets(aggregation, count);
                let mut buckets = self.buckets(aggregation, start, usize::MAX);
                buckets.reverse();
                buckets.truncate(count);
                buckets
            }
            Some(aggregation) => self.buckets(aggregation, from, count),
        }
    }

    fn passes(&self, sample: &Sample) -> bool {
        let by_value = self.query.values.is_none_or(|(min, max)| min <= sample.value && sample.value <= max);
        by_value
            && self.query.times.as_ref().is_none_or(|times| times.binary_search(&sample.timestamp).is_ok())
    }

    /// The samples from one time to another.
    fn forth(&self, from: i64, to: i64) -> impl Iterator<Item = Sample> {
        let latest = self.latest.filter(|latest| (from..=to).contains(&latest.timestamp));
        let (from, to) = self.narrow(from, to);
        self.series.range(from, to).chain(latest).filter(|sample| self.passes(sample))
    }

    /// Give the same to a function, in runs, until it breaks.
    fn runs(&self, from: i64, to: i64, mut take: impl FnMut(&[Sample]) -> ControlFlow<()>) {
        let latest =
            self.latest.filter(|latest| (from..=to).contains(&latest.timestamp) && self.passes(latest));
        let (from, to) = self.narrow(from, to);
        let all = self.query.values.is_none() && self.query.times.is_none();
        let (mut passing, mut over) = (Vec::new(), ControlFlow::Continue(()));
        self.series.samples.runs(from.max(self.series.alive_since()), to, |run| {
            over = if all {
                take(run)
            } else {
                passing.clear();
                passing.extend(run.iter().filter(|sample| self.passes(sample)));
                take(&passing)
            };
            over
        });
        if let Some(latest) = latest.filter(|_| over.is_continue()) {
            // Nothing comes after it.
            let _ = take(&[latest]);
        }
    }

    /// The same, the latest first.
    fn back(&self, from: i64, to: i64) -> impl Iterator<Item = Sample> {
        let latest = self.latest.filter(|latest| (from..=to).contains(&latest.timestamp));
        let (from, to) = self.narrow(from, to);
        latest.into_iter().chain(self.series.range_back(from, to)).filter(|sample| self.passes(sample))
    }

    /// No sample is before the first of the times that are asked for, nor after the last.
    fn narrow(&self, from: i64, to: i64) -> (i64, i64) {
        match self.query.times.as_deref() {
            Some([first, .., last]) => (from.max(*first), to.min(*last)),
            Some([only]) => (from.max(*only), to.min(*only)),
            _ => (from, to),
        }
    }

    fn before(&self, time: i64) -> Option<Sample> {
        if time > 0 { self.back(0, time - 1).next() } else { None }
    }

    fn after(&self, time: i64) -> Option<Sample> {
        if time < i64::MAX { self.forth(time + 1, i64::MAX).next() } else { None }
    }

    /// Where the first of the last `count` buckets begins, if not before the query does.
    fn start_of_last_buckets(&self, aggregation: Aggregation, count: usize) -> i64 {
        let Aggregation { buckets, empty, .. } = aggregation;
        let Query { from, to, .. } = *self.query;
        if count == usize::MAX {
            return from;
        }
        if empty {
            let Some(last) = self.back(0, i64::MAX).next() else { return from };
            let steps = i64::try_from(count - 1).unwrap_or(i64::MAX);
            let start = buckets.start_of(last.timestamp.min(to));
            return start.saturating_sub(buckets.duration.saturating_mul(steps)).max(from);
        }
        let (mut seen, mut start) = (0, i64::MAX);
        for sample in self.back(from, to) {
            if sample.timestamp < start {
                if seen == count {
                    return start.max(from);
                }
                start = buckets.start_of(sample.timestamp);
                seen += 1;
            }
        }
        from
    }

    /// The buckets from a time on, in order. The query's own times are what the mean over time is limited to.
    fn buckets(&self, aggregation: Aggregation, from: i64, count: usize) -> Vec<Sample> {
        let Aggregation { aggregator, buckets, empty, .. } = aggregation;
        let mut rows = Rows::new(aggregation, self.query, count);
        let reaches_out = aggregator == Aggregator::Twa || empty && aggregator == Aggregator::Last;
        let mut before = if reaches_out { self.before(from) } else { None };
        let to = self.query.to;
        let last_bucket = if empty { self.begin_empty(&mut rows, from, to) } else { None };
        let mut open: Option<(i64, Tally)> = None;
        self.runs(from, to, |mut run| {
            while let Some(first) = run.first() {
                let start = match &open {
                    Some((start, _)) if first.timestamp <= buckets.last_of(*start) => *start,
                    _ => {
                        let start = buckets.start_of(first.timestamp);
                        if let Some((closed, tally)) = open.take() {
                            rows.bucket(closed, &tally, Some(*first));
                        }
                        rows.fill(start, before, Some(*first));
                        if rows.full() {
                            return ControlFlow::Break(());
                        }
                        open = Some((start, Tally::new(aggregator, rows.frame(start), before)));
                        start
                    }
                };
                let last = buckets.last_of(start);
                let (inside, rest) = run.split_at(until(run, last));
                if let Some((_, tally)) = &mut open {
                    tally.add_all(inside);
                }
                before = inside.last().copied();
                run = rest;
            }
            ControlFlow::Continue(())
        });
        if rows.full() {
            return rows.done;
        }
        let after = if reaches_out { self.after(to) } else { None };
        if let Some((closed, tally)) = open {
            rows.bucket(closed, &tally, after);
        }
        if let Some(last) = last_bucket {
            rows.fill(buckets.end_of(last), before, after);
        }
        rows.done
    }

    /// Begin with the first bucket that is reported. The answer is the last one.
    fn begin_empty(&self, rows: &mut Rows<'_>, from: i64, to: i64) -> Option<i64> {
        let (first, last) = self.reported(rows.aggregation.buckets, from, to)?;
        rows.next_empty = Some(first);
        Some(last)
    }

    /// Buckets without samples are reported between the first sample of all and the last of all, whatever the query's times: the
    /// first and the last of those buckets.
    fn reported(&self, buckets: Buckets, from: i64, to: i64) -> Option<(i64, i64)> {
        let first = self.forth(0, i64::MAX).next()?.timestamp.max(from);
        let last = self.back(0, i64::MAX).next()?.timestamp.min(to);
        (first <= last).then(|| (buckets.start_of(first), buckets.start_of(last)))
    }
}

/// Refuse a query that would have more rows of buckets without samples than there is room for.
pub fn check_rows<'q>(views: impl IntoIterator<Item = View<'q>>) -> Result<()> {
    let rows = views.into_iter().fold(0, |sum: u64, view| sum.saturating_add(view.rows_with_empty()));
    bail!(
        if rows > ROWS_IN_A_QUERY,
        "ERR TSDB: with EMPTY the reply would have {rows} buckets, and {ROWS_IN_A_QUERY} are the most: \
         ask for a longer bucketDuration or a shorter range"
    );
    Ok(())
}

/// How many of these samples come until a time; at least the first does. It looks close by before it looks far: buckets are
/// often small.
fn until(samples: &[Sample], last: i64) -> usize {
    let mut end = 1;
    while samples.get(end).is_some_and(|sample| sample.timestamp <= last) {
        end *= 2;
    }
    let from = end / 2;
    let to = end.min(samples.len());
    (from + samples[from..to].partition_point(|sample| sample.timestamp <= last)).max(1)
}

/// The rows of an answer on their way.
struct Rows<'q> {
    aggregation: Aggregation,
    query: &'q Query,
    count: usize,
    /// The next bucket, if buckets without samples count.
    next_empty: Option<i64>,
    done: Vec<Sample>,
}

impl<'q> Rows<'q> {
    const fn new(aggregation: Aggregation, query: &'q Query, count: usize) -> Self {
        Self { aggregation, query, count, next_empty: None, done: Vec::new() }
    }

    const fn full(&self) -> bool {
        self.done.len() >= self.count
    }

    /// The part of a bucket's time that the query asks for.
    fn frame(&self, start: i64) -> Frame {
        let end = self.aggregation.buckets.end_of(start);
        Frame { from: start.max(self.query.from).max(0), to: end.min(self.query.to) }
    }

    fn row(&mut self, start: i64, value: f64) {
        if !self.full() {
            let Aggregation { stamp, buckets, .. } = self.aggregation;
            self.done.push(Sample::new(stamp.of(start, buckets), value));
        }
    }

    /// A bucket is over.
    fn bucket(&mut self, start: i64, tally: &Tally, after: Option<Sample>) {
        if let Some(value) = tally.value(after) {
            self.row(start, value);
            if self.next_empty.is_some() {
                self.next_empty = start.checked_add(self.aggregation.buckets.duration);
            }
        }
    }

    /// Report the buckets before the one that begins at `end`, from where we are.
    fn fill(&mut self, end: i64, before: Option<Sample>, after: Option<Sample>) {
        while let Some(start) = self.next_empty
            && start < end
            && !self.full()
        {
            let value = self.aggregation.aggregator.of_nothing(self.frame(start), before, after);
            self.row(start, value);
            self.next_empty = start.checked_add(self.aggregation.buckets.duration);
        }
    }
}
