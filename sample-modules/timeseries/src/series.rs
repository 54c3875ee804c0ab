//! A time series: its samples, the rules by which it takes new ones, the labels by which it is found, and the compaction rules
//! that lead from it to others. What it is as bytes is `persist`; what a rule does is `rules`.
//! Nothing here knows a server or other keys: a change says what it means for the destinations of rules, and `compaction` does it.

use crate::chunk::Form;
use crate::policy::Duplicates;
use crate::rules::{Change, Rule};
use crate::sample::Sample;
use crate::samples::{Range, RangeBack, Samples};

/// A byte string that stays as it is.
pub type Bytes = Box<[u8]>;

/// What people set when they create or alter a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How many milliseconds samples live, measured against the latest; 0 for ever.
    pub retention: i64,
    /// How new chunks are written.
    pub form: Form,
    /// What becomes of a sample whose time is taken; none leaves that to the module's parameter.
    pub duplicates: Option<Duplicates>,
    /// Which samples are too close to the one before to be worth keeping.
    pub ignore: Ignore,
}

/// A sample that differs from the latest by no more than this, in both, is not added.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ignore {
    /// In milliseconds.
    pub time: i64,
    /// In value.
    pub value: f64,
}

/// Labels with their values, in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(pub Vec<(Bytes, Bytes)>);

impl Labels {
    /// The value of a label.
    pub fn get(&self, label: &[u8]) -> Option<&[u8]> {
        self.0.iter().find(|(name, _)| **name == *label).map(|(_, value)| &**value)
    }

    /// Set the value of a label, in its place if it has one already.
    pub fn set(&mut self, label: &[u8], value: &[u8]) {
        match self.0.iter_mut().find(|(name, _)| **name == *label) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((label.into(), value.into())),
        }
    }
}

/// A time series.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it holds.
    pub samples: Samples,
    /// What people set.
    pub options: Options,
    /// By what it is found.
    pub labels: Labels,
    /// The key of the series that this one is a compaction of. It is true only if that one has the rule.
    pub source: Option<Bytes>,
    /// The compactions of this series. They are true only if the destination names this one as its source.
    pub rules: Vec<Rule>,
}

/// What a new sample means to a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// This is what stands at its time from now on.
    Set(Sample),
    /// What is there already stays. The reply is this timestamp.
    Keep(i64),
    /// No, and why.
    Refuse(&'static str),
}

const TOO_OLD: &str = "ERR TSDB: Timestamp is older than retention";
const BLOCKED: &str =
    "ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode";

impl Series {
    /// Without samples.
    pub fn new(options: Options, labels: Labels) -> Self {
        Self { samples: Samples::default(), options, labels, source: None, rules: Vec::new() }
    }

    /// The earliest time that is still alive. What is older does not exist, even while its chunk does.
    #[inline]
    pub fn alive_since(&self) -> i64 {
        match self.samples.last() {
            Some(last) if self.options.retention > 0 => (last.timestamp - self.options.retention).max(0),
            _ => 0,
        }
    }

    /// What a new sample would mean; nothing changes. `policy` is the command's for a sample whose time is taken, `default` that of
    /// a series that has none; hardly any sample asks for it.
    pub fn judge(&self, sample: Sample, policy: Option<Duplicates>, default: fn() -> Duplicates) -> Verdict {
        let Some(last) = self.samples.last() else { return Verdict::Set(sample) };
        let own = || self.options.duplicates.unwrap_or_else(default);
        if sample.timestamp >= last.timestamp && self.ignores(sample, last, own) {
            return Verdict::Keep(last.timestamp);
        }
        if sample.timestamp > last.timestamp {
            return Verdict::Set(sample);
        }
        if sample.timestamp < self.alive_since() {
            return Verdict::Refuse(TOO_OLD);
        }
        let old = if sample.timestamp == last.timestamp {
            Some(last.value)
        } else {
            self.samples.get(sample.timestamp)
        };
        let Some(old) = old else { return Verdict::Set(sample) };
        match policy.unwrap_or_else(own).resolve(old, sample.value) {
            None => Verdict::Refuse(BLOCKED),
            Some(value) if value.to_bits() == old.to_bits() => Verdict::Keep(sample.timestamp),
            Some(value) => Verdict::Set(Sample::new(sample.timestamp, value)),
        }
    }

    /// Whether a sample is too close to the latest one to be worth keeping.
    fn ignores(&self, sample: Sample, last: Sample, own: impl FnOnce() -> Duplicates) -> bool {
        let Ignore { time, value } = self.options.ignore;
        // The common case first: without any tolerance only an equal sample would be ignored, which changes nothing.
        (time > 0 || value > 0.0)
            && self.source.is_none()
            && sample.timestamp - last.timestamp <= time
            && (sample.value - last.value).abs() <= value
            && own() == Duplicates::Last
    }

