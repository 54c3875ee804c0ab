//! What a field of a value may be: everything that knows how it is written as one or more of the fields of an RDB file. The derive
//! macros read and write structs through this, and types that are written by hand can too.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

use super::{Reader, Writer};
use crate::error::Result;

/// A part of a value: integers, floats, `bool`, `char`, text, bytes, and lists, options, tuples, arrays, maps and sets of parts.
///
/// `#[derive(Field)]` makes one of a struct or an enum of your own. One that holds itself, in a `Box` or a `Vec`, takes some of the
/// stack for every level when it is read.
///
/// ```
/// use sandkey::data_type::Field;
/// use sandkey::prelude::*;
///
/// #[derive(Field, Debug, PartialEq)]
/// enum Unit {
///     Celsius,
///     Other(String),
/// }
///
/// #[derive(Field)]
/// struct Sample {
///     when: u64,
///     value: f64,
/// }
///
/// #[derive(DataType)]
/// #[data_type(name = "my-series", encver = 1)]
/// struct Series {
///     unit: Unit,
///     samples: Vec<Sample>,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a value",
    note = "fields are integers, floats, bool, char, String, Vec<u8>, Vec, Option, Box, tuples, arrays, maps and sets of those, and \
            structs and enums with #[derive(Field)]"
)]
pub trait Field: Sized {
    /// Read it. Whatever is read takes at least one field of the bytes, so that a count of elements can be checked.
    fn read(reader: &mut Reader<'_>) -> Result<Self>;

    /// Write it. Equal values write equal bytes.
    fn write(&self, writer: &mut Writer);

    /// How many bytes of memory it has beside its own size.
    fn heap_size(&self) -> usize {
        0
    }

    /// Read a list; bytes are one string instead.
    #[doc(hidden)]
    fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Self>> {
        read_elements(reader)
    }

    /// Write a list.
    #[doc(hidden)]
    fn write_list(list: &[Self], writer: &mut Writer) {
        writer.u64(list.len() as u64);
        list.iter().for_each(|item| item.write(writer));
    }
}

impl Field for u8 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        narrow(reader.u64()?, reader)
    }

    fn write(&self, writer: &mut Writer) {
        writer.u64(u64::from(*self));
    }

    fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Self>> {
        Ok(reader.bytes()?.to_vec())
    }

    fn write_list(list: &[Self], writer: &mut Writer) {
        writer.bytes(list);
    }
}

/// Read a list element by element.
fn read_elements<T: Field>(reader: &mut Reader<'_>) -> Result<Vec<T>> {
    let count = reader.count()?;
    // Large elements may be announced by few bytes: what is set aside at first is no larger than what is left to read.
    let mut list = Vec::with_capacity(count.min(reader.remaining() / size_of::<T>().max(1)));
    for _ in 0..count {
        list.push(T::read(reader)?);
    }
    Ok(list)
}

fn narrow<W: Copy + std::fmt::Display, N: TryFrom<W>>(wide: W, reader: &Reader<'_>) -> Result<N> {
    N::try_from(wide).map_err(|_| reader.refuse(format_args!("{wide} is no {}", std::any::type_name::<N>())))
}

macro_rules! integers {
    ($($type:ty: $read:ident as $wide:ty),*) => {$(
        impl Field for $type {
            fn read(reader: &mut Reader<'_>) -> Result<Self> {
                narrow(reader.$read()?, reader)
            }

            fn write(&self, writer: &mut Writer) {
                // Widening: no integer is wider than 64 bits here.
                writer.$read(*self as $wide);
            }
        }
    )*};
}

integers!(i8: i64 as i64, i16: i64 as i64, i32: i64 as i64, isize: i64 as i64);
integers!(u16: u64 as u64, u32: u64 as u64, usize: u64 as u64);

macro_rules! as_they_are {
    ($($type:ident),*) => {$(
        impl Field for $type {
            fn read(reader: &mut Reader<'_>) -> Result<Self> {
                reader.$type()
            }

            fn write(&self, writer: &mut Writer) {
                writer.$type(*self);
            }
        }
    )*};
}

as_they_are!(i64, u64, f32, f64);

