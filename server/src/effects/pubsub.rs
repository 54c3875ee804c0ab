//! Publish and subscribe: who listens to which channel, pattern or shard channel, and the delivery of messages.
//! A message is written into the mailbox of each subscriber, in the protocol that the subscriber speaks; the
//! subscriber's own worker sends it. What SUBSCRIBE and its family answer is in `command::pubsub`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::config::glob;
use crate::net::client::Client;
use crate::net::reply::ReplyWriter;

/// The three kinds of names that one can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel = 0,
    /// PSUBSCRIBE.
    Pattern = 1,
    /// SSUBSCRIBE.
    Shard = 2,
}

type Subscribers = HashMap<Box<[u8]>, Vec<Arc<Client>>, RandomState>;

/// All subscriptions of a tenant.
#[derive(Debug, Default)]
pub struct PubSub {
    names: [RwLock<Subscribers>; 3],
    /// Read before the locks: most servers publish events that nobody has subscribed to.
    subscriptions: AtomicUsize,
    hard_limit: AtomicUsize,
}

impl PubSub {
    /// The hard limit of `client-output-buffer-limit pubsub`; 0 for none.
    pub fn set_hard_limit(&self, bytes: usize) {
        self.hard_limit.store(bytes, Relaxed);
    }

    /// Enter a subscription. The caller knows that the client does not have it yet.
    pub fn subscribe(&self, kind: Kind, name: &[u8], client: &Arc<Client>) {
        let mut names = self.names[kind as usize].write();
        names.entry(name.into()).or_default().push(Arc::clone(client));
        self.subscriptions.fetch_add(1, Relaxed);
        client.subscriptions[kind as usize].fetch_add(1, Relaxed);
    }

    /// Take a subscription out. The caller knows that the client has it.
    pub fn unsubscribe(&self, kind: Kind, name: &[u8], client: &Client) {
        let mut names = self.names[kind as usize].write();
        let Some(clients) = names.get_mut(name) else { return };
        let before = clients.len();
        clients.retain(|each| each.id != client.id);
        if clients.len() < before {
            self.subscriptions.fetch_sub(1, Relaxed);
            client.subscriptions[kind as usize].fetch_sub(1, Relaxed);
        }
        if clients.is_empty() {
            names.remove(name);
        }
    }

    /// How many clients a message would reach.
    pub fn receivers(&self, kind: Kind, channel: &[u8]) -> usize {
        self.deliver(kind, channel, |_, _| ())
    }

    /// Send a message to the subscribers of a channel and of the patterns that match it; the answer is how many
    /// deliveries that made.
    pub fn publish(&self, kind: Kind, channel: &[u8], payload: &[u8]) -> usize {
        let hard_limit = self.hard_limit.load(Relaxed);
        self.deliver(kind, channel, |client, pattern| {
            let mut message =
                ReplyWriter::new(Vec::with_capacity(channel.len() + payload.len() + 64), client.protocol());
            match pattern {
                Some(pattern) => {
                    message.push_header(4);
                    message.bulk(b"pmessage");
                    message.bulk(pattern);
                }
                None => {
                    message.push_header(3);
                    message.bulk(if kind == Kind::Shard { b"smessage" as &[u8] } else { b"message" });
                }
            }
            message.bulk(channel);
            message.bulk(payload);
            client.post(message.as_bytes(), hard_limit);
        })
    }

    fn deliver(&self, kind: Kind, channel: &[u8], mut send: impl FnMut(&Client, Option<&[u8]>)) -> usize {
        if self.subscriptions.load(Relaxed) == 0 {
            return 0;
        }
        let mut count = 0;
        if let Some(clients) = self.names[kind as usize].read().get(channel) {
            clients.iter().for_each(|client| send(client, None));
            count += clients.len();
        }
        if kind == Kind::Channel {
            for (pattern, clients) in self.names[Kind::Pattern as usize].read().iter() {
                if glob::matches(pattern, channel, false) {
                    clients.iter().for_each(|client| send(client, Some(pattern)));
                    count += clients.len();
                }
            }
        }
        count
    }

    /// The names that somebody is subscribed to, of those that match a pattern.
    pub fn list(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let names = self.names[kind as usize].read();
        let wanted = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, false));
        names.keys().filter(|name| wanted(name)).cloned().collect()
    }

    /// Look at every subscription of a kind. `f` may neither wait nor subscribe anybody.
    pub fn for_each(&self, kind: Kind, mut f: impl FnMut(&[u8], &Client)) {
        for (name, clients) in self.names[kind as usize].read().iter() {
            clients.iter().for_each(|client| f(name, client));
        }
    }

    /// How many clients are subscribed to a name.
    pub fn count(&self, kind: Kind, name: &[u8]) -> usize {
        self.names[kind as usize].read().get(name).map_or(0, Vec::len)
    }

    /// How many names somebody is subscribed to.
    pub fn len(&self, kind: Kind) -> usize {
        self.names[kind as usize].read().len()
    }

    /// Whether nobody is subscribed to anything.
    pub fn is_empty(&self) -> bool {
        self.subscriptions.load(Relaxed) == 0
    }
}
