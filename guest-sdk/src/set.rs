//! A key as a set. A missing key is an empty set, and a set whose last member goes is gone itself.

use crate::bytes::ToBytes;
use crate::error::Result;
use crate::host::Host;
use crate::strings::Strings;
use crate::views::views;

/// A set that can be read. [`ReadKey::as_set`](crate::ReadKey::as_set) gives it.
#[derive(Clone, Copy)]
pub struct ReadSet<'k> {
    host: &'k Host,
    handle: u32,
}

/// A set that can be read and changed. [`Key::as_set`](crate::Key::as_set) gives it.
#[derive(Clone, Copy)]
pub struct Set<'k>(ReadSet<'k>);

views!(ReadSet, Set);

fn strings<T: ToBytes>(members: impl IntoIterator<Item = T>) -> Strings {
    let mut strings = Strings::new();
    for member in members {
        member.with_bytes(|member| strings.push(member));
    }
    strings
}

impl<'k> ReadSet<'k> {
    /// Whether this is a member.
    pub fn contains(&self, member: impl ToBytes) -> Result<bool> {
        member.with_bytes(|member| self.host.set_contains(self.handle, member))
    }

    /// Whether these are members, in their order: one call, however many they are.
    pub fn contains_many<T: ToBytes>(&self, members: impl IntoIterator<Item = T>) -> Result<Vec<bool>> {
        self.host.set_contains_many(self.handle, strings(members))
    }

    /// The number of members.
    pub fn len(&self) -> Result<u64> {
        self.host.set_len(self.handle)
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All members, in no order that means anything. Use [`scan`](Self::scan) for a set that may be large.
    pub fn members(&self) -> Result<Strings> {
        self.host.set_members(self.handle)
    }

    /// Members drawn at random, none of them twice: `count` of them, at most 1,000, or all if there are fewer.
    pub fn random(&self, count: u32) -> Result<Strings> {
        drawn(count, |count| self.host.set_random(self.handle, count))
    }

    /// Some members, and the cursor for the next call: begin with 0, and 0 means the end. It gives SSCAN's guarantees.
    /// About `count` members come, at most 1,000, or all of a small set.
    pub fn scan(&self, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        self.host.set_scan(self.handle, cursor, count)
    }
}

/// The server gives one at least.
fn drawn(count: u32, draw: impl FnOnce(u32) -> Result<Strings>) -> Result<Strings> {
    if count == 0 { Ok(Strings::new()) } else { draw(count) }
}

impl<'k> Set<'k> {
    /// Add a member; the answer is whether it is new.
    pub fn add(&self, member: impl ToBytes) -> Result<bool> {
        Ok(self.add_many([member])? == 1)
    }

    /// Add several members; the answer is how many are new.
    pub fn add_many<T: ToBytes>(&self, members: impl IntoIterator<Item = T>) -> Result<u32> {
        self.host.set_add(self.handle, strings(members))
    }

    /// Remove a member; the answer is whether there was one.
    pub fn remove(&self, member: impl ToBytes) -> Result<bool> {
        Ok(self.remove_many([member])? == 1)
    }

    /// Remove several members; the answer is how many there were.
    pub fn remove_many<T: ToBytes>(&self, members: impl IntoIterator<Item = T>) -> Result<u32> {
        self.host.set_remove(self.handle, strings(members))
    }

    /// Take a member out that is drawn at random; `None` if there is none.
    pub fn pop(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.pop_many(1)?.iter().next().map(<[u8]>::to_vec))
    }

    /// Take members out that are drawn as by [`random`](ReadSet::random).
    pub fn pop_many(&self, count: u32) -> Result<Strings> {
        drawn(count, |count| self.host.set_pop(self.handle, count))
    }
}
