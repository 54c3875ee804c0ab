//! Many values made one: the aggregators of ranges and of compaction rules, and the reducers of groups.
//! A tally takes samples in the order of their timestamps and can be asked at any time. It is small, so that a rule can keep
//! the one of its open bucket. NaN counts as no value.

use crate::sample::Sample;
use crate::words::Words;

/// How values are made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregator {
    /// The arithmetic mean.
    Avg,
    /// The sum.
    Sum,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// The highest less the lowest.
    Range,
    /// How many.
    Count,
    /// The earliest.
    First,
    /// The latest.
    Last,
    /// The standard deviation of a population.
    StdP,
    /// The standard deviation of a sample.
    StdS,
    /// The variance of a population.
    VarP,
    /// The variance of a sample.
    VarS,
    /// The mean over time, of straight lines from sample to sample.
    Twa,
}

impl Words for Aggregator {
    const ALL: &'static [(&'static str, Self)] = &[
        ("avg", Self::Avg),
        ("sum", Self::Sum),
        ("min", Self::Min),
        ("max", Self::Max),
        ("range", Self::Range),
        ("count", Self::Count),
        ("first", Self::First),
        ("last", Self::Last),
        ("std.p", Self::StdP),
        ("std.s", Self::StdS),
        ("var.p", Self::VarP),
        ("var.s", Self::VarS),
        ("twa", Self::Twa),
    ];
}

impl Aggregator {
    /// Whether it makes sense for values of the same time.
    pub const fn is_reducer(self) -> bool {
        !matches!(self, Self::First | Self::Last | Self::Twa)
    }

    /// What an empty bucket is worth, between the samples around it.
    pub fn of_nothing(self, frame: Frame, before: Option<Sample>, after: Option<Sample>) -> f64 {
        match self {
            Self::Sum | Self::Count => 0.0,
            Self::Last => before.map_or(f64::NAN, |before| before.value),
            Self::Twa => match (before, after) {
                (Some(before), Some(after)) => {
                    f64::midpoint(between(before, after, frame.from), between(before, after, frame.to))
                }
                _ => f64::NAN,
            },
            _ => f64::NAN,
        }
    }
}

/// The value that a straight line from one sample to another has at a time between.
fn between(before: Sample, after: Sample, at: i64) -> f64 {
    let part = (at - before.timestamp) as f64 / (after.timestamp - before.timestamp) as f64;
    before.value + (after.value - before.value) * part
}

/// The time that a tally is about; it matters to the mean over time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
}

/// Values on their way to being one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    aggregator: Aggregator,
    frame: Frame,
    /// The last sample before the frame, as long as there is none in it.
    before: Option<Sample>,
    count: u64,
    /// The sum, the lowest, the first, the last, the mean, or the area under the lines.
    main: f64,
    /// The highest, or the sum of the squares of the distances from the mean.
    other: f64,
    /// Where the area begins.
    since: i64,
    latest: Sample,
}

impl Tally {
    /// No values yet. `before` is the last sample before the frame.
    pub const fn new(aggregator: Aggregator, frame: Frame, before: Option<Sample>) -> Self {
        let latest = Sample::new(frame.from, 0.0);
        Self { aggregator, frame, before, count: 0, main: 0.0, other: 0.0, since: frame.from, latest }
    }

    /// The time of the last sample that was added.
    pub fn latest(&self) -> Option<i64> {
        (self.count > 0).then_some(self.latest.timestamp)
    }

    /// Add a sample, later than all before.
    #[inline]
    pub fn add(&mut self, sample: Sample) {
        let value = sample.value;
        if value.is_nan() {
            return;
        }
        self.count += 1;
        let first = self.count == 1;
        match self.aggregator {
            Aggregator::Avg | Aggregator::Sum => self.main += value,
            Aggregator::Min if first || value < self.main => self.main = value,
            Aggregator::Max if first || value > self.main => self.main = value,
            Aggregator::Range => {
                self.main = if first || value < self.main { value } else { self.main };
                self.other = if first || value > self.other { value } else { self.other };
            }
            Aggregator::First if first => self.main = value,
            Aggregator::Last => self.main = value,
            Aggregator::Min | Aggregator::Max | Aggregator::First | Aggregator::Count => {}
            Aggregator::StdP | Aggregator::StdS | Aggregator::VarP | Aggregator::VarS => {
                // Welford's algorithm: a sum of squares would lose everything for large values that differ little.
                let distance = value - self.main;
                self.main += distance / self.count as f64;
                self.other += distance * (value - self.main);
            }
            Aggregator::Twa => self.add_area(sample, first),
        }
        self.latest = sample;
    }

