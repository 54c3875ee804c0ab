//! The samples of a series: chunks of ascending timestamps, each sample in exactly one of them.
//! Adding at the end is the fast path and touches the last chunk alone; anything before it writes one chunk anew, or two.
//! Nothing here knows of duplicates, retention or rules; that is `series`.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use crate::chunk::{self, Chunk, Form};
use crate::sample::Sample;

/// Samples of different timestamps, in order.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    chunks: VecDeque<Chunk>,
}

impl Samples {
    /// From chunks that are in order; none if they are not.
    pub fn from_chunks(chunks: VecDeque<Chunk>) -> Option<Self> {
        let ordered = chunks.iter().zip(chunks.iter().skip(1)).all(|(a, b)| a.last().timestamp < b.first());
        ordered.then_some(Self { chunks })
    }

    /// The chunks.
    pub const fn chunks(&self) -> &VecDeque<Chunk> {
        &self.chunks
    }

    /// The latest sample.
    #[inline]
    pub fn last(&self) -> Option<Sample> {
        self.chunks.back().map(Chunk::last)
    }

    /// Add a sample later than all.
    #[inline]
    pub fn append(&mut self, sample: Sample, form: Form) {
        if let Some(last) = self.chunks.back_mut()
            && last.push(sample, form.bytes)
        {
            return;
        }
        self.chunks.push_back(Chunk::new(sample, form));
    }

    /// Add a sample, or set its value if there is one at its time.
    pub fn set(&mut self, sample: Sample, form: Form) {
        let Some(at) = self.place_of(sample.timestamp) else {
            self.append(sample, form);
            return;
        };
        let chunk = &mut self.chunks[at];
        let placed = if chunk.last().timestamp < sample.timestamp {
            chunk.push(sample, form.bytes)
        } else {
            chunk.set_in_place(sample, form.bytes)
        };
        if placed {
            return;
        }
        let mut samples: Vec<Sample> = Vec::with_capacity(chunk.count() + 1);
        samples.extend(chunk.iter());
        match samples.binary_search_by_key(&sample.timestamp, |sample| sample.timestamp) {
            Ok(there) => samples[there] = sample,
            Err(between) => samples.insert(between, sample),
        }
        self.replace(at, &samples, form);
    }

    /// The chunk that a timestamp belongs to: the last one that does not begin after it, or else the first.
    fn place_of(&self, timestamp: i64) -> Option<usize> {
        let after = self.chunks.partition_point(|chunk| chunk.first() <= timestamp);
        if self.chunks.is_empty() { None } else { Some(after.saturating_sub(1)) }
    }

    /// Put these samples, which belong there, into the place of a chunk.
    fn replace(&mut self, at: usize, samples: &[Sample], form: Form) {
        self.chunks.remove(at);
        for chunk in Chunk::fill(samples, form).into_iter().rev() {
            self.chunks.insert(at, chunk);
        }
    }

    /// Remove all samples from one time to another, both included; the answer is how many there were.
    pub fn remove(&mut self, from: i64, to: i64, form: Form) -> u64 {
        let mut removed = 0;
        let mut at = self.first_with(from);
        while let Some(chunk) = self.chunks.get(at)
            && chunk.first() <= to
        {
            let count = chunk.count();
            let kept: Vec<Sample> =
                chunk.iter().filter(|sample| sample.timestamp < from || sample.timestamp > to).collect();
            removed += (count - kept.len()) as u64;
            if kept.len() < count {
                let before = self.chunks.len();
                self.replace(at, &kept, form);
                // None, one, or rarely two chunks have taken the place of one: fewer samples can need more bits.
                at += self.chunks.len() + 1 - before;
            } else {
                at += 1;
            }
        }
        removed
    }

    /// Drop the chunks that end before a time. The last chunk stays.
    #[inline]
    pub fn trim(&mut self, before: i64) {
        while self.chunks.len() > 1 && self.chunks[0].last().timestamp < before {
            self.chunks.pop_front();
        }
    }

