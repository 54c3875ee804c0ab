//! What happens to keys around a command: undo, events, statistics.

use super::*;
use crate::command::stream::change::change_log;
use crate::keyspace::stream::Trim;
use crate::keyspace::{AccessClock, End, Keyspace, List, Stream, StreamId};

const NOW_MS: u64 = 1_000_000;

/// Keys of a keyspace of their own, all of them locked.
pub(in crate::command) fn with_keys<R>(test: impl FnOnce(&mut Keys<'_>) -> R) -> R {
    let keyspace: &'static Keyspace = Box::leak(Box::new(Keyspace::new(16, 2, AccessClock::Lru, 1)));
    let (mut effects, mut scratch) = (Effects::default(), Scratch::default());
    let mut keys = Keys {
        db: 0,
        now_ms: NOW_MS,
        no_touch: false,
        keeps_dead: false,
        may_write: true,
        notify: Class::NONE,
        lazy_expire: false,
        thresholds: &Thresholds::default(),
        stats: Box::leak(Box::default()),
        effects: &mut effects,
        locked: &mut keyspace.lock_all(),
        scratch: &mut scratch,
    };
    test(&mut keys)
}

fn edit_hash(keys: &mut Keys<'_>, key: &Key<'_>, field: &str, value: Option<&str>) {
    let limits = keys.thresholds.hash;
    keys.write_fields(key, std::iter::once(field.as_bytes())).expect("it is a hash");
    let change = |hash: &mut Hash| match value {
        Some(value) => hash.set(field.as_bytes(), value.as_bytes(), limits) == (field == "fresh"),
        None => hash.del(field.as_bytes()),
    };
    assert!(keys.change_recorded(key, change).expect("it is a hash").result, "{field}");
}

/// Both forms of a hash: a small one is recorded whole, a large one field by field.
#[test]
fn fields_are_undone_even_if_their_hash_is_gone() {
    for fields in [3, 500] {
        with_keys(|keys| {
            let key = Key::new(b"h");
            let mut hash = Hash::new();
            for i in 0..fields {
                hash.set(format!("f{i}").as_bytes(), b"old", keys.thresholds.hash);
            }
            let value = Value::Hash(Box::new(hash));
            keys.write(&key).expect("locked").set_value(&key, value, Expire::Clear, NOW_MS);
            let mark = keys.scratch.undo.enter();
            edit_hash(keys, &key, "f1", Some("new"));
            edit_hash(keys, &key, "f1", Some("newer"));
            edit_hash(keys, &key, "fresh", Some("new"));
            edit_hash(keys, &key, "f2", None);
            drop(keys.write(&key).expect("locked").remove(&key, NOW_MS));
            keys.undo_to(mark);
            let hash = keys.peek_hash(&key).expect("it is a hash").expect("it is there again");
            assert_eq!((hash.len(), hash.exists(b"fresh")), (fields, false));
            let value = |field: &[u8]| hash.get(field).map(StringRef::to_vec);
            assert_eq!([value(b"f1"), value(b"f2")], [Some(b"old".to_vec()), Some(b"old".to_vec())]);
        });
    }
}

fn edit_set(keys: &mut Keys<'_>, key: &Key<'_>, member: &str, add: bool) {
    let limits = keys.thresholds;
    keys.write_members(key, std::iter::once(member.as_bytes())).expect("it is a set, or nothing");
    let change = |set: &mut Set| {
        if add { set.insert(member.as_bytes(), limits) } else { set.remove(member.as_bytes()) }
    };
    assert!(keys.change_recorded(key, change).expect("it is a set").result, "{member}");
}

/// Both kinds of record: a small set is recorded whole, a large one member by member; and whatever takes its place afterwards.
#[test]
fn members_are_undone_even_if_their_set_is_gone() {
    for (members, recorded) in [(3, false), (500, true)] {
        with_keys(|keys| {
            let (key, other) = (Key::new(b"s"), Key::new(b"made"));
            let names: Vec<String> = (0..members).map(|i| format!("m{i}")).collect();
            let set = Set::of_members(names.iter().map(String::as_bytes), keys.thresholds);
            keys.store(&key, set.expect("none is there twice")).expect("locked");
            let mark = keys.scratch.undo.enter();
            edit_set(keys, &key, "m1", false);
            edit_set(keys, &key, "m1", true);
            edit_set(keys, &key, "m2", false);
            edit_set(keys, &key, "fresh", true);
            edit_set(keys, &other, "fresh", true);
            assert_eq!(keys.scratch.undo.part_bytes() > 0, recorded);
            assert_eq!(keys.store(&key, Set::new()), Ok(true));
            edit_set(keys, &key, "alone", true);
            assert!(keys.write_members(&key, [&b"x"[..]].into_iter()).is_ok());
            keys.undo_to(mark);
            let set = keys.peek_as::<Set>(&key).expect("it is a set").expect("it is there again");
            assert_eq!((set.len(), set.contains(b"fresh")), (members, false));
            assert!(names.iter().all(|name| set.contains(name.as_bytes())));
            assert!(keys.peek(&other).expect("locked").is_none());
            keys.keep_changes();
        });
    }
}

#[test]
fn undone_fields_expire_as_before() {
    with_keys(|keys| {
        let (key, limits) = (Key::new(b"h"), keys.thresholds.hash);
        let mut hash = Hash::new();
        for field in [b"a", b"b", b"c"] {
            hash.set(field, b"old", limits);
        }
        hash.set_expire(b"a", Some(NOW_MS + 7));
        keys.store(&key, hash).expect("locked");
        let mark = keys.scratch.undo.enter();
        edit_hash(keys, &key, "a", Some("new"));
        edit_hash(keys, &key, "b", None);
        keys.undo_to(mark);
        let hash = keys.peek_hash(&key).expect("it is a hash").expect("it is there again");
        let times = [b"a", b"b"].map(|field| hash.expire_at(field));
        assert_eq!(times, [Some(Some(NOW_MS + 7)), Some(None)]);
    });
}

fn number(keys: &mut Keys<'_>, key: &Key<'_>) -> Option<i64> {
    keys.peek_string(key).ok().flatten().and_then(StringRef::int)
}

#[test]
fn a_command_that_fails_below_another_is_undone_alone() {
    for (inner_fails, outer_fails, left) in
        [(true, false, Some(1)), (false, false, Some(2)), (true, true, Some(0)), (false, true, Some(0))]
    {
        with_keys(|keys| {
            let (key, hash) = (Key::new(b"k"), Key::new(b"h"));
            keys.set_string(&key, b"0", Expire::Clear).expect("locked");
            let mut fields = Hash::new();
            for i in 0..500 {
                fields.set(format!("f{i}").as_bytes(), b"0", keys.thresholds.hash);
            }
            let value = Value::Hash(Box::new(fields));
            keys.write(&hash).expect("locked").set_value(&hash, value, Expire::Clear, NOW_MS);
            let outer = keys.scratch.undo.enter();
            keys.set_string(&key, b"1", Expire::Clear).expect("locked");
            edit_hash(keys, &hash, "f1", Some("1"));
            let inner = keys.scratch.undo.enter();
            keys.set_string(&key, b"2", Expire::Clear).expect("locked");
            edit_hash(keys, &hash, "f1", Some("2"));
            assert!(!keys.scratch.undo.leave(inner));
            if inner_fails {
                keys.undo_to(inner);
                assert_eq!(number(keys, &key), Some(1));
            }
            assert!(keys.scratch.undo.leave(outer));
            if outer_fails {
                keys.undo_to(outer);
            } else {
                keys.keep_changes();
            }
            assert!(keys.scratch.undo.is_empty());
            assert_eq!(number(keys, &key), left);
            let fields = keys.peek_hash(&hash).expect("it is a hash").expect("it is there");
            assert_eq!(fields.get(b"f1").and_then(StringRef::int), left);
        });
    }
}

#[test]
fn a_deeper_flush_hides_what_was_recorded_above() {
    with_keys(|keys| {
        let key = Key::new(b"k");
        keys.set_string(&key, b"0", Expire::Clear).expect("locked");
        let outer = keys.scratch.undo.enter();
        keys.set_string(&key, b"1", Expire::Clear).expect("locked");
        let inner = keys.scratch.undo.enter();
        let old = keys.locked.flush(0);
        keys.scratch.undo.record_flush(0, old);
        assert!(!keys.scratch.undo.leave(inner));
        keys.set_string(&key, b"3", Expire::Clear).expect("locked");
        assert!(keys.scratch.undo.leave(outer));
        keys.undo_to(outer);
        assert_eq!(number(keys, &key), Some(0));
    });
}

/// SET moves what was there into the log and back: its value, its time, its account of memory and its clock.
#[test]
fn a_set_is_undone_whatever_was_there() {
    type Make = fn(&mut Keys<'_>, &Key<'_>);
    let makes: [Make; 5] = [
        |_, _| {},
        |keys, key| drop(keys.set_string(key, b"a string", Expire::Clear)),
        |keys, key| drop(keys.set_string(key, b"12", Expire::At(NOW_MS + 5000))),
        |keys, key| drop(keys.set_string(key, &[b'x'; 5000], Expire::Clear)),
        |keys, key| {
            let mut hash = Hash::new();
            hash.set(b"f", b"v", keys.thresholds.hash);
            let value = Value::Hash(Box::new(hash));
            let db = keys.write(key).expect("locked");
            db.set_value(key, value, Expire::At(NOW_MS + 9000), NOW_MS);
        },
    ];
    for make in makes {
        for expire in [Expire::Clear, Expire::Keep, Expire::At(NOW_MS + 77_000)] {
            with_keys(|keys| {
                let key = Key::new(b"k");
                make(keys, &key);
                let seen = |keys: &mut Keys<'_>| {
                    let entry = keys
                        .peek(&key)
                        .expect("locked")
                        .map(|entry| (entry.value_type(), entry.expire_at(), entry.clock(), entry.memory()));
                    let bytes = keys.db_of(&key).expect("locked").used_bytes();
                    (entry, bytes)
                };
                let before = seen(keys);
                keys.now_ms += 3000;
                let mark = keys.scratch.undo.enter();
                let was_there = keys.set_string(&key, b"new", expire).expect("locked");
                assert_eq!(was_there, before.0.is_some());
                keys.set_string(&key, b"newer", expire).expect("locked");
                let (set, _) = seen(keys);
                let old_expire = before.0.and_then(|(_, expire_at, ..)| expire_at);
                let expected = match expire {
                    Expire::Clear => None,
                    Expire::Keep => old_expire,
                    Expire::At(at) => Some(at),
                };
                assert_eq!(set.map(|(kind, at, ..)| (kind, at)), Some((ValueType::String, expected)));
                keys.scratch.undo.leave(mark);
                keys.undo_to(mark);
                assert_eq!(seen(keys), before);
            });
        }
    }
}