impl Field for u128 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self::from(reader.u64()?) << 64 | Self::from(reader.u64()?))
    }

    fn write(&self, writer: &mut Writer) {
        writer.u64((self >> 64) as u64);
        writer.u64(*self as u64);
    }
}

impl Field for i128 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        u128::read(reader).map(u128::cast_signed)
    }

    fn write(&self, writer: &mut Writer) {
        self.cast_unsigned().write(writer);
    }
}

impl Field for bool {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.u64()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(reader.refuse(format_args!("{other} is neither 0 nor 1"))),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.u64(u64::from(*self));
    }
}

impl Field for char {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        narrow(u32::read(reader)?, reader)
    }

    fn write(&self, writer: &mut Writer) {
        u32::from(*self).write(writer);
    }
}

impl Field for String {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.string()
    }

    fn write(&self, writer: &mut Writer) {
        writer.string(self);
    }

    fn heap_size(&self) -> usize {
        self.capacity()
    }
}

impl Field for Box<str> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.string().map(String::into_boxed_str)
    }

    fn write(&self, writer: &mut Writer) {
        writer.string(self);
    }

    fn heap_size(&self) -> usize {
        self.len()
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        T::read_list(reader)
    }

    fn write(&self, writer: &mut Writer) {
        T::write_list(self, writer);
    }

    fn heap_size(&self) -> usize {
        self.capacity() * size_of::<T>() + self.iter().map(T::heap_size).sum::<usize>()
    }
}

impl<T: Field> Field for Box<[T]> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        T::read_list(reader).map(Vec::into_boxed_slice)
    }

    fn write(&self, writer: &mut Writer) {
        T::write_list(self, writer);
    }

    fn heap_size(&self) -> usize {
        size_of_val::<[T]>(self) + self.iter().map(T::heap_size).sum::<usize>()
    }
}

impl<T: Field> Field for VecDeque<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        // Not as a list of bytes would be: it is not written as one.
        read_elements(reader).map(Self::from)
    }

    fn write(&self, writer: &mut Writer) {
        writer.u64(self.len() as u64);
        self.iter().for_each(|item| item.write(writer));
    }

    fn heap_size(&self) -> usize {
        self.capacity() * size_of::<T>() + self.iter().map(T::heap_size).sum::<usize>()
    }
}

impl<T: Field, const N: usize> Field for [T; N] {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        T::read_list(reader)?
            .try_into()
            .map_err(|list: Vec<T>| reader.refuse(format_args!("{} elements instead of {N}", list.len())))
    }

    fn write(&self, writer: &mut Writer) {
        T::write_list(self, writer);
    }

    fn heap_size(&self) -> usize {
        self.iter().map(T::heap_size).sum()
    }
}

impl<T: Field> Field for Box<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        T::read(reader).map(Self::new)
    }

    fn write(&self, writer: &mut Writer) {
        T::write(self, writer);
    }

    fn heap_size(&self) -> usize {
        size_of::<T>() + T::heap_size(self)
    }
}

impl<T: Field> Field for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        bool::read(reader)?.then(|| T::read(reader)).transpose()
    }

    fn write(&self, writer: &mut Writer) {
        self.is_some().write(writer);
        self.iter().for_each(|value| value.write(writer));
    }

    fn heap_size(&self) -> usize {
        self.as_ref().map_or(0, T::heap_size)
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        #[allow(non_snake_case, reason = "the names of the types serve for the values")]
        impl<$($name: Field),+> Field for ($($name,)+) {
            fn read(reader: &mut Reader<'_>) -> Result<Self> {
                Ok(($($name::read(reader)?,)+))
            }

            fn write(&self, writer: &mut Writer) {
                let ($($name,)+) = self;
                $($name.write(writer);)+
            }

            fn heap_size(&self) -> usize {
                let ($($name,)+) = self;
                0 $(+ $name.heap_size())+
            }
        }
    )*};
}

tuples!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F)(A B C D E F G)(A B C D E F G H));

const TWICE: &str = "the same element comes twice";

/// Read the entries of a map or the elements of a set; one that comes twice was not written by us.
fn read_all<T: Field>(reader: &mut Reader<'_>, take: impl FnMut(T) -> bool) -> Result<()> {
    let count = reader.count()?;
    read_each(count, reader, take)
}

