//! How the result of a command looks in memory: `result<reply, error>` of the contract by the component model's layout, in three
//! words. It is written by hand because every command passes here; `entry` says what that saves.
//!
//! ```text
//! word 0   byte 0: 0 for ok, 1 for err
//! word 1   byte 0: the case; of an error with a text, bytes 4 to 7: where the text is
//! word 2   the number, or where the bytes are (0 to 3) and how many (4 to 7); of an error, 0 to 3: how many
//! ```

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::reply::Reply;

/// The cases of `types.reply`, in order; a test compares them with wit/.
pub const REPLY_CASES: [&str; 8] = ["ok", "null", "integer", "double", "boolean", "simple", "bulk", "resp3"];

/// The cases of `types.error`, in order.
pub const ERROR_CASES: [&str; 14] = [
    "wrong-arity",
    "wrong-type",
    "syntax",
    "not-an-integer",
    "not-a-float",
    "overflow",
    "hash-value-not-an-integer",
    "hash-value-not-a-float",
    "too-long",
    "undeclared-key",
    "read-only",
    "out-of-memory",
    "not-callable",
    "other",
];

/// Bytes that the words point at. They must stay until the next command.
#[derive(Debug, PartialEq)]
pub(crate) enum Kept {
    Bytes(Vec<u8>),
    Text(Cow<'static, str>),
}

impl Kept {
    pub(crate) const NOTHING: Self = Self::Text(Cow::Borrowed(""));

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }

    /// Where and how many. Moving the value does not move what is on the heap or in the program.
    fn place(&self) -> (u64, u64) {
        let bytes = self.as_bytes();
        (bytes.as_ptr().addr() as u64, bytes.len() as u64)
    }
}

/// The three words, and what they point at.
pub(crate) fn lower(result: Result<Reply>) -> ([u64; 3], Kept) {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => return lower_error(error),
    };
    let (case, kept) = match reply {
        Reply::Ok => return ([0, 0, 0], Kept::NOTHING),
        Reply::Null => return ([0, 1, 0], Kept::NOTHING),
        Reply::Integer(number) => return ([0, 2, number.cast_unsigned()], Kept::NOTHING),
        Reply::Double(number) => return ([0, 3, number.to_bits()], Kept::NOTHING),
        Reply::Boolean(yes) => return ([0, 4, u64::from(yes)], Kept::NOTHING),
        Reply::Simple(text) => (5, Kept::Text(text)),
        Reply::Bulk(bytes) => (6, Kept::Bytes(bytes)),
        Reply::Resp3(bytes) => (7, Kept::Bytes(bytes)),
    };
    let (place, len) = kept.place();
    ([0, case, place | len << 32], kept)
}

fn lower_error(error: Error) -> ([u64; 3], Kept) {
    let case = match error {
        Error::WrongArity => 0,
        Error::WrongType => 1,
        Error::Syntax => 2,
        Error::NotAnInteger => 3,
        Error::NotAFloat => 4,
        Error::Overflow => 5,
        Error::HashValueNotAnInteger => 6,
        Error::HashValueNotAFloat => 7,
        Error::TooLong => 8,
        Error::UndeclaredKey => 9,
        Error::ReadOnly => 10,
        Error::OutOfMemory => 11,
        Error::NotCallable => 12,
        Error::Other(text) => {
            let kept = Kept::Text(text);
            let (place, len) = kept.place();
            return ([1, 13 | place << 32, len], kept);
        }
    };
    ([1, case, 0], Kept::NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(case: &str, cases: &[&str]) -> u64 {
        cases.iter().position(|name| *name == case).expect("the case is in the table") as u64
    }

    #[test]
    fn replies_have_the_number_of_their_case() {
        let words = |reply| lower(Ok(reply)).0;
        assert_eq!(words(Reply::Ok), [0, number("ok", &REPLY_CASES), 0]);
        assert_eq!(words(Reply::Null), [0, number("null", &REPLY_CASES), 0]);
        assert_eq!(words(Reply::Integer(-1)), [0, number("integer", &REPLY_CASES), u64::MAX]);
        assert_eq!(words(Reply::Double(1.0)), [0, number("double", &REPLY_CASES), 1.0f64.to_bits()]);
        assert_eq!(words(Reply::Boolean(true)), [0, number("boolean", &REPLY_CASES), 1]);
        assert_eq!(words(Reply::simple("x"))[1], number("simple", &REPLY_CASES));
        assert_eq!(words(Reply::Bulk(vec![]))[1], number("bulk", &REPLY_CASES));
        assert_eq!(words(Reply::Resp3(vec![]))[1], number("resp3", &REPLY_CASES));
    }

    #[test]
    fn errors_have_the_number_of_their_case() {
        let errors = [
            Error::WrongArity,
            Error::WrongType,
            Error::Syntax,
            Error::NotAnInteger,
            Error::NotAFloat,
            Error::Overflow,
            Error::HashValueNotAnInteger,
            Error::HashValueNotAFloat,
            Error::TooLong,
            Error::UndeclaredKey,
            Error::ReadOnly,
            Error::OutOfMemory,
            Error::NotCallable,
            Error::Other("x".into()),
        ];
        assert_eq!(errors.len(), ERROR_CASES.len());
        for (case, error) in errors.into_iter().enumerate() {
            // The name of a variant is the case's in the other spelling.
            let name = format!("{error:?}").split('(').next().unwrap_or_default().to_lowercase();
            assert_eq!(name, ERROR_CASES[case].replace('-', ""));
            let [tag, word, _] = lower(Err(error)).0;
            assert_eq!((tag, word & 0xff), (1, case as u64));
        }
    }

    #[test]
    fn what_the_words_point_at_is_kept() {
        let (words, kept) = lower(Err(Error::Other("ERR no".into())));
        assert_eq!((words[2], kept.as_bytes()), (6, &b"ERR no"[..]));
        let (_, kept) = lower(Ok(Reply::Bulk(vec![1, 2])));
        assert_eq!(kept, Kept::Bytes(vec![1, 2]));
    }
}
