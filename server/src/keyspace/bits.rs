//! Strings as rows of bits: counting, finding, combining, and numbers of any width. Bit 0 is the highest of the first byte, as
//! SETBIT counts. Runs are worked on in words of 64 bits, which the compiler turns into wider ones where the machine has them.
//! What a command makes of it, and how far it may go, is in `command::bitmap` and `command::bitfield`.

/// How BITOP combines strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Bits that all of them have.
    And,
    /// Bits that any of them has.
    Or,
    /// Bits that an odd number of them has.
    Xor,
}

/// Makes a string at least so long; zero bytes fill it up.
pub fn grow(bytes: &mut Vec<u8>, len: usize) {
    if bytes.is_empty() {
        // Unlike what is appended, fresh memory is zero already if it is large.
        *bytes = vec![0; len];
    } else if bytes.len() < len {
        bytes.resize(len, 0);
    }
}

/// How many bits are set.
pub fn count(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|&word| u64::from(u64::from_le_bytes(word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// How many bits are set from one bit to another, both included and inside the string.
pub fn count_between(bytes: &[u8], first: u64, last: u64) -> u64 {
    let (start, end) = ((first / 8) as usize, (last / 8) as usize);
    let before = bytes[start] & !(u8::MAX >> (first % 8));
    let behind = bytes[end] & (u8::MAX >> (last % 8)).wrapping_shr(1);
    count(&bytes[start..=end]) - u64::from(before.count_ones()) - u64::from(behind.count_ones())
}

/// The first bit of this value from one bit to another, both included and inside the string.
pub fn find(bytes: &[u8], bit: bool, first: u64, last: u64) -> Option<u64> {
    // What is looked for becomes 1.
    let flip = if bit { 0 } else { u64::MAX };
    let (start, end) = ((first / 8) as usize, (last / 8) as usize);
    let head = (bytes[start] ^ flip as u8) & (u8::MAX >> (first % 8));
    if head != 0 {
        return Some(start as u64 * 8 + u64::from(head.leading_zeros())).filter(|&found| found <= last);
    }
    let (words, rest) = bytes[start + 1..=end].as_chunks::<8>();
    let mut at = (start as u64 + 1) * 8;
    for &word in words {
        let word = u64::from_be_bytes(word) ^ flip;
        if word != 0 {
            return Some(at + u64::from(word.leading_zeros())).filter(|&found| found <= last);
        }
        at += 64;
    }
    for byte in rest {
        let byte = byte ^ flip as u8;
        if byte != 0 {
            return Some(at + u64::from(byte.leading_zeros())).filter(|&found| found <= last);
        }
        at += 8;
    }
    None
}

/// Combines a string with another; the shorter one counts as if zero bytes followed it.
pub fn combine(into: &mut Vec<u8>, other: &[u8], how: Combine) {
    grow(into, other.len());
    let (both, alone) = into.split_at_mut(other.len());
    let pairs = both.iter_mut().zip(other);
    match how {
        Combine::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            alone.fill(0);
        }
        Combine::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Combine::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
    }
}

/// Exchanges zeros and ones.
pub fn invert(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
}

/// The number in the `width` bits, 1 to 64, from `offset` on. Bits behind the end are 0.
pub fn read(bytes: &[u8], offset: u64, width: u32) -> u64 {
    let from = bytes.get((offset / 8) as usize..).unwrap_or_default();
    let len = from.len().min(9);
    // At most seven bits of the first byte and one of the ninth do not belong to it.
    let mut window = [0; 16];
    window[..len].copy_from_slice(&from[..len]);
    ((u128::from_be_bytes(window) << (offset % 8)) >> (128 - width)) as u64
}

/// Writes the low `width` bits, 1 to 64, of a number at `offset`. They must be inside the string.
pub fn write(bytes: &mut [u8], offset: u64, width: u32, number: u64) {
    let end = (offset + u64::from(width)).div_ceil(8);
    let target = &mut bytes[(offset / 8) as usize..end as usize];
    let mut window = [0; 16];
    window[..target.len()].copy_from_slice(target);
    let shift = 128 - width - (offset % 8) as u32;
    let mask = (u128::MAX >> (128 - width)) << shift;
    let mixed = (u128::from_be_bytes(window) & !mask) | ((u128::from(number) << shift) & mask);
    target.copy_from_slice(&mixed.to_be_bytes()[..target.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The string bit by bit.
    fn row(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).map(move |i| byte & (0x80 >> i) != 0)).collect()
    }

    /// Strings in which long runs of one value are frequent.
    fn strings() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![4 => Just(0), 4 => Just(0xFF), 1 => any::<u8>()], 1..80)
    }

    proptest! {
        #[test]
        fn counting_and_finding_go_bit_by_bit(bytes in strings(), a: u64, b: u64, bit: bool) {
            let row = row(&bytes);
            let (a, b) = (a % row.len() as u64, b % row.len() as u64);
            let (first, last) = (a.min(b), a.max(b));
            let part = &row[first as usize..=last as usize];
            prop_assert_eq!(count(&bytes), row.iter().filter(|&&bit| bit).count() as u64);
            let counted = part.iter().filter(|&&bit| bit).count() as u64;
            prop_assert_eq!(count_between(&bytes, first, last), counted);
            let found = part.iter().position(|&other| other == bit).map(|at| first + at as u64);
            prop_assert_eq!(find(&bytes, bit, first, last), found);
        }

        #[test]
        fn combining_goes_bit_by_bit(a in vec(any::<u8>(), 0..40), b in vec(any::<u8>(), 0..40)) {
            let len = a.len().max(b.len());
            let at = |bytes: &[u8], i: usize| bytes.get(i).copied().unwrap_or(0);
            type Bytewise = fn(u8, u8) -> u8;
            let rows: [(Combine, Bytewise); 3] =
                [(Combine::And, |a, b| a & b), (Combine::Or, |a, b| a | b), (Combine::Xor, |a, b| a ^ b)];
            for (how, bytewise) in rows {
                let mut combined = a.clone();
                combine(&mut combined, &b, how);
                let expected: Vec<u8> = (0..len).map(|i| bytewise(at(&a, i), at(&b, i))).collect();
                prop_assert_eq!(combined, expected);
            }
        }

        #[test]
        fn numbers_go_bit_by_bit(
            bytes in vec(any::<u8>(), 0..24),
            offset in 0..200u64,
            width in 1..=64u32,
            number: u64,
        ) {
            let mut bytes = bytes;
            let at = |row: &[bool], i: u64| row.get(i as usize).copied().unwrap_or(false);
            let before = row(&bytes);
            let expected = (0..u64::from(width)).fold(0, |n, i| n << 1 | u64::from(at(&before, offset + i)));
            prop_assert_eq!(read(&bytes, offset, width), expected);
            grow(&mut bytes, (offset + u64::from(width)).div_ceil(8) as usize);
            write(&mut bytes, offset, width, number);
            prop_assert_eq!(read(&bytes, offset, width), number & (u64::MAX >> (64 - width)));
            let after = row(&bytes);
            let outside = |i: &u64| *i < offset || *i >= offset + u64::from(width);
            for i in (0..after.len() as u64).filter(outside) {
                prop_assert_eq!(at(&after, i), at(&before, i), "bit {}", i);
            }
        }
    }
}
