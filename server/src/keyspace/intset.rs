//! Integers in ascending order, all of 16, 32 or 64 bits, in one buffer: the form of sets of integers. Searching halves the range
//! with each step; adding one moves those behind it, which is why there are never many.
//!
//! The width is that of the widest that ever was a member: it grows with a new one that needs it, and stays.

use super::packed;

/// How many bytes each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    fn of(int: i64) -> Width {
        if i16::try_from(int).is_ok() {
            Width::Two
        } else if i32::try_from(int).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }

    #[inline]
    fn bytes(self) -> usize {
        self as usize
    }
}

/// The integers of a buffer, little-endian and none of them twice. Whoever has the buffer keeps its width beside it.
#[derive(Clone, Copy)]
pub struct Ints<'a> {
    bytes: &'a [u8],
    width: Width,
}

impl<'a> Ints<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], width: Width) -> Self {
        Ints { bytes, width }
    }

    /// How many there are.
    #[inline]
    pub fn len(self) -> usize {
        self.bytes.len() / self.width.bytes()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The one at a position.
    #[inline]
    pub fn get(self, at: usize) -> Option<i64> {
        let width = self.width.bytes();
        let bytes = self.bytes.get(at * width..(at + 1) * width)?;
        Some(match *bytes {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => return None,
        })
    }

    /// Where it is, or where it belongs.
    fn search(self, int: i64) -> Result<usize, usize> {
        let (mut from, mut to) = (0, self.len());
        // What comes in ascending order is found to belong at the end at once.
        if self.ends().is_none_or(|(_, last)| last < int) {
            return Err(to);
        }
        while from < to {
            let middle = from + (to - from) / 2;
            match self.get(middle) {
                Some(found) if found == int => return Ok(middle),
                Some(found) if found < int => from = middle + 1,
                _ => to = middle,
            }
        }
        Err(from)
    }

    /// Whether this is one of them.
    pub fn contains(self, int: i64) -> bool {
        Width::of(int) <= self.width && self.search(int).is_ok()
    }

    /// All of them, ascending.
    pub fn iter(self) -> Iter<'a> {
        Iter { ints: self, at: 0 }
    }

    /// The smallest and the largest; none if there are none.
    pub fn ends(self) -> Option<(i64, i64)> {
        Some((self.get(0)?, self.get(self.len().checked_sub(1)?)?))
    }
}

/// A buffer with these integers, which may come in any order; none if one is there twice.
pub(super) fn of(mut ints: Vec<i64>) -> Option<(Vec<u8>, Width)> {
    ints.sort_unstable();
    if ints.windows(2).any(|pair| pair[0] == pair[1]) {
        return None;
    }
    let width = ints.iter().map(|&int| Width::of(int)).max().unwrap_or(Width::Two);
    let mut bytes = Vec::with_capacity(ints.len() * width.bytes());
    ints.iter().for_each(|&int| push(&mut bytes, width, int));
    Some((bytes, width))
}

#[inline]
fn push(bytes: &mut Vec<u8>, width: Width, int: i64) {
    bytes.extend_from_slice(&int.to_le_bytes()[..width.bytes()]);
}

/// Adds one. True if it is new.
pub(super) fn insert(bytes: &mut Vec<u8>, width: &mut Width, int: i64) -> bool {
    if Width::of(int) > *width {
        let (old, wide) = (Ints::new(bytes, *width), Width::of(int));
        let mut fresh = Vec::with_capacity((old.len() + 1) * wide.bytes());
        old.iter().for_each(|int| push(&mut fresh, wide, int));
        (*bytes, *width) = (fresh, wide);
    }
    let Err(at) = Ints::new(bytes, *width).search(int) else { return false };
    let width = width.bytes();
    packed::reserve(bytes, width);
    bytes.splice(at * width..at * width, int.to_le_bytes()[..width].iter().copied());
    true
}

/// Removes one. True if it was there.
pub(super) fn remove(bytes: &mut Vec<u8>, width: Width, int: i64) -> bool {
    let ints = Ints::new(bytes, width);
    if !ints.contains(int) {
        return false;
    }
    let Ok(at) = ints.search(int) else { return false };
    packed::remove(bytes, at * width.bytes()..(at + 1) * width.bytes());
    true
}

/// Iterator over the integers.
pub struct Iter<'a> {
    ints: Ints<'a>,
    at: usize,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        let int = self.ints.get(self.at)?;
        self.at += 1;
        Some(int)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn int() -> impl Strategy<Value = i64> {
        prop_oneof![
            -40i64..40,
            any::<i16>().prop_map(i64::from),
            any::<i32>().prop_map(i64::from),
            any::<i64>(),
            prop::sample::select(vec![
                i64::MIN,
                i64::MAX,
                i64::from(i32::MIN),
                i64::from(i32::MIN) - 1,
                i64::from(i32::MAX),
                i64::from(i32::MAX) + 1,
                i64::from(i16::MIN),
                i64::from(i16::MIN) - 1,
                i64::from(i16::MAX),
                i64::from(i16::MAX) + 1,
            ]),
        ]
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_set(steps in prop::collection::vec((prop::bool::weighted(0.7), int()), 0..300)) {
            let (mut bytes, mut width) = (Vec::new(), Width::Two);
            let mut model = BTreeSet::new();
            for (add, int) in steps {
                prop_assert_eq!(Ints::new(&bytes, width).contains(int), model.contains(&int));
                if add {
                    prop_assert_eq!(insert(&mut bytes, &mut width, int), model.insert(int));
                } else {
                    prop_assert_eq!(remove(&mut bytes, width, int), model.remove(&int));
                }
                prop_assert_eq!(Ints::new(&bytes, width).len(), model.len());
            }
            let ints = Ints::new(&bytes, width);
            prop_assert!(ints.iter().eq(model.iter().copied()));
            prop_assert_eq!(ints.ends(), model.first().copied().zip(model.last().copied()));
            let (bytes, width) = of(model.iter().rev().copied().collect()).expect("none is there twice");
            prop_assert!(Ints::new(&bytes, width).iter().eq(model.iter().copied()));
            if let Some(&first) = model.first() {
                prop_assert!(of(model.iter().copied().chain([first]).collect()).is_none());
            }
        }
    }

    #[test]
    fn integers_are_as_narrow_as_the_widest_of_them() {
        let (mut bytes, mut width) = (Vec::new(), Width::Two);
        (0..8).for_each(|int| assert!(insert(&mut bytes, &mut width, int)));
        assert_eq!((bytes.len(), bytes.capacity()), (16, 16));
        assert!(insert(&mut bytes, &mut width, 40_000));
        assert_eq!(bytes.len(), 36);
        assert!(insert(&mut bytes, &mut width, -1 << 40));
        assert_eq!(bytes.len(), 80);
        assert!(remove(&mut bytes, width, -1 << 40) && !remove(&mut bytes, width, i64::MAX));
        assert_eq!((Ints::new(&bytes, width).len(), bytes.len()), (9, 72));
    }
}
