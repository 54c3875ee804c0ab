//! Samples in few bits, as in "Gorilla: A Fast, Scalable, In-Memory Time Series Database" (Pelkonen et al., VLDB 2015).
//!
//! The first sample is 64 bits of timestamp and 64 of value. Of every other one there is how much the step in time differs
//! from the step before, and the exclusive or of the value with the value before:
//!
//! | step in time | bits | | value | bits |
//! |---|---|---|---|---|
//! | the same | `0` | | the same | `0` |
//! | fits 7 bits | `10` + 7 | | differs within the bits of the window | `10` + the window |
//! | fits 11 bits | `110` + 11 | | differs | `11` + 5 of leading zeros + 6 of length - 1 + length |
//! | fits 16 bits | `1110` + 16 | | | |
//! | fits 32 bits | `11110` + 32 | | | |
//! | anything | `11111` + 64 | | | |
//!
//! The paper's widths are for seconds, ours for milliseconds; and a window is left when a new one pays, which the paper does
//! not do. The bits follow from the samples alone, whatever the order of writing was.
//!
//! Decoding never fails: bits that nobody wrote give some samples, and not more than were announced.

use crate::bits::{Bits, Reader};
use crate::sample::Sample;

/// How many bits an additional sample takes at most.
const LARGEST: usize = (5 + 64) + (2 + 5 + 6 + 64);

/// What one more than the length of a window's description costs.
const NEW_WINDOW: u32 = 5 + 6;

/// The prefixes of steps in time by the number of ones that they begin with: their length, and how many bits follow.
const STEPS: [(u32, u32); 6] = [(1, 0), (2, 7), (3, 11), (4, 16), (5, 32), (5, 64)];

/// Samples of ascending timestamps. There is at least one.
#[derive(Debug, Clone)]
pub struct Compressed {
    bits: Bits,
    count: u32,
    first: i64,
    state: State,
    /// How it was before the last sample, to replace that in place. Not known after loading.
    before_last: Option<(usize, State)>,
}

/// What the next sample is described against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    timestamp: i64,
    step: i64,
    value: u64,
    window: Window,
}

/// The bits of a value that are written: after so many zeros, so many. A length of 0 is no window yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    leading: u32,
    length: u32,
}

impl Window {
    /// For what differs; that must not be 0.
    fn of(difference: u64) -> Self {
        let leading = difference.leading_zeros().min(31);
        Self { leading, length: 64 - leading - difference.trailing_zeros() }
    }

    /// How many bits there are to the right of it. Bits that nobody wrote may describe a window that does not fit.
    const fn trailing(self) -> u32 {
        64u32.saturating_sub(self.leading + self.length)
    }

    /// Whether another one that is needed fits into this one, and a description of its own would not be shorter.
    const fn serves(self, needed: Self) -> bool {
        self.leading <= needed.leading
            && self.trailing() <= needed.trailing()
            && self.length <= needed.length + NEW_WINDOW
    }
}

impl Compressed {
    /// One sample.
    pub fn new(sample: Sample) -> Self {
        let mut bits = Bits::default();
        bits.push(sample.timestamp.cast_unsigned(), 64);
        bits.push(sample.value.to_bits(), 64);
        let window = Window { leading: 0, length: 0 };
        let state = State { timestamp: sample.timestamp, step: 0, value: sample.value.to_bits(), window };
        Self { bits, count: 1, first: sample.timestamp, state, before_last: None }
    }

    /// Add a sample that is later than all, if `bytes` are enough for it and all that are there.
    pub fn push(&mut self, sample: Sample, bytes: usize) -> bool {
        if self.bits.len() + LARGEST > bytes * 8 {
            return false;
        }
        self.before_last = Some((self.bits.len(), self.state));
        self.push_timestamp(sample.timestamp);
        self.push_value(sample.value.to_bits());
        self.count += 1;
        true
    }

    /// Replace the value of the last sample, if that can be done without writing all of them anew.
    pub fn replace_last(&mut self, value: f64, bytes: usize) -> bool {
        let last = Sample { timestamp: self.state.timestamp, value };
        let Some((len, state)) = self.before_last else { return false };
        if len + LARGEST > bytes * 8 {
            return false;
        }
        self.bits.truncate(len);
        self.state = state;
        self.count -= 1;
        self.push(last, bytes)
    }

