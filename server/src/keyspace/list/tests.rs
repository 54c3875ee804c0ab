//! Lists against a deque of vectors, and where they change their form.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::{End, List, NodeLimit};
use crate::keyspace::Encoding;

#[derive(Clone, Debug)]
enum Op {
    Push(End, Vec<u8>),
    Take(End, usize),
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    RemoveEqual(Vec<u8>, usize, End),
    Range(usize, usize),
}

fn ops() -> impl Strategy<Value = (i32, Vec<Op>)> {
    let end = || prop_oneof![Just(End::Head), Just(End::Tail)];
    let element = || {
        prop_oneof![
            8 => proptest::collection::vec(0u8..3, 0..3),
            4 => proptest::collection::vec(any::<u8>(), 0..200),
            1 => proptest::collection::vec(any::<u8>(), 5000..9000),
        ]
    };
    let op = prop_oneof![
        10 => (end(), element()).prop_map(|(end, element)| Op::Push(end, element)),
        3 => (end(), 0usize..8).prop_map(|(end, n)| Op::Take(end, n)),
        1 => (end(), 0usize..200).prop_map(|(end, n)| Op::Take(end, n)),
        3 => (any::<usize>(), element()).prop_map(|(index, element)| Op::Set(index, element)),
        4 => (any::<usize>(), element()).prop_map(|(index, element)| Op::Insert(index, element)),
        2 => (element(), 0usize..5, end()).prop_map(|(element, n, end)| Op::RemoveEqual(element, n, end)),
        3 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Op::Range(a, b)),
    ];
    (
        prop_oneof![Just(-2), Just(-1), Just(1), Just(2), Just(7), Just(0)],
        proptest::collection::vec(op, 1..250),
    )
}

fn apply(list: &mut List, model: &mut VecDeque<Vec<u8>>, op: Op, limit: NodeLimit) {
    let len = model.len();
    match op {
        Op::Push(End::Head, element) => {
            list.push(End::Head, &element, limit);
            model.push_front(element);
        }
        Op::Push(End::Tail, element) => {
            list.push(End::Tail, &element, limit);
            model.push_back(element);
        }
        Op::Take(end, n) => {
            list.take(end, n, limit);
            for _ in 0..n.min(len) {
                if end == End::Head {
                    model.pop_front()
                } else {
                    model.pop_back()
                };
            }
        }
        Op::Set(index, element) if len > 0 => {
            list.set(index % len, &element, limit);
            model[index % len] = element;
        }
        Op::Set(..) => {}
        Op::Insert(index, element) => {
            list.insert(index % (len + 1), &element, limit);
            model.insert(index % (len + 1), element);
        }
        Op::RemoveEqual(element, count, from) => {
            let removed = list.remove_equal(&element, count, from, limit);
            let mut places: Vec<usize> = (0..len).filter(|&at| model[at] == element).collect();
            if from == End::Tail {
                places.reverse();
            }
            places.truncate(count);
            assert_eq!(removed, places.len());
            places.sort_unstable();
            places.into_iter().rev().for_each(|at| drop(model.remove(at)));
        }
        Op::Range(a, b) => {
            let (a, b) = (a % (len + 1), b % (len + 1));
            let expected: Vec<&[u8]> = model.iter().take(b).skip(a).map(Vec::as_slice).collect();
            assert!(list.range(a..b).eq(expected.iter().copied()));
            assert!(list.range(a..b).rev().eq(expected.iter().rev().copied()));
        }
    }
}

proptest! {
    #[test]
    fn a_list_is_a_deque((limit, ops) in ops()) {
        let (limit, mut list, mut model) = (NodeLimit(limit), List::default(), VecDeque::new());
        for op in ops {
            apply(&mut list, &mut model, op, limit);
            prop_assert_eq!(list.len(), model.len());
            prop_assert!(list.iter().eq(model.iter().map(Vec::as_slice)));
            prop_assert!(list.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
            let bytes: usize = model.iter().map(Vec::len).sum();
            prop_assert!(list.memory() >= bytes);
            prop_assert_eq!(list.peek(End::Head), model.front().map(Vec::as_slice));
            prop_assert_eq!(list.peek(End::Tail), model.back().map(Vec::as_slice));
        }
        let again = List::of_elements(model.iter().map(Vec::as_slice), limit);
        prop_assert!(again.iter().eq(list.clone().iter()));
    }

    /// From both ends at once, no element is seen twice and none is left out.
    #[test]
    fn a_walk_from_both_ends_meets(len in 0usize..300, turns in proptest::collection::vec(any::<bool>(), 300)) {
        let texts: Vec<Vec<u8>> = (0..len).map(|n| n.to_string().into_bytes()).collect();
        let list = List::of_elements(texts.iter().map(Vec::as_slice), NodeLimit(7));
        let mut iter = list.iter();
        let (mut front, mut back) = (0, len);
        for turn in turns {
            if front == back {
                prop_assert!(iter.next().is_none() && iter.next_back().is_none());
            } else if turn {
                prop_assert_eq!(iter.next(), Some(&*texts[front]));
                front += 1;
            } else {
                back -= 1;
                prop_assert_eq!(iter.next_back(), Some(&*texts[back]));
            }
        }
    }
}

#[test]
fn the_form_follows_the_limit() {
    let limit = NodeLimit(4);
    let mut list = List::default();
    for n in 1..=5 {
        list.push(End::Tail, b"x", limit);
        let expected = if n <= 4 { Encoding::Listpack } else { Encoding::Quicklist };
        assert_eq!(list.encoding(), expected, "{n} elements");
    }
    // It goes back only when all is in one node that has room to grow: the second one has one element.
    let left = [Encoding::Quicklist, Encoding::Quicklist, Encoding::Quicklist, Encoding::Listpack];
    for (left, expected) in (1..=4).rev().zip(left) {
        list.take(End::Head, 1, limit);
        assert_eq!((list.len(), list.encoding()), (left, expected));
    }
    for (limit, bytes) in [(-1, 4096), (-2, 8192), (-5, 65_536), (-9, 65_536), (100, 8192)] {
        let mut list = List::default();
        list.push(End::Tail, &vec![b'x'; bytes / 2 - 100], NodeLimit(limit));
        list.push(End::Tail, &vec![b'x'; bytes / 2 - 100], NodeLimit(limit));
        assert_eq!(list.encoding(), Encoding::Listpack, "{limit}");
        list.push(End::Tail, &[b'x'; 300], NodeLimit(limit));
        assert_eq!(list.encoding(), Encoding::Quicklist, "{limit}");
        let mut list = List::default();
        list.push(End::Tail, &vec![b'x'; bytes], NodeLimit(limit));
        assert_eq!(list.encoding(), Encoding::Quicklist, "one element for {limit}");
    }
}

#[test]
fn a_large_list_takes_little_more_than_its_elements() {
    let (mut list, limit) = (List::default(), NodeLimit(-2));
    for n in 0..100_000u32 {
        list.push(if n % 2 == 0 { End::Head } else { End::Tail }, b"0123456789", limit);
    }
    assert!(list.memory() < 100_000 * 13, "{}", list.memory());
    list.take(End::Tail, 99_990, limit);
    assert!(list.memory() < 1000, "{}", list.memory());
}
