//! How near the answers of a t-digest are, and that they are exact where nothing was merged.

use super::*;
use crate::sketch::hash::Sequence;

fn digest(compression: u32, values: impl IntoIterator<Item = f64>) -> TDigest {
    let mut digest = TDigest::new(compression);
    values.into_iter().for_each(|mean| digest.add(Node { mean, weight: 1 }).unwrap());
    digest
}

/// Numbers from 0 to 1.
fn fractions(seed: u64, count: usize) -> impl Iterator<Item = f64> {
    let mut random = Sequence::new(seed);
    (0..count).map(move |_| (random.next() >> 11) as f64 / (1u64 << 53) as f64)
}

/// By how much of all observations the digest's quantile is off.
fn rank_error(sorted: &[f64], view: &View, part: f64) -> f64 {
    let value = view.quantile(part);
    let below = sorted.partition_point(|other| *other < value) as f64 / sorted.len() as f64;
    let upto = sorted.partition_point(|other| *other <= value) as f64 / sorted.len() as f64;
    if (below..=upto).contains(&part) { 0.0 } else { (part - below).abs().min((part - upto).abs()) }
}

#[test]
fn quantiles_of_many_observations_are_near_and_nearest_at_the_ends() {
    let shapes: [fn(f64) -> f64; 4] =
        [|x| x, |x| -(1.0 - x).ln(), |x| 1.0 / (1.0 - x), |x| (x * 20.0).floor()];
    for (number, shape) in shapes.into_iter().enumerate() {
        for compression in [100, 1000] {
            let mut values: Vec<f64> = fractions(number as u64, 100_000).map(shape).collect();
            let digest = digest(compression, values.iter().copied());
            let view = digest.view().unwrap();
            values.sort_unstable_by(f64::total_cmp);
            for part in [0.0, 1e-4, 1e-3, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0] {
                // Where many values are equal, a node may lie between two of them.
                let size = if number == 3 { 20.0 } else { 3.0 } / f64::from(compression);
                let bound = size * part * (1.0 - part) + 5e-5;
                let error = rank_error(&values, view, part);
                assert!(error <= bound, "{number} {compression} {part}: {error} > {bound}");
            }
            assert_eq!((digest.min(), digest.max()), (values.first().copied(), values.last().copied()));
        }
    }
}

#[test]
fn a_digest_stays_small_in_any_order() {
    let orders: [fn(usize) -> f64; 4] =
        [|i| i as f64, |i| -(i as f64), |i| (i as f64).sin(), |i| ((i * 7919) % 1000) as f64];
    for compression in [1, 2, 10, 100, 1000] {
        for order in orders {
            let mut digest = digest(compression, (0..50_000).map(order));
            digest.compress();
            let most = 2 * compression as usize + 10;
            assert!(digest.len() <= most, "{compression}: {} > {most}", digest.len());
            assert!(digest.nodes.borrow().is_sorted_by(|a, b| a.mean <= b.mean));
            let weight: u64 = digest.nodes().iter().map(|node| node.weight).sum();
            assert_eq!((weight, digest.observations), (50_000, 50_000));
            assert!(digest.compressions >= 50_000 / digest.capacity() as u64);
        }
    }
}

#[test]
fn before_it_is_compressed_everything_is_exact() {
    let mut values: Vec<f64> = fractions(9, 600).map(|x| (x * 50.0).round()).collect();
    let digest = digest(100, values.iter().copied());
    assert_eq!(digest.compressions(), 0);
    let view = digest.view().unwrap();
    values.sort_unstable_by(f64::total_cmp);
    for (rank, value) in values.iter().enumerate() {
        assert_eq!(view.by_rank(rank as u64), Some(*value));
        assert_eq!(view.by_reverse_rank(599 - rank as u64), Some(*value));
        assert_eq!(view.quantile((rank as f64 + 0.5) / 600.0), *value);
        let less = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        assert_eq!(view.cdf(*value), (less + equal / 2.0) / 600.0);
        assert_eq!(view.rank(*value), (less + equal / 2.0 - 0.5).ceil() as i64);
        assert_eq!(view.reverse_rank(*value), (600.0 - less - equal / 2.0 - 0.5).ceil() as i64);
        assert_eq!(view.cdf(value + 0.25), (less + equal) / 600.0);
    }
    assert_eq!((view.by_rank(600), view.by_reverse_rank(600)), (None, None));
    let middle: f64 = values[150..450].iter().sum::<f64>() / 300.0;
    assert_eq!(view.trimmed_mean(0.25, 0.75), middle);
}

