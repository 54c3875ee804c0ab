//! What can be wrong with an RDB, and at which byte: an error here stops a server's start, and whoever reads it in the log
//! wants to know where to look. Commands have their own two lines for it, in [`dump`](super::dump).

use std::fmt;
use std::io;

/// The result of reading.
pub type Result<T> = std::result::Result<T, RdbError>;

/// Something is wrong at a byte of the input.
#[derive(Debug)]
pub struct RdbError {
    /// How many bytes were read before it.
    pub offset: u64,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// The source cannot be read.
    #[error("cannot read: {0}")]
    Io(io::Error),
    /// The input ends too early.
    #[error("the input ends here, in the middle of an item")]
    Truncated,
    /// It begins with something else.
    #[error("this is not an RDB file: it begins with neither REDIS nor VALKEY and a number")]
    NotRdb,
    /// It is too old or too new.
    #[error("version {0} of the format cannot be read")]
    Version(u32),
    /// The bytes are not those that were written.
    #[error("the checksum is {computed:016x} and should be {stored:016x}")]
    Checksum {
        /// What the bytes give.
        computed: u64,
        /// What the file says.
        stored: u64,
    },
    /// A byte that stands where a type or an opcode should.
    #[error("{0} is neither a type of value nor an opcode")]
    UnknownType(u8),
    /// Something that candidates of a release wrote, and whose form was never settled.
    #[error("{0} of a release candidate cannot be read")]
    Unsettled(&'static str),
    /// The form of an item is wrong.
    #[error("{0}")]
    Malformed(&'static str),
    /// A collection without elements, which no key can hold.
    #[error("a collection without elements")]
    Empty,
}

impl RdbError {
    /// The error of a malformed item.
    pub fn malformed(offset: u64, what: &'static str) -> Self {
        RdbError { offset, kind: ErrorKind::Malformed(what) }
    }

    /// The error of an input that is too short.
    pub fn truncated(offset: u64) -> Self {
        RdbError { offset, kind: ErrorKind::Truncated }
    }
}

impl fmt::Display for RdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.kind)
    }
}

impl std::error::Error for RdbError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// A packed collection has a wrong form. It is in one string of the input, whose place the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Malformed {
    /// The error at that place.
    pub fn at(self, offset: u64) -> RdbError {
        RdbError::malformed(offset, self.0)
    }
}
