//! A database: expiry, edits in place, undo, eviction's view, and the account of memory after all of it.

use std::collections::HashMap;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use crate::keyspace::{
    AccessClock, Choose, Db, EditError, Encoding, Entry, EntryRef, Expire, Hash, Key, Overwritten,
    PackedLimits, StringRef, Value,
};

fn db() -> Db {
    Db::new(AccessClock::Lru, 1)
}

fn k(name: &str) -> Key<'_> {
    Key::new(name.as_bytes())
}

fn text(db: &mut Db, name: &str, now_ms: u64) -> Option<String> {
    let bytes = db.get(&k(name), now_ms)?.string().map(StringRef::to_vec)?;
    Some(String::from_utf8(bytes).expect("the tests write text"))
}

fn hash(n: usize) -> Value {
    let mut hash = Hash::new();
    (0..n).for_each(|i| {
        hash.set(i.to_string().as_bytes(), b"v", PackedLimits::default());
    });
    Value::Hash(Box::new(hash))
}

/// What the account of memory should be.
fn bytes(db: &Db) -> usize {
    db.iter().map(EntryRef::memory).sum()
}

#[test]
fn a_string_over_a_hash_gives_the_hash_back() {
    let mut db = db();
    db.set_value(&k("h"), hash(1000), Expire::At(100), 0);
    let Overwritten::Other(old) = db.set_string(&k("h"), b"v", Expire::Keep, 1) else {
        panic!("the caller frees what is no string")
    };
    assert_eq!(old.as_ref().hash().map(Hash::len), Some(1000));
    assert_eq!((text(&mut db, "h", 1).as_deref(), db.expire_at(&k("h"), 1)), (Some("v"), Some(100)));
    assert_eq!(bytes(&db), db.used_bytes());
}

#[test]
fn nobody_sees_a_dead_key() {
    let mut db = db();
    assert!(matches!(db.set_string(&k("a"), b"1", Expire::At(100), 0), Overwritten::Nothing));
    assert!(matches!(db.set_string(&k("a"), b"2", Expire::Keep, 99), Overwritten::String));
    assert_eq!(text(&mut db, "a", 99).as_deref(), Some("2"));
    assert!(db.peek(&k("a"), 100).is_none());
    assert_eq!(db.len(), 1, "a look without a trace leaves it");
    assert!(db.get(&k("a"), 100).is_none());
    assert_eq!((db.len(), db.volatile_len(), db.used_bytes()), (0, 0, 0));
    assert!(db.has_expired());
    let dead: Vec<_> = db.take_expired().iter().map(|entry| entry.as_ref().key().to_vec()).collect();
    assert_eq!(dead, [b"a"]);
    assert!(!db.has_expired());
}

#[test]
fn a_write_over_a_dead_key_makes_a_new_one() {
    let dead = || {
        let mut db = db();
        db.set_string(&k("a"), b"old", Expire::At(100), 0);
        db
    };
    let mut db = dead();
    assert!(matches!(db.set_string(&k("a"), b"new", Expire::Keep, 200), Overwritten::Nothing));
    assert_eq!(db.expire_at(&k("a"), 200), None, "the dead key's time is not kept");
    assert_eq!(db.take_expired().len(), 1);
    let mut db = dead();
    assert!(db.set_value(&k("a"), hash(1), Expire::Keep, 200).is_none());
    assert_eq!(db.expire_at(&k("a"), 200), None);
    assert_eq!(dead().append(&k("a"), b"new", 200), Ok(3));
    assert_eq!(dead().incr_by(&k("a"), 3, 200), Ok(3));
    assert_eq!(dead().set_range(&k("a"), 1, b"b", 200), Ok(2));
    assert!(dead().remove(&k("a"), 200).is_none());
    assert!(!dead().set_expire(&k("a"), None, 200));
    assert!(!dead().contains(&k("a"), 200));
    assert!(dead().get_mut(&k("a"), 200).is_none());
    assert!(dead().snapshot(&k("a"), 200).is_none());
    assert!(dead().random_key(&mut StdRng::seed_from_u64(1), 200).is_none());
    assert!(dead().snapshot(&k("a"), 99).is_some());
}

