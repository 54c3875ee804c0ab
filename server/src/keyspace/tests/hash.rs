//! Hashes against the standard library's map, from the packed form into the table.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use crate::keyspace::{Encoding, Hash, PackedLimits, StringRef};

fn contents(hash: &Hash) -> BTreeMap<Vec<u8>, Vec<u8>> {
    hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

fn filled(n: usize) -> Hash {
    let mut hash = Hash::new();
    (0..n).for_each(|i| assert!(hash.set(i.to_string().as_bytes(), b"v", PackedLimits::default())));
    hash
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0u32..300).prop_map(|n| n.to_string().into_bytes()),
        3 => proptest::collection::vec(any::<u8>(), 0..64),
        1 => proptest::collection::vec(any::<u8>(), 60..400),
    ]
}

proptest! {
    #[test]
    fn behaves_as_a_map_in_both_forms(
        steps in proptest::collection::vec((any::<bool>(), text(), text()), 0..400),
        entries in 0usize..200,
        value in 0usize..500,
    ) {
        let limits = PackedLimits { entries, value };
        let (mut hash, mut model) = (Hash::new(), BTreeMap::new());
        for (set, field, value) in steps {
            if set || model.len() < 5 {
                let is_new = hash.set(&field, &value, limits);
                prop_assert_eq!(is_new, model.insert(field, value).is_none());
            } else {
                prop_assert_eq!(hash.del(&field), model.remove(&field).is_some());
            }
            prop_assert_eq!(hash.len(), model.len());
            if hash.encoding() == Encoding::Listpack {
                prop_assert!(hash.len() <= entries);
            }
        }
        prop_assert_eq!(&contents(&hash), &model);
        prop_assert_eq!(&contents(&hash.clone()), &model);
        for (field, value) in &model {
            prop_assert_eq!(hash.get(field).map(StringRef::to_vec), Some(value.clone()));
            prop_assert_eq!(hash.strlen(field), value.len());
            prop_assert!(hash.exists(field));
        }
        prop_assert!(!hash.exists(b"a field that nobody set"));
        let content: usize = model.iter().map(|(field, value)| field.len() + value.len()).sum();
        prop_assert!(hash.memory() + 12 * model.len() >= content, "integers are the only thing that shrinks");
    }
}

#[test]
fn a_hash_leaves_the_packed_form_at_its_limits() {
    let limits = PackedLimits::default();
    let mut hash = filled(128);
    assert_eq!(hash.encoding(), Encoding::Listpack);
    assert!(!hash.set(b"5", b"again", limits), "an old field needs no room");
    assert_eq!(hash.encoding(), Encoding::Listpack);
    assert!(hash.set(b"one more", b"v", limits));
    assert_eq!(hash.encoding(), Encoding::Hashtable);
    assert!((0..128).all(|i| hash.del(i.to_string().as_bytes())));
    assert_eq!((hash.encoding(), hash.len()), (Encoding::Hashtable, 1), "there is no way back");

    let mut hash = Hash::new();
    hash.set(&[b'f'; 64], &[b'v'; 64], limits);
    assert_eq!(hash.encoding(), Encoding::Listpack);
    hash.set(&[b'f'; 65], b"v", limits);
    assert_eq!(hash.encoding(), Encoding::Hashtable);
    let mut hash = Hash::new();
    hash.set(b"f", &[b'v'; 65], limits);
    assert_eq!((hash.encoding(), hash.len()), (Encoding::Hashtable, 1));
}

#[test]
fn the_packed_form_keeps_the_order_of_insertion() {
    let mut hash = filled(5);
    hash.set(b"1", b"changed", PackedLimits::default());
    hash.del(b"3");
    let fields: Vec<_> = hash.iter().map(|(field, _)| field.to_vec()).collect();
    assert_eq!(fields, [b"0", b"1", b"2", b"4"]);
}

#[test]
fn random_fields_are_as_many_and_as_different_as_asked() {
    let mut rng = StdRng::seed_from_u64(9);
    for size in [1usize, 10, 128, 1000] {
        let hash = filled(size);
        for n in [0, 1, 5, size / 2, size, size * 2] {
            let drawn = hash.random_distinct(&mut rng, n);
            let fields: HashSet<_> = drawn.iter().map(|(field, _)| *field).collect();
            assert_eq!((drawn.len(), fields.len()), (n.min(size), n.min(size)));
            assert_eq!(hash.random_repeated(&mut rng, n).len(), n);
        }
        let fields: HashSet<_> =
            (0..size * 30).filter_map(|_| hash.random(&mut rng)).map(|(field, _)| field).collect();
        assert!(fields.len() > size * 9 / 10, "{} of {size} were drawn", fields.len());
    }
    assert!(Hash::new().random(&mut rng).is_none());
    assert!(Hash::new().random_distinct(&mut rng, 3).is_empty());
    assert!(Hash::new().random_repeated(&mut rng, 3).is_empty());
}

#[test]
fn a_scan_reports_every_field() {
    for size in [0, 100, 5000] {
        let hash = filled(size);
        let (mut cursor, mut seen) = (0, HashSet::new());
        loop {
            cursor = hash.scan(cursor, 10, |field, _| {
                seen.insert(field);
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), size);
    }
}

#[test]
fn a_hash_that_is_made_at_once_is_like_one_that_was_filled() {
    let limits = PackedLimits::default();
    for size in [0, 1, 20, 128, 129, 1000] {
        for len in [1, 64, 65, 300] {
            let fields: Vec<(Vec<u8>, Vec<u8>)> =
                (0..size).map(|n: usize| (format!("field {n}").into_bytes(), vec![b'v'; len])).collect();
            let slices = fields.iter().map(|(field, value)| (field.as_slice(), value.as_slice()));
            let made = Hash::of_fields(slices, limits).expect("all fields differ");
            let mut filled = Hash::new();
            for (field, value) in &fields {
                filled.set(field, value, limits);
            }
            assert_eq!(
                (made.len(), made.encoding()),
                (filled.len(), filled.encoding()),
                "{size} fields of {len}"
            );
            for (field, value) in &fields {
                assert_eq!(made.get(field).map(StringRef::to_vec).as_ref(), Some(value));
            }
            if let Some(twice) = fields.first() {
                let slices =
                    fields.iter().chain([twice]).map(|(field, value)| (field.as_slice(), value.as_slice()));
                let slices: Vec<_> = slices.collect();
                assert!(
                    Hash::of_fields(slices.iter().copied(), limits).is_none(),
                    "{size} fields of {len} and one twice"
                );
            }
        }
    }
}
