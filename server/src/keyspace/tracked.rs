//! Which clients may hold copies of which keys: the table behind CLIENT TRACKING, of which each shard has the part of its keys.
//! A read enters its client, and a change takes the key out together with those who have read it: they are told once. Names alone
//! count, whatever the database, as in Redis.
//! Nothing here knows what a client is beside its number, or how it is told; that is `effects::tracking`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hashbrown::HashMap;
use smallvec::SmallVec;

/// Numbers of clients, ascending.
pub type Readers = SmallVec<[u64; 2]>;

/// How much all shards have of it together.
#[derive(Debug, Default)]
pub struct TrackedTotals {
    keys: AtomicUsize,
    items: AtomicUsize,
}

impl TrackedTotals {
    /// How many keys somebody may have copies of.
    pub fn keys(&self) -> usize {
        self.keys.load(Relaxed)
    }

    /// How many copies that are: one for each client and key.
    pub fn items(&self) -> usize {
        self.items.load(Relaxed)
    }
}

/// Why copies of a key are not good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The client whose command runs has changed it.
    Client,
    /// It has expired, or had to make room.
    Server,
    /// It was taken out of the table, which is full.
    Limit,
}

/// A key that has changed, and who has to be told.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalidated {
    /// Its name.
    pub key: Box<[u8]>,
    /// Those who have read it since they were told the last time.
    pub readers: Readers,
    /// Why.
    pub cause: Cause,
}

/// What a command has made of copies that clients may hold.
#[derive(Debug, Default)]
pub struct Invalidations {
    /// Somebody wants to hear of keys that nobody has read, too.
    pub of_all_keys: bool,
    /// Keys that have changed, in order.
    pub keys: Vec<Invalidated>,
    /// A database was emptied: nobody's copies are good for anything.
    pub everything: bool,
}

impl Invalidations {
    /// Whether there is nothing to tell.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.everything
    }
}

/// One shard's part of the table.
#[derive(Debug)]
pub struct Tracked {
    keys: HashMap<Box<[u8]>, Readers>,
    totals: Arc<TrackedTotals>,
}

impl Tracked {
    /// An empty part.
    pub fn new(totals: Arc<TrackedTotals>) -> Self {
        Self { keys: HashMap::new(), totals }
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nobody has read anything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A client has read a key. Clients that have gone meanwhile leave their numbers behind; `is_there` is asked when a list
    /// would have to grow, so that a key that everybody reads and nobody changes does not collect them.
    pub fn record(&mut self, key: &[u8], client: u64, is_there: impl Fn(u64) -> bool) {
        let Some(readers) = self.keys.get_mut(key) else {
            self.keys.insert(key.into(), SmallVec::from_slice(&[client]));
            self.totals.keys.fetch_add(1, Relaxed);
            self.totals.items.fetch_add(1, Relaxed);
            return;
        };
        let Err(mut at) = readers.binary_search(&client) else { return };
        if readers.len() == readers.capacity() {
            let before = readers.len();
            readers.retain(|reader| is_there(*reader));
            self.totals.items.fetch_sub(before - readers.len(), Relaxed);
            at = readers.partition_point(|&reader| reader < client);
        }
        readers.insert(at, client);
        self.totals.items.fetch_add(1, Relaxed);
    }

    /// A key has changed: who has read it.
    pub fn take(&mut self, key: &[u8]) -> Option<Readers> {
        let readers = self.keys.remove(key)?;
        self.subtract(1, readers.len());
        Some(readers)
    }

    /// Takes some keys out, whichever they are, because there are too many.
    pub fn evict(&mut self, count: usize, told: &mut Invalidations) {
        let (mut keys, mut items) = (0, 0);
        for (key, readers) in self.keys.extract_if(|_, _| true).take(count) {
            keys += 1;
            items += readers.len();
            told.keys.push(Invalidated { key, readers, cause: Cause::Limit });
        }
        self.subtract(keys, items);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        if self.is_empty() {
            return;
        }
        let items = self.keys.values().map(SmallVec::len).sum();
        self.subtract(self.keys.len(), items);
        self.keys = HashMap::new();
    }

    fn subtract(&self, keys: usize, items: usize) {
        self.totals.keys.fetch_sub(keys, Relaxed);
        self.totals.items.fetch_sub(items, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(tracked: &Tracked) -> (usize, usize) {
        (tracked.totals.keys(), tracked.totals.items())
    }

    #[test]
    fn each_reader_is_told_once() {
        let mut tracked = Tracked::new(Arc::default());
        for client in [7, 3, 7, 5] {
            tracked.record(b"a", client, |_| true);
        }
        tracked.record(b"b", 3, |_| true);
        assert_eq!(totals(&tracked), (2, 4));
        assert_eq!(tracked.take(b"a").as_deref(), Some(&[3, 5, 7][..]));
        assert_eq!((tracked.take(b"a"), totals(&tracked)), (None, (1, 1)));
        tracked.clear();
        assert_eq!((totals(&tracked), tracked.is_empty()), ((0, 0), true));
    }

    #[test]
    fn clients_that_have_gone_do_not_pile_up() {
        let mut tracked = Tracked::new(Arc::default());
        for client in 0..10_000 {
            tracked.record(b"hot", client, |reader| reader + 3 > client);
        }
        assert!(tracked.totals.items() < 16, "{} readers are kept", tracked.totals.items());
        let readers = tracked.take(b"hot").expect("it was read");
        assert!(readers.contains(&9_999) && readers.is_sorted());
        assert_eq!(totals(&tracked), (0, 0));
    }

    #[test]
    fn what_is_too_much_is_told_as_if_it_had_changed() {
        let mut tracked = Tracked::new(Arc::default());
        for name in 0..100_u8 {
            tracked.record(&[name], 1, |_| true);
            tracked.record(&[name], 2, |_| true);
        }
        let mut told = Invalidations::default();
        tracked.evict(60, &mut told);
        assert_eq!((told.keys.len(), tracked.len(), totals(&tracked)), (60, 40, (40, 80)));
        assert!(told.keys.iter().all(|key| key.cause == Cause::Limit && key.readers[..] == [1, 2]));
        tracked.evict(1000, &mut told);
        assert_eq!((told.keys.len(), totals(&tracked)), (100, (0, 0)));
    }
}
