//! A cuckoo filter: Fan, Andersen, Kaminsky & Mitzenmacher, "Cuckoo Filter: Practically Better Than Bloom", 2014. Unlike a Bloom
//! filter it forgets an item again, and counts how often it was added.
//!
//! An item is one byte, its fingerprint, in one of two buckets; from either the fingerprint leads to the other. When both are
//! full, fingerprints are moved to their other buckets until one finds room. When none does within so many moves, everything is
//! put back and a further table is added. With eight bits and b fingerprints in a bucket the rate of false positives is about
//! 2b / 255 for each full table.

use super::hash::{ItemHash, Sequence, mixed};
use super::{Refusal, zeroed};
use crate::limits::VALUE_BYTES;

/// A row of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cuckoo {
    shape: Shape,
    items: u64,
    deleted: u64,
    /// Each a power of two of buckets. 0 is an empty cell.
    tables: Vec<Vec<u8>>,
}

/// What a filter was reserved with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Fingerprints in a bucket.
    pub bucket_size: u8,
    /// Moves before a table counts as full.
    pub iterations: u16,
    /// The factor to the next table, a power of two; 0 if there is to be none.
    pub expansion: u32,
}

impl Cuckoo {
    /// An empty filter. The capacity is rounded up to a power of two of buckets, and so is the expansion.
    pub fn new(capacity: u64, shape: Shape) -> Result<Self, Refusal> {
        let buckets = capacity.div_ceil(u64::from(shape.bucket_size)).checked_next_power_of_two();
        let shape = Shape {
            expansion: if shape.expansion == 0 { 0 } else { shape.expansion.next_power_of_two() },
            ..shape
        };
        let mut filter = Self { shape, items: 0, deleted: 0, tables: Vec::new() };
        filter.add_table(buckets.unwrap_or(u64::MAX))?;
        Ok(filter)
    }

    /// What was saved, if it makes sense.
    #[must_use]
    pub fn restored(shape: Shape, items: u64, deleted: u64, tables: Vec<Vec<u8>>) -> Option<Self> {
        let size = usize::from(shape.bucket_size);
        let sound = size > 0
            && shape.iterations > 0
            && (shape.expansion == 0 || shape.expansion.is_power_of_two())
            && !tables.is_empty()
            && tables.iter().all(|table| table.len() % size == 0 && (table.len() / size).is_power_of_two());
        sound.then_some(Self { shape, items, deleted, tables })
    }

    fn add_table(&mut self, buckets: u64) -> Result<(), Refusal> {
        let cells = buckets.saturating_mul(u64::from(self.shape.bucket_size));
        let cells = usize::try_from(cells).ok().filter(|cells| *cells <= VALUE_BYTES);
        let cells = cells.ok_or(Refusal::NoMemory)?;
        let table = zeroed(cells, self.data_len().saturating_add(cells))?;
        self.tables.push(table);
        Ok(())
    }

    /// How many fingerprints like this one there are: never fewer than the item was added.
    #[must_use]
    pub fn count(&self, hash: ItemHash) -> u64 {
        let fingerprint = hash.byte();
        let in_table = |table: &Vec<u8>| {
            let (first, second) = self.buckets(table, hash);
            let count =
                |bucket: usize| self.cells(table, bucket).iter().filter(|cell| **cell == fingerprint).count();
            if first == second { count(first) } else { count(first) + count(second) }
        };
        self.tables.iter().map(in_table).sum::<usize>() as u64
    }

    /// Whether an item was probably added; if not, it certainly was not, unless others were deleted that had not been added.
    #[inline]
    #[must_use]
    pub fn contains(&self, hash: ItemHash) -> bool {
        let fingerprint = hash.byte();
        self.tables.iter().rev().any(|table| {
            let (first, second) = self.buckets(table, hash);
            self.cells(table, first).contains(&fingerprint)
                || self.cells(table, second).contains(&fingerprint)
        })
    }

