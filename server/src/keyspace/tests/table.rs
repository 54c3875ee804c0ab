//! The table against the standard library's map, with bulk inserts and removals that make it split, merge, grow and
//! shrink, and a SCAN that runs in between. Once with the real hash and once with one that hardly spreads.

use std::collections::{HashMap, HashSet};
use std::ptr::NonNull;
use std::sync::Arc;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use crate::keyspace::block::{Block, BlockRef};
use crate::keyspace::key;
use crate::keyspace::table::Table;

/// A block for tests: it can hash badly, and it shares a count of those that are alive.
struct Item(Box<Body>);

struct Body {
    key: [u8; 4],
    value: u32,
    expire_at: Option<u64>,
    weak: bool,
    _alive: Arc<()>,
}

#[derive(Clone, Copy)]
struct ItemRef<'a>(&'a Body);

impl Item {
    fn new(key: u32, value: u32, weak: bool, alive: &Arc<()>) -> Self {
        let expire_at = value.is_multiple_of(3).then_some(u64::from(value));
        Item(Box::new(Body { key: key.to_le_bytes(), value, expire_at, weak, _alive: Arc::clone(alive) }))
    }
}

fn hash(key: [u8; 4], weak: bool) -> u64 {
    let strong = key::hash(&key);
    // Four different beginnings and 32 different tags.
    if weak { strong & 0xC000_0000_0000_001F } else { strong }
}

// SAFETY: a Box of a struct with a u32 in it is aligned to 8 here because of the u64; the address is the Box's own.
unsafe impl Block for Item {
    type Ref<'a> = ItemRef<'a>;
    type Mut<'a> = &'a mut Body;

    fn into_raw(self) -> NonNull<u8> {
        NonNull::from(Box::leak(self.0)).cast()
    }

    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        // SAFETY: the address came from a Box that was leaked.
        Item(unsafe { Box::from_raw(raw.cast().as_ptr()) })
    }

    unsafe fn borrow<'a>(raw: NonNull<u8>) -> ItemRef<'a> {
        // SAFETY: the caller vouches for the block.
        ItemRef(unsafe { raw.cast().as_ref() })
    }

    unsafe fn borrow_mut<'a>(raw: NonNull<u8>) -> &'a mut Body {
        // SAFETY: the caller vouches for the block.
        unsafe { raw.cast().as_mut() }
    }
}

impl<'a> BlockRef<'a> for ItemRef<'a> {
    fn key(self) -> &'a [u8] {
        &self.0.key
    }

    fn hash(self) -> u64 {
        hash(self.0.key, self.0.weak)
    }

    fn expire_at(self) -> Option<u64> {
        self.0.expire_at
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert { first: u32, len: u32, value: u32 },
    Remove { first: u32, len: u32 },
    Scan { count: usize },
    Expire { now_ms: u64, budget: usize },
}

const KEYS: u32 = 12_000;

fn steps(max_len: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..KEYS, 0..max_len, 0u32..1000).prop_map(|(first, len, value)| Step::Insert { first, len, value }),
        3 => (0..KEYS, 0..max_len).prop_map(|(first, len)| Step::Remove { first, len }),
        6 => (1usize..2000).prop_map(|count| Step::Scan { count }),
        1 => (0u64..1000, 0usize..3000).prop_map(|(now_ms, budget)| Step::Expire { now_ms, budget }),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A walk with SCAN, and what it owes.
#[derive(Default)]
struct Walk {
    cursor: u64,
    /// There since the walk began.
    owed: HashSet<u32>,
    seen: HashSet<u32>,
    started: bool,
}

struct Run {
    table: Table<Item>,
    model: HashMap<u32, u32>,
    walk: Walk,
    expire_cursor: u64,
    weak: bool,
    alive: Arc<()>,
}

impl Run {
    fn new(weak: bool) -> Self {
        let (table, model, walk) = (Table::default(), HashMap::new(), Walk::default());
        Run { table, model, walk, expire_cursor: 0, weak, alive: Arc::default() }
    }

    fn hash(&self, key: u32) -> u64 {
        hash(key.to_le_bytes(), self.weak)
    }

    fn insert(&mut self, key: u32, value: u32) {
        let hash = self.hash(key);
        let item = Item::new(key, value, self.weak, &self.alive);
        match self.table.find(hash, &key.to_le_bytes()) {
            Some(place) => self.table.update(place, |old| *old = item),
            None => {
                let place = self.table.insert(hash, item);
                assert_eq!(self.table.at(place).key(), key.to_le_bytes());
            }
        }
        self.model.insert(key, value);
    }

    fn remove(&mut self, key: u32) {
        let removed = self.table.remove(self.hash(key), &key.to_le_bytes());
        assert_eq!(removed.map(|item| item.0.value), self.model.remove(&key));
        self.walk.owed.remove(&key);
    }

    fn scan(&mut self, count: usize) {
        if !self.walk.started {
            let owed = self.model.keys().copied().collect();
            self.walk = Walk { owed, started: true, ..Walk::default() };
        }
        let mut reported = 0;
        let (model, walk) = (&self.model, &mut self.walk);
        let next = self.table.scan(walk.cursor, count, |item| {
            let key = u32::from_le_bytes(item.0.key);
            assert_eq!(model.get(&key), Some(&item.0.value), "what is reported is there");
            walk.seen.insert(key);
            reported += 1;
        });
        assert!(next < 1 << 52);
        assert!(next == 0 || reported >= count);
        walk.cursor = next;
        if next == 0 {
            let missed: Vec<_> = walk.owed.difference(&walk.seen).collect();
            assert!(missed.is_empty(), "{} were there all the time and not reported", missed.len());
            walk.started = false;
        }
    }

