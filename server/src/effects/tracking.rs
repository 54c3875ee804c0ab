//! Client-side caching: who wants to be told when a key changes of which it may have a copy, and the messages that say so.
//! Which keys a client has read is kept with the keys (`keyspace::tracked`); a client in broadcast mode names prefixes instead,
//! and hears of every key that begins with one. What CLIENT TRACKING and its kin answer is in `command::tracking`.
//!
//! A message goes into the mailbox of its receiver, except for the client whose command has just run: what that is told stands
//! behind its reply, where `Own` puts it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hashbrown::{HashMap, HashSet};
use parking_lot::RwLock;

use crate::keyspace::{Cause, Invalidations};
use crate::net::client::{Client, flag};
use crate::net::reply::{Protocol, ReplyWriter};

/// Where clients of RESP2 hear of keys: it cannot push, so they have another connection subscribe to this.
const CHANNEL: &str = "__redis__:invalidate";

/// What one client asked for.
#[derive(Debug, Clone)]
pub struct Tracker {
    /// Who asked.
    pub client: Arc<Client>,
    /// Who is told in its place.
    pub redirect: Option<Arc<Client>>,
    /// It does not want to hear of what it changes itself.
    pub noloop: bool,
    /// It hears of all keys with these prefixes, instead of those that it has read.
    pub broadcast: Option<Vec<Box<[u8]>>>,
}

/// What the client whose command runs is told.
#[derive(Debug, Default)]
pub struct Own {
    /// Its number; 0 is nobody's.
    pub client: u64,
    /// The messages.
    pub bytes: Vec<u8>,
}

/// Everybody who tracks keys.
#[derive(Debug, Default)]
pub struct Tracking {
    trackers: RwLock<Trackers>,
    /// Read without the lock, for each command: most servers have none.
    prefixes: AtomicUsize,
    clients: AtomicUsize,
    hard_limits: [AtomicUsize; 2],
}

#[derive(Debug, Default)]
struct Trackers {
    by_client: HashMap<u64, Tracker>,
    /// Who broadcasts are for, by prefix.
    by_prefix: BTreeMap<Box<[u8]>, Vec<u64>>,
}

/// What a message tells.
#[derive(Clone, Copy)]
enum News<'a> {
    Keys(&'a [&'a [u8]]),
    /// Every copy is worthless.
    Everything,
}

impl Tracking {
    /// The hard limits of `client-output-buffer-limit` for normal clients and for subscribers; 0 is none.
    pub fn set_hard_limits(&self, normal: usize, pubsub: usize) {
        self.hard_limits[0].store(normal, Relaxed);
        self.hard_limits[1].store(pubsub, Relaxed);
    }

