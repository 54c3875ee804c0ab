//! The derived types and what their fields may be: every one is read as it was written, takes the bytes that it should, and refuses
//! what nobody wrote.

use sandkey::data_type::{Field, Reader, Writer};
use sandkey::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

fn written<T: Field>(value: &T) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.field(value);
    writer.into_bytes()
}

fn read<T: Field>(bytes: &[u8]) -> Result<T> {
    let mut reader = Reader::new(bytes);
    let value = reader.field()?;
    assert!(reader.is_empty(), "{} bytes are left", reader.remaining());
    Ok(value)
}

#[track_caller]
fn survives<T: Field + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = written(value);
    assert_eq!(read::<T>(&bytes).as_ref(), Ok(value), "{bytes:?}");
    // Cut anywhere it is no value, and never a panic.
    for end in 0..bytes.len() {
        let mut reader = Reader::new(&bytes[..end]);
        assert!(reader.field::<T>().is_err(), "{end} bytes of {bytes:?}");
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Clone, Copy, Field)]
enum Policy {
    Block = 1,
    First,
    Last = -3,
}

#[derive(Debug, PartialEq, Field)]
enum Shape {
    Empty,
    Circle(f64),
    Box { width: u32, height: u32 },
}

#[derive(Debug, PartialEq, Field)]
struct Pair<T>(T, T);

#[derive(Debug, PartialEq, Field)]
struct Tree {
    name: String,
    children: Vec<Tree>,
    next: Option<Box<Tree>>,
}

#[test]
fn what_was_written_is_read() {
    survives(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, isize::MAX));
    survives(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, usize::MAX));
    survives(&(u128::MAX - 1, i128::MIN + 1));
    survives(&(true, false, 'é', 1.5f32, -0.25f64));
    survives(&f64::INFINITY);
    survives(&(String::from("text"), Box::<str>::from("boxed"), vec![0u8, 255], String::new()));
    survives(&(vec![1u16, 2, 3], Vec::<String>::new(), vec![vec![b"a".to_vec()], vec![]]));
    survives(&(Some(7u64), None::<String>, Box::new(5i32), Some(Some(1u8))));
    survives(&([1u8, 2, 3], [String::from("a"), String::from("b")]));
    survives(&(VecDeque::from([1u64, 2]), Box::<[i64]>::from([3, -4])));
    survives(&(VecDeque::from([1u8, 2]), VecDeque::<u8>::new()));
    survives(&(BTreeSet::from([3u64, 1]), BTreeMap::from([(b"k".to_vec(), 1.5f64)])));
    survives(&sandkey::collections::HashMap::from_iter([("a".to_owned(), 1u64), ("b".to_owned(), 2)]));
    survives(&sandkey::collections::HashSet::from_iter([1u64, 2, 3]));
    survives(&std::collections::HashMap::from([(Policy::Last, 1u64)]));
    survives(&(Policy::Block, Policy::First, Policy::Last));
    survives(&vec![Shape::Empty, Shape::Circle(0.5), Shape::Box { width: 1, height: 2 }]);
    survives(&Pair(1u64, 2));
    let leaf = |name: &str| Tree { name: name.to_owned(), children: vec![], next: None };
    survives(&Tree {
        name: String::new(),
        children: vec![leaf("a"), leaf("b")],
        next: Some(Box::new(leaf("c"))),
    });
}

#[test]
fn fields_look_as_they_are_documented() {
    assert_eq!(written(&vec![7u8, 8]), [5, 2, 7, 8], "bytes are one string");
    assert_eq!(written(&[7u8, 8]), [5, 2, 7, 8]);
    assert_eq!(written(&vec![7u16, 8]), [2, 2, 2, 7, 2, 8], "a list is a count and its elements");
    assert_eq!(written(&None::<u8>), [2, 0]);
    assert_eq!(written(&Some(9u8)), [2, 1, 2, 9]);
    assert_eq!(written(&(true, 1u8)), [2, 1, 2, 1]);
    assert_eq!(written(&Policy::First), [2, 2]);
    assert_eq!(written(&Shape::Box { width: 3, height: 4 }), [2, 2, 2, 3, 2, 4]);
}

#[test]
fn maps_and_sets_have_one_order() {
    let numbers = 0..100u64;
    let forwards: sandkey::collections::HashMap<u64, u64> = numbers.clone().map(|n| (n, n)).collect();
    let backwards: sandkey::collections::HashMap<u64, u64> = numbers.clone().rev().map(|n| (n, n)).collect();
    assert_eq!(written(&forwards), written(&backwards));
    assert_eq!(
        written(&forwards),
        written(&forwards.iter().map(|(k, v)| (*k, *v)).collect::<BTreeMap<_, _>>())
    );
    let set: sandkey::collections::HashSet<u64> = numbers.clone().rev().collect();
    assert_eq!(written(&set), written(&numbers.collect::<Vec<_>>()));
}

