//! Sets against the standard library's, through all forms; where they change their form; what they take.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use crate::keyspace::{Encoding, PackedLimits, Set, StringRef, Thresholds};

const FORMS: [Encoding; 3] = [Encoding::Intset, Encoding::Listpack, Encoding::Hashtable];

fn limits(intset_entries: usize, entries: usize, value: usize) -> Thresholds {
    Thresholds { intset_entries, set: PackedLimits { entries, value }, ..Thresholds::default() }
}

fn contents(set: &Set) -> HashSet<Vec<u8>> {
    let all: Vec<_> = set.iter().map(StringRef::to_vec).collect();
    let unique: HashSet<_> = all.iter().cloned().collect();
    assert_eq!((all.len(), all.len()), (unique.len(), set.len()), "no member is there twice");
    unique
}

fn ints(n: usize) -> Set {
    let mut set = Set::new();
    (0..n).for_each(|i| assert!(set.insert(i.to_string().as_bytes(), &Thresholds::default())));
    set
}

fn texts(n: usize) -> Set {
    let mut set = Set::new();
    (0..n).for_each(|i| assert!(set.insert(format!("m{i}").as_bytes(), &Thresholds::default())));
    set
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (-200i64..200).prop_map(|n| n.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        1 => prop::sample::select(vec!["", "-0", "007", "+1", "9223372036854775808", "-9223372036854775808", "a"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        5 => member(),
        3 => (0u32..200).prop_map(|n| format!("member {n}").into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    /// Takes out one of those that are there, by its position.
    Drop(usize),
    Expect(usize),
}

fn steps(text: BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => text.clone().prop_map(Step::Add),
        2 => text.prop_map(Step::Remove),
        3 => any::<usize>().prop_map(Step::Drop),
        1 => (0usize..40).prop_map(Step::Expect),
    ];
    proptest::collection::vec(step, 0..400)
}

fn check(steps: Vec<Step>, limits: &Thresholds) -> Result<(), TestCaseError> {
    let (mut set, mut model) = (Set::new(), HashSet::new());
    let mut form = 0;
    for step in steps {
        match step {
            Step::Add(member) => {
                prop_assert_eq!(set.insert(&member, limits), model.insert(member));
            }
            Step::Remove(member) => prop_assert_eq!(set.remove(&member), model.remove(&member)),
            Step::Drop(at) if !model.is_empty() => {
                let member = set.iter().nth(at % model.len()).map(StringRef::to_vec).expect("it is there");
                prop_assert!(set.remove(&member) && model.remove(&member));
            }
            Step::Drop(_) => {}
            Step::Expect(count) => set.expect_more(count, limits),
        }
        prop_assert_eq!(set.len(), model.len());
        let now = FORMS.iter().position(|&form| form == set.encoding()).expect("there are three");
        prop_assert!(now >= form, "there is no way back");
        form = now;
        match set.encoding() {
            Encoding::Intset => prop_assert!(set.len() <= limits.intset_entries),
            Encoding::Listpack => {
                prop_assert!(set.len() <= limits.set.entries);
                prop_assert!(model.iter().all(|member| member.len() <= limits.set.value));
            }
            _ => {}
        }
    }
    prop_assert_eq!(&contents(&set), &model);
    prop_assert_eq!(&contents(&set.clone()), &model);
    prop_assert!(model.iter().all(|member| set.contains(member)));
    prop_assert!(model.iter().all(|member| set.contains_ref(StringRef::Bytes(member))));
    prop_assert!(set.iter().all(|member| set.contains_ref(member)));
    prop_assert!(!set.contains(b"a member that nobody added") && !set.contains(b"-201"));
    let mut seen = HashSet::new();
    let mut cursor = 0;
    loop {
        cursor = set.scan(cursor, 7, |member| _ = seen.insert(member.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    prop_assert_eq!(&seen, &model);
    let made = Set::of_members(model.iter().map(Vec::as_slice), limits).expect("none is there twice");
    prop_assert_eq!(&contents(&made), &model);
    if let Some(twice) = model.iter().next() {
        let members: Vec<&[u8]> = model.iter().chain([twice]).map(Vec::as_slice).collect();
        prop_assert!(Set::of_members(members.iter().copied(), limits).is_none());
    }
    Ok(())
}

proptest! {
    #[test]
    fn behaves_as_a_set_in_all_forms(
        steps in steps(text().boxed()),
        intset_entries in 0usize..100,
        entries in 0usize..100,
        value in 0usize..200,
    ) {
        check(steps, &limits(intset_entries, entries, value))?;
    }

    #[test]
    fn behaves_as_a_set_of_integers(steps in steps(member().boxed()), intset_entries in 0usize..300) {
        check(steps, &limits(intset_entries, 60, 64))?;
    }

    /// Whatever the order in which members come, the form is the same.
    #[test]
    fn a_set_that_is_made_at_once_is_like_one_that_was_filled(
        members in proptest::collection::hash_set(text(), 0..140),
        intset_entries in 0usize..150,
        entries in 0usize..150,
        value in 0usize..70,
    ) {
        let limits = limits(intset_entries, entries, value);
        let made = Set::of_members(members.iter().map(Vec::as_slice), &limits).expect("none is there twice");
        let filled = Set::collected(members.iter().map(|member| StringRef::Bytes(member)), &limits);
        prop_assert_eq!(contents(&made), contents(&filled));
        // What a file announces to be too much for integers is a table at once, as in Redis.
        if members.len() <= intset_entries {
            prop_assert_eq!(made.encoding(), filled.encoding());
        } else {
            prop_assert_eq!(made.encoding(), Encoding::Hashtable);
        }
    }
}

#[test]
fn integers_leave_their_array_at_its_limits() {
    let limits = Thresholds::default();
    let mut set = ints(512);
    assert_eq!(set.encoding(), Encoding::Intset);
    assert!(!set.insert(b"5", &limits));
    assert_eq!(set.encoding(), Encoding::Intset);
    assert!(set.insert(b"512", &limits));
    assert_eq!((set.encoding(), set.len()), (Encoding::Hashtable, 513));
    // Few of them and a text are packed, many are a table.
    for (n, form) in [(0, Encoding::Listpack), (127, Encoding::Listpack), (128, Encoding::Hashtable)] {
        let mut set = ints(n);
        assert!(set.insert(b"text", &limits));
        assert_eq!((set.encoding(), set.len()), (form, n + 1), "{n}");
        assert!((0..n).all(|i| set.contains(i.to_string().as_bytes())));
    }
    for (len, form) in [(64, Encoding::Listpack), (65, Encoding::Hashtable)] {
        let mut set = ints(3);
        assert!(set.insert(&vec![b'x'; len], &limits));
        assert_eq!(set.encoding(), form, "{len}");
    }
    // The integers themselves may be too long.
    let narrow = Thresholds { set: PackedLimits { entries: 128, value: 4 }, ..limits };
    for (int, form) in
        [("1234", Encoding::Listpack), ("-1234", Encoding::Hashtable), ("12345", Encoding::Hashtable)]
    {
        let mut set = Set::new();
        set.insert(int.as_bytes(), &narrow);
        set.insert(b"x", &narrow);
        assert_eq!(set.encoding(), form, "{int}");
    }
}

#[test]
fn a_packed_set_becomes_a_table_at_its_limits() {
    let limits = Thresholds::default();
    let mut set = texts(128);
    assert_eq!(set.encoding(), Encoding::Listpack);
    assert!(!set.insert(b"m5", &limits), "an old member needs no room");
    assert_eq!(set.encoding(), Encoding::Listpack);
    assert!(set.insert(b"7", &limits));
    assert_eq!((set.encoding(), set.len()), (Encoding::Hashtable, 129));
    assert!((0..128).all(|i| set.remove(format!("m{i}").as_bytes())));
    assert_eq!((set.encoding(), set.len()), (Encoding::Hashtable, 1), "there is no way back");
    let mut set = texts(1);
    set.insert(&[b'x'; 64], &limits);
    assert_eq!(set.encoding(), Encoding::Listpack);
    set.insert(&[b'x'; 65], &limits);
    assert_eq!(set.encoding(), Encoding::Hashtable);
}

/// As SADD makes and prepares sets: by how many members it has to add, some of which may be the same.
#[test]
fn many_members_that_are_announced_decide_the_form() {
    let limits = Thresholds::default();
    for (first, count, form) in [
        ("1", 512, Encoding::Intset),
        ("1", 513, Encoding::Hashtable),
        ("x", 128, Encoding::Listpack),
        ("x", 129, Encoding::Hashtable),
        ("01", 129, Encoding::Hashtable),
    ] {
        assert_eq!(Set::for_members(first.as_bytes(), count, &limits).encoding(), form, "{first} {count}");
    }
    let few = Thresholds { intset_entries: 2, ..limits };
    assert_eq!(Set::for_members(b"1", 3, &few).encoding(), Encoding::Listpack);
    for (count, form) in [(512, Encoding::Intset), (513, Encoding::Hashtable)] {
        let mut set = ints(1);
        set.expect_more(count, &limits);
        assert_eq!((set.encoding(), set.len()), (form, 1), "{count}");
    }
    for (count, form) in [(128, Encoding::Listpack), (129, Encoding::Hashtable)] {
        let mut set = texts(1);
        set.expect_more(count, &limits);
        assert_eq!((set.encoding(), set.len()), (form, 1), "{count}");
    }
}

#[test]
fn random_members_are_as_many_and_as_different_as_asked() {
    let mut rng = StdRng::seed_from_u64(9);
    for set in [ints(1), ints(300), texts(1), texts(100), texts(1000)] {
        let size = set.len();
        for n in [0, 1, 5, size / 2, size, size * 2] {
            let drawn: Vec<_> = set.random_distinct(&mut rng, n).into_iter().map(StringRef::to_vec).collect();
            let unique: HashSet<_> = drawn.iter().collect();
            assert_eq!((drawn.len(), unique.len()), (n.min(size), n.min(size)));
            assert!(drawn.iter().all(|member| set.contains(member)));
            assert_eq!(set.random_repeated(&mut rng, n).len(), n);
        }
    }
    assert!(Set::new().random(&mut rng).is_none());
    assert!(Set::new().random_distinct(&mut rng, 3).is_empty());
    assert!(Set::new().random_repeated(&mut rng, 3).is_empty());
    let mut emptied = texts(200);
    (0..200).for_each(|i| assert!(emptied.remove(format!("m{i}").as_bytes())));
    assert!(emptied.random(&mut rng).is_none() && emptied.random_repeated(&mut rng, 3).is_empty());
}

/// 200 draws a member on the average; one that is seldom drawn by mere chance is rarer than one in ten thousand million.
#[test]
fn every_member_is_drawn_as_often_as_any_other() {
    let mut rng = StdRng::seed_from_u64(3);
    for set in [ints(50), texts(50), texts(500)] {
        let draws = set.len() * 200;
        let mut singly: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut stayed = singly.clone();
        for _ in 0..draws {
            *singly.entry(set.random(&mut rng).expect("it is not empty").to_vec()).or_default() += 1;
        }
        for _ in 0..draws / 10 {
            let mut went = 0;
            let rest = set.draw_rest(10, &mut rng, &Thresholds::default(), |_| went += 1);
            assert_eq!((rest.len(), went), (10, set.len() - 10));
            rest.iter().for_each(|member| *stayed.entry(member.to_vec()).or_default() += 1);
        }
        for counts in [singly, stayed] {
            assert_eq!(counts.len(), set.len());
            assert!(counts.values().all(|&count| (100..320).contains(&count)), "{counts:?}");
        }
    }
}

/// What is left of a table is a new set, which is small again.
#[test]
fn the_rest_of_a_set_takes_the_form_of_a_new_one() {
    let (mut rng, limits) = (StdRng::seed_from_u64(5), Thresholds::default());
    for (set, rest, form) in [
        (ints(100), 3, Encoding::Intset),
        (texts(100), 3, Encoding::Listpack),
        (texts(1000), 128, Encoding::Listpack),
        (texts(1000), 129, Encoding::Hashtable),
    ] {
        let mut went = HashSet::new();
        let left = set.draw_rest(rest, &mut rng, &limits, |member| _ = went.insert(member.to_vec()));
        assert_eq!((left.len(), left.encoding()), (rest, form));
        assert_eq!(went.union(&contents(&left)).count(), set.len());
    }
}

/// A member that is there from the first step of a walk to its last is reported, however the set changes meanwhile.
#[test]
fn a_scan_reports_what_stays() {
    let limits = Thresholds::default();
    let mut set = texts(6000);
    let (mut cursor, mut seen, mut step) = (0, HashSet::new(), 0);
    loop {
        cursor = set.scan(cursor, 10, |member| _ = seen.insert(member.to_vec()));
        if cursor == 0 {
            break;
        }
        // Members from 1000 on go and come, by the thousands, so that the table shrinks and grows.
        for i in 0..200 {
            let other = format!("m{}", 1000 + (step * 200 + i) % 5000);
            if step / 25 % 2 == 0 {
                set.remove(other.as_bytes())
            } else {
                set.insert(other.as_bytes(), &limits)
            };
        }
        step += 1;
    }
    assert!((0..1000).all(|i| seen.contains(format!("m{i}").as_bytes())));
}

/// Ten members of ten bytes: redis-server 7.2 has a list of 127 bytes in a block of 128, and 16 bytes for its object.
#[test]
fn small_sets_take_little() {
    let mut set = Set::new();
    (0..10).for_each(|i| assert!(set.insert(format!("member-{i:03}").as_bytes(), &Thresholds::default())));
    assert_eq!((set.encoding(), set.memory()), (Encoding::Listpack, size_of::<Set>() + 112));
    assert_eq!(size_of::<Set>(), 32);
    assert_eq!(ints(100).memory(), size_of::<Set>() + 224, "two bytes each");
}

/// A hash of the same members with empty values takes 16 bytes more for each.
#[test]
fn large_sets_take_half_of_what_entries_would() {
    let mut set = Set::new();
    (0..10_000).for_each(|i| assert!(set.insert(format!("member{i:04}").as_bytes(), &Thresholds::default())));
    let each = set.memory() / 10_000;
    assert!((24..32).contains(&each), "{each} bytes a member");
    (0..9_990).for_each(|i| assert!(set.remove(format!("member{i:04}").as_bytes())));
    assert!(set.memory() < 2000, "{} bytes for ten members", set.memory());
}
