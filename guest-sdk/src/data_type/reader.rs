//! The bytes of a value, read field by field; the other direction is `writer`. They may come from a file that somebody damaged or
//! from a RESTORE that somebody made up, so everything is checked and nothing is allocated on their word.

use super::Field;
use super::writer::opcode;
use crate::error::{Error, Result};

/// Gives the fields of a value in the order in which a [`Writer`](super::Writer) took them. A field of another kind, or one that is
/// cut off, is an error that says where.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the first field.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// An unsigned integer.
    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        self.opcode(opcode::INTEGER)?;
        self.length()
    }

    /// A signed integer.
    #[inline]
    pub fn i64(&mut self) -> Result<i64> {
        self.u64().map(u64::cast_signed)
    }

    /// A double, which may be NaN or infinite.
    #[inline]
    pub fn f64(&mut self) -> Result<f64> {
        self.opcode(opcode::DOUBLE)?;
        self.array().map(f64::from_le_bytes)
    }

    /// A float of 32 bits, which may be NaN or infinite.
    pub fn f32(&mut self) -> Result<f32> {
        self.opcode(opcode::FLOAT)?;
        self.array().map(f32::from_le_bytes)
    }

    /// Bytes of any content.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        self.opcode(opcode::STRING)?;
        let length = self.length()?;
        self.take(length)
    }

    /// Text. Bytes that are not UTF-8 are an error.
    pub fn string(&mut self) -> Result<String> {
        let before = self.at;
        match std::str::from_utf8(self.bytes()?) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(refusal(before, "text is not UTF-8")),
        }
    }

    /// Anything that is a [`Field`], which may be many of the above: `reader.field::<Vec<Sample>>()?`.
    pub fn field<T: Field>(&mut self) -> Result<T> {
        T::read(self)
    }

    /// Whether all fields have been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// How many bytes are left. No honest count of elements is larger: every field takes two bytes or more.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// How many elements follow. More than there can be in the bytes that are left are refused.
    pub fn count(&mut self) -> Result<usize> {
        let before = self.at;
        let count = self.u64()?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= self.remaining() / 2)
            .ok_or_else(|| refusal(before, format_args!("{count} elements in {} bytes", self.remaining())))
    }

    /// An error that says where the reader stands: for fields that are well formed and make no sense.
    #[must_use]
    pub fn refuse(&self, why: impl std::fmt::Display) -> Error {
        refusal(self.at, why)
    }

    /// Nothing may be left.
    pub(super) fn finish(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.refuse("more follows than the value has fields")) }
    }

    #[inline]
    fn opcode(&mut self, wanted: u64) -> Result<()> {
        if self.bytes.get(self.at).is_some_and(|byte| u64::from(*byte) == wanted) {
            self.at += 1;
            return Ok(());
        }
        self.other_opcode(wanted)
    }

    /// An opcode that is not the wanted one, or is written longer than it has to be.
    #[cold]
    fn other_opcode(&mut self, wanted: u64) -> Result<()> {
        let before = self.at;
        if self.is_empty() {
            return Err(refusal(before, format_args!("ends where {} is expected", kind(wanted))));
        }
        let found = self.length()?;
        if found == wanted {
            return Ok(());
        }
        self.at = before;
        Err(refusal(before, format_args!("{} stands where {} is expected", kind(found), kind(wanted))))
    }

    /// One of RDB's lengths. `writer` says how they look; the other first bytes announce packed strings, which the server has
    /// unpacked.
    #[inline]
    fn length(&mut self) -> Result<u64> {
        let before = self.at;
        let [first] = self.array()?;
        match first {
            0..=0x3f => Ok(u64::from(first)),
            0x40..=0x7f => {
                let [second] = self.array()?;
                Ok(u64::from(u16::from_be_bytes([first & 0x3f, second])))
            }
            0x80 => self.array().map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            0x81 => self.array().map(u64::from_be_bytes),
            _ => Err(refusal(before, format_args!("no length begins with {first:#04x}"))),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N as u64)?;
        Ok(bytes.try_into().expect("`take` gives as many as it is asked for"))
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
            return Err(cut_off(self.at, length, rest.len()));
        };
        self.at += taken.len();
        Ok(taken)
    }
}

#[cold]
fn cut_off(at: usize, length: u64, left: usize) -> Error {
    refusal(at, format_args!("{length} bytes are announced and {left} are left"))
}

