//! Zipmaps: how Redis up to 2.4 wrote small hashes.
//!
//! ```text
//! zipmap  fields (1; 254 and more: count them)  [length field length unused value unused bytes] ...  FF
//! length  1 byte below 254, or FE and 4
//! ```

use super::error::Malformed;

/// A field with its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The fields of a zipmap that have not been read yet.
pub(super) struct Zipmap<'a> {
    rest: &'a [u8],
    count: Option<u8>,
    read: usize,
}

const END: u8 = 0xFF;
const FAR: u8 = 0xFE;
const SHORT: Malformed = Malformed("a zipmap that ends in the middle of a field");

impl<'a> Zipmap<'a> {
    /// A zipmap that is exactly these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match bytes {
            [count, rest @ .., END] => Ok(Zipmap { rest, count: (*count < FAR).then_some(*count), read: 0 }),
            _ => Err(Malformed("a zipmap without its end")),
        }
    }

    /// The next field with its value; None after the last.
    pub(super) fn next(&mut self) -> Result<Option<Pair<'a>>, Malformed> {
        if self.rest.is_empty() {
            return match self.count {
                Some(count) if usize::from(count) != self.read => {
                    Err(Malformed("a zipmap with another number of fields than it says"))
                }
                _ => Ok(None),
            };
        }
        let len = self.len()?;
        let field = self.take(len)?;
        let len = self.len()?;
        let unused = usize::from(self.take(1)?[0]);
        let value = self.take(len)?;
        self.take(unused)?;
        self.read += 1;
        Ok(Some((field, value)))
    }

    fn len(&mut self) -> Result<usize, Malformed> {
        match self.take(1)?[0] {
            FAR => {
                let (&len, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
                self.rest = rest;
                Ok(u32::from_le_bytes(len) as usize)
            }
            END => Err(SHORT),
            len => Ok(usize::from(len)),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Malformed> {
        let mut zipmap = Zipmap::new(bytes)?;
        let mut fields = Vec::new();
        while let Some(field) = zipmap.next()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn fields_are_read() {
        let mut bytes = b"\x03\x03foo\x03\0bar\x05hello\x05\x02world..\x01x\xfe".to_vec();
        bytes.extend_from_slice(&300u32.to_le_bytes());
        bytes.push(0);
        let long = [b'y'; 300];
        bytes.extend_from_slice(&long);
        bytes.push(0xFF);
        let expected: [Pair<'_>; 3] = [(b"foo", b"bar"), (b"hello", b"world"), (b"x", &long)];
        assert_eq!(read(&bytes).expect("a right one"), expected);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        bytes[0] = 2;
        assert!(read(&bytes).is_err());
        bytes[0] = 0xFE;
        assert_eq!(read(&bytes).expect("the count may be unknown").len(), 3);
    }
}