#[test]
fn what_takes_long_to_free_is_freed_later() {
    with_keys(|keys| {
        let key = Key::new(b"h");
        let mut hash = Hash::new();
        hash.set(b"f", b"v", keys.thresholds.hash);
        let value = Value::Hash(Box::new(hash));
        keys.write(&key).expect("locked").set_value(&key, value, Expire::Clear, NOW_MS);
        let mark = keys.scratch.undo.enter();
        keys.set_string(&key, b"v", Expire::Clear).expect("locked");
        let old = keys.locked.flush(0);
        keys.scratch.undo.record_flush(0, old);
        keys.scratch.undo.leave(mark);
        keys.keep_changes();
        assert_eq!((keys.scratch.garbage.len(), keys.scratch.flushed.is_empty()), (1, false));
    });
}

#[test]
fn flushes_and_swaps_are_undone_in_reverse() {
    with_keys(|keys| {
        let (a, b) = (Key::new(b"a"), Key::new(b"b"));
        keys.write(&a).expect("locked").set_string(&a, b"1", Expire::Clear, NOW_MS);
        let mark = keys.scratch.undo.enter();
        drop(keys.locked.swapdb(0, 1, NOW_MS));
        keys.scratch.undo.record_swap(0, 1);
        keys.write_in(1, &a).expect("locked").set_string(&a, b"2", Expire::Clear, NOW_MS);
        let old = keys.locked.flush(1);
        keys.scratch.undo.record_flush(1, old);
        keys.write_in(1, &a).expect("locked").set_string(&a, b"3", Expire::Clear, NOW_MS);
        keys.write(&b).expect("locked").set_string(&b, b"4", Expire::Clear, NOW_MS);
        keys.undo_to(mark);
        assert_eq!(keys.peek_string(&a).ok().flatten().and_then(StringRef::int), Some(1));
        assert_eq!((keys.locked.dbsize(0), keys.locked.dbsize(1)), (1, 0));
    });
}