#[test]
fn expiries_are_set_kept_and_cleared() {
    let mut db = db();
    db.set_string(&k("a"), b"x", Expire::Clear, 0);
    assert!(db.set_expire(&k("a"), Some(50), 0));
    assert_eq!((db.expire_at(&k("a"), 0), db.volatile_len()), (Some(50), 1));
    db.set_string(&k("a"), b"y", Expire::Keep, 0);
    assert_eq!(db.expire_at(&k("a"), 0), Some(50));
    db.append(&k("a"), b"z", 0).expect("it is a string");
    assert_eq!((db.expire_at(&k("a"), 0), text(&mut db, "a", 0).as_deref()), (Some(50), Some("yz")));
    db.set_string(&k("a"), b"y", Expire::Clear, 0);
    assert_eq!((db.expire_at(&k("a"), 0), db.volatile_len()), (None, 0));
    db.set_string(&k("a"), b"1", Expire::At(60), 0);
    db.incr_by(&k("a"), 1, 0).expect("it is an integer");
    assert_eq!((db.expire_at(&k("a"), 0), db.volatile_len()), (Some(60), 1));
    assert!(db.set_expire(&k("a"), None, 0));
    assert_eq!(db.volatile_len(), 0);
    assert!(!db.set_expire(&k("nobody"), Some(1), 0));
}

#[test]
fn strings_are_edited_in_place() {
    let mut db = db();
    assert_eq!(db.append(&k("a"), b"12", 0), Ok(2));
    assert_eq!(db.peek(&k("a"), 0).map(EntryRef::encoding), Some(Encoding::Int));
    assert_eq!(db.incr_by(&k("a"), -20, 0), Ok(-8));
    assert_eq!(db.append(&k("a"), b"!", 0), Ok(3));
    assert_eq!(db.incr_by(&k("a"), 1, 0), Err(EditError::NotInteger));
    assert_eq!(db.set_range(&k("a"), 5, b"xy", 0), Ok(7));
    assert_eq!(text(&mut db, "a", 0).as_deref(), Some("-8!\0\0xy"));
    assert_eq!(db.set_range(&k("a"), 1, b"", 0), Ok(7));
    assert_eq!(db.set_range(&k("none"), 1, b"", 0), Ok(0));
    assert!(!db.contains(&k("none"), 0));
    assert_eq!(db.set_range(&k("made"), 2, b"ab", 0), Ok(4));
    assert_eq!(text(&mut db, "made", 0).as_deref(), Some("\0\0ab"));
    assert_eq!(db.incr_by(&k("n"), i64::MAX, 0), Ok(i64::MAX));
    assert_eq!(db.incr_by(&k("n"), 1, 0), Err(EditError::Overflow));
    assert_eq!(text(&mut db, "n", 0), Some(i64::MAX.to_string()));
    // Edited until it reads as an integer again.
    assert_eq!(db.set_range(&k("r"), 0, b"77", 0), Ok(2));
    assert_eq!(db.incr_by(&k("r"), 1, 0), Ok(78));
    db.set_value(&k("h"), hash(2), Expire::Clear, 0);
    assert_eq!(db.append(&k("h"), b"x", 0), Err(EditError::WrongType));
    assert_eq!(db.set_range(&k("h"), 0, b"x", 0), Err(EditError::WrongType));
    assert_eq!(db.set_range(&k("h"), 0, b"", 0), Err(EditError::WrongType));
    assert_eq!(db.incr_by(&k("h"), 1, 0), Err(EditError::WrongType));
    assert_eq!(db.used_bytes(), bytes(&db));
}

