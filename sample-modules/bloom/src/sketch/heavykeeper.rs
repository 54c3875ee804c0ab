//! The k items that occur most often: Gong, Yang, Zhang, Li, Uhlig, Chen, Uden & Li, "HeavyKeeper: An Accurate Algorithm for Finding
//! Top-k Elephant Flows", 2018.
//!
//! `depth` rows of `width` cells, each a fingerprint and a count. Whoever comes to another's cell takes one off its count with
//! a probability that falls exponentially with the count, and takes the cell over at zero. So the frequent stay and the rare
//! wear each other off; a count is hardly ever too high. The k largest that passed by are kept by name in a heap.

use super::hash::{ItemHash, Sequence};
use super::{Refusal, copied, zeroed};
use crate::limits::VALUE_BYTES;

/// The sketch with its heap.
#[derive(Debug, Clone, PartialEq)]
pub struct HeavyKeeper {
    width: u32,
    depth: u32,
    decay: f64,
    /// Row after row.
    cells: Vec<Cell>,
    /// The least comes first, and the children of `i` are `2i + 1` and `2i + 2`. It always has k places, and those without an item
    /// have count 0.
    heap: Vec<Place>,
}

/// A counter and whose it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// [`ItemHash::fingerprint`] of the item; means nothing while the count is 0.
    pub fingerprint: u32,
    /// How often it came, less what others took off.
    pub count: u32,
}

/// A place in the heap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// As in [`Cell`].
    pub count: u32,
    /// Means nothing while the count is 0.
    pub fingerprint: u32,
    /// The name.
    pub item: Vec<u8>,
}

impl HeavyKeeper {
    /// An empty sketch; no dimension is 0, and the decay is above 0 and at most 1.
    pub fn new(k: u64, width: u64, depth: u64, decay: f64) -> Result<Self, Refusal> {
        let cells = width.checked_mul(depth).and_then(|cells| usize::try_from(cells).ok());
        let cell_bytes = cells.and_then(|cells| cells.checked_mul(size_of::<Cell>()));
        let places = usize::try_from(k).ok();
        let place_bytes = places.and_then(|places| places.checked_mul(size_of::<Place>()));
        let bytes = cell_bytes.zip(place_bytes).and_then(|(cells, places)| cells.checked_add(places));
        let (Some(cells), Some(places), Some(bytes)) = (cells, places, bytes) else {
            return Err(Refusal::NoMemory);
        };
        let (Ok(width), Ok(depth)) = (u32::try_from(width), u32::try_from(depth)) else {
            return Err(Refusal::NoMemory);
        };
        Ok(Self { width, depth, decay, cells: zeroed(cells, bytes)?, heap: zeroed(places, bytes)? })
    }

    /// What was saved, if it makes sense.
    #[must_use]
    pub fn restored(width: u32, depth: u32, decay: f64, cells: Vec<Cell>, heap: Vec<Place>) -> Option<Self> {
        let is_heap = (1..heap.len()).all(|place| heap[(place - 1) / 2].count <= heap[place].count);
        let sound = width > 0
            && depth > 0
            && decay > 0.0
            && decay <= 1.0
            && u64::from(width) * u64::from(depth) == cells.len() as u64
            && !heap.is_empty()
            && is_heap
            && cells.len() <= VALUE_BYTES / size_of::<Cell>();
        sound.then_some(Self { width, depth, decay, cells, heap })
    }

    /// Count an item so often; the answer is the item that it drove out of the k largest. `seed` gives the seed of the random
    /// numbers, once and only if they are needed.
    pub fn add(
        &mut self,
        item: &[u8],
        by: u32,
        random: &mut Random<impl FnMut() -> u64>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        if by == 0 {
            return Ok(None);
        }
        let hash = ItemHash::of(item);
        let count = self.count_in_cells(hash, by, random);
        if count == 0 || count < self.heap[0].count {
            return Ok(None);
        }
        let fingerprint = hash.fingerprint();
        if let Some(place) = self.find(fingerprint, item) {
            self.heap[place].count = self.heap[place].count.max(count);
            self.sink(place);
            return Ok(None);
        }
        let new = Place { count, fingerprint, item: copied(item)? };
        let old = std::mem::replace(&mut self.heap[0], new);
        self.sink(0);
        Ok((old.count > 0).then_some(old.item))
    }

