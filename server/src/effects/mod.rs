//! What follows from a command: keyspace events, messages, and (in time) the append-only file and replicas.
//! A command only records here; `dispatch` delivers after it has unlocked the keys, and forgets what a failed
//! command recorded. So nobody ever hears of a write that did not happen.

pub mod notify;
pub mod pubsub;
pub mod rdb;

use crate::limits;
use notify::{Class, KeyEvent};
use pubsub::{Kind, PubSub};

/// What one command, or one transaction, has recorded.
#[derive(Debug, Default)]
pub struct Effects {
    /// How many changes it made: what `save` points and INFO count.
    pub dirty: u64,
    events: Vec<KeyEvent>,
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    kind: Kind,
    channel: Box<[u8]>,
    payload: Box<[u8]>,
}

/// Where `Effects` stood: what a failed command goes back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    dirty: u64,
    events: usize,
    messages: usize,
}

impl Effects {
    /// Record a keyspace event, if anybody can be listening to its class.
    #[inline]
    pub fn event(&mut self, mask: Class, class: Class, name: &'static str, db: usize, key: &[u8]) {
        if mask.intersects(class) && (mask.intersects(Class::KEYSPACE) || mask.intersects(Class::KEYEVENT)) {
            self.events.push(KeyEvent { mask, name, db, key: key.into() });
        }
    }

    /// Record a message for the subscribers of a channel.
    pub fn publish(&mut self, kind: Kind, channel: &[u8], payload: &[u8]) {
        self.messages.push(Message { kind, channel: channel.into(), payload: payload.into() });
    }

    /// Where it stands now.
    pub fn mark(&self) -> Mark {
        Mark { dirty: self.dirty, events: self.events.len(), messages: self.messages.len() }
    }

    /// Forget all that was recorded since.
    pub fn forget(&mut self, mark: Mark) {
        self.dirty = mark.dirty;
        self.events.truncate(mark.events);
        self.messages.truncate(mark.messages);
    }

    /// Whether there is something to deliver.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.dirty == 0 && self.events.is_empty() && self.messages.is_empty()
    }

    /// Deliver everything, in order, and be empty again. No lock on keys may be held.
    pub fn deliver(&mut self, pubsub: &PubSub) {
        self.dirty = 0;
        for event in self.events.drain(..) {
            event.publish(pubsub);
        }
        for message in self.messages.drain(..) {
            pubsub.publish(message.kind, &message.channel, &message.payload);
        }
        self.events.shrink_to(limits::EFFECTS_KEPT);
        self.messages.shrink_to(limits::EFFECTS_KEPT);
    }
}
