//! A count-min sketch: Cormode & Muthukrishnan, "An Improved Data Stream Summary: The Count-Min Sketch and its Applications", 2005.
//!
//! `depth` rows of `width` counters; an item has one in each row, and its count is the smallest of them. It is never too low. With
//! N counted in all, a row is off by more than 2N / width for at most every second item (Markov's inequality), so all rows are for at
//! most one in 2^depth.

use super::hash::ItemHash;
use super::{Refusal, zeroed};

/// The sketch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountMin {
    width: u32,
    depth: u32,
    /// Everything that was counted.
    count: u64,
    /// Row after row.
    cells: Vec<u32>,
}

/// Sketches with the factors that they are multiplied by.
pub type Weighted<'s> = (&'s CountMin, i64);

impl CountMin {
    /// An empty sketch; neither dimension is 0.
    pub fn new(width: u64, depth: u64) -> Result<Self, Refusal> {
        let cells = width.checked_mul(depth).and_then(|cells| usize::try_from(cells).ok());
        let bytes = cells.and_then(|cells| cells.checked_mul(size_of::<u32>()));
        let (Some(cells), Some(bytes)) = (cells, bytes) else { return Err(Refusal::NoMemory) };
        let (Ok(width), Ok(depth)) = (u32::try_from(width), u32::try_from(depth)) else {
            return Err(Refusal::NoMemory);
        };
        Ok(Self { width, depth, count: 0, cells: zeroed(cells, bytes)? })
    }

    /// An empty sketch that is off by more than `error` of all that was counted with that probability, both between 0 and 1.
    pub fn with_error(error: f64, probability: f64) -> Result<Self, Refusal> {
        // A float becomes the nearest integer that there is, and what is too large is refused.
        let width = (2.0 / error).ceil() as u64;
        let depth = (-probability.log2()).ceil().max(1.0) as u64;
        Self::new(width, depth)
    }

    /// What was saved, if it makes sense.
    #[must_use]
    pub fn restored(width: u32, depth: u32, count: u64, cells: Vec<u32>) -> Option<Self> {
        let sound = width > 0 && depth > 0 && u64::from(width) * u64::from(depth) == cells.len() as u64;
        sound.then_some(Self { width, depth, count, cells })
    }

    /// Where an item's counters are.
    #[inline]
    fn places(&self, hash: ItemHash) -> impl Iterator<Item = usize> + use<> {
        let width = self.width;
        (0..self.depth)
            .map(move |row| row as usize * width as usize + hash.position(row, u64::from(width)) as usize)
    }

    /// Count an item; the answer is its count from now on.
    pub fn add(&mut self, hash: ItemHash, by: u32) -> Result<u32, Refusal> {
        self.count = self.count.checked_add(u64::from(by)).ok_or(Refusal::Overflow)?;
        let mut least = u32::MAX;
        for place in self.places(hash) {
            let cell = &mut self.cells[place];
            *cell = cell.checked_add(by).ok_or(Refusal::Overflow)?;
            least = least.min(*cell);
        }
        Ok(least)
    }

    /// How often an item was counted, or more.
    #[must_use]
    pub fn query(&self, hash: ItemHash) -> u32 {
        self.places(hash).map(|place| self.cells[place]).min().unwrap_or(0)
    }

