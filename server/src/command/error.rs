//! Why a command refuses, as a type whose text is the line on the wire (without the leading `-`).
//! Worded as redis-server words them: clients and people compare these lines.
//! Nothing here is for the log; what operators read is written where it happens.

use std::borrow::Cow;
use std::fmt;

use crate::keyspace::EditError;

/// What a command answers: nothing, since its reply is already in the context's writer, or why not.
pub type CommandResult = Result<(), CommandError>;

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// Too few or too many arguments for the command of this name.
    WrongArity(String),
    /// The key holds another type.
    WrongType,
    /// An option is unknown, misplaced or contradicts another.
    Syntax,
    /// Not a decimal integer, or one that does not fit in 64 bits.
    NotInteger,
    /// Not a floating-point number.
    NotFloat,
    /// The sum does not fit.
    Overflow,
    /// There is no such key, where one is needed.
    NoSuchKey,
    /// An index or a number outside its range.
    OutOfRange,
    /// A value would outgrow `proto-max-bulk-len`.
    TooLong,
    /// The server is at `maxmemory`.
    OutOfMemory,
    /// Nobody has authenticated on this connection.
    NoAuth,
    /// A module, or what it calls, used a key that its command did not declare.
    UndeclaredKey,
    /// A module's command that is not flagged `write` tried to write.
    ReadOnly,
    /// Any other line. It starts with a code in capital letters.
    Other(Cow<'static, str>),
    /// A line that repeats what a client sent, which may be no text.
    Bytes(Vec<u8>),
}

impl CommandError {
    /// An error of the generic kind: `ERR` and this text.
    pub fn err(text: impl fmt::Display) -> Self {
        Self::Other(Cow::Owned(format!("ERR {text}")))
    }

    /// A constant line that already starts with its code.
    pub const fn line(text: &'static str) -> Self {
        Self::Other(Cow::Borrowed(text))
    }

    /// The line on the wire, without the leading `-`.
    pub fn wire(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Bytes(line) => Cow::Borrowed(line),
            Self::Other(line) => Cow::Borrowed(line.as_bytes()),
            other => Cow::Owned(other.to_string().into_bytes()),
        }
    }

    /// The code at the start of the line: what INFO errorstats counts by.
    pub fn code(&self) -> String {
        let line = self.to_string();
        line.split(' ').next().unwrap_or_default().to_owned()
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongArity(name) => {
                return write!(f, "ERR wrong number of arguments for '{name}' command");
            }
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::Syntax => "ERR syntax error",
            Self::NotInteger => "ERR value is not an integer or out of range",
            Self::NotFloat => "ERR value is not a valid float",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::NoSuchKey => "ERR no such key",
            Self::OutOfRange => "ERR index out of range",
            Self::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::NoAuth => "NOAUTH Authentication required.",
            Self::UndeclaredKey => "ERR the module's command did not declare this key",
            Self::ReadOnly => "ERR the module's command is not flagged 'write'",
            Self::Other(text) => text,
            Self::Bytes(line) => return f.write_str(&String::from_utf8_lossy(line)),
        })
    }
}

impl std::error::Error for CommandError {}

impl From<EditError> for CommandError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::WrongType => Self::WrongType,
            EditError::NotInteger => Self::NotInteger,
            EditError::Overflow => Self::Overflow,
        }
    }
}
