//! Ziplists: how Redis before 7 kept and wrote small collections.
//!
//! ```text
//! ziplist  total bytes (4)  place of the last element (4)  elements (2; 65535: count them)  element ...  FF
//! element  length of the one before (1, or FE and 4)  form  data
//! form     00llllll bytes | 01llllll l bytes | 10...... llll bytes (big endian)
//!          C0 xx | F0 xxx | D0 xxxx | E0 xxxxxxxx | FE x | F1 .. FD (0 to 12)
//! ```

use super::error::Malformed;
use super::listpack::Element;

/// The elements of a ziplist that have not been read yet.
pub(super) struct Ziplist<'a> {
    rest: &'a [u8],
    count: Option<usize>,
    read: usize,
}

const HEADER: usize = 10;
const END: u8 = 0xFF;
const FAR: u8 = 0xFE;
const SHORT: Malformed = Malformed("a ziplist that ends in the middle of an element");

impl<'a> Ziplist<'a> {
    /// A ziplist that is exactly these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some((&[a, b, c, d, _, _, _, _, low, high], rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Malformed("a ziplist that is shorter than its header"));
        };
        if u32::from_le_bytes([a, b, c, d]) as usize != bytes.len() {
            return Err(Malformed("a ziplist that is not as long as it says"));
        }
        let Some((&END, rest)) = rest.split_last() else {
            return Err(Malformed("a ziplist without its end"));
        };
        let count = usize::from(u16::from_le_bytes([low, high]));
        Ok(Ziplist { rest, count: (count != usize::from(u16::MAX)).then_some(count), read: 0 })
    }

    /// The next element; None after the last.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        let Some(&before) = self.rest.first() else {
            return match self.count {
                Some(count) if count != self.read => {
                    Err(Malformed("a ziplist with another number of elements than it says"))
                }
                _ => Ok(None),
            };
        };
        let rest = self.rest.get(if before == FAR { 5 } else { 1 }..).ok_or(SHORT)?;
        let (element, rest) = element(rest)?;
        self.rest = rest;
        self.read += 1;
        Ok(Some(element))
    }
}

fn element(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), Malformed> {
    let (&form, rest) = bytes.split_first().ok_or(SHORT)?;
    let string = |rest, len| split(rest, len).map(|(string, rest)| (Element::Bytes(string), rest));
    match form >> 6 {
        0 => string(rest, usize::from(form)),
        1 => {
            let (&low, rest) = rest.split_first().ok_or(SHORT)?;
            string(rest, usize::from(form & 0x3F) << 8 | usize::from(low))
        }
        2 => {
            let (&len, rest) = rest.split_first_chunk().ok_or(SHORT)?;
            string(rest, u32::from_be_bytes(len) as usize)
        }
        _ => integer(form, rest),
    }
}

fn integer(form: u8, bytes: &[u8]) -> Result<(Element<'_>, &[u8]), Malformed> {
    let len = match form {
        0xC0 => 2,
        0xD0 => 4,
        0xE0 => 8,
        0xF0 => 3,
        0xFE => 1,
        0xF1..=0xFD => return Ok((Element::Int(i64::from(form) - 0xF1), bytes)),
        _ => return Err(Malformed("an element of a ziplist in an unknown form")),
    };
    let (number, rest) = split(bytes, len)?;
    let mut wide = [0; 8];
    // At the upper end, so that shifting it down again copies the sign.
    wide[8 - len..].copy_from_slice(number);
    Ok((Element::Int(i64::from_le_bytes(wide) >> (64 - 8 * len)), rest))
}

fn split(bytes: &[u8], len: usize) -> Result<(&[u8], &[u8]), Malformed> {
    bytes.split_at_checked(len).ok_or(SHORT)
}

/// Ziplists for tests.
#[cfg(test)]
pub(super) mod build {
    use super::Element;

    /// A ziplist of these elements.
    pub(in super::super) fn ziplist(elements: &[Element<'_>]) -> Vec<u8> {
        let mut bytes = vec![0; 10];
        let mut last = 10;
        for element in elements {
            let start = bytes.len();
            match start - last {
                before @ 0..254 => bytes.push(before as u8),
                before => {
                    bytes.push(0xFE);
                    bytes.extend_from_slice(&(before as u32).to_le_bytes());
                }
            }
            last = start;
            match element {
                Element::Int(number) => put_int(&mut bytes, *number),
                Element::Bytes(string) => {
                    match string.len() {
                        len @ 0..64 => bytes.push(len as u8),
                        len @ 64..16384 => bytes.extend_from_slice(&(0x4000 | len as u16).to_be_bytes()),
                        len => {
                            bytes.push(0x80);
                            bytes.extend_from_slice(&(len as u32).to_be_bytes());
                        }
                    }
                    bytes.extend_from_slice(string);
                }
            }
        }
        bytes.push(0xFF);
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        bytes[8..10].copy_from_slice(&u16::try_from(elements.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes
    }

    fn put_int(bytes: &mut Vec<u8>, number: i64) {
        let (form, len) = match number {
            0..=12 => return bytes.push(0xF1 + number as u8),
            -0x80..0x80 => (0xFE, 1),
            -0x8000..0x8000 => (0xC0, 2),
            -0x80_0000..0x80_0000 => (0xF0, 3),
            -0x8000_0000..0x8000_0000 => (0xD0, 4),
            _ => (0xE0, 8),
        };
        bytes.push(form);
        bytes.extend_from_slice(&number.to_le_bytes()[..len]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Element<'_>>, Malformed> {
        let mut ziplist = Ziplist::new(bytes)?;
        let mut elements = Vec::new();
        while let Some(element) = ziplist.next()? {
            elements.push(element);
        }
        Ok(elements)
    }

    #[test]
    fn every_form_is_read() {
        let long: Vec<Vec<u8>> = [0, 1, 63, 64, 300, 16_383, 16_384].map(|len| vec![b'x'; len]).into();
        let mut elements: Vec<Element<'_>> = long.iter().map(|string| Element::Bytes(string)).collect();
        for shift in 0..64 {
            for number in
                [1i64 << shift, (1i64 << shift).wrapping_sub(1), (-1i64) << shift, !(-1i64 << shift)]
            {
                elements.push(Element::Int(number));
            }
        }
        elements.push(Element::Bytes(b"after"));
        assert_eq!(read(&build::ziplist(&elements)).expect("a right one"), elements);
        assert_eq!(read(&build::ziplist(&[])).expect("an empty one"), []);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = build::ziplist(&[
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
                // Some changes make another ziplist.
                let _ = read(&bytes);
            }
        }
        let count = &mut bytes.clone();
        count[8] = 5;
        assert!(read(count).is_err());
    }
}