fn read_each<T: Field>(count: usize, reader: &mut Reader<'_>, mut take: impl FnMut(T) -> bool) -> Result<()> {
    for _ in 0..count {
        let item = T::read(reader)?;
        if !take(item) {
            return Err(reader.refuse(TWICE));
        }
    }
    Ok(())
}

/// Bytes up to which the elements of a sorted collection are read into a list first.
const SORTED_AT_ONCE: usize = 2 << 20;

/// Read a sorted collection. Building it from a sorted list takes a fraction of inserting one element after the other; but the list
/// takes memory beside the collection, so a large one does without.
fn read_sorted<T: Field, C: Default + FromIterator<T>>(
    reader: &mut Reader<'_>,
    len: impl Fn(&C) -> usize,
    insert: impl Fn(&mut C, T) -> bool,
) -> Result<C> {
    let count = reader.count()?;
    if count.saturating_mul(size_of::<T>()) > SORTED_AT_ONCE {
        let mut collection = C::default();
        read_each(count, reader, |item| insert(&mut collection, item))?;
        return Ok(collection);
    }
    let collection: C = (0..count).map(|_| T::read(reader)).collect::<Result<C>>()?;
    if len(&collection) == count { Ok(collection) } else { Err(reader.refuse(TWICE)) }
}

fn write_pairs<'m, K: Field + 'm, V: Field + 'm>(
    pairs: impl ExactSizeIterator<Item = (&'m K, &'m V)>,
    writer: &mut Writer,
) {
    writer.u64(pairs.len() as u64);
    for (key, value) in pairs {
        key.write(writer);
        value.write(writer);
    }
}

impl<K: Field + Ord, V: Field> Field for BTreeMap<K, V> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        read_sorted(reader, Self::len, |map, (key, value)| map.insert(key, value).is_none())
    }

    fn write(&self, writer: &mut Writer) {
        write_pairs(self.iter(), writer);
    }

    fn heap_size(&self) -> usize {
        self.iter().map(|(key, value)| size_of::<(K, V)>() + key.heap_size() + value.heap_size()).sum()
    }
}

/// Also [`sandkey::collections::HashMap`](crate::collections::HashMap). Written in the order of its keys.
impl<K: Field + Ord + Hash, V: Field, S: BuildHasher + Default> Field for HashMap<K, V, S> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut map = Self::default();
        read_all(reader, |(key, value)| map.insert(key, value).is_none())?;
        Ok(map)
    }

    fn write(&self, writer: &mut Writer) {
        let mut pairs: Vec<(&K, &V)> = self.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        write_pairs(pairs.into_iter(), writer);
    }

    fn heap_size(&self) -> usize {
        let parts = self.iter().map(|(key, value)| key.heap_size() + value.heap_size()).sum::<usize>();
        // A table has a byte of its own for every place.
        self.capacity() * (size_of::<(K, V)>() + 1) + parts
    }
}

impl<T: Field + Ord> Field for BTreeSet<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        read_sorted(reader, Self::len, Self::insert)
    }

    fn write(&self, writer: &mut Writer) {
        writer.u64(self.len() as u64);
        self.iter().for_each(|item| item.write(writer));
    }

    fn heap_size(&self) -> usize {
        self.iter().map(|item| size_of::<T>() + item.heap_size()).sum()
    }
}

/// Also [`sandkey::collections::HashSet`](crate::collections::HashSet). Written in order.
impl<T: Field + Ord + Hash, S: BuildHasher + Default> Field for HashSet<T, S> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut set = Self::default();
        read_all(reader, |item| set.insert(item))?;
        Ok(set)
    }

    fn write(&self, writer: &mut Writer) {
        let mut items: Vec<&T> = self.iter().collect();
        items.sort_unstable();
        writer.u64(items.len() as u64);
        items.into_iter().for_each(|item| item.write(writer));
    }

    fn heap_size(&self) -> usize {
        self.capacity() * (size_of::<T>() + 1) + self.iter().map(T::heap_size).sum::<usize>()
    }
}
