//! Locks, WATCH flags and what concerns all shards.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rand::{SeedableRng, rngs::StdRng};

use crate::keyspace::prefetch::{Aim, STEPS};
use crate::keyspace::{
    AccessClock, Cause, EntryRef, Expire, Hash, Invalidations, Key, Keyspace, List, Set, StringRef,
    Thresholds, Value, Wanted, WatchFlag, Zset,
};

fn keyspace() -> Keyspace {
    Keyspace::new(16, 4, AccessClock::Lru, 1)
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("key:{i}")).collect()
}

fn fill(keyspace: &Keyspace, db: usize, n: usize) {
    for name in names(n) {
        let key = Key::new(name.as_bytes());
        let mut locked = keyspace.lock_keys([&key]);
        locked.db(&key, db).expect("its shard is locked").set_string(&key, b"v", Expire::Clear, 0);
    }
}

#[test]
fn shards_are_runs_of_slots() {
    let keyspace = keyspace();
    assert_eq!(keyspace.shards(), 16);
    assert_eq!(keyspace.shard_of(0), 0);
    assert_eq!(keyspace.shard_of(1023), 0);
    assert_eq!(keyspace.shard_of(1024), 1);
    assert_eq!(keyspace.shard_of(16383), 15);
}

#[test]
fn only_locked_shards_are_open() {
    let keyspace = keyspace();
    let (a, b) = (Key::new(b"foo"), Key::new(b"bar"));
    let (of_a, of_b) = (keyspace.shard_of(a.slot), keyspace.shard_of(b.slot));
    assert_ne!(of_a, of_b);
    let mut one = keyspace.lock_one(of_a);
    assert!(one.db(&a, 0).is_some());
    assert!(one.db(&b, 0).is_none());
    assert!(!one.is_all());
    assert_eq!(one.shards_mut().map(|(id, _)| id).collect::<Vec<_>>(), [of_a]);
    drop(one);
    let mut both = keyspace.lock_keys([&a, &b, &a]);
    assert!(both.db(&a, 3).is_some() && both.db(&b, 0).is_some());
    assert!(both.shard_by_id((0..16).find(|id| *id != of_a && *id != of_b).unwrap_or(0)).is_none());
    assert_eq!(both.shards_mut().count(), 2);
    drop(both);
    let mut all = keyspace.lock_all();
    assert!(all.is_all() && all.db(&a, 0).is_some());
    assert_eq!(all.shards_mut().count(), 16);
    assert!(all.shards_mut().map(|(id, _)| id).eq(0..16));
    // A batch that is prepared meanwhile does not wait.
    let wanted = |element| move |key| Wanted { key, element, score: Some(1.5) };
    keyspace.prefetch([a, b].into_iter().map(wanted(None)), 0);
    drop(all);
    // Nor does it lock a shard twice, or leave one locked.
    fill(&keyspace, 0, 100);
    keyspace.prefetch([a, a, b, a, b].into_iter().map(wanted(Some(b"element"))), 0);
    keyspace.prefetch(std::iter::empty(), 0);
    drop(keyspace.lock_all());
}

