//! A fingerprint of data: the same for equal data whatever its order in memory, and the same as redis-server's, so that the
//! two can be compared. Elements that have no order are combined by exclusive or, those that follow each other by
//! hashing on.

use sha1::{Digest as _, Sha1};

use crate::keyspace::{EntryRef, StringRef};

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
            // Types that come later have their numbers there.
            (None, None) => {}
        }
        if entry.expire_at().is_some() {
            self.add(b"!!expire!!");
        }
    }

    /// Forty hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
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
}
