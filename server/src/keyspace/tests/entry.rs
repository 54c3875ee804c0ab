//! Entries: every change from each kind of value to each other, with and without an expiry.

use proptest::prelude::*;

use crate::keyspace::{
    BlockLimits, Collection, Encoding, Entry, Hash, List, ModuleValue, PackedLimits, Set, Stream, StreamId,
    StringRef, Thresholds, TypeId, Value, ValueType, Zset,
};

fn hash_of(n: usize) -> Value {
    let mut hash = Hash::new();
    for i in 0..n {
        hash.set(format!("field {i}").as_bytes(), b"value", PackedLimits::default());
    }
    Value::Hash(Box::new(hash))
}

fn bytes_of(value: Value) -> Vec<u8> {
    match value {
        Value::String(bytes) => bytes,
        Value::Int(number) => number.to_string().into_bytes(),
        Value::Hash(hash) => {
            let mut fields: Vec<_> = hash.iter().map(|(field, _)| field.to_vec()).collect();
            fields.sort();
            fields.concat()
        }
        Value::Module(value) => value.saved().to_vec(),
        Value::List(list) => list.iter().collect::<Vec<_>>().concat(),
        Value::Set(set) => set.iter().flat_map(StringRef::to_vec).collect(),
        Value::Zset(zset) => zset.iter().map(|(member, _)| member).collect::<Vec<_>>().concat(),
        Value::Stream(stream) => {
            let records = stream.log.range(StreamId::MIN, StreamId::MAX);
            records.flat_map(|record| record.id.text().to_vec()).collect()
        }
    }
}

/// A value of each type that has a box of its own.
fn boxed_values() -> Vec<Value> {
    let id = TypeId::new("test___dt", 1).expect("the name is good");
    let mut stream = Stream::default();
    let fields = [&b"field"[..], b"value"].into_iter();
    stream.log.append(StreamId { ms: 5, seq: 1 }, fields, 10, BlockLimits::default());
    let (element, thresholds) = (&b"an element"[..], &Thresholds::default());
    let list = List::of_elements(std::iter::once(element), thresholds.list_node);
    let set = Set::of_members([element].into_iter(), thresholds).expect("one member");
    let zset = Zset::of_members([(element, 1.5)].into_iter(), thresholds).expect("one member");
    vec![
        Value::Module(Box::new(ModuleValue::new(id, b"\x02\x07".to_vec()))),
        stream.into_value(),
        list.into_value(),
        set.into_value(),
        zset.into_value(),
    ]
}

#[test]
fn values_in_boxes_survive_every_change_of_their_entry() {
    for value in boxed_values() {
        let bytes = bytes_of(value.clone());
        let mut entry = Entry::new(b"key", value.clone(), None, 7);
        assert_eq!(entry.as_ref().value_type(), value.value_type());
        entry.set_expire(Some(5));
        entry = entry.with_key(b"another, longer key").clone();
        entry.set_expire(None);
        assert_eq!((entry.as_ref().key(), entry.as_ref().clock()), (b"another, longer key".as_slice(), 7));
        assert!(entry.as_ref().memory() > bytes.len() && entry.as_ref().string().is_none());
        assert_eq!(bytes_of(entry.as_ref().to_value()), bytes);
        assert_eq!(bytes_of(entry.clone().into_value()), bytes);
        entry.set_string(b"text", Some(9));
        assert_eq!(bytes_of(entry.into_value()), b"text");
    }
}

#[derive(Clone, Debug)]
enum Change {
    Set(Vec<u8>, Option<u64>),
    Int(i64),
    Expire(Option<u64>),
    Append(Vec<u8>),
    Rename(Vec<u8>),
    Clock(u32),
    Clone,
    Value,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let string = || {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            proptest::collection::vec(any::<u8>(), 2000..2100),
            any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        ]
    };
    let change = prop_oneof![
        (string(), any::<Option<u64>>()).prop_map(|(bytes, at)| Change::Set(bytes, at)),
        any::<i64>().prop_map(Change::Int),
        any::<Option<u64>>().prop_map(Change::Expire),
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(Change::Append),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Change::Rename),
        (0u32..1 << 24).prop_map(Change::Clock),
        Just(Change::Clone),
        Just(Change::Value),
    ];
    proptest::collection::vec(change, 1..30)
}

