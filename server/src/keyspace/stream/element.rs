//! The elements of a block: strings and integers in the form of Redis's listpacks, so that a block goes into a snapshot as it is.
//! Behind each element stands how long it is, so that a block can be read from its end, too. These were all
//! written here: what comes from outside is checked by `effects::rdb`, and then written anew.

use crate::keyspace::value::{StringRef, canonical_int};

const STRING_6_BITS: u8 = 0x80;
const INT_13_BITS: u8 = 0xC0;
const STRING_12_BITS: u8 = 0xE0;
const STRING_32_BITS: u8 = 0xF0;
const INT_16_BITS: u8 = 0xF1;
const INT_24_BITS: u8 = 0xF2;
const INT_32_BITS: u8 = 0xF3;
const INT_64_BITS: u8 = 0xF4;

/// Bytes that an element takes at the most beside its own.
pub(super) const ELEMENT_ROOM: usize = 10;

/// Appends a string; as an integer if it reads as one.
#[inline]
pub(super) fn push(out: &mut Vec<u8>, string: &[u8]) {
    match canonical_int(string) {
        Some(number) => push_int(out, number),
        None => push_bytes(out, string),
    }
}

fn push_bytes(out: &mut Vec<u8>, string: &[u8]) {
    let start = out.len();
    let len = string.len();
    match len {
        0..64 => out.push(STRING_6_BITS | len as u8),
        64..4096 => out.extend_from_slice(&[STRING_12_BITS | (len >> 8) as u8, len as u8]),
        _ => {
            out.push(STRING_32_BITS);
            out.extend_from_slice(&(len as u32).to_le_bytes());
        }
    }
    out.extend_from_slice(string);
    push_back_len(out, out.len() - start);
}

/// Appends an integer.
#[inline]
pub(super) fn push_int(out: &mut Vec<u8>, number: i64) {
    match number {
        0..128 => return out.extend_from_slice(&[number as u8, 1]),
        -4096..4096 => {
            let bits = number as u16 & 0x1FFF;
            return out.extend_from_slice(&[INT_13_BITS | (bits >> 8) as u8, bits as u8, 2]);
        }
        _ => {}
    }
    let bytes = number.to_le_bytes();
    let (form, len) = match number {
        -0x8000..0x8000 => (INT_16_BITS, 2),
        -0x80_0000..0x80_0000 => (INT_24_BITS, 3),
        -0x8000_0000..0x8000_0000 => (INT_32_BITS, 4),
        _ => (INT_64_BITS, 8),
    };
    out.push(form);
    out.extend_from_slice(&bytes[..len]);
    out.push(1 + len as u8);
}

/// Seven bits in each byte, the highest first, and the top bit in all but that.
#[inline]
fn push_back_len(out: &mut Vec<u8>, len: usize) {
    if len < 128 {
        return out.push(len as u8);
    }
    for place in (0..back_room(len)).rev() {
        let more = if place + 1 == back_room(len) { 0 } else { 0x80 };
        out.push((len >> (7 * place) & 0x7F) as u8 | more);
    }
}

/// How many bytes say that an element is so long.
#[inline]
fn back_room(len: usize) -> usize {
    match len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The element at a place, and where the next one begins.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize) -> (StringRef<'_>, usize) {
    let first = bytes[at];
    let (element, len) = match first {
        0..STRING_6_BITS => (StringRef::Int(i64::from(first)), 1),
        STRING_6_BITS..INT_13_BITS => string(bytes, at + 1, usize::from(first & 0x3F), 1),
        INT_13_BITS..STRING_12_BITS => {
            let bits = u16::from(first & 0x1F) << 8 | u16::from(bytes[at + 1]);
            // The sign is the highest of thirteen bits.
            (StringRef::Int(i64::from((bits << 3) as i16 >> 3)), 2)
        }
        STRING_12_BITS..STRING_32_BITS => {
            string(bytes, at + 2, usize::from(first & 0x0F) << 8 | usize::from(bytes[at + 1]), 2)
        }
        STRING_32_BITS => string(bytes, at + 5, int(bytes, at + 1, 4) as u32 as usize, 5),
        INT_16_BITS => (StringRef::Int(int(bytes, at + 1, 2)), 3),
        INT_24_BITS => (StringRef::Int(int(bytes, at + 1, 3)), 4),
        INT_32_BITS => (StringRef::Int(int(bytes, at + 1, 4)), 5),
        _ => (StringRef::Int(int(bytes, at + 1, 8)), 9),
    };
    (element, at + len + back_room(len))
}

#[inline]
fn string(bytes: &[u8], at: usize, len: usize, head: usize) -> (StringRef<'_>, usize) {
    (StringRef::Bytes(&bytes[at..at + len]), head + len)
}

/// So many bytes, little endian, with their sign.
#[inline]
fn int(bytes: &[u8], at: usize, len: usize) -> i64 {
    let mut wide = [0; 8];
    wide[8 - len..].copy_from_slice(&bytes[at..at + len]);
    i64::from_le_bytes(wide) >> (64 - 8 * len)
}

/// The integer at a place, and where the next element begins.
#[inline]
pub(super) fn read_int(bytes: &[u8], at: usize) -> (i64, usize) {
    let (element, next) = read(bytes, at);
    match element {
        StringRef::Int(number) => (number, next),
        StringRef::Bytes(_) => unreachable!("where an integer was written one is read"),
    }
}

/// Where the element begins that ends at a place.
#[inline]
pub(super) fn before(bytes: &[u8], end: usize) -> usize {
    let (mut len, mut shift, mut at) = (0usize, 0, end);
    loop {
        at -= 1;
        len |= usize::from(bytes[at] & 0x7F) << shift;
        shift += 7;
        if bytes[at] & 0x80 == 0 || shift > 28 {
            return at - len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_from_both_ends() {
        let mut strings: Vec<Vec<u8>> = [0, 1, 63, 64, 127, 128, 4095, 4096, 16_380, 70_000, 2_100_000]
            .into_iter()
            .map(|len| vec![b'x'; len])
            .collect();
        for shift in 0..63 {
            for number in [1i64 << shift, (1i64 << shift) - 1, -1i64 << shift, !(-1i64 << shift)] {
                strings.push(number.to_string().into_bytes());
            }
        }
        strings.extend([b"007".to_vec(), b"-".to_vec(), b"-0".to_vec(), i64::MIN.to_string().into_bytes()]);
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for string in &strings {
            starts.push(bytes.len());
            let room = bytes.len() + string.len() + ELEMENT_ROOM;
            push(&mut bytes, string);
            assert!(bytes.len() <= room);
        }
        let mut at = 0;
        for (string, start) in strings.iter().zip(&starts) {
            assert_eq!(at, *start);
            let (element, next) = read(&bytes, at);
            assert!(element == **string);
            assert_eq!(before(&bytes, next), at);
            at = next;
        }
        assert_eq!(at, bytes.len());
    }
}
