//! What a module saves: a sequence of typed fields that anybody can skip without knowing the module, and that ends with a
//! zero. The server keeps it byte for byte, without that end; here it is copied, read and made.
//!
//! ```text
//! field  2 length        an integer of 64 bits; its bits, if it is signed
//!        1 length        the same; nothing writes this one
//!        3 xxxx          a float, little endian
//!        4 xxxxxxxx      a double
//!        5 string
//! ```

use std::borrow::Cow;

use super::error::{RdbError, Result};
use super::input::{Input, Slice};
use super::length::{self, Length, put_len};
use super::string;

const END: u64 = 0;
const SIGNED: u64 = 1;
/// An integer: what stands before the place where auxiliary data belongs, too.
pub(super) const UNSIGNED: u64 = 2;
const FLOAT: u64 = 3;
const DOUBLE: u64 = 4;
const STRING: u64 = 5;

/// One field.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<'a> {
    /// An integer, or the bits of a signed one.
    Unsigned(u64),
    /// A float.
    Float(f32),
    /// A double.
    Double(f64),
    /// A string.
    String(Cow<'a, [u8]>),
}

/// Appends a field.
pub fn put(out: &mut Vec<u8>, field: &Field<'_>, compress: bool) {
    match field {
        Field::Unsigned(number) => put_unsigned(out, *number),
        Field::Float(number) => {
            out.push(FLOAT as u8);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Field::Double(number) => {
            out.push(DOUBLE as u8);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Field::String(bytes) => put_string(out, bytes, compress),
    }
}

/// Appends an integer.
pub fn put_unsigned(out: &mut Vec<u8>, number: u64) {
    out.push(UNSIGNED as u8);
    put_len(out, number);
}

/// Appends a string.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8], compress: bool) {
    out.push(STRING as u8);
    string::put_string(out, bytes, compress);
}

/// Appends the end.
pub fn put_end(out: &mut Vec<u8>) {
    out.push(END as u8);
}

/// Reads fields up to their end, and appends their bytes, without the end, to `out`.
pub fn copy<I: Input>(input: &mut I, out: &mut Vec<u8>) -> Result<()> {
    loop {
        let start = out.len();
        let at = input.offset();
        let Length::Plain(opcode) = length::copy(input, out)? else { return Err(unknown(at)) };
        match opcode {
            END => {
                out.truncate(start);
                return Ok(());
            }
            SIGNED | UNSIGNED => match length::copy(input, out)? {
                Length::Plain(_) => {}
                Length::Special(_) => {
                    return Err(RdbError::malformed(at, "a string where a module's integer should stand"));
                }
            },
            FLOAT => input.append(4, out)?,
            DOUBLE => input.append(8, out)?,
            STRING => copy_string(input, out)?,
            _ => return Err(unknown(at)),
        }
    }
}

fn unknown(at: u64) -> RdbError {
    RdbError::malformed(at, "a field of a module in an unknown form")
}

fn copy_string<I: Input>(input: &mut I, out: &mut Vec<u8>) -> Result<()> {
    let at = input.offset();
    let len = match length::copy(input, out)? {
        Length::Plain(len) => len,
        Length::Special(string::INT8) => 1,
        Length::Special(string::INT16) => 2,
        Length::Special(string::INT32) => 4,
        Length::Special(string::LZF) => {
            let (Length::Plain(compressed), Length::Plain(_)) =
                (length::copy(input, out)?, length::copy(input, out)?)
            else {
                return Err(RdbError::malformed(at, "a compressed string without its lengths"));
            };
            compressed
        }
        Length::Special(_) => return Err(RdbError::malformed(at, "a string in an unknown form")),
    };
    input.append(len, out)
}

/// The fields of a sequence without its end.
pub struct Fields<'a> {
    input: Slice<'a>,
}

impl<'a> Fields<'a> {
    /// From the first.
    pub fn new(fields: &'a [u8]) -> Self {
        Fields { input: Slice::new(fields) }
    }

