//! Sorted sets beside a sorted Vec, in both forms and at the change between them.

use std::collections::HashSet;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::keyspace::{Encoding, LexBound, LexRange, PackedLimits, ScoreRange, Thresholds, Zset};

type Model = Vec<(Vec<u8>, f64)>;

fn contents(zset: &Zset) -> Model {
    zset.iter().map(|(member, score)| (member.to_vec(), score)).collect()
}

fn sort(model: &mut Model) {
    model.sort_by(|a, b| a.1.partial_cmp(&b.1).expect("no score is NaN").then_with(|| a.0.cmp(&b.0)));
}

/// Sets a score in the model. The result is the old one; a score that differs in the sign of zero alone stays.
fn set(model: &mut Model, member: &[u8], score: f64) -> Option<f64> {
    let known = model.iter_mut().find(|(known, _)| known == member);
    let old = known.map(|(_, known)| {
        let old = *known;
        *known = if old == score { old } else { score };
        old
    });
    if old.is_none() {
        model.push((member.to_vec(), score));
    }
    sort(model);
    old
}

fn remove(model: &mut Model, member: &[u8]) -> Option<f64> {
    let at = model.iter().position(|(known, _)| known == member)?;
    Some(model.remove(at).1)
}

fn filled(n: usize) -> Zset {
    let mut zset = Zset::default();
    for i in 0..n {
        assert_eq!(
            zset.set(format!("member {i}").as_bytes(), i as f64, PackedLimits { entries: 128, value: 64 }),
            None
        );
    }
    zset
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0u32..200).prop_map(|n| n.to_string().into_bytes()),
        2 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => proptest::collection::vec(any::<u8>(), 60..300),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-5i64..5).prop_map(|n| n as f64),
        2 => Just(7.0),
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        2 => any::<f64>().prop_filter("a score is a number", |score| !score.is_nan()),
        1 => any::<i64>().prop_map(|n| n as f64),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Set(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveRange(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (member(), score()).prop_map(|(member, score)| Step::Set(member, score)),
        4 => member().prop_map(Step::Remove),
        1 => (0usize..300, 0usize..30).prop_map(|(start, len)| Step::RemoveRange(start, len)),
    ]
}

fn check_order(zset: &Zset, model: &Model, rank: usize, range: &ScoreRange) {
    // The sign of a zero is kept by the large form alone.
    let bits = |model: &[(Vec<u8>, f64)]| -> Vec<(Vec<u8>, u64)> {
        model.iter().map(|(member, score)| (member.clone(), (score + 0.0).to_bits())).collect()
    };
    assert_eq!(bits(&contents(zset)), bits(model));
    assert_eq!(bits(&contents(&zset.clone())), bits(model));
    let (start, end) = (rank.min(model.len()), (rank + 40).min(model.len()));
    let part: Model = zset.range(start..end, false).map(|(member, score)| (member.to_vec(), score)).collect();
    assert_eq!(bits(&part), bits(&model[start..end]));
    let mut back: Model =
        zset.range(start..end, true).map(|(member, score)| (member.to_vec(), score)).collect();
    back.reverse();
    assert_eq!(bits(&back), bits(&model[start..end]));
    let is_in = |score: f64| {
        let above_min = if range.min_excluded { score > range.min } else { score >= range.min };
        above_min && if range.max_excluded { score < range.max } else { score <= range.max }
    };
    let ranks = zset.ranks_by_score(range);
    let expected: Vec<usize> = (0..model.len()).filter(|&rank| is_in(model[rank].1)).collect();
    assert_eq!(ranks.collect::<Vec<_>>(), expected);
    for (rank, (member, score)) in model.iter().enumerate() {
        assert_eq!(zset.rank(member), Some((rank, *score)));
        assert_eq!(zset.score(member), Some(*score));
    }
    assert_eq!((zset.rank(b"nobody is called so"), zset.score(b"nobody is called so")), (None, None));
}