    /// The first chunk that ends at a time or after it.
    fn first_with(&self, from: i64) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().timestamp < from)
    }

    /// The value at a time.
    pub fn get(&self, timestamp: i64) -> Option<f64> {
        self.range(timestamp, timestamp).next().map(|sample| sample.value)
    }

    /// Give the samples from one time to another, both included, to a function, in runs, until it breaks. For many samples this is
    /// faster than [`Samples::range`]: a chunk is decoded in one go, and what is done with its samples is a loop of its own.
    pub fn runs(&self, from: i64, to: i64, mut take: impl FnMut(&[Sample]) -> ControlFlow<()>) {
        let mut decoded = Vec::new();
        for chunk in self.chunks.range(self.first_with(from)..) {
            if chunk.first() > to {
                break;
            }
            let run = match chunk {
                Chunk::Compressed(chunk) => {
                    chunk.decode(&mut decoded);
                    &decoded
                }
                Chunk::Plain(samples) => samples,
            };
            let start = run.partition_point(|sample| sample.timestamp < from);
            let end = run.partition_point(|sample| sample.timestamp <= to);
            // Of samples that nobody wrote the first may be later than the last.
            if start < end && take(&run[start..end]).is_break() {
                break;
            }
        }
    }

    /// The samples from one time to another, both included.
    pub fn range(&self, from: i64, to: i64) -> Range<'_> {
        let next = self.first_with(from);
        Range { chunks: &self.chunks, next, current: None, from, to }
    }

    /// The same, the latest first.
    pub fn range_back(&self, from: i64, to: i64) -> RangeBack<'_> {
        let left = self.chunks.partition_point(|chunk| chunk.first() <= to);
        RangeBack { chunks: &self.chunks, left, current: Vec::new(), from, to }
    }
}

/// Samples in order.
#[derive(Debug, Clone)]
pub struct Range<'s> {
    chunks: &'s VecDeque<Chunk>,
    next: usize,
    current: Option<chunk::Iter<'s>>,
    from: i64,
    to: i64,
}

impl Iterator for Range<'_> {
    type Item = Sample;

    #[inline]
    fn next(&mut self) -> Option<Sample> {
        loop {
            if let Some(current) = &mut self.current {
                for sample in current {
                    if sample.timestamp > self.to {
                        // Nothing that follows can be earlier.
                        self.next = self.chunks.len();
                        self.current = None;
                        return None;
                    }
                    if sample.timestamp >= self.from {
                        return Some(sample);
                    }
                }
            }
            let chunk = self.chunks.get(self.next).filter(|chunk| chunk.first() <= self.to)?;
            self.next += 1;
            self.current = Some(chunk.iter_about(self.from));
        }
    }
}

/// Samples in reverse order. A chunk can only be read forwards, so it is decoded as a whole.
#[derive(Debug, Clone)]
pub struct RangeBack<'s> {
    chunks: &'s VecDeque<Chunk>,
    left: usize,
    current: Vec<Sample>,
    from: i64,
    to: i64,
}