#[test]
fn inspecting_counts_but_is_no_access() {
    with_keys(|keys| {
        let key = Key::new(b"k");
        keys.write(&key).expect("locked").set_string(&key, b"v", Expire::Clear, NOW_MS);
        keys.now_ms += 60_000;
        let now_ms = keys.now_ms;
        let idle = |entry: EntryRef<'_>| AccessClock::Lru.idle_ms(entry.clock(), now_ms);
        assert_eq!(keys.inspect(&key).ok().flatten().map(idle), Some(60_000));
        assert!(keys.read(&key).is_ok_and(|entry| entry.is_some()));
        assert_eq!(keys.inspect(&key).ok().flatten().map(idle), Some(0));
        assert!(keys.inspect(&Key::new(b"missing")).is_ok_and(|entry| entry.is_none()));
        assert_eq!((keys.stats.keyspace_hits.get(), keys.stats.keyspace_misses.get()), (3, 1));
    });
}

/// Both forms of a list: a small one is recorded whole, of a large one what was put there and taken.
#[test]
fn both_ends_of_a_list_are_undone() {
    for elements in [3, 3000] {
        with_keys(|keys| {
            let (key, limit) = (Key::new(b"l"), NodeLimit::default());
            let texts: Vec<Vec<u8>> = (0..elements).map(|n| format!("element {n}").into_bytes()).collect();
            let list = List::of_elements(texts.iter().map(Vec::as_slice), limit);
            keys.store(&key, list).expect("locked");
            let mark = keys.scratch.undo.enter();
            for (end, n) in [(End::Head, 2), (End::Tail, 1)] {
                keys.write_taking(&key, end, n).expect("locked");
                keys.change_recorded(&key, |list: &mut List| list.take(end, n, limit)).expect("it is a list");
                keys.write_end(&key, Part::Pushed(end, 2)).expect("locked");
                keys.change_recorded(&key, |list: &mut List| {
                    list.push(end, b"one", limit);
                    list.push(end, b"two", limit);
                })
                .expect("it is a list");
            }
            assert_eq!(keys.scratch.undo.part_bytes() > 0, elements > 3);
            keys.undo_to(mark);
            let list = keys.peek_as::<List>(&key).expect("it is a list").expect("it is there");
            assert!(list.iter().eq(texts.iter().map(Vec::as_slice)));
        });
    }
}

