//! Fields that expire, in hashes of a database, against plain maps: nobody sees a dead one, and active expiry finds all of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::keyspace::{AccessClock, Db, EntryRef, Expire, Hash, Key, PackedLimits, StringRef, Value};

/// Fields with the times at which they expire.
type Model = BTreeMap<String, BTreeMap<String, Option<u64>>>;

#[derive(Clone, Debug)]
enum Step {
    Set,
    SetValue,
    Expire(u64),
    Persist,
    DelField,
    Remove,
    PutBack,
    Overwrite,
    Wait(u64),
    Active(usize),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Set),
        2 => Just(Step::SetValue),
        6 => (1u64..60).prop_map(Step::Expire),
        1 => Just(Step::Persist),
        2 => Just(Step::DelField),
        1 => Just(Step::Remove),
        1 => Just(Step::PutBack),
        1 => Just(Step::Overwrite),
        3 => (0u64..20).prop_map(Step::Wait),
        2 => (0usize..4).prop_map(Step::Active),
        2 => Just(Step::Look),
    ]
}

/// The hash under a key, to be edited; it is made if it is not there.
fn with_hash(db: &mut Db, key: &Key<'_>, now_ms: u64, edit: impl FnOnce(&mut Hash)) {
    if !db.contains(key, now_ms) {
        let mut hash = Hash::new();
        edit(&mut hash);
        if !hash.is_empty() {
            db.set_value(key, Value::Hash(Box::new(hash)), Expire::Clear, now_ms);
        }
        return;
    }
    let mut entry = db.get_mut(key, now_ms).expect("it is there");
    let hash = entry.hash().expect("it is a hash");
    edit(hash);
    let is_empty = hash.is_empty();
    drop(entry);
    if is_empty {
        db.remove(key, now_ms);
    }
}