impl Iterator for RangeBack<'_> {
    type Item = Sample;

    #[inline]
    fn next(&mut self) -> Option<Sample> {
        loop {
            if let Some(sample) = self.current.pop() {
                return Some(sample);
            }
            self.left = self.left.checked_sub(1)?;
            let chunk = &self.chunks[self.left];
            if chunk.last().timestamp < self.from {
                self.left = 0;
                return None;
            }
            let (from, to) = (self.from, self.to);
            let within = chunk.iter_about(from).take_while(|sample| sample.timestamp <= to);
            self.current.extend(within.filter(|sample| sample.timestamp >= from));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::chunk::Encoding;
    use crate::testing::Random;

    fn pairs(samples: impl Iterator<Item = Sample>) -> Vec<(i64, f64)> {
        samples.map(|sample| (sample.timestamp, sample.value)).collect()
    }

    /// What is there, against a map that had the same done to it.
    fn check(samples: &Samples, model: &BTreeMap<i64, f64>, random: &mut Random) {
        let all: Vec<(i64, f64)> = model.iter().map(|(timestamp, value)| (*timestamp, *value)).collect();
        assert_eq!(pairs(samples.range(0, i64::MAX)), all);
        assert_eq!(samples.last().map(|last| (last.timestamp, last.value)), all.last().copied());
        let (from, to) = (random.between(-5, 2100), random.between(-5, 2100));
        let mut some: Vec<(i64, f64)> =
            all.iter().copied().filter(|(timestamp, _)| (from..=to).contains(timestamp)).collect();
        assert_eq!(pairs(samples.range(from, to)), some);
        let (mut given, most) = (Vec::new(), usize::try_from(random.below(300)).unwrap());
        samples.runs(from, to, |run| {
            given.extend(pairs(run.iter().copied()));
            if given.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(given.len() >= most.min(some.len()) && some.starts_with(&given));
        some.reverse();
        assert_eq!(pairs(samples.range_back(from, to)), some);
        assert_eq!(samples.get(from), model.get(&from).copied());
    }

    #[test]
    fn anything_done_in_any_order_is_as_if_done_to_a_map() {
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let encoding = random.pick(&[Encoding::Compressed, Encoding::Uncompressed]);
            let mut form = Form { encoding, bytes: random.pick(&[48, 64, 128, 512, 4096]) };
            let (mut samples, mut model) = (Samples::default(), BTreeMap::new());
            for _ in 0..400 {
                match random.below(20) {
                    0 => {
                        let from = random.between(0, 2000);
                        let to = from + random.between(0, 300);
                        let before = model.len();
                        model.retain(|timestamp, _| !(from..=to).contains(timestamp));
                        assert_eq!(samples.remove(from, to, form), (before - model.len()) as u64);
                    }
                    1 => form.bytes = random.pick(&[48, 128, 512]),
                    _ => {
                        let timestamp = random.between(0, 2000);
                        let any = f64::from_bits(random.bits() >> 2);
                        let value = random.pick(&[1.0, -0.5, 1e300, any]);
                        samples.set(Sample { timestamp, value }, form);
                        model.insert(timestamp, value);
                    }
                }
                check(&samples, &model, &mut random);
            }
        }
    }

    #[test]
    fn samples_in_order_fill_chunk_after_chunk() {
        let form = Form { encoding: Encoding::Uncompressed, bytes: 48 };
        let mut samples = Samples::default();
        for timestamp in 0..10 {
            samples.append(Sample { timestamp, value: 0.0 }, form);
        }
        let counts: Vec<usize> = samples.chunks().iter().map(Chunk::count).collect();
        assert_eq!(counts, [3, 3, 3, 1]);
        samples.trim(5);
        assert_eq!(pairs(samples.range(0, 100)).first(), Some(&(3, 0.0)));
        samples.trim(100);
        assert_eq!(samples.chunks().len(), 1);
    }

    #[test]
    fn a_sample_between_two_chunks_goes_to_the_earlier_while_there_is_room() {
        let form = Form { encoding: Encoding::Compressed, bytes: 4096 };
        let mut samples = Samples::default();
        for timestamp in 0..5000 {
            samples.append(
                Sample { timestamp: timestamp * 10, value: (timestamp * 7919 % 104_729) as f64 },
                form,
            );
        }
        let chunks = samples.chunks().len();
        assert!(chunks > 2);
        samples.set(Sample { timestamp: 5, value: 1.0 }, form);
        assert!(samples.chunks().len() <= chunks + 1);
        assert_eq!(samples.get(5), Some(1.0));
        assert_eq!(samples.range(0, i64::MAX).count(), 5001);
    }
}