    /// The next field; None after the last. An error's offset counts from the first field.
    #[allow(clippy::should_implement_trait)] // As an iterator it would go on after an error.
    pub fn next(&mut self) -> Result<Option<Field<'a>>> {
        if self.input.rest().is_empty() {
            return Ok(None);
        }
        let at = self.input.offset();
        Ok(Some(match length::read_len(&mut self.input)? {
            SIGNED | UNSIGNED => Field::Unsigned(length::read_len(&mut self.input)?),
            FLOAT => Field::Float(f32::from_le_bytes(self.input.array()?)),
            DOUBLE => Field::Double(f64::from_le_bytes(self.input.array()?)),
            STRING => Field::String(self.string()?),
            _ => return Err(unknown(at)),
        }))
    }

    fn string(&mut self) -> Result<Cow<'a, [u8]>> {
        match length::read(&mut self.input)? {
            Length::Plain(len) => {
                let rest = self.input.rest();
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                self.input.take(len)?;
                Ok(Cow::Borrowed(&rest[..len]))
            }
            Length::Special(form) => {
                let mut bytes = Vec::new();
                string::append_special(&mut self.input, form, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

/// The same fields with every string written as it is, which is how modules are given them: neither packed into an integer nor
/// compressed.
pub fn plain(fields: &[u8]) -> Result<Cow<'_, [u8]>> {
    let mut read = Fields::new(fields);
    let mut special = false;
    while let Some(field) = read.next()? {
        special |= matches!(field, Field::String(Cow::Owned(_)));
    }
    if !special {
        return Ok(Cow::Borrowed(fields));
    }
    let (mut read, mut out) = (Fields::new(fields), Vec::with_capacity(2 * fields.len()));
    while let Some(field) = read.next()? {
        match field {
            Field::String(bytes) => {
                out.push(STRING as u8);
                put_len(&mut out, bytes.len() as u64);
                out.extend_from_slice(&bytes);
            }
            other => put(&mut out, &other, false),
        }
    }
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unpacked_for_modules() {
        let (fields, packed) = sample();
        let plain_bytes = plain(&packed).expect("the sample is good").into_owned();
        let mut read = Fields::new(&plain_bytes);
        for field in &fields {
            assert_eq!(read.next().expect("what was written").as_ref(), Some(field));
        }
        assert!(matches!(plain(&plain_bytes), Ok(Cow::Borrowed(_))), "nothing is left to unpack");
        assert!(plain(&packed[..packed.len() - 1]).is_err());
    }

    fn sample() -> (Vec<Field<'static>>, Vec<u8>) {
        let fields = vec![
            Field::Unsigned(0),
            Field::Unsigned(u64::MAX),
            Field::Float(1.5),
            Field::Double(-0.1),
            Field::String(Cow::Borrowed(b"")),
            Field::String(Cow::Borrowed(b"-77")),
            Field::String(Cow::Borrowed(b"70000")),
            Field::String(Cow::Owned(b"a string that repeats ".repeat(40))),
        ];
        let mut bytes = Vec::new();
        fields.iter().for_each(|field| put(&mut bytes, field, true));
        (fields, bytes)
    }

    #[test]
    fn fields_come_back() {
        let (fields, bytes) = sample();
        let mut read = Fields::new(&bytes);
        for field in &fields {
            assert_eq!(read.next().expect("what was written").as_ref(), Some(field));
        }
        assert_eq!(read.next().expect("the end"), None);
    }

    #[test]
    fn fields_are_copied_byte_for_byte() {
        let (_, mut bytes) = sample();
        // Longer forms than needed, and the opcode that nothing writes.
        bytes.extend_from_slice(&[
            1, 0x80, 0, 0, 0, 7, 2, 0x81, 0, 0, 0, 0, 0, 0, 0, 7, 0x40, 5, 0x40, 1, b'x',
        ]);
        let len = bytes.len();
        put_end(&mut bytes);
        bytes.push(99);
        let mut input = Slice::new(&bytes);
        let mut copied = b"before".to_vec();
        copy(&mut input, &mut copied).expect("what was written");
        assert_eq!(copied[6..], bytes[..len]);
        assert_eq!(input.rest(), [99]);
        for cut in 0..len {
            assert!(copy(&mut Slice::new(&bytes[..cut]), &mut Vec::new()).is_err(), "cut at {cut}");
        }
        for bytes in [&[6, 0][..], &[0xC0, 0], &[2, 0xC0, 1, 0], &[5, 0xC4, 0]] {
            assert!(copy(&mut Slice::new(bytes), &mut Vec::new()).is_err(), "{bytes:?}");
        }
    }
}
