//! Lengths: one, two, five or nine bytes, whichever is enough. Two bits of the first say which, and the fourth pattern
//! says that no length follows but a string in a special form.

use super::error::{RdbError, Result};
use super::input::Input;

/// What stands where a length may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// A length, or any other number.
    Plain(u64),
    /// A string in this special form.
    Special(u8),
}

/// Appends a length.
#[inline]
pub fn put_len(out: &mut Vec<u8>, len: u64) {
    if len < 1 << 6 {
        out.push(len as u8);
    } else if len < 1 << 14 {
        out.extend_from_slice(&(0x4000 | len as u16).to_be_bytes());
    } else if let Ok(len) = u32::try_from(len) {
        out.push(0x80);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(0x81);
        out.extend_from_slice(&len.to_be_bytes());
    }
}

/// Reads what stands where a length may.
#[inline]
pub fn read<I: Input>(input: &mut I) -> Result<Length> {
    let first = input.byte()?;
    Ok(match first >> 6 {
        0 => Length::Plain(u64::from(first)),
        1 => Length::Plain(u64::from(first & 0x3F) << 8 | u64::from(input.byte()?)),
        2 => Length::Plain(long(input, first)?),
        _ => Length::Special(first & 0x3F),
    })
}

/// Reads a length or a number, and nothing else.
#[inline]
pub fn read_len<I: Input>(input: &mut I) -> Result<u64> {
    let at = input.offset();
    match read(input)? {
        Length::Plain(len) => Ok(len),
        Length::Special(_) => Err(RdbError::malformed(at, "a string where a number should stand")),
    }
}

fn long<I: Input>(input: &mut I, first: u8) -> Result<u64> {
    match first {
        0x80 => Ok(u64::from(u32::from_be_bytes(input.array()?))),
        0x81 => Ok(u64::from_be_bytes(input.array()?)),
        _ => Err(RdbError::malformed(input.offset() - 1, "a length in an unknown form")),
    }
}

/// Reads what stands where a length may, and appends its bytes to `out` as they are.
pub fn copy<I: Input>(input: &mut I, out: &mut Vec<u8>) -> Result<Length> {
    let first = input.byte()?;
    out.push(first);
    let start = out.len();
    Ok(match first >> 6 {
        0 => Length::Plain(u64::from(first)),
        1 => {
            let second = input.byte()?;
            out.push(second);
            Length::Plain(u64::from(first & 0x3F) << 8 | u64::from(second))
        }
        2 => {
            let len = long(input, first)?;
            let bytes = len.to_be_bytes();
            out.extend_from_slice(if first == 0x80 { &bytes[4..] } else { &bytes });
            debug_assert!(out.len() > start);
            Length::Plain(len)
        }
        _ => Length::Special(first & 0x3F),
    })
}

#[cfg(test)]
mod tests {
    use super::super::input::Slice;
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (len, bytes) in [
            (0u64, "00"),
            (63, "3f"),
            (64, "4040"),
            (16383, "7fff"),
            (16384, "8000004000"),
            (0xFFFF_FFFF, "80ffffffff"),
            (0x1_0000_0000, "810000000100000000"),
            (u64::MAX, "81ffffffffffffffff"),
        ] {
            let mut out = Vec::new();
            put_len(&mut out, len);
            assert_eq!(out.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), bytes);
            let mut input = Slice::new(&out);
            assert_eq!(read_len(&mut input).expect("what was written"), len);
            assert!(input.rest().is_empty());
            let mut copied = Vec::new();
            assert_eq!(copy(&mut Slice::new(&out), &mut copied).expect("the same"), Length::Plain(len));
            assert_eq!(copied, out);
        }
    }

    #[test]
    fn other_forms_are_told_apart() {
        assert_eq!(read(&mut Slice::new(&[0xC3])).expect("a string's"), Length::Special(3));
        assert!(read_len(&mut Slice::new(&[0xC3])).is_err());
        assert!(read(&mut Slice::new(&[0x82, 0, 0, 0, 0])).is_err());
        assert!(read(&mut Slice::new(&[0x80, 0, 0, 0])).is_err());
        assert!(read(&mut Slice::new(&[])).is_err());
    }
}
