//! Why a command refuses. The type mirrors `types.error` of the contract, and its text is the line that the client reads,
//! so a module's errors look like a native command's. Nothing here is for people who read logs: use the log macros.

use std::borrow::Cow;
use std::fmt;

/// What commands and everything that can fail inside them return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One line on the wire. [`error!`](crate::error!) makes one of your own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// `ERR wrong number of arguments for '<command>' command`
    WrongArity,
    /// `WRONGTYPE Operation against a key holding the wrong kind of value`
    WrongType,
    /// `ERR syntax error`
    Syntax,
    /// `ERR value is not an integer or out of range`
    NotAnInteger,
    /// `ERR value is not a valid float`
    NotAFloat,
    /// `ERR increment or decrement would overflow`
    Overflow,
    /// `ERR hash value is not an integer`
    HashValueNotAnInteger,
    /// `ERR hash value is not a float`
    HashValueNotAFloat,
    /// `ERR string exceeds maximum allowed size (proto-max-bulk-len)`
    TooLong,
    /// The key is not among those that the command's key specs find in its arguments. A command flagged `finds_keys` returns
    /// this, and runs again with the key.
    UndeclaredKey,
    /// A write by a command that is not flagged `write`, or through a key that was opened for reading.
    ReadOnly,
    /// The server is at `maxmemory` and the command may not grow anything.
    OutOfMemory,
    /// `Context::call` names a command that the table does not list, that does not exist, or that may not be called.
    NotCallable,
    /// Any other line. It starts with a code in capital letters, as in `ERR no such item`; a text without one gets
    /// `ERR ` in front. Line breaks become spaces.
    Other(Cow<'static, str>),
}

impl Error {
    /// A line from anything that can be shown, for instance another library's error:
    /// `parse(input).map_err(Error::other)?`.
    // By value, because this is what `map_err` passes.
    #[allow(clippy::needless_pass_by_value)]
    pub fn other(text: impl fmt::Display) -> Self {
        Self::Other(Cow::Owned(text.to_string()))
    }

    pub(crate) fn in_one_line(self) -> Self {
        match self {
            Self::Other(text) => Self::Other(one_line(text)),
            own => own,
        }
    }
}

/// A text without line breaks: on the wire they would end the line early.
pub(crate) fn one_line(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.contains(['\r', '\n']) { text.replace(['\r', '\n'], " ").into() } else { text }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongArity => "ERR wrong number of arguments",
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::Syntax => "ERR syntax error",
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotAFloat => "ERR value is not a valid float",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::HashValueNotAnInteger => "ERR hash value is not an integer",
            Self::HashValueNotAFloat => "ERR hash value is not a float",
            Self::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::UndeclaredKey => "ERR the command did not declare this key",
            Self::ReadOnly => "ERR the command or the key is read-only",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::NotCallable => "ERR the module may not call this command",
            Self::Other(text) => text,
        })
    }
}

impl std::error::Error for Error {}

impl From<&'static str> for Error {
    fn from(text: &'static str) -> Self {
        Self::Other(Cow::Borrowed(text))
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::Other(Cow::Owned(text))
    }
}

impl From<std::num::ParseIntError> for Error {
    fn from(_: std::num::ParseIntError) -> Self {
        Self::NotAnInteger
    }
}

impl From<std::num::TryFromIntError> for Error {
    fn from(_: std::num::TryFromIntError) -> Self {
        Self::NotAnInteger
    }
}

impl From<std::num::ParseFloatError> for Error {
    fn from(_: std::num::ParseFloatError) -> Self {
        Self::NotAFloat
    }
}

impl From<std::str::Utf8Error> for Error {
    fn from(_: std::str::Utf8Error) -> Self {
        Self::Other(Cow::Borrowed("ERR value is not valid UTF-8"))
    }
}

impl From<std::string::FromUtf8Error> for Error {
    fn from(error: std::string::FromUtf8Error) -> Self {
        error.utf8_error().into()
    }
}

/// An [`Error`] from a format string: `error!("ERR no such item {id}")`.
#[macro_export]
macro_rules! error {
    ($($format:tt)+) => { $crate::Error::Other(::std::format!($($format)+).into()) };
}

/// Return an [`Error`] from a format string, if a condition is given only when it holds:
/// `bail!("ERR no such item {id}")`, `bail!(if n < 0, "ERR must not be negative")`.
#[macro_export]
macro_rules! bail {
    (if $condition:expr, $($format:tt)+) => { if $condition { $crate::bail!($($format)+) } };
    ($($format:tt)+) => { return ::std::result::Result::Err($crate::error!($($format)+)) };
}
