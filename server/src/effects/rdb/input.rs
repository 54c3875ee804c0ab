//! Where bytes come from: a slice, as with RESTORE, or a stream that is as long as it likes, as with a file. A file of many
//! gigabytes passes through one buffer; a string that is longer than the buffer is read into its place at once.
//! No length that the input claims makes anything here allocate more than is there to be read.

use std::io::{self, Read};

use super::crc64::Crc64;
use super::error::{ErrorKind, RdbError, Result};
use crate::limits::{RDB_BUFFER, RDB_READ_STEP};

/// A source of bytes, read from its beginning to its end.
pub trait Input {
    /// How many bytes have been read.
    fn offset(&self) -> u64;

    /// Whether [`Input::take`] can give this many bytes.
    fn can_take(&self, len: u64) -> bool;

    /// The next bytes, where they are. They must not be more than [`Input::can_take`] allows.
    fn take(&mut self, len: usize) -> Result<&[u8]>;

    /// Appends the next bytes, however many, to `out`.
    fn append(&mut self, len: u64, out: &mut Vec<u8>) -> Result<()>;

    /// The next byte.
    #[inline]
    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// The next few bytes.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }
}

/// Bytes that are all in memory.
pub struct Slice<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Slice<'a> {
    /// From the first of them.
    pub fn new(bytes: &'a [u8]) -> Self {
        Slice { bytes, at: 0 }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}

impl Input for Slice<'_> {
    fn offset(&self) -> u64 {
        self.at as u64
    }

    #[inline]
    fn can_take(&self, _len: u64) -> bool {
        true
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&[u8]> {
        let Some(bytes) = self.rest().get(..len) else {
            return Err(RdbError::truncated(self.bytes.len() as u64));
        };
        self.at += len;
        Ok(bytes)
    }

    fn append(&mut self, len: u64, out: &mut Vec<u8>) -> Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        out.extend_from_slice(self.take(len)?);
        Ok(())
    }
}

/// Bytes that come through a buffer, with their checksum.
pub struct Stream<R> {
    source: R,
    buffer: Box<[u8]>,
    /// The bytes that were read from the source and not yet from here.
    at: usize,
    end: usize,
    /// How many bytes came before those in the buffer.
    before: u64,
    /// How many bytes the source has, if that is known.
    len: Option<u64>,
    /// The checksum of everything before `summed`, an index of the buffer; None if nobody asks for it.
    crc: Option<Crc64>,
    summed: usize,
}

impl<R: Read> Stream<R> {
    /// A stream that goes on for as long as it does, or for `len` bytes at the most.
    pub fn new(source: R, len: Option<u64>) -> Self {
        let buffer = vec![0; RDB_BUFFER].into_boxed_slice();
        Stream { source, buffer, at: 0, end: 0, before: 0, len, crc: Some(Crc64::default()), summed: 0 }
    }

    /// Computes no checksum from now on.
    pub fn forget_checksum(&mut self) {
        self.crc = None;
    }

    /// The checksum of all bytes that have been read, unless it is not computed.
    pub fn checksum(&mut self) -> Option<u64> {
        self.sum();
        self.crc.as_ref().map(Crc64::value)
    }

    /// What is left: the bytes in the buffer, then the source.
    pub fn into_rest(self) -> io::Chain<io::Cursor<Vec<u8>>, R> {
        io::Cursor::new(self.buffer[self.at..self.end].to_vec()).chain(self.source)
    }

    fn sum(&mut self) {
        if let Some(crc) = &mut self.crc {
            crc.update(&self.buffer[self.summed..self.at]);
        }
        self.summed = self.at;
    }

    fn truncated(&self) -> RdbError {
        RdbError::truncated(self.before + self.end as u64)
    }

    fn failed(&self, error: io::Error) -> RdbError {
        RdbError { offset: self.before + self.end as u64, kind: ErrorKind::Io(error) }
    }

    /// Empties the buffer of what has been read from it.
    fn compact(&mut self) {
        self.sum();
        self.buffer.copy_within(self.at..self.end, 0);
        self.before += self.at as u64;
        self.end -= self.at;
        self.at = 0;
        self.summed = 0;
    }