    fn push_timestamp(&mut self, timestamp: i64) {
        let state = &mut self.state;
        let step = timestamp.wrapping_sub(state.timestamp);
        let change = step.wrapping_sub(state.step);
        state.timestamp = timestamp;
        state.step = step;
        // How many bits it takes in two's complement: what equals the sign need not be said but once.
        let needed = 65 - (change ^ (change >> 63)).leading_zeros();
        let ones = match needed {
            _ if change == 0 => return self.bits.push(0, 1),
            0..=7 => 1,
            8..=11 => 2,
            12..=16 => 3,
            17..=32 => 4,
            _ => 5,
        };
        let (prefix, width) = STEPS[ones];
        if width == 64 {
            self.bits.push(0b1_1111, prefix);
            self.bits.push(change.cast_unsigned(), width);
        } else {
            // Ones and then a zero, in front of the lowest bits of the change.
            let head = (1u64 << (ones + 1)) - 2;
            let tail = change.cast_unsigned() & ((1 << width) - 1);
            self.bits.push(head << width | tail, prefix + width);
        }
    }

    fn push_value(&mut self, value: u64) {
        let state = &mut self.state;
        let difference = value ^ state.value;
        state.value = value;
        if difference == 0 {
            self.bits.push(0, 1);
            return;
        }
        let needed = Window::of(difference);
        let (head, width) = if state.window.length > 0 && state.window.serves(needed) {
            (0b10, 2)
        } else {
            state.window = needed;
            let window = u64::from(needed.leading) << 6 | u64::from(needed.length - 1);
            (0b11 << 11 | window, 13)
        };
        let Window { length, .. } = state.window;
        let meant = difference >> state.window.trailing();
        if width + length <= 64 {
            self.bits.push(head << length | meant, width + length);
        } else {
            self.bits.push(head, width);
            self.bits.push(meant, length);
        }
    }

    /// How many samples.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The first timestamp.
    pub const fn first(&self) -> i64 {
        self.first
    }

    /// The last sample.
    pub const fn last(&self) -> Sample {
        Sample { timestamp: self.state.timestamp, value: f64::from_bits(self.state.value) }
    }

    /// How many bytes the bits take.
    pub const fn bytes(&self) -> usize {
        self.bits.bytes()
    }

    /// All samples.
    pub fn iter(&self) -> Iter<'_> {
        // Only bits that nobody wrote use a window that was never described.
        let nothing = State { timestamp: 0, step: 0, value: 0, window: Window { leading: 0, length: 64 } };
        Iter { reader: self.bits.read(), left: self.count, first: true, state: nothing }
    }

    /// All samples, in place of what the list holds.
    pub fn decode(&self, samples: &mut Vec<Sample>) {
        samples.clear();
        samples.reserve(self.count as usize);
        samples.extend(self.iter());
    }

    /// What [`Compressed::load`] takes: the numbers, and the bits.
    pub fn save(&self) -> ([u64; 7], Vec<u8>) {
        let State { timestamp, step, value, window } = self.state;
        let window = u64::from(window.leading) << 8 | u64::from(window.length);
        let numbers =
            [self.first.cast_unsigned(), timestamp.cast_unsigned(), step.cast_unsigned(), value, window];
        let [first, timestamp, step, value, window] = numbers;
        let len = self.bits.len() as u64;
        ([u64::from(self.count), first, timestamp, step, value, window, len], self.bits.to_bytes())
    }

    /// What was saved; none if it cannot have been.
    pub fn load(numbers: [u64; 7], bytes: &[u8]) -> Option<Self> {
        let [count, first, timestamp, step, value, window, len] = numbers;
        let bits = Bits::from_bytes(bytes, usize::try_from(len).ok()?)?;
        let count = u32::try_from(count).ok()?;
        // Every sample but the first takes two bits at least, so that an invented count costs nobody anything.
        if count == 0 || (bits.len() as u64) < 128 + 2 * (u64::from(count) - 1) {
            return None;
        }
        let window = Window {
            leading: u32::try_from(window >> 8).ok().filter(|leading| *leading <= 31)?,
            length: u32::try_from(window & 0xff).ok()?,
        };
        let (first, timestamp) = (first.cast_signed(), timestamp.cast_signed());
        let ordered = first >= 0 && (first < timestamp || first == timestamp && count == 1);
        if !ordered || window.leading + window.length > 64 {
            return None;
        }
        let state = State { timestamp, step: step.cast_signed(), value, window };
        Some(Self { bits, count, first, state, before_last: None })
    }
}

/// The samples one by one.
#[derive(Debug, Clone)]
pub struct Iter<'c> {
    reader: Reader<'c>,
    left: u32,
    first: bool,
    state: State,
}