    /// Add an item, once more if it is there; `expansions_max` is how many tables may be added to the first.
    pub fn add(&mut self, hash: ItemHash, expansions_max: usize) -> Result<(), Refusal> {
        if !self.put(hash) && !self.make_room(hash) {
            if self.shape.expansion == 0 {
                return Err(Refusal::Full);
            }
            if self.tables.len() > expansions_max {
                return Err(Refusal::Grown);
            }
            let last = self.tables.last().expect("a filter has at least one table");
            let buckets = (last.len() / usize::from(self.shape.bucket_size)) as u64;
            self.add_table(buckets.saturating_mul(u64::from(self.shape.expansion)))?;
            let fits = self.put(hash);
            assert!(fits, "an empty table has room");
        }
        self.items = self.items.saturating_add(1);
        Ok(())
    }

    /// Take one fingerprint of an item away; the answer is whether there was one.
    pub fn delete(&mut self, hash: ItemHash) -> bool {
        let fingerprint = hash.byte();
        for at in (0..self.tables.len()).rev() {
            let (first, second) = self.buckets(&self.tables[at], hash);
            for bucket in [first, second] {
                let range = self.range(bucket);
                if let Some(cell) = self.tables[at][range].iter_mut().find(|cell| **cell == fingerprint) {
                    *cell = 0;
                    self.items = self.items.saturating_sub(1);
                    self.deleted = self.deleted.saturating_add(1);
                    return true;
                }
            }
        }
        false
    }

    /// Put a fingerprint where there is room, in the newest table first.
    fn put(&mut self, hash: ItemHash) -> bool {
        for at in (0..self.tables.len()).rev() {
            let (first, second) = self.buckets(&self.tables[at], hash);
            for bucket in [first, second] {
                let range = self.range(bucket);
                if let Some(cell) = self.tables[at][range].iter_mut().find(|cell| **cell == 0) {
                    *cell = hash.byte();
                    return true;
                }
            }
        }
        false
    }

    /// Move fingerprints of the newest table until one finds room. If none does, the table is as it was.
    fn make_room(&mut self, hash: ItemHash) -> bool {
        let size = usize::from(self.shape.bucket_size);
        let mut random = Sequence::new(hash.start() ^ self.items);
        let mut table = self.tables.pop().expect("a filter has at least one table");
        let (first, second) = self.buckets(&table, hash);
        let mut bucket = if random.next().is_multiple_of(2) { first } else { second };
        let mut fingerprint = hash.byte();
        let mut moved = Vec::new();
        let mut done = false;
        for _ in 0..self.shape.iterations {
            let cell = bucket * size + (random.next() % size as u64) as usize;
            std::mem::swap(&mut table[cell], &mut fingerprint);
            moved.push(cell);
            bucket = other(bucket, fingerprint, table.len() / size);
            let range = self.range(bucket);
            if let Some(free) = table[range].iter_mut().find(|cell| **cell == 0) {
                *free = fingerprint;
                done = true;
                break;
            }
        }
        if !done {
            for cell in moved.into_iter().rev() {
                std::mem::swap(&mut table[cell], &mut fingerprint);
            }
        }
        self.tables.push(table);
        done
    }

    /// The two buckets of an item in a table.
    #[inline]
    fn buckets(&self, table: &[u8], hash: ItemHash) -> (usize, usize) {
        let buckets = table.len() / usize::from(self.shape.bucket_size);
        let first = hash.start() as usize & (buckets - 1);
        (first, other(first, hash.byte(), buckets))
    }

    #[inline]
    fn range(&self, bucket: usize) -> std::ops::Range<usize> {
        let size = usize::from(self.shape.bucket_size);
        bucket * size..(bucket + 1) * size
    }

