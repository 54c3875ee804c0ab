//! Listpacks: how Redis 7 keeps and writes small collections, and the blocks of streams.
//!
//! ```text
//! listpack  total bytes (4)  elements (2; 65535: count them)  element ...  FF
//! element   form and data  how long those are, so that one can walk backwards
//! form      0xxxxxxx | 110xxxxx x | F1 xx | F2 xxx | F3 xxxx | F4 xxxxxxxx     integers of 7 and 13 bits, 2, 3, 4, 8 bytes
//!           10llllll bytes | 1110llll l bytes | F0 llll bytes                  strings
//! ```
//!
//! Numbers are little endian but for the bits of a first byte, which are the highest. They are read here, and not
//! written: nothing that the server writes needs them.

use super::error::Malformed;

/// An element of a packed collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    /// A string.
    Bytes(&'a [u8]),
    /// A string that is the decimal form of this.
    Int(i64),
}

impl<'a> Element<'a> {
    /// Its bytes; those of an integer are put into `digits`.
    #[inline]
    pub(super) fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Element::Bytes(bytes) => bytes,
            Element::Int(number) => digits.format(number).as_bytes(),
        }
    }
}

/// The elements of a listpack that have not been read yet.
#[derive(Clone)]
pub(super) struct Listpack<'a> {
    rest: &'a [u8],
    /// How many there should be; None if the header does not know.
    count: Option<usize>,
    read: usize,
}

const HEADER: usize = 6;
const END: u8 = 0xFF;
const SHORT: Malformed = Malformed("a listpack that ends in the middle of an element");

impl<'a> Listpack<'a> {
    /// A listpack that is exactly these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some((&[a, b, c, d, low, high], rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Malformed("a listpack that is shorter than its header"));
        };
        if u32::from_le_bytes([a, b, c, d]) as usize != bytes.len() {
            return Err(Malformed("a listpack that is not as long as it says"));
        }
        let Some((&END, rest)) = rest.split_last() else {
            return Err(Malformed("a listpack without its end"));
        };
        let count = usize::from(u16::from_le_bytes([low, high]));
        Ok(Listpack { rest, count: (count != usize::from(u16::MAX)).then_some(count), read: 0 })
    }

    /// The next element; None after the last.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        if self.rest.is_empty() {
            return match self.count {
                Some(count) if count != self.read => {
                    Err(Malformed("a listpack with another number of elements than it says"))
                }
                _ => Ok(None),
            };
        }
        let (element, len) = element(self.rest)?;
        let rest = &self.rest[len..];
        let back = back_len(rest, len)?;
        self.rest = &rest[back..];
        self.read += 1;
        Ok(Some(element))
    }

    /// The next element, which must be there.
    pub(super) fn expect(&mut self, missing: &'static str) -> Result<Element<'a>, Malformed> {
        self.next()?.ok_or(Malformed(missing))
    }

    /// The next element, which must be an integer.
    pub(super) fn expect_int(&mut self, missing: &'static str) -> Result<i64, Malformed> {
        match self.next()? {
            Some(Element::Int(number)) => Ok(number),
            _ => Err(Malformed(missing)),
        }
    }
}

/// The first element, and how many bytes its form and data take.
#[inline]
fn element(bytes: &[u8]) -> Result<(Element<'_>, usize), Malformed> {
    let first = bytes[0];
    let string = |header: usize, len: usize| match bytes[header..].get(..len) {
        Some(string) => Ok((Element::Bytes(string), header + len)),
        None => Err(SHORT),
    };
    match first {
        0..=0x7F => Ok((Element::Int(i64::from(first)), 1)),
        0x80..=0xBF => string(1, usize::from(first & 0x3F)),
        0xC0..=0xDF => {
            let [high, low] = head(bytes)?;
            let bits = u16::from(high & 0x1F) << 8 | u16::from(low);
            // The sign is the highest of thirteen bits.
            Ok((Element::Int(i64::from((bits << 3) as i16 >> 3)), 2))
        }
        0xE0..=0xEF => {
            let [high, low] = head(bytes)?;
            string(2, usize::from(high & 0x0F) << 8 | usize::from(low))
        }
        0xF0 => {
            let [_, len @ ..] = head::<5>(bytes)?;
            string(5, u32::from_le_bytes(len) as usize)
        }
        0xF1 => head(bytes).map(|[_, n @ ..]: [u8; 3]| (Element::Int(i64::from(i16::from_le_bytes(n))), 3)),
        0xF2 => head(bytes)
            .map(|[_, a, b, c]: [u8; 4]| (Element::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)), 4)),
        0xF3 => head(bytes).map(|[_, n @ ..]: [u8; 5]| (Element::Int(i64::from(i32::from_le_bytes(n))), 5)),
        0xF4 => head(bytes).map(|[_, n @ ..]: [u8; 9]| (Element::Int(i64::from_le_bytes(n)), 9)),
        0xF5..=0xFF => Err(Malformed("an element of a listpack in an unknown form")),
    }
}

#[inline]
fn head<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.first_chunk().copied().ok_or(SHORT)
}

