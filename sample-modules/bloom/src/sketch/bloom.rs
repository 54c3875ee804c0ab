//! A Bloom filter that grows: Almeida, Baquero, Preguiça & Hutchison, "Scalable Bloom Filters", 2007.
//!
//! It is a row of plain Bloom filters. When the last one holds as many items as it was made for, a larger one follows with half of
//! its error rate. The first has half of what was asked for, so that the sum over all of them never exceeds that. A filter that may
//! not grow has all of it, and says that it is full.

use std::f64::consts::LN_2;

use super::hash::ItemHash;
use super::{Refusal, zeroed};
use crate::limits::{BLOOM_ERROR, BLOOM_FILTERS, BLOOM_HASHES, VALUE_BYTES};

/// By how much each filter's error rate is below that of the one before.
const TIGHTENING: f64 = 0.5;

/// A row of filters.
#[derive(Debug, Clone, PartialEq)]
pub struct Bloom {
    filters: Vec<Filter>,
    expansion: Option<u32>,
}

/// One filter of the row.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// For how many items it is made.
    pub capacity: u64,
    /// How many were added.
    pub items: u64,
    /// How many bits an item sets.
    pub hashes: u32,
    /// The rate of false positives when it is full.
    pub error: f64,
    /// A multiple of 64 of them, at most 2^32.
    pub bits: Vec<u8>,
}

/// The shape of a filter, before it costs any memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// For how many items.
    pub capacity: u64,
    /// At which rate of false positives.
    pub error: f64,
}

impl Shape {
    /// How many bits an item sets: log2(1 / error).
    fn hashes(self) -> u32 {
        // A float becomes the nearest integer that there is, so this is right for any error rate.
        (-self.error.log2()).ceil().max(1.0) as u32
    }

    /// How many bytes the bits take, if a filter may take so many.
    fn bytes(self) -> Option<usize> {
        let bits = self.capacity as f64 * -self.error.ln() / (LN_2 * LN_2);
        let words = (bits / 64.0).ceil().max(1.0);
        (words <= (VALUE_BYTES / 8) as f64).then(|| words as usize * 8)
    }
}

impl Filter {
    fn new(shape: Shape, other_bytes: usize) -> Result<Self, Refusal> {
        let hashes = shape.hashes();
        let bytes = shape.bytes().filter(|_| hashes <= BLOOM_HASHES).ok_or(Refusal::NoMemory)?;
        let bits = zeroed(bytes, other_bytes.saturating_add(bytes))?;
        Ok(Self { capacity: shape.capacity, items: 0, hashes, error: shape.error, bits })
    }

    /// Whether this is a filter that can have been saved.
    fn is_sound(&self) -> bool {
        (1..=BLOOM_HASHES).contains(&self.hashes)
            && self.error > 0.0
            && self.error < 1.0
            && self.items <= self.capacity
            && !self.bits.is_empty()
            && self.bits.len().is_multiple_of(8)
            && self.bits.len() <= VALUE_BYTES
    }

    #[inline]
    fn positions(&self, hash: ItemHash) -> impl Iterator<Item = (usize, u8)> + use<> {
        let width = self.bits.len() as u64 * 8;
        (0..self.hashes).map(move |step| {
            let position = hash.position(step, width);
            ((position / 8) as usize, 1 << (position % 8))
        })
    }

    #[inline]
    fn contains(&self, hash: ItemHash) -> bool {
        self.positions(hash).all(|(byte, bit)| self.bits[byte] & bit != 0)
    }

    fn add(&mut self, hash: ItemHash) {
        for (byte, bit) in self.positions(hash) {
            self.bits[byte] |= bit;
        }
        self.items += 1;
    }
}

impl Bloom {
    /// An empty filter for so many items at that rate of false positives, between 0 and 1; `expansion` is the factor by which it
    /// grows, if it may.
    pub fn new(capacity: u64, error: f64, expansion: Option<u32>) -> Result<Self, Refusal> {
        let first = if expansion.is_some() { TIGHTENING } else { 1.0 };
        let shape = Shape { capacity, error: error.min(BLOOM_ERROR) * first };
        Ok(Self { filters: vec![Filter::new(shape, 0)?], expansion })
    }

