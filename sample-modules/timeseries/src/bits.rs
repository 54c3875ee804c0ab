//! Bits in a row, written at the end and read from the beginning: what compressed chunks consist of.
//! They fill words of 64 from the highest bit on, so that as bytes in big endian they are one stream. Bits that were never
//! written are zero, and so are bits that were cut off: the same bits are always the same bytes.
//! A reader never fails: beyond the end there are zeros. Who reads knows how much there is.

/// A growing row of bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// How many bytes they take.
    pub const fn bytes(&self) -> usize {
        self.len.div_ceil(8)
    }

    /// Add the lowest `width` bits of a number, 64 at most; those above must be zero.
    #[inline]
    pub fn push(&mut self, bits: u64, width: u32) {
        if width == 0 {
            return;
        }
        let used = u32::try_from(self.len % 64).expect("a remainder of 64");
        self.len += width as usize;
        // The bits at the top of a word.
        let top = bits << (64 - width);
        match self.words.last_mut() {
            Some(last) if used > 0 => {
                *last |= top >> used;
                if used + width > 64 {
                    self.words.push(top << (64 - used));
                }
            }
            _ => self.words.push(top),
        }
    }

    /// Cut them off after the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.len = len;
        self.words.truncate(len.div_ceil(64));
        if let Some(last) = self.words.last_mut()
            && !len.is_multiple_of(64)
        {
            *last &= u64::MAX << (64 - len % 64);
        }
    }

    /// Their bytes, the last one filled with zeros.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.truncate(self.bytes());
        bytes
    }

    /// What [`Bits::to_bytes`] gave; none if there are not exactly as many bytes as `len` needs.
    pub fn from_bytes(bytes: &[u8], len: usize) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) {
            return None;
        }
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_be_bytes(word)
        });
        let mut bits = Self { words: words.collect(), len: bytes.len() * 8 };
        bits.truncate(len);
        Some(bits)
    }

    /// Read them from the first on.
    pub fn read(&self) -> Reader<'_> {
        Reader { words: &self.words, at: 0 }
    }
}

/// A place among bits.
#[derive(Debug, Clone)]
pub struct Reader<'b> {
    words: &'b [u64],
    at: usize,
}

impl Reader<'_> {
    /// The next 64 bits, without taking them.
    #[inline]
    pub fn peek(&self) -> u64 {
        let (word, used) = (self.at / 64, self.at % 64);
        let first = self.words.get(word).copied().unwrap_or(0);
        let second = self.words.get(word + 1).copied().unwrap_or(0);
        // In two steps, because a shift by 64 is none.
        first << used | second >> 1 >> (63 - used)
    }

    /// Leave out so many.
    #[inline]
    pub const fn skip(&mut self, width: u32) {
        self.at += width as usize;
    }

    /// Take the next `width`, 64 at most.
    pub fn take(&mut self, width: u32) -> u64 {
        if width == 0 {
            return 0;
        }
        let bits = self.peek() >> (64 - width);
        self.skip(width);
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn what_was_written_is_read_in_any_widths() {
        let mut random = Random::new(1);
        for _ in 0..200 {
            let pieces: Vec<(u64, u32)> = (0..random.below(60))
                .map(|_| {
                    let width = u32::try_from(random.below(65)).unwrap();
                    (random.bits() & u64::MAX.checked_shr(64 - width).unwrap_or(0), width)
                })
                .collect();
            let mut bits = Bits::default();
            for &(piece, width) in &pieces {
                bits.push(piece, width);
            }
            assert_eq!(bits.len(), pieces.iter().map(|(_, width)| *width as usize).sum());
            let again = Bits::from_bytes(&bits.to_bytes(), bits.len()).unwrap();
            assert_eq!(again, bits);
            let mut reader = again.read();
            for &(piece, width) in &pieces {
                assert_eq!(reader.take(width), piece);
            }
            assert_eq!(reader.take(64), 0);
        }
    }

    #[test]
    fn what_is_cut_off_leaves_no_trace() {
        let mut random = Random::new(2);
        for keep in 0..200 {
            let (mut bits, mut short) = (Bits::default(), Bits::default());
            for i in 0..200 {
                let bit = random.below(2);
                bits.push(bit, 1);
                if i < keep {
                    short.push(bit, 1);
                }
            }
            bits.truncate(keep);
            assert_eq!(bits, short);
            bits.push(5, 3);
            short.push(5, 3);
            assert_eq!(bits, short);
        }
    }

    #[test]
    fn bytes_of_another_length_are_refused() {
        assert!(Bits::from_bytes(&[1, 2], 17).is_none());
        assert!(Bits::from_bytes(&[1, 2], 8).is_none());
        assert!(Bits::from_bytes(&[], 0).is_some());
        // Bits beyond the end do not count.
        assert_eq!(Bits::from_bytes(&[0xff], 1), Bits::from_bytes(&[0x80], 1));
    }
}
