//! A command's name in the form in which it is looked up: its bytes in two words, letters made small, and its length.
//! Every command of every client pays for this, so there is no copy of variable length and, for a name of up to
//! sixteen bytes, no comparison of strings: two keys are equal exactly when the names are, but for the case of letters.

/// A name, ready to be hashed and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameKey {
    /// The first and the last bytes. Between 9 and 15 they overlap, which tells nothing wrong as the length is compared.
    words: [u64; 2],
    len: usize,
}

impl NameKey {
    #[inline]
    pub(super) fn new(name: &[u8]) -> Self {
        let words = match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => [u64::from_le_bytes(*first), u64::from_le_bytes(*last)],
            _ => [short(name), 0],
        };
        Self { words: words.map(small_letters), len: name.len() }
    }

    /// Whether a key with the same value can only be that of the same name.
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        self.len <= 16
    }

    #[inline]
    pub(super) fn hash(&self) -> u64 {
        let [first, last] = self.words;
        let folded = first.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ last.rotate_left(32) ^ self.len as u64;
        let product = u128::from(folded).wrapping_mul(0xD6E8_FEB8_6659_FD93_u128);
        (product as u64) ^ (product >> 64) as u64
    }
}

/// Up to seven bytes as a number that differs whenever they do, if there are equally many.
#[inline]
fn short(name: &[u8]) -> u64 {
    match (name.first_chunk(), name.last_chunk(), name) {
        (Some(first), Some(last), _) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        (_, _, [first, .., last]) => {
            // Of two or three bytes, the second or the one in the middle.
            u64::from(*first) | u64::from(name[name.len() / 2]) << 8 | u64::from(*last) << 16
        }
        (_, _, [one]) => u64::from(*one),
        (_, _, []) => 0,
    }
}

/// Eight bytes with the letters from A to Z made small, and no other byte changed.
#[inline]
fn small_letters(bytes: u64) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    // Without its top bit, no byte carries into the next one when less than 128 is added.
    let low = bytes & each(0x7F);
    let from_a = low + each(0x80 - b'A');
    let beyond_z = low + each(0x7F - b'Z');
    let capital = from_a & !beyond_z & !bytes & each(0x80);
    // A letter's case is the bit 0x20, two below the bit that says whether it is one.
    bytes | capital >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes at the edges of what is a letter, and letters.
    const BYTES: &[u8] = b"\0\x01 /09:@AMZ[\\`amz{\x7f\x80\x9a\xc1\xda\xe1\xfa\xff";

    #[test]
    fn only_the_letters_from_a_to_z_are_made_small() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut bytes = [0xFF, b'A', 0, b'Z', 0x80, b'@', b'[', b'k'];
                bytes[at] = byte;
                let small = small_letters(u64::from_le_bytes(bytes)).to_le_bytes();
                assert_eq!(small, bytes.map(|byte| byte.to_ascii_lowercase()), "{byte} at {at}");
            }
        }
    }

    #[test]
    fn keys_are_equal_exactly_when_names_are_but_for_their_case() {
        for len in 0..=16 {
            let name: Vec<u8> = (0..len).map(|at| BYTES[at * 7 % BYTES.len()]).collect();
            let key = NameKey::new(&name);
            assert!(key.is_whole());
            assert_eq!(key, NameKey::new(&name.to_ascii_uppercase()), "{name:?}");
            assert_eq!(key.hash(), NameKey::new(&name.to_ascii_lowercase()).hash(), "{name:?}");
            for at in 0..len {
                for &byte in BYTES {
                    let mut other = name.clone();
                    other[at] = byte;
                    assert_eq!(
                        key == NameKey::new(&other),
                        name.eq_ignore_ascii_case(&other),
                        "{name:?} {other:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn names_of_different_length_differ() {
        for byte in [0, b'a', 0xFF] {
            let name = [byte; 40];
            let keys: Vec<NameKey> = (0..=40).map(|len| NameKey::new(&name[..len])).collect();
            for (a, b) in (0..=40).flat_map(|a| (0..a).map(move |b| (a, b))) {
                assert_ne!(keys[a], keys[b], "{a} and {b} times {byte}");
            }
        }
    }

    #[test]
    fn a_long_name_is_not_told_by_its_key() {
        let key = NameKey::new(b"12345678a12345678");
        assert!(!key.is_whole());
        assert_eq!(key, NameKey::new(b"12345678b12345678"));
    }
}
