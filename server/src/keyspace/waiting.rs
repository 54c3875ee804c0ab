//! Who waits for a key of a shard: tickets, at each key in the order in which they came, and the keys that have changed while
//! somebody waited for them. What a ticket stands for, and how its owner is served, is in `command::blocking`.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::key::Key;

/// The number of one wait. It is given once, and grows.
pub type Ticket = u64;

/// A key that has changed: its database and its name.
pub type ReadyKey = (usize, Box<[u8]>);

/// The queues of a shard. Empty nearly always, and then nobody pays for them.
#[derive(Default)]
pub struct Waiting {
    queues: HashMap<usize, HashMap<Box<[u8]>, VecDeque<Ticket>>>,
    ready: VecDeque<ReadyKey>,
}

impl Waiting {
    /// Whether nobody waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Stands in the queue of a key.
    pub fn enter(&mut self, db: usize, key: &Key<'_>, ticket: Ticket) {
        let queue = self.queues.entry(db).or_default().entry(key.bytes.into()).or_default();
        if !queue.contains(&ticket) {
            queue.push_back(ticket);
        }
    }

    /// Leaves it.
    pub fn leave(&mut self, db: usize, key: &Key<'_>, ticket: Ticket) {
        let Some(keys) = self.queues.get_mut(&db) else { return };
        if let Some(queue) = keys.get_mut(key.bytes) {
            queue.retain(|known| *known != ticket);
            if queue.is_empty() {
                keys.remove(key.bytes);
            }
        }
        if keys.is_empty() {
            self.queues.remove(&db);
        }
    }

    /// Those who wait for a key, the first one first.
    pub fn queue(&self, db: usize, key: &[u8]) -> Vec<Ticket> {
        self.queues.get(&db).and_then(|keys| keys.get(key)).into_iter().flatten().copied().collect()
    }

    /// Keys of a database for which somebody waits.
    pub fn keys(&self, db: usize) -> impl Iterator<Item = &[u8]> {
        self.queues.get(&db).into_iter().flat_map(HashMap::keys).map(|key| &**key)
    }

    /// How many keys somebody waits for.
    pub fn len(&self) -> usize {
        self.queues.values().map(HashMap::len).sum()
    }

    /// A key has changed: those who wait for it are to be served before the shard is unlocked.
    pub fn mark_ready(&mut self, db: usize, key: &[u8]) {
        let is_awaited = self.queues.get(&db).is_some_and(|keys| keys.contains_key(key));
        if is_awaited && !self.ready.iter().any(|(index, known)| *index == db && **known == *key) {
            self.ready.push_back((db, key.into()));
        }
    }

    /// Whether there is such a key.
    #[inline]
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The key that changed first.
    pub fn take_ready(&mut self) -> Option<ReadyKey> {
        self.ready.pop_front()
    }
}
