//! LZF, the compression of strings in RDB files: LibLZF's format, both ways, in code of our own, since the crate for it is
//! given up by its author and this is little.
//!
//! ```text
//! 000LLLLL            L + 1 bytes follow as they are
//! LLLooooo oooooooo   copy L + 2 bytes from o + 1 bytes back; L from 1 to 6
//! 111ooooo L oooooooo copy L + 9 bytes from there
//! ```
//!
//! A copy may overlap itself, which repeats what it has copied. The compressor remembers for three bytes where they were
//! last seen. It keeps its table from one string to the next: places of earlier strings are too small to be taken for
//! places of this one.

use std::cell::RefCell;

use super::error::Malformed;
use super::length::put_len;
use crate::limits::LZF_SCRATCH_KEPT;

/// The farthest a copy can reach back.
const REACH: usize = 1 << 13;
/// The longest copy.
const COPY_MAX: usize = 264;
/// The most bytes that follow as they are at once.
const LITERALS_MAX: usize = 32;
/// What the first three bytes of a copy give at the most: `COPY_MAX` bytes. So no input expands more than this.
const EXPANSION_MAX: usize = COPY_MAX / 3;

/// The most bytes that are passed over where nothing repeats.
const STEP_MAX: usize = 32;

const TABLE_BITS: u32 = 14;

/// What a thread keeps to compress with.
struct Compressor {
    /// Where a hash of three bytes was last seen, counted from the beginning of all strings.
    table: Box<[u32]>,
    /// Where the next string begins, counted so.
    base: u32,
    out: Vec<u8>,
}

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor {
        table: vec![0; 1 << TABLE_BITS].into_boxed_slice(),
        base: 1,
        out: Vec::new(),
    });
}

/// Appends a string in its compressed form: lengths and bytes. False, and nothing appended, if that would not be shorter
/// by more than the four bytes that Redis asks for.
pub fn put_compressed(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let fits = compressor.compress(bytes);
        if fits {
            out.push(0xC3);
            put_len(out, compressor.out.len() as u64);
            put_len(out, bytes.len() as u64);
            out.extend_from_slice(&compressor.out);
        }
        if compressor.out.capacity() > LZF_SCRATCH_KEPT {
            compressor.out = Vec::new();
        }
        fits
    })
}

impl Compressor {
    /// Fills `out`. False if that would need too much.
    fn compress(&mut self, bytes: &[u8]) -> bool {
        self.out.clear();
        let Some(room) = bytes.len().checked_sub(4) else { return false };
        let Ok(len) = u32::try_from(bytes.len()) else { return false };
        self.base = match self.base.checked_add(len) {
            Some(_) => self.base,
            None => {
                self.table.fill(0);
                1
            }
        };
        let fits = self.run(bytes, room);
        // Wrapping is noticed at the next string, which needs room of its own.
        self.base = self.base.saturating_add(len);
        fits
    }

    fn run(&mut self, bytes: &[u8], room: usize) -> bool {
        // A short string needs a short table, which is then in the nearest cache.
        let shift = 32 - (usize::BITS - bytes.len().leading_zeros() + 2).clamp(8, TABLE_BITS);
        let (mut at, mut literals, mut misses) = (0, 0, 0usize);
        while let Some(three) = three(bytes, at) {
            let place = &mut self.table[hash(three, shift)];
            let seen = std::mem::replace(place, self.base + at as u32);
            let from = seen.checked_sub(self.base).map(|from| from as usize);
            let Some(from) = from
                .filter(|&from| from < at && at - from <= REACH && self::three(bytes, from) == Some(three))
            else {
                // Where nothing repeats, look less often.
                at += 1 + (misses >> 6).min(STEP_MAX);
                misses += 1;
                continue;
            };
            misses = 0;
            let copy = 3 + common(&bytes[from + 3..], &bytes[at + 3..bytes.len().min(at + COPY_MAX)]);
            put_literals(&mut self.out, &bytes[literals..at]);
            put_copy(&mut self.out, copy, at - from - 1);
            if self.out.len() > room {
                return false;
            }
            at += copy;
            literals = at;
            // The end of a copy is a likely beginning of the next one.
            for at in [at - 2, at - 1] {
                if let Some(three) = self::three(bytes, at) {
                    self.table[hash(three, shift)] = self.base + at as u32;
                }
            }
        }
        put_literals(&mut self.out, &bytes[literals..]);
        self.out.len() <= room
    }
}

/// Three bytes as one number. They are read as four, so there must be one more.
#[inline]
fn three(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]) & 0xFF_FFFF)
}

#[inline]
fn hash(three: u32, shift: u32) -> usize {
    (three.wrapping_mul(0x9E37_79B1) >> shift) as usize
}

/// How many bytes both begin with; the second is not the longer one.
#[inline]
fn common(from: &[u8], at: &[u8]) -> usize {
    let mut same = 0;
    for (a, b) in from.chunks_exact(8).zip(at.chunks_exact(8)) {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        let difference = word(a) ^ word(b);
        if difference != 0 {
            return same + difference.trailing_zeros() as usize / 8;
        }
        same += 8;
    }
    same + from[same..].iter().zip(&at[same..]).take_while(|(a, b)| a == b).count()
}