    /// Whether anybody tracks.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.clients.load(Relaxed) != 0
    }

    /// How many clients track.
    pub fn clients(&self) -> usize {
        self.clients.load(Relaxed)
    }

    /// How many prefixes somebody wants to hear of. While there are any, every change counts.
    #[inline]
    pub fn prefixes(&self) -> usize {
        self.prefixes.load(Relaxed)
    }

    /// Whether this client still wants to hear of keys that it has read.
    pub fn is_reader(&self, client: u64) -> bool {
        self.trackers.read().by_client.get(&client).is_some_and(|tracker| tracker.broadcast.is_none())
    }

    /// What a client asked for.
    pub fn of(&self, client: u64) -> Option<Tracker> {
        self.trackers.read().by_client.get(&client).cloned()
    }

    /// Begin to tell a client, in place of what it asked for before.
    pub fn begin(&self, tracker: Tracker) {
        let mut trackers = self.trackers.write();
        let id = tracker.client.id;
        trackers.leave(id);
        for prefix in tracker.broadcast.iter().flatten() {
            trackers.by_prefix.entry(prefix.clone()).or_default().push(id);
        }
        trackers.by_client.insert(id, tracker);
        self.count(&trackers);
    }

    /// Tell a client no more.
    pub fn end(&self, client: &Client) {
        if client.has_flag(flag::TRACKING) {
            let mut trackers = self.trackers.write();
            trackers.leave(client.id);
            self.count(&trackers);
            client.set_flag(flag::ALL_TRACKING, false);
        }
    }

    fn count(&self, trackers: &Trackers) {
        self.clients.store(trackers.by_client.len(), Relaxed);
        self.prefixes.store(trackers.by_prefix.len(), Relaxed);
    }

    /// Tell everybody whom it concerns what has become of keys. No lock on keys may be held. `own` is the client whose command
    /// has made it so, if a client's did.
    #[cold]
    pub fn deliver(&self, told: &mut Invalidations, mut own: Option<&mut Own>) {
        let trackers = self.trackers.read();
        let runs = own.as_ref().map_or(0, |own| own.client);
        if std::mem::take(&mut told.everything) {
            for tracker in trackers.by_client.values() {
                self.tell(tracker, News::Everything, &mut own);
            }
        }
        for changed in &told.keys {
            for reader in &changed.readers {
                if let Some(tracker) = trackers.by_client.get(reader)
                    && tracker.broadcast.is_none()
                    && !(tracker.noloop && changed.cause == Cause::Client && *reader == runs)
                {
                    self.tell(tracker, News::Keys(&[&changed.key]), &mut own);
                }
            }
        }
        if !trackers.by_prefix.is_empty() {
            self.broadcast(&trackers, told, runs, &mut own);
        }
        told.keys.clear();
    }

    /// One message for each prefix, with all keys that begin with it.
    fn broadcast(&self, trackers: &Trackers, told: &Invalidations, runs: u64, own: &mut Option<&mut Own>) {
        // Each key once; the last one who changed it counts as the one who did.
        let mut seen = HashSet::new();
        let changed = told.keys.iter().rev().filter(|changed| changed.cause != Cause::Limit);
        let mut keys: Vec<(&[u8], Cause)> = changed
            .filter(|changed| seen.insert(&*changed.key))
            .map(|changed| (&*changed.key, changed.cause))
            .collect();
        keys.reverse();
        let mut matching: BTreeMap<&[u8], Vec<(&[u8], Cause)>> = BTreeMap::new();
        for &(key, cause) in &keys {
            trackers.for_each_prefix(key, |prefix| matching.entry(prefix).or_default().push((key, cause)));
        }
        for (prefix, keys) in matching {
            let all: Vec<&[u8]> = keys.iter().map(|(key, _)| *key).collect();
            let clients = trackers.by_prefix.get(prefix).into_iter().flatten();
            for tracker in clients.filter_map(|id| trackers.by_client.get(id)) {
                if tracker.noloop && tracker.client.id == runs {
                    let others = keys.iter().filter(|(_, cause)| *cause != Cause::Client);
                    let others: Vec<&[u8]> = others.map(|(key, _)| *key).collect();
                    self.tell(tracker, News::Keys(&others), own);
                } else {
                    self.tell(tracker, News::Keys(&all), own);
                }
            }
        }
    }

    fn tell(&self, tracker: &Tracker, news: News<'_>, own: &mut Option<&mut Own>) {
        if matches!(news, News::Keys([])) {
            return;
        }
        let client = &tracker.client;
        let receiver = match &tracker.redirect {
            Some(redirect) if redirect.has_left() => {
                client.set_flag(flag::BROKEN_REDIRECT, true);
                if client.protocol() == Protocol::Resp3 {
                    let mut message = ReplyWriter::new(Vec::new(), Protocol::Resp3);
                    message.push_header(2);
                    message.bulk("tracking-redir-broken");
                    message.integer(redirect.id as i64);
                    self.send(client, message.as_bytes(), own);
                }
                return;
            }
            Some(redirect) => redirect,
            None => client,
        };
        let mut message = ReplyWriter::new(Vec::new(), receiver.protocol());
        if receiver.protocol() == Protocol::Resp3 {
            message.push_header(2);
            message.bulk("invalidate");
        } else if tracker.redirect.is_some() && receiver.subscribed() > 0 {
            message.push_header(3);
            message.bulk("message");
            message.bulk(CHANNEL);
        } else {
            // It can be told nothing that it would not take for a reply.
            return;
        }
        match news {
            News::Everything => message.null(),
            News::Keys(keys) => {
                message.array_header(keys.len());
                keys.iter().for_each(|key| message.bulk(key));
            }
        }
        self.send(receiver, message.as_bytes(), own);
    }

    fn send(&self, receiver: &Client, message: &[u8], own: &mut Option<&mut Own>) {
        match own {
            Some(own) if own.client == receiver.id => own.bytes.extend_from_slice(message),
            _ => {
                let kind = usize::from(receiver.subscribed() > 0);
                receiver.post(message, self.hard_limits[kind].load(Relaxed));
            }
        }
    }
}