    /// What was saved, if it makes sense.
    #[must_use]
    pub fn restored(filters: Vec<Filter>, expansion: Option<u32>) -> Option<Self> {
        let sound = !filters.is_empty()
            && filters.len() <= BLOOM_FILTERS
            && filters.iter().all(Filter::is_sound)
            // All but the last are full, and only those that may grow have more than one.
            && (filters.len() == 1 || expansion.is_some_and(|expansion| expansion > 0));
        sound.then_some(Self { filters, expansion })
    }

    /// Whether an item was probably added; if not, it certainly was not.
    #[inline]
    #[must_use]
    pub fn contains(&self, hash: ItemHash) -> bool {
        // Most items are in the last filter, which is the largest.
        self.filters.iter().rev().any(|filter| filter.contains(hash))
    }

    /// Add an item of which [`Bloom::contains`] has said that it is not there.
    pub fn add(&mut self, hash: ItemHash) -> Result<(), Refusal> {
        let last = self.filters.last().expect("a row has at least one filter");
        if last.items >= last.capacity {
            let shape = Shape {
                capacity: last.capacity.saturating_mul(u64::from(self.expansion.ok_or(Refusal::Full)?)),
                // Below what the hash can tell apart a smaller rate only costs time, and adds nothing to the sum.
                error: (last.error * TIGHTENING).max(0.5f64.powi(BLOOM_HASHES as i32)),
            };
            if self.filters.len() >= BLOOM_FILTERS {
                return Err(Refusal::Grown);
            }
            let filter = Filter::new(shape, self.data_len())?;
            self.filters.push(filter);
        }
        self.filters.last_mut().expect("a row has at least one filter").add(hash);
        Ok(())
    }