impl Iter<'_> {
    /// Take the change of the step in time; the answer is how many bits it took, of those that were peeked at.
    #[inline]
    fn take_timestamp(&mut self, bits: u64) -> u32 {
        let ones = (!bits).leading_zeros().min(5);
        let mut taken = 1;
        if ones > 0 {
            let (prefix, width) = STEPS[ones as usize];
            // The widest does not fit into what was peeked at.
            self.reader.skip(prefix);
            let change = self.reader.take(width) << (64 - width);
            // The shift of a signed number copies the sign.
            self.state.step = self.state.step.wrapping_add(change.cast_signed() >> (64 - width));
            taken = 0;
        }
        self.state.timestamp = self.state.timestamp.wrapping_add(self.state.step);
        taken
    }

    /// Take the difference of the value, which stands after the first `taken` of the bits that were peeked at.
    #[inline]
    fn take_value(&mut self, bits: u64, taken: u32) {
        let bits = bits << taken;
        if bits >> 63 == 0 {
            self.reader.skip(taken + 1);
            return;
        }
        let mut width = 2;
        if bits >> 62 == 0b11 {
            let leading = u32::try_from(bits >> 57 & 0x1f).expect("5 bits");
            let length = u32::try_from(bits >> 51 & 0x3f).expect("6 bits") + 1;
            self.state.window = Window { leading, length };
            width = 13;
        }
        let Window { length, .. } = self.state.window;
        let meant = if taken + width + length <= 64 {
            self.reader.skip(taken + width + length);
            bits << width >> (64 - length)
        } else {
            self.reader.skip(taken + width);
            self.reader.take(length)
        };
        self.state.value ^= meant << self.state.window.trailing();
    }
}

