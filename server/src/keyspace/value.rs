//! What can stand under a key: the types with Redis's names, the encodings, and `Value`, the form in which a value
//! travels when it is in no database: while a key is renamed, copied, undone or loaded.

use std::fmt;

use super::hash::Hash;
use super::list::List;
use super::module_value::ModuleValue;
use super::set::Set;
use super::stream::Stream;
use super::zset::Zset;

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Bytes or an integer.
    String,
    /// A sequence.
    List,
    /// Unique members.
    Set,
    /// Unique members with a score.
    Zset,
    /// Fields with a value each.
    Hash,
    /// A log of entries.
    Stream,
    /// A value of a module's own type, which has a name of its own.
    Module,
}

impl ValueType {
    /// The name that TYPE replies with and that SCAN's TYPE option takes.
    pub fn name(self) -> &'static str {
        match self {
            ValueType::String => "string",
            ValueType::List => "list",
            ValueType::Set => "set",
            ValueType::Zset => "zset",
            ValueType::Hash => "hash",
            ValueType::Stream => "stream",
            ValueType::Module => "module",
        }
    }
}

/// How a value is stored, as OBJECT ENCODING tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A string that is the decimal form of a 64-bit integer.
    Int,
    /// A short string.
    Embstr,
    /// A longer string, or one that was edited in place.
    Raw,
    /// A small collection in one packed buffer.
    Listpack,
    /// A small set of integers.
    Intset,
    /// A large collection in a table.
    Hashtable,
    /// A list.
    Quicklist,
    /// A large sorted set.
    Skiplist,
    /// A stream.
    Stream,
    /// A value of a module's type, of which only the module knows more.
    Module,
}

impl Encoding {
    /// Whether the elements of a collection stand in a table, as those of a large one do.
    pub fn is_table(self) -> bool {
        matches!(self, Encoding::Hashtable | Encoding::Skiplist)
    }

    /// The name that OBJECT ENCODING replies with.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
            Encoding::Listpack => "listpack",
            Encoding::Intset => "intset",
            Encoding::Hashtable => "hashtable",
            Encoding::Quicklist => "quicklist",
            Encoding::Skiplist => "skiplist",
            Encoding::Stream => "stream",
            // As Redis answers for a module's value.
            Encoding::Module => "raw",
        }
    }
}

/// A value that is in no database.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string; stored as an integer if it reads as one.
    String(Vec<u8>),
    /// A string that is an integer.
    Int(i64),
    /// A list.
    List(Box<List>),
    /// A set.
    Set(Box<Set>),
    /// A sorted set.
    Zset(Box<Zset>),
    /// A hash.
    Hash(Box<Hash>),
    /// A value of a module's own type.
    Module(Box<ModuleValue>),
    /// A stream.
    Stream(Box<Stream>),
}

impl Value {
    /// The type's name in the protocol.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::String(_) | Value::Int(_) => ValueType::String,
            Value::List(_) => ValueType::List,
            Value::Set(_) => ValueType::Set,
            Value::Zset(_) => ValueType::Zset,
            Value::Hash(_) => ValueType::Hash,
            Value::Module(_) => ValueType::Module,
            Value::Stream(_) => ValueType::Stream,
        }
    }
}

/// A string value where it is stored: its bytes, or the integer that they would spell.
#[derive(Clone, Copy)]
pub enum StringRef<'a> {
    /// The bytes.
    Bytes(&'a [u8]),
    /// An integer whose decimal form is the value.
    Int(i64),
}

impl<'a> StringRef<'a> {
    /// The bytes. An integer is written to `digits` first.
    #[inline]
    pub fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            StringRef::Bytes(bytes) => bytes,
            StringRef::Int(number) => digits.format(number).as_bytes(),
        }
    }

    /// The bytes, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// How many bytes the value has.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // STRLEN is wanted; nobody asks whether a value is empty.
    pub fn len(self) -> usize {
        match self {
            StringRef::Bytes(bytes) => bytes.len(),
            StringRef::Int(number) => itoa::Buffer::new().format(number).len(),
        }
    }

    /// The value as an integer, if it is the decimal form of one.
    #[inline]
    pub fn int(self) -> Option<i64> {
        match self {
            StringRef::Bytes(bytes) => canonical_int(bytes),
            StringRef::Int(number) => Some(number),
        }
    }
}

impl PartialEq<[u8]> for StringRef<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.bytes(&mut itoa::Buffer::new()) == other
    }
}

impl PartialEq for StringRef<'_> {
    fn eq(&self, other: &StringRef<'_>) -> bool {
        *self == *other.bytes(&mut itoa::Buffer::new())
    }
}

impl fmt::Debug for StringRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes(&mut itoa::Buffer::new()).escape_ascii())
    }
}

/// The integer that `bytes` spell, if writing it again gives the same bytes: no sign but `-`, no leading zero, no
/// blank. Only such strings may be stored as integers.
#[inline]
pub fn canonical_int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return if negative { None } else { Some(0) },
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // Nineteen digits always fit in an u64.
    let mut number = 0u64;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
}

/// Why a value cannot be edited as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The value is of another type.
    WrongType,
    /// The string does not read as an integer.
    NotInteger,
    /// The result does not fit in 64 bits.
    Overflow,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_count() {
        for text in ["0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(canonical_int(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "-99999999999999999999",
            "1\0",
            "0x1",
        ] {
            assert_eq!(canonical_int(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_stored_integer_reads_as_its_digits() {
        let value = StringRef::Int(-42);
        assert_eq!(value.to_vec(), b"-42");
        assert_eq!(value.len(), 3);
        assert!(value == *b"-42".as_slice());
        assert_eq!(value.int(), Some(-42));
        assert_eq!(StringRef::Bytes(b"7").int(), Some(7));
    }
}