proptest! {
    #[test]
    fn behaves_as_a_sorted_vec_in_both_forms(
        steps in proptest::collection::vec(step(), 0..300),
        entries in 0usize..200,
        value in 0usize..400,
        rank in 0usize..200,
        (min, max, min_excluded, max_excluded) in (score(), score(), any::<bool>(), any::<bool>()),
    ) {
        let limits = PackedLimits { entries, value };
        let (mut zset, mut model) = (Zset::default(), Model::new());
        let mut was_large = false;
        for step in steps {
            match step {
                Step::Set(member, score) => {
                    let old = zset.set(&member, score, limits);
                    prop_assert_eq!(old, set(&mut model, &member, score));
                }
                Step::Remove(member) => prop_assert_eq!(zset.remove(&member), remove(&mut model, &member)),
                Step::RemoveRange(start, len) => {
                    zset.remove_range(start..start + len);
                    let start = start.min(model.len());
                    model.drain(start..(start + len).min(model.len()));
                }
            }
            let is_large = zset.encoding() == Encoding::Skiplist;
            let must_be = model.len() > entries || model.iter().any(|(member, _)| member.len() > value);
            prop_assert!(is_large || !must_be, "it stays compact within its limits alone");
            prop_assert!(is_large || !was_large, "there is no way back");
            was_large = is_large;
        }
        let range = ScoreRange { min, max, min_excluded, max_excluded };
        check_order(&zset, &model, rank, &range);
        let content: usize = model.iter().map(|(member, _)| member.len() + 1).sum();
        prop_assert!(zset.memory() >= content);

        let thresholds = Thresholds { zset: limits, ..Thresholds::default() };
        let pairs: Vec<(&[u8], f64)> = model.iter().rev().map(|(member, score)| (&**member, *score)).collect();
        let made = Zset::of_members(pairs.iter().copied(), &thresholds).expect("all members differ");
        check_order(&made, &model, rank, &range);
        if let Some(&first) = pairs.first() {
            let twice: Vec<_> = pairs.iter().copied().chain([(first.0, 12345.0)]).collect();
            prop_assert!(Zset::of_members(twice.into_iter(), &thresholds).is_none());
        }
    }

    #[test]
    fn ranges_of_members_are_those_of_a_vec(
        members in proptest::collection::btree_set(proptest::collection::vec(0u8..4, 0..4), 0..80),
        min in proptest::collection::vec(0u8..4, 0..4),
        max in proptest::collection::vec(0u8..4, 0..4),
        excluded: bool,
        entries in 0usize..100,
    ) {
        let limits = PackedLimits { entries, value: 64 };
        let mut zset = Zset::default();
        members.iter().for_each(|member| _ = zset.set(member, 1.5, limits));
        let bound = |member| if excluded { LexBound::Excluded(member) } else { LexBound::Included(member) };
        let (min_bound, max_bound) = (bound(&*min), bound(&*max));
        let found = |range: LexRange<'_>| -> Vec<Vec<u8>> {
            zset.range(zset.ranks_by_lex(&range), false).map(|(member, _)| member.to_vec()).collect()
        };
        let above = |member: &Vec<u8>| if excluded { *member > min } else { *member >= min };
        let below = |member: &Vec<u8>| if excluded { *member < max } else { *member <= max };
        let all = |f: &dyn Fn(&Vec<u8>) -> bool| -> Vec<Vec<u8>> {
            members.iter().filter(|member| f(member)).cloned().collect()
        };
        prop_assert_eq!(found(LexRange { min: min_bound, max: max_bound }), all(&|m| above(m) && below(m)));
        prop_assert_eq!(found(LexRange { min: LexBound::Lowest, max: max_bound }), all(&below));
        prop_assert_eq!(found(LexRange { min: min_bound, max: LexBound::Highest }), all(&above));
        prop_assert_eq!(found(LexRange { min: LexBound::Lowest, max: LexBound::Highest }), all(&|_| true));
        prop_assert_eq!(found(LexRange { min: LexBound::Highest, max: LexBound::Lowest }), all(&|_| false));
    }
}

#[test]
fn it_leaves_the_compact_form_at_its_limits() {
    let limits = PackedLimits { entries: 128, value: 64 };
    let mut zset = filled(128);
    assert_eq!(zset.set(b"member 5", 500.0, limits), Some(5.0), "an old member needs no room");
    assert_eq!(zset.encoding(), Encoding::Listpack);
    assert_eq!(zset.set(b"one more", 1.0, limits), None);
    assert_eq!(zset.encoding(), Encoding::Skiplist);
    zset.remove_range(0..128);
    assert_eq!((zset.encoding(), zset.len()), (Encoding::Skiplist, 1), "there is no way back");

    let mut zset = Zset::default();
    zset.set(&[b'm'; 64], 1.0, limits);
    assert_eq!(zset.encoding(), Encoding::Listpack);
    zset.set(&[b'm'; 65], 1.0, limits);
    assert_eq!((zset.encoding(), zset.len()), (Encoding::Skiplist, 2));
}

#[test]
fn random_members_are_as_many_and_as_different_as_asked() {
    let mut rng = StdRng::seed_from_u64(9);
    for size in [1usize, 10, 128, 1000] {
        let zset = filled(size);
        for n in [0, 1, 5, size / 2, size, size * 2] {
            let drawn = zset.random_distinct(&mut rng, n);
            let members: HashSet<_> = drawn.iter().map(|(member, _)| *member).collect();
            assert_eq!((drawn.len(), members.len()), (n.min(size), n.min(size)));
            assert_eq!(zset.random_repeated(&mut rng, n).len(), n);
        }
        let members: HashSet<_> =
            (0..size * 30).filter_map(|_| zset.random(&mut rng)).map(|(member, _)| member).collect();
        assert!(members.len() > size * 9 / 10, "{} of {size} were drawn", members.len());
    }
    assert!(Zset::default().random(&mut rng).is_none());
    assert!(Zset::default().random_distinct(&mut rng, 3).is_empty());
    assert!(Zset::default().random_repeated(&mut rng, 3).is_empty());
}

#[test]
fn a_scan_reports_every_member() {
    for size in [0, 100, 5000] {
        let zset = filled(size);
        let (mut cursor, mut seen) = (0, HashSet::new());
        loop {
            cursor = zset.scan(cursor, 10, |member, score| {
                assert_eq!(zset.score(member), Some(score));
                seen.insert(member);
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), size);
    }
}

#[test]
fn no_score_is_no_number() {
    let members = [(b"a".as_slice(), f64::NAN)];
    assert!(Zset::of_members(members.into_iter(), &Thresholds::default()).is_none());
}

#[test]
fn a_large_one_takes_about_what_its_members_take() {
    let zset = filled(100_000);
    // An entry of 16 bytes and a member of 12, a slot of 8 and 16 in the order, each with some room.
    let each = zset.memory() / zset.len();
    assert!((48..75).contains(&each), "{each} bytes a member");
}