    /// Count an item in its cells; the answer is the largest count of its own among them.
    fn count_in_cells(&mut self, hash: ItemHash, by: u32, random: &mut Random<impl FnMut() -> u64>) -> u32 {
        let (fingerprint, width, decay) = (hash.fingerprint(), self.width, self.decay);
        let mut largest = 0;
        for row in 0..self.depth {
            let place = row as usize * width as usize + hash.position(row, u64::from(width)) as usize;
            let cell = &mut self.cells[place];
            let left = if cell.count == 0 || cell.fingerprint == fingerprint {
                by
            } else {
                wear_off(cell, by, decay, random)
            };
            if left > 0 {
                cell.fingerprint = fingerprint;
                cell.count = cell.count.saturating_add(left);
                largest = largest.max(cell.count);
            }
        }
        largest
    }

    /// How often an item was counted, or less; 0 if nothing is known of it.
    #[must_use]
    pub fn count(&self, item: &[u8]) -> u32 {
        let hash = ItemHash::of(item);
        let fingerprint = hash.fingerprint();
        let cells = (0..self.depth).map(|row| {
            let place = hash.position(row, u64::from(self.width)) as usize;
            self.cells[row as usize * self.width as usize + place]
        });
        let own = cells.filter(|cell| cell.count > 0 && cell.fingerprint == fingerprint);
        own.map(|cell| cell.count).max().unwrap_or(0)
    }

    /// Whether an item is among the k largest.
    #[must_use]
    pub fn contains(&self, item: &[u8]) -> bool {
        self.find(ItemHash::of(item).fingerprint(), item).is_some()
    }

    fn find(&self, fingerprint: u32, item: &[u8]) -> Option<usize> {
        self.heap
            .iter()
            .position(|place| place.fingerprint == fingerprint && place.count > 0 && place.item == item)
    }

    /// Move a place down to where its count belongs. Of equal counts the one that moves goes below.
    fn sink(&mut self, mut place: usize) {
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let Some(count) = self.heap.get(left).map(|left| left.count) else { return };
            let lesser =
                if self.heap.get(right).is_some_and(|right| right.count < count) { right } else { left };
            if self.heap[lesser].count > self.heap[place].count {
                return;
            }
            self.heap.swap(lesser, place);
            place = lesser;
        }
    }

    /// The k largest, or as many as there were, the largest first.
    #[must_use]
    pub fn list(&self) -> Vec<&Place> {
        let mut list: Vec<_> = self.heap.iter().filter(|place| place.count > 0).collect();
        list.sort_by_key(|place| std::cmp::Reverse(place.count));
        list
    }

    /// Cells in a row.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// The base of the probability with which a count is worn off.
    #[must_use]
    pub const fn decay(&self) -> f64 {
        self.decay
    }

    /// The cells, row after row.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The heap as it is, those without an item included.
    #[must_use]
    pub fn heap(&self) -> &[Place] {
        &self.heap
    }

    /// Bytes of memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        let items: usize = self.heap.iter().map(|place| place.item.capacity()).sum();
        size_of::<Self>()
            + self.cells.len() * size_of::<Cell>()
            + self.heap.len() * size_of::<Place>()
            + items
    }
}

/// Come to another's cell so often; the answer is how often that is from when its count has come down to zero.
///
/// Each time takes one off with the probability `decay ^ count`. How many times pass until one does is drawn at once (a
/// geometric distribution), so that a large number costs no more than the count that it meets.
fn wear_off(cell: &mut Cell, by: u32, decay: f64, random: &mut Random<impl FnMut() -> u64>) -> u32 {
    let mut left = by;
    loop {
        let hit = power(decay, cell.count);
        let misses = if hit >= 1.0 { 0.0 } else { (random.fraction().ln() / (-hit).ln_1p()).floor() };
        // A probability that is too small for a double hits nobody.
        if hit <= 0.0 || misses >= f64::from(left) {
            return 0;
        }
        left -= misses as u32;
        cell.count -= 1;
        if cell.count == 0 {
            // Whoever takes the last one off is the first to be counted.
            return left;
        }
        left -= 1;
    }
}