#[test]
fn a_collection_grows_in_place_and_is_accounted_for() {
    let mut db = db();
    db.set_value(&k("h"), hash(2), Expire::Clear, 0);
    let before = db.used_bytes();
    {
        let mut edited = db.get_mut(&k("h"), 0).expect("it is there");
        let hash = edited.hash().expect("it is a hash");
        (0..1000).for_each(|i: i32| {
            hash.set(i.to_string().as_bytes(), &[b'v'; 30], PackedLimits::default());
        });
    }
    assert!(db.used_bytes() > before + 30_000);
    assert_eq!(db.used_bytes(), bytes(&db));
    assert_eq!(db.peek(&k("h"), 0).and_then(EntryRef::hash).map(Hash::len), Some(1000));
}

#[test]
fn what_was_taken_can_be_put_back() {
    let mut db = db();
    db.set_string(&k("a"), b"before", Expire::At(1000), 0);
    let snapshot = db.snapshot(&k("a"), 0).expect("it is there");
    db.set_value(&k("a"), hash(3), Expire::Clear, 0);
    let displaced = db.restore(snapshot).expect("the hash was there");
    assert!(displaced.as_ref().hash().is_some());
    assert_eq!(text(&mut db, "a", 0).as_deref(), Some("before"));
    assert_eq!((db.expire_at(&k("a"), 0), db.volatile_len()), (Some(1000), 1));
    let taken = db.remove(&k("a"), 0).expect("it is there");
    assert_eq!((db.len(), db.used_bytes(), db.volatile_len()), (0, 0, 0));
    assert!(db.restore(taken.with_key(b"renamed")).is_none());
    assert_eq!(text(&mut db, "renamed", 0).as_deref(), Some("before"));
    assert_eq!(db.used_bytes(), bytes(&db));
    let old = db.set_value(&k("renamed"), Value::Int(5), Expire::Keep, 0);
    assert_eq!(old.and_then(|entry| entry.as_ref().expire_at()), Some(1000));
    assert_eq!(db.expire_at(&k("renamed"), 0), Some(1000));
}

