//! A key on its way through the server: its bytes, its hash and its cluster slot, each computed once.
//! The hash is seeded per process, so that nobody outside can choose keys that collide. The slot is the one that
//! every cluster client computes: CRC16 of the key, or of the part between the first `{` and the next `}`.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use crc::{CRC_16_XMODEM, Crc, Table};
use foldhash::quality::RandomState;

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
}

/// Seeded hash of a name, the same for the life of the process.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    let mut hasher = SEED.get_or_init(RandomState::default).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Cluster slot of a name.
#[inline]
pub fn slot(bytes: &[u8]) -> u16 {
    // Sixteen bytes a step: keys are a few dozen bytes, and each of them pays this.
    static CRC: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_XMODEM);
    CRC.checksum(hash_tag(bytes)) % HASH_SLOTS
}

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
    fn an_empty_or_open_tag_counts_for_nothing() {
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(hash_tag(b"foo{bar}{zap}"), b"bar");
        assert_eq!(hash_tag(b"foo{bar"), b"foo{bar");
        assert_eq!(hash_tag(b"}{a}"), b"a");
    }

    #[test]
    fn a_key_hashes_alike_every_time() {
        assert_eq!(Key::new(b"abc").hash, Key::new(b"abc").hash);
        assert_ne!(hash(b"abc"), hash(b"abd"));
    }
}