    /// The sum of sketches of one shape, each multiplied.
    pub fn merged(width: u32, depth: u32, sources: &[Weighted<'_>]) -> Result<Self, Refusal> {
        if sources.iter().any(|(source, _)| (source.width, source.depth) != (width, depth)) {
            return Err(Refusal::Shapes);
        }
        let mut merged = Self::new(u64::from(width), u64::from(depth))?;
        for (place, cell) in merged.cells.iter_mut().enumerate() {
            let sum = weighted_sum(sources, |source| i64::from(source.cells[place]));
            *cell = sum.and_then(|sum| u32::try_from(sum).ok()).ok_or(Refusal::Overflow)?;
        }
        let count = weighted_sum(sources, |source| i64::try_from(source.count).unwrap_or(i64::MAX));
        merged.count = count.and_then(|count| u64::try_from(count).ok()).ok_or(Refusal::Overflow)?;
        Ok(merged)
    }

    /// Counters in a row.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// Everything that was counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The counters, row after row.
    #[must_use]
    pub fn cells(&self) -> &[u32] {
        &self.cells
    }

    /// Bytes of memory.
    #[must_use]
    pub const fn memory(&self) -> usize {
        size_of::<Self>() + self.cells.len() * size_of::<u32>()
    }
}

fn weighted_sum(sources: &[Weighted<'_>], number: impl Fn(&CountMin) -> i64) -> Option<i64> {
    sources
        .iter()
        .try_fold(0i64, |sum, (source, weight)| sum.checked_add(number(source).checked_mul(*weight)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::hash::Sequence;

    fn hash(item: u64) -> ItemHash {
        ItemHash::of(&item.to_le_bytes())
    }

    /// A stream in which item n comes about as often as the square of a random number says.
    fn stream(seed: u64, length: usize, items: u64) -> impl Iterator<Item = u64> {
        let mut random = Sequence::new(seed);
        (0..length).map(move |_| {
            let part = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
            (part * part * part * items as f64) as u64
        })
    }

    #[test]
    fn counts_are_never_too_low_and_rarely_too_high() {
        for (error, probability) in [(0.001, 0.01), (0.01, 0.001), (0.002, 0.25)] {
            let mut sketch = CountMin::with_error(error, probability).unwrap();
            let mut exact = vec![0u32; 20_000];
            for item in stream(1, 200_000, 20_000) {
                sketch.add(hash(item), 1).unwrap();
                exact[item as usize] += 1;
            }
            assert_eq!(sketch.count(), 200_000);
            let bound = error * 200_000.0;
            let mut beyond = 0;
            for (item, count) in exact.iter().enumerate() {
                let estimate = sketch.query(hash(item as u64));
                assert!(estimate >= *count);
                beyond += u32::from(f64::from(estimate - count) > bound);
            }
            let rate = f64::from(beyond) / 20_000.0;
            assert!(rate <= probability, "{error} {probability}: {rate}");
        }
    }

    #[test]
    fn dimensions_follow_from_error_and_probability() {
        let dimensions = |error, probability| {
            let sketch = CountMin::with_error(error, probability).unwrap();
            (sketch.width(), sketch.depth())
        };
        assert_eq!(dimensions(0.001, 0.01), (2000, 7));
        assert_eq!(dimensions(0.01, 0.5), (200, 1));
        assert_eq!(dimensions(0.9, 0.99), (3, 1));
        for (error, probability) in [(f64::MIN_POSITIVE, 0.5), (1e-9, 1e-300)] {
            assert_eq!(CountMin::with_error(error, probability), Err(Refusal::NoMemory));
        }
        for (width, depth) in
            [(1 << 60, 1), (u64::MAX, u64::MAX), (1 << 33, 1), (1, 1 << 33), (1 << 20, 1 << 10)]
        {
            assert_eq!(CountMin::new(width, depth), Err(Refusal::NoMemory), "{width} {depth}");
        }
    }

    #[test]
    fn a_merged_sketch_counts_what_its_sources_counted() {
        let [mut a, mut b, mut both] = [(); 3].map(|()| CountMin::new(500, 5).unwrap());
        for item in stream(2, 10_000, 1000) {
            a.add(hash(item), 1).unwrap();
            both.add(hash(item), 2).unwrap();
        }
        for item in stream(3, 10_000, 1000) {
            b.add(hash(item), 1).unwrap();
            both.add(hash(item), 3).unwrap();
        }
        assert_eq!(CountMin::merged(500, 5, &[(&a, 2), (&b, 3)]).unwrap(), both);
        assert_eq!(CountMin::merged(500, 5, &[(&both, 1), (&b, -3), (&a, -1)]).unwrap(), a);
        assert_eq!(CountMin::merged(500, 5, &[(&a, -1)]), Err(Refusal::Overflow));
        assert_eq!(CountMin::merged(500, 5, &[(&a, i64::MAX)]), Err(Refusal::Overflow));
        assert_eq!(CountMin::merged(500, 4, &[(&a, 1)]), Err(Refusal::Shapes));
    }

    #[test]
    fn a_counter_does_not_wrap() {
        let mut sketch = CountMin::new(10, 2).unwrap();
        assert_eq!(sketch.add(hash(1), u32::MAX), Ok(u32::MAX));
        assert_eq!(sketch.add(hash(1), 1), Err(Refusal::Overflow));
    }
}