    /// Add samples in order, each later than all before.
    pub fn add_all(&mut self, samples: &[Sample]) {
        let (Some((first, rest)), false) =
            (samples.split_first(), samples.iter().any(|sample| sample.value.is_nan()))
        else {
            samples.iter().for_each(|sample| self.add(*sample));
            return;
        };
        // From the second sample on the common aggregators need but one look at each value.
        self.add(*first);
        let values = rest.iter().map(|sample| sample.value);
        match self.aggregator {
            Aggregator::Avg | Aggregator::Sum => self.main = values.fold(self.main, |sum, value| sum + value),
            Aggregator::Min => {
                self.main = values.fold(self.main, |min, value| if value < min { value } else { min })
            }
            Aggregator::Max => {
                self.main = values.fold(self.main, |max, value| if value > max { value } else { max })
            }
            Aggregator::Count | Aggregator::First => {}
            _ => {
                rest.iter().for_each(|sample| self.add(*sample));
                return;
            }
        }
        self.count += rest.len() as u64;
        self.latest = *samples.last().expect("there is a first one");
    }

    fn add_area(&mut self, sample: Sample, first: bool) {
        if !first {
            self.main += area(self.latest, sample);
        } else if let Some(before) = self.before {
            let edge = Sample::new(self.frame.from, between(before, sample, self.frame.from));
            self.main = area(edge, sample);
            self.since = self.frame.from;
        } else {
            self.since = sample.timestamp;
        }
    }

    /// What the values come to, if there are any. `after` is the first sample after the frame.
    pub fn value(&self, after: Option<Sample>) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let count = self.count as f64;
        // Of a single value nobody can tell how it varies.
        let of_sample = |squares: f64| if self.count == 1 { 0.0 } else { squares / (count - 1.0) };
        Some(match self.aggregator {
            Aggregator::Avg => self.main / count,
            Aggregator::Count => count,
            Aggregator::Range => self.other - self.main,
            Aggregator::VarP => self.other / count,
            Aggregator::StdP => (self.other / count).sqrt(),
            Aggregator::VarS => of_sample(self.other),
            Aggregator::StdS => of_sample(self.other).sqrt(),
            Aggregator::Twa => self.mean_over_time(after),
            _ => self.main,
        })
    }

    fn mean_over_time(&self, after: Option<Sample>) -> f64 {
        let (mut whole, mut until) = (self.main, self.latest.timestamp);
        if let Some(after) = after
            && self.frame.to > until
        {
            let edge = Sample::new(self.frame.to, between(self.latest, after, self.frame.to));
            whole += area(self.latest, edge);
            until = self.frame.to;
        }
        if until > self.since { whole / (until - self.since) as f64 } else { self.latest.value }
    }

    /// What [`Tally::load`] takes beside the aggregator and the frame.
    pub fn save(&self) -> ([u64; 6], Option<Sample>) {
        let Self { count, main, other, since, latest, .. } = self;
        let latest = [latest.timestamp.cast_unsigned(), latest.value.to_bits()];
        ([*count, main.to_bits(), other.to_bits(), since.cast_unsigned(), latest[0], latest[1]], self.before)
    }

    /// What was saved.
    pub const fn load(aggregator: Aggregator, frame: Frame, saved: ([u64; 6], Option<Sample>)) -> Self {
        let ([count, main, other, since, timestamp, value], before) = saved;
        Self {
            aggregator,
            frame,
            before,
            count,
            main: f64::from_bits(main),
            other: f64::from_bits(other),
            since: since.cast_signed(),
            latest: Sample::new(timestamp.cast_signed(), f64::from_bits(value)),
        }
    }
}

