//! What a command answers. Scalars stay typed; whatever is nested is written as RESP3 at once, which the server checks
//! and turns into RESP2 for clients that speak it. A type of your own becomes an answer with `impl From<Mine> for Reply`.
//! Not here: how an element of an array is written (`element`), and how replies of other commands are read (`value`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::element::{Element, Writer};
use crate::error::one_line;

/// The answer of a command.
///
/// | Rust | client |
/// |---|---|
/// | `()` | `+OK` |
/// | integers | integer; past `i64::MAX` a big number |
/// | `f64` | double |
/// | `bool` | boolean |
/// | text and bytes | bulk string |
/// | `None` | null |
/// | `Vec`, slices, arrays, tuples, [`Strings`](crate::Strings) | array |
/// | maps | map |
/// | sets | set |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// `+OK`.
    Ok,
    /// Nothing.
    Null,
    /// A 64 bit integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// A status line. It must not contain line breaks; [`Reply::simple`] replaces them.
    Simple(Cow<'static, str>),
    /// A byte string.
    Bulk(Vec<u8>),
    /// Exactly one RESP3 value as bytes.
    Resp3(Vec<u8>),
}

impl Reply {
    /// A status line, such as `QUEUED`. Line breaks become spaces.
    pub fn simple(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Simple(one_line(text.into()))
    }

    /// A byte string.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bulk(bytes.as_ref().to_vec())
    }

    /// An array from anything that counts its elements.
    pub fn array<T: Element>(elements: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) -> Self {
        let elements = elements.into_iter();
        Self::build(|writer| {
            writer.array(elements.len());
            for element in elements {
                element.write(writer);
            }
        })
    }

    /// A map from pairs of key and value.
    pub fn map<K: Element, V: Element>(
        pairs: impl IntoIterator<Item = (K, V), IntoIter: ExactSizeIterator>,
    ) -> Self {
        let pairs = pairs.into_iter();
        Self::build(|writer| {
            writer.map(pairs.len());
            for (key, value) in pairs {
                key.write(writer);
                value.write(writer);
            }
        })
    }

    /// Text with its format in three letters: `txt` or `mkd`. RESP2 clients read a bulk string.
    #[must_use]
    pub fn verbatim(format: &[u8; 3], text: &str) -> Self {
        Self::build(|writer| writer.verbatim(format, text))
    }

    /// Any nesting, written by hand. It must come to exactly one value: the server refuses anything else.
    ///
    /// ```
    /// # use sandkey::prelude::*;
    /// let reply = Reply::build(|w| {
    ///     w.array(2);
    ///     w.integer(1);
    ///     w.map(1);
    ///     w.bulk("name");
    ///     w.null();
    /// });
    /// assert_eq!(reply, Reply::Resp3(b"*2\r\n:1\r\n%1\r\n$4\r\nname\r\n_\r\n".to_vec()));
    /// ```
    pub fn build(write: impl FnOnce(&mut Writer)) -> Self {
        let mut writer = Writer::new();
        write(&mut writer);
        Self::Resp3(writer.into_bytes())
    }

    /// RESP3 bytes as they are. The server refuses the command when they are not exactly one value.
    #[must_use]
    pub const fn resp3(bytes: Vec<u8>) -> Self {
        Self::Resp3(bytes)
    }
}

impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::Ok
    }
}

impl From<bool> for Reply {
    fn from(yes: bool) -> Self {
        Self::Boolean(yes)
    }
}

impl From<f64> for Reply {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

macro_rules! from_small_integers {
    ($($type:ty),*) => {$(
        impl From<$type> for Reply {
            fn from(number: $type) -> Self {
                Self::Integer(i64::from(number))
            }
        }
    )*};
}

from_small_integers!(i8, i16, i32, i64, u8, u16, u32);

impl From<u64> for Reply {
    fn from(number: u64) -> Self {
        match i64::try_from(number) {
            Ok(number) => Self::Integer(number),
            Err(_) => Self::build(|writer| number.write(writer)),
        }
    }
}

impl From<usize> for Reply {
    fn from(number: usize) -> Self {
        // usize has at most 64 bits everywhere.
        Self::from(number as u64)
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::Bulk(text.into_bytes())
    }
}

impl From<Cow<'_, str>> for Reply {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Bulk(text.into_owned().into_bytes())
    }
}

