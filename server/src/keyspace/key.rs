//! A key on its way through the server: its bytes, its hash and its cluster slot, each computed once.
//! The hash is seeded per process, so that nobody outside can choose keys that collide. The slot is the one that
//! every cluster client computes: CRC16 of the key, or of the part between the first `{` and the next `}`.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use foldhash::quality::RandomState;
use smallvec::SmallVec;

use crate::limits::HASH_SLOTS;

/// The name under which a value is stored, with what is needed to find it.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The name itself; any bytes.
    pub bytes: &'a [u8],
    /// Seeded hash of the name; places the key in the table of its database.
    pub hash: u64,
    /// Cluster slot of the name; places the key in a shard.
    pub slot: u16,
}

impl<'a> Key<'a> {
    /// Hashes `bytes` both ways.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Key { bytes, hash: hash(bytes), slot: slot(bytes) }
    }

    /// The key with this name, hashed only if `known` is not of the very same slice. Another slice with the same bytes is
    /// hashed, since a command has many arguments and most of them are not the key.
    #[inline]
    pub fn known_or_new(known: Option<Key<'_>>, bytes: &'a [u8]) -> Self {
        match known {
            Some(Key { bytes: same, hash, slot }) if std::ptr::eq(same, bytes) => Key { bytes, hash, slot },
            _ => Key::new(bytes),
        }
    }
}

/// Seeded hash of a name, the same for the life of the process.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    let mut hasher = SEED.get_or_init(RandomState::default).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Whether no two of these are the same, as far as their hashes tell: two that differ may be taken for the same. Meant for the
/// elements of a compact collection, of which there are few.
pub(super) fn all_differ<'a>(all: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut hashes: SmallVec<[u64; 128]> = all.map(hash).collect();
    hashes.sort_unstable();
    hashes.windows(2).all(|pair| pair[0] != pair[1])
}

/// Cluster slot of a name.
#[inline]
pub fn slot(bytes: &[u8]) -> u16 {
    crc16(hash_tag(bytes)) % HASH_SLOTS
}

/// CRC16/XMODEM, eight bytes a step; every command pays this. It is our own because crates take the bytes that exceed a
/// step one by one, twice the cost for most keys. Here they are the first step, filled up with zeros in front, which
/// leave a checksum that starts at zero as it is.
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let (odd, steps) = bytes.split_at(bytes.len() % 8);
    let mut crc = if odd.is_empty() { 0 } else { crc16_step(0, big_endian(odd)) };
    for step in steps.chunks_exact(8) {
        crc = crc16_step(crc, big_endian(step));
    }
    crc
}

/// Up to eight bytes as a number.
#[inline]
fn big_endian(bytes: &[u8]) -> u64 {
    match *bytes {
        [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        [a, b, c, d, ref rest @ ..] => {
            u64::from(u32::from_be_bytes([a, b, c, d])) << (8 * rest.len()) | big_endian(rest)
        }
        [a, b, ref rest @ ..] => u64::from(u16::from_be_bytes([a, b])) << (8 * rest.len()) | big_endian(rest),
        [a] => u64::from(a),
        [] => 0,
    }
}

#[inline]
fn crc16_step(crc: u16, step: u64) -> u16 {
    let bytes = (step ^ u64::from(crc) << 48).to_le_bytes();
    bytes.iter().enumerate().fold(0, |crc, (zeros, &byte)| crc ^ CRC16[zeros][usize::from(byte)])
}

/// The checksum of each byte with 0 to 7 zero bytes behind it (slicing by eight; Kounavis and Berry, 2005).
static CRC16: [[u16; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut zeros = 0;
        while zeros < 8 {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
                bit += 1;
            }
            tables[zeros][byte] = crc;
            zeros += 1;
        }
        byte += 1;
    }
    tables
};

/// The part of a name that decides its slot: what stands between the first `{` and the next `}`, unless that is
/// nothing; else the whole name.
#[inline]
fn hash_tag(bytes: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', bytes) else { return bytes };
    let rest = &bytes[open + 1..];
    match memchr::memchr(b'}', rest) {
        Some(close) if close > 0 => &rest[..close],
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_protocol() {
        assert_eq!(slot(b"123456789"), 0x31C3 & 16383);
        assert_eq!(slot(b"123456789"), 12739);
        assert_eq!(slot(b""), 0);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"{user1000}.followers"));
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
    }

    #[test]
    fn a_checksum_is_that_of_the_definition_at_every_length() {
        let bytes: Vec<u8> = (1..=100).map(|n: u8| n.wrapping_mul(37)).collect();
        for len in 0..=bytes.len() {
            let crc = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM).checksum(&bytes[..len]);
            assert_eq!(crc16(&bytes[..len]), crc, "{len}");
        }
    }

    #[test]
    fn an_empty_or_open_tag_counts_for_nothing() {
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(hash_tag(b"foo{bar}{zap}"), b"bar");
        assert_eq!(hash_tag(b"foo{bar"), b"foo{bar");
        assert_eq!(hash_tag(b"}{a}"), b"a");
    }

    #[test]
    fn a_known_key_is_taken_for_its_own_slice_alone() {
        let (name, copy) = (*b"abcabc", *b"abcabc");
        // A hash that no key has tells which one was taken.
        let known = Key { hash: 1 ^ hash(&name), ..Key::new(&name) };
        assert_eq!(Key::known_or_new(Some(known), &name).hash, known.hash);
        for other in [&copy[..], &name[..3], &name[3..]] {
            assert_eq!(Key::known_or_new(Some(known), other).hash, hash(other));
        }
        assert_eq!(Key::known_or_new(None, &name).hash, hash(&name));
    }

    #[test]
    fn a_key_hashes_alike_every_time() {
        assert_eq!(Key::new(b"abc").hash, Key::new(b"abc").hash);
        assert_ne!(hash(b"abc"), hash(b"abd"));
    }
}