/// How many bytes say that an element took `len`, which `bytes` must begin with: seven bits in each, the highest first, and
/// the top bit in all but that.
#[inline]
fn back_len(bytes: &[u8], len: usize) -> Result<usize, Malformed> {
    const WRONG: Malformed = Malformed("a listpack that cannot be walked backwards");
    if len < 128 {
        return if bytes.first() == Some(&(len as u8)) { Ok(1) } else { Err(WRONG) };
    }
    let back = match len {
        0..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    let stored = bytes.get(..back).ok_or(SHORT)?;
    let right = stored.iter().rev().enumerate().all(|(place, &byte)| {
        let more = if place + 1 < back { 0x80 } else { 0 };
        byte == (len >> (7 * place) & 0x7F) as u8 | more
    });
    if right { Ok(back) } else { Err(WRONG) }
}

/// Listpacks for tests.
#[cfg(test)]
pub(super) mod build {
    use super::Element;

    /// A listpack of these elements, each in the given form if it can be chosen, else in the usual one.
    pub(in super::super) fn listpack(elements: &[Element<'_>]) -> Vec<u8> {
        let mut bytes = vec![0; 6];
        for element in elements {
            let start = bytes.len();
            match element {
                Element::Int(number) => put_int(&mut bytes, *number),
                Element::Bytes(string) => {
                    match string.len() {
                        len @ 0..64 => bytes.push(0x80 | len as u8),
                        len @ 64..4096 => bytes.extend_from_slice(&(0xE000 | len as u16).to_be_bytes()),
                        len => {
                            bytes.push(0xF0);
                            bytes.extend_from_slice(&(len as u32).to_le_bytes());
                        }
                    }
                    bytes.extend_from_slice(string);
                }
            }
            put_back_len(&mut bytes, start);
        }
        bytes.push(0xFF);
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        let count = u16::try_from(elements.len()).unwrap_or(u16::MAX);
        bytes[4..6].copy_from_slice(&count.to_le_bytes());
        bytes
    }

    fn put_int(bytes: &mut Vec<u8>, number: i64) {
        match number {
            0..128 => bytes.push(number as u8),
            -4096..4096 => bytes.extend_from_slice(&(0xC000 | number as u16 & 0x1FFF).to_be_bytes()),
            -0x8000..0x8000 => {
                bytes.push(0xF1);
                bytes.extend_from_slice(&(number as i16).to_le_bytes());
            }
            -0x80_0000..0x80_0000 => {
                bytes.push(0xF2);
                bytes.extend_from_slice(&(number as i32).to_le_bytes()[..3]);
            }
            -0x8000_0000..0x8000_0000 => {
                bytes.push(0xF3);
                bytes.extend_from_slice(&(number as i32).to_le_bytes());
            }
            _ => {
                bytes.push(0xF4);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    fn put_back_len(bytes: &mut Vec<u8>, start: usize) {
        let len = bytes.len() - start;
        let back = [127, 16_382, 2_097_150, 268_435_454].iter().filter(|most| len > **most).count() + 1;
        for place in (0..back).rev() {
            let more = if place + 1 < back { 0x80 } else { 0 };
            bytes.push((len >> (7 * place) & 0x7F) as u8 | more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Element<'_>>, Malformed> {
        let mut listpack = Listpack::new(bytes)?;
        let mut elements = Vec::new();
        while let Some(element) = listpack.next()? {
            elements.push(element);
        }
        Ok(elements)
    }

    #[test]
    fn every_form_is_read() {
        let long: Vec<Vec<u8>> =
            [0, 1, 63, 64, 127, 4095, 4096, 16_383, 70_000, 2_200_000].map(|len| vec![b'x'; len]).into();
        let mut elements: Vec<Element<'_>> = long.iter().map(|string| Element::Bytes(string)).collect();
        for shift in 0..64 {
            for number in
                [1i64 << shift, (1i64 << shift).wrapping_sub(1), (-1i64) << shift, !(-1i64 << shift)]
            {
                elements.push(Element::Int(number));
            }
        }
        let bytes = build::listpack(&elements);
        assert_eq!(read(&bytes).expect("a right one"), elements);
        assert_eq!(read(&build::listpack(&[])).expect("an empty one"), []);
    }

    #[test]
    fn what_redis_writes_is_read() {
        // HSET h f 1 g abc, out of a DUMP by redis-server 7.0.15.
        let bytes = b"\x12\0\0\0\x04\0\x81f\x02\x01\x01\x81g\x02\x83abc\x04\xff";
        let bytes = &[&(bytes.len() as u32).to_le_bytes()[..], &bytes[4..]].concat();
        let expected = [Element::Bytes(b"f"), Element::Int(1), Element::Bytes(b"g"), Element::Bytes(b"abc")];
        assert_eq!(read(bytes).expect("a right one"), expected);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = build::listpack(&[
            Element::Bytes(b"abc"),
            Element::Int(1),
            Element::Int(300),
            Element::Int(-70_000),
        ]);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                // Some changes make another listpack.
                let _ = read(&bytes);
            }
        }
        let count = &mut bytes.clone();
        count[4] = 5;
        assert!(read(count).is_err());
        count[4..6].fill(0xFF);
        assert_eq!(read(count).expect("the count may be unknown").len(), 4);
    }
}