#[test]
fn what_leads_to_an_element_can_be_asked_for_in_every_form() {
    let keyspace = keyspace();
    let limits = Thresholds::default();
    let names: Vec<String> = (0..5000).map(|n| format!("element-{n}")).collect();
    let numbers: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let few = || names[..3].iter().map(String::as_bytes);
    let many = || names.iter().map(String::as_bytes);
    let set = |members: &[String]| {
        let members = members.iter().map(String::as_bytes);
        Value::Set(Box::new(Set::of_members(members, &limits).expect("all differ")))
    };
    let zset = |members: &[String]| {
        let members = members.iter().map(|member| (member.as_bytes(), 1.5));
        Value::Zset(Box::new(Zset::of_members(members, &limits).expect("all differ")))
    };
    let hash = |fields: &mut dyn Iterator<Item = &[u8]>| {
        let mut hash = Hash::default();
        fields.for_each(|field| assert!(hash.set(field, b"value", limits.hash)));
        Value::Hash(Box::new(hash))
    };
    let values = [
        Value::String(b"bytes".to_vec()),
        Value::List(Box::new(List::of_elements(few(), limits.list_node))),
        Value::List(Box::new(List::of_elements(many(), limits.list_node))),
        set(&numbers),
        set(&names[..3]),
        set(&names),
        zset(&names[..3]),
        zset(&names),
        hash(&mut few()),
        hash(&mut many()),
        Value::Stream(Box::default()),
    ];
    for value in values {
        let key = Key::new(b"key");
        let mut locked = keyspace.lock_all();
        locked.db(&key, 0).expect("all are locked").set_value(&key, value, Expire::Clear, 0);
        drop(locked);
        for element in [&b""[..], b"7", b"element-4", b"none"] {
            keyspace.prefetch(std::iter::once(Wanted { key, element: Some(element), score: Some(1.5) }), 0);
        }
        let mut locked = keyspace.lock_all();
        let entry = locked.db(&key, 0).and_then(|db| db.remove(&key, 0)).expect("it was stored");
        // Each kind of value comes to an end by itself.
        let entry = entry.as_ref();
        let steps = (0..20)
            .find(|&step| !entry.prefetch_value(step, Aim { hash: 7, score: Some(1.5) }))
            .expect("it ends");
        assert!(steps < STEPS, "{entry:?}: {steps}");
    }
}

#[test]
fn a_flush_can_be_undone_and_tells_the_watchers() {
    let keyspace = keyspace();
    fill(&keyspace, 0, 1000);
    fill(&keyspace, 1, 10);
    let (present, absent) = (Key::new(b"key:1"), Key::new(b"nobody"));
    let flags: [WatchFlag; 2] = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
    let mut all = keyspace.lock_all();
    for (key, flag) in [(&present, &flags[0]), (&absent, &flags[1])] {
        all.shard(key).expect("all are locked").watch(0, key, flag);
    }
    let old = all.flush(0);
    assert_eq!((all.dbsize(0), all.dbsize(1), all.dbsize(2)), (0, 10, 0));
    assert!(flags[0].load(Relaxed), "a key that was there is gone");
    assert!(!flags[1].load(Relaxed), "one that was not there is as before");
    all.unflush(0, old);
    assert_eq!(all.dbsize(0), 1000);
    assert!(all.flush(3).is_empty());
}

#[test]
fn databases_are_swapped() {
    let keyspace = keyspace();
    fill(&keyspace, 0, 100);
    let flag: WatchFlag = Arc::new(AtomicBool::new(false));
    let key = Key::new(b"key:7");
    let mut all = keyspace.lock_all();
    all.shard(&key).expect("all are locked").watch(2, &key, &flag);
    all.swapdb(0, 2, 0);
    assert_eq!((all.dbsize(0), all.dbsize(2)), (0, 100));
    assert!(flag.load(Relaxed), "it has come into being where it is watched");
    all.swapdb(2, 2, 0);
    assert_eq!(all.dbsize(2), 100);
}

#[test]
fn a_watch_lasts_until_it_is_ended() {
    let keyspace = keyspace();
    let key = Key::new(b"watched");
    let (mine, other): (WatchFlag, WatchFlag) = Default::default();
    let mut locked = keyspace.lock_keys([&key]);
    let shard = locked.shard(&key).expect("it is locked");
    shard.watch(0, &key, &mine);
    shard.watch(0, &key, &mine);
    shard.watch(0, &key, &other);
    let mut told = Invalidations::default();
    shard.touch(1, &key, Cause::Client, &mut told);
    shard.touch(0, &Key::new(b"another"), Cause::Client, &mut told);
    assert!(!mine.load(Relaxed), "another key, or another database");
    shard.unwatch(0, &key, &mine);
    shard.touch(0, &key, Cause::Client, &mut told);
    assert!(!mine.load(Relaxed) && other.load(Relaxed));
    shard.unwatch(0, &key, &other);
    shard.unwatch(0, &key, &other);
    assert_eq!((Arc::strong_count(&mine), Arc::strong_count(&other)), (1, 1), "nothing is kept");
}