#[inline]
fn put_literals(out: &mut Vec<u8>, bytes: &[u8]) {
    for run in bytes.chunks(LITERALS_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

#[inline]
fn put_copy(out: &mut Vec<u8>, len: usize, back: usize) {
    let (len, high) = (len - 2, (back >> 8) as u8);
    if len < 7 {
        out.extend_from_slice(&[(len as u8) << 5 | high, back as u8]);
    } else {
        out.extend_from_slice(&[7 << 5 | high, (len - 7) as u8, back as u8]);
    }
}

/// Appends what `compressed` stands for, which must be `len` bytes.
pub fn decompress(compressed: &[u8], len: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
    const WRONG: Malformed = Malformed("a compressed string that is not what its lengths say");
    let len = usize::try_from(len).map_err(|_| WRONG)?;
    if len / EXPANSION_MAX > compressed.len() {
        return Err(WRONG);
    }
    let start = out.len();
    out.resize(start + len, 0);
    match fill(compressed, &mut out[start..]) {
        Some(()) => Ok(()),
        None => {
            out.truncate(start);
            Err(WRONG)
        }
    }
}

/// Fills `out` exactly, with exactly these bytes.
fn fill(mut from: &[u8], out: &mut [u8]) -> Option<()> {
    let mut at = 0;
    while let Some((&control, rest)) = from.split_first() {
        if control < LITERALS_MAX as u8 {
            let len = usize::from(control) + 1;
            let (literals, rest) = rest.split_at_checked(len)?;
            out.get_mut(at..at + len)?.copy_from_slice(literals);
            (at, from) = (at + len, rest);
            continue;
        }
        let (len, rest) = match control >> 5 {
            7 => (usize::from(*rest.first()?) + 9, &rest[1..]),
            len => (usize::from(len) + 2, rest),
        };
        let (&low, rest) = rest.split_first()?;
        let back = (usize::from(control & 0x1F) << 8 | usize::from(low)) + 1;
        repeat(out, at, back, len)?;
        (at, from) = (at + len, rest);
    }
    (at == out.len()).then_some(())
}

/// Copies `len` bytes from `back` bytes before `at` to there.
#[inline]
fn repeat(out: &mut [u8], at: usize, back: usize, len: usize) -> Option<()> {
    let from = at.checked_sub(back)?;
    if at + len > out.len() {
        return None;
    }
    if back >= len {
        out.copy_within(from..from + len, at);
    } else if back == 1 {
        let byte = out[from];
        out[at..at + len].fill(byte);
    } else {
        // What has been copied is copied again, so each step can be as long as all steps before it.
        let mut done = 0;
        while done < len {
            let step = (back + done).min(len - done);
            out.copy_within(from..from + step, at + done);
            done += step;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
        COMPRESSOR.with_borrow_mut(|compressor| compressor.compress(bytes).then(|| compressor.out.clone()))
    }

    fn decompressed(bytes: &[u8], len: usize) -> Result<Vec<u8>, Malformed> {
        let mut out = b"before".to_vec();
        decompress(bytes, len as u64, &mut out)?;
        assert!(out.starts_with(b"before"));
        Ok(out.split_off(6))
    }

    #[test]
    fn what_repeats_becomes_short() {
        let bytes = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let short = compressed(bytes).expect("it repeats");
        assert_eq!(short, [0, b'a', 0xE0, 54, 0]);
        assert_eq!(decompressed(&short, bytes.len()).expect("what was made"), bytes);
        assert_eq!(compressed(b"abcdefghijklmnopqrstuvwxyz0123456789"), None);
        assert_eq!(compressed(b"aaa"), None);
        assert_eq!(compressed(b""), None);
    }

    #[test]
    fn copies_of_every_length_and_reach_come_back() {
        for back in (1..40).chain([255, 256, 257, 8191, 8192, 8193]) {
            for len in [3, 4, 8, 9, 10, 31, 32, 33, 263, 264, 265, 600] {
                let mut bytes: Vec<u8> =
                    (0..back as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
                for at in 0..len {
                    bytes.push(bytes[at]);
                }
                if let Some(short) = compressed(&bytes) {
                    assert_eq!(
                        decompressed(&short, bytes.len()).expect("what was made"),
                        bytes,
                        "{back} {len}"
                    );
                }
            }
        }
    }

    #[test]
    fn positions_may_wrap_around() {
        let bytes = b"wrap around, wrap around, wrap around".repeat(20);
        COMPRESSOR.with_borrow_mut(|compressor| compressor.base = u32::MAX - 800);
        for _ in 0..3 {
            let short = compressed(&bytes).expect("it repeats");
            assert_eq!(decompressed(&short, bytes.len()).expect("what was made"), bytes);
        }
    }

    #[test]
    fn lies_are_noticed() {
        let bytes = b"lies, lies, lies, lies, lies, lies".as_slice();
        let short = compressed(bytes).expect("it repeats");
        for len in [0, bytes.len() - 1, bytes.len() + 1, usize::MAX, 1 << 40] {
            assert!(decompressed(&short, len).is_err(), "{len}");
        }
        for cut in 0..short.len() {
            assert!(decompressed(&short[..cut], bytes.len()).is_err(), "cut at {cut}");
        }
        // Copies from before the beginning.
        assert!(decompressed(&[0x20, 0], 3).is_err());
        assert!(decompressed(&[0, b'a', 0x20, 1], 4).is_err());
    }

    proptest! {
        #[test]
        fn compression_can_be_undone(bytes in proptest::collection::vec(0u8..4, 0..3000)) {
            if let Some(short) = compressed(&bytes) {
                prop_assert!(short.len() + 4 <= bytes.len());
                prop_assert_eq!(decompressed(&short, bytes.len()).expect("what was made"), bytes);
            }
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), len in 0usize..3000) {
            if let Ok(out) = decompressed(&bytes, len) {
                prop_assert_eq!(out.len(), len);
            }
        }
    }
}
