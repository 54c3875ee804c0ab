//! What another command answered, read from RESP3. Its depth is bounded and its lengths are checked before anything is
//! allocated, because a reply may come from another module. Not here: writing replies.

use crate::element::{Element, Writer};
use crate::error::{Error, Result};
use crate::reply::Reply;

/// How deep arrays may nest: as deep as the server lets any reply be.
const DEPTH_MAX: u32 = 32;

/// A reply that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// A status line, such as `OK`.
    Simple(String),
    /// A byte string; text with a format (verbatim) is one too.
    Bulk(Vec<u8>),
    /// An integer that needs more than 64 bits, in decimal.
    BigNumber(String),
    /// An array.
    Array(Vec<Value>),
    /// Pairs of key and value, in the order in which they came.
    Map(Vec<(Value, Value)>),
    /// A set.
    Set(Vec<Value>),
    /// An error as an element of something else, as EXEC has it.
    Error(String),
}

impl Value {
    /// Whether it is null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// An integer, or a string that holds one.
    pub fn as_integer(&self) -> Result<i64> {
        use crate::bytes::FromBytes;
        match self {
            Self::Integer(number) => Ok(*number),
            Self::Bulk(bytes) => i64::from_bytes(bytes),
            _ => Err(Error::NotAnInteger),
        }
    }

    /// The bytes of a string or a status line.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(bytes) => Some(bytes),
            Self::Simple(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// The same as text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The elements of an array or a set.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) | Self::Set(elements) => Some(elements),
            _ => None,
        }
    }

    pub(crate) fn from_reply(reply: Reply) -> Result<Self> {
        Ok(match reply {
            Reply::Ok => Self::Simple("OK".to_owned()),
            Reply::Null => Self::Null,
            Reply::Integer(number) => Self::Integer(number),
            Reply::Double(number) => Self::Double(number),
            Reply::Boolean(yes) => Self::Boolean(yes),
            Reply::Simple(text) => Self::Simple(text.into_owned()),
            Reply::Bulk(bytes) => Self::Bulk(bytes),
            Reply::Resp3(bytes) => return Self::parse(&bytes),
        })
    }

    /// Read exactly one RESP3 value.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader { rest: bytes };
        let value =
            reader.value(0).ok_or(Error::Other("ERR the called command's reply is not RESP3".into()))?;
        if reader.rest.is_empty() {
            Ok(value)
        } else {
            Err("ERR the called command's reply has more than one value".into())
        }
    }
}

