//! How values are written inside of arrays, maps and sets: RESP3, straight into one buffer.

use std::collections::{BTreeMap, BTreeSet};

use crate::bytes::float_text;
use crate::reply::Reply;
use crate::strings::{Argv, Strings};

/// Writes RESP3. It does not count: who announces two elements writes two.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        // Enough for most replies, and cheaper than growing from nothing.
        Self { out: Vec::with_capacity(128) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Bytes that are RESP3 already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn head(&mut self, kind: u8, number: impl itoa::Integer) {
        self.out.push(kind);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &str) {
        self.out.push(kind);
        // A line break would end the value early, and whatever follows would be read as the next one.
        self.out.extend(text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.out.extend_from_slice(b"\r\n");
    }

    /// The beginning of an array: `len` values follow.
    pub fn array(&mut self, len: usize) {
        self.head(b'*', len);
    }

    /// The beginning of a map: `len` pairs of values follow.
    pub fn map(&mut self, len: usize) {
        self.head(b'%', len);
    }

    /// The beginning of a set: `len` values follow.
    pub fn set(&mut self, len: usize) {
        self.head(b'~', len);
    }

    /// An integer.
    pub fn integer(&mut self, number: i64) {
        self.head(b':', number);
    }

    /// A double.
    pub fn double(&mut self, number: f64) {
        self.line(b',', &float_text(number));
    }

    /// True or false.
    pub fn boolean(&mut self, yes: bool) {
        self.raw(if yes { b"#t\r\n" } else { b"#f\r\n" });
    }

    /// Nothing.
    pub fn null(&mut self) {
        self.raw(b"_\r\n");
    }

    /// A status line.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text);
    }

    /// An error as an element, for commands that report success and failure item by item.
    pub fn error(&mut self, text: &str) {
        self.line(b'-', text);
    }

    /// A byte string.
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.head(b'$', bytes.len());
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// An integer of any size, in decimal.
    pub fn big_number(&mut self, digits: &str) {
        self.line(b'(', digits);
    }

    /// Text with its format in three letters.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &str) {
        self.head(b'=', text.len() + 4);
        self.raw(format);
        self.raw(b":");
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }
}

/// Something that can stand inside of an array, a map or a set.
///
/// ```
/// use sandkey::prelude::*;
/// use sandkey::{Element, Writer};
///
/// struct Point { x: f64, y: f64 }
/// impl Element for Point {
///     fn write(&self, writer: &mut Writer) {
///         (self.x, self.y).write(writer);
///     }
/// }
/// assert_eq!(Reply::from(vec![Point { x: 1.0, y: 2.0 }]), Reply::from(vec![(1.0, 2.0)]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand inside of an array, a map or a set of a reply",
    note = "implement `sandkey::Element` for it, or turn it into a `Reply` first: a `Reply` can"
)]
pub trait Element {
    /// Write exactly one value.
    fn write(&self, writer: &mut Writer);
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Element for $type {
            fn write(&self, writer: &mut Writer) {
                writer.integer(i64::from(*self));
            }
        }
    )*};
}

// Not u8: a vector of those is a byte string.
integers!(i8, i16, i32, i64, u16, u32);

impl Element for u64 {
    fn write(&self, writer: &mut Writer) {
        // RESP integers are signed; what does not fit is a big number.
        writer.head(if i64::try_from(*self).is_ok() { b':' } else { b'(' }, *self);
    }
}

impl Element for usize {
    fn write(&self, writer: &mut Writer) {
        (*self as u64).write(writer);
    }
}

impl Element for f64 {
    fn write(&self, writer: &mut Writer) {
        writer.double(*self);
    }
}

impl Element for bool {
    fn write(&self, writer: &mut Writer) {
        writer.boolean(*self);
    }
}

impl Element for () {
    fn write(&self, writer: &mut Writer) {
        writer.simple("OK");
    }
}

macro_rules! bulks {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> Element for $type {
            fn write(&self, writer: &mut Writer) {
                writer.bulk(self);
            }
        }
    )*};
}

bulks!([] str, [] String, [] [u8], [] Vec<u8>, [const N: usize] [u8; N]);

impl<T: Element + ?Sized> Element for &T {
    fn write(&self, writer: &mut Writer) {
        (**self).write(writer);
    }
}

impl<T: Element> Element for Option<T> {
    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => writer.null(),
        }
    }
}

impl<T: Element> Element for [T] {
    fn write(&self, writer: &mut Writer) {
        writer.array(self.len());
        for element in self {
            element.write(writer);
        }
    }
}

impl<T: Element, const N: usize> Element for [T; N] {
    fn write(&self, writer: &mut Writer) {
        self.as_slice().write(writer);
    }
}

impl<T: Element> Element for Vec<T> {
    fn write(&self, writer: &mut Writer) {
        self.as_slice().write(writer);
    }
}

macro_rules! sets_and_maps {
    (sets: $([$($set_generics:tt)*] $set:ty),*; maps: $([$($map_generics:tt)*] $map:ty),*) => {
        $(impl<$($set_generics)*> Element for $set {
            fn write(&self, writer: &mut Writer) {
                writer.set(self.len());
                for element in self {
                    element.write(writer);
                }
            }
        })*
        $(impl<$($map_generics)*> Element for $map {
            fn write(&self, writer: &mut Writer) {
                writer.map(self.len());
                for (key, value) in self {
                    key.write(writer);
                    value.write(writer);
                }
            }
        })*
    };
}

sets_and_maps! {
    sets: [T: Element] BTreeSet<T>, [T: Element, S] std::collections::HashSet<T, S>;
    maps: [K: Element, V: Element] BTreeMap<K, V>, [K: Element, V: Element, S] std::collections::HashMap<K, V, S>
}

macro_rules! tuples {
    ($(($len:literal: $($name:ident $index:tt),+))*) => {$(
        impl<$($name: Element),+> Element for ($($name,)+) {
            fn write(&self, writer: &mut Writer) {
                writer.array($len);
                $(self.$index.write(writer);)+
            }
        }
    )*};
}

tuples! {
    (1: A 0)
    (2: A 0, B 1)
    (3: A 0, B 1, C 2)
    (4: A 0, B 1, C 2, D 3)
    (5: A 0, B 1, C 2, D 3, E 4)
    (6: A 0, B 1, C 2, D 3, E 4, F 5)
}

impl Element for Argv<'_> {
    fn write(&self, writer: &mut Writer) {
        writer.array(self.len());
        for bytes in self.iter() {
            writer.bulk(bytes);
        }
    }
}

impl Element for Strings {
    fn write(&self, writer: &mut Writer) {
        self.as_argv().write(writer);
    }
}

impl Element for Reply {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Ok => writer.simple("OK"),
            Self::Null => writer.null(),
            Self::Integer(number) => writer.integer(*number),
            Self::Double(number) => writer.double(*number),
            Self::Boolean(yes) => writer.boolean(*yes),
            Self::Simple(text) => writer.simple(text),
            Self::Bulk(bytes) => writer.bulk(bytes),
            Self::Resp3(bytes) => writer.raw(bytes),
        }
    }
}
