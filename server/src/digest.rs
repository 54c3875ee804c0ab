//! A fingerprint of data: the same for equal data whatever its order in memory, and the same as redis-server's, so that the
//! two can be compared. Elements that have no order are combined by exclusive or, those that follow each other by
//! hashing on.

use sha1::{Digest as _, Sha1};

use crate::effects::rdb::{self, Decoded};
use crate::keyspace::{EntryRef, Opaque, StringRef};

/// Twenty bytes that stand for some data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest([u8; 20]);

impl Digest {
    /// Something that belongs to the data, whatever is before and after it.
    pub fn add(&mut self, bytes: &[u8]) {
        let hash = Sha1::digest(bytes);
        self.0.iter_mut().zip(hash).for_each(|(mine, theirs)| *mine ^= theirs);
    }

    /// Something that follows what was before.
    pub fn append(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    /// A part whose digest is known.
    pub fn add_digest(&mut self, part: Digest) {
        self.add(&part.0);
    }

    /// A value, with its expiry if it has one.
    pub fn append_value(&mut self, entry: EntryRef<'_>) {
        let mut digits = itoa::Buffer::new();
        // Redis's numbers of the types.
        match (entry.string(), entry.hash()) {
            (Some(string), _) => {
                self.append(&0u32.to_be_bytes());
                self.append(string.bytes(&mut digits));
            }
            (None, Some(hash)) => {
                self.append(&4u32.to_be_bytes());
                for (field, value) in hash.iter() {
                    let mut pair = Digest::default();
                    pair.append(field);
                    pair.append(StringRef::bytes(value, &mut digits));
                    self.add_digest(pair);
                }
            }
            (None, None) => {
                if let Some(opaque) = entry.opaque() {
                    self.append_opaque(opaque);
                }
            }
        }
        if entry.expire_at().is_some() {
            self.add(b"!!expire!!");
        }
    }

    /// A value of a type that has no commands here.
    fn append_opaque(&mut self, opaque: &Opaque) {
        let Ok(decoded) = rdb::decoded::decode(opaque.rdb_type, &opaque.bytes) else { return };
        let number: u32 = match decoded {
            Decoded::List(_) => 1,
            Decoded::Set(_) => 2,
            Decoded::Zset(_) => 3,
            Decoded::Stream(_) => 6,
            // These have commands, and a module's value is kept apart.
            Decoded::String(_) | Decoded::Hash(_) | Decoded::Module { .. } => return,
        };
        self.append(&number.to_be_bytes());
        match decoded {
            Decoded::List(elements) => elements.iter().for_each(|element| self.append(element)),
            Decoded::Set(members) => members.iter().for_each(|member| self.add(member)),
            Decoded::Zset(members) => {
                for (member, score) in members {
                    let mut pair = Digest::default();
                    pair.append(&member);
                    pair.append(seventeen_digits(score).as_bytes());
                    self.add_digest(pair);
                }
            }
            Decoded::Stream(stream) => {
                for entry in stream.entries {
                    self.append(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                    for (field, value) in entry.fields {
                        self.append(&field);
                        self.append(&value);
                    }
                }
            }
            Decoded::String(_) | Decoded::Hash(_) | Decoded::Module { .. } => {}
        }
    }

    /// Forty hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A number as C's `%.17g` writes it.
fn seventeen_digits(number: f64) -> String {
    if !number.is_finite() {
        return format!("{number}");
    }
    let scientific = format!("{number:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..17).contains(&exponent) {
        without_zeros(&format!("{number:.*}", (16 - exponent) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Entry, Hash, HashLimits, Value};

    #[test]
    fn values_have_the_digest_that_redis_gives_them() {
        let digest = |value| {
            let entry = Entry::new(b"k", value, None, 0);
            let mut digest = Digest::default();
            digest.append_value(entry.as_ref());
            digest.hex()
        };
        assert_eq!(digest(Value::String(b"bar".to_vec())), "68467c70ae30376e7ce005bcc8827f5ba7fd67dc");
        let mut hash = Hash::new();
        hash.set(b"a", b"b", HashLimits::default());
        assert_eq!(digest(Value::Hash(Box::new(hash))), "e74b6918422998016f954e98a1a8c89a0e1e4a25");
    }

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.10000000000000001"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e-4, "0.00014999999999999999"),
            (1e-5, "1.0000000000000001e-05"),
            (3e300, "3.0000000000000002e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(seventeen_digits(number), text);
        }
    }
}