    fn expire(&mut self, now_ms: u64, budget: usize) {
        let mut removed = Vec::new();
        let n = self.table.expire(now_ms, budget, &mut self.expire_cursor, |item| {
            assert!(item.0.expire_at.is_some_and(|at| at <= now_ms));
            removed.push(u32::from_le_bytes(item.0.key));
        });
        assert_eq!(n, removed.len());
        for key in removed {
            assert!(self.model.remove(&key).is_some());
            self.walk.owed.remove(&key);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Insert { first, len, value } => {
                (first..KEYS.min(first + len)).for_each(|key| self.insert(key, value + key % 7));
            }
            Step::Remove { first, len } => (first..KEYS.min(first + len)).for_each(|key| self.remove(key)),
            Step::Scan { count } => self.scan(count),
            Step::Expire { now_ms, budget } => self.expire(now_ms, budget),
        }
        assert_eq!(self.table.len(), self.model.len());
        assert_eq!(Arc::strong_count(&self.alive), self.table.len() + 1, "no block is lost or dropped twice");
        let volatile = self.model.values().filter(|value| value.is_multiple_of(3)).count();
        assert_eq!(self.table.volatile_len(), volatile);
    }

    fn check_all(&self) {
        for key in 0..KEYS {
            let found = self.table.get(self.hash(key), &key.to_le_bytes()).map(|item| item.0.value);
            assert_eq!(found, self.model.get(&key).copied());
        }
        let walked: HashMap<_, _> =
            self.table.iter().map(|item| (u32::from_le_bytes(item.0.key), item.0.value)).collect();
        assert_eq!(walked, self.model);
    }

    fn finish(mut self) {
        self.check_all();
        for _ in 0..KEYS {
            if !self.walk.started {
                break;
            }
            self.scan(50);
        }
        assert!(!self.walk.started, "a walk over a table at rest ends");
        let mut cursor = 0;
        self.table.expire(u64::MAX, usize::MAX, &mut cursor, drop);
        assert_eq!((cursor, self.table.volatile_len()), (0, 0));
        for key in 0..KEYS {
            self.table.remove(self.hash(key), &key.to_le_bytes());
        }
        assert!(self.table.is_empty());
        assert!(self.table.memory() < 2048, "an emptied table has given its memory back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_map_and_scans_completely(steps in steps(6000)) {
        let mut run = Run::new(false);
        steps.iter().for_each(|step| run.step(step));
        run.finish();
    }

    #[test]
    fn bears_a_hash_that_hardly_spreads(steps in steps(300)) {
        let mut run = Run::new(true);
        steps.iter().for_each(|step| run.step(step));
        run.finish();
    }

    #[test]
    fn any_cursor_gives_some_walk(cursor: u64, count in 1usize..100) {
        let mut run = Run::new(false);
        (0..3000).for_each(|key| run.insert(key, key));
        let next = run.table.scan(cursor, count, |_| {});
        prop_assert!(next < 1 << 52);
    }
}

#[test]
fn an_empty_table_allocates_nothing() {
    let table = Table::<Item>::default();
    assert_eq!(table.memory(), 0);
    assert!(table.get(1, b"abcd").is_none());
    assert_eq!(table.scan(0, 10, |_| panic!("there is nothing to report")), 0);
    assert_eq!(table.scan(u64::MAX, 10, |_| panic!("there is nothing to report")), 0);
    table.prefetch_slot(7);
    table.prefetch_block(7);
}

#[test]
fn a_table_drops_what_it_holds() {
    let mut run = Run::new(false);
    (0..KEYS).for_each(|key| run.insert(key, key));
    let alive = Arc::clone(&run.alive);
    drop(run);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn random_blocks_are_about_equally_likely() {
    let mut rng = StdRng::seed_from_u64(3);
    for size in [3u32, 100, 3000] {
        let mut run = Run::new(false);
        (0..size).for_each(|key| run.insert(key, key));
        let mut hits = vec![0u32; size as usize];
        for _ in 0..size * 200 {
            let item = run.table.random(&mut rng).expect("the table is not empty");
            hits[u32::from_le_bytes(item.0.key) as usize] += 1;
        }
        // 200 expected; 6 standard deviations, and the slack of an estimate by segments.
        assert!(hits.iter().all(|&n| (95..=320).contains(&n)), "{size}: {:?}", hits.iter().minmax());
    }
}

trait MinMax: Iterator {
    fn minmax(self) -> (Option<Self::Item>, Option<Self::Item>)
    where
        Self: Sized + Clone,
        Self::Item: Ord,
    {
        (self.clone().min(), self.max())
    }
}

impl<I: Iterator> MinMax for I {}

#[test]
fn samples_show_what_was_asked_for() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut run = Run::new(false);
    (0..5000).for_each(|key| run.insert(key, if key % 1000 == 0 { 3 } else { 1 }));
    let mut shown = 0;
    run.table.sample(&mut rng, 16, false, |_| shown += 1);
    assert_eq!(shown, 16);
    let mut volatile = HashSet::new();
    run.table.sample(&mut rng, 16, true, |item| {
        assert!(item.expire_at().is_some());
        volatile.insert(item.0.key);
    });
    assert_eq!(volatile.len(), 5, "rare ones are found, too");
}

#[test]
fn a_table_at_rest_is_scanned_without_repetition() {
    let mut run = Run::new(false);
    (0..KEYS).for_each(|key| run.insert(key, key));
    let (mut cursor, mut reported, mut seen) = (0, 0, HashSet::new());
    loop {
        cursor = run.table.scan(cursor, 10, |item| {
            reported += 1;
            seen.insert(item.0.key);
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!((reported, seen.len()), (KEYS as usize, KEYS as usize));
}
