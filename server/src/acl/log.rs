//! ACL LOG: what was refused to whom, newest first, and how often each kind of refusal happened. Refusals that are the
//! same count as one entry while they follow each other within a minute.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::limits;

use super::Reason;

/// How the command came to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A client sent it.
    Toplevel,
    /// Within MULTI.
    Multi,
    /// A module called it.
    Module,
}

impl Context {
    /// As ACL LOG calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Toplevel => "toplevel",
            Self::Multi => "multi",
            Self::Module => "module",
        }
    }
}

/// What is to be remembered.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What was refused.
    pub reason: Reason,
    /// How the command came to run.
    pub context: Context,
    /// The command, key or channel.
    pub object: Vec<u8>,
    /// The user.
    pub username: Arc<[u8]>,
    /// The client's line in CLIENT LIST.
    pub client: String,
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, never given twice.
    pub id: u64,
    /// How often it happened.
    pub count: u64,
    /// When for the first time.
    pub created_ms: u64,
    /// The last of them.
    pub last: Refusal,
}

#[derive(Debug, Default)]
struct Entries {
    next_id: u64,
    newest_first: VecDeque<Entry>,
}

/// The log.
#[derive(Debug, Default)]
pub struct AclLog {
    entries: Mutex<Entries>,
    counts: [AtomicU64; Reason::ALL.len()],
}

impl AclLog {
    /// Remember a refusal, and forget the oldest beyond `max` entries.
    pub fn add(&self, mut refusal: Refusal, max: usize) {
        self.counts[refusal.reason as usize].fetch_add(1, Relaxed);
        refusal.object.truncate(limits::ACL_LOG_OBJECT_BYTES);
        let mut entries = self.entries.lock();
        let recent = entries.newest_first.iter().take(limits::ACL_LOG_COMPARED);
        let same =
            recent.enumerate().find(|(_, entry)| entry.is_about(&refusal)).map(|(position, _)| position);
        if let Some(mut entry) = same.and_then(|position| entries.newest_first.remove(position)) {
            entry.count += 1;
            entry.last = refusal;
            entries.newest_first.push_front(entry);
            return;
        }
        let id = entries.next_id;
        entries.next_id += 1;
        let entry = Entry { id, count: 1, created_ms: refusal.now_ms, last: refusal };
        entries.newest_first.push_front(entry);
        entries.newest_first.truncate(max);
    }

    /// The newest entries.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().newest_first.iter().take(count).cloned().collect()
    }

    /// Forget all entries.
    pub fn clear(&self) {
        self.entries.lock().newest_first.clear();
    }

    /// How often this was refused.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize].load(Relaxed)
    }

    /// Count from zero again.
    pub fn reset_counts(&self) {
        self.counts.iter().for_each(|count| count.store(0, Relaxed));
    }
}

impl Entry {
    fn is_about(&self, other: &Refusal) -> bool {
        let last = &self.last;
        last.reason == other.reason
            && last.context == other.context
            && last.now_ms.abs_diff(other.now_ms) <= limits::ACL_LOG_SAME_MS
            && last.object == other.object
            && last.username == other.username
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(object: &str, now_ms: u64) -> Refusal {
        Refusal {
            reason: Reason::Key,
            context: Context::Toplevel,
            object: object.into(),
            username: b"bob"[..].into(),
            client: format!("at {now_ms}"),
            now_ms,
        }
    }

    #[test]
    fn the_same_refusal_is_counted_and_comes_to_the_front() {
        let log = AclLog::default();
        for (object, now_ms) in [("a", 1), ("b", 2), ("a", 3), ("a", 60_003), ("a", 120_004)] {
            log.add(refusal(object, now_ms), 10);
        }
        let all = log.newest(9);
        let told: Vec<_> = all.iter().map(|e| (e.id, &e.last.object[..], e.count, e.created_ms)).collect();
        assert_eq!(told, [(2, &b"a"[..], 1, 120_004), (0, b"a", 3, 1), (1, b"b", 1, 2)]);
        assert_eq!(
            (&*all[1].last.client, log.count(Reason::Key), log.count(Reason::Auth)),
            ("at 60003", 5, 0)
        );
        log.clear();
        assert!(log.newest(9).is_empty());
        log.add(refusal("c", 1), 10);
        assert_eq!(log.newest(1)[0].id, 3, "numbers go on");
    }

    #[test]
    fn what_differs_in_anything_is_another_entry() {
        let log = AclLog::default();
        let base = refusal("a", 1);
        log.add(base.clone(), 10);
        log.add(Refusal { reason: Reason::Channel, ..base.clone() }, 10);
        log.add(Refusal { context: Context::Multi, ..base.clone() }, 10);
        log.add(Refusal { username: b"eve"[..].into(), ..base }, 10);
        assert_eq!(log.newest(9).len(), 4);
    }

    #[test]
    fn it_is_bounded() {
        let log = AclLog::default();
        (0..5).for_each(|n| log.add(refusal(&n.to_string(), n), 2));
        assert_eq!(log.newest(9).len(), 2);
        log.add(refusal("x", 1), 0);
        assert!(log.newest(9).is_empty());
        log.add(refusal(&"y".repeat(limits::ACL_LOG_OBJECT_BYTES + 1), 1), 9);
        assert_eq!(log.newest(1)[0].last.object.len(), limits::ACL_LOG_OBJECT_BYTES);
    }
}
