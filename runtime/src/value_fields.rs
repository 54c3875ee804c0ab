//! The bytes of a module's value: fields as an RDB file has them, one behind the other.
//!
//! A field is an opcode and what it announces, both with RDB's variable lengths. The server puts such bytes into its files with
//! a mark of the end behind them, so a field that is not whole, or an end mark among them, would cut a file short. What a
//! module gives is therefore walked over once, from field to field, and nothing is decoded here.
//!
//! RDB can also pack integers and compressed text where a string's length stands. A module does neither: its strings are plain.

use std::fmt;

/// What an opcode announces. 0 is the mark of the end, which the server writes.
mod opcode {
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
#[expect(missing_docs, reason = "the text of each says what it is")]
pub enum Wrong {
    Truncated,
    End,
    UnknownOpcode(u64),
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
        0 => Err(Wrong::End),
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
