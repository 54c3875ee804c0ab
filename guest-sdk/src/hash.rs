//! A key as a hash. A missing key is an empty hash, and a hash whose last field goes is gone itself.

use crate::bytes::{FromBytes, ToBytes};
use crate::error::Result;
use crate::host::Host;
use crate::strings::Strings;
use crate::views::views;

/// A hash that can be read. [`ReadKey::hash`](crate::ReadKey::hash) gives it.
#[derive(Clone, Copy)]
pub struct ReadHash<'k> {
    host: &'k Host,
    handle: u32,
}

/// A hash that can be read and changed. [`Key::hash`](crate::Key::hash) gives it.
#[derive(Clone, Copy)]
pub struct Hash<'k>(ReadHash<'k>);

views!(ReadHash, Hash);

impl<'k> ReadHash<'k> {
    /// The value of a field.
    pub fn get(&self, field: impl ToBytes) -> Result<Option<Vec<u8>>> {
        field.with_bytes(|field| self.host.hash_get(self.handle, field))
    }

    /// The value of a field as a number, as text, or as anything else that can be read from bytes.
    pub fn get_as<T: for<'b> FromBytes<'b>>(&self, field: impl ToBytes) -> Result<Option<T>> {
        self.get(field)?.map(|bytes| T::from_bytes(&bytes)).transpose()
    }

    /// The values of several fields, in their order.
    pub fn get_many<T: AsRef<[u8]>>(
        &self,
        fields: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Option<Vec<u8>>>> {
        self.host.hash_get_many(self.handle, fields.into_iter().collect())
    }

    /// All fields with their values, alternately: read them with [`Strings::pairs`].
    /// Use [`scan`](Self::scan) for a hash that may be large.
    pub fn get_all(&self) -> Result<Strings> {
        self.host.hash_get_all(self.handle)
    }

    /// Whether a field exists.
    pub fn exists(&self, field: impl ToBytes) -> Result<bool> {
        field.with_bytes(|field| self.host.hash_exists(self.handle, field))
    }

    /// The number of fields.
    pub fn len(&self) -> Result<u64> {
        self.host.hash_len(self.handle)
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Some fields with their values, alternately, and the cursor for the next call: begin with 0, and 0 means the end.
    /// It gives HSCAN's guarantees. About `count` fields come, at most 1,000, or all of a small hash.
    pub fn scan(&self, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        self.host.hash_scan(self.handle, cursor, count)
    }
}

impl<'k> Hash<'k> {
    /// Set a field; the answer is whether it is new.
    pub fn set(&self, field: impl ToBytes, value: impl ToBytes) -> Result<bool> {
        field.with_bytes(|field| value.with_bytes(|value| self.host.hash_set(self.handle, field, value)))
    }

    /// Set several fields; the answer is how many are new.
    pub fn set_many<F: ToBytes, V: ToBytes>(&self, pairs: impl IntoIterator<Item = (F, V)>) -> Result<u32> {
        let mut flat = Strings::new();
        for (field, value) in pairs {
            field.with_bytes(|field| flat.push(field));
            value.with_bytes(|value| flat.push(value));
        }
        self.host.hash_set_many(self.handle, flat)
    }

    /// Delete a field; the answer is whether there was one.
    pub fn delete(&self, field: impl ToBytes) -> Result<bool> {
        let one = field.with_bytes(|field| Strings::from_iter([field]));
        Ok(self.host.hash_delete(self.handle, one)? == 1)
    }

    /// Delete several fields; the answer is how many there were.
    pub fn delete_many<T: AsRef<[u8]>>(&self, fields: impl IntoIterator<Item = T>) -> Result<u32> {
        self.host.hash_delete(self.handle, fields.into_iter().collect())
    }

    /// Add to a field that holds a decimal integer, a missing one counting as 0; the answer is the sum.
    pub fn incr_by(&self, field: impl ToBytes, by: i64) -> Result<i64> {
        field.with_bytes(|field| self.host.hash_incr_by(self.handle, field, by))
    }
}