#[track_caller]
fn refuses<T: Field + std::fmt::Debug>(bytes: &[u8], why: &str) {
    let error = Reader::new(bytes).field::<T>().expect_err("this is no such value");
    assert_eq!(error.to_string(), format!("ERR {why}"));
}

#[test]
fn what_nobody_wrote_is_refused() {
    refuses::<u8>(&written(&256u64), "byte 3: 256 is no u8");
    refuses::<i8>(&written(&-129i64), "byte 10: -129 is no i8");
    refuses::<bool>(&[2, 2], "byte 2: 2 is neither 0 nor 1");
    refuses::<Option<u8>>(&[2, 2], "byte 2: 2 is neither 0 nor 1");
    refuses::<char>(&written(&0xd800u64), "byte 6: 55296 is no char");
    refuses::<Policy>(&[2, 0], "byte 2: 0 is no Policy");
    refuses::<Shape>(&[2, 3], "byte 2: 3 is no Shape");
    refuses::<[u8; 3]>(&[5, 1, 0], "byte 3: 1 elements instead of 3");
    refuses::<[u16; 1]>(&[2, 0], "byte 2: 0 elements instead of 1");
    refuses::<String>(&[2, 0], "byte 0: an integer stands where a string is expected");
    refuses::<BTreeSet<u8>>(&[2, 2, 2, 7, 2, 7], "byte 6: the same element comes twice");
    refuses::<BTreeMap<u8, u8>>(&[2, 2, 2, 7, 2, 0, 2, 7, 2, 1], "byte 10: the same element comes twice");
    // More elements than bytes: nothing is set aside for them.
    let many = written(&u64::MAX);
    refuses::<Vec<[u64; 4]>>(&many, "byte 0: 18446744073709551615 elements in 0 bytes");
    refuses::<BTreeSet<u64>>(&many, "byte 0: 18446744073709551615 elements in 0 bytes");
}

#[derive(Debug, PartialEq, DataType)]
#[data_type(name = "test-rows", encver = 3)]
struct Rows {
    rows: Vec<(u64, f64)>,
    #[data_type(since = 2)]
    unit: String,
    #[data_type(since = 3)]
    limit: Option<u32>,
}

#[derive(DataType)]
#[data_type(name = "test-new-", encver = 1)]
struct Changed(u64, Vec<u8>);

fn saved<T: DataType>(value: &T) -> Vec<u8> {
    let mut writer = Writer::new();
    value.save(&mut writer);
    writer.into_bytes()
}

#[test]
fn a_derived_type_is_its_fields_in_order() {
    let rows = Rows { rows: vec![(1, 0.5)], unit: "C".to_owned(), limit: Some(9) };
    let bytes = saved(&rows);
    assert_eq!(bytes, written(&(vec![(1u64, 0.5f64)], "C".to_owned(), Some(9u32))));
    assert_eq!(Rows::load(&mut Reader::new(&bytes), 3).as_ref(), Ok(&rows));
    assert_eq!((Rows::NAME, Rows::ENCVER), ("test-rows", 3));
    assert_eq!(saved(&Changed(1, vec![2])), [2, 1, 5, 1, 2]);
    assert_eq!(Changed(1, Vec::with_capacity(100)).memory_usage(), size_of::<Changed>() + 100);
    let mut digest = vec![1];
    Changed(1, vec![2]).digest(&mut digest);
    assert_eq!(digest, [1, 2, 1, 5, 1, 2]);
}

#[test]
fn earlier_versions_have_the_defaults_of_what_they_lack() {
    let first = written(&vec![(1u64, 0.5f64)]);
    let expected = Rows { rows: vec![(1, 0.5)], unit: String::new(), limit: None };
    assert_eq!(Rows::load(&mut Reader::new(&first), 1), Ok(expected));
    let second = written(&(vec![(1u64, 0.5f64)], "C".to_owned()));
    let expected = Rows { rows: vec![(1, 0.5)], unit: "C".to_owned(), limit: None };
    assert_eq!(Rows::load(&mut Reader::new(&second), 2), Ok(expected));
    let refused = Rows::load(&mut Reader::new(&first), 0).unwrap_err();
    assert_eq!(refused.to_string(), "ERR byte 0: version 0 cannot be read by version 3");
    assert!(Changed::load(&mut Reader::new(&[2, 1, 5, 1, 2]), 0).is_err());
}