impl Iterator for Iter<'_> {
    type Item = Sample;

    #[inline]
    fn next(&mut self) -> Option<Sample> {
        self.left = self.left.checked_sub(1)?;
        if self.first {
            self.first = false;
            self.state.timestamp = self.reader.take(64).cast_signed();
            self.state.value = self.reader.take(64);
        } else {
            // Most samples are in one look.
            let bits = self.reader.peek();
            let taken = self.take_timestamp(bits);
            let bits = if taken == 0 { self.reader.peek() } else { bits };
            self.take_value(bits, taken);
        }
        Some(Sample { timestamp: self.state.timestamp, value: f64::from_bits(self.state.value) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    const ENOUGH: usize = 1 << 20;

    fn compress(samples: &[Sample]) -> Compressed {
        let mut chunk = Compressed::new(samples[0]);
        for sample in &samples[1..] {
            assert!(chunk.push(*sample, ENOUGH));
        }
        chunk
    }

    fn assert_same(chunk: &Compressed, samples: &[Sample]) {
        let bits = |samples: &[Sample]| -> Vec<(i64, u64)> {
            samples.iter().map(|sample| (sample.timestamp, sample.value.to_bits())).collect()
        };
        let decoded: Vec<Sample> = chunk.iter().collect();
        assert_eq!(bits(&decoded), bits(samples));
        assert_eq!(bits(&[chunk.last()]), bits(&samples[samples.len() - 1..]));
        assert_eq!((chunk.first(), chunk.count() as usize), (samples[0].timestamp, samples.len()));
    }

    fn samples(pairs: &[(i64, f64)]) -> Vec<Sample> {
        pairs.iter().map(|(timestamp, value)| Sample { timestamp: *timestamp, value: *value }).collect()
    }

    #[test]
    fn hostile_values_and_timestamps_come_back_bit_by_bit() {
        let values = [
            0.0,
            -0.0,
            1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            f64::from_bits(1 << 51),
            f64::from_bits(u64::MAX >> 12),
            0.1,
            1e300,
        ];
        let mut random = Random::new(3);
        for _ in 0..500 {
            let mut timestamps: Vec<i64> = (0..30)
                .map(|_| match random.below(5) {
                    0 => random.between(0, 100),
                    1 => i64::MAX - random.between(0, 100),
                    2 => random.between(1_700_000_000_000, 1_700_000_100_000),
                    3 => (random.bits() >> 1).cast_signed(),
                    _ => (random.bits() >> (1 + random.below(63))).cast_signed(),
                })
                .collect();
            timestamps.push(if random.below(2) == 0 { 0 } else { i64::MAX });
            timestamps.sort_unstable();
            timestamps.dedup();
            let samples: Vec<Sample> = timestamps
                .into_iter()
                .map(|timestamp| {
                    let any = f64::from_bits(random.bits());
                    let value = if random.below(3) == 0 { any } else { random.pick(&values) };
                    Sample { timestamp, value }
                })
                .collect();
            assert_same(&compress(&samples), &samples);
        }
    }

    #[test]
    fn regular_samples_take_few_bits() {
        let regular: Vec<Sample> =
            (0..1000).map(|i| Sample { timestamp: 1_700_000_000_000 + i * 1000, value: 21.5 }).collect();
        let chunk = compress(&regular);
        assert_same(&chunk, &regular);
        // The first, the first step, and two bits for every other one.
        assert!(chunk.bytes() <= 16 + 4 + 2 * 1000 / 8 + 1, "{}", chunk.bytes());
        let mut random = Random::new(4);
        let jittered: Vec<Sample> = (0..1000)
            .map(|i| Sample {
                timestamp: 1_700_000_000_000 + i * 1000 + random.between(-20, 20),
                value: 20.0 + f64::from(i32::try_from(random.below(64)).unwrap()) / 8.0,
            })
            .collect();
        let chunk = compress(&jittered);
        assert_same(&chunk, &jittered);
        assert!(chunk.bytes() < 4 * 1000, "{}", chunk.bytes());
    }

    #[test]
    fn a_wide_window_is_left_when_a_narrow_one_pays() {
        let mut noisy = samples(&[(1, 0.0), (2, f64::from_bits(u64::MAX >> 2))]);
        noisy.extend((3..1000i64).map(|timestamp| {
            let value = f64::from_bits(timestamp.cast_unsigned() << 22);
            Sample { timestamp, value }
        }));
        let chunk = compress(&noisy);
        assert_same(&chunk, &noisy);
        assert!(chunk.bytes() < 1000 * 4, "{}", chunk.bytes());
    }

    #[test]
    fn nothing_is_added_past_the_size() {
        for bytes in (48..400).step_by(8) {
            let mut random = Random::new(bytes as u64);
            let mut kept = samples(&[(5, 1.0)]);
            let mut chunk = Compressed::new(kept[0]);
            loop {
                let timestamp = chunk.last().timestamp + random.between(1, 1 << 40);
                let sample = Sample { timestamp, value: f64::from_bits(random.bits()) };
                if !chunk.push(sample, bytes) {
                    break;
                }
                kept.push(sample);
            }
            assert!(chunk.bytes() <= bytes && kept.len() >= 2);
            assert_same(&chunk, &kept);
        }
    }

    #[test]
    fn replacing_the_last_value_gives_what_writing_it_at_once_gives() {
        let mut random = Random::new(6);
        for _ in 0..300 {
            let mut chunk = Compressed::new(Sample { timestamp: 0, value: 1.0 });
            let mut plain = samples(&[(0, 1.0)]);
            for timestamp in 1..40 {
                let value = f64::from_bits(random.bits());
                assert!(chunk.push(Sample { timestamp, value }, ENOUGH));
                plain.push(Sample { timestamp, value });
                for _ in 0..random.below(3) {
                    let any = f64::from_bits(random.bits());
                    let value = random.pick(&[1.0, 2.0, any]);
                    assert!(chunk.replace_last(value, ENOUGH));
                    plain.last_mut().unwrap().value = value;
                }
            }
            assert_same(&chunk, &plain);
            assert_eq!(chunk.save(), compress(&plain).save());
        }
        assert!(!Compressed::new(Sample { timestamp: 0, value: 1.0 }).replace_last(2.0, ENOUGH));
    }

    #[test]
    fn a_loaded_chunk_goes_on_as_the_saved_one() {
        let mut random = Random::new(7);
        for len in 1..100 {
            let samples: Vec<Sample> =
                (0..len).map(|i| Sample { timestamp: i * i, value: f64::from_bits(random.bits()) }).collect();
            let mut chunk = compress(&samples);
            let (numbers, bytes) = chunk.save();
            let mut loaded = Compressed::load(numbers, &bytes).unwrap();
            assert_same(&loaded, &samples);
            let next = Sample { timestamp: len * len + 7, value: random.pick(&[0.5, 1e9]) };
            assert!(chunk.push(next, ENOUGH) && loaded.push(next, ENOUGH));
            assert_eq!(chunk.save(), loaded.save());
        }
    }

    #[test]
    fn invented_chunks_are_refused_or_harmless() {
        let chunk = compress(&samples(&[(1, 1.0), (2, 3.0), (9, -7.5), (10, 1e100)]));
        let (numbers, bytes) = chunk.save();
        let mut random = Random::new(8);
        for _ in 0..20_000 {
            let (mut numbers, mut bytes) = (numbers, bytes.clone());
            for _ in 0..=random.below(3) {
                if random.below(2) == 0 {
                    numbers[usize::try_from(random.below(7)).unwrap()] = random.bits() >> random.below(64);
                } else {
                    let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
                    bytes[at] = random.bits() as u8;
                }
            }
            if let Some(chunk) = Compressed::load(numbers, &bytes) {
                assert!(chunk.iter().count() == chunk.count() as usize);
            }
        }
        assert!(Compressed::load([u64::MAX; 7], &bytes).is_none());
        let [_, rest @ ..] = numbers;
        let [first, timestamp, step, value, window, len] = rest;
        let with_count =
            |count| Compressed::load([count, first, timestamp, step, value, window, len], &bytes);
        assert!(with_count(4).is_some() && with_count(0).is_none());
        assert!([1 << 20, (1 << 31) + 1, u64::from(u32::MAX)].map(with_count).iter().all(Option::is_none));
    }
}
