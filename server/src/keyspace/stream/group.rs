//! Consumer groups: up to where a group has read, who its members are, and what they were given and have not acknowledged.
//! What is pending is kept once, in the group, with the number of its owner; a consumer has only the ids of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeFrom;

use super::id::StreamId;
use super::log::Log;

/// The number of a consumer within its group.
pub type ConsumerId = u32;

/// Nobody's number: what was read of a group before its consumers were.
const NOBODY: ConsumerId = ConsumerId::MAX;

/// What a pending entry takes in both trees, whose nodes are filled to two thirds on average.
const PENDING_BYTES: usize = (size_of::<(StreamId, Pending)>() + size_of::<StreamId>()) * 3 / 2;

/// What a consumer takes beside its name.
const CONSUMER_BYTES: usize = size_of::<Option<Consumer>>() + 2 * size_of::<(Box<[u8]>, ConsumerId)>();

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was delivered last, in milliseconds since 1970.
    pub delivered_ms: u64,
    /// How often.
    pub deliveries: u64,
    /// Whose it is.
    pub owner: ConsumerId,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it was heard of last.
    pub seen_ms: u64,
    /// When it was last given something.
    pub active_ms: Option<u64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// How much is pending.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The ids of what is pending.
    pub fn pending(&self, from: RangeFrom<StreamId>) -> impl Iterator<Item = StreamId> {
        self.pending.range(from).copied()
    }
}

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The last entry that it was given.
    pub last_id: StreamId,
    /// How many it was given; none if that is not known.
    pub entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Pending>,
    names: BTreeMap<Box<[u8]>, ConsumerId>,
    /// By their numbers. Those that are free are used again.
    consumers: Vec<Option<Consumer>>,
    free: Vec<ConsumerId>,
    name_bytes: usize,
}

impl Group {
    /// A group without consumers.
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Self {
        Group { last_id, entries_read, ..Group::default() }
    }

    /// Heap bytes.
    pub fn heap(&self) -> usize {
        self.pending.len() * PENDING_BYTES + self.names.len() * CONSUMER_BYTES + self.name_bytes
    }

    /// It was given the entry of this id, if that is a new one for it. True if so.
    pub fn advance(&mut self, log: &Log, id: StreamId) -> bool {
        if id <= self.last_id {
            return false;
        }
        self.entries_read = log.read_with(self.entries_read, id);
        self.last_id = id;
        true
    }

    /// How much is pending.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// What is pending, from an id on.
    pub fn pending(&self, from: RangeFrom<StreamId>) -> impl DoubleEndedIterator<Item = (StreamId, Pending)> {
        self.pending.range(from).map(|(id, pending)| (*id, *pending))
    }

    /// What is pending of this id.
    pub fn pending_of(&self, id: StreamId) -> Option<Pending> {
        self.pending.get(&id).copied()
    }

    /// The number of a consumer.
    pub fn consumer_id(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied()
    }

    /// A consumer, whose number came from here.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id as usize].as_ref().expect("numbers are given out for consumers that are there")
    }

    /// The same, to change it.
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id as usize].as_mut().expect("numbers are given out for consumers that are there")
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.names.values().map(|&id| self.consumer(id))
    }

    /// Adds a consumer. None if there is one of this name.
    pub fn add_consumer(&mut self, name: &[u8], seen_ms: u64, active_ms: Option<u64>) -> Option<ConsumerId> {
        if self.names.contains_key(name) {
            return None;
        }
        let consumer = Consumer { name: name.into(), seen_ms, active_ms, pending: BTreeSet::new() };
        let id = match self.free.pop() {
            Some(id) => {
                self.consumers[id as usize] = Some(consumer);
                id
            }
            None => {
                self.consumers.push(Some(consumer));
                (self.consumers.len() - 1) as ConsumerId
            }
        };
        self.name_bytes += 2 * name.len();
        self.names.insert(name.into(), id);
        Some(id)
    }

    /// Removes a consumer, and what it has pending. The result is how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let id = self.names.remove(name)?;
        let consumer = self.consumers[id as usize].take()?;
        self.free.push(id);
        self.name_bytes -= 2 * name.len();
        for pending in &consumer.pending {
            self.pending.remove(pending);
        }
        Some(consumer.pending.len())
    }

    /// Makes an entry pending with a consumer, whoever had it before.
    pub fn assign(&mut self, id: StreamId, pending: Pending) {
        let old = self.pending.insert(id, pending);
        match old {
            Some(old) if old.owner == pending.owner => return,
            Some(old) => {
                self.consumer_mut(old.owner).pending.remove(&id);
            }
            None => {}
        }
        self.consumer_mut(pending.owner).pending.insert(id);
    }

    /// Gives an entry to a consumer for the first time.
    pub fn deliver(&mut self, id: StreamId, owner: ConsumerId, now_ms: u64) -> Pending {
        let pending = Pending { delivered_ms: now_ms, deliveries: 1, owner };
        self.assign(id, pending);
        pending
    }

    /// Gives a pending entry to its consumer once more.
    pub fn deliver_again(&mut self, id: StreamId, now_ms: u64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.delivered_ms = now_ms;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// An entry is pending no more. None if it was not.
    pub fn acknowledge(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.consumer_mut(pending.owner).pending.remove(&id);
        Some(pending)
    }
}

/// Making a group from what was saved: what is pending comes before the consumers.
impl Group {
    /// Adds something pending that is nobody's yet. False if it is there already.
    pub fn add_ownerless(&mut self, id: StreamId, delivered_ms: u64, deliveries: u64) -> bool {
        let pending = Pending { delivered_ms, deliveries, owner: NOBODY };
        self.pending.insert(id, pending).is_none()
    }

    /// Says whose something pending is.
    pub fn own(&mut self, id: StreamId, owner: ConsumerId) -> Result<(), NotOwned> {
        let pending = self.pending.get_mut(&id).ok_or(NotOwned::NotPending)?;
        if pending.owner != NOBODY {
            return Err(NotOwned::SomebodyElses);
        }
        pending.owner = owner;
        self.consumer_mut(owner).pending.insert(id);
        Ok(())
    }

    /// Whether all that is pending is somebody's.
    pub fn is_owned(&self) -> bool {
        let owned: usize = self.consumers().map(Consumer::pending_len).sum();
        owned == self.pending.len()
    }
}

/// Why something is not a consumer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOwned {
    /// It is not pending.
    NotPending,
    /// It has an owner.
    SomebodyElses,
}