impl Trackers {
    /// Call `f` with each prefix that a key has, the longest first. In their order, what a key begins with stands before it, and
    /// whatever stands between has a beginning in common with both: so each look either finds one or shortens what is looked for.
    fn for_each_prefix<'t>(&'t self, key: &[u8], mut f: impl FnMut(&'t [u8])) {
        let mut len = key.len();
        loop {
            let bound = (Bound::Unbounded, Bound::Included(&key[..len]));
            let Some((found, _)) = self.by_prefix.range::<[u8], _>(bound).next_back() else { return };
            let common = found.iter().zip(key).take_while(|(a, b)| a == b).count();
            if common < found.len() {
                len = common;
                continue;
            }
            f(found);
            match common {
                0 => return,
                _ => len = common - 1,
            }
        }
    }

    fn leave(&mut self, client: u64) {
        let Some(tracker) = self.by_client.remove(&client) else { return };
        for prefix in tracker.broadcast.iter().flatten() {
            if let Some(clients) = self.by_prefix.get_mut(prefix) {
                clients.retain(|id| *id != client);
                if clients.is_empty() {
                    self.by_prefix.remove(prefix);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use smallvec::SmallVec;

    use super::*;
    use crate::keyspace::Invalidated;
    use crate::net::client::Transport;

    fn client(id: u64, protocol: u8) -> Arc<Client> {
        let client = Client::new(id, String::new(), String::new(), -1, Transport::Internal, 0);
        client.resp.store(protocol, Relaxed);
        Arc::new(client)
    }

    fn tracker(client: &Arc<Client>) -> Tracker {
        Tracker { client: Arc::clone(client), redirect: None, noloop: false, broadcast: None }
    }

    fn changed(key: &str, readers: &[u64], cause: Cause) -> Invalidated {
        Invalidated { key: key.as_bytes().into(), readers: SmallVec::from_slice(readers), cause }
    }

    fn mail(client: &Client) -> String {
        let mut bytes = Vec::new();
        client.collect_mail(&mut bytes);
        String::from_utf8(bytes).expect("the test's keys are text").replace("\r\n", " ")
    }

    #[test]
    fn readers_are_told_of_their_keys_and_the_writer_behind_its_reply() {
        let tracking = Tracking::default();
        let (a, b, resp2) = (client(1, 3), client(2, 3), client(3, 2));
        [&a, &b, &resp2].into_iter().for_each(|client| tracking.begin(tracker(client)));
        assert_eq!((tracking.clients(), tracking.prefixes()), (3, 0));
        let mut told = Invalidations::default();
        told.keys.push(changed("k", &[1, 2, 3, 99], Cause::Client));
        let mut own = Own { client: 1, bytes: Vec::new() };
        tracking.deliver(&mut told, Some(&mut own));
        let message = ">2 $10 invalidate *1 $1 k ";
        assert_eq!(String::from_utf8_lossy(&own.bytes).replace("\r\n", " "), message);
        assert_eq!([mail(&a), mail(&b), mail(&resp2)], ["", message, ""]);
        assert!(told.is_empty(), "what was told is not told again");
    }

    #[test]
    fn noloop_hides_what_the_client_did_and_nothing_else() {
        for (cause, expected) in [(Cause::Client, 0), (Cause::Server, 1), (Cause::Limit, 1)] {
            let (tracking, a) = (Tracking::default(), client(1, 3));
            tracking.begin(Tracker { noloop: true, ..tracker(&a) });
            let mut told = Invalidations::default();
            told.keys.push(changed("k", &[1], cause));
            let mut own = Own { client: 1, bytes: Vec::new() };
            tracking.deliver(&mut told, Some(&mut own));
            assert_eq!(own.bytes.iter().filter(|&&byte| byte == b'>').count(), expected, "{cause:?}");
        }
    }

    #[test]
    fn broadcasts_have_all_keys_of_a_prefix_once() {
        let (tracking, a) = (Tracking::default(), client(1, 3));
        let prefixes = ["a:", "b:"].map(|prefix| Box::from(prefix.as_bytes())).to_vec();
        tracking.begin(Tracker { broadcast: Some(prefixes), ..tracker(&a) });
        assert_eq!((tracking.prefixes(), tracking.is_reader(1)), (2, false));
        let mut told = Invalidations { of_all_keys: true, ..Invalidations::default() };
        for key in ["a:1", "b:1", "c:1", "a:2", "a:1"] {
            told.keys.push(changed(key, &[1], Cause::Client));
        }
        told.keys.push(changed("a:3", &[], Cause::Limit));
        tracking.deliver(&mut told, None);
        assert_eq!(mail(&a), ">2 $10 invalidate *2 $3 a:2 $3 a:1 >2 $10 invalidate *1 $3 b:1 ");
        tracking.end(&a);
        assert!(tracking.is_active(), "the flag of the client says that it does not track");
        a.set_flag(flag::TRACKING, true);
        tracking.end(&a);
        assert!(!tracking.is_active() && tracking.prefixes() == 0);
    }

    #[test]
    fn prefixes_of_a_key_are_found_among_others() {
        let mut trackers = Trackers::default();
        for prefix in ["", "a", "ab", "abc", "abd", "abcd:1", "b", "aa", "ac", "zz"] {
            trackers.by_prefix.insert(prefix.as_bytes().into(), vec![1]);
        }
        for key in ["", "a", "ab", "abcd", "abce", "abz", "b1", "c", "zz", "zzz", "~"] {
            let mut found = Vec::new();
            trackers.for_each_prefix(key.as_bytes(), |prefix| found.push(prefix.to_vec()));
            found.reverse();
            let all = trackers.by_prefix.keys().map(|prefix| prefix.to_vec());
            let expected: Vec<_> = all.filter(|prefix| key.as_bytes().starts_with(prefix)).collect();
            assert_eq!(found, expected, "{key}");
        }
    }

    #[test]
    fn another_connection_is_told_as_long_as_it_is_there() {
        let (tracking, a, b) = (Tracking::default(), client(1, 3), client(2, 2));
        tracking.begin(Tracker { redirect: Some(Arc::clone(&b)), ..tracker(&a) });
        let tell = || {
            let mut told = Invalidations { everything: true, ..Invalidations::default() };
            tracking.deliver(&mut told, None);
            [mail(&a), mail(&b)]
        };
        assert_eq!(tell(), ["", ""], "RESP2 and not subscribed");
        b.subscriptions[0].store(1, Relaxed);
        assert_eq!(tell(), ["", "*3 $7 message $20 __redis__:invalidate $-1 "]);
        b.leave();
        assert_eq!(tell(), [">2 $21 tracking-redir-broken :2 ", ""]);
        assert!(a.has_flag(flag::BROKEN_REDIRECT));
    }
}
