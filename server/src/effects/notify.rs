//! Keyspace events: messages on `__keyspace@<db>__:<key>` and `__keyevent@<db>__:<event>`.
//! Classes and their letters are Redis's (`notify-keyspace-events`). Handlers of modules will hang here as well.

pub use crate::config::EventFlags as Class;

use super::pubsub::{Kind, PubSub};

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
        if self.mask.intersects(Class::KEYSPACE) {
            let mut channel = format!("__keyspace@{}__:", self.db).into_bytes();
            channel.extend_from_slice(&self.key);
            pubsub.publish(Kind::Channel, &channel, self.name.as_bytes());
        }
        if self.mask.intersects(Class::KEYEVENT) {
            let channel = format!("__keyevent@{}__:{}", self.db, self.name);
            pubsub.publish(Kind::Channel, channel.as_bytes(), &self.key);
        }
    }
}