    #[inline]
    fn cells<'t>(&self, table: &'t [u8], bucket: usize) -> &'t [u8] {
        &table[self.range(bucket)]
    }

    /// What it was reserved with.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// How many items are in it.
    #[must_use]
    pub const fn items(&self) -> u64 {
        self.items
    }

    /// How many were deleted.
    #[must_use]
    pub const fn deleted(&self) -> u64 {
        self.deleted
    }

    /// The tables, the oldest first.
    #[must_use]
    pub fn tables(&self) -> &[Vec<u8>] {
        &self.tables
    }

    /// The same, to be written over.
    pub fn tables_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.tables.iter_mut().map(Vec::as_mut_slice)
    }

    /// How many buckets all tables have.
    #[must_use]
    pub fn bucket_count(&self) -> usize {
        self.data_len() / usize::from(self.shape.bucket_size)
    }

    /// Bytes of memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.tables.len() * size_of::<Vec<u8>>() + self.data_len()
    }

    /// Bytes of all fingerprints.
    #[must_use]
    pub fn data_len(&self) -> usize {
        self.tables.iter().map(Vec::len).sum()
    }
}

/// The other bucket of a fingerprint; it leads back to the first. They are never the same if there are two, so that an item
/// fits into any table twice as often as into a bucket.
#[inline]
const fn other(bucket: usize, fingerprint: u8, buckets: usize) -> usize {
    (bucket ^ (mixed(fingerprint as u64) as usize | 1)) & (buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(group: &str, number: u32) -> ItemHash {
        ItemHash::of(format!("{group}:{number}").as_bytes())
    }

    fn shape(bucket_size: u8, expansion: u32) -> Shape {
        Shape { bucket_size, iterations: 500, expansion }
    }

    fn filled(capacity: u64, shape: Shape, items: u32) -> Cuckoo {
        let mut filter = Cuckoo::new(capacity, shape).unwrap();
        (0..items).for_each(|item| filter.add(hash("in", item), 32).unwrap());
        filter
    }

    #[test]
    fn what_was_added_is_there_and_little_else() {
        for (bucket_size, fill) in [(1, 0.4), (2, 0.8), (4, 0.95), (8, 0.97)] {
            let items = (16_384.0 * fill) as u32;
            let filter = filled(16_384, shape(bucket_size, 0), items);
            assert!((0..items).all(|item| filter.contains(hash("in", item))));
            assert_eq!((filter.items(), filter.tables().len()), (u64::from(items), 1));
            let positives = (0..50_000).filter(|item| filter.contains(hash("out", *item))).count();
            let bound = f64::from(bucket_size) * 2.0 / 255.0;
            let rate = positives as f64 / 50_000.0;
            assert!(rate <= bound, "{bucket_size}: {rate} of {bound}");
        }
    }

    #[test]
    fn it_grows_when_it_is_full_and_forgets_nothing() {
        let filter = filled(1024, shape(2, 2), 10_000);
        assert!((0..10_000).all(|item| filter.contains(hash("in", item))));
        let sizes: Vec<_> = filter.tables().iter().map(Vec::len).collect();
        assert_eq!(sizes, [1024, 2048, 4096, 8192]);
        assert_eq!(filter.bucket_count(), 15 * 512);
    }

    #[test]
    fn deleting_takes_one_of_each_and_leaves_the_others() {
        let mut filter = filled(4096, shape(2, 1), 5000);
        for item in 0..5000 {
            if item % 2 == 0 {
                assert!(filter.delete(hash("in", item)), "{item}");
            }
        }
        assert!((0..5000).filter(|item| item % 2 == 1).all(|item| filter.contains(hash("in", item))));
        assert_eq!((filter.items(), filter.deleted()), (2500, 2500));
        let mut filter = filled(8, shape(2, 1), 0);
        assert!(!filter.delete(hash("in", 1)));
        for times in 1..=10 {
            filter.add(hash("in", 1), 32).unwrap();
            assert_eq!(filter.count(hash("in", 1)), times);
        }
        for times in (0..10).rev() {
            assert!(filter.delete(hash("in", 1)));
            assert_eq!(filter.count(hash("in", 1)), times);
        }
        assert!(!filter.delete(hash("in", 1)));
        assert!(filter.tables().iter().flatten().all(|cell| *cell == 0));
    }

    #[test]
    fn a_full_filter_is_as_it_was_after_a_refusal() {
        let mut filter = Cuckoo::new(256, shape(2, 0)).unwrap();
        let mut refused = 0;
        for item in 0..400 {
            let before = filter.clone();
            match filter.add(hash("in", item), 32) {
                Ok(()) => assert!(filter.contains(hash("in", item))),
                Err(why) => {
                    assert_eq!((why, &filter), (Refusal::Full, &before));
                    refused += 1;
                }
            }
        }
        assert!((144..200).contains(&refused), "{refused}");
    }

    #[test]
    fn room_that_became_free_in_older_tables_is_used() {
        let mut filter = filled(64, shape(2, 1), 300);
        let tables = filter.tables().len();
        assert!(tables > 1);
        (0..200).for_each(|item| assert!(filter.delete(hash("in", item))));
        (0..100).for_each(|item| filter.add(hash("more", item), 32).unwrap());
        assert_eq!(filter.tables().len(), tables);
    }

    #[test]
    fn there_is_an_end_to_growing() {
        let mut filter = filled(4, shape(1, 1), 0);
        let outcome = (0..1000).try_for_each(|item| filter.add(hash("in", item), 3));
        assert_eq!(outcome, Err(Refusal::Grown));
        assert_eq!(filter.tables().len(), 4);
        assert_eq!(Cuckoo::new(1 << 60, shape(2, 1)), Err(Refusal::NoMemory));
        assert_eq!(Cuckoo::new(u64::MAX, shape(1, 1)), Err(Refusal::NoMemory));
        // 2^30 bytes would follow.
        let mut filter = filled(1 << 15, shape(1, 1 << 15), 0);
        let outcome = (0..100).try_for_each(|_| filter.add(hash("same", 1), 32));
        assert_eq!((outcome, filter.items()), (Err(Refusal::NoMemory), 2));
    }

    #[test]
    fn the_same_item_fits_into_both_of_its_buckets() {
        for item in 0..100 {
            let mut filter = Cuckoo::new(2, shape(1, 0)).unwrap();
            let outcomes = [0; 4].map(|_| filter.add(hash("in", item), 32).is_ok());
            assert_eq!(outcomes, [true, true, false, false]);
            // A single bucket is both.
            let mut filter = Cuckoo::new(2, shape(2, 0)).unwrap();
            let outcomes = [0; 4].map(|_| filter.add(hash("in", item), 32).is_ok());
            assert_eq!((outcomes, filter.count(hash("in", item))), ([true, true, false, false], 2));
        }
    }

    #[test]
    fn sizes_become_powers_of_two() {
        let sizes = |capacity, size, expansion| {
            let filter = Cuckoo::new(capacity, shape(size, expansion)).unwrap();
            (filter.data_len(), filter.shape().expansion)
        };
        assert_eq!(sizes(1000, 2, 1), (1024, 1));
        assert_eq!(sizes(1025, 2, 3), (2048, 4));
        assert_eq!(sizes(1000, 8, 0), (1024, 0));
        assert_eq!(sizes(9, 3, 5), (12, 8));
        assert_eq!(sizes(1, 255, 32_768), (255, 32_768));
    }

    #[test]
    fn what_cannot_have_been_saved_is_not_restored() {
        let good = shape(3, 2);
        assert!(Cuckoo::restored(good, 0, 0, vec![vec![0; 12]]).is_some());
        for broken in [
            Cuckoo::restored(shape(0, 2), 0, 0, vec![vec![0; 12]]),
            Cuckoo::restored(shape(3, 3), 0, 0, vec![vec![0; 12]]),
            Cuckoo::restored(Shape { iterations: 0, ..good }, 0, 0, vec![vec![0; 12]]),
            Cuckoo::restored(good, 0, 0, vec![]),
            Cuckoo::restored(good, 0, 0, vec![vec![]]),
            Cuckoo::restored(good, 0, 0, vec![vec![0; 9]]),
            Cuckoo::restored(good, 0, 0, vec![vec![0; 13]]),
        ] {
            assert_eq!(broken, None);
        }
    }
}