/// What is under the line from one sample to the next.
fn area(from: Sample, to: Sample) -> f64 {
    // No time is no area, however high.
    if from.timestamp == to.timestamp {
        return 0.0;
    }
    f64::midpoint(from.value, to.value) * (to.timestamp - from.timestamp) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    const FRAME: Frame = Frame { from: 10, to: 20 };

    fn sample(timestamp: i64, value: f64) -> Sample {
        Sample { timestamp, value }
    }

    fn of(aggregator: Aggregator, values: &[f64]) -> Option<f64> {
        let mut tally = Tally::new(aggregator, FRAME, None);
        for (at, value) in (10..).zip(values) {
            tally.add(sample(at, *value));
        }
        tally.value(None)
    }

    #[test]
    fn every_aggregator_of_a_few_values() {
        let values = [3.0, -1.0, 4.0, 1.0, -5.0, 10.0];
        let expected = [2.0, 12.0, -5.0, 10.0, 15.0, 6.0, 3.0, 10.0];
        for ((_, aggregator), expected) in Aggregator::ALL.iter().zip(expected) {
            assert_eq!(of(*aggregator, &values), Some(expected), "{aggregator:?}");
        }
        let squares = [1.0, 9.0, 4.0, 1.0, 49.0, 64.0].iter().sum::<f64>();
        let near = |aggregator, expected: f64| {
            assert!((of(aggregator, &values).unwrap() - expected).abs() < 1e-12, "{aggregator:?}");
        };
        near(Aggregator::VarP, squares / 6.0);
        near(Aggregator::VarS, squares / 5.0);
        near(Aggregator::StdP, (squares / 6.0).sqrt());
        near(Aggregator::StdS, (squares / 5.0).sqrt());
        // Five lines of one millisecond each.
        near(Aggregator::Twa, (1.0 + 1.5 + 2.5 - 2.0 + 2.5) / 5.0);
    }

    #[test]
    fn nothing_and_one_value() {
        for (_, aggregator) in Aggregator::ALL {
            assert_eq!(of(*aggregator, &[]), None);
            assert_eq!(of(*aggregator, &[f64::NAN]), None);
            let spread = ["range", "std.p", "std.s", "var.p", "var.s"].contains(&aggregator.name());
            let expected = if spread {
                0.0
            } else if *aggregator == Aggregator::Count {
                1.0
            } else {
                7.5
            };
            assert_eq!(of(*aggregator, &[f64::NAN, 7.5]), Some(expected), "{aggregator:?}");
        }
    }

    #[test]
    fn a_small_spread_of_large_values_is_not_lost() {
        let values: Vec<f64> = (0..1000).map(|i| 1e9 + f64::from(i % 2)).collect();
        assert!((of(Aggregator::VarP, &values).unwrap() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn the_mean_over_time_reaches_to_the_samples_around() {
        let twa = |before, samples: &[Sample], after| {
            let mut tally = Tally::new(Aggregator::Twa, FRAME, before);
            for sample in samples {
                tally.add(*sample);
            }
            tally.value(after).unwrap()
        };
        // On one straight line the mean is the middle of the time that is covered.
        let line = |at| sample(at, at as f64);
        let inside = [line(12), line(15), line(19)];
        assert_eq!(twa(None, &inside, None), 15.5);
        assert_eq!(twa(Some(line(4)), &inside, None), 14.5);
        assert_eq!(twa(None, &inside, Some(line(22))), 16.0);
        assert_eq!(twa(Some(line(9)), &inside, Some(line(20))), 15.0);
        assert_eq!(twa(Some(line(0)), &[line(10)], None), 10.0);
        assert_eq!(twa(None, &[line(20)], Some(line(30))), 20.0);
        assert_eq!(Aggregator::Twa.of_nothing(FRAME, Some(line(3)), Some(line(40))), 15.0);
        assert!(Aggregator::Twa.of_nothing(FRAME, Some(line(3)), None).is_nan());
    }

    #[test]
    fn many_at_once_are_as_one_after_the_other() {
        let mut random = Random::new(10);
        for (_, aggregator) in Aggregator::ALL {
            for _ in 0..200 {
                let (mut one, mut many) =
                    (Tally::new(*aggregator, FRAME, None), Tally::new(*aggregator, FRAME, None));
                let samples: Vec<Sample> = (10..10 + random.between(0, 10))
                    .map(|at| {
                        let nan = random.below(20) == 0;
                        sample(at, if nan { f64::NAN } else { random.between(-99, 99) as f64 / 7.0 })
                    })
                    .collect();
                samples.iter().for_each(|sample| one.add(*sample));
                let (some, rest) = samples.split_at(samples.len() / 3);
                many.add_all(some);
                many.add_all(rest);
                assert_eq!(one, many);
            }
        }
    }

    #[test]
    fn a_loaded_tally_goes_on_as_the_saved_one() {
        let mut random = Random::new(9);
        for (_, aggregator) in Aggregator::ALL {
            let before = (random.below(2) == 0).then_some(sample(3, 1.5));
            let mut tally = Tally::new(*aggregator, FRAME, before);
            for at in 10..20 {
                let mut loaded = Tally::load(*aggregator, FRAME, tally.save());
                assert_eq!(loaded, tally);
                let next = sample(at, random.between(-9, 9) as f64);
                tally.add(next);
                loaded.add(next);
                assert_eq!(loaded.value(None), tally.value(None));
            }
        }
    }
}
