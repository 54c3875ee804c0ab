//! The fields of a large hash, or of one whose fields expire: a table of entries as a database has them, and the times at which fields
//! expire, in order. Most hashes have no such times. What a hash does with its fields is in `hash`.

use std::collections::BTreeSet;

use super::entry::Entry;
use super::entry_ref::EntryRef;
use super::key;
use super::table::Table;

#[derive(Default)]
pub(super) struct Fields {
    table: Table<Entry>,
    /// Sum of `Entry::memory` of the fields.
    bytes: usize,
    /// The expiry of each entry that has one, and its field.
    times: BTreeSet<(u64, Box<[u8]>)>,
    /// Bytes of the fields in `times`.
    times_bytes: usize,
}

/// What a time costs beside its field: its share of a node, half full.
const TIME_BYTES: usize = 2 * size_of::<(u64, Box<[u8]>)>();

impl Fields {
    pub(super) fn table(&self) -> &Table<Entry> {
        &self.table
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub(super) fn memory(&self) -> usize {
        let times = self.times.len() * TIME_BYTES + self.times_bytes;
        size_of::<Self>() + self.bytes + self.table.memory() + times
    }

    /// Sets a field. True if it is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8], keep_expiry: bool) -> bool {
        let hash = key::hash(field);
        let Some(place) = self.table.find(hash, field) else {
            let entry = Entry::string(field, value, None, 0);
            self.bytes += entry.as_ref().memory();
            self.table.insert(hash, entry);
            return true;
        };
        let old = self.table.at(place);
        let expire_at = old.expire_at();
        self.bytes -= old.memory();
        let kept = expire_at.filter(|_| keep_expiry);
        self.table.update(place, |entry| entry.set_string(value, kept));
        self.bytes += self.table.at(place).memory();
        if kept.is_none() {
            self.forget_time(field, expire_at);
        }
        false
    }

    /// Removes a field. True if it was there.
    pub(super) fn del(&mut self, field: &[u8]) -> bool {
        let Some(entry) = self.table.remove(key::hash(field), field) else { return false };
        self.bytes -= entry.as_ref().memory();
        self.forget_time(field, entry.as_ref().expire_at());
        true
    }

    /// See `Hash::expire_at`.
    pub(super) fn expire_at(&self, field: &[u8]) -> Option<Option<u64>> {
        self.table.get(key::hash(field), field).map(EntryRef::expire_at)
    }

    /// See `Hash::set_expire`.
    pub(super) fn set_expire(&mut self, field: &[u8], expire_at: Option<u64>) -> bool {
        let Some(place) = self.table.find(key::hash(field), field) else { return false };
        let old = self.table.at(place);
        let before = old.expire_at();
        self.bytes -= old.memory();
        self.table.update(place, |entry| entry.set_expire(expire_at));
        self.bytes += self.table.at(place).memory();
        self.forget_time(field, before);
        if let Some(at) = expire_at {
            self.times.insert((at, field.into()));
            self.times_bytes += field.len();
        }
        true
    }

    #[inline]
    pub(super) fn next_expiry(&self) -> Option<u64> {
        self.times.first().map(|(at, _)| *at)
    }

    /// See `Hash::take_expired`.
    pub(super) fn take_expired(&mut self, now_ms: u64, max: usize) -> Vec<Box<[u8]>> {
        let mut taken = Vec::new();
        while taken.len() < max && self.next_expiry().is_some_and(|at| at <= now_ms) {
            let Some((_, field)) = self.times.pop_first() else { break };
            self.times_bytes -= field.len();
            if let Some(entry) = self.table.remove(key::hash(&field), &field) {
                self.bytes -= entry.as_ref().memory();
            }
            taken.push(field);
        }
        taken
    }

    /// Fields with their times, the earliest first.
    pub(super) fn expiries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.times.iter().map(|(at, field)| (*at, &**field))
    }

    fn forget_time(&mut self, field: &[u8], expire_at: Option<u64>) {
        if let Some(at) = expire_at
            && self.times.remove(&(at, field.into()))
        {
            self.times_bytes -= field.len();
        }
    }
}

impl Clone for Fields {
    fn clone(&self) -> Self {
        let mut table = Table::default();
        for entry in self.table.iter() {
            table.insert(key::hash(entry.key()), entry.to_entry());
        }
        Self { table, bytes: self.bytes, times: self.times.clone(), times_bytes: self.times_bytes }
    }
}