/// By squaring, so that it is the same on every machine.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut power = 1.0;
    while exponent > 0 {
        if exponent % 2 == 1 {
            power *= base;
        }
        base *= base;
        exponent /= 2;
    }
    power
}

/// Random numbers that cost nothing until the first is needed.
#[derive(Debug)]
pub struct Random<S> {
    seed: S,
    sequence: Option<Sequence>,
}

impl<S: FnMut() -> u64> Random<S> {
    /// From whatever gives a seed.
    pub const fn new(seed: S) -> Self {
        Self { seed, sequence: None }
    }

    /// Above 0 and at most 1.
    fn fraction(&mut self) -> f64 {
        let sequence = self.sequence.get_or_insert_with(|| Sequence::new((self.seed)()));
        ((sequence.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn random(seed: u64) -> Random<impl FnMut() -> u64> {
        Random::new(move || seed)
    }

    /// A stream of items of which number n comes about 1 / n times as often as the first (Zipf).
    fn zipf(seed: u64, length: usize, items: u32) -> impl Iterator<Item = u32> {
        let mut random = Sequence::new(seed);
        let sums: Vec<f64> = (1..=items)
            .scan(0.0, |sum, item| {
                *sum += 1.0 / f64::from(item);
                Some(*sum)
            })
            .collect();
        (0..length).map(move |_| {
            let point = (random.next() >> 11) as f64 / (1u64 << 53) as f64 * sums[sums.len() - 1];
            sums.partition_point(|sum| *sum < point) as u32
        })
    }

    #[test]
    fn the_most_frequent_are_found_and_counts_are_hardly_ever_too_high() {
        for seed in 0..5 {
            let mut keeper = HeavyKeeper::new(20, 300, 4, 0.9).unwrap();
            let mut exact = BTreeMap::<u32, u32>::new();
            let mut random = random(seed);
            for item in zipf(seed, 100_000, 10_000) {
                keeper.add(format!("item {item}").as_bytes(), 1, &mut random).unwrap();
                *exact.entry(item).or_default() += 1;
            }
            let mut largest: Vec<_> = exact.iter().map(|(item, count)| (*count, *item)).collect();
            largest.sort_unstable_by_key(|(count, _)| std::cmp::Reverse(*count));
            let found = largest[..20].iter();
            let found = found.filter(|(_, item)| keeper.contains(format!("item {item}").as_bytes())).count();
            assert!(found >= 18, "{found} of 20");
            for (count, item) in &largest[..10] {
                let kept = keeper.count(format!("item {item}").as_bytes());
                assert!(kept <= *count && f64::from(kept) > f64::from(*count) * 0.95, "{kept} of {count}");
            }
            let list = keeper.list();
            assert!(list.is_sorted_by(|a, b| a.count >= b.count));
            assert_eq!(list.len(), 20);
        }
    }

    #[test]
    fn without_collisions_everything_is_exact_and_equals_go_first_come_first() {
        let mut keeper = HeavyKeeper::new(2, 1000, 5, 0.9).unwrap();
        let mut add = |item: &str, by| {
            let driven_out = keeper.add(item.as_bytes(), by, &mut random(1)).unwrap();
            driven_out.map(|item| String::from_utf8(item).unwrap())
        };
        assert_eq!(add("a", 0), None);
        assert_eq!(add("a", 3), None);
        assert_eq!(add("b", 2), None);
        assert_eq!(add("c", 1), None);
        // Whoever comes as often as the least on the list takes its place.
        assert_eq!(add("c", 1), Some("b".to_owned()));
        assert_eq!(add("d", 100), Some("c".to_owned()));
        assert_eq!(add("c", 1), Some("a".to_owned()));
        let list: Vec<_> = keeper.list().into_iter().map(|place| (&place.item[..], place.count)).collect();
        assert_eq!(list, [(&b"d"[..], 100), (b"c", 3)]);
        let counts = ["a", "b", "c", "d", "e"].map(|item| keeper.count(item.as_bytes()));
        assert_eq!(counts, [3, 2, 3, 100, 0]);
        assert!(keeper.contains(b"c") && !keeper.contains(b"a") && !keeper.contains(b""));
    }

    #[test]
    fn the_same_seed_gives_the_same_sketch() {
        let sketch = |seed| {
            let mut keeper = HeavyKeeper::new(5, 8, 3, 0.9).unwrap();
            let mut random = random(seed);
            for item in zipf(1, 5000, 200) {
                keeper.add(&item.to_le_bytes(), 1, &mut random).unwrap();
            }
            keeper
        };
        assert_eq!(sketch(1), sketch(1));
        assert_ne!(sketch(1), sketch(2));
    }

    #[test]
    fn no_seed_is_asked_for_without_a_collision() {
        let mut keeper = HeavyKeeper::new(2, 100, 1, 0.9).unwrap();
        let mut random = Random::new(|| panic!("nobody collides with itself"));
        for _ in 0..100 {
            keeper.add(b"alone", 7, &mut random).unwrap();
        }
        assert_eq!(keeper.count(b"alone"), 700);
    }

    #[test]
    fn a_large_step_wears_off_as_much_as_many_small_ones() {
        // In one cell everybody collides. The expected end does not depend on the size of the steps.
        let after = |steps: u32, by: u32| {
            let counts = (0..300u64).map(|seed| {
                let mut cell = Cell { fingerprint: 1, count: 20 };
                let mut random = random(seed);
                (0..steps).for_each(|_| {
                    let left = wear_off(&mut cell, by, 0.9, &mut random);
                    assert!(left <= by && (left > 0) == (cell.count == 0));
                });
                f64::from(cell.count)
            });
            counts.sum::<f64>() / 300.0
        };
        let (small, large) = (after(30, 1), after(1, 30));
        assert!((small - large).abs() < 0.5 && small < 19.0, "{small} {large}");
        let mut cell = Cell { fingerprint: 1, count: u32::MAX };
        assert_eq!(wear_off(&mut cell, u32::MAX, 0.5, &mut random(1)), 0);
        let mut cell = Cell { fingerprint: 1, count: 3 };
        assert_eq!(wear_off(&mut cell, 6, 1.0, &mut random(1)), 4, "the third is the first to be counted");
    }

    #[test]
    fn what_is_too_large_or_makes_no_sense_is_refused() {
        for (k, width, depth) in
            [(1 << 60, 8, 7), (1, 1 << 60, 1), (1, u64::MAX, u64::MAX), (1, 1 << 33, 1), (1 << 29, 1, 1)]
        {
            assert_eq!(HeavyKeeper::new(k, width, depth, 0.9), Err(Refusal::NoMemory), "{k} {width} {depth}");
        }
        let place = |count| Place { count, ..Place::default() };
        let cells = || vec![Cell::default(); 6];
        assert!(HeavyKeeper::restored(3, 2, 0.9, cells(), vec![place(0), place(5), place(0)]).is_some());
        for broken in [
            HeavyKeeper::restored(3, 2, 0.9, cells(), vec![place(1), place(0)]),
            HeavyKeeper::restored(3, 2, 0.9, cells(), vec![]),
            HeavyKeeper::restored(2, 2, 0.9, cells(), vec![place(0)]),
            HeavyKeeper::restored(0, 2, 0.9, vec![], vec![place(0)]),
            HeavyKeeper::restored(3, 2, 0.0, cells(), vec![place(0)]),
            HeavyKeeper::restored(3, 2, f64::NAN, cells(), vec![place(0)]),
        ] {
            assert_eq!(broken, None);
        }
    }
}
