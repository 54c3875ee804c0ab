//! Both forms against plain registers, malformed strings, and sketches that redis-server has made.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn registers(sketch: &[u8]) -> Vec<u8> {
    let mut registers = Registers::default();
    registers.merge(sketch);
    registers.iter().collect()
}

/// A sketch with these registers raised one after the other.
fn sketch(raised: &[(usize, u8)], sparse_max: usize) -> Vec<u8> {
    let mut sketch = empty();
    for &(index, rank) in raised {
        raise(&mut sketch, index, rank, sparse_max, &mut sparse::Cursor::default());
    }
    sketch
}

/// Registers that often are neighbours and often have the same rank.
fn raises() -> impl Strategy<Value = Vec<(usize, u8)>> {
    let index = prop_oneof![3 => 0..40usize, 1 => 0..REGISTERS, 1 => REGISTERS - 40..REGISTERS];
    let rank = prop_oneof![60 => 1..5u8, 1 => 1..=51u8];
    vec((index, rank), 0..300)
}

/// Strings that look like sparse sketches.
fn malformed() -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        2 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => Just(vec![0x7F, 0xFF]),
        1 => (64..=16_384usize).prop_map(|len| {
            let mut run = Vec::new();
            sparse::push_zeros(&mut run, len);
            run
        }),
    ];
    (any::<[u8; 8]>(), vec(run, 0..20), 0..16_500usize).prop_map(|(count, runs, filled)| {
        let mut bytes = [&MAGIC[..], &[1, 0, 0, 0], &count].concat();
        runs.iter().for_each(|run| bytes.extend(run));
        // Now and then it has the length that it should have.
        let mut covered = 0;
        sparse::for_each_run(&bytes[HEADER..], |_, len| covered += len);
        if filled > REGISTERS && covered < REGISTERS {
            sparse::push_zeros(&mut bytes, REGISTERS - covered);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn both_forms_hold_the_highest_ranks(raised in raises(), sparse_max in 18..600usize) {
        let mut model = vec![0; REGISTERS];
        let mut sketch = empty();
        for &(index, rank) in &raised {
            let was_dense = form(&sketch) == Form::Dense;
            let raises = model[index] < rank;
            model[index] = model[index].max(rank);
            let cursor = &mut sparse::Cursor::default();
            prop_assert_eq!(raise(&mut sketch, index, rank, sparse_max, cursor), raises);
            prop_assert!(header(&sketch).is_some() && is_sound(&sketch));
            prop_assert!(form(&sketch) == Form::Dense || !was_dense && sketch.len() <= sparse_max);
        }
        prop_assert_eq!(registers(&sketch), model);
        let counted = count(&sketch);
        make_dense(&mut sketch);
        prop_assert_eq!(count(&sketch), counted);
    }

    #[test]
    fn a_cursor_changes_nothing_but_time(before in raises(), raised in raises(), sparse_max in 18..600usize) {
        let start = sketch(&before, sparse_max);
        let mut merged = Registers::default();
        merged.merge(&sketch(&raised, 32_768));
        let (mut with, mut without) = (start.clone(), start);
        merged.write_to(&mut with, sparse_max);
        for (index, rank) in merged.iter().enumerate().filter(|&(_, rank)| rank != 0) {
            raise(&mut without, index, rank, sparse_max, &mut sparse::Cursor::default());
        }
        prop_assert_eq!(with, without);
    }

    #[test]
    fn malformed_strings_are_found(bytes in malformed(), element: [u8; 8]) {
        prop_assert_eq!(header(&bytes), Some(Form::Sparse));
        let mut covered = 0;
        sparse::for_each_run(&bytes[HEADER..], |_, len| covered += len);
        if is_sound(&bytes) {
            prop_assert_eq!(covered, REGISTERS);
            let mut bytes = bytes;
            count(&bytes);
            describe_runs(&bytes);
            let before = registers(&bytes);
            let changed = add(&mut bytes, &element, 3000);
            prop_assert!(is_sound(&bytes));
            prop_assert_eq!(changed, registers(&bytes) != before);
        }
    }

    #[test]
    fn any_bytes_may_come(bytes in vec(any::<u8>(), 0..100)) {
        header(&bytes);
        sparse::is_sound(&bytes);
        describe_runs(&[&[0; HEADER][..], &bytes].concat());
    }
}

#[test]
fn a_malformed_string_is_not_looked_through() {
    let mut bytes = empty();
    bytes.truncate(HEADER);
    bytes.resize(64 << 20, 0);
    assert!(!is_sound(&bytes), "its first 16,384 runs are too much already");
    bytes.truncate(HEADER);
    assert!(!is_sound(&bytes));
    bytes.push(0x7F);
    assert!(!is_sound(&bytes), "the run is cut");
    bytes.push(0xFF);
    assert!(is_sound(&bytes));
}

/// Ranks that no hash has, in all registers: nothing is infinite, and nothing loops.
#[test]
fn impossible_registers_are_counted_somehow() {
    let mut bytes = empty();
    make_dense(&mut bytes);
    bytes[HEADER..].fill(0xFF);
    assert_eq!(header(&bytes), Some(Form::Dense));
    assert_eq!(count(&bytes), i64::MAX as u64);
}

#[test]
fn counts_are_stored_until_something_changes() {
    let mut bytes = empty();
    assert_eq!((stored_count(&bytes), count(&bytes)), (Some(0), 0));
    outdate(&mut bytes);
    assert_eq!(stored_count(&bytes), None);
    store_count(&mut bytes, 77);
    assert_eq!(stored_count(&bytes), Some(77));
}

/// What redis-server 7.0.15 has after PFADD hll a b c and PFCOUNT hll.
#[test]
fn the_bytes_are_those_of_redis() {
    let mut bytes = empty();
    for element in [b"a", b"b", b"c"] {
        assert!(add(&mut bytes, element, 3000));
    }
    outdate(&mut bytes);
    let counted = count(&bytes);
    store_count(&mut bytes, counted);
    let expected = b"HYLL\x01\0\0\0\x03\0\0\0\0\0\0\0";
    assert_eq!(bytes[..HEADER].escape_ascii().to_string(), expected.escape_ascii().to_string());
    assert_eq!(describe_runs(&bytes), "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603");
}

#[test]
fn the_self_test_passes() {
    for seed in 0..4 {
        assert_eq!(self_test(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15)), Ok(()));
    }
}