impl From<&[u8]> for Reply {
    fn from(bytes: &[u8]) -> Self {
        Self::Bulk(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Reply {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bulk(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bulk(bytes)
    }
}

impl<T: Into<Self>> From<Option<T>> for Reply {
    fn from(maybe: Option<T>) -> Self {
        maybe.map_or(Self::Null, Into::into)
    }
}

macro_rules! from_elements {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> From<$type> for Reply {
            fn from(value: $type) -> Self {
                Self::build(|writer| value.write(writer))
            }
        }
    )*};
}

from_elements! {
    [T: Element] Vec<T>,
    [T: Element] &[T],
    [T: Element, const N: usize] [T; N],
    [T: Element] BTreeSet<T>,
    [K: Element, V: Element] BTreeMap<K, V>,
    [T: Element, S] std::collections::HashSet<T, S>,
    [K: Element, V: Element, S] std::collections::HashMap<K, V, S>,
    [A: Element] (A,),
    [A: Element, B: Element] (A, B),
    [A: Element, B: Element, C: Element] (A, B, C),
    [A: Element, B: Element, C: Element, D: Element] (A, B, C, D),
    [A: Element, B: Element, C: Element, D: Element, E: Element] (A, B, C, D, E),
    [A: Element, B: Element, C: Element, D: Element, E: Element, F: Element] (A, B, C, D, E, F),
    [] crate::strings::Strings,
    [] crate::strings::Argv<'_>,
}

/// An array: `items.iter().map(...).collect::<Reply>()`.
impl<T: Element> FromIterator<T> for Reply {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        // The length stands in front, and an iterator need not know it.
        let mut body = Writer::new();
        let mut len = 0;
        for element in elements {
            element.write(&mut body);
            len += 1;
        }
        Self::build(|writer| {
            writer.array(len);
            writer.raw(&body.into_bytes());
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resp3(bytes: &str) -> Reply {
        Reply::Resp3(bytes.as_bytes().to_vec())
    }

    #[test]
    fn scalars_stay_typed() {
        assert_eq!(Reply::from(()), Reply::Ok);
        assert_eq!(Reply::from(7u32), Reply::Integer(7));
        assert_eq!(Reply::from(u64::MAX), resp3("(18446744073709551615\r\n"));
        assert_eq!(Reply::from(None::<i64>), Reply::Null);
        assert_eq!(Reply::from(Some("x")), Reply::Bulk(b"x".to_vec()));
        assert_eq!(Reply::from(vec![1u8, 2]), Reply::Bulk(vec![1, 2]));
    }

    #[test]
    fn nesting_is_resp3() {
        assert_eq!(Reply::from(vec![1i64, 2]), resp3("*2\r\n:1\r\n:2\r\n"));
        assert_eq!(Reply::from((1, "a", None::<bool>, 1.5)), resp3("*4\r\n:1\r\n$1\r\na\r\n_\r\n,1.5\r\n"));
        assert_eq!(Reply::from(BTreeMap::from([("k", vec![true])])), resp3("%1\r\n$1\r\nk\r\n*1\r\n#t\r\n"));
        assert_eq!(Reply::from(BTreeSet::from(["m"])), resp3("~1\r\n$1\r\nm\r\n"));
        assert_eq!(["a", "b"].iter().filter(|s| **s != "a").collect::<Reply>(), resp3("*1\r\n$1\r\nb\r\n"));
        assert_eq!(Reply::array([(1, 2)]), resp3("*1\r\n*2\r\n:1\r\n:2\r\n"));
        assert_eq!(Reply::map([("k", 1)]), resp3("%1\r\n$1\r\nk\r\n:1\r\n"));
        assert_eq!(Reply::verbatim(b"txt", "hi"), resp3("=6\r\ntxt:hi\r\n"));
    }
}
