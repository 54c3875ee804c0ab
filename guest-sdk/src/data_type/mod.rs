//! Types of values that a module owns: what such a type must be able to do, and the table's line about it.
//!
//! The server owns a value as bytes; an object in the module's memory is a cache of one value, and the server may drop it and have
//! it made again from the bytes. So a type is a pair of functions, [`DataType::save`] and [`DataType::load`], and commands work on
//! the object in between: [`Context::open_ref`](crate::Context::open_ref) and [`Context::open_mut`](crate::Context::open_mut).
//! Objects and their numbers are in `store`, what commands hold of them in `guard`, the bytes in `reader` and `writer`.

use std::any::{Any, TypeId};
use std::fmt;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::strings::Strings;

mod field;
pub(crate) mod guard;
mod reader;
pub(crate) mod store;
mod writer;

pub use field::Field;
pub use guard::{Slot, ValueMut, ValueRef};
pub use reader::Reader;
pub use sandkey_macros::Field;
pub use writer::Writer;

/// A type of values that the module owns.
///
/// `#[derive(DataType)]` writes this for a struct whose fields are saved in order. By hand it looks like this, and can
/// read what earlier versions saved:
///
/// ```
/// use sandkey::data_type::{Reader, Writer};
/// use sandkey::prelude::*;
///
/// /// Moments and what was measured then.
/// #[derive(Default)]
/// struct Series {
///     unit: String,
///     samples: Vec<(u64, f64)>,
/// }
///
/// impl DataType for Series {
///     const NAME: &'static str = "my-series";
///     const ENCVER: u32 = 2;
///
///     fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
///         // Version 1 had no unit.
///         let unit = if encver >= 2 { reader.string()? } else { String::new() };
///         let mut samples = Vec::new();
///         while !reader.is_empty() {
///             samples.push((reader.u64()?, reader.f64()?));
///         }
///         Ok(Self { unit, samples })
///     }
///
///     fn save(&self, writer: &mut Writer) {
///         writer.string(&self.unit);
///         for &(when, value) in &self.samples {
///             writer.u64(when);
///             writer.f64(value);
///         }
///     }
///
///     fn memory_usage(&self) -> usize {
///         size_of::<Self>() + self.unit.capacity() + self.samples.capacity() * size_of::<(u64, f64)>()
///     }
/// }
/// # let series = Series { unit: "C".to_owned(), samples: vec![(1, 2.5), (7, 3.0)] };
/// # let mut writer = Writer::new();
/// # series.save(&mut writer);
/// # let bytes = writer.into_bytes();
/// # let again = Series::load(&mut Reader::new(&bytes), 2).unwrap();
/// # assert_eq!((again.unit, again.samples), (series.unit, series.samples));
/// ```
pub trait DataType: Sized + 'static {
    /// What TYPE answers and what names the type in files: exactly 9 characters of `A-Z a-z 0-9 - _`. No other loaded module
    /// may have it, so choose one that says whose it is.
    const NAME: &'static str;

    /// The version of the saved form, 0 to 1023. Count it up when [`save`](Self::save) changes.
    const ENCVER: u32;

    /// Make the value again from what `save` wrote, in this version of the type or in an earlier one. The bytes may come from
    /// anybody who may use RESTORE, so what they say must be checked like any input.
    ///
    /// Fields that are left unread are an error, which the caller finds.
    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self>;

    /// Write everything that the value is. Equal values write equal bytes: sort what has no order.
    fn save(&self, writer: &mut Writer);

    /// How many bytes of memory it takes, for MEMORY USAGE.
    fn memory_usage(&self) -> usize {
        size_of::<Self>()
    }

    /// About how many steps dropping it takes: its elements, or 1.
    fn free_effort(&self) -> usize {
        1
    }

    /// Write a copy of the value that will stand under another key. An error refuses the COPY.
    fn copy(&self, source: &[u8], target: &[u8], writer: &mut Writer) -> Result<()> {
        let _ = (source, target);
        self.save(writer);
        Ok(())
    }

    /// Add what DEBUG DIGEST mixes in: equal for equal values, whatever happened to them before.
    fn digest(&self, digest: &mut Vec<u8>) {
        let mut writer = Writer::new();
        self.save(&mut writer);
        digest.extend_from_slice(&writer.into_bytes());
    }

    /// The commands that make the value under this key, for an append-only file without an RDB preamble. None: the server writes a
    /// RESTORE with the bytes.
    fn aof_rewrite(&self, key: &[u8]) -> Vec<Strings> {
        let _ = key;
        Vec::new()
    }
}

