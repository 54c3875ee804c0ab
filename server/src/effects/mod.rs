//! What follows from a command: keyspace events, messages, and what goes into the append-only file.
//! A command only records here; `dispatch` delivers after it has unlocked the keys, and forgets what a failed
//! command recorded. So nobody ever hears of a write that did not happen.

pub mod aof;
pub mod bgsave;
pub mod load;
pub mod notify;
pub mod propagate;
pub mod pubsub;
pub mod rdb;
pub mod rdb_file;
pub mod save;
pub mod tracking;

use crate::keyspace::{ExpiredFields, Invalidations};
use crate::limits;
use crate::net::argv::Argv;
use notify::{Class, KeyEvent};
use propagate::Propagation;
use pubsub::{Kind, PubSub};
use tracking::{Own, Tracking};

/// What one command, or one transaction, has recorded.
#[derive(Debug, Default)]
pub struct Effects {
    /// How many changes it made: what `save` points and INFO count.
    pub dirty: u64,
    /// The commands that repeat them.
    pub propagation: Propagation,
    /// What has become of copies that clients may hold.
    pub invalidations: Invalidations,
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
    propagation: propagate::Mark,
    events: usize,
    messages: usize,
}

/// The event of a key whose time has come.
const EXPIRED: &str = "expired";

/// The event of a hash of which fields' time has come.
const FIELDS_EXPIRED: &str = "hexpired";

/// A key that is gone although no command deleted it.
#[derive(Debug, Clone, Copy)]
pub struct Gone<'k> {
    /// Where.
    pub db: usize,
    /// Its name.
    pub key: &'k [u8],
    /// Whether it is freed in the background, which is repeated with UNLINK instead of DEL.
    pub lazily: bool,
    class: Class,
    event: &'static str,
}

impl<'k> Gone<'k> {
    /// Its time had come.
    pub fn expired(db: usize, key: &'k [u8], lazily: bool) -> Self {
        Self { db, key, lazily, class: Class::EXPIRED, event: EXPIRED }
    }

    /// It had to make room.
    pub fn evicted(db: usize, key: &'k [u8], lazily: bool) -> Self {
        Self { db, key, lazily, class: Class::EVICTED, event: "evicted" }
    }
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
        Mark {
            dirty: self.dirty,
            propagation: self.propagation.mark(),
            events: self.events.len(),
            messages: self.messages.len(),
        }
    }

    /// Forget all that was recorded since. That a key was found expired stays, if the key is `gone` still.
    pub fn forget(&mut self, mark: Mark, mut gone: impl FnMut(usize, &[u8]) -> bool) {
        self.dirty = mark.dirty;
        self.propagation.forget(mark.propagation, &mut gone);
        let mut at = 0;
        self.events.retain(|event| {
            at += 1;
            let stays = event.name == FIELDS_EXPIRED || event.name == EXPIRED && gone(event.db, &event.key);
            at <= mark.events || stays
        });
        self.messages.truncate(mark.messages);
    }

    /// Whether a command has changed something since then and did not say itself what is to be repeated.
    #[inline]
    pub fn are_unsaid(&self, since: Mark) -> bool {
        self.dirty != since.dirty && !self.propagation.has_said(since.propagation)
    }

    /// Record a key that is gone although no command deleted it: the event, and what repeats it.
    pub fn key_gone(&mut self, mask: Class, gone: &Gone<'_>) {
        self.event(mask, gone.class, gone.event, gone.db, gone.key);
        self.propagation.record_gone(gone.db, gone.key, gone.lazily);
    }

    /// Record that fields of a hash were found expired, and perhaps the hash with them.
    pub fn fields_gone(&mut self, mask: Class, db: usize, expired: &ExpiredFields) {
        self.event(mask, Class::HASH, FIELDS_EXPIRED, db, &expired.key);
        if expired.emptied.is_some() {
            self.event(mask, Class::GENERIC, "del", db, &expired.key);
        }
        self.propagation.record_fields_gone(db, &expired.key, &expired.fields);
    }

    /// Record a module's command as itself, with what makes its replay exact. What it has recorded since `since` is dropped: it
    /// happens again when the command is replayed.
    pub fn propagate_module_command(
        &mut self,
        since: Mark,
        db: usize,
        exactly: &propagate::Exactly<'_>,
        argv: Argv<'_>,
    ) {
        self.propagation.record_replay(since.propagation, db, exactly, argv);
    }

    /// Record a value as it is now: `payload` is what DUMP answers.
    pub fn propagate_payload(&mut self, db: usize, key: &[u8], expire_ms: Option<u64>, payload: &[u8]) {
        let mut digits = itoa::Buffer::new();
        let time = digits.format(expire_ms.unwrap_or(0)).as_bytes();
        let args: [&[u8]; 6] = [b"RESTORE", key, time, payload, b"REPLACE", b"ABSTTL"];
        self.propagation.record(db, args.into_iter());
    }

    /// Whether there is something to deliver.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.dirty == 0 && self.events.is_empty() && self.messages.is_empty() && self.invalidations.is_empty()
    }

    /// Forget everything.
    pub fn discard(&mut self) {
        self.dirty = 0;
        self.events.clear();
        self.messages.clear();
        self.invalidations = Invalidations::default();
    }

    /// Deliver everything, in order, and be empty again. No lock on keys may be held. `own` is the client whose command ran,
    /// if one did.
    pub fn deliver(&mut self, pubsub: &PubSub, tracking: &Tracking, own: Option<&mut Own>) {
        self.dirty = 0;
        for event in self.events.drain(..) {
            event.publish(pubsub);
        }
        for message in self.messages.drain(..) {
            pubsub.publish(message.kind, &message.channel, &message.payload);
        }
        if !self.invalidations.is_empty() {
            tracking.deliver(&mut self.invalidations, own);
            self.invalidations.keys.shrink_to(limits::EFFECTS_KEPT);
        }
        self.events.shrink_to(limits::EFFECTS_KEPT);
        self.messages.shrink_to(limits::EFFECTS_KEPT);
    }
}