/// What lives at a time.
fn living(model: &Model, now_ms: u64) -> Model {
    let lives = |at: &Option<u64>| at.is_none_or(|at| at > now_ms);
    let hashes = model.iter().map(|(key, fields)| {
        let fields = fields.iter().filter(|(_, at)| lives(at));
        (key.clone(), fields.map(|(field, at)| (field.clone(), *at)).collect::<BTreeMap<_, _>>())
    });
    hashes.filter(|(_, fields)| !fields.is_empty()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the tests write text")
}

fn contents(db: &mut Db, now_ms: u64) -> Model {
    let names: Vec<Vec<u8>> = db.iter().map(|entry| entry.key().to_vec()).collect();
    let mut found = Model::new();
    for name in names {
        let Some(hash) = db.get(&Key::new(&name), now_ms).map(|entry| entry.hash().expect("it is a hash"))
        else {
            continue;
        };
        let fields: BTreeMap<_, _> =
            hash.iter_with_expiry().map(|(field, _, at)| (text(field), at)).collect();
        for (field, at) in &fields {
            assert_eq!(hash.expire_at(field.as_bytes()), Some(*at));
            assert_eq!(hash.get(field.as_bytes()).map(StringRef::len), Some(1));
        }
        assert_eq!(hash.next_expiry(), fields.values().flatten().min().copied());
        let mut times: Vec<_> = hash.expiries().map(|(at, field)| (at, text(field))).collect();
        let mut expected: Vec<_> =
            fields.iter().filter_map(|(field, at)| Some(((*at)?, field.clone()))).collect();
        times.sort();
        expected.sort();
        assert_eq!((hash.len(), times), (fields.len(), expected));
        found.insert(text(&name), fields);
    }
    found
}

proptest! {
    #[test]
    fn nobody_sees_a_dead_field(
        steps in proptest::collection::vec((step(), 0u8..3, 0u8..8), 0..200),
        entries in prop_oneof![Just(0usize), Just(128)],
    ) {
        let limits = PackedLimits { entries, ..PackedLimits::default() };
        let (mut db, mut model, mut now_ms) = (Db::new(AccessClock::Lru, 1), Model::new(), 1000);
        for (step, key, field) in steps {
            let (name, field) = (format!("key:{key}"), format!("field:{field}"));
            let key = Key::new(name.as_bytes());
            model = living(&model, now_ms);
            match step {
                Step::Set => {
                    with_hash(&mut db, &key, now_ms, |hash| _ = hash.set(field.as_bytes(), b"v", limits));
                    model.entry(name.clone()).or_default().insert(field, None);
                }
                Step::SetValue => {
                    with_hash(&mut db, &key, now_ms, |hash| _ = hash.set_value(field.as_bytes(), b"w", limits));
                    model.entry(name.clone()).or_default().entry(field).or_insert(None);
                }
                Step::Expire(after) => {
                    let at = now_ms + after;
                    with_hash(&mut db, &key, now_ms, |hash| _ = hash.set_expire(field.as_bytes(), Some(at)));
                    if let Some(time) = model.get_mut(&name).and_then(|fields| fields.get_mut(&field)) {
                        *time = Some(at);
                    }
                }
                Step::Persist => {
                    with_hash(&mut db, &key, now_ms, |hash| _ = hash.set_expire(field.as_bytes(), None));
                    if let Some(time) = model.get_mut(&name).and_then(|fields| fields.get_mut(&field)) {
                        *time = None;
                    }
                }
                Step::DelField => {
                    with_hash(&mut db, &key, now_ms, |hash| _ = hash.del(field.as_bytes()));
                    model.get_mut(&name).map(|fields| fields.remove(&field));
                }
                Step::Remove => {
                    prop_assert_eq!(db.remove(&key, now_ms).is_some(), model.remove(&name).is_some());
                }
                Step::PutBack => {
                    if let Some(entry) = db.snapshot(&key, now_ms) {
                        db.restore(entry);
                    }
                }
                Step::Overwrite => {
                    let mut hash = Hash::new();
                    hash.set(b"only", b"v", limits);
                    hash.set_expire(b"only", Some(now_ms + 5));
                    db.set_value(&key, Value::Hash(Box::new(hash)), Expire::Clear, now_ms);
                    model.insert(name.clone(), BTreeMap::from([("only".to_owned(), Some(now_ms + 5))]));
                }
                Step::Wait(ms) => now_ms += ms,
                Step::Active(max) => {
                    // Those that were found when they were looked up.
                    db.take_expired_fields();
                    let more = db.expire_fields(now_ms, max);
                    let taken: usize = db.take_expired_fields().iter().map(|expired| expired.fields.len()).sum();
                    prop_assert!(taken <= max && (!more || taken == max));
                }
                Step::Look => prop_assert_eq!(contents(&mut db, now_ms), living(&model, now_ms)),
            }
            prop_assert_eq!(db.used_bytes(), db.iter().map(EntryRef::memory).sum::<usize>());
        }
        db.take_expired_fields();
        // Without anybody looking.
        while db.expire_fields(now_ms + 1000, 3) {}
        prop_assert!(!db.has_volatile_fields());
        let left = living(&model, now_ms + 1000);
        let found: Model = db
            .iter()
            .map(|entry| {
                let fields = entry.hash().into_iter().flat_map(Hash::iter_with_expiry);
                (text(entry.key()), fields.map(|(field, _, at)| (text(field), at)).collect())
            })
            .collect();
        prop_assert_eq!(found, left);
    }
}

#[test]
fn the_first_time_makes_a_table() {
    let limits = PackedLimits::default();
    let mut hash = Hash::new();
    hash.set(b"a", b"1", limits);
    let packed = hash.memory();
    assert!(!hash.set_expire(b"missing", Some(7)) && hash.set_expire(b"a", None));
    assert_eq!((hash.encoding().name(), hash.memory()), ("listpack", packed));
    assert!(hash.set_expire(b"a", Some(7)));
    assert_eq!((hash.encoding().name(), hash.next_expiry()), ("hashtable", Some(7)));
    assert_eq!(hash.clone().expire_at(b"a"), Some(Some(7)));
    assert!(hash.take_expired(6, 9).is_empty());
    assert_eq!(hash.take_expired(7, 9), [b"a".as_slice().into()]);
    assert!(hash.is_empty() && hash.next_expiry().is_none());
}
