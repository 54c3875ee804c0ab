//! The bytes of a module's value: fields as an RDB file has them, one behind the other.
//!
//! A field is an opcode and what it announces, both with RDB's variable lengths. The server puts such bytes into its files with
//! a mark of the end behind them, so a field that is not whole, or an end mark among them, would cut a file short. What a
//! module gives is therefore walked over once, from field to field, and nothing is decoded here.
//!
//! RDB can also pack integers and compressed text where a string's length stands. A module does neither: its strings are plain.

use std::fmt;

/// What fields begin with.
mod opcode {
    /// What the server writes behind the last field.
    pub(super) const END: u64 = 0;
    /// Read as 2 is; Redis has both and writes 2.
    pub(super) const SINT: u64 = 1;
    pub(super) const UINT: u64 = 2;
    pub(super) const FLOAT: u64 = 3;
    pub(super) const DOUBLE: u64 = 4;
    pub(super) const STRING: u64 = 5;
}

/// Why bytes are no sequence of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where the field begins that is none.
    pub at: usize,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The bytes end within it.
    Truncated,
    /// Its opcode is 0, the mark of the end.
    End,
    /// Its opcode is none.
    UnknownOpcode(u64),
    /// A number of it begins with this byte, as no number does.
    BadLength(u8),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the field at byte {} ", self.at)?;
        match self.wrong {
            Wrong::Truncated => f.write_str("is not whole"),
            Wrong::End => f.write_str("is the mark of the end"),
            Wrong::UnknownOpcode(opcode) => write!(f, "has the unknown opcode {opcode}"),
            Wrong::BadLength(byte) => write!(f, "has a length that begins with {byte:#04x}"),
        }
    }
}

impl std::error::Error for Invalid {}

/// Check that bytes are fields, and only fields. It takes time for each field, not for each byte.
pub fn validate(bytes: &[u8]) -> Result<(), Invalid> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        skip_field(&mut rest).map_err(|wrong| Invalid { at, wrong })?;
    }
    Ok(())
}

fn skip_field(rest: &mut &[u8]) -> Result<(), Wrong> {
    match length(rest)? {
        opcode::END => Err(Wrong::End),
        opcode::SINT | opcode::UINT => length(rest).map(drop),
        opcode::FLOAT => skip(rest, 4),
        opcode::DOUBLE => skip(rest, 8),
        opcode::STRING => {
            let bytes = length(rest)?;
            skip(rest, bytes)
        }
        unknown => Err(Wrong::UnknownOpcode(unknown)),
    }
}

fn skip(rest: &mut &[u8], bytes: u64) -> Result<(), Wrong> {
    let behind = usize::try_from(bytes).ok().and_then(|bytes| rest.get(bytes..));
    *rest = behind.ok_or(Wrong::Truncated)?;
    Ok(())
}

/// A number in RDB's variable form: the two highest bits of its first byte say how many bytes there are.
fn length(rest: &mut &[u8]) -> Result<u64, Wrong> {
    let first = take::<1>(rest)?[0];
    match (first >> 6, first) {
        (0, _) => Ok(u64::from(first)),
        (1, _) => Ok(u64::from(first & 0x3f) << 8 | u64::from(take::<1>(rest)?[0])),
        (_, 0x80) => Ok(u64::from(u32::from_be_bytes(take(rest)?))),
        (_, 0x81) => Ok(u64::from_be_bytes(take(rest)?)),
        _ => Err(Wrong::BadLength(first)),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Wrong> {
    let (taken, behind) = rest.split_first_chunk().ok_or(Wrong::Truncated)?;
    *rest = behind;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value_fields_differential::{check_value_bytes, check_value_script};

    /// The sentence about these bytes.
    fn says(bytes: &[u8]) -> String {
        check_value_bytes(bytes);
        validate(bytes).map_or_else(|invalid| invalid.to_string(), |()| "fine".into())
    }

    #[test]
    fn fields_of_every_kind_and_length() {
        for bytes in [
            b"\x01\x3f".as_slice(),
            b"\x02\x7f\xff",
            b"\x02\x80\xff\xff\xff\xff",
            b"\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x03\0\0\x80\x3f",
            b"\x04\0\0\0\0\0\0\xf0\x3f",
            b"\x05\0",
            b"\x05\x03\0\0\0",
            // A short length in the longest form, of opcodes as of strings.
            b"\x81\0\0\0\0\0\0\0\x05\x81\0\0\0\0\0\0\0\x01a",
        ] {
            assert_eq!(says(bytes), "fine", "{bytes:?}");
            assert_eq!(says(&[b"\x05\x02hi", bytes].concat()), "fine", "{bytes:?}");
            for cut in 1..bytes.len() {
                assert_eq!(says(&bytes[..cut]), "the field at byte 0 is not whole", "{bytes:?} {cut}");
            }
        }
        assert_eq!(says(b""), "fine");
        assert_eq!(says(b"\x02\x40\x6f\x05\x03foo"), "fine", "what Redis writes of 111 and foo");
    }

    #[test]
    fn bytes_that_are_no_fields() {
        assert_eq!(says(b"\0"), "the field at byte 0 is the mark of the end");
        assert_eq!(says(b"\x02\x07\0"), "the field at byte 2 is the mark of the end");
        assert_eq!(says(b"\x80\0\0\0\0"), "the field at byte 0 is the mark of the end", "in a long form");
        assert_eq!(says(b"\x06"), "the field at byte 0 has the unknown opcode 6");
        assert_eq!(says(b"\x02\x07\x3f"), "the field at byte 2 has the unknown opcode 63");
        assert_eq!(
            says(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff"),
            "the field at byte 0 has the unknown opcode 18446744073709551615"
        );
        // Integers and compressed text packed into strings, and lengths of kinds that do not exist.
        for byte in 0x82..=0xff {
            let wrong = format!("has a length that begins with {byte:#04x}");
            assert_eq!(says(&[5, byte, 1]), format!("the field at byte 0 {wrong}"));
            assert_eq!(says(&[2, byte, 1]), format!("the field at byte 0 {wrong}"));
            assert_eq!(says(&[3, 0, 0, 0, 0, byte]), format!("the field at byte 5 {wrong}"));
        }
    }

    #[test]
    fn fields_that_are_longer_than_the_bytes() {
        for bytes in [
            b"\x05\x04abc".as_slice(),
            b"\x05\x7f\xffabc",
            b"\x05\x80\xff\xff\xff\xffabc",
            b"\x05\x81\xff\xff\xff\xff\xff\xff\xff\xffabc",
            b"\x05\x81\x7f\xff\xff\xff\xff\xff\xff\xffabc",
        ] {
            assert_eq!(says(bytes), "the field at byte 0 is not whole");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_as_by_a_reader(
            bytes in proptest::collection::vec(prop_oneof![0u8..8, 0x40u8..0x42, 0x7eu8..0x84, any::<u8>()], 0..64)
        ) {
            check_value_bytes(&bytes);
        }

        #[test]
        fn fields_are_accepted_and_parts_of_them_are_not(script in proptest::collection::vec(any::<u8>(), 0..256)) {
            check_value_script(&script);
        }
    }
}
