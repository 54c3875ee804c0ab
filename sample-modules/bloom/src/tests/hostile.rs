//! Bytes that nobody saved: every flipped bit and every cut of good ones, and values of RedisBloom. Whatever is loaded all the same
//! must answer and save without a panic.

use sandkey::data_type::{Reader, Writer};

use crate::limits::SAVED_NODE_BYTES;
use crate::sketch::bloom::Bloom;
use crate::sketch::countmin::CountMin;
use crate::sketch::cuckoo::{Cuckoo, Shape};
use crate::sketch::hash::ItemHash;
use crate::sketch::heavykeeper::{HeavyKeeper, Random};
use crate::sketch::tdigest::{Node, TDigest};
use sandkey::prelude::*;

fn saved(value: &impl DataType) -> Vec<u8> {
    let mut writer = Writer::new();
    value.save(&mut writer);
    writer.into_bytes()
}

fn load<T: DataType>(bytes: &[u8], encver: u32) -> Result<T> {
    let mut reader = Reader::new(bytes);
    let value = T::load(&mut reader, encver)?;
    if reader.is_empty() { Ok(value) } else { Err(error!("ERR more follows")) }
}

/// Damages the bytes of a value in every way that costs little to try, and uses what is loaded from them.
fn damage<T: DataType>(value: &T, used: impl Fn(&mut T)) {
    let bytes = saved(value);
    let again = load::<T>(&bytes, T::ENCVER).unwrap();
    assert_eq!(saved(&again), bytes);
    for encver in 0..T::ENCVER {
        assert!(load::<T>(&bytes, encver).is_err(), "version {encver}");
    }
    for length in 0..bytes.len() {
        assert!(load::<T>(&bytes[..length], T::ENCVER).is_err(), "cut after {length} of {}", bytes.len());
    }
    let mut loaded = 0;
    for at in 0..bytes.len() {
        for change in [0x01, 0x10, 0x80, 0xff, 0x40] {
            let mut broken = bytes.clone();
            broken[at] ^= change;
            if let Ok(mut value) = load::<T>(&broken, T::ENCVER) {
                used(&mut value);
                load::<T>(&saved(&value), T::ENCVER)
                    .expect("what was loaded and used can be saved and loaded");
                loaded += 1;
            }
        }
    }
    assert!(loaded > 0, "bits and counts can be anything");
}

fn items() -> impl Iterator<Item = ItemHash> {
    (0..200u32).map(|item| ItemHash::of(&item.to_le_bytes()))
}

#[test]
fn bloom_filters() {
    let mut bloom = Bloom::new(10, 0.01, Some(2)).unwrap();
    items().take(40).for_each(|hash| bloom.add(hash).unwrap());
    damage(&bloom, |bloom| {
        for hash in items() {
            let _ = bloom.contains(hash);
            // It may have become one of 2^56 items, which does not grow.
            let _ = bloom.add(hash);
        }
        let _ = (bloom.items(), bloom.capacity(), bloom.memory());
    });
}

#[test]
fn cuckoo_filters() {
    let mut cuckoo = Cuckoo::new(16, Shape { bucket_size: 2, iterations: 5, expansion: 2 }).unwrap();
    items().take(60).for_each(|hash| cuckoo.add(hash, 32).unwrap());
    damage(&cuckoo, |cuckoo| {
        for hash in items().take(20) {
            let _ = cuckoo.count(hash);
            cuckoo.delete(hash);
            let _ = cuckoo.add(hash, 5);
        }
    });
}

#[test]
fn count_min_sketches() {
    let mut sketch = CountMin::new(7, 3).unwrap();
    items().for_each(|hash| assert!(sketch.add(hash, 3).is_ok()));
    damage(&sketch, |sketch| {
        for hash in items() {
            let _ = sketch.query(hash);
            let _ = sketch.add(hash, 1);
        }
        let _ = CountMin::merged(7, 3, &[(sketch, 1), (sketch, -1)]);
    });
}

#[test]
fn top_k_lists() {
    let mut keeper = HeavyKeeper::new(4, 5, 2, 0.9).unwrap();
    let mut random = Random::new(|| 1);
    for item in 0..100u8 {
        keeper.add(&[item % 10], 1, &mut random).unwrap();
    }
    damage(&keeper, |keeper| {
        let mut random = Random::new(|| 1);
        for item in 0..100u8 {
            keeper.add(&[item], u32::from(item), &mut random).unwrap();
        }
        let _ = (keeper.list(), keeper.contains(b"x"), keeper.count(b"x"));
    });
}

#[test]
fn t_digests() {
    let mut digest = TDigest::new(2);
    for number in 0..100u32 {
        digest.add(Node { mean: f64::from(number * 37 % 100), weight: 1 }).unwrap();
    }
    damage(&digest, |digest| {
        let view = digest.view().expect("it has observations");
        for part in [0.0, 0.1, 0.5, 0.99, 1.0] {
            let _ = (view.quantile(part), view.cdf(part * 100.0), view.rank(part), view.reverse_rank(part));
            let _ = (view.by_rank(3), view.by_reverse_rank(3), view.trimmed_mean(part / 2.0, 0.9));
        }
        for number in 0..50 {
            let _ = digest.add(Node { mean: f64::from(number), weight: 1 });
        }
    });
}

#[test]
fn a_saved_t_digest_takes_no_more_room_than_was_made_for_it() {
    for weight in [1, 1 << 40] {
        let mut digest = TDigest::new(1000);
        for number in 0..1500 {
            digest.add(Node { mean: f64::from(number), weight }).unwrap();
        }
        let bytes = saved(&digest);
        assert!(bytes.capacity() <= 1500 * SAVED_NODE_BYTES + 64, "{} of {}", bytes.len(), bytes.capacity());
    }
}

#[test]
fn announced_sizes_are_not_believed() {
    // A sketch of 2^31 cells in a few bytes, and lists that are longer than the bytes that follow.
    let announce = |numbers: &[u64]| {
        let mut writer = Writer::new();
        numbers.iter().for_each(|number| writer.u64(*number));
        writer.into_bytes()
    };
    assert!(load::<CountMin>(&announce(&[1 << 31, 1, 0]), 100).is_err());
    assert!(load::<CountMin>(&announce(&[u64::MAX, u64::MAX, 0]), 100).is_err());
    assert!(load::<Bloom>(&announce(&[2, 1 << 40]), 100).is_err());
    assert!(load::<Cuckoo>(&announce(&[2, 20, 1, 0, 0, 1 << 40]), 100).is_err());
    let why = load::<Bloom>(&announce(&[2, 1]), 2).unwrap_err().to_string();
    assert!(why.contains("RedisBloom"), "{why}");
}
