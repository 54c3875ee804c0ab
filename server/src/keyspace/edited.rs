//! An entry that is edited in place, and what a database knows of its entries beside them: what they occupy, and when the fields of
//! hashes expire. An edit may change both in ways that the database does not see, so both are looked at before and after it.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};

use super::account::Account;
use super::entry::EntryMut;
use super::entry_ref::EntryRef;
use super::hash::Hash;

/// When the first field of a hash expires, and the hash; one for each hash that has such fields.
pub(super) type FieldTimes = BTreeSet<(u64, Box<[u8]>)>;

/// When the first field of a value expires, if it is a hash with such fields.
#[inline]
pub(super) fn field_time(entry: EntryRef<'_>) -> Option<u64> {
    entry.hash().and_then(Hash::next_expiry)
}

/// The first field of a hash expires at another time than before.
#[inline]
pub(super) fn retime(times: &mut FieldTimes, key: &[u8], before: Option<u64>, after: Option<u64>) {
    if before != after {
        move_time(times, key, before, after);
    }
}

#[cold]
fn move_time(times: &mut FieldTimes, key: &[u8], before: Option<u64>, after: Option<u64>) {
    before.map(|at| times.remove(&(at, key.into())));
    after.map(|at| times.insert((at, key.into())));
}

/// An entry that is edited in place. When it is let go, the database's memory is counted anew.
pub struct Edited<'a> {
    entry: EntryMut<'a>,
    account: &'a mut Account,
    before: Account,
    field_times: &'a mut FieldTimes,
    field_time: Option<u64>,
}

impl<'a> Edited<'a> {
    /// An entry of the database that this account and these times are of.
    #[inline]
    pub(super) fn new(
        entry: EntryMut<'a>,
        account: &'a mut Account,
        field_times: &'a mut FieldTimes,
    ) -> Self {
        let (before, field_time) = (Account::of(entry.as_ref()), field_time(entry.as_ref()));
        Edited { entry, account, before, field_times, field_time }
    }
}

impl<'a> Deref for Edited<'a> {
    type Target = EntryMut<'a>;

    #[inline]
    fn deref(&self) -> &EntryMut<'a> {
        &self.entry
    }
}

impl<'a> DerefMut for Edited<'a> {
    #[inline]
    fn deref_mut(&mut self) -> &mut EntryMut<'a> {
        &mut self.entry
    }
}

impl Drop for Edited<'_> {
    #[inline]
    fn drop(&mut self) {
        self.account.add(self.entry.as_ref());
        self.account.remove(self.before);
        let entry = self.entry.as_ref();
        retime(self.field_times, entry.key(), self.field_time, field_time(entry));
    }
}