/// Both forms of undo: a small stream is copied, of a large one only what is changed.
#[test]
fn logs_of_streams_are_undone() {
    for entries in [3, 3000] {
        with_keys(|keys| {
            let (key, limits) = (Key::new(b"s"), keys.thresholds.stream);
            let fields = || [&b"field"[..], b"value"].into_iter();
            let id = |ms| StreamId { ms, seq: 0 };
            let mut stream = Stream::default();
            (1..=entries).for_each(|ms| stream.log.append(id(ms), fields(), 10, limits));
            keys.store(&key, stream.clone()).expect("locked");
            let mark = keys.scratch.undo.enter();
            change_log(keys, &key, |log, mut before| {
                log.append(id(9000), fields(), 10, limits);
                assert!(log.delete(id(2), before.as_deref_mut()));
                assert_eq!(log.trim(Trim::MaxLen(1), false, 0, before), entries - 1);
            })
            .expect("it is a stream");
            // Few blocks are left, so that this copies what the first change has left.
            change_log(keys, &key, |log, _| log.append(id(9001), fields(), 10, limits))
                .expect("it is a stream");
            assert_eq!(keys.scratch.undo.part_bytes() > 0, entries > 3);
            keys.undo_to(mark);
            let undone = keys.peek_as::<Stream>(&key).expect("it is a stream").expect("it is there");
            assert!(undone.clone() == stream.clone());
        });
    }
}
