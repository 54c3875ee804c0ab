//! What a command answers, and why it refuses.
//!
//! A reply that reaches this type can be written to a client as it is: statuses and error lines have no line break,
//! RESP3 bytes are one whole value. What a guest returned in breach of that never becomes a [`Reply`].

use std::borrow::Cow;

use crate::{limits, resp3};

/// What a command answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// `+OK`.
    Ok,
    /// Nothing.
    Null,
    /// A 64 bit integer.
    Integer(i64),
    /// A double; NaN and the infinities are allowed.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// A status line other than OK, without CR and LF.
    Simple(String),
    /// A byte string.
    Bulk(Vec<u8>),
    /// Anything nested, as RESP3.
    Resp3(Resp3),
}

/// Exactly one well-formed RESP3 value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resp3(Vec<u8>);

impl Resp3 {
    /// Check bytes from a module.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, resp3::Invalid> {
        resp3::validate(&bytes)?;
        Ok(Self(bytes))
    }

    /// Take bytes that the server wrote itself, and that it vouches for.
    pub fn trusted(bytes: Vec<u8>) -> Self {
        debug_assert_eq!(resp3::validate(&bytes), Ok(()), "the server's own encoder has a mistake");
        Self(bytes)
    }

    /// The value as it goes to a client that speaks RESP3.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Why a command or a host function refuses. [`Error::line`] is what the client reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The number of arguments is wrong.
    WrongArity,
    /// The key holds a value of another type.
    WrongType,
    /// The arguments make no sense.
    Syntax,
    /// Not an integer, or out of range.
    NotAnInteger,
    /// Not a float.
    NotAFloat,
    /// The sum would be out of range.
    Overflow,
    /// A field of a hash is not an integer.
    HashValueNotAnInteger,
    /// A field of a hash is not a float.
    HashValueNotAFloat,
    /// A string would be longer than `proto-max-bulk-len`.
    TooLong,
    /// The key is not among those that the command's key specs find.
    UndeclaredKey,
    /// A write by a command, or through a key, that may not.
    ReadOnly,
    /// The server is at `maxmemory`.
    OutOfMemory,
    /// A command that the module may not run.
    NotCallable,
    /// Any other line: it starts with its code and has no CR or LF. Made by [`Error::other`].
    Other(String),
}

impl Error {
    /// An error with a line of its own. A text without a code in front gets `ERR`; a control character, which could
    /// end the line early, becomes a space; what is longer than any reader wants is cut.
    pub fn other(text: &str) -> Self {
        let mut line = String::with_capacity(text.len() + 4);
        if !starts_with_code(text) {
            line.push_str("ERR ");
        }
        let mut room = limits::ERROR_LINE_BYTES - line.len();
        for c in text.chars() {
            if c.len_utf8() > room {
                break;
            }
            room -= c.len_utf8();
            line.push(if c.is_control() { ' ' } else { c });
        }
        Self::Other(line)
    }

    /// The line on the wire, without the leading `-`. `command` is the name as the manifest spells it.
    pub fn line<'a>(&'a self, command: &str) -> Cow<'a, str> {
        Cow::Borrowed(match self {
            Self::WrongArity => {
                return Cow::Owned(format!(
                    "ERR wrong number of arguments for '{}' command",
                    command.to_ascii_lowercase()
                ));
            }
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::Syntax => "ERR syntax error",
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotAFloat => "ERR value is not a valid float",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::HashValueNotAnInteger => "ERR hash value is not an integer",
            Self::HashValueNotAFloat => "ERR hash value is not a float",
            Self::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::UndeclaredKey => "ERR a key was used that the command's key specs do not declare",
            Self::ReadOnly => "ERR a write was tried by a command or through a key that may only read",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::NotCallable => "ERR a command was called that the module may not call",
            Self::Other(line) => line,
        })
    }
}

/// Whether a text begins with an error code: three or more capitals, digits and underscores, the first a capital, alone
/// or before a space. Three, so that a sentence that begins with `A` or `I` is not mistaken for one.
fn starts_with_code(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default().as_bytes();
    word.len() >= 3
        && word[0].is_ascii_uppercase()
        && word.iter().all(|&b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(text: &str) -> String {
        Error::other(text).line("x").into_owned()
    }

    #[test]
    fn a_text_without_a_code_gets_one() {
        assert_eq!(other("ERR no such item"), "ERR no such item");
        assert_eq!(other("WRONGPASS no"), "WRONGPASS no");
        assert_eq!(other("NOAUTH"), "NOAUTH");
        assert_eq!(other("no such item"), "ERR no such item");
        assert_eq!(other("A key is missing"), "ERR A key is missing");
        assert_eq!(other("Error: x"), "ERR Error: x");
        assert_eq!(other(""), "ERR ");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(other("ERR a\r\n+OK\0"), "ERR a  +OK ");
        assert_eq!(other("\r\nERR"), "ERR   ERR");
        let long = other(&"ä".repeat(limits::ERROR_LINE_BYTES));
        assert!(long.len() <= limits::ERROR_LINE_BYTES && long.len() > limits::ERROR_LINE_BYTES - 4);
    }

    #[test]
    fn arity_names_the_command_as_redis_does() {
        assert_eq!(
            Error::WrongArity.line("Peak.INCR"),
            "ERR wrong number of arguments for 'peak.incr' command"
        );
    }
}