#[test]
fn active_expiry_finds_every_dead_key_and_skips_the_rest() {
    let mut db = db();
    for i in 0..20_000u64 {
        let expire = if i % 4 == 0 { Expire::At(1000 + i) } else { Expire::Clear };
        db.set_string(&k(&i.to_string()), b"x", expire, 0);
    }
    let (mut cursor, mut dead, mut rounds) = (0, Vec::new(), 0);
    loop {
        db.expire_cycle(1000 + 10_000, 500, &mut cursor, |entry| dead.push(entry));
        rounds += 1;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(dead.len(), 2501);
    assert!(rounds > 5, "the work comes in portions");
    assert!(dead.iter().all(|entry| entry.as_ref().is_expired(11_000)));
    assert_eq!((db.len(), db.volatile_len()), (20_000 - 2501, 2499));
    assert_eq!(db.used_bytes(), bytes(&db));
    // Nothing else is due: a whole round costs a step for each segment.
    assert_eq!(db.expire_cycle(11_001, 200, &mut cursor, drop), 0);
    assert_eq!(cursor, 0);
    assert_eq!(db.expire_cycle(u64::MAX, usize::MAX, &mut cursor, drop), 2499);
    assert_eq!(db.expire_cycle(u64::MAX, usize::MAX, &mut cursor, drop), 0);
}

#[test]
fn a_time_that_is_brought_forward_is_noticed() {
    let mut db = db();
    let mut cursor = 0;
    db.set_string(&k("a"), b"x", Expire::At(1_000_000), 0);
    assert_eq!(db.expire_cycle(500, 100, &mut cursor, drop), 0);
    db.set_expire(&k("a"), Some(10), 0);
    assert_eq!(db.expire_cycle(500, 100, &mut cursor, drop), 1);
}

#[test]
fn eviction_sees_the_idle_the_rare_and_the_soon_to_die() {
    let mut rng = StdRng::seed_from_u64(5);
    let mut db = db();
    for i in 0..100u64 {
        db.set_string(&k(&i.to_string()), b"x", Expire::At(1_000_000 - i), i * 1000);
    }
    db.get(&k("0"), 200_000);
    assert_eq!(db.idle_ms(db.peek(&k("0"), 0).expect("it is there"), 205_000), 5000);
    assert_eq!(db.idle_ms(db.peek(&k("1"), 0).expect("it is there"), 205_000), 204_000);
    let mut best = |choose: Choose, db: &Db| {
        let mut all = Vec::new();
        db.sample(&mut rng, 100, true, |entry| {
            all.push((choose.score(entry, db.access(), 205_000), entry.key()));
        });
        assert_eq!(all.len(), 100);
        all.iter().max().map(|(_, key)| String::from_utf8_lossy(key).into_owned())
    };
    assert_eq!(best(Choose::Lru, &db).as_deref(), Some("1"));
    assert_eq!(best(Choose::Ttl, &db).as_deref(), Some("99"));
    db.set_access(AccessClock::Lfu { log_factor: 0, decay_minutes: 1 });
    for i in 0..100 {
        let times = if i == 42 { 1 } else { 10 };
        let expire_at = db.expire_at(&k(&i.to_string()), 0);
        db.remove(&k(&i.to_string()), 0);
        db.set_string(&k(&i.to_string()), b"x", expire_at.map_or(Expire::Clear, Expire::At), 205_000);
        (0..times).for_each(|_| assert!(db.get(&k(&i.to_string()), 205_000).is_some()));
    }
    assert_eq!(best(Choose::Lfu, &db).as_deref(), Some("42"));
    assert_eq!(db.freq(db.peek(&k("42"), 0).expect("it is there"), 205_000), 6);
}

#[derive(Clone, Debug)]
enum Op {
    Set(u8, Vec<u8>, u8),
    Hash(u8, usize),
    Remove(u8),
    Append(u8),
    Incr(u8, i64),
    Expire(u8, u8),
    Rename(u8, u8),
    Tick(u8),
    Cycle,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60), 0u8..40)
            .prop_map(|(key, bytes, ttl)| Op::Set(key, bytes, ttl)),
        (any::<u8>(), 0usize..200).prop_map(|(key, n)| Op::Hash(key, n)),
        any::<u8>().prop_map(Op::Remove),
        any::<u8>().prop_map(Op::Append),
        (any::<u8>(), any::<i64>()).prop_map(|(key, by)| Op::Incr(key, by)),
        (any::<u8>(), 0u8..40).prop_map(|(key, ttl)| Op::Expire(key, ttl)),
        (any::<u8>(), any::<u8>()).prop_map(|(from, to)| Op::Rename(from, to)),
        (0u8..10).prop_map(Op::Tick),
        Just(Op::Cycle),
    ];
    proptest::collection::vec(op, 0..300)
}

/// A value in the model: text, or a hash of so many fields.
#[derive(Clone, PartialEq, Debug)]
enum Model {
    Text(Vec<u8>),
    Fields(usize),
}

fn seen(entry: &Entry) -> Model {
    match entry.clone().into_value() {
        Value::Hash(hash) => Model::Fields(hash.len()),
        Value::Int(number) => Model::Text(number.to_string().into_bytes()),
        Value::String(bytes) => Model::Text(bytes),
        other => panic!("the model never stores {other:?}"),
    }
}