/// `None` at any point means that this is not RESP3.
struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn line(&mut self) -> Option<&'b str> {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 2..];
        let lone_break = line.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        if lone_break { None } else { std::str::from_utf8(line).ok() }
    }

    fn blob(&mut self, len: &str) -> Option<&'b [u8]> {
        let len: usize = len.parse().ok()?;
        let blob = self.rest.get(..len)?;
        let rest = &self.rest[len..];
        self.rest = rest.strip_prefix(b"\r\n")?;
        Some(blob)
    }

    fn values(&mut self, len: &str, per_item: usize, depth: u32) -> Option<Vec<Value>> {
        let len: usize = len.parse::<usize>().ok()?.checked_mul(per_item)?;
        // The shortest value, `_`, takes three bytes: a longer list than that cannot be true.
        if len > self.rest.len() / 3 {
            return None;
        }
        (0..len).map(|_| self.value(depth + 1)).collect()
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        let (&kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        let line = self.line()?;
        Some(match kind {
            b'_' if line.is_empty() => Value::Null,
            b'$' | b'*' if line == "-1" => Value::Null,
            b':' => Value::Integer(line.parse().ok()?),
            b',' => Value::Double(line.parse().ok()?),
            b'#' => Value::Boolean(match line {
                "t" => true,
                "f" => false,
                _ => return None,
            }),
            b'+' => Value::Simple(line.to_owned()),
            b'-' => Value::Error(line.to_owned()),
            b'!' => Value::Error(String::from_utf8_lossy(self.blob(line)?).into_owned()),
            b'(' => Value::BigNumber(line.to_owned()),
            b'$' => Value::Bulk(self.blob(line)?.to_vec()),
            b'=' => Value::Bulk(self.blob(line)?.get(4..)?.to_vec()),
            b'*' => Value::Array(self.values(line, 1, depth)?),
            b'~' => Value::Set(self.values(line, 1, depth)?),
            b'%' => {
                let mut flat = self.values(line, 2, depth)?.into_iter();
                let mut pairs = Vec::with_capacity(flat.len() / 2);
                while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
            _ => return None,
        })
    }
}

impl PartialEq<i64> for Value {
    fn eq(&self, other: &i64) -> bool {
        matches!(self, Self::Integer(number) if number == other)
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == Some(other.as_bytes())
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialEq<bool> for Value {
    fn eq(&self, other: &bool) -> bool {
        matches!(self, Self::Boolean(yes) if yes == other)
    }
}

impl PartialEq<f64> for Value {
    fn eq(&self, other: &f64) -> bool {
        matches!(self, Self::Double(number) if number == other)
    }
}

impl<T, const N: usize> PartialEq<[T; N]> for Value
where
    Self: PartialEq<T>,
{
    fn eq(&self, other: &[T; N]) -> bool {
        self.as_slice()
            .is_some_and(|elements| elements.len() == N && elements.iter().zip(other).all(|(a, b)| a == b))
    }
}

impl Element for Value {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.null(),
            Self::Integer(number) => writer.integer(*number),
            Self::Double(number) => writer.double(*number),
            Self::Boolean(yes) => writer.boolean(*yes),
            Self::Simple(text) => writer.simple(text),
            Self::Bulk(bytes) => writer.bulk(bytes),
            Self::BigNumber(digits) => writer.big_number(digits),
            Self::Array(elements) => elements.write(writer),
            Self::Map(pairs) => {
                writer.map(pairs.len());
                for (key, value) in pairs {
                    key.write(writer);
                    value.write(writer);
                }
            }
            Self::Set(elements) => {
                writer.set(elements.len());
                for element in elements {
                    element.write(writer);
                }
            }
            Self::Error(text) => writer.error(text),
        }
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Double(number) => Self::Double(number),
            Value::Boolean(yes) => Self::Boolean(yes),
            Value::Simple(text) if text == "OK" => Self::Ok,
            Value::Simple(text) => Self::simple(text),
            Value::Bulk(bytes) => Self::Bulk(bytes),
            nested => Self::build(|writer| nested.write(writer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_writing_and_reading() {
        let value = Value::Array(vec![
            Value::Null,
            Value::Integer(-5),
            Value::Double(0.5),
            Value::Boolean(false),
            Value::Simple("fine".into()),
            Value::Bulk(b"a\r\nb".to_vec()),
            Value::BigNumber("123456789012345678901234567890".into()),
            Value::Map(vec![(Value::Bulk(b"k".to_vec()), Value::Set(vec![Value::Integer(1)]))]),
            Value::Error("ERR no".into()),
        ]);
        let Reply::Resp3(bytes) = Reply::from(value.clone()) else { panic!("nested replies are RESP3") };
        assert_eq!(Value::parse(&bytes), Ok(value));
    }

    #[test]
    fn lies_are_refused_without_allocating_for_them() {
        for bad in [
            "",
            "*",
            "*1\r\n",
            ":x\r\n",
            "$5\r\nabc\r\n",
            "$3\r\nabcd\r\n",
            "*4294967295\r\n_\r\n",
            "#x\r\n",
            ":1\r\n:2\r\n",
            "$-2\r\n",
            "=2\r\nab\r\n",
            "%9223372036854775807\r\n",
        ] {
            assert!(Value::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Value::parse(&[b"*1\r\n".repeat(32).as_slice(), b"_\r\n"].concat()).is_ok());
        assert!(Value::parse(&[b"*1\r\n".repeat(33).as_slice(), b"_\r\n"].concat()).is_err());
        assert!(Value::parse(&b"*1\r\n".repeat(1_000_000)).is_err());
    }

    #[test]
    fn values_compare_with_plain_rust() {
        assert_eq!(Value::Integer(3), 3);
        assert_eq!(Value::Simple("OK".into()), "OK");
        assert_eq!(Value::Array(vec![Value::Integer(1), Value::Integer(2)]), [1, 2]);
        assert_ne!(Value::Null, 0);
    }
}