#[test]
fn answers_never_fall_where_they_should_rise() {
    let digest = digest(50, fractions(4, 30_000).map(|x| x.powi(5) * 1e6));
    let view = digest.view().unwrap();
    let steps = || (0..=2000).map(|step| f64::from(step) / 2000.0);
    assert!(steps().map(|part| view.quantile(part)).is_sorted());
    assert!(steps().map(|part| view.cdf(part * 1e6)).is_sorted());
    assert!(steps().map(|part| view.cdf(part * 1e6)).all(|part| (0.0..=1.0).contains(&part)));
    for part in steps() {
        assert!((view.cdf(view.quantile(part)) - part).abs() < 0.001, "{part}");
    }
}

#[test]
fn one_observation_and_none() {
    assert!(TDigest::new(100).view().is_none());
    assert_eq!((TDigest::new(100).min(), TDigest::new(100).max()), (None, None));
    let one = digest(100, [7.5]);
    let view = one.view().unwrap();
    assert_eq!([0.0, 0.3, 1.0].map(|part| view.quantile(part)), [7.5; 3]);
    assert_eq!([7.0, 7.5, 8.0].map(|value| view.cdf(value)), [0.0, 0.5, 1.0]);
    assert_eq!([7.0, 7.5, 8.0].map(|value| view.rank(value)), [-1, 0, 1]);
    assert_eq!([7.0, 7.5, 8.0].map(|value| view.reverse_rank(value)), [1, 0, -1]);
    assert_eq!((view.by_rank(0), view.by_rank(1)), (Some(7.5), None));
    assert_eq!(view.trimmed_mean(0.0, 1.0), 7.5);
    assert_eq!(view.trimmed_mean(0.4, 0.6), 7.5);
    assert_eq!(digest(100, [-0.0]).min().unwrap().to_bits(), 0.0f64.to_bits());
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let huge = |i: usize| if i.is_multiple_of(2) { f64::MAX } else { f64::MIN };
    let digest = digest(10, (0..5000).map(huge));
    let view = digest.view().unwrap();
    assert!((0..=100).all(|part| view.quantile(f64::from(part) / 100.0).is_finite()));
    assert!([f64::MIN, -1.0, 0.0, 1.0, f64::MAX].iter().all(|value| (0.0..=1.0).contains(&view.cdf(*value))));
    assert!(view.trimmed_mean(0.0, 1.0).is_finite());
    assert_eq!((view.cdf(f64::INFINITY), view.rank(f64::NEG_INFINITY)), (1.0, -1));
    let full = Node { mean: 1.0, weight: OBSERVATIONS };
    let mut digest = TDigest::new(10);
    digest.add(full).unwrap();
    assert_eq!(digest.add(Node { mean: 1.0, weight: 1 }), Err(Refusal::Overflow));
}

#[test]
fn merging_is_like_adding_everything() {
    let values: Vec<f64> = fractions(5, 100_000).collect();
    let mut merged = TDigest::new(200);
    for part in values.chunks(10_000) {
        merged.merge(&digest(200, part.iter().copied()).nodes()).unwrap();
    }
    assert_eq!(merged.observations(), 100_000);
    let view = merged.view().unwrap();
    for part in [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999] {
        assert!((view.quantile(part) - part).abs() < 0.005, "{part}");
    }
}

#[test]
fn equal_values_merge_into_exactly_that_value() {
    let digest = digest(10, std::iter::repeat_n(0.1, 10_000));
    assert!(digest.nodes().iter().all(|node| node.mean == 0.1));
    let view = digest.view().unwrap();
    assert_eq!((view.cdf(0.1), view.quantile(0.37)), (0.5, 0.1));
}

#[test]
fn what_cannot_have_been_saved_is_not_restored() {
    let node = |mean, weight| Node { mean, weight };
    let good = || Parts {
        compression: 10,
        compressions: 1,
        min: 0.0,
        max: 9.0,
        merged: Merged { nodes: 2, weight: 4 },
        nodes: vec![node(1.0, 1), node(2.0, 3)],
    };
    assert!(TDigest::restored(good()).is_some());
    for broken in [
        Parts { compression: 0, ..good() },
        Parts { compression: u32::MAX, ..good() },
        Parts { merged: Merged { nodes: 3, weight: 4 }, ..good() },
        Parts { merged: Merged { nodes: 2, weight: 5 }, ..good() },
        Parts { min: 1.5, ..good() },
        Parts { max: f64::NAN, ..good() },
        Parts { max: f64::INFINITY, ..good() },
        Parts { nodes: vec![node(f64::NAN, 1), node(1.0, 1)], ..good() },
        Parts { nodes: vec![node(1.0, 0), node(1.0, 1)], ..good() },
        Parts { nodes: vec![node(1.0, u64::MAX), node(1.0, 1)], ..good() },
        Parts { nodes: vec![node(1.0, OBSERVATIONS), node(1.0, 1)], ..good() },
    ] {
        assert!(TDigest::restored(broken.clone()).is_none(), "{broken:?}");
    }
}
