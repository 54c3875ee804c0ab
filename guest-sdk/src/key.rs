//! A key that a command was given, and what can be done with it as such and as a string. Nothing is cached: every method is
//! one call of the server. A hash is behind [`Key::hash`], a set behind [`Key::as_set`] and so on, a value of the module's own type behind
//! [`Context::open_mut`](crate::Context::open_mut).

use std::fmt;
use std::ops::Deref;

use crate::bytes::{FromBytes, ToBytes};
use crate::error::Result;
use crate::hash::{Hash, ReadHash};
use crate::host::Host;
use crate::list::{List, ReadList};
use crate::set::{ReadSet, Set};
use crate::sorted_set::{ReadSortedSet, SortedSet};
use crate::stream::{ReadStream, Stream};

/// The type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// There is no such key.
    None,
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
    /// A value of a module's own type.
    Module,
}

/// A key that can be read.
///
/// As a parameter it says that the command only reads this key, even if the command changes others.
#[derive(Clone)]
pub struct ReadKey<'a> {
    host: Host,
    handle: u32,
    name: &'a [u8],
}

/// A key that can be read and, in a command flagged `write`, changed.
///
/// As a parameter it is the key's place among the arguments: the key specs follow from it.
#[derive(Clone)]
pub struct Key<'a>(ReadKey<'a>);

impl fmt::Debug for ReadKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadKey").field(&String::from_utf8_lossy(self.name)).finish()
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&String::from_utf8_lossy(self.0.name)).finish()
    }
}

impl<'a> ReadKey<'a> {
    pub(crate) fn open(host: &Host, name: &'a [u8], write: bool) -> Result<Self> {
        let handle = host.open(name, write)?;
        Ok(Self { host: host.clone(), handle, name })
    }

    pub(crate) const fn handle(&self) -> u32 {
        self.handle
    }

    /// The key's name.
    #[must_use]
    pub const fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The type of its value.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        self.host.type_of(self.handle)
    }

    /// The 9 characters that name its type if it holds a value of some module's own type.
    #[must_use]
    pub fn type_name(&self) -> Option<String> {
        self.host.type_name(self.handle)
    }

    /// Whether it exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.host.exists(self.handle)
    }

    /// When it expires, in milliseconds since 1970; `None` if it does not exist or does not expire.
    #[must_use]
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.host.expires_at_ms(self.handle)
    }

    /// The string; `None` if there is no such key.
    pub fn get(&self) -> Result<Option<Vec<u8>>> {
        self.host.string_get(self.handle)
    }

    /// The string as a number, as text, or as anything else that can be read from bytes: `key.get_as::<i64>()?`.
    pub fn get_as<T: for<'b> FromBytes<'b>>(&self) -> Result<Option<T>> {
        self.get()?.map(|bytes| T::from_bytes(&bytes)).transpose()
    }

    /// The bytes from `start` to `end`, both included, and both from the end when negative, as GETRANGE has it.
    pub fn get_range(&self, start: i64, end: i64) -> Result<Vec<u8>> {
        self.host.string_get_range(self.handle, start, end)
    }

    /// The length of the string; 0 if there is no such key.
    pub fn len(&self) -> Result<u64> {
        self.host.string_len(self.handle)
    }

    /// Whether the string is empty or missing.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The key as a hash.
    #[must_use]
    pub fn hash(&self) -> ReadHash<'_> {
        ReadHash::new(&self.host, self.handle)
    }

    /// The key as a set.
    #[must_use]
    pub fn as_set(&self) -> ReadSet<'_> {
        ReadSet::new(&self.host, self.handle)
    }

    /// The key as a list.
    #[must_use]
    pub fn as_list(&self) -> ReadList<'_> {
        ReadList::new(&self.host, self.handle)
    }

    /// The key as a sorted set.
    #[must_use]
    pub fn as_sorted_set(&self) -> ReadSortedSet<'_> {
        ReadSortedSet::new(&self.host, self.handle)
    }

    /// The key as a stream.
    #[must_use]
    pub fn as_stream(&self) -> ReadStream<'_> {
        ReadStream::new(&self.host, self.handle)
    }
}

impl<'a> Key<'a> {
    pub(crate) fn open(host: &Host, name: &'a [u8], write: bool) -> Result<Self> {
        ReadKey::open(host, name, write).map(Self)
    }

    /// Set the string. It replaces a value of any type, and the time to live is gone.
    pub fn set(&self, value: impl ToBytes) -> Result<()> {
        value.with_bytes(|bytes| self.host.string_set(self.handle, bytes))
    }

    /// Set the string and leave its time to live as it is.
    pub fn replace(&self, value: impl ToBytes) -> Result<()> {
        value.with_bytes(|bytes| self.host.string_replace(self.handle, bytes))
    }

    /// Append to the string; the answer is the new length.
    pub fn append(&self, value: impl ToBytes) -> Result<u64> {
        value.with_bytes(|bytes| self.host.string_append(self.handle, bytes))
    }

    /// Overwrite from `offset` on, filling a gap with zero bytes; the answer is the new length.
    pub fn set_range(&self, offset: u64, value: impl ToBytes) -> Result<u64> {
        value.with_bytes(|bytes| self.host.string_set_range(self.handle, offset, bytes))
    }

    /// Add to a decimal integer, a missing key counting as 0; the answer is the sum.
    pub fn incr_by(&self, by: i64) -> Result<i64> {
        self.host.string_incr_by(self.handle, by)
    }

    /// Delete the key; the answer is whether it existed.
    pub fn delete(&self) -> Result<bool> {
        self.host.delete(self.handle)
    }

    /// Let the key expire at a time in milliseconds since 1970; the answer is whether it exists.
    /// A time that has passed deletes it.
    pub fn expire_at_ms(&self, when: u64) -> Result<bool> {
        self.host.expire_at_ms(self.handle, Some(when))
    }

    /// Let the key expire so many milliseconds from now; the answer is whether it exists.
    pub fn expire_in_ms(&self, ms: u64) -> Result<bool> {
        self.expire_at_ms((self.host.now_us() / 1000).saturating_add(ms))
    }

    /// Let the key never expire; the answer is whether it exists.
    pub fn persist(&self) -> Result<bool> {
        self.host.expire_at_ms(self.handle, None)
    }

    /// The key as a hash.
    #[must_use]
    pub fn hash(&self) -> Hash<'_> {
        Hash::new(&self.host, self.handle)
    }

    /// The key as a set.
    #[must_use]
    pub fn as_set(&self) -> Set<'_> {
        Set::new(&self.host, self.handle)
    }

    /// The key as a list.
    #[must_use]
    pub fn as_list(&self) -> List<'_> {
        List::new(&self.host, self.handle)
    }

    /// The key as a sorted set.
    #[must_use]
    pub fn as_sorted_set(&self) -> SortedSet<'_> {
        SortedSet::new(&self.host, self.handle)
    }

    /// The key as a stream.
    #[must_use]
    pub fn as_stream(&self) -> Stream<'_> {
        Stream::new(&self.host, self.handle)
    }
}

impl<'a> Deref for Key<'a> {
    type Target = ReadKey<'a>;

    fn deref(&self) -> &ReadKey<'a> {
        &self.0
    }
}
