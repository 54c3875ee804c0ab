//! The checksum of RDB files and DUMP payloads: CRC-64 with the polynomial of Jones, reflected, from 0. `crc-fast` computes
//! it with carry-less multiplication at some 40 GB/s where the processor has that, so that nothing else need be clever;
//! the table-driven code of the `crc` crate made 2.7.

use crc_fast::{CrcAlgorithm, Digest};

/// A checksum in the making.
pub struct Crc64(Digest);

impl Default for Crc64 {
    fn default() -> Self {
        Crc64(Digest::new(CrcAlgorithm::Crc64Redis))
    }
}

impl Crc64 {
    /// Takes more bytes in. A call costs some 30 ns whatever their number, so they should be many.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

/// The checksum of these bytes.
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_redis() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
    }

    #[test]
    fn pieces_give_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..5000u32).map(|n| (n * 7) as u8).collect();
        let table = crc::Crc::<u64>::new(&crc::CRC_64_REDIS);
        for cut in [0, 1, 15, 16, 17, 255, 256, 257, 4096, 5000] {
            let mut crc = Crc64::default();
            crc.update(&bytes[..cut]);
            crc.update(&bytes[cut..]);
            assert_eq!(crc.value(), table.checksum(&bytes), "cut at {cut}");
            assert_eq!(crc64(&bytes[..cut]), table.checksum(&bytes[..cut]), "the first {cut}");
        }
    }
}
