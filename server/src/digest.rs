//! A fingerprint of data: the same for equal data whatever its order in memory, and the same as redis-server's, so that the
//! two can be compared. Elements that have no order are combined by exclusive or, those that follow each other by
//! hashing on.

use sha1::{Digest as _, Sha1};

use crate::keyspace::{EntryRef, ModuleValue, Stream, StreamId, StringRef, ValueType};

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

    /// A value, with its expiry if it has one. `of_module` says what stands for a value of a module's type.
    pub fn append_value(&mut self, entry: EntryRef<'_>, of_module: impl FnOnce(&ModuleValue) -> Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        self.append(&type_number(entry.value_type()).to_be_bytes());
        if let Some(string) = entry.string() {
            self.append(string.bytes(&mut digits));
        } else if let Some(hash) = entry.hash() {
            for (field, value) in hash.iter() {
                self.add_pair(field, StringRef::bytes(value, &mut digits));
            }
        } else if let Some(list) = entry.list() {
            list.iter().for_each(|element| self.append(element));
        } else if let Some(set) = entry.set() {
            let mut digits = itoa::Buffer::new();
            set.iter().for_each(|member| self.add(StringRef::bytes(member, &mut digits)));
        } else if let Some(zset) = entry.zset() {
            for (member, score) in zset.iter() {
                self.add_pair(member, seventeen_digits(score).as_bytes());
            }
        } else if let Some(module) = entry.module() {
            self.add(&of_module(module));
        } else if let Some(stream) = entry.stream() {
            self.append_stream(stream);
        }
        if entry.expire_at().is_some() {
            self.add(b"!!expire!!");
        }
    }

    /// Two things that belong together.
    fn add_pair(&mut self, first: &[u8], second: &[u8]) {
        let mut pair = Digest::default();
        pair.append(first);
        pair.append(second);
        self.add_digest(pair);
    }

    /// The entries of a stream; its groups do not count.
    fn append_stream(&mut self, stream: &Stream) {
        let mut digits = itoa::Buffer::new();
        for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
            self.append(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for (field, value) in entry.fields() {
                self.append(field.bytes(&mut digits));
                self.append(value.bytes(&mut digits));
            }
        }
    }

    /// Forty hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Redis's number of a type.
fn type_number(value_type: ValueType) -> u32 {
    match value_type {
        ValueType::String => 0,
        ValueType::List => 1,
        ValueType::Set => 2,
        ValueType::Zset => 3,
        ValueType::Hash => 4,
        ValueType::Module => 5,
        ValueType::Stream => 6,
    }
}

/// A score as C's `%.17g` writes it.
fn seventeen_digits(score: f64) -> String {
    const DIGITS: i32 = 17;
    if !score.is_finite() {
        return score.to_string().to_ascii_lowercase();
    }
    let text = format!("{score:.16e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
        return without_zeros(&format!("{score:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Entry, Hash, PackedLimits, Value};

    #[test]
    fn scores_are_spelled_as_c_spells_them() {
        for (score, text) in [
            (0.1, "0.10000000000000001"),
            (-0.0, "-0"),
            (3.0, "3"),
            (100.25, "100.25"),
            (1e17, "1e+17"),
            (12345678901234567.0, "12345678901234568"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (1e300, "1.0000000000000001e+300"),
        ] {
            assert_eq!(seventeen_digits(score), text);
        }
    }

    #[test]
    fn values_have_the_digest_that_redis_gives_them() {
        let digest = |value| {
            let entry = Entry::new(b"k", value, None, 0);
            let mut digest = Digest::default();
            digest.append_value(entry.as_ref(), |_| Vec::new());
            digest.hex()
        };
        assert_eq!(digest(Value::String(b"bar".to_vec())), "68467c70ae30376e7ce005bcc8827f5ba7fd67dc");
        let mut hash = Hash::new();
        hash.set(b"a", b"b", PackedLimits::default());
        assert_eq!(digest(Value::Hash(Box::new(hash))), "e74b6918422998016f954e98a1a8c89a0e1e4a25");
    }
}