proptest! {
    #[test]
    fn an_entry_holds_what_was_put_in(changes in changes()) {
        let (mut key, mut value, mut expire_at, mut clock) = (b"key".to_vec(), b"first".to_vec(), None, 7);
        let mut entry = Entry::string(&key, &value, None, clock);
        for change in changes {
            match change {
                Change::Set(bytes, at) => {
                    entry.set_string(&bytes, at);
                    (value, expire_at) = (bytes, at);
                }
                Change::Int(number) => {
                    entry.set_int(number);
                    value = number.to_string().into_bytes();
                    prop_assert_eq!(entry.as_ref().encoding(), Encoding::Int);
                }
                Change::Expire(at) => {
                    entry.set_expire(at);
                    expire_at = at;
                }
                Change::Append(more) => {
                    let len = entry.edit_string(|bytes| {
                        bytes.extend_from_slice(&more);
                        bytes.len()
                    });
                    value.extend_from_slice(&more);
                    prop_assert_eq!(len, Some(value.len()));
                    prop_assert_eq!(entry.as_ref().encoding(), Encoding::Raw);
                }
                Change::Rename(name) => {
                    entry = entry.with_key(&name);
                    key = name;
                }
                Change::Clock(now) => {
                    entry.as_ref().set_clock(now);
                    clock = now;
                }
                Change::Clone => {
                    let copy = entry.clone();
                    prop_assert_eq!(copy.as_ref().encoding(), entry.as_ref().encoding());
                    entry = copy;
                }
                Change::Value => {
                    let taken = entry.into_value();
                    prop_assert_eq!(taken.value_type(), ValueType::String);
                    entry = Entry::new(&key, taken, expire_at, clock);
                }
            }
            let seen = entry.as_ref();
            prop_assert_eq!(seen.key(), &key[..]);
            let string = seen.string().expect("it is a string");
            prop_assert_eq!(string.to_vec(), &value[..]);
            prop_assert_eq!(string.len(), value.len());
            prop_assert_eq!(seen.expire_at(), expire_at);
            prop_assert_eq!(seen.clock(), clock);
            prop_assert!(seen.memory() >= 16 + key.len());
        }
    }
}

#[test]
fn every_kind_follows_every_kind() {
    let values = || {
        let raw = Value::String(vec![b'r'; 5000]);
        [Value::Int(-5), Value::String(b"short".to_vec()), raw, hash_of(3), hash_of(500)]
    };
    for first in values() {
        for at in [None, Some(1234)] {
            let entry = || Entry::new(b"some key", first.clone(), at, 99);
            let bytes = bytes_of(first.clone());
            assert!(bytes_of(entry().into_value()) == bytes);
            assert!(bytes_of(entry().clone().into_value()) == bytes);
            assert_eq!(bytes_of(entry().with_key(b"another and longer key").into_value()), bytes);
            for other in [None, Some(77)] {
                let mut changed = entry();
                changed.set_expire(other);
                assert_eq!((changed.as_ref().expire_at(), changed.as_ref().clock()), (other, 99));
                assert_eq!(changed.as_ref().key(), b"some key");
                assert_eq!(bytes_of(changed.into_value()), bytes);
                for text in [&b"12"[..], b"text", &[b'x'; 3000]] {
                    let mut changed = entry();
                    changed.set_string(text, other);
                    assert_eq!(changed.as_ref().string().map(StringRef::to_vec), Some(text.to_vec()));
                    assert_eq!(changed.as_ref().expire_at(), other);
                }
            }
        }
    }
}

#[test]
fn a_hash_is_no_string() {
    let mut entry = Entry::new(b"h", hash_of(1), None, 0);
    assert_eq!(entry.as_ref().value_type(), ValueType::Hash);
    assert!(entry.as_ref().string().is_none());
    assert!(entry.edit_string(|_| ()).is_none());
    assert_eq!(entry.as_mut().hash().map(|hash| hash.len()), Some(1));
    entry.set_int(4);
    assert!(entry.as_ref().hash().is_none());
    assert!(entry.as_mut().hash().is_none());
}

#[test]
fn encodings_are_named_as_redis_names_them() {
    let encoding = |bytes: &[u8]| Entry::string(b"k", bytes, None, 0).as_ref().encoding().name();
    assert_eq!(encoding(b"123"), "int");
    assert_eq!(encoding(b"0123"), "embstr");
    assert_eq!(encoding(&[b'x'; 44]), "embstr");
    assert_eq!(encoding(&[b'x'; 45]), "raw");
    assert_eq!(encoding(&[b'x'; 100_000]), "raw");
    assert_eq!(Entry::new(b"k", hash_of(128), None, 0).as_ref().encoding().name(), "listpack");
    assert_eq!(Entry::new(b"k", hash_of(129), None, 0).as_ref().encoding().name(), "hashtable");
}

#[test]
fn a_key_and_value_of_16_bytes_take_48() {
    let entry = Entry::string(b"key:000000000001", b"value:0123456789", None, 0);
    assert_eq!(entry.as_ref().memory(), 48);
    let entry = Entry::string(b"key:000000000001", b"1234567890123456", None, 0);
    assert_eq!(entry.as_ref().memory(), 32, "an integer needs no room beside the header");
}