fn kind(opcode: u64) -> String {
    match opcode {
        0 => "an end mark".to_owned(),
        opcode::INTEGER => "an integer".to_owned(),
        opcode::FLOAT => "a float".to_owned(),
        opcode::DOUBLE => "a double".to_owned(),
        opcode::STRING => "a string".to_owned(),
        other => format!("the unknown opcode {other}"),
    }
}

fn refusal(at: usize, why: impl std::fmt::Display) -> Error {
    Error::other(format_args!("ERR byte {at}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_type::Writer;

    #[test]
    fn what_was_written_is_read() {
        let numbers = [0, 1, 63, 64, 0x3fff, 0x4000, u64::from(u32::MAX), 1 << 32, u64::MAX];
        let mut writer = Writer::new();
        numbers.iter().for_each(|number| writer.u64(*number));
        writer.i64(i64::MIN);
        writer.f64(-0.5);
        writer.f32(f32::INFINITY);
        writer.bytes(b"\xff\0");
        writer.string("text");
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(numbers.map(|_| reader.u64().unwrap()), numbers);
        assert_eq!(reader.i64(), Ok(i64::MIN));
        assert_eq!((reader.f64(), reader.f32()), (Ok(-0.5), Ok(f32::INFINITY)));
        assert_eq!(reader.bytes(), Ok(&b"\xff\0"[..]));
        assert!(!reader.is_empty());
        assert_eq!(reader.string().as_deref(), Ok("text"));
        assert!(reader.is_empty());
        assert_eq!(reader.finish(), Ok(()));
    }

    fn why<'a, T: std::fmt::Debug>(bytes: &'a [u8], read: fn(&mut Reader<'a>) -> Result<T>) -> String {
        read(&mut Reader::new(bytes)).expect_err("this is no field").to_string()
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_place() {
        assert_eq!(why(&[], Reader::u64), "ERR byte 0: ends where an integer is expected");
        assert_eq!(why(&[4], Reader::u64), "ERR byte 0: a double stands where an integer is expected");
        assert_eq!(why(&[0], Reader::bytes), "ERR byte 0: an end mark stands where a string is expected");
        assert_eq!(
            why(&[9], Reader::f32),
            "ERR byte 0: the unknown opcode 9 stands where a float is expected"
        );
        assert_eq!(why(&[2], Reader::u64), "ERR byte 1: 1 bytes are announced and 0 are left");
        assert_eq!(why(&[2, 0x40], Reader::u64), "ERR byte 2: 1 bytes are announced and 0 are left");
        assert_eq!(why(&[2, 0x80, 0, 0], Reader::u64), "ERR byte 2: 4 bytes are announced and 2 are left");
        assert_eq!(why(&[2, 0x81, 0], Reader::u64), "ERR byte 2: 8 bytes are announced and 1 are left");
        assert_eq!(why(&[2, 0x82], Reader::u64), "ERR byte 1: no length begins with 0x82");
        assert_eq!(why(&[2, 0xc0, 1], Reader::u64), "ERR byte 1: no length begins with 0xc0");
        assert_eq!(why(&[4, 0, 0], Reader::f64), "ERR byte 1: 8 bytes are announced and 2 are left");
        assert_eq!(why(&[5, 2, 1], Reader::bytes), "ERR byte 2: 2 bytes are announced and 1 are left");
        assert_eq!(why(&[5, 1, 0xff], Reader::string), "ERR byte 0: text is not UTF-8");
        assert_eq!(why(&[2, 1], Reader::count), "ERR byte 0: 1 elements in 0 bytes");
        let huge = [5, 0x81, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(
            why(&huge, Reader::bytes).ends_with("18446744073709551615 bytes are announced and 0 are left")
        );
        assert!(Reader::new(&[2, 1]).finish().is_err());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        // Every string of three bytes out of those that mean something, read as every kind of field.
        let bytes = [0u8, 1, 2, 3, 4, 5, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xff];
        for first in bytes {
            for second in bytes {
                for third in bytes {
                    let text = [first, second, third];
                    let mut reader = Reader::new(&text);
                    while reader.u64().is_ok() {}
                    let reader = || Reader::new(&text);
                    let _ = (reader().f32(), reader().f64(), reader().string(), reader().count());
                    let _ = reader().field::<Vec<Option<String>>>();
                }
            }
        }
    }
}