/// A value of any type of the module, as the store and the exports see it.
pub(crate) trait AnyObject: Any {
    fn save(&self, writer: &mut Writer);
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports ask"))]
    fn memory_usage(&self) -> usize;
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports ask"))]
    fn free_effort(&self) -> usize;
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports ask"))]
    fn copy(&self, source: &[u8], target: &[u8], writer: &mut Writer) -> Result<()>;
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports ask"))]
    fn digest(&self, digest: &mut Vec<u8>);
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports ask"))]
    fn aof_rewrite(&self, key: &[u8]) -> Vec<Strings>;
}

impl<T: DataType> AnyObject for T {
    fn save(&self, writer: &mut Writer) {
        DataType::save(self, writer);
    }

    fn memory_usage(&self) -> usize {
        DataType::memory_usage(self)
    }

    fn free_effort(&self) -> usize {
        DataType::free_effort(self)
    }

    fn copy(&self, source: &[u8], target: &[u8], writer: &mut Writer) -> Result<()> {
        DataType::copy(self, source, target, writer)
    }

    fn digest(&self, digest: &mut Vec<u8>) {
        DataType::digest(self, digest);
    }

    fn aof_rewrite(&self, key: &[u8]) -> Vec<Strings> {
        DataType::aof_rewrite(self, key)
    }
}

/// An object: the live form of one value.
pub(crate) type Object = Rc<dyn AnyObject>;

/// A line of the table of types.
#[derive(Clone, Copy)]
pub struct TypeEntry {
    /// What TYPE answers.
    pub name: &'static str,
    /// The version of the saved form.
    pub encver: u32,
    pub(crate) id: TypeId,
    load: fn(&mut Reader<'_>, u32) -> Result<Object>,
}

impl fmt::Debug for TypeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeEntry")
            .field("name", &self.name)
            .field("encver", &self.encver)
            .finish_non_exhaustive()
    }
}

impl TypeEntry {
    /// The line for a type.
    #[must_use]
    pub const fn of<T: DataType>() -> Self {
        assert!(
            T::NAME.len() == 9 && crate::spec::is_name(T::NAME, b"-_"),
            "a data type's name is exactly 9 characters of A-Z a-z 0-9 - _"
        );
        assert!(T::ENCVER <= 1023, "a data type's encver is 0 to 1023");
        Self { name: T::NAME, encver: T::ENCVER, id: TypeId::of::<T>(), load: load::<T> }
    }

    /// An object from bytes that were saved, or why they are no value of this type.
    pub(crate) fn load(&self, encver: u32, bytes: &[u8]) -> Result<Object, String> {
        if encver > self.encver {
            return Err(format!(
                "{}: version {encver} is newer than this module's {}",
                self.name, self.encver
            ));
        }
        let mut reader = Reader::new(bytes);
        let object = (self.load)(&mut reader, encver).and_then(|object| reader.finish().map(|()| object));
        object.map_err(|error: Error| format!("{}: {}", self.name, reason(&error)))
    }
}

fn load<T: DataType>(reader: &mut Reader<'_>, encver: u32) -> Result<Object> {
    Ok(Rc::new(T::load(reader, encver)?))
}

/// An error inside of a longer sentence: without the code in front.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    text.strip_prefix("ERR ").map_or_else(|| text.clone(), str::to_owned)
}

/// What an object saves.
pub(crate) fn saved(object: &dyn AnyObject) -> Vec<u8> {
    let mut writer = Writer::new();
    object.save(&mut writer);
    writer.into_bytes()
}