    /// Add a sample, or set what stands at its time. The answer is what that means for the destinations of rules.
    #[inline]
    pub fn put(&mut self, sample: Sample) -> Vec<Change> {
        let form = self.options.form;
        let is_latest = self.samples.last().is_none_or(|last| sample.timestamp > last.timestamp);
        if is_latest {
            self.samples.append(sample, form);
            self.samples.trim(self.alive_since());
        } else {
            self.samples.set(sample, form);
        }
        let mut changes = Vec::new();
        if !self.rules.is_empty() {
            let since = self.alive_since();
            for (number, rule) in self.rules.iter_mut().enumerate() {
                rule.put(&self.samples, since, sample, is_latest, |effect| {
                    changes.push(Change { number, effect })
                });
            }
        }
        changes
    }

    /// Remove the samples from one time to another, both included. The answer is how many, and what that means for the destinations
    /// of rules.
    pub fn remove(&mut self, from: i64, to: i64) -> (u64, Vec<Change>) {
        self.bury();
        let affected: Vec<Vec<i64>> =
            self.rules.iter().map(|rule| rule.buckets_around(&self.samples, from, to)).collect();
        let removed = self.samples.remove(from, to, self.options.form);
        let mut changes = Vec::new();
        if removed > 0 {
            let since = self.alive_since();
            for (number, (rule, starts)) in self.rules.iter_mut().zip(affected).enumerate() {
                let effects = starts.into_iter().filter_map(|start| rule.remove(&self.samples, since, start));
                changes.extend(effects.map(|effect| Change { number, effect }));
            }
        }
        (removed, changes)
    }

    /// Remove what has expired, before the time of expiry goes back: it must not come to life again.
    pub fn bury(&mut self) {
        let since = self.alive_since();
        if since > 0 {
            self.samples.remove(0, since - 1, self.options.form);
        }
    }

    /// The samples from one time to another, both included, that are alive.
    pub fn range(&self, from: i64, to: i64) -> Range<'_> {
        self.samples.range(from.max(self.alive_since()), to)
    }

    /// The same, the latest first.
    pub fn range_back(&self, from: i64, to: i64) -> RangeBack<'_> {
        self.samples.range_back(from.max(self.alive_since()), to)
    }

    /// The earliest sample that is alive.
    pub fn first(&self) -> Option<Sample> {
        self.range(0, i64::MAX).next()
    }

    /// How many samples are alive. At most one chunk has to be looked into.
    pub fn len(&self) -> usize {
        let since = self.alive_since();
        let chunks = self.samples.chunks().iter().filter(|chunk| chunk.last().timestamp >= since);
        let whole = |chunk: &&crate::chunk::Chunk| chunk.first() >= since;
        chunks
            .map(|chunk| {
                if whole(&chunk) {
                    chunk.count()
                } else {
                    chunk.iter().filter(|sample| sample.timestamp >= since).count()
                }
            })
            .sum()
    }

    /// How many bytes it takes, about.
    pub fn memory(&self) -> usize {
        let chunks = self.samples.chunks();
        let in_chunks: usize = chunks.iter().map(|chunk| size_of_val(chunk) + chunk.bytes()).sum();
        let in_labels: usize = self
            .labels
            .0
            .iter()
            .map(|(label, value)| size_of::<(Bytes, Bytes)>() + label.len() + value.len())
            .sum();
        let in_rules: usize = self.rules.iter().map(|rule| size_of::<Rule>() + rule.destination.len()).sum();
        let source = self.source.as_ref().map_or(0, |source| source.len());
        size_of::<Self>() + in_chunks + in_labels + in_rules + source
    }

    /// The rule that leads to this key.
    pub fn rule_to(&self, destination: &[u8]) -> Option<&Rule> {
        self.rules.iter().find(|rule| *rule.destination == *destination)
    }

    /// The open bucket of the rule that leads to this key, as the sample that it would become now.
    pub fn latest_for(&self, destination: &[u8]) -> Option<Sample> {
        self.rule_to(destination)?.latest()
    }
}

/// What series are like when nobody says anything.
#[cfg(test)]
pub const PLAIN: Options = Options {
    retention: 0,
    form: Form { encoding: crate::chunk::Encoding::Compressed, bytes: 4096 },
    duplicates: None,
    ignore: Ignore { time: 0, value: 0.0 },
};