    /// How many items were added.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.filters.iter().fold(0, |sum, filter| sum.saturating_add(filter.items))
    }

    /// How many items fit before it grows, those that are there included.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.filters.iter().fold(0, |sum, filter| sum.saturating_add(filter.capacity))
    }

    /// The factor by which it grows.
    #[must_use]
    pub const fn expansion(&self) -> Option<u32> {
        self.expansion
    }

    /// The filters, the oldest first.
    #[must_use]
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// The bits of each, to be written over.
    pub fn bits_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.filters.iter_mut().map(|filter| filter.bits.as_mut_slice())
    }

    /// Bytes of memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.filters.len() * size_of::<Filter>() + self.data_len()
    }

    /// Bytes of all bits.
    #[must_use]
    pub fn data_len(&self) -> usize {
        self.filters.iter().map(|filter| filter.bits.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(group: &str, number: u32) -> ItemHash {
        ItemHash::of(format!("{group}:{number}").as_bytes())
    }

    /// A filter with so many items.
    fn filled(capacity: u64, error: f64, expansion: Option<u32>, items: u32) -> Bloom {
        let mut bloom = Bloom::new(capacity, error, expansion).unwrap();
        for item in 0..items {
            if !bloom.contains(hash("in", item)) {
                bloom.add(hash("in", item)).unwrap();
            }
        }
        bloom
    }

    fn false_positives(bloom: &Bloom, of: u32) -> f64 {
        f64::from((0..of).map(|item| u32::from(bloom.contains(hash("out", item)))).sum::<u32>())
            / f64::from(of)
    }

    #[test]
    fn what_was_added_is_there_and_little_else() {
        for (capacity, error, items) in [
            (1000, 0.1, 1000),
            (1000, 0.01, 1000),
            (1000, 0.001, 20_000),
            (100, 0.01, 50_000),
            (10, 1e-4, 5_000),
        ] {
            for expansion in [1, 2, 4] {
                // Where every addition makes another filter, a thousand are enough.
                let items = if expansion == 1 { items.min(20 * capacity as u32) } else { items };
                let bloom = filled(capacity, error, Some(expansion), items);
                assert!((0..items).all(|item| bloom.contains(hash("in", item))));
                let rate = false_positives(&bloom, 40_000);
                assert!(rate <= error, "{capacity} {error} {expansion}: {rate}");
            }
        }
    }

    #[test]
    fn a_filter_that_does_not_grow_keeps_its_promise_until_it_is_full() {
        for error in [0.1, 0.01, 0.001] {
            let mut bloom = filled(20_000, error, None, 20_000);
            let rate = false_positives(&bloom, 100_000);
            // The promise is met exactly, so chance may lead a little beyond it.
            assert!(rate < error * 1.1, "{error}: {rate}");
            let outcome = (0..1000).try_for_each(|item| bloom.add(hash("more", item)));
            assert_eq!(outcome, Err(Refusal::Full));
            assert_eq!((bloom.items(), bloom.filters().len()), (20_000, 1));
        }
    }

    #[test]
    fn sizes_follow_from_capacity_and_error() {
        let sizes = |bloom: &Bloom| (bloom.filters()[0].hashes, bloom.data_len());
        assert_eq!(sizes(&Bloom::new(1000, 0.01, None).unwrap()), (7, 1200));
        assert_eq!(sizes(&Bloom::new(1000, 0.001, None).unwrap()), (10, 1800));
        // Half of the error is for the filters that follow.
        assert_eq!(sizes(&Bloom::new(1000, 0.002, Some(2)).unwrap()), (10, 1800));
        assert_eq!(sizes(&Bloom::new(1, 0.9, None).unwrap()), (2, 8));
        assert_eq!(Bloom::new(1000, 0.9, None), Bloom::new(1000, 0.25, None));
    }

    #[test]
    fn it_grows_by_its_expansion() {
        let bloom = filled(100, 0.01, Some(3), 500);
        let capacities: Vec<_> = bloom.filters().iter().map(|filter| filter.capacity).collect();
        assert_eq!(capacities, [100, 300, 900]);
        assert_eq!(bloom.capacity(), 1300);
        assert_eq!(bloom.items(), bloom.filters().iter().map(|filter| filter.items).sum());
        let errors: Vec<_> = bloom.filters().iter().map(|filter| filter.error).collect();
        assert_eq!(errors, [0.005, 0.0025, 0.00125]);
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_costs_anything() {
        for (capacity, error) in [(1 << 60, 0.01), (u64::MAX, 0.5), (1 << 33, 0.01), (1, 5e-324), (1, 1e-40)]
        {
            assert_eq!(Bloom::new(capacity, error, None), Err(Refusal::NoMemory), "{capacity} {error}");
        }
        // The bits of 2^15 items fit, and those of 2^30 do not.
        let mut bloom = Bloom::new(1, 0.01, Some(1 << 15)).unwrap();
        let outcome = (0..40_000).try_for_each(|item| bloom.add(hash("in", item)));
        assert_eq!((outcome, bloom.items()), (Err(Refusal::NoMemory), 1 + (1 << 15)));
    }

    #[test]
    fn there_is_an_end_to_filters_in_a_row() {
        let mut bloom = filled(1, 0.01, Some(1), BLOOM_FILTERS as u32);
        assert_eq!(bloom.filters().len(), BLOOM_FILTERS);
        assert!(bloom.filters().iter().all(|filter| filter.hashes <= BLOOM_HASHES));
        assert_eq!(bloom.add(hash("more", 0)), Err(Refusal::Grown));
    }

    #[test]
    fn what_cannot_have_been_saved_is_not_restored() {
        let filter = || Bloom::new(10, 0.01, None).unwrap().filters()[0].clone();
        assert!(Bloom::restored(vec![filter()], None).is_some());
        assert!(Bloom::restored(vec![], None).is_none());
        assert!(Bloom::restored(vec![filter(), filter()], None).is_none());
        assert!(Bloom::restored(vec![filter(); BLOOM_FILTERS + 1], Some(1)).is_none());
        for broken in [
            Filter { hashes: 0, ..filter() },
            Filter { hashes: BLOOM_HASHES + 1, ..filter() },
            Filter { items: 11, ..filter() },
            Filter { error: f64::NAN, ..filter() },
            Filter { bits: vec![], ..filter() },
            Filter { bits: vec![0; 9], ..filter() },
        ] {
            assert!(Bloom::restored(vec![broken], None).is_none());
        }
    }
}
