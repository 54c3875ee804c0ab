//! What must hold for any bytes whatever. `cargo test` tries these with inputs that proptest makes up, and the targets in `fuzz/`
//! with what a fuzzer finds, so this file names everything from the crate's root.

#![allow(unreachable_pub, reason = "the fuzz targets use these from outside")]

use std::io::{self, Read};

use crate::effects::rdb::canonical::canonical;
use crate::effects::rdb::dump::{self, DumpError};
use crate::effects::rdb::lzf;
use crate::effects::rdb::reader::{Item, Reader};
use crate::effects::rdb::value;
use crate::effects::rdb::{Decoded, decoded, kind};
use crate::keyspace::{Entry, Thresholds};

/// Gives a few bytes at a time, as a socket may.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(13);
        self.0.read(&mut out[..len])
    }
}

/// The items of a file and how it ends, without the place of an error.
fn told<R: Read>(mut reader: Reader<R>, len: u64) -> Vec<String> {
    reader.check_checksum(false);
    let mut lines = Vec::new();
    loop {
        match reader.next() {
            Ok(item) => {
                lines.push(format!("{item:?}"));
                if let Item::End(_) = item {
                    return lines;
                }
            }
            Err(error) => {
                assert!(error.offset <= len, "{error} of {len} bytes");
                lines.push(format!("{:?}", error.kind));
                return lines;
            }
        }
    }
}

/// A file, however its bytes come, gives the same items and the same error.
pub fn check_file(bytes: &[u8]) {
    let len = bytes.len() as u64;
    let known = told(Reader::with_len(bytes, len), len);
    assert_eq!(known, told(Reader::new(bytes), len));
    assert_eq!(known, told(Reader::new(Dribble(bytes)), len));
}

/// A value is refused, or its canonical form is canonical; and a payload is refused, or what is restored is dumped
/// again as it was.
pub fn check_value(rdb_type: u8, bytes: &[u8]) {
    if let Ok((form, ours)) = canonical(rdb_type, bytes) {
        assert_eq!(canonical(form, &ours).expect("a canonical value is right"), (form, ours.clone()));
        let decoded = decoded::decode(rdb_type, bytes).expect("what has a canonical form is right");
        assert_eq!(decoded, decoded::decode(form, &ours).expect("it has the same form"));
    }
    let mut payload = [&[rdb_type], bytes].concat();
    dump::seal(&mut payload);
    let thresholds = &Thresholds::default();
    match value::restore(&payload, thresholds, 0) {
        Ok(restored) => {
            let first = value::dump(Entry::new(b"key", restored, None, 0).as_ref(), true);
            let again = value::restore(&first, thresholds, 0).expect("ours");
            let second = value::dump(Entry::new(b"key", again, None, 0).as_ref(), true);
            assert_eq!(of_payload(&first), of_payload(&second));
        }
        Err(error) => assert_eq!(error, DumpError::BadData),
    }
}

/// The value of a payload of ours, without the order of what has none.
fn of_payload(payload: &[u8]) -> Decoded {
    let (_, bytes) = dump::open(payload).expect("ours");
    match decoded::decode(bytes[0], &bytes[1..]) {
        Ok(Decoded::Hash(mut fields)) => {
            fields.sort();
            Decoded::Hash(fields)
        }
        Ok(Decoded::Set(mut members)) => {
            members.sort();
            Decoded::Set(members)
        }
        Ok(Decoded::Zset(mut members)) => {
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Decoded::Zset(members)
        }
        Ok(decoded) => decoded,
        // A module's strings may be damaged: nobody reads them but the module.
        Err(error) => {
            assert_eq!(bytes[0], kind::MODULE_2, "{error}");
            Decoded::String(bytes.to_vec())
        }
    }
}

/// What is compressed comes back, and what was never compressed is refused or has the length that it claims.
pub fn check_lzf(bytes: &[u8]) {
    let mut out = Vec::new();
    if lzf::put_compressed(&mut out, bytes) {
        assert!(out.len() < bytes.len() + 19);
        let decoded = decoded::decode(kind::STRING, &out).expect("ours");
        assert!(decoded == Decoded::String(bytes.to_vec()));
    } else {
        assert!(out.is_empty());
    }
    if let [low, high, compressed @ ..] = bytes {
        let len = u16::from_le_bytes([*low, *high]);
        let mut out = Vec::new();
        match lzf::decompress(compressed, u64::from(len), &mut out) {
            Ok(()) => assert_eq!(out.len(), usize::from(len)),
            Err(_) => assert!(out.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A piece of a file: lengths, strings and opcodes.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => vec(any::<u8>(), 0..10).prop_map(|bytes| [&[bytes.len() as u8], &bytes[..]].concat()),
            3 => (0u8..26).prop_map(|byte| vec![byte]),
            2 => (243u8..=255).prop_map(|byte| vec![byte]),
            1 => any::<u32>().prop_map(|len| [&[0x80][..], &len.to_be_bytes()].concat()),
            1 => (0xC0u8..0xC4).prop_map(|byte| vec![byte]),
            1 => vec(any::<u8>(), 0..9),
        ]
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(pieces in vec(piece(), 0..30)) {
            check_file(&[b"REDIS0012", &pieces.concat()[..]].concat());
        }

        #[test]
        fn any_value_is_read_or_refused(rdb_type in 0u8..27, pieces in vec(piece(), 0..12)) {
            check_value(rdb_type, &pieces.concat());
        }

        #[test]
        fn any_bytes_can_be_compressed(bytes in vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..2000)) {
            check_lzf(&bytes);
        }
    }
}