#[test]
fn two_that_lock_the_same_shards_do_not_wait_for_ever() {
    let keyspace = keyspace();
    let names = names(64);
    std::thread::scope(|scope| {
        for reverse in [false, true] {
            let (keyspace, names) = (&keyspace, &names);
            scope.spawn(move || {
                let mut keys: Vec<_> = names.iter().map(|name| Key::new(name.as_bytes())).collect();
                if reverse {
                    keys.reverse();
                }
                for window in keys.windows(5).cycle().take(2000) {
                    let mut locked = keyspace.lock_keys(window);
                    for key in window {
                        let db = locked.db(key, 0).expect("its shard is locked");
                        db.incr_by(key, 1, 0).expect("it is an integer");
                    }
                }
            });
        }
    });
    let mut sum = 0;
    for name in &names {
        let key = Key::new(name.as_bytes());
        let mut locked = keyspace.lock_keys([&key]);
        let entry = locked.db(&key, 0).and_then(|db| db.peek(&key, 0)).and_then(EntryRef::string);
        sum += entry.and_then(StringRef::int).unwrap_or(0);
    }
    assert_eq!(sum, 2 * 2000 * 5);
}

#[test]
fn a_scan_goes_through_all_shards() {
    let keyspace = keyspace();
    fill(&keyspace, 0, 3000);
    let mut all = keyspace.lock_all();
    for count in [1, 10, 1000, usize::MAX] {
        let (mut cursor, mut seen, mut steps) = (0, HashSet::new(), 0);
        loop {
            let before = seen.len();
            cursor = all.scan(0, cursor, count, 0, |entry| {
                assert!(
                    seen.insert(entry.key().to_vec()),
                    "a keyspace at rest is reported without repetition"
                );
            });
            assert!(cursor < 1 << 63);
            steps += 1;
            if cursor == 0 {
                break;
            }
            assert!(seen.len() >= before + count, "a step is not shorter than asked");
        }
        assert_eq!(seen.len(), 3000);
        assert!(steps <= 3000 / count + 1);
    }
    assert_eq!(all.scan(1, 0, 10, 0, |_| panic!("database 1 is empty")), 0);
    for cursor in [u64::MAX, 1 << 62, 16 << 52, 3 << 52 | 12345] {
        all.scan(0, cursor, 10, 0, |_| {});
    }
}

#[test]
fn few_keys_come_in_one_step() {
    let keyspace = Keyspace::new(256, 1, AccessClock::Lru, 1);
    fill(&keyspace, 0, 9);
    let mut seen = 0;
    assert_eq!(keyspace.lock_all().scan(0, 0, 10, 0, |_| seen += 1), 0);
    assert_eq!(seen, 9);
}

#[test]
fn random_keys_come_from_everywhere_and_live() {
    let mut rng = StdRng::seed_from_u64(2);
    let keyspace = keyspace();
    let mut all = keyspace.lock_all();
    assert!(all.random_key(0, &mut rng, 0).is_none());
    drop(all);
    fill(&keyspace, 0, 200);
    let mut all = keyspace.lock_all();
    let mut drawn = HashSet::new();
    for _ in 0..4000 {
        drawn.insert(all.random_key(0, &mut rng, 0).map(|entry| entry.key().to_vec()));
    }
    assert_eq!(drawn.len(), 200);
    // All but one are dead: that one is found wherever it is.
    for name in names(200) {
        let key = Key::new(name.as_bytes());
        let expire = Some(10).filter(|_| name != "key:77");
        all.db(&key, 0).expect("all are locked").set_expire(&key, expire, 0);
    }
    for _ in 0..20 {
        assert_eq!(all.random_key(0, &mut rng, 10).map(EntryRef::key), Some(&b"key:77"[..]));
    }
}

#[test]
fn what_was_found_dead_is_handed_over_with_its_database() {
    let keyspace = keyspace();
    let key = Key::new(b"dying");
    let mut locked = keyspace.lock_keys([&key]);
    for index in [0, 2] {
        let db = locked.db(&key, index).expect("it is locked");
        db.set_string(&key, b"x", Expire::At(5), 0);
        assert!(db.get(&key, 5).is_none());
    }
    let mut dead = Vec::new();
    locked.take_expired(|index, entry| dead.push((index, entry.as_ref().key().to_vec())));
    assert_eq!(dead, [(0, b"dying".to_vec()), (2, b"dying".to_vec())]);
    locked.take_expired(|_, _| panic!("each is handed over once"));
}
