//! Keyspace events: messages on `__keyspace@<db>__:<key>` and `__keyevent@<db>__:<event>`.
//! Classes and their letters are Redis's (`notify-keyspace-events`). Handlers of modules will hang here as well.

use super::pubsub::{Kind, PubSub};

/// A set of event classes, one bit each; `notify-keyspace-events` is such a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Class(pub u32);

impl Class {
    /// `K`: publish on `__keyspace@`.
    pub const KEYSPACE: Class = Class(1);
    /// `E`: publish on `__keyevent@`.
    pub const KEYEVENT: Class = Class(1 << 1);
    /// `g`: DEL, EXPIRE, RENAME, ...
    pub const GENERIC: Class = Class(1 << 2);
    /// `$`
    pub const STRING: Class = Class(1 << 3);
    /// `l`
    pub const LIST: Class = Class(1 << 4);
    /// `s`
    pub const SET: Class = Class(1 << 5);
    /// `h`
    pub const HASH: Class = Class(1 << 6);
    /// `z`
    pub const ZSET: Class = Class(1 << 7);
    /// `x`: a key expired.
    pub const EXPIRED: Class = Class(1 << 8);
    /// `e`: a key was evicted.
    pub const EVICTED: Class = Class(1 << 9);
    /// `t`
    pub const STREAM: Class = Class(1 << 10);
    /// `m`: a read missed its key.
    pub const KEY_MISS: Class = Class(1 << 11);
    /// `d`: a module's own type.
    pub const MODULE: Class = Class(1 << 13);
    /// `n`: a key was created.
    pub const NEW: Class = Class(1 << 14);

    /// Whether an event of this class is published somewhere.
    #[inline]
    pub fn hears(self, class: Class) -> bool {
        self.0 & class.0 != 0 && self.0 & (Class::KEYSPACE.0 | Class::KEYEVENT.0) != 0
    }
}

/// An event that has happened and that nobody has heard of yet.
#[derive(Debug)]
pub struct KeyEvent {
    /// The configured classes at the time.
    pub mask: Class,
    /// Its name, such as `set` or `expired`.
    pub name: &'static str,
    /// Where.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
}

impl KeyEvent {
    /// Tell the subscribers.
    pub fn publish(&self, pubsub: &PubSub) {
        if self.mask.0 & Class::KEYSPACE.0 != 0 {
            let mut channel = format!("__keyspace@{}__:", self.db).into_bytes();
            channel.extend_from_slice(&self.key);
            pubsub.publish(Kind::Channel, &channel, self.name.as_bytes());
        }
        if self.mask.0 & Class::KEYEVENT.0 != 0 {
            let channel = format!("__keyevent@{}__:{}", self.db, self.name);
            pubsub.publish(Kind::Channel, channel.as_bytes(), &self.key);
        }
    }
}