    /// Sees to it that this many bytes are in the buffer.
    #[cold]
    fn fill(&mut self, len: usize) -> Result<()> {
        self.compact();
        while self.end < len {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(self.truncated()),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Appends bytes that are not in the buffer, which is empty.
    fn append_from_source(&mut self, mut len: u64, out: &mut Vec<u8>) -> Result<()> {
        // Where the source's end is known, `len` has been compared with it, and can be trusted with memory.
        if self.len.is_some() {
            out.reserve(usize::try_from(len).map_err(|_| self.truncated())?);
        }
        while len > 0 {
            let step = len.min(RDB_READ_STEP as u64);
            let start = out.len();
            let read = match self.source.by_ref().take(step).read_to_end(out) {
                Ok(read) => read,
                Err(error) => return Err(self.failed(error)),
            };
            if let Some(crc) = &mut self.crc {
                crc.update(&out[start..]);
            }
            self.before += read as u64;
            if (read as u64) < step {
                return Err(self.truncated());
            }
            len -= step;
        }
        Ok(())
    }
}

impl<R: Read> Input for Stream<R> {
    #[inline]
    fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    #[inline]
    fn can_take(&self, len: u64) -> bool {
        len <= RDB_BUFFER as u64
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&[u8]> {
        if self.end - self.at < len {
            self.fill(len)?;
        }
        let bytes = &self.buffer[self.at..self.at + len];
        self.at += len;
        Ok(bytes)
    }

    fn append(&mut self, len: u64, out: &mut Vec<u8>) -> Result<()> {
        if self.len.is_some_and(|all| len > all.saturating_sub(self.offset())) {
            return Err(RdbError { offset: self.offset(), kind: ErrorKind::Truncated });
        }
        let buffered = ((self.end - self.at) as u64).min(len);
        out.extend_from_slice(&self.buffer[self.at..self.at + buffered as usize]);
        self.at += buffered as usize;
        if buffered == len {
            return Ok(());
        }
        self.compact();
        self.append_from_source(len - buffered, out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::crc64::crc64;
    use super::*;

    /// Gives a few bytes at a time, as a socket may.
    struct Dribble<'a>(&'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = out.len().min(7);
            self.0.read(&mut out[..n])
        }
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|n| ((n * 31) >> 3) as u8).collect()
    }

    #[test]
    fn a_stream_gives_the_bytes_of_its_source() {
        let bytes = sample(3 * RDB_BUFFER + 100);
        let mut stream = Stream::new(Dribble(&bytes), None);
        assert_eq!(stream.take(10).expect("ten bytes"), &bytes[..10]);
        let mut long = vec![1, 2];
        let len = 2 * RDB_BUFFER + 17;
        stream.append(len as u64, &mut long).expect("they are there");
        assert_eq!(&long[2..], &bytes[10..10 + len]);
        assert_eq!(stream.offset(), 10 + len as u64);
        assert_eq!(stream.checksum(), Some(crc64(&bytes[..10 + len])));
        assert_eq!(stream.take(5).expect("five bytes"), &bytes[10 + len..15 + len]);
        let mut rest = Vec::new();
        stream.into_rest().read_to_end(&mut rest).expect("memory can be read");
        assert_eq!(rest, &bytes[15 + len..]);
    }

    #[test]
    fn a_length_that_is_not_there_costs_nothing() {
        let bytes = sample(1000);
        for len in [None, Some(1000)] {
            let mut stream = Stream::new(bytes.as_slice(), len);
            let mut out = Vec::new();
            let error = stream.append(u64::MAX / 2, &mut out).expect_err("there are a thousand");
            assert!(matches!(error.kind, ErrorKind::Truncated), "{error}");
            assert!(out.capacity() < 10 * RDB_READ_STEP, "{} bytes", out.capacity());
        }
        let mut slice = Slice::new(&bytes);
        assert!(slice.append(u64::MAX, &mut Vec::new()).is_err());
        assert!(slice.take(1001).is_err());
        assert_eq!(slice.take(1000).expect("all of them").len(), 1000);
    }

    #[test]
    fn the_end_is_told_with_its_place() {
        let mut stream = Stream::new(&b"abc"[..], None);
        let error = stream.take(4).expect_err("there are three");
        assert_eq!(error.to_string(), "at byte 3: the input ends here, in the middle of an item");
    }
}