proptest! {
    #[test]
    fn a_database_is_a_map_with_expiry(ops in ops()) {
        let mut db = db();
        let mut model: HashMap<u8, (Model, Option<u64>)> = HashMap::new();
        let (mut now, mut cursor) = (0u64, 0);
        for op in ops {
            let ttl = |ttl: u8| (ttl > 0).then_some(now + u64::from(ttl));
            match op {
                Op::Set(name, bytes, after) => {
                    let expire = ttl(after).map_or(Expire::Keep, Expire::At);
                    let old = db.set_string(&Key::new(&[name]), &bytes, expire, now);
                    prop_assert_eq!(!matches!(old, Overwritten::Nothing), model.contains_key(&name));
                    let old = model.get(&name).and_then(|(_, at)| *at);
                    model.insert(name, (Model::Text(bytes), ttl(after).or(old)));
                }
                Op::Hash(name, n) => {
                    let old = db.set_value(&Key::new(&[name]), hash(n), Expire::Clear, now);
                    let known = model.insert(name, (Model::Fields(n), None));
                    prop_assert_eq!(old.as_ref().map(seen), known.map(|(value, _)| value));
                }
                Op::Remove(name) => {
                    let old = db.remove(&Key::new(&[name]), now);
                    prop_assert_eq!(old.as_ref().map(seen), model.remove(&name).map(|(value, _)| value));
                }
                Op::Append(name) => {
                    let result = db.append(&Key::new(&[name]), b"+", now);
                    match model.entry(name).or_insert((Model::Text(Vec::new()), None)) {
                        (Model::Text(bytes), _) => {
                            bytes.push(b'+');
                            prop_assert_eq!(result, Ok(bytes.len()));
                        }
                        (Model::Fields(_), _) => prop_assert_eq!(result, Err(EditError::WrongType)),
                    }
                }
                Op::Incr(name, by) => {
                    let result = db.incr_by(&Key::new(&[name]), by, now);
                    let old = model.get(&name).map_or(Some(b"0".to_vec()), |(value, _)| match value {
                        Model::Text(bytes) => Some(bytes.clone()),
                        Model::Fields(_) => None,
                    });
                    let number = old.and_then(|old| String::from_utf8(old).ok()?.parse::<i64>().ok());
                    if let Some(sum) = number.and_then(|number| number.checked_add(by)).filter(|_| result.is_ok()) {
                        prop_assert_eq!(result, Ok(sum));
                        let at = model.get(&name).and_then(|(_, at)| *at);
                        model.insert(name, (Model::Text(sum.to_string().into_bytes()), at));
                    } else {
                        prop_assert!(result.is_err());
                    }
                }
                Op::Expire(name, after) => {
                    let found = db.set_expire(&Key::new(&[name]), ttl(after), now);
                    prop_assert_eq!(found, model.contains_key(&name));
                    if let Some((_, at)) = model.get_mut(&name) {
                        *at = ttl(after);
                    }
                }
                Op::Rename(from, to) => {
                    if let Some(entry) = db.remove(&Key::new(&[from]), now) {
                        db.restore(entry.with_key(&[to]));
                    }
                    if let Some(moved) = model.remove(&from) {
                        model.insert(to, moved);
                    }
                }
                Op::Tick(ms) => {
                    now += u64::from(ms);
                    model.retain(|_, (_, at)| at.is_none_or(|at| at > now));
                }
                Op::Cycle => {
                    db.expire_cycle(now, 10, &mut cursor, drop);
                }
            }
            for dead in db.take_expired() {
                prop_assert!(dead.as_ref().is_expired(now));
            }
            prop_assert_eq!(db.used_bytes(), bytes(&db));
        }
        for name in 0..=255 {
            let entry = db.snapshot(&Key::new(&[name]), now);
            let known = model.get(&name).cloned();
            prop_assert_eq!(entry.as_ref().map(|entry| entry.as_ref().expire_at()), known.as_ref().map(|(_, at)| *at));
            prop_assert_eq!(entry.as_ref().map(seen), known.map(|(value, _)| value));
        }
        let mut scanned = 0;
        prop_assert_eq!(db.scan(0, usize::MAX, now, |_| scanned += 1), 0);
        prop_assert_eq!(scanned, model.len());
    }
}
