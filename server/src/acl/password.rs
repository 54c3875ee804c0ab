//! Passwords of users, of which only the SHA-256 is kept: as Redis does it, so that its files and ours are the same.
//! Comparing takes the same time wherever two hashes differ. How often somebody may try is not bounded here.

use sha2::{Digest, Sha256};

use super::rule::RuleError;

/// The hash of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// Of a password in clear text.
    pub(super) fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// As it stands in rules: 64 hexadecimal digits, the letters small.
    pub(super) fn parse(text: &[u8]) -> Result<Self, RuleError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() {
            return Err(RuleError::BadHash);
        }
        for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
            let (high, low) = (digit(pair[0]), digit(pair[1]));
            *byte = high.zip(low).map(|(high, low)| high << 4 | low).ok_or(RuleError::BadHash)?;
        }
        Ok(Self(hash))
    }

    /// The same digits again.
    pub(super) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether both are the same, in a time that does not tell where they differ.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(&other.0).fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(difference) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_FOOBAR: &str = "c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2";

    #[test]
    fn the_hash_is_the_usual_one_and_is_read_back() {
        let hash = PasswordHash::of(b"foobar");
        assert_eq!(hash.hex(), OF_FOOBAR);
        assert_eq!(PasswordHash::parse(OF_FOOBAR.as_bytes()), Ok(hash));
        assert!(hash.is_same(&PasswordHash::of(b"foobar")) && !hash.is_same(&PasswordHash::of(b"foobaz")));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in [&OF_FOOBAR[1..], &OF_FOOBAR.to_ascii_uppercase(), &OF_FOOBAR.replace('c', "g"), ""] {
            assert_eq!(PasswordHash::parse(text.as_bytes()), Err(RuleError::BadHash), "{text}");
        }
    }
}
